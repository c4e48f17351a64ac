//! Runs of drafts, up to a node, with outputs given.

use axum::http::{Method, StatusCode};
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Client;
use serde_json::{Value, json};

use super::{Models, ended, replay};
use crate::fixture::{answer, until};

async fn save(server: &TestServer, document: &str) {
    let request = server.request(Method::PUT, "/v1/workflows/w", ADMIN_KEY);
    let request = request.header("content-type", "application/yaml").body(document.to_owned());
    assert_eq!(answer(request).await.0, 200);
}

const TRY: &str = "/v1/workflows/w/runs?version=draft";

#[tokio::test]
async fn a_draft_runs_up_to_a_node_with_outputs_given() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    models.answer();
    save(&server, &models.document()).await;
    let body = json!({ "until": "a3", "pins": { "a1": { "content": "pinned" } } });
    let run = ended(&server, server.post(TRY, ADMIN_KEY).json(&body)).await;
    assert_eq!((&run["status"], &run["version"]), (&json!("succeeded"), &json!("draft")), "{run}");
    assert_eq!(run["output"]["content"], "said by n3");
    assert_eq!(models.asked(), [0, 1, 1, 0, 0]);
    let path = format!("/v1/runs/{}/trace", run["id"].as_str().unwrap());
    let (_, trace) = answer(server.get(&path, ADMIN_KEY)).await;
    let pinned = |node: &&Value| node["pinned"] == true;
    let pinned: Vec<_> = trace["nodes"].as_array().unwrap().iter().filter(pinned).collect();
    assert_eq!((pinned.len(), &pinned[0]["node"]), (1, &json!("a1")), "{trace}");
    // No version has it, and callers cannot run it.
    assert_eq!(answer(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await.0, 409);
    let (_, runs) = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(runs["items"][0]["version"], "draft");
    let caller = server.key(&["w"], &["run", "read"]).await;
    assert_eq!(answer(server.post(TRY, &caller)).await.0, 403);
    let path = format!("/v1/runs/{}/replay", run["id"].as_str().unwrap());
    assert_eq!(answer(server.post(&path, &caller)).await.0, 403);

    // It runs again as it was, though the draft has changed since; or as the draft is now.
    save(&server, &models.document().replace("<a2.content>", "<a2.content>!")).await;
    let again = ended(&server, replay(&server, &run, &json!({ "all": false }))).await;
    assert_eq!((models.asked(), &again["output"]), ([0, 1, 1, 0, 0], &run["output"]));
    let now = ended(&server, replay(&server, &run, &json!({ "version": "draft" }))).await;
    assert_eq!((models.asked(), &now["version"]), ([0, 1, 2, 0, 0], &json!("draft")));

    // Whoever knows its document cannot run it as if it were published.
    server.publish("w", "nodes: [{ id: a, type: template, template: x }]").await;
    let hash = flowgate_core::workflow::document_hash(&models.document());
    for version in [format!("draft%2F{hash}"), hash, "1.0.00".to_owned()] {
        let path = format!("/v1/workflows/w/runs?version={version}");
        let (status, problem) = answer(server.post(&path, &caller)).await;
        assert_eq!((status, &problem["code"]), (404, &json!("version_not_found")), "{problem}");
    }
}

/// An author's draft named a secret that was for its workflow then.
#[tokio::test]
async fn a_draft_that_the_operator_runs_again_has_its_authors_rights() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    let host = receiver.url.strip_prefix("http://").unwrap();
    let secret = async |workflows: Value| {
        let secret = json!({ "value": "v", "hosts": [host], "workflows": workflows });
        let put = server.request(Method::PUT, "/v1/secrets/TOKEN", ADMIN_KEY).json(&secret);
        assert_eq!(put.send().await.unwrap().status(), 204);
    };
    secret(json!(["w"])).await;
    let headers = "headers: { authorization: '{{TOKEN}}' }";
    let document =
        format!("nodes: [{{ id: a, type: http, url: '{}/x', {headers} }}]", receiver.url);
    save(&server, &document).await;
    let author = server.key(&["w"], &["author", "run", "read"]).await;
    let run = ended(&server, server.post(TRY, &author)).await;
    assert_eq!((&run["status"], receiver.received().len()), (&json!("succeeded"), 1), "{run}");
    secret(Value::Null).await;
    let again = ended(&server, replay(&server, &run, &json!({}))).await;
    assert_eq!((&again["status"], receiver.received().len()), (&json!("failed"), 1), "{again}");
    // The operator's own has the operator's rights, and a key for one workflow takes none of them.
    let own = ended(&server, server.post(TRY, ADMIN_KEY)).await;
    let again = ended(&server, replay(&server, &own, &json!({}))).await;
    assert_eq!((&again["status"], receiver.received().len()), (&json!("succeeded"), 3), "{again}");
    let path = format!("/v1/runs/{}/replay", own["id"].as_str().unwrap());
    let again = ended(&server, server.post(&path, &author)).await;
    assert_eq!((&again["status"], receiver.received().len()), (&json!("failed"), 3), "{again}");
}

#[tokio::test]
async fn what_is_wrong_with_a_part_is_named_and_starts_nothing() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    server.publish("w", &models.document()).await;
    let body = json!({ "until": "a9", "pins": { "a1": { "contents": "" }, "b": {}, "a2": 1 } });
    for path in [TRY, "/v1/workflows/w/runs"] {
        let (status, problem) = answer(server.post(path, ADMIN_KEY).json(&body)).await;
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
        assert_eq!(status, 400);
        assert_eq!(pointers, ["/until", "/pins/a1/contents", "/pins/b", "/pins/a2"], "{problem}");
    }
    let caller = server.key(&["w"], &["run", "read"]).await;
    for body in [json!({ "until": "a1" }), json!({ "pins": { "a1": { "content": "" } } })] {
        let refused = server.post("/v1/workflows/w/runs", &caller).json(&body);
        assert_eq!(answer(refused).await.0, 403);
    }
    save(&server, "nodes: [{ id: a, type: nothing }]").await;
    let (status, problem) = answer(server.post(TRY, ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_document")));
    let (_, runs) = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!((runs["items"].as_array().unwrap().len(), models.asked()), (0, [0; 5]));
}

#[tokio::test]
async fn the_draft_of_a_run_survives_a_kill_and_a_later_draft() {
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/slow" => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let (folder, client) = (tempfile::tempdir().unwrap(), Client::new());
    let document = |last: &str| {
        format!(
            "nodes:\n  - {{ id: a, type: http, url: \"{0}/slow\" }}\n  - {{ id: b, type: http, \
             url: \"{0}/{last}\", after: [a] }}\n",
            receiver.url
        )
    };
    let mut process = Process::start(folder.path()).await;
    let put = |url: String, document: String| {
        let request = client.put(format!("{url}/v1/workflows/w")).bearer_auth(ADMIN_KEY);
        answer(request.header("content-type", "application/yaml").body(document))
    };
    assert_eq!(put(process.url.clone(), document("first")).await.0, 200);
    let start = client.post(format!("{}{TRY}", process.url)).bearer_auth(ADMIN_KEY);
    let (status, run) = answer(start.header("prefer", "respond-async")).await;
    assert_eq!(status, 202, "{run}");
    receiver.until(|all| all.len() == 1).await;
    assert_eq!(put(process.url.clone(), document("second")).await.0, 200);
    process.kill().await;
    process = Process::start(folder.path()).await;
    receiver.until(|all| all.len() == 2).await;
    receiver.let_go();
    let path = format!("{}/v1/runs/{}", process.url, run["id"].as_str().unwrap());
    let run =
        until(|| client.get(&path).bearer_auth(ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!((receiver.count("/first"), receiver.count("/second")), (1, 0));
    process.kill().await;
}
