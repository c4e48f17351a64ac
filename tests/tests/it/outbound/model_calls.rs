//! Calls of models: streams, prices, schemas, and keys that never come back.

use super::*;

fn sse(frames: &[Value], end: &str) -> Response {
    let mut body: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    body.push_str(end);
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn delta(content: &str) -> Value {
    json!({
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": null }]
    })
}

fn end_frames() -> [Value; 2] {
    [
        json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
        json!({
            "id": "c",
            "choices": [],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100 }
        }),
    ]
}

fn said(words: &[&str]) -> Response {
    let frames: Vec<_> = words.iter().map(|word| delta(word)).chain(end_frames()).collect();
    sse(&frames, "data: [DONE]\n\n")
}

/// An upstream that speaks OpenAI's protocol. The request's path selects its answer.
async fn upstream(seen: Arc<Mutex<Vec<Value>>>) -> String {
    let handler = async move |request: Request| {
        let key = request
            .headers()
            .get("authorization")
            .map(|key| key.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        seen.lock().unwrap().push(json!({ "key": key, "path": path, "body": body }));
        match path.split('/').nth(1).unwrap() {
            "says" => said(&["Once ", "upon", " a time"]),
            "cut" => sse(&[delta("Once ")], ""),
            "error-in-200" => axum::Json(
                json!({ "error": { "message": "quota is gone", "type": "insufficient_quota" } }),
            )
            .into_response(),
            "error-in-stream" => sse(
                &[
                    delta("Once "),
                    json!({ "error": { "message": "overloaded", "type": "server_error" } }),
                ],
                "",
            ),
            "unauthorized" => (
                StatusCode::UNAUTHORIZED,
                axum::Json(json!({ "error": { "message": format!("Incorrect API key: {key}") } })),
            )
                .into_response(),
            "busy" => (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response(),
            "moved" => {
                (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]).into_response()
            }
            "leaks" => said(&["your key is sk-sec", "ret-", "1234, right?"]),
            "json" => said(&["{\"title\":", "\"Ada\",\"words\":3}"]),
            "not-json" => said(&["I would say three"]),
            "garbage" => sse(&[], "data: {not json}\n\n"),
            other => panic!("{other}"),
        }
    };
    serve(Router::new().fallback(any(handler))).await
}

#[tokio::test]
async fn a_model_streams_and_is_counted() {
    let seen = Arc::default();
    let url = upstream(Arc::clone(&seen)).await;
    let call = ModelCall {
        temperature: Some(0.5),
        ..model("openai/gpt-5-mini", Some(format!("{url}/says/v1")), "A story")
    };
    let (result, chunks) = model_world().model(call).await;
    let output = result.unwrap();
    // In whole words: chunks show nothing of a secret.
    let (last, words) = chunks.split_last().unwrap();
    assert!(words.iter().all(|chunk| chunk.ends_with(' ')) && last == "time", "{chunks:?}");
    assert_eq!(chunks.concat(), "Once upon a time");
    assert_eq!(
        output.value,
        json!({
            "content": "Once upon a time",
            "model": "openai/gpt-5-mini",
            "tokens": { "input": 1000, "output": 100, "total": 1100 },
            "finish_reason": "stop",
            "tool_calls": [],
            "cost": 0.00045
        })
    );
    assert_eq!((output.tokens, output.cost_nano_usd), (Some(1100), Some(450_000)));
    let seen = seen.lock().unwrap();
    assert_eq!(
        (&seen[0]["key"], &seen[0]["path"]),
        (&json!("Bearer sk-secret-1234"), &json!("/says/v1/chat/completions"))
    );
    assert_eq!(seen[0]["body"]["model"], "gpt-5-mini");
    assert_eq!(seen[0]["body"]["stream"], true);
    assert_eq!(seen[0]["body"]["messages"][1], json!({ "role": "user", "content": "A story" }));
}

#[tokio::test]
async fn where_a_model_is_comes_from_secrets_too() {
    let seen = Arc::default();
    let url = upstream(Arc::clone(&seen)).await;
    let world = world_with_secrets(&[
        ("MINE_BASE_URL", &format!("{url}/says/v1/")),
        ("MINE_API_KEY", "mine-key"),
        ("OTHER_KEY", "other-key"),
    ]);
    let (result, _) = world.model(model("mine/any/model", None, "x")).await;
    let output = result.unwrap();
    assert_eq!(
        (&output.value["cost"], output.cost_nano_usd),
        (&Value::Null, None),
        "an unknown price is not 0"
    );
    let own_key =
        ModelCall { api_key: Some(secret("", "OTHER_KEY")), ..model("mine/m", None, "x") };
    world.model(own_key).await.0.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        (&seen[0]["key"], &seen[0]["body"]["model"]),
        (&json!("Bearer mine-key"), &json!("any/model"))
    );
    assert_eq!(seen[1]["key"], "Bearer other-key");
}

/// Nobody asks providers for compressed answers. Read as text, they would be an answer that broke
/// off, and be asked for again.
#[tokio::test]
async fn a_compressed_answer_is_a_clear_failure() {
    let compressed = async |request: Request| {
        let status = if request.uri().path().starts_with("/busy") { 503 } else { 200 };
        let status = StatusCode::from_u16(status).unwrap();
        (status, [(header::CONTENT_ENCODING, "br")], b"\x0b\x02\x80oh\x03".to_vec())
    };
    let url = serve(Router::new().fallback(any(compressed))).await;
    let failure = async |path: &str| {
        let call = model("openai/gpt-4o", Some(format!("{url}{path}")), "x");
        let error = model_world().model(call).await.0.unwrap_err();
        format!("{}: {}", error.code, error.message)
    };
    assert_eq!(
        failure("").await,
        "invalid_answer: openai answered: its content encoding \"br\" was not asked for"
    );
    let busy = failure("/busy").await;
    assert!(busy.starts_with("model_error: openai answered 503"), "{busy}");
    assert!(busy.is_ascii() && !busy.contains("oh"), "{busy}");
}

#[tokio::test]
async fn a_model_that_fails_says_so() {
    let url = upstream(Arc::default()).await;
    let check = async |path: &str| {
        let (result, chunks) = model_world()
            .model(model("openai/gpt-4o", Some(format!("{url}/{path}/v1/")), "x"))
            .await;
        let error = result.unwrap_err();
        (format!("{}: {}", error.code, error.message), error.retryable, chunks.concat())
    };
    let outcome = |message: &str, retryable: bool, chunks: &str| {
        (message.to_owned(), retryable, chunks.to_owned())
    };
    assert_eq!(
        check("cut").await,
        outcome("model_stream_cut: openai stopped before the end of its answer", true, "Once ")
    );
    assert_eq!(
        check("error-in-200").await,
        outcome("model_error: openai answered: quota is gone", false, "")
    );
    assert_eq!(
        check("error-in-stream").await,
        outcome("model_error: openai answered: overloaded", true, "Once ")
    );
    assert_eq!(
        check("unauthorized").await,
        outcome("model_error: openai answered 401: Incorrect API key: Bearer ***", false, "")
    );
    assert_eq!(
        check("busy").await,
        outcome("model_error: openai answered 429: slow down", true, "")
    );
    assert_eq!(check("moved").await, outcome("model_error: openai answered 302: ", false, ""));
    assert_eq!(
        check("garbage").await,
        outcome("model_error: openai sent an answer that cannot be parsed", true, "")
    );
}

#[tokio::test]
async fn a_key_never_comes_back() {
    let url = upstream(Arc::default()).await;
    let (result, chunks) =
        model_world().model(model("openai/gpt-4o", Some(format!("{url}/leaks/v1/")), "x")).await;
    assert_eq!(chunks.concat(), "your key is ***, right?");
    assert_eq!(result.unwrap().value["content"], "your key is ***, right?");
}

#[tokio::test]
async fn a_schema_brings_its_fields() {
    let url = upstream(Arc::default()).await;
    let schema = json!({
        "type": "object",
        "properties": { "title": { "type": "string" }, "words": { "type": "integer" } },
        "required": ["title", "words"],
        "additionalProperties": false
    });
    let ask = async |path: &str| {
        let call = ModelCall {
            schema: Some(schema.clone()),
            ..model("openai/gpt-4o", Some(format!("{url}/{path}/v1/")), "x")
        };
        model_world().model(call).await.0
    };
    let output = ask("json").await.unwrap();
    assert_eq!(
        (&output.value["title"], &output.value["words"], &output.value["content"]),
        (&json!("Ada"), &json!(3), &json!("{\"title\":\"Ada\",\"words\":3}"))
    );
    let error = ask("not-json").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("schema_mismatch", true));
}

#[tokio::test]
async fn a_model_needs_a_key_a_name_and_an_allowed_address() {
    let check = async |world: World, call| world.model(call).await.0.unwrap_err();
    let missing = check(world(), model("openai/gpt-4o", None, "x")).await;
    assert_eq!(
        (missing.code.as_str(), missing.message.as_str()),
        ("unknown_secret", "there is no secret OPENAI_API_KEY")
    );
    assert_eq!(check(world(), model("nobody/x", None, "x")).await.code, "unknown_model");
    assert_eq!(check(world(), model("gpt-4o", None, "x")).await.code, "unknown_model");
    for url in
        ["http://169.254.169.254/v1/", "https://10.0.0.1/v1/", "https://metadata.example/v1/"]
    {
        let error = check(model_world(), model("openai/gpt-4o", Some(url.into()), "x")).await;
        assert_eq!((error.code.as_str(), error.retryable), ("refused_address", false), "{url}");
    }
    let strict = world_with(OutboundSettings::default(), &[("OPENAI_API_KEY", "sk-1")]);
    assert_eq!(
        check(strict, model("openai/gpt-4o", Some("http://127.0.0.1:9/".into()), "x")).await.code,
        "refused_address"
    );
}

#[tokio::test]
async fn echo_says_the_prompt_word_by_word() {
    let started = Instant::now();
    let call = ModelCall {
        echo_delay: Duration::from_millis(50),
        ..model("offline/echo", None, " Hello  big\nworld ")
    };
    let (result, chunks) = world().model(call).await;
    let output = result.unwrap();
    assert_eq!(chunks, [" Hello  ", "big\n", "world "]);
    assert_eq!(output.value["content"], " Hello  big\nworld ");
    assert_eq!(output.value["tokens"], json!({ "input": 5, "output": 3, "total": 8 }));
    assert_eq!((&output.value["cost"], output.cost_nano_usd), (&json!(0), Some(0)));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(
        world().model(model("offline/other", None, "x")).await.0.unwrap_err().code,
        "unknown_model"
    );
}

#[tokio::test]
async fn what_a_busy_server_asks_to_wait_is_kept() {
    let answer = async |uri: Uri| {
        let (status, rest) = uri.path()[1..].split_once('/').unwrap();
        let asks = rest.split('/').next().unwrap();
        (
            StatusCode::from_bytes(status.as_bytes()).unwrap(),
            [(header::RETRY_AFTER, asks.replace('_', " "))],
        )
    };
    let url = serve(Router::new().fallback(any(answer))).await;
    // Four seconds from the clock's now, cut to whole ones.
    let date = "Thu,_25_Sep_2025_01:55:27_GMT";
    for (path, wait) in [
        ("429/7".to_owned(), Some(7_000)),
        (format!("503/{date}"), Some(3_976)),
        ("500/7".to_owned(), None),
    ] {
        let error = world().http(get_from(format!("{url}/{path}"))).await.unwrap_err();
        assert_eq!(error.retry_after_ms, wait, "{path}");
        let (result, _) = model_world()
            .model(model("openai/gpt-4o", Some(format!("{url}/{path}/v1")), "x"))
            .await;
        let error = result.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("model_error", true));
        assert_eq!(
            (error.retry_after_ms, error.nothing_happened),
            (wait, path.starts_with("429")),
            "{path}"
        );
    }
}
