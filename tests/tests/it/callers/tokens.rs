//! Short-lived tokens: what they allow, how they end, and that nobody logs them.

use std::time::Duration;

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::answer;

const DOCUMENT: &str =
    "nodes: [{ id: a, type: template, template: x }]\noutput: { x: <a.content> }\n";
const ALL_SCOPES: [&str; 3] = ["run", "read", "cancel"];

async fn server() -> TestServer {
    let server = TestServer::start().await;
    for id in ["w", "other"] {
        server.publish(id, DOCUMENT).await;
    }
    server
}

async fn run(server: &TestServer, workflow: &str) -> String {
    let start = server.post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY);
    let (_, run) = answer(start.json(&json!({}))).await;
    run["id"].as_str().unwrap().to_owned()
}

async fn make(server: &TestServer, key: &str, request: Value) -> (u16, Value) {
    answer(server.post("/v1/tokens", key).json(&request)).await
}

async fn token(server: &TestServer, key: &str, request: Value) -> String {
    let (status, made) = make(server, key, request).await;
    assert_eq!(status, 201, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

async fn status(server: &TestServer, method: Method, path: &str, key: &str) -> u16 {
    server.request(method, path, key).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_for_a_run_reads_that_run_alone() {
    let server = server().await;
    let (mine, neighbour) = (run(&server, "w").await, run(&server, "w").await);
    let key = server.key(&["w", "other"], &ALL_SCOPES).await;
    let (status_made, made) = make(&server, &key, json!({ "run_id": mine })).await;
    assert_eq!((status_made, &made["scopes"]), (201, &json!(["read"])));
    assert_eq!((&made["run_id"], &made["workflow_id"]), (&json!(mine), &json!("w")));
    let token = made["token"].as_str().unwrap();
    let get = async |path: String| status(&server, Method::GET, &path, token).await;
    for part in ["", "/events", "/deliveries"] {
        assert_eq!(get(format!("/v1/runs/{mine}{part}")).await, 200, "{part}");
        assert_eq!(get(format!("/v1/runs/{neighbour}{part}")).await, 404, "{part}");
    }
    assert_eq!(get(format!("/api/jobs/{mine}")).await, 200);
    assert_eq!(get(format!("/api/workflows/w/executions/{mine}")).await, 200);
    assert_eq!(get(format!("/api/workflows/w/executions/{neighbour}")).await, 404);
    assert_eq!(get(format!("/v1/flow/w/run/{mine}")).await, 200);
    assert_eq!(get("/v1/workflows/w/runs".to_owned()).await, 404, "not the others of its workflow");
    for path in [
        "/v1/workflows/w/runs".to_owned(),
        "/api/workflows/w/execute".to_owned(),
        "/v1/flow/w/run".to_owned(),
        format!("/v1/runs/{mine}/replay"),
        format!("/v1/runs/{mine}/cancel"),
        "/v1/tokens".to_owned(),
    ] {
        let refused = server.post(&path, token).json(&json!({})).send().await.unwrap();
        let refused = refused.status().as_u16();
        assert!([400, 403, 404].contains(&refused), "{path}: {refused}");
    }
    let cancel = json!({ "run_id": mine, "scopes": ["cancel"] });
    let cancel = self::token(&server, &key, cancel).await;
    let path = format!("/v1/runs/{mine}/cancel");
    assert_eq!(status(&server, Method::POST, &path, &cancel).await, 409, "it has ended");
}

#[tokio::test]
async fn a_token_for_a_workflow_runs_and_reads_it_and_no_more() {
    let server = server().await;
    let key = server.key(&["*"], &["run", "read", "cancel", "author", "admin"]).await;
    for maker in [key.as_str(), ADMIN_KEY] {
        let token = token(&server, maker, json!({ "workflow_id": "w" })).await;
        for (path, body) in [
            ("/v1/workflows/w/runs", json!({})),
            ("/v1/workflow/invoke", json!({ "input": {} })),
            ("/api/workflows/w/execute", json!({})),
            ("/api/v2/workflows/w/execute", json!({})),
            ("/v1/flow/w/run", json!({})),
        ] {
            let started = server.post(path, &token).json(&body).send().await.unwrap();
            assert!(started.status().is_success(), "{path}: {}", started.status());
        }
        assert_eq!(status(&server, Method::GET, "/v1/workflows/w/runs", &token).await, 200);
        for (method, path) in [
            (Method::POST, "/v1/workflows/other/runs"),
            (Method::GET, "/v1/workflows/other/runs"),
            (Method::GET, "/v1/workflows/w"),
            (Method::DELETE, "/v1/workflows/w"),
            (Method::GET, "/v1/workflows"),
            (Method::GET, "/v1/keys"),
            (Method::GET, "/v1/secrets"),
            (Method::POST, "/v1/tokens"),
        ] {
            let refused = status(&server, method.clone(), path, &token).await;
            assert!([400, 403, 404].contains(&refused), "{method} {path}: {refused}");
        }
        let again = make(&server, &token, json!({ "workflow_id": "w" })).await.0;
        assert_eq!(again, 403, "a token makes no other");
    }
}

#[tokio::test]
async fn a_token_has_no_more_than_its_key() {
    let server = server().await;
    let (mine, foreign) = (run(&server, "w").await, run(&server, "other").await);
    let reader = server.key(&["w"], &["read"]).await;
    for (request, status) in [
        (json!({ "workflow_id": "w", "scopes": ["run"] }), 403),
        (json!({ "workflow_id": "w", "scopes": ["read", "cancel"] }), 403),
        (json!({ "workflow_id": "other" }), 404),
        (json!({ "workflow_id": "nobody" }), 404),
        (json!({ "run_id": foreign }), 404),
        (json!({ "run_id": "run_00000000000000000000000000000000" }), 404),
        (json!({ "run_id": "x" }), 404),
        (json!({ "workflow_id": "w", "run_id": mine }), 400),
        (json!({}), 400),
        (json!({ "workflow_id": "w", "scopes": [] }), 400),
        (json!({ "workflow_id": "w", "scopes": ["admin"] }), 400),
        (json!({ "workflow_id": "w", "scopes": ["author"] }), 400),
        (json!({ "workflow_id": "w", "scopes": ["write"] }), 400),
        (json!({ "run_id": mine, "scopes": ["run"] }), 400),
        (json!({ "workflow_id": "w", "expires_in_seconds": 901 }), 400),
        (json!({ "workflow_id": "w", "expires_in_seconds": 0 }), 400),
        (json!({ "workflow_id": "w", "forever": true }), 400),
    ] {
        assert_eq!(make(&server, &reader, request.clone()).await.0, status, "{request}");
    }
    let (_, made) = make(&server, &reader, json!({ "workflow_id": "w" })).await;
    assert_eq!(made["scopes"], json!(["read"]), "what the key has of the default");
    assert_eq!(make(&server, "nobody", json!({ "workflow_id": "w" })).await.0, 401);
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_with_its_key() {
    let server = server().await;
    let key = server.key(&["w"], &ALL_SCOPES).await;
    let short = json!({ "workflow_id": "w", "expires_in_seconds": 1 });
    let (short, long) = (
        token(&server, &key, short).await,
        token(&server, &key, json!({ "workflow_id": "w" })).await,
    );
    let list =
        async |token: &str| status(&server, Method::GET, "/v1/workflows/w/runs", token).await;
    assert_eq!((list(&short).await, list(&long).await), (200, 200));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!((list(&short).await, list(&long).await), (401, 200));
    let id = key.split('_').nth(1).unwrap();
    assert_eq!(status(&server, Method::DELETE, &format!("/v1/keys/{id}"), ADMIN_KEY).await, 204);
    server.settle().await;
    assert_eq!(list(&long).await, 401, "its key is revoked");
}

#[tokio::test]
async fn a_token_that_was_changed_is_nobodys() {
    let server = server().await;
    let key = server.key(&["w"], &ALL_SCOPES).await;
    let good = token(&server, &key, json!({ "workflow_id": "w", "scopes": ["read"] })).await;
    let (signed, signature) = good.split_once('.').unwrap();
    let other = token(&server, ADMIN_KEY, json!({ "workflow_id": "w", "scopes": ["run"] })).await;
    let (other_signed, other_signature) = other.split_once('.').unwrap();
    for at in 4..good.len() {
        let changed = if &good[at..=at] == "A" { "B" } else { "A" };
        let bad = format!("{}{changed}{}", &good[..at], &good[at + 1..]);
        let status = status(&server, Method::GET, "/v1/workflows/w/runs", &bad).await;
        // The last character has bits that count for nothing.
        assert!(status == 401 || at + 1 == good.len(), "{at}: {status}");
    }
    for bad in [
        format!("{other_signed}.{signature}"),
        format!("{signed}.{other_signature}"),
        format!("{signed}."),
        signed.to_owned(),
        "fgt_".to_owned(),
        format!("{good}.{signature}"),
        format!("fgt_{}", "x".repeat(5_000)),
    ] {
        let status = status(&server, Method::GET, "/v1/workflows/w/runs", &bad).await;
        assert_eq!(status, 401, "{bad}");
    }
}

#[tokio::test]
async fn event_source_sends_it_in_the_query_and_nobody_logs_it() {
    let server = server().await;
    let key = server.key(&["w"], &ALL_SCOPES).await;
    let id = run(&server, "w").await;
    let token = token(&server, &key, json!({ "run_id": id })).await;
    let get = async |path: String| {
        server.client.get(format!("{}{path}", server.url)).send().await.unwrap()
    };
    let events = get(format!("/v1/runs/{id}/events?token={token}")).await;
    assert_eq!(events.status(), 200);
    assert!(events.text().await.unwrap().contains("event: run.finished"));
    assert_eq!(get(format!("/v1/runs/{id}?token={token}")).await.status(), 200);
    assert_eq!(get(format!("/v1/runs/{id}?token={token}x")).await.status(), 401);
    assert_eq!(
        get(format!("/v1/runs/{id}?token={key}")).await.status(),
        401,
        "keys stay out of URLs"
    );
    let both = server.get(&format!("/v1/runs/{id}?token={token}"), &key).send().await.unwrap();
    assert_eq!(both.status(), 401, "two that differ");
    let posted = server.client.post(format!("{}/v1/runs/{id}/cancel?token={token}", server.url));
    assert_eq!(posted.send().await.unwrap().status(), 401, "only where a header cannot be set");
    let logged = server.log_elsewhere().await;
    assert!(!logged.contains(&token), "{logged}");
}

#[tokio::test]
async fn a_link_to_the_next_page_holds_no_token() {
    let server = server().await;
    let key = server.key(&["w"], &ALL_SCOPES).await;
    for _ in 0..2 {
        run(&server, "w").await;
    }
    let token = token(&server, &key, json!({ "workflow_id": "w" })).await;
    let url = format!("{}/v1/workflows/w/runs?limit=1&token={token}", server.url);
    let page = server.client.get(url).send().await.unwrap();
    let link = page.headers()["link"].to_str().unwrap();
    assert!(link.contains("cursor=") && !link.contains("token"), "{link}");
}
