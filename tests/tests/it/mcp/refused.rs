//! What is refused, with which status and code.

use flowgate_tests::server::challenge;

use super::*;
use crate::limits::{allowance, limited_key, retry_after};

/// Status and code of the error.
async fn refused(request: RequestBuilder) -> (u16, i64, Value) {
    let (status, body) = answer(request).await;
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    (status, body["error"]["code"].as_i64().unwrap_or_else(|| panic!("{body}")), body)
}

#[tokio::test]
async fn a_key_is_asked_for_and_nothing_else() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let reader = server.key(&["greet"], &["read"]).await;
    let runner = server.key(&["greet"], &["run"]).await;
    let greeted = Era::Handshake.call(&server, &runner, "greet", json!({ "name": "Ada" }));
    let greeted = Era::Handshake.result(greeted).await;
    for era in ERAS {
        let list = era.ask(&server, "fg_wrong", "tools/list", json!({})).send().await.unwrap();
        assert_eq!(challenge(&list), "Bearer", "it names no server that gives tokens");
        assert_eq!(list.status(), 401);
        let list = era.ask(&server, &reader, "tools/list", json!({}));
        let (status, _, body) = refused(list).await;
        assert_eq!((status, &body["error"]["data"]["code"]), (403, &json!("forbidden")));
        let run = json!({ "run_id": run_of(&greeted) });
        for (key, tool) in [(&reader, "greet"), (&runner, "get_run"), (&runner, "cancel_run")] {
            let (status, code, _) = refused(era.call(&server, key, tool, run.clone())).await;
            assert_eq!((status, code), (403, -32000), "{tool}");
        }
    }
    for path in [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let browser = server.get(path, "").header("accept", "text/html");
        assert_eq!(answer(browser).await.0, 404, "{path}");
    }
    assert_eq!(answer(server.post("/register", "").json(&json!({}))).await.0, 404);
}

#[tokio::test]
async fn a_tool_that_is_none_is_an_error_of_the_protocol() {
    let server = TestServer::start().await;
    server.publish("other", GREET).await;
    let draft = server.request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(GREET);
    assert_eq!(answer(draft).await.0, 200);
    let key = server.key(&["greet", "draft"], &["run"]).await;
    for (era, status) in [(Era::Handshake, 200), (Era::Stateless, 400)] {
        for tool in ["greet", "other", "draft", "no/tool", ""] {
            let (found, code, body) = refused(era.call(&server, &key, tool, json!({}))).await;
            assert_eq!((found, code, &body["id"]), (status, -32602, &json!("q-1")), "{tool}");
        }
        for params in [
            json!({}),
            json!({ "name": 1 }),
            json!({ "name": "greet", "arguments": [] }),
            json!({ "name": "greet", "_meta": { "progressToken": {} } }),
        ] {
            let request = era.ask(&server, &key, "tools/call", params.clone());
            let request = match (era, params["name"].is_string()) {
                // It mirrors a text only.
                (Era::Stateless, false) => continue,
                _ => request,
            };
            let (found, code, _) = refused(request).await;
            assert_eq!((found, code), (status, -32602), "{params}");
        }
    }
}

#[tokio::test]
async fn methods_and_revisions_that_are_unknown() {
    let server = TestServer::start().await;
    let key = server.key(&["*"], &["run"]).await;
    for (era, status, methods) in [
        (Era::Handshake, 200, ["server/discover", "resources/list", "tasks/get", ""]),
        (Era::Stateless, 404, ["ping", "prompts/list", "subscriptions/listen", "x"]),
    ] {
        for method in methods {
            let (found, code, _) = refused(era.ask(&server, &key, method, json!({}))).await;
            assert_eq!((found, code), (status, -32601), "{method}");
        }
    }
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list" });
    let request = |version: &str| {
        let request = server.post("/mcp", &key).header("accept", BOTH).json(&message);
        request.header("mcp-protocol-version", version)
    };
    let (status, code, body) = refused(request("2030-01-01")).await;
    assert_eq!((status, code, &body["id"]), (400, -32022, &json!(7)));
    assert_eq!(body["error"]["data"]["requested"], "2030-01-01");
    let (status, code, _) = refused(request(STATELESS)).await;
    assert_eq!((status, code), (400, -32020), "the body does not say it");
    let call = Era::Stateless.call(&server, &key, "greet", json!({}));
    let (status, code, _) = refused(call.header("mcp-name", "other")).await;
    assert_eq!((status, code), (400, -32020));
}

#[tokio::test]
async fn bodies_that_are_no_message() {
    let server = TestServer::start().await;
    let key = server.key(&["*"], &["run"]).await;
    let send = |body: String| server.post("/mcp", &key).header("accept", BOTH).body(body);
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", -32700),
    ] {
        let (status, found, body) = refused(send(body.to_owned())).await;
        assert_eq!((status, found, &body["id"]), (400, code, &Value::Null));
    }
    let (status, _, body) = refused(send("x".repeat((4 << 20) + 1))).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (413, &json!("too_large")));
    let (status, ..) = refused(send("{}".to_owned()).header("content-encoding", "br")).await;
    assert_eq!(status, 415);
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    for accept in ["application/json", "text/event-stream", "text/html"] {
        let request = server.post("/mcp", &key).header("accept", accept).body(ping);
        assert_eq!(refused(request).await.0, 406, "{accept}");
    }
}

#[tokio::test]
async fn pages_of_foreign_origins() {
    let server = TestServer::start_with(|settings| {
        settings.allowed_origins =
            flowgate_app::origin::AllowedOrigins::parse("https://listed.example").unwrap();
    })
    .await;
    let request = json!({
        "name": "k", "workflows": "*", "scopes": ["run"], "origins": ["https://key.example"]
    });
    let made = answer(server.post("/v1/keys", ADMIN_KEY).json(&request)).await.1;
    let key = made["key"].as_str().unwrap();
    let own = server.public_url.split('/').take(3).collect::<Vec<_>>().join("/");
    for (origin, status) in [
        ("https://listed.example", 200),
        ("https://key.example", 200),
        (own.as_str(), 200),
        ("https://foreign.example", 403),
        ("null", 403),
        ("https://listed.example.org", 403),
    ] {
        let ask = Era::Handshake.ask(&server, key, "tools/list", json!({}));
        let answered = ask.header("origin", origin).send().await.unwrap();
        assert_eq!(answered.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn a_workflow_that_calls_itself_as_a_tool_ends() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for era in ERAS {
        let call = |hops| {
            let call = era.call(&server, ADMIN_KEY, "greet", json!({ "name": "Ada" }));
            call.header("flowgate-hops", hops)
        };
        let (status, _, body) = refused(call("25")).await;
        assert_eq!((status, &body["error"]["data"]["code"]), (508, &json!("loop_detected")));
        assert_eq!(era.result(call("24")).await["isError"], false);
    }
}

#[tokio::test]
async fn the_limits_of_a_key_count_calls() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for era in ERAS {
        let key = limited_key(&server, json!({ "requests_per_minute": 1 })).await;
        let call = || era.call(&server, &key, "greet", json!({ "name": "Ada" })).send();
        let allowed = call().await.unwrap();
        assert_eq!((allowed.status().as_u16(), allowance(&allowed).unwrap()[1]), (200, 0));
        let list = era.ask(&server, &key, "tools/list", json!({})).send().await.unwrap();
        assert_eq!(list.status(), 200, "only starts count");
        let over = call().await.unwrap();
        assert!((1..=60).contains(&retry_after(&over)));
        let (status, body) = json_of(over).await;
        assert_eq!((status, &body["error"]["data"]["code"]), (429, &json!("rate_limited")));
        assert_eq!(body["id"], "q-1");
    }
}
