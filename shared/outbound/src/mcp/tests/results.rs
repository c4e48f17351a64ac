//! What a call leaves, and what goes out with it.

use super::*;

async fn said(value: Value) -> Result<Value, CallError> {
    let server = Server::stateless(move |request| result(request, value.clone())).await;
    world().call(&server).await
}

#[tokio::test]
async fn a_result_is_text() {
    let check = async |value: Value, content: &str, structured: Value, is_error: bool| {
        let expected =
            json!({ "content": content, "structured": structured, "is_error": is_error });
        assert_eq!(said(value.clone()).await.unwrap(), expected, "{value}");
    };
    let text = |text: &str| json!({ "type": "text", "text": text });
    check(json!({ "content": [text("a"), text("b")] }), "a\nb", Value::Null, false).await;
    let structured = json!({ "n": [1] });
    let complete = json!({
        "resultType": "complete", "content": [], "structuredContent": structured
    });
    check(complete, "", structured, false).await;
    check(json!({ "content": [text("no")], "isError": true }), "no", Value::Null, true).await;
    check(json!({}), "", Value::Null, false).await;
    let image = json!({ "type": "image", "mimeType": "image/png", "data": "AAAAAA==" });
    let pdf = json!({ "uri": "u", "mimeType": "application/pdf", "blob": "AAAA" });
    for (part, expected) in [
        (image, "[image: image/png, 4 bytes]"),
        (json!({ "type": "audio" }), "[audio: of unknown type, 0 bytes]"),
        (json!({ "type": "resource_link", "uri": "file:///x" }), "[link: file:///x]"),
        (json!({ "type": "resource", "resource": { "uri": "u", "text": "whole" } }), "whole"),
        (json!({ "type": "resource", "resource": pdf }), "[resource u: application/pdf, 3 bytes]"),
        (json!({ "type": "video" }), "[video]"),
        (json!(7), "[a part of no type]"),
    ] {
        check(json!({ "content": [part] }), expected, Value::Null, false).await;
    }
}

#[tokio::test]
async fn a_result_of_another_kind_is_refused() {
    for (value, code) in [
        (json!({ "resultType": "input_required", "inputRequests": {} }), "mcp_error"),
        (json!({ "resultType": "task", "taskId": "t" }), "mcp_error"),
        (json!({ "content": "text" }), "invalid_answer"),
    ] {
        assert_eq!(said(value.clone()).await.unwrap_err().code, code, "{value}");
    }
}

#[tokio::test]
async fn errors_say_what_the_server_said() {
    let check = async |status: u16, code: i64, expected: (&str, bool)| {
        let reply = move |request: &Received| error(request, status, code, "it broke");
        let error = world().call(&Server::stateless(reply).await).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), expected, "{status} {code}");
        error
    };
    let error = check(200, -32602, ("mcp_error", false)).await;
    assert_eq!(error.message, "tools/call failed with -32602: it broke");
    assert!(!error.nothing_happened);
    check(400, -32020, ("mcp_error", false)).await;
    check(404, -32601, ("mcp_error", false)).await;
    check(200, -32603, ("mcp_error", true)).await;
    let error = check(500, -32603, ("http_status", true)).await;
    assert_eq!(error.output.unwrap()["status"], 500);
    check(401, -32001, ("http_status", false)).await;
}

#[tokio::test]
async fn the_headers_of_the_author_go_along() {
    let echo = |request: &Received| {
        let sent = request.header("authorization").unwrap_or_default();
        result(request, saying(sent))
    };
    let server = Server::stateless(echo).await;
    let headers = vec![
        authorization(),
        ("x-none".into(), Rendered::Json(Value::Null)),
        ("mcp-session-id".into(), Rendered::Json("mine".into())),
        ("accept".into(), Rendered::Json("text/html".into())),
    ];
    let found = world().send(McpCall { headers, ..calling(&server.url) }).await.unwrap();
    assert_eq!(found["content"], "Bearer ***");
    let expected = format!("Bearer {SECRET}");
    for request in server.received() {
        assert_eq!(request.header("authorization"), Some(expected.as_str()));
        assert_eq!((request.header("x-none"), request.header("mcp-session-id")), (None, None));
        assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
        assert_eq!(request.header("flowgate-hops"), Some("0"));
    }
}

/// A message that is cut must not show the start of a secret.
#[tokio::test]
async fn no_error_shows_a_secret() {
    for before in [0, 490, 495] {
        let server = Server::stateless(move |request| {
            error(request, 200, -32000, &format!("{}{SECRET}", "x".repeat(before)))
        })
        .await;
        let headers = vec![authorization()];
        let call = McpCall { headers, ..calling(&server.url) };
        let message = world().send(call).await.unwrap_err().message;
        assert!(message.starts_with("tools/call failed with -32000: "), "{message}");
        assert!(!message.contains(&SECRET[..3]), "{message}");
    }
}

#[tokio::test]
async fn a_secret_goes_only_where_it_may() {
    let server = Server::stateless(|request| result(request, json!({}))).await;
    let settings = || OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let check = async |world: World, url: RenderedUrl, code: &str| {
        let call = McpCall { url, headers: vec![authorization()], ..calling("") };
        assert_eq!(world.send(call).await.unwrap_err().code, code);
        assert_eq!(server.names(), [""; 0]);
    };
    let of_author = || RenderedUrl::of_author(&server.url);
    let given = RenderedUrl(vec![Piece::Value(server.url.clone())]);
    check(world(), given, "refused_secret").await;
    check(world_with(settings(), &["other.example"]), of_author(), "refused_secret").await;
    let lets_http = OutboundSettings { allow_http: true, ..OutboundSettings::default() };
    check(world_with(lets_http, &[]), of_author(), "refused_address").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_called() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let error = world().send(calling(&url)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.nothing_happened), ("connect", true));
}
