//! Both eras of the protocol, and how the client recognizes each.

use super::*;

/// A server with sessions, as older ones are: it refuses what it does not know in its own way.
fn with_sessions(
    refusal: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    results: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |request| match (request.verb.as_str(), request.method()) {
        ("POST", "server/discover") => refusal(request),
        ("POST", "initialize") => initialized(request, "2025-06-18", "s-1"),
        ("POST", "notifications/initialized") => answer(202, "", ""),
        ("POST", _) => results(request),
        _ => answer(405, "", ""),
    }
}

fn two_tools(request: &Received) -> Reply {
    result(request, json!({ "tools": [tool("search"), tool("fetch")] }))
}

fn listed() -> Value {
    let schema = json!({ "type": "object" });
    let tool = |name| json!({ "name": name, "description": "d", "input_schema": schema });
    json!({ "tools": [tool("search"), tool("fetch")] })
}

fn names(listed: &Value) -> Vec<&str> {
    let tools = listed["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_stateless_server_gets_no_initialize() {
    let server = Server::stateless(two_tools).await;
    assert_eq!(world().list(&server).await.unwrap(), listed());
    assert_eq!(server.names(), ["server/discover", "tools/list"]);
    for request in server.received() {
        assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(request.header("mcp-method"), Some(request.method()));
        let meta = &request.body["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "flowgate");
        assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    }
}

#[tokio::test]
async fn names_and_marked_arguments_are_headers_too() {
    let server = Server::stateless(|request| result(request, json!({}))).await;
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mirrored = vec![
        pair("Region", "eu 1"),
        pair("Name", "Zoë"),
        pair("Line", "a\r\nx: y"),
        pair("Marked", "=?base64?YQ==?="),
        pair("no name", "x"),
    ];
    let name = "sucheß".to_owned();
    let request = McpRequest::CallTool { name, arguments: Map::new(), mirrored };
    world().send(asking(&server.url, request)).await.unwrap();
    let call = server.received().pop().unwrap();
    let check =
        |name: &str, expected: &str| assert_eq!(call.header(name), Some(expected), "{name}");
    check("mcp-name", "=?base64?c3VjaGXDnw==?=");
    check("mcp-param-region", "eu 1");
    check("mcp-param-name", "=?base64?Wm/Dqw==?=");
    check("mcp-param-line", "=?base64?YQ0KeDogeQ==?=");
    check("mcp-param-marked", "=?base64?PT9iYXNlNjQ/WVE9PT89?=");
    assert_eq!(call.body["params"]["name"], "sucheß");
}

#[tokio::test]
async fn a_server_with_sessions_is_initialized() {
    let refuse = |request: &Received| error(request, 200, -32601, "Method not found");
    let server = Server::start(with_sessions(refuse, two_tools)).await;
    assert_eq!(world().list(&server).await.unwrap(), listed());
    let all = server.received();
    assert_eq!(
        server.names(),
        ["server/discover", "initialize", "notifications/initialized", "tools/list", "DELETE"]
    );
    assert_eq!(all[1].body["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(all[1].header("mcp-protocol-version"), None);
    assert_eq!(all[1].header("mcp-session-id"), None);
    for request in &all[2..] {
        assert_eq!(request.header("mcp-protocol-version"), Some("2025-06-18"), "{request:?}");
        assert_eq!(request.header("mcp-session-id"), Some("s-1"), "{request:?}");
        assert_eq!(request.header("mcp-method"), None);
        assert_eq!(request.body["params"].get("_meta"), None);
    }
    assert_eq!(all[2].body.get("id"), None);
}

type Refusal = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

#[tokio::test]
async fn servers_with_sessions_are_recognized_by_how_they_refuse() {
    let unsupported = |data: Value| {
        move |request: &Received| {
            let error = json!({ "code": -32022, "message": "no", "data": data });
            let body = json!({ "jsonrpc": "2.0", "id": request.body["id"], "error": error });
            answer(400, JSON, &body.to_string())
        }
    };
    let older = json!({ "supported": ["2025-11-25"], "requested": "2026-07-28" });
    let refusals: Vec<Refusal> = vec![
        Box::new(|request| error(request, 200, -32602, "Invalid request parameters")),
        Box::new(|_| answer(400, JSON, r#"{"jsonrpc":"2.0","error":{"code":-32000},"id":null}"#)),
        Box::new(|_| answer(400, "", "Bad Request: no valid session ID")),
        Box::new(|_| answer(404, "", "")),
        Box::new(|_| answer(405, "", "")),
        Box::new(|_| answer(406, JSON, "{}")),
        Box::new(|request| result(request, json!({}))),
        Box::new(|request| result(request, json!({ "supportedVersions": ["2025-06-18"] }))),
        Box::new(unsupported(older)),
        Box::new(unsupported(Value::Null)),
    ];
    for (number, refusal) in refusals.into_iter().enumerate() {
        let server = Server::start(with_sessions(refusal, two_tools)).await;
        let found = world().list(&server).await;
        assert_eq!(found.as_ref().ok(), Some(&listed()), "{number}: {found:?}");
        assert_eq!(server.names()[1], "initialize", "{number}");
    }
}

/// It would meet the same at `initialize`.
#[tokio::test]
async fn a_refusal_that_says_nothing_about_the_era_is_final() {
    let check = async |reply: fn(&Received) -> Reply, expected: (&str, bool)| {
        let server = Server::start(reply).await;
        let error = world().call(&server).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), expected, "{error:?}");
        assert_eq!(server.names(), ["server/discover"]);
        assert!(error.nothing_happened, "no tool was called: {error:?}");
        error
    };
    check(|_| answer(401, "www-authenticate: Bearer\r\n", ""), ("http_status", false)).await;
    check(|_| answer(403, "", "no"), ("http_status", false)).await;
    let busy = check(|_| answer(429, "retry-after: 2\r\n", ""), ("http_status", true)).await;
    assert_eq!(busy.retry_after_ms, Some(2_000));
    check(|_| answer(503, "", ""), ("http_status", true)).await;
    let moved = check(|_| answer(307, "location: /mcp/\r\n", ""), ("http_status", false)).await;
    assert_eq!(moved.message, "server/discover: the server answered 307");
    check(|_| answer(200, "content-type: text/html\r\n", "<p>"), ("invalid_answer", false)).await;
    let other =
        |request: &Received| result(request, json!({ "supportedVersions": ["2030-01-01"] }));
    let error = check(other, ("mcp_error", false)).await;
    assert!(error.message.contains("no version of the protocol among 2026-07-28, 2025-11-25"));
}

#[tokio::test]
async fn an_unknown_version_of_initialize_is_refused() {
    let server = Server::start(|request| match request.method() {
        "initialize" => initialized(request, "1999-01-01", "s"),
        _ => answer(404, "", ""),
    })
    .await;
    assert_eq!(world().list(&server).await.unwrap_err().code, "mcp_error");
    assert_eq!(server.names(), ["server/discover", "initialize"]);
}

#[tokio::test]
async fn a_lost_session_is_begun_anew_once() {
    for (losses, is_found) in [(1, true), (2, false)] {
        let left = Mutex::new(losses);
        let lose = move |request: &Received| {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return answer(404, "", "");
            }
            result(request, saying("ok"))
        };
        let server = Server::start(with_sessions(|_| answer(405, "", ""), lose)).await;
        let found = world().call(&server).await;
        let begun = server.names().iter().filter(|name| *name == "initialize").count();
        assert_eq!((found.is_ok(), begun), (is_found, 2), "{found:?}");
        if let Err(error) = found {
            assert_eq!((error.code.as_str(), error.nothing_happened), ("http_status", false));
        }
    }
}

/// Without a session, 404 means what it says.
#[tokio::test]
async fn what_has_no_session_cannot_lose_it() {
    let server = Server::stateless(|_| answer(404, "", "")).await;
    assert_eq!(world().call(&server).await.unwrap_err().code, "http_status");
    assert_eq!(server.names(), ["server/discover", "tools/call"]);
}

#[tokio::test]
async fn a_session_that_cannot_be_ended_spoils_nothing() {
    for reply in [|| answer(405, "", ""), || answer(500, "", ""), || Reply::Bytes(Vec::new())] {
        let inner = with_sessions(|_| answer(405, "", ""), two_tools);
        let server = Server::start(move |request| match request.verb.as_str() {
            "DELETE" => reply(),
            _ => inner(request),
        })
        .await;
        assert_eq!(world().list(&server).await.unwrap(), listed());
        assert_eq!(server.names().last().unwrap(), "DELETE");
    }
}

#[tokio::test]
async fn questions_of_a_server_get_an_answer_and_change_nothing() {
    let streamed = |request: &Received| {
        let question =
            |id: Value, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if request.body["method"].is_null() {
            return answer(202, "", "");
        }
        let body = events(&[
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": {} }),
            question(json!(1), "sampling/createMessage"),
            question(json!("r"), "roots/list"),
            question(json!(2), "elicitation/create"),
            question(json!(3), "ping"),
            json!({ "jsonrpc": "2.0", "id": 999, "result": saying("of another") }),
            result_of(request, saying("ok")),
        ]);
        answer(200, EVENTS, &format!(": hello\n\nid: 1\ndata:\n\n{body}"))
    };
    let server = Server::start(with_sessions(|_| answer(404, "", ""), streamed)).await;
    assert_eq!(world().call(&server).await.unwrap()["content"], "ok");
    let refused = "error -32601";
    assert_eq!(
        server.names()[3..],
        ["tools/call", refused, refused, refused, "result {}", "DELETE"]
    );
    let replies = server.received();
    let ids: Vec<&Value> = replies[4..8].iter().map(|reply| &reply.body["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("r"), &json!(2), &json!(3)]);
    // The newer era has no such questions.
    let server = Server::stateless(streamed).await;
    assert_eq!(world().call(&server).await.unwrap()["content"], "ok");
    assert_eq!(server.names(), ["server/discover", "tools/call"]);
}

#[tokio::test]
async fn a_list_has_pages() {
    let paged = |request: &Received| {
        let cursor = request.body["params"]["cursor"].as_str();
        let number = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let mut page = json!({ "tools": [tool(&format!("t{number}"))] });
        if number < 3 {
            page["nextCursor"] = (number + 1).to_string().into();
        }
        result(request, page)
    };
    let server = Server::stateless(paged).await;
    assert_eq!(names(&world().list(&server).await.unwrap()), ["t0", "t1", "t2", "t3"]);
    // It reads no further than it must.
    let server = Server::stateless(paged).await;
    let found = world().send(listing(&server.url, &["t1"])).await.unwrap();
    assert_eq!(names(&found), ["t1"]);
    assert_eq!(server.names(), ["server/discover", "tools/list", "tools/list"]);
}
