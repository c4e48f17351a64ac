//! What an operator sees over all workflows: runs, questions, deliveries; and the same done with
//! many runs.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const ECHO: &str = "input: [{ name: text, type: string, default: none }]\n\
    nodes: [{ id: say, type: template, template: 'said <api.text>' }]\n\
    output: { said: <say.content> }\n";
const FAILS: &str = "nodes: [{ id: code, type: function, code: 'throw new Error(\"Broken\")' }]\n\
    output: { x: <code.result> }\n";
const ASKS: &str = "name: Asking\nnodes: [{ id: ask, type: approval, message: Send? }]\n\
    output: { ok: <ask.approved> }\n";

async fn start(server: &TestServer, key: &str, workflow: &str, body: Value) -> String {
    let request = server.post(&format!("/v1/workflows/{workflow}/runs"), key);
    let run = answer(request.header("prefer", "respond-async").json(&body)).await.1;
    let id = run["id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
    let path = format!("/v1/runs/{id}");
    let settled = |run: &Value| !run["ended_at"].is_null() || run["status"] == "waiting";
    until(|| server.get(&path, ADMIN_KEY), settled).await;
    id
}

async fn list(server: &TestServer, key: &str, path: &str) -> Vec<String> {
    let (status, page) = answer(server.get(path, key)).await;
    assert_eq!(status, 200, "{path}: {page}");
    let items = page["items"].as_array().unwrap();
    items.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn runs_of_all_workflows_are_one_list() {
    let server = TestServer::start().await;
    for (id, document) in [("a", ECHO), ("b", ECHO), ("c", FAILS)] {
        server.publish(id, document).await;
    }
    let key = server.key(&["a", "b"], &["run", "read"]).await;
    let traces = server.key(&["*"], &["run", "read", "trace"]).await;
    let mut runs = Vec::new();
    for (workflow, by, text) in
        [("a", &key, "Éclair"), ("b", &key, "two"), ("a", &traces, "three"), ("c", &traces, "")]
    {
        let input = if workflow == "c" { json!({}) } else { json!({ "text": text }) };
        let body = json!({ "input": input, "user": format!("user-{text}") });
        runs.push(start(&server, by, workflow, body).await);
    }
    let [first, second, third, fourth] = &runs[..] else { panic!() };
    let all = [fourth, third, second, first].map(String::clone);
    assert_eq!(list(&server, ADMIN_KEY, "/v1/runs").await, all);
    assert_eq!(list(&server, &traces, "/v1/runs").await, all);
    assert_eq!(list(&server, &key, "/v1/runs").await, all[1..]);
    let own = answer(server.get("/v1/keys/self", &traces)).await.1["id"].clone();
    let of_key = format!("key={}", own.as_str().unwrap());
    for (query, expected) in [
        ("workflow=a", &[third, first][..]),
        ("status=failed", &[fourth]),
        ("code=function", &[]),
        ("node=code", &[fourth]),
        ("user=user-two", &[second]),
        ("version=1.0.0&limit=100", &[fourth, third, second, first]),
        ("version=9", &[]),
        (of_key.as_str(), &[fourth, third]),
        ("min_duration_ms=3600000", &[]),
        ("q=%C3%A9CLAIR", &[first]),
        ("q=broken", &[fourth]),
        ("q=said+t", &[third, second]),
        ("q=nothing-of-this", &[]),
    ] {
        let found = list(&server, &traces, &format!("/v1/runs?{query}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let of_one = format!("/v1/workflows/a/runs?{of_key}&q=three&include=input");
    let page = answer(server.get(&of_one, &traces)).await.1;
    assert_eq!(page["items"][0]["id"], json!(third));
    assert_eq!(page["items"][0]["input"], json!({ "text": "three" }));
    assert_eq!(page["searched_to"], Value::Null);

    let page = answer(server.get("/v1/runs?q=said&limit=1", &traces)).await.1;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert!(page["searched_to"].is_string() && page["next_cursor"].is_string(), "{page}");
    assert!(page["items"][0].get("output").is_none(), "{page}");
    let next = format!("/v1/runs?q=said&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(list(&server, &traces, &next).await, [second.clone(), first.clone()]);
    assert!(answer(server.get("/v1/runs", &key)).await.1.get("searched_to").is_none());

    // How it began, and for whom that is to be seen.
    let of_third = format!("/v1/runs/{third}");
    let run = answer(server.get(&of_third, &traces)).await.1;
    assert_eq!((&run["key"], &run["mode"]), (&own, &json!("async")));
    assert!(run["queued_ms"].is_u64(), "{run}");
    let run = answer(server.get(&of_third, &key)).await.1;
    assert!(run.get("key").is_none(), "{run}");

    for (key, path, expected) in [
        (&key, "/v1/runs?workflow=c".to_owned(), 404),
        (&key, "/v1/runs?workflow=nothing".to_owned(), 404),
        (&key, format!("/v1/runs?{of_key}"), 403),
        (&key, "/v1/runs?state=failed".to_owned(), 400),
        (&key, "/v1/runs?status=odd".to_owned(), 400),
        (&key, "/v1/runs?min_duration_ms=-1".to_owned(), 400),
        (&key, "/v1/runs?min_duration_ms=9223372036854775808".to_owned(), 400),
        (&key, format!("/v1/runs?q={}", "x".repeat(201)), 400),
        (&key, "/v1/runs?status=succeeded&code=x".to_owned(), 400),
    ] {
        let (status, problem) = answer(server.get(&path, key)).await;
        assert_eq!(status, expected, "{path}: {problem}");
    }
}

/// The caller's own process drives the run while a call beside the question is open.
#[tokio::test]
async fn a_run_that_is_cancelled_while_its_caller_waits_asks_nobody_any_more() {
    let late = Duration::from_secs(40);
    let answers = move |_: &_, _| Reply::After(late, StatusCode::OK, "{}".to_owned());
    let (receiver, server) = (Receiver::start(answers).await, TestServer::start().await);
    let call = format!("{{ id: call, type: http, url: \"{}\" }}", receiver.url);
    let document = format!("nodes: [{{ id: ask, type: approval, message: Send? }}, {call}]");
    server.publish("both", &document).await;
    let waits = server.post("/v1/workflows/both/runs", ADMIN_KEY).json(&json!({})).send();
    let waits = tokio::spawn(waits);
    let questions = || server.get("/v1/questions", ADMIN_KEY);
    let asked = until(questions, |page| page["items"] != json!([])).await;
    let path = format!("/v1/runs/{}", asked["items"][0]["run_id"].as_str().unwrap());
    let cancel = server.post(&format!("{path}/cancel"), ADMIN_KEY).send().await.unwrap();
    assert!(cancel.status().is_success(), "{cancel:?}");
    let ended = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert_eq!(answer(questions()).await.1["items"], json!([]));
    waits.abort();
}

#[tokio::test]
async fn open_questions_of_all_workflows_are_one_list() {
    let server = TestServer::start().await;
    server.publish("a", ASKS).await;
    server.publish("b", ASKS).await;
    let key = server.key(&["a"], &["run", "read"]).await;
    let reader = server.key(&["*"], &["read"]).await;
    let one = start(&server, ADMIN_KEY, "a", json!({})).await;
    let two = start(&server, ADMIN_KEY, "b", json!({})).await;
    let questions = async |key: &str, query: &str| {
        let (status, page) = answer(server.get(&format!("/v1/questions{query}"), key)).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().clone()
    };
    let all = questions(&reader, "").await;
    let ids: Vec<_> = all.iter().map(|asked| asked["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [one.as_str(), two.as_str()]);
    assert_eq!(
        (&all[0]["workflow_id"], &all[0]["workflow_name"], &all[0]["node"], &all[0]["message"]),
        (&json!("a"), &json!("Asking"), &json!("ask"), &json!("Send?"))
    );
    assert!(all[0].get("link").is_none(), "{all:?}");
    let own = questions(&key, "").await;
    assert!(own.len() == 1 && own[0]["link"].is_string(), "{own:?}");
    assert_eq!(questions(&reader, "?workflow=b").await.len(), 1);

    let yes = json!({ "approved": true });
    let resume = format!("/v1/runs/{one}/resume");
    assert_eq!(answer(server.post(&resume, ADMIN_KEY).json(&yes)).await.0, 202);
    assert_eq!(questions(&reader, "").await.len(), 1);
    answer(server.post(&format!("/v1/runs/{two}/cancel"), ADMIN_KEY)).await;
    assert_eq!(questions(&reader, "").await.len(), 0);
    for (query, expected) in [("?workflow=b", 404), ("?node=ask", 400), ("?limit=0", 400)] {
        let (status, problem) = answer(server.get(&format!("/v1/questions{query}"), &key)).await;
        assert_eq!(status, expected, "{query}: {problem}");
    }
}

#[tokio::test]
async fn deliveries_of_all_workflows_are_one_list() {
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::OK, "\"MINE\"".to_owned())).await;
    let server = TestServer::start().await;
    let hook = format!("{ECHO}webhook: {{ url: \"{}/author\" }}\n", receiver.url);
    server.publish("a", &hook).await;
    server.publish("b", ECHO).await;
    let key = server.key(&["a"], &["run", "read"]).await;
    let mine = json!({ "webhooks": [{ "url": format!("{}/mine", receiver.url) }] });
    for workflow in ["a", "b"] {
        start(&server, ADMIN_KEY, workflow, mine.clone()).await;
    }
    let path = "/v1/deliveries?status=delivered";
    let is_all = |page: &Value| page["items"].as_array().unwrap().len() == 3;
    let all = until(|| server.get(path, ADMIN_KEY), is_all).await;
    assert!(all["items"][0]["workflow_id"] == "b", "{all}");
    let own = answer(server.get("/v1/deliveries", &key)).await.1;
    assert_eq!(own["items"].as_array().unwrap().len(), 2);
    // The caller's webhook it sees in full, the author's not.
    assert!(own.to_string().contains("/mine") && !own.to_string().contains("/author"), "{own}");
    let page = answer(server.get("/v1/deliveries?limit=1&workflow=a", ADMIN_KEY)).await.1;
    let next = format!(
        "/v1/deliveries?limit=1&workflow=a&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let next = answer(server.get(&next, ADMIN_KEY)).await.1;
    assert_ne!(page["items"][0]["id"], next["items"][0]["id"]);
    let none = answer(server.get("/v1/deliveries?status=exhausted", ADMIN_KEY)).await.1;
    assert_eq!(none["items"], json!([]));
    for (query, expected) in [("workflow=b", 404), ("status=odd", 400), ("state=pending", 400)] {
        let (status, problem) = answer(server.get(&format!("/v1/deliveries?{query}"), &key)).await;
        assert_eq!(status, expected, "{query}: {problem}");
    }
}

async fn done(server: &TestServer, key: &str, job: &Value) -> Value {
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    until(|| server.get(&path, key), |job| !job["ended_at"].is_null()).await
}

#[tokio::test]
async fn many_runs_are_replayed_and_cancelled_by_a_job() {
    let server = TestServer::start().await;
    for (id, document) in [("a", FAILS), ("b", FAILS), ("c", ASKS), ("d", ASKS)] {
        server.publish(id, document).await;
    }
    let scopes = ["run", "read", "cancel"];
    let key = server.key(&["a", "c"], &scopes).await;
    let other = server.key(&["*"], &scopes).await;
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        of_a.push(start(&server, ADMIN_KEY, "a", json!({})).await);
        of_b.push(start(&server, ADMIN_KEY, "b", json!({})).await);
    }
    let post = |path: &str, key: &str, body: Value| answer(server.post(path, key).json(&body));

    // Named ones: another key's are as those that there are not.
    let unknown = "run_00000000000070008000000000000000";
    let named = json!({ "run_ids": [of_a[0], of_b[0], unknown, of_a[0]], "from": "start" });
    let (status, job) = post("/v1/runs/replay", &key, named).await;
    assert_eq!((status, &job["kind"]), (202, &json!("replay")), "{job}");
    let ended = done(&server, &key, &job).await;
    assert_eq!(
        (&ended["progress"]["done"], &ended["progress"]["failed"], &ended["progress"]["total"]),
        (&json!(1), &json!(2), &json!(3)),
        "{ended}"
    );
    assert_eq!(ended["progress"]["last_failure"], "run not found");
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(answer(server.get(&path, &other)).await.0, 403);

    // Those of all workflows that the key may use, one at a time.
    let all = json!({ "status": "failed", "code": "function", "at_a_time": 1 });
    let code = answer(server.get(&format!("/v1/runs/{}", of_a[0]), ADMIN_KEY)).await.1;
    let all = {
        let mut all = all;
        all["code"] = code["error"]["code"].clone();
        all
    };
    let (status, job) = post("/v1/runs/replay", &key, all).await;
    assert_eq!(status, 202, "{job}");
    let ended = done(&server, &key, &job).await;
    assert_eq!(ended["progress"]["done"], json!(4), "{ended}");
    let origins = async |workflow: &str| {
        let path = format!("/v1/workflows/{workflow}/runs?limit=100");
        let page = answer(server.get(&path, ADMIN_KEY)).await.1;
        let runs = page["items"].as_array().unwrap().clone();
        runs.iter().filter(|run| !run["origin"].is_null()).count()
    };
    assert_eq!((origins("a").await, origins("b").await), (5, 0));

    // Waiting ones are cancelled; what has ended is left alone.
    let one = start(&server, ADMIN_KEY, "c", json!({})).await;
    let two = start(&server, ADMIN_KEY, "d", json!({})).await;
    let (status, job) = post("/v1/runs/cancel", &key, json!({ "status": "waiting" })).await;
    assert_eq!((status, &job["kind"]), (202, &json!("cancel")), "{job}");
    let ended = done(&server, &key, &job).await;
    assert_eq!(ended["progress"]["done"], json!(1), "{ended}");
    let state = async |id: &str| {
        answer(server.get(&format!("/v1/runs/{id}"), ADMIN_KEY)).await.1["status"].clone()
    };
    assert_eq!((state(&one).await, state(&two).await), (json!("cancelled"), json!("waiting")));
    let (_, job) = post("/v1/runs/cancel", ADMIN_KEY, json!({ "run_ids": [two, of_b[1]] })).await;
    let ended = done(&server, ADMIN_KEY, &job).await;
    assert_eq!((&ended["progress"]["done"], &ended["progress"]["failed"]), (&json!(1), &json!(1)));
    assert_eq!(state(&two).await, json!("cancelled"));

    let many = vec![unknown; 1_001];
    for (path, body, expected) in [
        ("/v1/runs/replay", json!({}), 400),
        ("/v1/runs/cancel", json!({}), 400),
        ("/v1/runs/replay", json!({ "run_ids": [] }), 400),
        ("/v1/runs/replay", json!({ "run_ids": many }), 400),
        ("/v1/runs/replay", json!({ "run_ids": ["run_1"] }), 400),
        ("/v1/runs/replay", json!({ "run_ids": [unknown], "user": "u" }), 400),
        ("/v1/runs/replay", json!({ "workflow": "a", "status": "waiting" }), 400),
        ("/v1/runs/cancel", json!({ "workflow": "a", "status": "failed" }), 400),
        ("/v1/runs/cancel", json!({ "workflow": "a", "code": "x" }), 400),
        ("/v1/runs/replay", json!({ "workflow": "a", "from": "node" }), 400),
        ("/v1/runs/replay", json!({ "workflow": "a", "at_a_time": 41 }), 400),
        ("/v1/runs/replay", json!({ "workflow": "a", "on_version": "9.9.9" }), 400),
        ("/v1/runs/replay", json!({ "workflow": "b" }), 404),
        ("/v1/runs/cancel", json!({ "workflow": "b" }), 404),
    ] {
        let (status, problem) = post(path, &key, body.clone()).await;
        assert_eq!(status, expected, "{path} {body}: {problem}");
    }
}

#[tokio::test]
async fn a_runs_document_is_the_one_that_it_ran() {
    let server = TestServer::start().await;
    server.publish("a", ECHO).await;
    let run = start(&server, ADMIN_KEY, "a", json!({})).await;
    server.publish("a", FAILS).await;
    let key = server.key(&["a"], &["read", "trace"]).await;
    let path = format!("/v1/runs/{run}/document");
    let (status, read) = answer(server.get(&path, &key)).await;
    assert_eq!((status, &read["version"]), (200, &json!("1.0.0")), "{read}");
    assert_eq!((&read["workflow_id"], &read["document"]), (&json!("a"), &json!(ECHO)));
    let reads = server.key(&["a"], &["read"]).await;
    let other = server.key(&["b"], &["read", "trace"]).await;
    assert_eq!(answer(server.get(&path, &reads)).await.0, 403);
    assert_eq!(answer(server.get(&path, &other)).await.0, 404);
}

#[tokio::test]
async fn keys_are_listed_by_workflow() {
    let server = TestServer::start().await;
    server.publish("a", ECHO).await;
    for workflows in [&["a"][..], &["b"], &["*"], &["a", "b"], &["b"]] {
        server.key(workflows, &["run"]).await;
    }
    let mut found = 0;
    let mut path = "/v1/keys?workflow=a&limit=2".to_owned();
    loop {
        let page = answer(server.get(&path, ADMIN_KEY)).await.1;
        for key in page["items"].as_array().unwrap() {
            assert!(key["workflows"] == "*" || key["workflows"].to_string().contains("\"a\""));
            found += 1;
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/keys?workflow=a&limit=2&cursor={cursor}");
    }
    assert_eq!(found, 3);
    assert_eq!(answer(server.get("/v1/keys?workflow=none", ADMIN_KEY)).await.0, 404);
    assert_eq!(answer(server.get("/v1/keys?key=a", ADMIN_KEY)).await.0, 400);
}

#[tokio::test]
async fn a_trace_says_when_a_node_was_ready_and_where_it_ran() {
    let server = TestServer::start().await;
    let document = "nodes:\n\
        - { id: first, type: template, template: hi }\n\
        - id: each\n  type: loop\n  each: [1, 2]\n  nodes:\n\
        \x20   - { id: say, type: template, template: '<loop.item>' }\n\
        output: { said: <first.content> }\n";
    server.publish("a", document).await;
    let request = server.post("/v1/workflows/a/runs", ADMIN_KEY);
    let stream = request.header("accept", "text/event-stream").send().await.unwrap();
    let stream = stream.text().await.unwrap();
    assert!(stream.contains("\"duration_ms\":"), "{stream}");
    let page = answer(server.get("/v1/runs?limit=1", ADMIN_KEY)).await.1;
    assert_eq!(page["items"][0]["mode"], "stream");
    let path = format!("/v1/runs/{}/trace", page["items"][0]["id"].as_str().unwrap());
    let trace = answer(server.get(&path, ADMIN_KEY)).await.1;
    let node = |name: &str| {
        let nodes = trace["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["node"] == name).unwrap_or_else(|| panic!("{trace}")).clone()
    };
    assert_eq!(node("first")["parent"], Value::Null);
    assert_eq!(node("each[1]/say")["parent"], "each[1]");
    assert!(node("each[1]/say")["ready_at"].as_str() <= node("each[1]/say")["started_at"].as_str());
    assert!(node("first")["ready_at"].is_string(), "{trace}");
    assert_eq!(node("first")["output"]["content"], "hi");

    let short = answer(server.get(&format!("{path}?values=false"), ADMIN_KEY)).await.1;
    let nodes = short["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), trace["nodes"].as_array().unwrap().len());
    assert!(nodes.iter().all(|node| node["input"].is_null() && node["output"].is_null()));
    assert!(nodes.iter().any(|node| node["duration_ms"].is_u64()), "{short}");
    let (status, _) = answer(server.get(&format!("{path}?values=no"), ADMIN_KEY)).await;
    assert_eq!(status, 400);
}
