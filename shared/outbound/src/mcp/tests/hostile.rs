//! Servers that mean harm, or are broken.

use super::*;

async fn fails(
    call: impl Fn(&str) -> McpCall,
    reply: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    code: &str,
) -> CallError {
    let server = Server::stateless(reply).await;
    let error = world().send(call(&server.url)).await.unwrap_err();
    assert_eq!(error.code, code, "{error:?}");
    error
}

fn list(url: &str) -> McpCall {
    listing(url, &[])
}

#[tokio::test]
async fn an_endless_list_ends() {
    let endless = |is_same: bool| {
        let count = Mutex::new(0);
        move |request: &Received| {
            let mut count = count.lock().unwrap();
            *count += 1;
            let next = if is_same { "x".to_owned() } else { count.to_string() };
            result(request, json!({ "tools": [], "nextCursor": next }))
        }
    };
    let error = fails(list, endless(false), "mcp_error").await;
    assert_eq!(error.message, "the list of tools has more than 20 pages");
    let error = fails(list, endless(true), "mcp_error").await;
    assert_eq!(error.message, "the list of tools leads to the same page again");
}

fn with_schema(name: &str, schema: Value) -> Value {
    json!({ "name": name, "inputSchema": schema })
}

fn padded(bytes: usize) -> Value {
    json!({ "type": "object", "description": "x".repeat(bytes) })
}

#[tokio::test]
async fn a_list_is_bounded() {
    let tools = |tools: Vec<Value>| {
        move |request: &Received| result(request, json!({ "tools": tools.clone() }))
    };
    let many: Vec<Value> = (0..129).map(|n| tool(&format!("t{n}"))).collect();
    fails(list, tools(many.clone()), "mcp_error").await;
    fails(list, tools(vec![with_schema("a", padded(1 << 20))]), "value_too_large").await;
    fails(list, tools(vec![with_schema("a", padded(64 << 10))]), "value_too_large").await;
    let large = |n: usize| with_schema(&n.to_string(), padded(60 << 10));
    fails(list, tools((0..18).map(large).collect()), "value_too_large").await;
    let described = json!({
        "name": "a", "description": "x".repeat(1 << 20), "inputSchema": { "type": "object" }
    });
    fails(list, tools(vec![described]), "value_too_large").await;
    // What is not wanted is not counted.
    let mut mixed = many;
    mixed.push(with_schema("huge", padded(1 << 20)));
    let server = Server::stateless(tools(mixed)).await;
    let found = world().send(listing(&server.url, &["t128"])).await.unwrap();
    assert_eq!(found["tools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_tool_has_a_name_and_takes_an_object() {
    let listed =
        |tool: Value| move |request: &Received| result(request, json!({ "tools": [tool.clone()] }));
    for tool in [
        json!({}),
        json!({ "name": "", "inputSchema": {} }),
        json!({ "name": "x".repeat(257), "inputSchema": {} }),
        json!({ "name": "a" }),
        json!({ "name": "a", "inputSchema": [] }),
        json!({ "name": "a", "inputSchema": { "type": "array" } }),
        json!(7),
    ] {
        fails(list, listed(tool), "invalid_answer").await;
    }
    fails(list, |request| result(request, json!({ "tools": {} })), "invalid_answer").await;
    // A schema without a type is one of an object.
    let server = Server::stateless(listed(with_schema("a", json!({})))).await;
    let found = world().list(&server).await.unwrap();
    assert_eq!(found["tools"][0]["input_schema"], json!({ "type": "object" }));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_the_limit() {
    let endless = |headers: &'static str, part: &'static str| {
        move |_: &Received| Reply::Endless(head(200, headers), part.repeat(1_000).into())
    };
    for part in [
        ": nothing\n\n",
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n",
        "data: x",
        "data: x\n",
        "event: other\ndata: x\n\n",
        "id: 1\ndata:\n\n",
    ] {
        fails(calling, endless(EVENTS, part), "value_too_large").await;
    }
    fails(calling, endless(JSON, " "), "value_too_large").await;
    fails(calling, endless(JSON, "[["), "value_too_large").await;
    let announced =
        |_: &Received| Reply::Stuck(head(200, &format!("{JSON}content-length: 1000000000\r\n")));
    fails(calling, announced, "value_too_large").await;
    // Small answers add up.
    let page = |request: &Received| {
        let next = request.body["id"].to_string();
        let padding = "x".repeat(1 << 20);
        result(request, json!({ "tools": [], "nextCursor": next, "padding": padding }))
    };
    fails(list, page, "value_too_large").await;
}

#[tokio::test]
async fn a_failure_without_end_is_cut() {
    let endless = |_: &Received| Reply::Endless(head(500, JSON), vec![b'x'; 4_096]);
    let error = fails(calling, endless, "http_status").await;
    assert_eq!(error.output.unwrap()["data"].as_str().unwrap().len(), 64 << 10);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let check = async |reply: fn(&Received) -> Reply, code: &str, message: &str| {
        let error = fails(calling, reply, code).await;
        assert_eq!(error.message, format!("tools/call: {message}"));
    };
    let not_json = "the server sent what is not JSON";
    check(|_| answer(200, JSON, "<html>"), "invalid_answer", not_json).await;
    check(|_| answer(200, JSON, ""), "invalid_answer", not_json).await;
    check(|_| answer(200, EVENTS, "data: {\n\n"), "invalid_answer", not_json).await;
    check(|_| answer(200, JSON, &"[".repeat(100_000)), "invalid_answer", not_json).await;
    let no_message = "the server sent what is no message of JSON-RPC";
    check(|_| answer(200, JSON, "[]"), "invalid_answer", no_message).await;
    let html = |_: &Received| answer(200, "content-type: text/html\r\n", "<p>");
    let no_type = "the server answered neither JSON nor an event stream";
    check(html, "invalid_answer", no_type).await;
    check(|_| answer(202, "", ""), "mcp_error", "the server did not answer").await;
    let no_object = |request: &Received| {
        let body = json!({ "jsonrpc": "2.0", "id": request.body["id"], "result": 7 });
        answer(200, JSON, &body.to_string())
    };
    let neither = "the server's answer has neither result nor error";
    check(no_object, "invalid_answer", neither).await;
    let not_text = |_: &Received| {
        let mut bytes = head(200, EVENTS);
        bytes.extend_from_slice(b"data: \xff\n\n");
        Reply::Bytes(bytes)
    };
    check(not_text, "invalid_answer", "the server's stream cannot be read").await;
    let packed = |_: &Received| answer(200, &format!("{JSON}content-encoding: gzip\r\n"), "x");
    check(packed, "invalid_answer", "the server compressed its answer, unasked").await;
    let ended = "the server's stream ended before its answer";
    check(|_| answer(200, EVENTS, ""), "mcp_error", ended).await;
    let others = |_: &Received| answer(200, EVENTS, "data: {\"id\":7,\"result\":{}}\n\n");
    check(others, "mcp_error", ended).await;
}

#[tokio::test]
async fn an_answer_to_another_request_is_none() {
    for id in ["7", "\"2\"", "null", "2.5", "-2", "{}"] {
        let reply = move |_: &Received| {
            answer(200, JSON, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#))
        };
        let error = fails(calling, reply, "mcp_error").await;
        assert_eq!(error.message, "tools/call: the server answered another request", "{id}");
    }
}

#[tokio::test]
async fn a_server_that_asks_without_end_is_left() {
    let questions = |_: &Received| {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": "roots/list" });
        answer(200, EVENTS, &events(&vec![question; 17]))
    };
    let error = fails(calling, questions, "mcp_error").await;
    assert_eq!(error.message, "tools/call: the server asks too much of its client");
}

#[tokio::test]
async fn a_stream_that_never_ends_meets_the_timeout_of_its_call() {
    let (asked, is_asked) = watch::channel(false);
    let server = Server::stateless(move |_| {
        asked.send_replace(true);
        Reply::Stuck([head(200, EVENTS), b": wait\n\n".to_vec()].concat())
    })
    .await;
    let error = world().call_until(&server, is_asked).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("timeout", true));
}

/// The rest of a stream is not waited for.
#[tokio::test]
async fn an_answer_ends_the_reading_of_its_stream() {
    let server = Server::stateless(|request| {
        let body = events(&[result_of(request, saying("ok"))]);
        Reply::Stuck([head(200, EVENTS), body.into()].concat())
    })
    .await;
    assert_eq!(world().call(&server).await.unwrap()["content"], "ok");
}

#[tokio::test]
async fn a_timeout_ends_the_session() {
    let (asked, is_asked) = watch::channel(false);
    let server = Server::start(move |request| match (&*request.verb, request.method()) {
        (_, "server/discover") => answer(405, "", ""),
        (_, "initialize") => initialized(request, "2025-11-25", "s"),
        (_, "notifications/initialized") | ("DELETE", _) => answer(202, "", ""),
        _ => {
            asked.send_replace(true);
            Reply::Stuck(Vec::new())
        }
    })
    .await;
    let error = world().call_until(&server, is_asked).await.unwrap_err();
    assert_eq!(error.code, "timeout");
    assert_eq!(server.names().last().unwrap(), "DELETE");
}

#[tokio::test]
async fn the_id_of_a_session_is_bounded() {
    let server = Server::start(|request| match request.method() {
        "initialize" => initialized(request, "2025-11-25", &"x".repeat(1_025)),
        _ => answer(405, "", ""),
    })
    .await;
    let error = world().list(&server).await.unwrap_err();
    assert_eq!(error.message, "the id of the session is too long");
}

/// What is read is counted before it is kept.
#[tokio::test]
async fn an_answer_takes_no_memory_that_is_not_there() {
    let long = |request: &Received| result(request, saying(&"x".repeat(1 << 20)));
    let server = Server::stateless(long).await;
    let mut world = world();
    assert!(world.call(&server).await.is_ok());
    world.memory = Memory::new(MemoryLimits { process: 2 << 20, holder: 2 << 20 });
    let error = world.call(&server).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("overloaded", true));
}
