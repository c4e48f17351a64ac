use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

/// Status and body of a refusal.
async fn shown(refusal: Refusal, era: Era) -> (u16, Value) {
    let id = Id::read(json!("x")).unwrap();
    let response = refusal.answer(&id, era);
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn code(refusal: Refusal) -> (u16, i64) {
    let (status, body) = shown(refusal, Era::Stateless).await;
    (status, body["error"]["code"].as_i64().unwrap())
}

fn request(body: &Value) -> Request {
    match Message::read(body.to_string().as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Notification => panic!("{body} wants no answer"),
    }
}

fn header_map(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut all = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        all.append(name, value);
    }
    all
}

#[test]
fn ids_come_back_as_they_were_sent() {
    for id in ["1", "-9007199254740993", "18446744073709551615", "\"\"", "\"a \\u00fc\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let Ok(Message::Request(request)) = Message::read(body.as_bytes()) else { panic!("{id}") };
        let sent: Value = serde_json::from_str(id).unwrap();
        assert_eq!(serde_json::to_value(&request.id).unwrap(), sent);
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    for (body, expected) in [
        ("{", -32700),
        ("", -32700),
        ("\u{0}", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        ("1", -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":99999999999999999999999,"method":"ping"}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
    ] {
        let refusal = Message::read(body.as_bytes()).unwrap_err();
        assert_eq!(code(refusal).await, (400, expected), "{body}");
    }
}

#[test]
fn notifications_and_answers_want_no_answer() {
    for body in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "x" } }),
    ] {
        let read = Message::read(body.to_string().as_bytes()).unwrap();
        assert!(matches!(read, Message::Notification), "{body}");
    }
}

const STATELESS: &str = "2026-07-28";

fn stateless(method: &str, more: Value) -> Request {
    let mut params = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

#[test]
fn a_request_says_its_era() {
    let plain = request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    for version in [&[][..], &[("mcp-protocol-version", "2025-06-18")]] {
        assert_eq!(headers::era_of(&header_map(version), &plain).unwrap(), Era::Handshake);
    }
    let list = [("mcp-protocol-version", STATELESS), ("mcp-method", "tools/list")];
    let era = headers::era_of(&header_map(&list), &stateless("tools/list", json!({})));
    assert_eq!(era.unwrap(), Era::Stateless);
    for name in ["w", "=?base64?dw==?="] {
        let call =
            [("mcp-protocol-version", STATELESS), ("mcp-method", "tools/call"), ("mcp-name", name)];
        let era =
            headers::era_of(&header_map(&call), &stateless("tools/call", json!({ "name": "w" })));
        assert_eq!(era.unwrap(), Era::Stateless, "{name}");
    }
    let begin = request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" }));
    assert_eq!(headers::era_of(&header_map(&list), &begin).unwrap(), Era::Handshake);
}

#[tokio::test]
async fn headers_that_differ_from_the_body_are_refused() {
    let version = ("mcp-protocol-version", STATELESS);
    let call = || stateless("tools/call", json!({ "name": "w" }));
    for wrong in [
        vec![],
        vec![version],
        vec![version, ("mcp-method", "tools/list"), ("mcp-name", "w")],
        vec![version, ("mcp-method", "tools/call")],
        vec![version, ("mcp-method", "tools/call"), ("mcp-name", "v")],
        vec![version, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?!?=")],
        vec![version, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?/w==?=")],
        vec![version, ("mcp-method", "tools/call"), ("mcp-name", "w"), ("mcp-name", "w")],
        vec![version, version, ("mcp-method", "tools/call"), ("mcp-name", "w")],
        vec![("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call")],
    ] {
        let refusal = headers::era_of(&header_map(&wrong), &call()).unwrap_err();
        assert_eq!(code(refusal).await, (400, -32020), "{wrong:?}");
    }
    let plain = request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let refusal = headers::era_of(&header_map(&[version]), &plain).unwrap_err();
    assert_eq!(code(refusal).await, (400, -32020), "the body does not say it");
}

#[tokio::test]
async fn an_unknown_revision_is_named_beside_the_known_ones() {
    let plain = request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let named = header_map(&[("mcp-protocol-version", "2030-01-01")]);
    let (status, body) = shown(headers::era_of(&named, &plain).unwrap_err(), Era::Stateless).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(-32022)));
    assert_eq!(body["error"]["data"]["requested"], "2030-01-01");
    let known = json!([STATELESS, "2025-11-25", "2025-06-18", "2025-03-26"]);
    assert_eq!(body["error"]["data"]["supported"], known);
    assert_eq!(body["id"], "x");
    assert_eq!(code(headers::check_version(&named).unwrap_err()).await, (400, -32022));
    assert!(headers::check_version(&HeaderMap::new()).is_ok());
}

#[tokio::test]
async fn an_error_of_the_protocol_has_the_status_of_its_era() {
    for (era, unknown, wrong) in [(Era::Handshake, 200, 200), (Era::Stateless, 404, 400)] {
        let (status, body) = shown(Refusal::unknown_method("x"), era).await;
        assert_eq!((status, &body["error"]["code"]), (unknown, &json!(-32601)));
        let (status, body) = shown(Refusal::invalid_params("x"), era).await;
        assert_eq!((status, &body["error"]["code"]), (wrong, &json!(-32602)));
    }
}

#[test]
fn both_types_must_be_accepted() {
    for accepted in [
        &["application/json, text/event-stream"][..],
        &["text/event-stream", "application/json;q=0.5"],
        &["*/*"],
        &["Application/*, text/*"],
    ] {
        let named: Vec<_> = accepted.iter().map(|value| ("accept", *value)).collect();
        assert!(check_accept(&header_map(&named)).is_ok(), "{accepted:?}");
    }
    for refused in [&[][..], &["application/json"], &["text/event-stream"], &["text/html"]] {
        let named: Vec<_> = refused.iter().map(|value| ("accept", *value)).collect();
        assert!(check_accept(&header_map(&named)).is_err(), "{refused:?}");
    }
}
