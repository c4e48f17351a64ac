//! What authors see of documents: outlines, problems, versions, the kinds of nodes, and how the
//! workflows of a list do.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const GOOD: &str = "name: Hello\n\
                    input: [{ name: n, default: one }]\n\
                    nodes:\n\
                    \x20 - { id: say, type: template, template: hi <api.n> }\n\
                    \x20 - { id: old, type: note, text: x }\n\
                    output: { said: <say.content> }\n";

/// `say` is changed, `old` is gone, `new` is there.
fn changed() -> String {
    GOOD.replace("hi <api.n>", "ho <api.n>").replace("id: old", "id: new")
}

fn put(server: &TestServer, id: &str, key: &str, document: &str) -> RequestBuilder {
    let path = format!("/v1/workflows/{id}");
    server.request(Method::PUT, &path, key).body(document.to_owned())
}

fn key_id(key: &str) -> Value {
    key.split('_').nth(1).unwrap().into()
}

/// Id and change of each node.
fn changes(answer: &Value) -> Value {
    let nodes = answer["outline"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    nodes.iter().map(|node| json!([node["id"], node["change"]])).collect()
}

#[tokio::test]
async fn a_draft_has_an_outline_compared_with_the_active_version() {
    let server = TestServer::start().await;
    let author = server.key(&["w"], &["author"]).await;
    let (status, saved) = answer(put(&server, "w", &author, GOOD)).await;
    assert_eq!((status, changes(&saved)), (200, json!([["say", null], ["old", null]])));
    assert_eq!(saved["draft"]["saved_by"], key_id(&author));
    assert_eq!(
        saved["outline"]["edges"],
        json!([
            { "from": "api", "to": "say", "branch": null, "field": "/nodes/0/template",
              "reference": "n" },
            { "from": "say", "to": "output", "branch": null, "field": "/output/said",
              "reference": "content" },
        ])
    );
    assert_eq!(
        saved["outline"]["inputs"],
        json!([{ "path": "/input/0", "name": "n", "type": "string", "required": false,
                 "default": "one" }])
    );
    server.publish("w", GOOD).await;
    let (_, read) = answer(server.get("/v1/workflows/w", &author)).await;
    assert_eq!(changes(&read), json!([["say", null], ["old", null]]));
    assert_eq!(
        (&read["outline"]["removed"], &read["draft"]["saved_by"]),
        (&json!([]), &json!(null))
    );
    let (_, saved) = answer(put(&server, "w", &author, &changed())).await;
    assert_eq!(changes(&saved), json!([["say", "changed"], ["new", "added"]]));
    assert_eq!(saved["outline"]["removed"], json!(["old"]));
    let (_, read) = answer(server.get("/v1/workflows/w", &author)).await;
    assert_eq!((&read["outline"], &read["problems"]), (&saved["outline"], &saved["problems"]));

    let bad = "nodes: [{ id: a, type: templat, template: <b.x> }, { id: b, type: function }]";
    let (_, saved) = answer(put(&server, "w", &author, bad)).await;
    let (_, read) = answer(server.get("/v1/workflows/w", &author)).await;
    assert!(!read["problems"].as_array().unwrap().is_empty(), "{read}");
    assert_eq!((&read["outline"], &read["problems"]), (&saved["outline"], &saved["problems"]));
    assert_eq!(read["outline"]["edges"][0]["from"], "b");
    server.stop().await;
}

#[tokio::test]
async fn a_document_is_validated_and_not_stored() {
    let server = TestServer::start().await;
    server.publish("w", GOOD).await;
    server.publish("other", GOOD).await;
    let author = server.key(&["w"], &["author"]).await;
    let validate = |query: &str, key: &str, text: &str| {
        server.post(&format!("/v1/workflows/validate{query}"), key).body(text.to_owned())
    };
    let (status, valid) = answer(validate("", &author, &changed())).await;
    assert_eq!((status, &valid["name"], &valid["problems"]), (200, &json!("Hello"), &json!([])));
    assert_eq!(changes(&valid), json!([["say", null], ["new", null]]));
    let (_, valid) = answer(validate("?workflow=w", &author, &changed())).await;
    assert_eq!(changes(&valid), json!([["say", "changed"], ["new", "added"]]));
    let (_, invalid) = answer(validate("?workflow=w", &author, "nodes: []")).await;
    assert_eq!(invalid["problems"][0]["severity"], "error");
    let (_, read) = answer(server.get("/v1/workflows/w", &author)).await;
    assert_eq!(read["document"], GOOD);

    let runner = server.key(&["w"], &["run", "read"]).await;
    for (query, key, text, expected) in [
        ("", &*author, "nodes: [", (422, "invalid_document")),
        ("", &author, "- a", (422, "invalid_document")),
        ("?workflow=other", &author, GOOD, (404, "workflow_not_found")),
        ("?workflow=none", ADMIN_KEY, GOOD, (404, "workflow_not_found")),
        ("?workflow=w", &runner, GOOD, (403, "forbidden")),
        ("", &runner, GOOD, (403, "forbidden")),
        ("?version=1", &author, GOOD, (400, "invalid_input")),
    ] {
        let (status, refused) = answer(validate(query, key, text)).await;
        assert_eq!((status, refused["code"].as_str().unwrap()), expected, "{query} {text}");
    }
    let large = format!("# {}\n{GOOD}", "x".repeat(1 << 20));
    assert_eq!(answer(validate("", &author, &large)).await.0, 413);
    // The path is the route's own.
    let (status, refused) = answer(put(&server, "validate", ADMIN_KEY, GOOD)).await;
    assert!(status == 405 || status == 400, "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn a_version_is_read_with_its_text() {
    let server = TestServer::start().await;
    let author = server.key(&["w"], &["author"]).await;
    answer(put(&server, "w", &author, GOOD)).await;
    let (_, published) = answer(server.post("/v1/workflows/w/versions", &author)).await;
    assert_eq!(published["published_by"], key_id(&author));
    server.publish("w", &changed()).await;
    let (status, first) = answer(server.get("/v1/workflows/w/versions/1.0.0", &author)).await;
    assert_eq!((status, &first["document"], &first["active"]), (200, &json!(GOOD), &json!(false)));
    assert_eq!(first["published_by"], key_id(&author));
    assert_eq!(changes(&first), json!([["say", null], ["old", null]]));
    let (_, second) = answer(server.get("/v1/workflows/w/versions/1.0.1", &author)).await;
    assert_eq!((&second["active"], &second["published_by"]), (&json!(true), &json!(null)));
    let (_, listed) = answer(server.get("/v1/workflows/w/versions", &author)).await;
    let by: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|of| &of["published_by"]).collect();
    assert_eq!(by, [&json!(null), &key_id(&author)]);

    let other = server.key(&["other"], &["author"]).await;
    let runner = server.key(&["w"], &["run", "read"]).await;
    for (version, key, expected) in [
        ("1.0.2", &author, (404, "version_not_found")),
        ("draft", &author, (404, "version_not_found")),
        ("1.0.00", &author, (404, "version_not_found")),
        ("1.0.0", &other, (404, "workflow_not_found")),
        ("1.0.0", &runner, (403, "forbidden")),
        ("1.0.0?x=1", &author, (400, "invalid_input")),
    ] {
        let path = format!("/v1/workflows/w/versions/{version}");
        let (status, refused) = answer(server.get(&path, key)).await;
        assert_eq!((status, refused["code"].as_str().unwrap()), expected, "{version}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_kinds_of_nodes_are_listed() {
    let server = TestServer::start().await;
    let runner = server.key(&["w"], &["run"]).await;
    let (status, kinds) = answer(server.get("/v1/kinds", &runner)).await;
    assert_eq!(status, 200);
    let all = kinds["kinds"].as_array().unwrap();
    let kind = |name: &str| all.iter().find(|kind| kind["name"] == name).unwrap();
    let field = |fields: &Value, name: &str| {
        let mut fields = fields.as_array().unwrap().iter();
        fields.find(|field| field["name"] == name).unwrap().clone()
    };
    let (agent, http) = (kind("agent"), kind("http"));
    assert_eq!(
        (&agent["group"], &agent["role"], &agent["calls"]),
        (&json!("model"), &json!("step"), &json!(true))
    );
    assert_eq!(
        (&kind("loop")["group"], &kind("loop")["role"]),
        (&json!("flow"), &json!("container"))
    );
    let url = field(&http["fields"], "url");
    assert_eq!(
        (&url["type"], &url["required"], &url["secrets"]),
        (&json!("text"), &json!(true), &json!(true))
    );
    let method = field(&http["fields"], "method");
    assert_eq!((&method["type"], &method["default"]), (&json!("method"), &json!("GET")));
    assert!(method["values"].as_array().unwrap().contains(&json!("POST")));
    let turns = field(&agent["fields"], "max_turns");
    assert_eq!((&turns["min"], &turns["max"]), (&json!(1), &json!(50)));
    let tools = field(&agent["fields"], "tools");
    assert_eq!(field(&field(&tools["fields"], "http")["fields"], "url")["type"], "text");
    assert!(field(&kind("loop")["fields"], "each")["one_of_fields"].is_array());
    let timeout = field(&kinds["node_fields"], "timeout");
    assert_eq!((&timeout["type"], &timeout["min"]), (&json!("duration"), &json!("1ms")));
    assert_eq!(kinds["input_types"][0], "string");
    assert_eq!(answer(server.get("/v1/kinds", "fg_wrong")).await.0, 401);
    assert_eq!(answer(server.get("/v1/kinds?x=1", &runner)).await.0, 400);
    server.stop().await;
}

/// The ids of a list, over all its pages.
async fn ids(server: &TestServer, query: &str, key: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) =
            answer(server.get(&format!("/v1/workflows?{query}{cursor}"), key)).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap().iter();
        ids.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn a_list_says_how_each_workflow_does() {
    let server = TestServer::start().await;
    server.publish("a", GOOD).await;
    server.publish("b", GOOD).await;
    answer(put(&server, "b", ADMIN_KEY, &changed())).await;
    answer(put(&server, "c", ADMIN_KEY, GOOD)).await;
    let fails = "nodes: [{ id: f, type: function, code: throw 1 }]\noutput: { x: <f.result> }";
    server.publish("d", fails).await;
    let run = |id: &str| server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
    answer(run("a").json(&json!({}))).await;
    let last = answer(run("a").json(&json!({}))).await.1;
    answer(run("d").json(&json!({}))).await;
    let ended = |page: &Value| page["items"][3]["last_run"]["ended_at"].is_string();
    let path = "/v1/workflows?include=last_run";
    let page = until(|| server.get(path, ADMIN_KEY), ended).await;
    let items = page["items"].as_array().unwrap();
    let ahead: Vec<_> = items.iter().map(|item| &item["draft_ahead"]).collect();
    assert_eq!(ahead, [false, true, true, false]);
    assert_eq!(
        items[0]["last_run"],
        json!({ "id": last["id"], "status": "succeeded", "created_at": last["created_at"],
                "ended_at": last["ended_at"], "error_code": null })
    );
    assert_eq!(items[1]["last_run"], json!(null));
    assert_eq!(items[3]["last_run"]["status"], "failed");
    assert!(items[3]["last_run"]["error_code"].is_string());
    let (_, plain) = answer(server.get("/v1/workflows", ADMIN_KEY)).await;
    assert!(plain["items"][0].get("last_run").is_none(), "{plain}");

    let author = server.key(&["a"], &["author"]).await;
    let (status, refused) = answer(server.get(path, &author)).await;
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    for query in ["include=runs", "include=last_run,x", "state=x"] {
        assert_eq!(answer(server.get(&format!("/v1/workflows?{query}"), ADMIN_KEY)).await.0, 400);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_list_is_searched_by_id_and_name() {
    let server = TestServer::start().await;
    for (id, name) in [("alpha", "First"), ("beta", "Straße"), ("gamma", "ALPHABET"), ("x", "y")] {
        let text = GOOD.replace("Hello", name);
        assert_eq!(answer(put(&server, id, ADMIN_KEY, &text)).await.0, 200);
    }
    assert_eq!(ids(&server, "q=alpha&limit=1", ADMIN_KEY).await, ["alpha", "gamma"]);
    assert_eq!(ids(&server, "q=STRASSE", ADMIN_KEY).await, [""; 0]);
    assert_eq!(ids(&server, "q=stra%C3%9Fe", ADMIN_KEY).await, ["beta"]);
    assert_eq!(ids(&server, "q=", ADMIN_KEY).await.len(), 4);
    assert_eq!(ids(&server, "q=%25", ADMIN_KEY).await, [""; 0]);
    let author = server.key(&["gamma", "x"], &["author"]).await;
    assert_eq!(ids(&server, "q=a&limit=1", &author).await, ["gamma"]);
    let long = "x".repeat(201);
    assert_eq!(answer(server.get(&format!("/v1/workflows?q={long}"), ADMIN_KEY)).await.0, 400);
    server.stop().await;
}
