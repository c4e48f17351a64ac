//! Child workflows: rights, pinned versions, circles, secrets, and `kill -9`.

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const CHILD: &str = "
description: Says hello
input: [{ name: who }]
nodes: [{ id: say, type: template, template: \"Hello <api.who>\" }]
output: { text: <say.content> }
";
const PARENT: &str = "
input: [{ name: who, default: Ada }]
nodes: [{ id: look, type: workflow, workflow: child, input: { who: <api.who> } }]
output: { said: <look.text> }
";

/// Saves a draft; returns the problems.
async fn save(server: &TestServer, id: &str, document: &str) -> Value {
    let save = server.request(Method::PUT, &format!("/v1/workflows/{id}"), ADMIN_KEY);
    let save = save.header("content-type", "application/yaml").body(document.to_owned());
    answer(save).await.1["problems"].take()
}

async fn start(server: &TestServer, id: &str, input: Value) -> (u16, Value) {
    let start = server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
    answer(start.json(&json!({ "input": input }))).await
}

#[tokio::test]
async fn a_child_is_a_part_of_the_run() {
    let server = TestServer::start().await;
    server.publish("child", CHILD).await;
    server.publish("parent", PARENT).await;
    let (status, run) = start(&server, "parent", json!({})).await;
    assert_eq!((status, &run["output"]), (200, &json!({ "said": "Hello Ada" })), "{run:#}");
    let trace = format!("/v1/runs/{}/trace", run["id"].as_str().unwrap());
    let trace = answer(server.get(&trace, ADMIN_KEY)).await.1;
    let nodes: Vec<&str> = trace["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["node"].as_str())
        .collect();
    assert!(nodes.contains(&"look") && nodes.contains(&"look/say"), "{nodes:?}");

    // A field that the published child does not have.
    let wrong = PARENT.replace("<look.text>", "<look.txt>");
    let problems = save(&server, "parent", &wrong).await;
    assert!(
        problems[0]["message"].as_str().unwrap().contains("did you mean `text`?"),
        "{problems}"
    );

    // The caller needs no right to the child.
    let key = server.key(&["parent"], &["run"]).await;
    let run = server.post("/v1/workflows/parent/runs", &key).json(&json!({ "input": {} }));
    assert_eq!(answer(run).await.0, 200);
    let run = server.post("/v1/workflows/child/runs", &key).json(&json!({ "input": {} }));
    assert_eq!(answer(run).await.0, 404);

    // What does not fit fails the node.
    let (_, run) = start(&server, "parent", json!({ "who": "" })).await;
    assert_eq!(run["status"], "succeeded");
    let bad = PARENT.replace("{ who: <api.who> }", "{ who: 7, more: 1 }");
    server.publish("parent", &bad).await;
    let (_, run) = start(&server, "parent", json!({})).await;
    let error = &run["error"];
    assert_eq!((&error["code"], &error["node"]), (&json!("invalid_input"), &json!("look")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("/who") && message.contains("/more"), "{message}");
}

#[tokio::test]
async fn whoever_publishes_needs_author_on_each_child() {
    let server = TestServer::start().await;
    server.publish("child", CHILD).await;
    let key = server.key(&["parent"], &["author", "run"]).await;
    let save = server.request(Method::PUT, "/v1/workflows/parent", &key);
    let save = save.header("content-type", "application/yaml").body(PARENT);
    let problems = answer(save).await.1["problems"].take();
    assert!(problems.to_string().contains("`author` for the workflow `child`"), "{problems}");
    let publish = server.post("/v1/workflows/parent/versions", &key).json(&json!({}));
    let (status, refused) = answer(publish).await;
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    assert!(refused["detail"].as_str().unwrap().contains("`child`"), "{refused}");
    let both = server.key(&["parent", "child"], &["author"]).await;
    let publish = server.post("/v1/workflows/parent/versions", &both).json(&json!({}));
    assert_eq!(answer(publish).await.0, 201);
    // To roll back is to publish.
    for (key, expected) in [(&key, 403), (&both, 200)] {
        let back = server.post("/v1/workflows/parent/rollback", key);
        let (status, refused) = answer(back.json(&json!({ "version": "1.0.0" }))).await;
        assert_eq!(status, expected, "{refused}");
    }
}

/// Whether a workflow exists, what it calls and what it leaves is not for everybody.
#[tokio::test]
async fn a_draft_shows_nothing_of_foreign_workflows() {
    let server = TestServer::start().await;
    server.publish("child", CHILD).await;
    let key = server.key(&["parent", "shared"], &["author"]).await;
    let save_as_key = async |document: &str| {
        let save = server.request(Method::PUT, "/v1/workflows/parent", &key);
        let save = save.header("content-type", "application/yaml").body(document.to_owned());
        answer(save).await.1["problems"].take()
    };
    let answered = async |child: &str| {
        let document = PARENT.replace("workflow: child", &format!("workflow: {child}"));
        save_as_key(&document.replace("<look.text>", "<look.txt>")).await
    };
    let of_existing = answered("child").await;
    assert_eq!(of_existing.as_array().map(Vec::len), Some(1), "{of_existing}");
    assert_eq!(of_existing[0]["path"], "/nodes/0/workflow");
    assert_eq!(of_existing[0]["severity"], "error");
    let of_none = answered("nobody").await.to_string();
    assert_eq!(of_none, of_existing.to_string().replace("`child`", "`nobody`"));
    let versions =
        [answered("child, version: 1.0.0").await, answered("child, version: 1.0.9").await];
    assert_eq!(versions, [of_existing.clone(), of_existing]);

    // Nor of those that a child calls.
    let calls = |id: &str| format!("nodes: [{{ id: n, type: workflow, workflow: {id} }}]\n");
    for (id, document) in [("shared", calls("hidden")), ("hidden", calls("deeper"))] {
        server.publish(id, &document).await;
    }
    let saved = save_as_key(&calls("shared")).await.to_string();
    assert!(saved.contains("`shared` cannot run"), "{saved}");
    assert!(!saved.contains("hidden") && !saved.contains("deeper"), "{saved}");
    server.publish("hidden", &calls("parent")).await;
    server.settle().await;
    let saved = save_as_key(&calls("shared")).await.to_string();
    assert!(saved.contains("`shared` runs in a circle") && !saved.contains("hidden"), "{saved}");

    // Nor does a start, to its caller.
    server.publish("hidden", &calls("deeper")).await;
    server.publish("parent", &calls("shared")).await;
    let (status, refused) = start(&server, "parent", json!({})).await;
    let refused = refused.to_string();
    assert!(status == 409 && refused.contains("`shared` cannot run"), "{refused}");
    assert!(!refused.contains("hidden") && !refused.contains("deeper"), "{refused}");
    let back = server.post("/v1/workflows/hidden/rollback", ADMIN_KEY);
    assert_eq!(answer(back.json(&json!({ "version": "1.0.1" }))).await.0, 200);
    server.settle().await;
    let (status, refused) = start(&server, "parent", json!({})).await;
    let refused = refused.to_string();
    assert!(status == 409 && refused.contains("`shared` runs in a circle"), "{refused}");
    assert!(!refused.contains("hidden"), "{refused}");
}

#[tokio::test]
async fn a_part_needs_only_the_children_that_it_runs() {
    let server = TestServer::start().await;
    server
        .publish(
            "w",
            "nodes:\n  - { id: t, type: template, template: hi }\n  \
             - { id: n, type: workflow, workflow: nobody, input: { x: <t.content> } }\n",
        )
        .await;
    let part = server.post("/v1/workflows/w/runs", ADMIN_KEY);
    let (status, run) = answer(part.json(&json!({ "input": {}, "until": "t" }))).await;
    assert_eq!((status, &run["output"]), (200, &json!({ "content": "hi" })), "{run:#}");
    assert_eq!(start(&server, "w", json!({})).await.0, 409);
}

#[tokio::test]
async fn a_child_that_is_not_published_refuses_the_start() {
    let server = TestServer::start().await;
    server.publish("parent", PARENT).await;
    let (status, refused) = start(&server, "parent", json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("child_unavailable")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("`child`"), "{refused}");
    for (path, body, expected) in [
        ("/v1/workflow/invoke?id=parent", json!({ "input": {} }), 409),
        ("/api/workflows/parent/execute", json!({}), 409),
        ("/api/v2/workflows/parent/execute", json!({ "input": {} }), 409),
    ] {
        let refused = server.post(path, ADMIN_KEY).json(&body).send().await.unwrap();
        let status = refused.status().as_u16();
        let text = refused.text().await.unwrap();
        assert!(status == expected || path.contains("invoke"), "{path} {status}: {text}");
    }
    let pinned = PARENT.replace("workflow: child,", "workflow: child, version: 1.0.7,");
    server.publish("child", CHILD).await;
    let problems = save(&server, "parent", &pinned).await;
    let problem = &problems[0];
    assert_eq!(
        (&problem["path"], &problem["severity"]),
        (&json!("/nodes/0/workflow"), &json!("error")),
        "{problems}"
    );
}

#[tokio::test]
async fn circles_are_found_at_publish_and_at_the_start() {
    let server = TestServer::start().await;
    let calls = |id: &str| format!("nodes: [{{ id: n, type: workflow, workflow: {id} }}]\n");
    server.publish("a", &calls("b")).await;
    server.publish("a", CHILD).await;
    server.publish("b", &calls("a")).await;
    let problems = save(&server, "a", &calls("b")).await;
    let message = problems[0]["message"].as_str().unwrap();
    assert!(message.contains("a → b → a"), "{message}");
    assert_eq!(problems[0]["path"], "/nodes/0/workflow");
    let own = save(&server, "c", &calls("c")).await;
    assert!(own[0]["message"].as_str().unwrap().contains("c → c"), "{own}");
    let back = server.post("/v1/workflows/a/rollback", ADMIN_KEY);
    assert_eq!(answer(back.json(&json!({ "version": "1.0.0" }))).await.0, 200);
    server.settle().await;
    let (status, refused) = start(&server, "a", json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("child_unavailable")));
    assert!(refused["detail"].as_str().unwrap().contains("`b` runs in a circle"), "{refused}");
}

/// The secret may be used by versions that the platform published.
#[tokio::test]
async fn secrets_follow_the_publisher_of_the_version_that_holds_the_node() {
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    let secret = json!({ "value": "a-secret-of-the-platform" });
    let put = server.request(Method::PUT, "/v1/secrets/TOKEN", ADMIN_KEY).json(&secret);
    assert!(put.send().await.unwrap().status().is_success());
    let sends = format!(
        "nodes: [{{ id: c, type: http, url: \"{}/x\", headers: {{ x-token: \"{{{{TOKEN}}}}\" }} \
         }}]\n",
        receiver.url
    );
    let calls = "nodes: [{ id: n, type: workflow, workflow: child }]\n";
    let limited = server.key(&["parent", "child"], &["author", "run"]).await;
    let publish_with = async |id: &str, document: &str, key: &str| {
        let save = server.request(Method::PUT, &format!("/v1/workflows/{id}"), key);
        let save = save.header("content-type", "application/yaml").body(document.to_owned());
        assert_eq!(answer(save).await.0, 200);
        let publish = server.post(&format!("/v1/workflows/{id}/versions"), key);
        answer(publish.json(&json!({}))).await.0
    };
    // A limited key may call a child that uses it, but not use it.
    assert_eq!(publish_with("child", &sends, ADMIN_KEY).await, 201);
    assert_eq!(publish_with("parent", calls, &limited).await, 201);
    let (_, run) = start(&server, "parent", json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let sent = receiver.received()[0].headers["x-token"].to_str().unwrap().to_owned();
    assert_eq!(sent, "a-secret-of-the-platform");
    assert_eq!(publish_with("child", &sends, &limited).await, 422);
}

#[tokio::test]
async fn an_agent_has_a_workflow_as_its_tool() {
    let server = TestServer::start().await;
    server.publish("child", CHILD).await;
    server
        .publish(
            "desk",
            "input: [{ name: q }]\n\
             nodes: [{ id: a, type: agent, model: offline/echo, prompt: \"<api.q>\", tools: \
             [{ workflow: child, name: greet }] }]\noutput: { said: <a.content> }\n",
        )
        .await;
    let (_, run) = start(&server, "desk", json!({ "q": "/greet {\"who\": \"Bo\"}" })).await;
    assert!(run["output"]["said"].as_str().unwrap().contains("Hello Bo"), "{run:#}");
    let (_, run) = start(&server, "desk", json!({ "q": "/greet {\"wo\": \"Bo\"}" })).await;
    let said = run["output"]["said"].as_str().unwrap();
    assert!(said.contains("invalid_input") && said.contains("/who"), "{said}");
}

/// The child is published anew, taken down and deleted while its run waits for an answer.
#[tokio::test]
async fn a_run_goes_on_with_its_pinned_child_after_kill_9() {
    let receiver = Receiver::start(|request, _| {
        let said = json!({ "v": 1 }).to_string();
        if request.uri.path() == "/first" {
            Reply::Now(StatusCode::OK, said)
        } else {
            Reply::WhenLetGo(StatusCode::OK, said)
        }
    })
    .await;
    let child = |text: &str| {
        format!(
            "nodes:\n  - {{ id: one, type: http, url: \"{0}/first\" }}\n  - {{ id: two, type: http, \
             url: \"{0}/second\", query: {{ v: <one.data.v> }} }}\n\
             output: {{ text: {text}, v: <two.data.v> }}\n",
            receiver.url
        )
    };
    let parent = "nodes: [{ id: look, type: workflow, workflow: child }]\n\
                  output: { said: <look.text> }\n";
    let folder = tempfile::tempdir().unwrap();
    let (client, mut process) = (Client::new(), Process::start(folder.path()).await);
    publish(&client, &process.url, "child", &child("old")).await;
    publish(&client, &process.url, "parent", parent).await;
    let request = client
        .post(format!("{}/v1/workflows/parent/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async");
    let run: Value =
        request.json(&json!({ "input": {} })).send().await.unwrap().json().await.unwrap();
    let id = run["id"].as_str().unwrap().to_owned();
    let seconds = |all: &[flowgate_tests::receiver::Received]| {
        all.iter().filter(|request| request.uri.path() == "/second").count()
    };
    receiver.until(|all| seconds(all) == 1).await;
    publish(&client, &process.url, "child", &child("new")).await;
    for path in ["/active", ""] {
        let gone = client.delete(format!("{}/v1/workflows/child{path}", process.url));
        assert_eq!(gone.bearer_auth(ADMIN_KEY).send().await.unwrap().status(), 204);
    }
    process.kill().await;
    process = Process::start(folder.path()).await;
    receiver.until(|all| seconds(all) == 2).await;
    receiver.let_go();
    let run = until(
        || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(ADMIN_KEY),
        |run| !run["ended_at"].is_null(),
    )
    .await;
    assert_eq!(run["output"], json!({ "said": "old" }), "{run:#}");
    assert_eq!(receiver.count("/first"), 1, "a recorded call of a child is not made again");
}

/// A run that is resumed after its child was deleted says so.
#[tokio::test]
async fn a_deleted_child_fails_the_run_that_is_resumed() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let child = format!("nodes: [{{ id: one, type: http, url: \"{}/x\" }}]\n", receiver.url);
    let parent = "nodes: [{ id: look, type: workflow, workflow: child }]\n";
    let folder = tempfile::tempdir().unwrap();
    let (client, mut process) = (Client::new(), Process::start(folder.path()).await);
    publish(&client, &process.url, "child", &child).await;
    publish(&client, &process.url, "parent", parent).await;
    let request = client
        .post(format!("{}/v1/workflows/parent/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async");
    let run: Value =
        request.json(&json!({ "input": {} })).send().await.unwrap().json().await.unwrap();
    let id = run["id"].as_str().unwrap().to_owned();
    receiver.until(|all| all.len() == 1).await;
    let gone = client.delete(format!("{}/v1/workflows/child", process.url));
    assert_eq!(gone.bearer_auth(ADMIN_KEY).send().await.unwrap().status(), 204);
    process.kill().await;
    // What its job does two weeks later.
    let database = rusqlite::Connection::open(folder.path().join("flowgate.db")).unwrap();
    let deleted =
        database.execute("DELETE FROM versions WHERE uid NOT IN (SELECT uid FROM workflows)", []);
    assert_eq!(deleted.unwrap(), 1);
    drop(database);
    process = Process::start(folder.path()).await;
    let run = until(
        || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(ADMIN_KEY),
        |run| !run["ended_at"].is_null(),
    )
    .await;
    assert_eq!(run["error"]["code"], "version_gone", "{run:#}");
    assert!(run["error"]["message"].as_str().unwrap().contains("`child`"), "{run:#}");
}
