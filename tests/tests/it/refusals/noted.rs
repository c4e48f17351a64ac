//! What the record of a key says of its last refusal, in every dialect.

use std::time::Duration;

use super::*;
use crate::routes::made_of;

/// What callers send, and what no record of a key may show.
const TEXT: &str = "the-text-of-a-caller";

/// The cases that a key alone brings about, with our own code for them in every dialect.
const NOTED: [(Case, &str); 8] = [
    (Case::BadInput, "invalid_input"),
    (Case::BadKey, "unauthorized"),
    (Case::UnknownWorkflow, "workflow_not_found"),
    (Case::UnknownRun, "run_not_found"),
    (Case::NoScope, "forbidden"),
    (Case::TooLarge, "too_large"),
    (Case::RateLimited, "rate_limited"),
    (Case::Compressed, "unsupported_encoding"),
];

struct Made {
    key: String,
    path: String,
}

async fn made(server: &TestServer, case: Case) -> Made {
    let scopes = if case == Case::NoScope { ["read"] } else { ["admin"] };
    let mut request = json!({ "name": "noted", "workflows": ["mine"], "scopes": scopes });
    if case == Case::RateLimited {
        request["limits"] = json!({ "requests_per_minute": 1 });
    }
    let (status, made) = answer(server.post("/v1/keys", ADMIN_KEY).json(&request)).await;
    assert_eq!((status, &made["last_refused"]), (201, &Value::Null), "{made}");
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    if case == Case::BadKey {
        let revoked = server.request(Method::DELETE, &path, ADMIN_KEY).send().await.unwrap();
        assert_eq!(revoked.status(), 204);
    }
    Made { key: made["key"].as_str().unwrap().to_owned(), path }
}

/// A request that is refused so.
async fn request(server: &TestServer, dialect: Dialect, case: Case, key: &str) -> RequestBuilder {
    let good = dialect.body(&json!({ "name": TEXT }));
    match case {
        Case::BadInput => dialect.run(server, key, "mine", dialect.body(&json!({ TEXT: TEXT }))),
        Case::UnknownWorkflow => dialect.run(server, key, "other", good),
        Case::UnknownRun => dialect.read(server, key, "mine", NOBODYS_RUN),
        Case::TooLarge => {
            let body = dialect.body(&json!({ "name": "x".repeat((4 << 20) + 1) }));
            dialect.run(server, key, "mine", body)
        }
        Case::Compressed => dialect.run(server, key, "mine", good).header("content-encoding", "br"),
        Case::RateLimited => {
            let first = dialect.run(server, key, "mine", good.clone()).send().await.unwrap();
            assert!(first.status().is_success(), "{dialect:?}: {}", first.status());
            dialect.run(server, key, "mine", good)
        }
        _ => dialect.run(server, key, "mine", good),
    }
}

/// The key's record, once something was noted.
async fn noted(server: &TestServer, path: &str) -> Value {
    until(|| server.get(path, ADMIN_KEY), |key| key["last_refused"].is_object()).await
}

#[tokio::test]
async fn a_key_knows_its_last_refusal() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    server.publish("other", STRICT).await;
    for (case, code) in NOTED {
        for dialect in ALL {
            let Made { key, path } = made(&server, case).await;
            let began = server.now();
            let refused = request(&server, dialect, case, &key).await;
            dialect.refused(case, refused).await;
            let record = noted(&server, &path).await;
            let last = record["last_refused"].as_object().unwrap();
            let at = last["at"].as_str().unwrap();
            assert_eq!((last.len(), &last["code"]), (2, &json!(code)), "{dialect:?}, {case:?}");
            assert!((began.to_string()..=server.now().to_string()).contains(&at.to_owned()));
            let listed = answer(server.get("/v1/keys?limit=100", ADMIN_KEY)).await.1.to_string();
            assert!(listed.contains(at) && !listed.contains(TEXT), "{listed}");
        }
    }
}

/// Refusals that only one dialect has, and that are no error of the platform.
#[tokio::test]
async fn a_protocols_own_refusals_are_noted_in_our_words() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    let mcp = |key: &str, accept: &str, body: &str| {
        server.post("/mcp", key).header("accept", accept.to_owned()).body(body.to_owned())
    };
    let both = "application/json, text/event-stream";
    let a2a = |key: &str, version: &str, method: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} });
        server.post("/a2a/mine", key).header("a2a-version", version.to_owned()).json(&body)
    };
    let sim = |key: &str| {
        let chain = vec!["w"; 25].join(",");
        let request = server.post("/api/workflows/mine/execute", key).header("x-sim-via", chain);
        request.json(&json!({ "name": "x" }))
    };
    type Asked<'a> = Box<dyn Fn(&str) -> RequestBuilder + 'a>;
    let cases: Vec<(&str, Asked<'_>)> = vec![
        ("not_acceptable", Box::new(|key| mcp(key, "text/html", "{}"))),
        ("invalid_input", Box::new(|key| mcp(key, both, "{"))),
        (
            "method_not_found",
            Box::new(|key| mcp(key, both, r#"{"jsonrpc":"2.0","id":1,"method":"x/y"}"#)),
        ),
        (
            "foreign_origin",
            Box::new(|key| mcp(key, both, "{}").header("origin", "https://evil.example")),
        ),
        ("unsupported_version", Box::new(|key| a2a(key, "0.3", "GetTask"))),
        ("method_not_found", Box::new(|key| a2a(key, "1.0", "NoMethod"))),
        ("loop_detected", Box::new(sim)),
        ("invalid_input", Box::new(|key| server.get("/v1/keys/self?nothing=known", key))),
        (
            "invalid_input",
            Box::new(|key| {
                let body = json!({ "model": "mine", "messages": [], "logit_bias": { "1": 2 } });
                server.post("/v1/chat/completions", key).json(&body)
            }),
        ),
    ];
    for (code, request) in cases {
        let Made { key, path } = made(&server, Case::BadInput).await;
        let (status, body) = answer(request(&key)).await;
        assert_eq!(noted(&server, &path).await["last_refused"]["code"], code, "{status}: {body}");
    }
}

#[tokio::test]
async fn only_right_keys_and_refusals_of_flowgate_are_noted() {
    let server = TestServer::start().await;
    let own_status = "nodes: [{ id: r, type: response, status: 404, data: gone }]";
    server.publish("mine", own_status).await;
    let Made { key, path } = made(&server, Case::BadInput).await;
    let wrong_secret = made_of(key.split('_').nth(1).unwrap(), &"A".repeat(43));
    for wrong in [wrong_secret.as_str(), &key[..20], "fg_x"] {
        Native.refused(Case::BadKey, Native.run(&server, wrong, "mine", "{}")).await;
    }
    let answered = Sim.run(&server, &key, "mine", "{}").send().await.unwrap();
    assert_eq!(answered.status(), 404, "the workflow says so");
    let used = until(|| server.get(&path, ADMIN_KEY), |key| key["last_used_at"].is_string()).await;
    assert_eq!(used["last_refused"], Value::Null);
}

/// After a refusal only a success is a use: whoever waits for the first call sees which was last.
#[tokio::test]
async fn a_success_after_a_refusal_is_noted_at_once_and_more_refusals_are_not() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    let Made { key, path } = made(&server, Case::NoScope).await;
    let run = || Native.run(&server, &key, "mine", r#"{"input":{"name":"x"}}"#);
    Native.refused(Case::NoScope, run()).await;
    let first = noted(&server, &path).await;
    let refused_at = first["last_refused"]["at"].as_str().unwrap().to_owned();
    let is_later = |key: &Value| key["last_used_at"].as_str().is_some_and(|at| at > &*refused_at);
    assert!(!is_later(&first), "{first}");
    // Milliseconds are compared.
    tokio::time::sleep(Duration::from_millis(5)).await;
    for _ in 0..3 {
        Native.refused(Case::NoScope, run()).await;
        let unknown = format!("/v1/runs/{NOBODYS_RUN}");
        Native.refused(Case::UnknownRun, server.get(&unknown, &key)).await;
    }
    server.settle().await;
    let after = answer(server.get(&path, ADMIN_KEY)).await.1;
    assert!(!is_later(&after), "{after}");
    assert_eq!(answer(server.get("/v1/keys/self", &key)).await.0, 200);
    until(|| server.get(&path, ADMIN_KEY), is_later).await;
}
