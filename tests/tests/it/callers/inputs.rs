//! Sim's rules for inputs, as its code has them: both generations, over HTTP. AI-Flow's are the
//! same.

use flowgate_tests::server::TestServer;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const DOCUMENT: &str = "
input:
  - { name: text, type: string, default: none }
  - { name: n, type: number, default: 5 }
  - { name: b, type: boolean, default: true }
  - { name: o, type: object, default: { d: 1 } }
  - { name: l, type: array, default: [d] }
  - { name: f, type: file, default: null }
nodes: [{ id: a, type: template, template: x }]
output: { all: <api.input> }
";

/// What a field is sent, and what the workflow sees; `None`: 400.
fn rows() -> Vec<(&'static str, Value, Option<Value>)> {
    let file = |text: &str| json!({ "type": "file", "name": "a", "data": text });
    let seen = json!({ "name": "a", "mime": "text/plain", "size": 4, "base64": "aGk/+w==" });
    vec![
        // string: String()
        ("text", json!("7"), Some(json!("7"))),
        ("text", json!(7), Some(json!("7"))),
        ("text", json!(1.50), Some(json!("1.5"))),
        ("text", json!(-3.0), Some(json!("-3"))),
        ("text", json!(1e21), Some(json!("1e+21"))),
        ("text", json!(true), Some(json!("true"))),
        ("text", json!(false), Some(json!("false"))),
        ("text", Value::Null, Some(json!("none"))),
        ("text", json!({}), None),
        ("text", json!([1]), None),
        // number: Number()
        ("n", json!("3"), Some(json!(3))),
        ("n", json!(" 3.25 "), Some(json!(3.25))),
        ("n", json!("1e3"), Some(json!(1000))),
        ("n", json!("0x10"), Some(json!(16))),
        ("n", json!(""), Some(json!(0))),
        ("n", json!(true), Some(json!(1))),
        ("n", json!(4), Some(json!(4))),
        ("n", Value::Null, Some(json!(5))),
        ("n", json!("three"), None),
        ("n", json!([3]), None),
        // boolean
        ("b", json!("true"), Some(json!(true))),
        ("b", json!("1"), Some(json!(true))),
        ("b", json!(1), Some(json!(true))),
        ("b", json!("false"), Some(json!(false))),
        ("b", json!("0"), Some(json!(false))),
        ("b", json!(0), Some(json!(false))),
        ("b", Value::Null, Some(json!(true))),
        ("b", json!("yes"), None),
        ("b", json!(2), None),
        // object and array: JSON.parse() of text
        ("o", json!("{\"a\": [1]}"), Some(json!({ "a": [1] }))),
        ("o", json!({ "a": 1 }), Some(json!({ "a": 1 }))),
        ("o", Value::Null, Some(json!({ "d": 1 }))),
        ("o", json!("{"), None),
        ("l", json!("[1, 2]"), Some(json!([1, 2]))),
        ("l", Value::Null, Some(json!(["d"]))),
        ("l", json!("1"), None),
        // files
        ("f", file("data:text/plain;base64,aGk/+w=="), Some(seen.clone())),
        ("f", file("data:text/plain;base64,aGk/+w"), Some(seen.clone())),
        ("f", file("data:text/plain;base64,aG\r\nk/\n+w=="), Some(seen.clone())),
        ("f", file("data:text/plain;base64,aGk_-w"), Some(seen.clone())),
        ("f", json!([file("data:text/plain;base64,aGk/+w")]), Some(json!([seen]))),
        ("f", Value::Null, Some(Value::Null)),
        ("f", file("data:text/plain;base64,!"), None),
        // what is not declared
        ("extra", json!({ "kept": [null] }), Some(json!({ "kept": [null] }))),
        ("none", Value::Null, Some(Value::Null)),
    ]
}

#[tokio::test]
async fn sims_table_holds_for_both_generations_and_for_ai_flow() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    for (field, sent, expected) in rows() {
        let shown = format!("{field}: {sent}");
        let input = json!({ field: sent });
        for body in [input.clone(), json!({ "input": input })] {
            let execute = server.post("/api/workflows/w/execute", &key).json(&body);
            let (status, answered) = answer(execute).await;
            let found = (status == 200).then(|| answered["output"]["all"][field].clone());
            assert_eq!(found, expected, "first generation, {shown}: {answered}");
            assert_eq!(status, if expected.is_some() { 200 } else { 400 }, "{shown}: {answered}");
        }
        let execute = server.post("/api/v2/workflows/w/execute", &key);
        let (status, answered) = answer(execute.json(&json!({ "input": input }))).await;
        let found = (status == 200).then(|| answered["data"]["output"]["all"][field].clone());
        assert_eq!(found, expected, "second generation, {shown}: {answered}");
        assert_eq!(status, if expected.is_some() { 200 } else { 400 }, "{shown}: {answered}");
        if field == "f" {
            // It has no files of Sim's form.
            continue;
        }
        let (status, started) = answer(server.post("/v1/flow/w/run", &key).json(&input)).await;
        assert_eq!(status, if expected.is_some() { 202 } else { 400 }, "{shown}: {started}");
        if let Some(expected) = expected {
            let path = format!("/v1/flow/w/run/{}", started["run_id"].as_str().unwrap());
            let outputs = until(|| server.get(&path, &key), |body| body["all"].is_object()).await;
            assert_eq!(outputs["all"][field], expected, "AI-Flow, {shown}");
        }
    }
}

#[tokio::test]
async fn null_is_no_value_where_there_is_no_default() {
    let server = TestServer::start().await;
    let document = "input: [{ name: text, type: string }]\n\
                    nodes: [{ id: a, type: template, template: x }]\n";
    server.publish("w", document).await;
    let key = server.key(&["w"], &["run"]).await;
    let sent = json!({ "text": null });
    for (path, body) in [
        ("/api/workflows/w/execute", sent.clone()),
        ("/api/v2/workflows/w/execute", json!({ "input": sent })),
        ("/v1/flow/w/run", sent.clone()),
        ("/v1/workflows/w/runs", json!({ "input": sent })),
    ] {
        let (status, refused) = answer(server.post(path, &key).json(&body)).await;
        assert_eq!(status, 400, "{path}: {refused}");
        assert!(refused.to_string().contains("text"), "{path}: {refused}");
    }
}

/// Nothing is converted for callers of other APIs.
#[tokio::test]
async fn other_dialects_convert_nothing() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let key = server.key(&["w"], &["run"]).await;
    for (field, sent) in
        [("text", json!(7)), ("n", json!("3")), ("b", json!(1)), ("n", Value::Null)]
    {
        for path in ["/v1/workflows/w/runs", "/v1/workflow/invoke"] {
            let body = json!({ "input": { field: sent } });
            let (status, refused) = answer(server.post(path, &key).json(&body)).await;
            assert_eq!(status, 400, "{path} {field}: {refused}");
        }
    }
}
