//! What callers send that other servers take, and what they ask for that is not there: alike in
//! every dialect.

use flowgate_tests::receiver::{Receiver, Reply};

use super::*;

fn ada(dialect: Dialect) -> String {
    dialect.body(&json!({ "name": "Ada" }))
}

/// `run` without its credential.
fn without_key(dialect: Dialect, server: &TestServer) -> RequestBuilder {
    let path = match dialect {
        Native => "/v1/workflows/w/runs",
        Gptbots => "/v1/workflow/invoke",
        Sim => "/api/workflows/w/execute",
        SimV2 => "/api/v2/workflows/w/execute",
        AiFlow => "/v1/flow/w/run",
    };
    let request = server.client.post(format!("{}{path}", server.url)).header("x-workflow-id", "w");
    request.body(ada(dialect))
}

#[tokio::test]
async fn a_byte_order_mark_and_a_named_identity_are_taken() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    for dialect in ALL {
        let body = format!("\u{feff}{}", ada(dialect));
        let request = dialect.run(&server, &key, "w", body).header("content-encoding", "identity");
        let (status, answered) = answer(request).await;
        assert!([200, 202].contains(&status), "{dialect:?}: {answered}");
    }
    let query = format!("\u{feff}{}", json!({ "workflowRunId": NOBODYS_RUN }));
    let (status, _) = answer(server.post("/v1/workflow/query/result", &key).body(query)).await;
    assert_eq!(status, 404, "it was read");
    let marked = server.request(Method::PUT, "/v1/workflows/marked", ADMIN_KEY);
    let (status, saved) = answer(marked.body(format!("\u{feff}{STRICT}"))).await;
    assert_eq!((status, &saved["problems"]), (200, &json!([])));
}

#[tokio::test]
async fn a_proxys_credential_beside_a_key_is_passed_over() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let other = server.key(&["w"], &["run", "read"]).await;
    for dialect in ALL {
        let with = async |headers: &[(&str, &str)]| {
            let mut request = without_key(dialect, &server);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.send().await.unwrap()
        };
        let bearer = format!("Bearer {key}");
        for good in [
            [("authorization", "Basic dTpw"), ("x-api-key", key.as_str())],
            [("authorization", "Digest username=\"u\""), ("x-api-key", key.as_str())],
            [("authorization", ""), ("x-api-key", key.as_str())],
            [("authorization", "Bearer "), ("x-api-key", key.as_str())],
            [("authorization", bearer.as_str()), ("x-api-key", "")],
            [("authorization", bearer.as_str()), ("x-api-key", key.as_str())],
        ] {
            let status = with(&good).await.status();
            assert!(status.is_success(), "{dialect:?} {good:?}: {status}");
        }
        for bad in [
            &[("authorization", "Basic dTpw")] as &[_],
            &[("authorization", "Basic dTpw"), ("x-api-key", "")],
            &[("authorization", bearer.as_str()), ("x-api-key", other.as_str())],
            &[("authorization", key.as_str()), ("x-api-key", key.as_str())],
            &[("authorization", "Bearer x"), ("x-api-key", key.as_str())],
        ] {
            dialect.refusal(Case::BadKey, with(bad).await).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_path_answers_in_the_shape_of_its_dialect() {
    let server = TestServer::start().await;
    let paths: [(Dialect, &[&str]); ALL.len()] = [
        (Native, &["/", "/v1", "/v1/x", "/v1/workflows/a/b/c", "/v2/api"]),
        (Gptbots, &["/v1/workflow", "/v1/workflow/x", "/v1/workflow/invoke/"]),
        (Sim, &["/api", "/api/x", "/api/workflows/a/execute/", "/api/workflows/a/b"]),
        (SimV2, &["/api/v2", "/api/v2/x", "/api/v2/workflows/a/deploy"]),
        (AiFlow, &["/v1/flow", "/v1/flow/a", "/v1/flow/a/run/b/c"]),
    ];
    for (dialect, paths) in paths {
        for path in paths {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let request = server.request(method, path, ADMIN_KEY);
                dialect.refused(Case::UnknownPath, request).await;
            }
        }
    }
    // Bytes that are no text name nothing.
    for (dialect, path) in [
        (Native, "/v1/workflows/%ff/runs"),
        (Sim, "/api/workflows/%ff/execute"),
        (SimV2, "/api/v2/workflows/%ff/execute"),
        (AiFlow, "/v1/flow/%ff/run"),
    ] {
        dialect.refused(Case::UnknownWorkflow, server.post(path, ADMIN_KEY)).await;
    }
}

#[tokio::test]
async fn a_wrong_method_answers_in_the_shape_of_its_dialect() {
    let server = TestServer::start().await;
    let key = "/v1/workflows/w/runs";
    for (path, pointer, code) in [
        (key, "/code", json!("method_not_allowed")),
        ("/v1/workflow/invoke", "/code", json!(40000)),
        ("/v1/workflow/query/result", "/code", json!(40000)),
        ("/api/workflows/w/execute", "/code", json!("METHOD_NOT_ALLOWED")),
        ("/api/jobs/x", "/code", json!("METHOD_NOT_ALLOWED")),
        ("/api/v2/workflows/w/runs", "/error/code", json!("METHOD_NOT_ALLOWED")),
        ("/v1/flow/w/run/x", "/error/code", json!("method_not_allowed")),
    ] {
        for method in [Method::PATCH, Method::OPTIONS] {
            let response = server.request(method, path, ADMIN_KEY).send().await.unwrap();
            assert!(response.headers().contains_key("allow"), "{path}");
            let (status, body) = json_of(response).await;
            assert_eq!((status, body.pointer(pointer)), (405, Some(&code)), "{path}");
        }
    }
}

#[tokio::test]
async fn a_run_that_has_not_ended_is_named() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    let hanging = format!("nodes: [{{ id: call, type: http, url: \"{}\" }}]", receiver.url);
    server.publish("w", &hanging).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    for dialect in [Native, Gptbots, Sim, SimV2] {
        let name = format!("{dialect:?}");
        let start = || dialect.run(&server, &key, "w", dialect.body(&json!({})));
        let start = || start().header("idempotency-key", &name);
        let before = receiver.received().len();
        let waiting = tokio::spawn(start().send());
        receiver.until(|all| all.len() > before).await;
        let again = start().send().await.unwrap();
        let named = again.headers()["x-run-id"].to_str().unwrap().to_owned();
        assert_eq!(again.headers()["retry-after"], "1");
        let refused = dialect.refusal(Case::StillRunning, again).await;
        let (_, runs) = answer(server.get("/v1/workflows/w/runs?limit=1", ADMIN_KEY)).await;
        assert_eq!(runs["items"][0]["id"], json!(named));
        let body: Value = serde_json::from_str(&refused.body).unwrap();
        let field = match dialect {
            Native => &body["run_id"],
            Sim => &body["executionId"],
            SimV2 => &body["error"]["details"]["runId"],
            // It has room in its message alone.
            Gptbots | AiFlow => &json!(named),
        };
        assert_eq!(field, &json!(named), "{dialect:?}");
        assert!(refused.message.contains(&named), "{dialect:?}: {refused:?}");
        waiting.abort();
    }
    receiver.let_go();
}
