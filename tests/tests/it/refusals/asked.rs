//! What callers send that other servers take, and what they ask for that is not there: alike in
//! every dialect.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use flowgate_tests::receiver::{Receiver, Reply};

use super::*;

fn ada(dialect: Dialect) -> String {
    dialect.body(&json!({ "name": "Ada" }))
}

/// `run` without its credential.
fn without_key(dialect: Dialect, server: &TestServer) -> RequestBuilder {
    let mut request = dialect.run(server, "nobody", "w", ada(dialect)).build().unwrap();
    request.headers_mut().remove("authorization");
    RequestBuilder::from_parts(server.client.clone(), request)
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
async fn a_body_may_be_compressed_and_is_bounded_by_what_it_holds() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let bomb = zipped(&vec![b' '; 64 << 20]);
    for dialect in ALL {
        let request = || dialect.run(&server, &key, "w", ada(dialect)).build().unwrap();
        let plain = request().body().unwrap().as_bytes().unwrap().to_vec();
        let send = |body: Vec<u8>| {
            let mut request = request();
            *request.body_mut() = Some(body.into());
            request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
            RequestBuilder::from_parts(server.client.clone(), request)
        };
        let (status, answered) = answer(send(zipped(&plain))).await;
        assert!([200, 202].contains(&status), "{dialect:?}: {answered}");
        let whole = zipped(&plain);
        for broken in [whole[..whole.len() - 4].to_vec(), plain] {
            let (status, refused) = answer(send(broken)).await;
            // For MCP it is no message, whatever its input would be.
            assert!(
                status == 400 && refused.to_string().contains("gzip"),
                "{dialect:?}: {refused}"
            );
        }
        dialect.refused(Case::TooLarge, send(bomb.clone())).await;
    }
}

fn zipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
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
        // Below it there is nothing of its own.
        (Mcp, &[]),
        (Gptbots, &["/v1/workflow", "/v1/workflow/x", "/v1/workflow/invoke/"]),
        (Sim, &["/api", "/api/x", "/api/workflows/a/execute/", "/api/workflows/a/b"]),
        (SimV2, &["/api/v2", "/api/v2/x", "/api/v2/workflows/a/nothing"]),
        (AiFlow, &["/v1/flow", "/v1/flow/a", "/v1/flow/a/run/b/c"]),
        (Chat, &["/v1/chat", "/v1/chat/x", "/v1/models/a/b"]),
        (Responses, &["/v1/responses/a/b", "/v1/responses/a/cancel/b"]),
        (A2a, &[]),
        (A2aRest, &["/a2a", "/a2a/w/x", "/a2a/w/message:x", "/a2a/w/tasks/x/y"]),
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
        (Responses, "/v1/responses/%ff/cancel"),
        (A2aRest, "/a2a/%ff/message:send"),
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
        ("/v1/chat/completions", "/error/code", json!("method_not_allowed")),
        ("/v1/responses/x", "/error/code", json!("method_not_allowed")),
        ("/v1/models", "/error/code", json!("method_not_allowed")),
        ("/a2a/w", "/error/status", json!("UNIMPLEMENTED")),
        ("/a2a/w/tasks/x", "/error/status", json!("UNIMPLEMENTED")),
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
            Gptbots | AiFlow | Mcp | Chat | Responses | A2a | A2aRest => &json!(named),
        };
        assert_eq!(field, &json!(named), "{dialect:?}");
        assert!(refused.message.contains(&named), "{dialect:?}: {refused:?}");
        waiting.abort();
    }
    receiver.let_go();
}
