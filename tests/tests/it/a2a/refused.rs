//! Versions that are not ours, hostile bodies, methods that are not there.

use super::*;

#[tokio::test]
async fn another_version_is_refused() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for binding in BINDINGS {
        let request = |version: Option<&str>| {
            let sent = message("m", json!([{ "text": "x" }]));
            let request = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", sent);
            let mut request = request.build().unwrap();
            match version {
                Some(version) => {
                    request.headers_mut().insert("a2a-version", version.parse().unwrap());
                }
                None => drop(request.headers_mut().remove("a2a-version")),
            }
            RequestBuilder::from_parts(server.client.clone(), request)
        };
        for version in [None, Some(""), Some("0.3"), Some("2.0"), Some("1")] {
            let reason = binding.reason(request(version)).await;
            assert_eq!(reason, "VERSION_NOT_SUPPORTED", "{version:?}");
        }
        // An agent that is not there has no version.
        let nowhere = binding.call(&server, ADMIN_KEY, "nowhere", "SendMessage", json!({}));
        let nowhere = nowhere.header("a2a-version", "0.3");
        let (status, body) = answer(nowhere).await;
        assert_eq!((status, body["error"]["message"].as_str()), (404, Some("workflow not found")));
        assert_eq!(answer(request(Some("1.0.4"))).await.0, 200);
    }
    let query = server.get("/a2a/greet/tasks?A2A-Version=1.0&pageSize=1", ADMIN_KEY);
    assert_eq!(answer(query).await.1["tasks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_request_of_json_rpc_is_refused() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let call =
        |body: String| server.post("/a2a/greet", ADMIN_KEY).header("a2a-version", "1.0").body(body);
    for (body, code, reason) in [
        ("{", -32700, "PARSE_ERROR"),
        ("", -32700, "PARSE_ERROR"),
        ("[]", -32600, "INVALID_REQUEST"),
        ("7", -32600, "INVALID_REQUEST"),
        ("{}", -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"GetTask"}"#, -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"2.0","method":"GetTask"}"#, -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"GetTask"}"#, -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":[1]}"#, -32600, "INVALID_REQUEST"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"GetTask"}"#, -32602, "INVALID_PARAMS"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":[]}}"#,
            -32602,
            "INVALID_PARAMS",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"message/send"}"#, -32601, "METHOD_NOT_FOUND"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"XConfig"}"#, -32601, "METHOD_NOT_FOUND"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"GetExtendedAgentCard"}"#,
            -32007,
            "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
        ),
    ] {
        let (status, answered) = answer(call(body.to_owned())).await;
        let error = &answered["error"];
        assert_eq!((status, &error["code"]), (200, &json!(code)), "{body}: {answered}");
        assert_eq!(error["data"][0]["reason"], reason, "{body}");
        assert_eq!(error["data"][0]["domain"], "a2a-protocol.org");
    }
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let many = format!("[{}1]", "1,".repeat(100_001));
    for body in [deep, many] {
        let (status, answered) = answer(call(body)).await;
        assert_eq!((status, &answered["error"]["code"]), (200, &json!(-32700)));
    }
}

#[tokio::test]
async fn wrong_messages_start_nothing_and_name_what_is_wrong() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for binding in BINDINGS {
        for (params, wrong) in [
            (json!({}), "message"),
            (json!({ "message": [] }), "message"),
            (
                json!({ "message": { "role": "ROLE_USER", "parts": [{ "text": "x" }] } }),
                "messageId",
            ),
            (message("m", json!([])), "parts"),
            (message("m", json!([{ "text": "x", "url": "y" }])), "parts[0]"),
            (message("m", json!([{ "data": 7 }])), "parts[0].data"),
            (message("m", json!([{ "raw": "%" }])), "parts[0].raw"),
            (message("m", json!([{ "data": { "n": 1 } }])), "name"),
            (message("m", json!([{ "data": { "name": "x", "n": "y" } }])), "n must"),
            (message("m", json!([{ "data": { "name": "x", "odd": 1 } }])), "odd"),
            (message(&"x".repeat(300), json!([{ "text": "x" }])), "messageId"),
        ] {
            let request = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", params.clone());
            let (_, body) = answer(request).await;
            let said = body["error"]["message"].as_str().unwrap_or_else(|| panic!("{body}"));
            assert!(said.contains(wrong), "{params}: {said}");
            let request = binding.call(&server, ADMIN_KEY, "greet", "SendStreamingMessage", params);
            assert_eq!(binding.reason(request).await, "INVALID_PARAMS");
        }
    }
    let listed = answer(server.get("/v1/workflows/greet/runs", ADMIN_KEY)).await.1;
    assert_eq!(listed["items"], json!([]));
}
