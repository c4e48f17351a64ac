//! Sim, first generation: the vendor's requests, our answers.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use futures_util::StreamExt;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::fixture::{answer, fixture, json_of, until};

mod refusals;

const ID: &str = "0a1b2c3d-19e5-4bd6-818b-46aae2596e9f";
const GREETING: &str = r#"
name: Greeting
input: [{ name: name, type: string }, { name: n, type: number, default: 1 }]
nodes: [{ id: say, type: template, template: "Hello <api.name> x<api.n>" }]
output: { greeting: <say.content> }
"#;
/// Two agents as an import creates them: ids of the source, and names that callers select.
const AGENTS: &str = r#"
input: [{ name: message, type: string }]
nodes:
  - { id: 7b7735b9-19e5-4bd6-818b-46aae2596e9f, name: Agent 1, type: agent, model: offline/echo, echo_delay: 20ms,
      prompt: "One, two: <api.message>" }
  - { id: 8c8846c0-19e5-4bd6-818b-46aae2596e9f, name: Agent 2, type: agent, model: offline/echo, echo_delay: 20ms,
      prompt: "Said: <agent1.content>" }
output: { first: <agent1.content>, second: <agent2.content> }
"#;

fn calling(url: &str, path: &str) -> String {
    format!(
        "nodes: [{{ id: call, name: My Call, type: http, url: \"{url}{path}\" }}]\n\
         output: {{ status: <call.status> }}\n"
    )
}

#[tokio::test]
async fn execute_waits_for_the_output() {
    let server = TestServer::start().await;
    server.publish(ID, GREETING).await;
    let key = server.key(&[ID], &["run", "read"]).await;
    let execute = |input: &str| {
        fixture(&server, "sim/execute.http", &[("WORKFLOW", ID), ("KEY", &key), ("INPUT", input)])
    };
    let (status, result) = answer(execute(r#"{"name": "Ada", "n": "3"}"#)).await;
    assert_eq!(status, 200);
    assert!(result["metadata"]["duration"].is_u64());
    assert_json_snapshot!(result, {
        ".executionId" => "[run]",
        ".metadata.duration" => "[ms]",
        ".metadata.startTime" => "[time]",
        ".metadata.endTime" => "[time]"
    }, @r#"
    {
      "success": true,
      "executionId": "[run]",
      "output": {
        "greeting": "Hello Ada x3"
      },
      "metadata": {
        "duration": "[ms]",
        "startTime": "[time]",
        "endTime": "[time]"
      }
    }
    "#);
    let named_twice = execute(r#"{"input": {"name": "Ada"}, "name": "Bob"}"#);
    assert_eq!(answer(named_twice).await.1["output"]["greeting"], "Hello Ada x1");
}

#[tokio::test]
async fn undeclared_inputs_are_kept() {
    let server = TestServer::start().await;
    server
        .publish(
            "w",
            "nodes: [{ id: a, type: template, template: x }]\noutput: { all: <api.input> }\n",
        )
        .await;
    let key = server.key(&["w"], &["run"]).await;
    let output = async |body: &'static str| {
        answer(server.post("/api/workflows/w/execute", &key).body(body)).await.1["output"]["all"]
            .clone()
    };
    assert_eq!(output("").await, json!({}));
    assert_eq!(
        output(r#"{"a":1,"selectedOutputs":["x.y"],"stream":false}"#).await,
        json!({ "a": 1 })
    );
    assert_eq!(output(r#"{"input":{"a":1}}"#).await, json!({ "a": 1 }));
    assert_eq!(
        output(r#"{"input":[1,2]}"#).await,
        json!({ "input": [1, 2] }),
        "as the SDK wraps a value that is not an object"
    );
}

#[tokio::test]
async fn an_asynchronous_execution_is_a_job() {
    let server = TestServer::start().await;
    server.publish(ID, GREETING).await;
    let key = server.key(&[ID], &["run", "read"]).await;
    let values = [("WORKFLOW", ID), ("KEY", key.as_str()), ("INPUT", r#"{"name": "Ada"}"#)];
    let (status, mut accepted) = answer(fixture(&server, "sim/execute_async.http", &values)).await;
    assert_eq!(status, 202);
    let job = accepted["taskId"].as_str().unwrap().to_owned();
    assert_eq!(
        accepted["statusUrl"].take(),
        json!(format!("{}/api/jobs/{job}", server.public_url))
    );
    assert_eq!((&accepted["jobId"], &accepted["executionId"]), (&json!(job), &json!(job)));
    assert_json_snapshot!(accepted, {
        ".*" => insta::dynamic_redaction(move |value, _| value.as_str().map_or(
            value.clone(), |text| text.replace(&*job, "[run]").into()
        )),
        ".links.status" => "[path]",
        ".createdAt" => "[time]"
    }, @r#"
    {
      "success": true,
      "async": true,
      "taskId": "[run]",
      "jobId": "[run]",
      "executionId": "[run]",
      "status": "queued",
      "createdAt": "[time]",
      "links": {
        "status": "[path]"
      },
      "statusUrl": null,
      "message": "Workflow execution queued"
    }
    "#);

    let path = accepted["links"]["status"].as_str().unwrap().to_owned();
    let done = until(
        || server.client.get(format!("{}{path}", server.url)).header("x-api-key", &key),
        |job| job["status"] == "completed",
    )
    .await;
    assert_json_snapshot!(done, {
        ".taskId" => "[run]",
        ".metadata.duration" => "[ms]",
        ".metadata.createdAt" => "[time]",
        ".metadata.startedAt" => "[time]",
        ".metadata.completedAt" => "[time]"
    }, @r#"
    {
      "success": true,
      "taskId": "[run]",
      "status": "completed",
      "metadata": {
        "createdAt": "[time]",
        "startedAt": "[time]",
        "completedAt": "[time]",
        "duration": "[ms]"
      },
      "output": {
        "greeting": "Hello Ada x1"
      }
    }
    "#);
}

#[tokio::test]
async fn a_stream_has_the_right_bytes() {
    let server = TestServer::start().await;
    server.publish(ID, AGENTS).await;
    let key = server.key(&[ID], &["run"]).await;
    let response = fixture(&server, "sim/execute_stream.http", &[("WORKFLOW", ID), ("KEY", &key)])
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let (mut body, mut text, mut first) = (response.bytes_stream(), String::new(), None);
    while let Some(bytes) = body.next().await {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        first.get_or_insert_with(|| text.clone());
    }
    let first = first.unwrap();
    assert!(
        first.contains("chunk") && !first.contains("done"),
        "the first chunk arrives alone, before the end: {first}"
    );

    let frames: Vec<&str> = text.split_terminator("\n\n").collect();
    let (last, frames) = frames.split_last().unwrap();
    assert_eq!(*last, "data: [DONE]");
    let mut frames: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let mut done = frames.pop().unwrap();
    assert!(done["metadata"]["duration"].take().is_u64());
    assert_eq!(
        done,
        json!({ "event": "done", "success": true, "output": {}, "metadata": { "duration": null } })
    );
    let said = |id: &str| {
        frames
            .iter()
            .filter(|frame| frame["blockId"] == id)
            .map(|frame| frame["chunk"].as_str().unwrap())
            .collect::<String>()
    };
    assert_eq!(said("7b7735b9-19e5-4bd6-818b-46aae2596e9f"), "One, two: Count to five");
    assert_eq!(said("8c8846c0-19e5-4bd6-818b-46aae2596e9f"), "\n\nSaid: One, two: Count to five");
    assert_eq!(
        frames[0].to_string(),
        r#"{"blockId":"7b7735b9-19e5-4bd6-818b-46aae2596e9f","chunk":"One, "}"#
    );
}

#[tokio::test]
async fn without_selected_outputs_the_end_holds_everything() {
    let server = TestServer::start().await;
    server.publish("w", AGENTS).await;
    let key = server.key(&["w"], &["run"]).await;
    let execute = server
        .post("/api/workflows/w/execute", &key)
        .header("x-stream-response", "true")
        .json(&json!({ "message": "hi" }));
    let text = execute.send().await.unwrap().text().await.unwrap();
    let (done, rest) = text.split_once("\n\n").unwrap();
    assert_eq!(rest, "data: [DONE]\n\n");
    let done: Value = serde_json::from_str(done.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(done["output"], json!({ "first": "One, two: hi", "second": "Said: One, two: hi" }));
}

#[tokio::test]
async fn selected_outputs_that_do_not_stream_come_whole() {
    let server = TestServer::start().await;
    server
        .publish(
            "w",
            "nodes: [{ id: a, type: template, template: x }]\n\
             output: { list: [1], text: <a.content> }\n",
        )
        .await;
    let key = server.key(&["w"], &["run"]).await;
    let body = json!({
        "stream": true, "selectedOutputs": ["a.content", "output.list", "nobody.content"]
    });
    let text = server
        .post("/api/workflows/w/execute", &key)
        .json(&body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let chunks = text.split_once("data: {\"event\":\"done\"").unwrap().0;
    assert_eq!(
        chunks,
        "data: {\"blockId\":\"a\",\"chunk\":\"x\"}\n\n\
         data: {\"blockId\":\"output\",\"chunk\":\"\\n\\n[\\n  1\\n]\"}\n\n"
    );
}

#[tokio::test]
async fn a_failed_run_is_an_error() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::NOT_FOUND, "{}".to_owned())).await;
    server.publish("w", &calling(&receiver.url, "/gone")).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let (status, failed) = answer(server.post("/api/workflows/w/execute", &key)).await;
    assert_eq!((status, &failed["success"]), (500, &json!(false)));
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("My Call: "), "{failed}");
    assert!(
        failed["executionId"].is_string()
            && failed["metadata"]["duration"].is_u64()
            && failed["output"].is_object(),
        "{failed}"
    );

    let job =
        answer(server.get(&format!("/api/jobs/{}", failed["executionId"].as_str().unwrap()), &key))
            .await
            .1;
    assert_eq!((&job["status"], &job["error"]), (&json!("failed"), &json!(error)));
    let text = server
        .post("/api/workflows/w/execute", &key)
        .json(&json!({ "stream": true }))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains(r#"{"event":"done","success":false,"output":{},"#)
            && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_run_past_the_wait_is_ended() {
    let server = TestServer::start_with(|settings| {
        settings.longest_wait = Duration::from_millis(100);
        settings.longest_stream = Duration::from_millis(100);
        settings.drain = Duration::from_millis(50);
    })
    .await;
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    server.publish("w", &calling(&receiver.url, "/hang")).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let (status, reply) = answer(server.post("/api/workflows/w/execute", &key)).await;
    assert_eq!((status, &reply["success"]), (408, &json!(false)));
    let job = format!("/api/jobs/{}", reply["executionId"].as_str().unwrap());
    until(|| server.get(&job, &key), |job| job["status"] == "cancelled").await;

    let text = server
        .post("/api/workflows/w/execute", &key)
        .json(&json!({ "stream": true }))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.starts_with(
            r#"data: {"event":"done","success":false,"output":{},"metadata":{"duration":"#
        ),
        "{text}"
    );
    assert!(text.ends_with("},\"error\":\"Execution timed out\"}\n\ndata: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn an_idempotency_key_begins_one_execution() {
    let server = TestServer::start().await;
    server.publish("w", AGENTS).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let execute = |idempotency: &str, body: Value| {
        server
            .post("/api/workflows/w/execute", &key)
            .header("idempotency-key", idempotency)
            .json(&body)
    };
    let first = answer(execute("sync", json!({ "message": "hi" }))).await.1;
    let again = execute("sync", json!({ "message": "hi" })).send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await, (200, first));
    assert_eq!(answer(execute("sync", json!({ "message": "ho" }))).await.0, 422);

    let stream = || {
        execute(
            "stream",
            json!({
                "message": "hi",
                "stream": true,
                "selectedOutputs": ["agent1.content", "agent2.content"]
            }),
        )
    };
    assert!(!stream().send().await.unwrap().text().await.unwrap().is_empty());
    let again = stream().send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let again = again.text().await.unwrap();
    let chunks = again.split_once("data: {\"event\":\"done\"").unwrap().0;
    assert_eq!(
        chunks,
        "data: {\"blockId\":\"7b7735b9-19e5-4bd6-818b-46aae2596e9f\",\"chunk\":\"One, two: \
         hi\"}\n\n\
         data: {\"blockId\":\"8c8846c0-19e5-4bd6-818b-46aae2596e9f\",\"chunk\":\"\\n\\nSaid: One, \
         two: hi\"}\n\n"
    );
}

#[tokio::test]
async fn shows_whether_a_workflow_is_deployed() {
    let server = TestServer::start().await;
    server.publish("w", GREETING).await;
    let key = server.key(&["w"], &["read"]).await;
    let status = async || answer(server.get("/api/workflows/w/status", &key)).await.1;
    let deployed = status().await;
    assert!(deployed["deployedAt"].is_string());
    assert_eq!(
        (&deployed["isDeployed"], &deployed["needsRedeployment"]),
        (&json!(true), &json!(false))
    );
    server
        .request(reqwest::Method::PUT, "/v1/workflows/w", ADMIN_KEY)
        .body(format!("{GREETING}\n# changed\n"))
        .send()
        .await
        .unwrap();
    server.settle().await;
    assert_eq!(status().await["needsRedeployment"], json!(true));
    server
        .request(reqwest::Method::DELETE, "/v1/workflows/w/active", ADMIN_KEY)
        .send()
        .await
        .unwrap();
    server.settle().await;
    assert_eq!(
        status().await,
        json!({ "isDeployed": false, "deployedAt": null, "needsRedeployment": false })
    );
}

#[tokio::test]
async fn usage_limits_have_both_generations_fields() {
    let server = TestServer::start().await;
    let key = server.key(&["w"], &["run"]).await;
    let (status, limits) = answer(server.get("/api/users/me/usage-limits", &key)).await;
    assert_eq!((status, &limits["success"]), (200, &json!(true)));
    for field in ["limit", "requestsPerMinute", "maxBurst", "remaining"] {
        assert!(
            limits["rateLimit"]["sync"][field].is_u64()
                && limits["rateLimit"]["async"][field].is_u64(),
            "{field}"
        );
    }
    assert_eq!(
        answer(server.get("/api/users/me/usage-limits", "wrong")).await,
        (401, json!({ "error": "Unauthorized", "code": "UNAUTHORIZED" }))
    );
}
