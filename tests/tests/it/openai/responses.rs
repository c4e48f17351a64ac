//! Responses: waited for, streamed, in the background, read again.

use super::*;

fn create(server: &TestServer, body: &Value) -> RequestBuilder {
    server.post("/v1/responses", ADMIN_KEY).json(body)
}

/// The bytes of a stream, without comments.
async fn bytes(request: RequestBuilder) -> String {
    let text = request.send().await.unwrap().text().await.unwrap();
    let frames = text.split_inclusive("\n\n").filter(|frame| !frame.starts_with(':'));
    frames.collect()
}

fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_response_is_a_run() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    let body = json!({
        "model": "say", "input": "hi", "instructions": "kind", "metadata": { "a": "b" },
        "user": "ada",
    });
    let (status, response) = answer(create(&server, &body)).await;
    assert_eq!((status, &response["status"]), (200, &json!("completed")));
    assert_eq!(response["output"][0]["content"][0]["text"], "kind: hi x1");
    assert_eq!(response["metadata"], json!({ "a": "b" }));
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(answer(server.get(&path, ADMIN_KEY)).await.1, response, "it reads the same");
    let items = answer(server.get(&format!("{path}/input_items"), ADMIN_KEY)).await.1;
    assert_eq!((&items["data"], &items["has_more"]), (&json!([]), &json!(false)));
    let fields = json!({ "model": "say", "input": { "prompt": "x", "n": 3 } });
    let (_, other) = answer(create(&server, &fields)).await;
    assert_eq!(other["output"][0]["content"][0]["text"], "none: x x3");
    let deleted = server.request(Method::DELETE, &path, ADMIN_KEY);
    assert_eq!(
        answer(deleted).await,
        (200, json!({ "id": response["id"], "object": "response", "deleted": true }))
    );
    assert_eq!(answer(server.get(&path, ADMIN_KEY)).await.0, 404);
}

#[tokio::test]
async fn a_stream_reads_the_same_whenever_it_is_read() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let body = json!({ "model": "story", "input": "one two three", "stream": true });
    let live = bytes(create(&server, &body)).await;
    let run = live.split('"').find(|part| part.starts_with("run_")).unwrap();
    let path = format!("/v1/responses/{run}?stream=true");
    assert_eq!(bytes(server.get(&path, ADMIN_KEY)).await, live);
    let frames = streamed(server.get(&path, ADMIN_KEY)).await;
    assert_eq!(types(&frames)[..2], ["response.created", "response.in_progress"]);
    assert_eq!(types(&frames).last().unwrap(), &"response.completed");
    for after in [0, 3, frames.len() - 2, frames.len() + 5] {
        let path = format!("{path}&starting_after={after}");
        let rest = streamed(server.get(&path, ADMIN_KEY)).await;
        assert_eq!(rest, frames[frames.len().min(after + 1)..], "after {after}");
    }
    for (query, param) in [
        ("stream=true&starting_after=-1", "starting_after"),
        ("stream=true&starting_after=9223372036854775808", "starting_after"),
        ("starting_after=x", "starting_after"),
        ("stream=null", "stream"),
        ("stream=1", "stream"),
    ] {
        let wrong = server.get(&format!("/v1/responses/{run}?{query}"), ADMIN_KEY);
        let (status, refused) = answer(wrong).await;
        assert_eq!((status, &refused["error"]["param"]), (400, &json!(param)), "{query}");
    }
}

#[tokio::test]
async fn a_response_in_the_background_is_polled_followed_and_cancelled() {
    let server = TestServer::start().await;
    let receiver = hanging(&server).await;
    let body = json!({ "model": "hangs", "background": true });
    let (status, queued) = answer(create(&server, &body)).await;
    assert_eq!(
        (status, &queued["status"], &queued["background"]),
        (200, &json!("queued"), &json!(true))
    );
    let path = |response: &Value| format!("/v1/responses/{}", response["id"].as_str().unwrap());
    let (_, other) = answer(create(&server, &body)).await;
    receiver.until(|all| all.len() == 2).await;
    let (status, cancelled) =
        answer(server.post(&format!("{}/cancel", path(&other)), ADMIN_KEY)).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    let end = until(|| server.get(&path(&other), ADMIN_KEY), |now| now["status"] == "cancelled");
    assert_eq!(end.await["output"], json!([]));
    let delete = server.request(Method::DELETE, &path(&queued), ADMIN_KEY);
    let (status, refused) = answer(delete).await;
    assert_eq!((status, &refused["error"]["code"]), (422, &json!("run_still_going")));
    receiver.let_go();
    let frames = streamed(server.get(&format!("{}?stream=true", path(&queued)), ADMIN_KEY)).await;
    let whole = &frames.last().unwrap()["response"];
    assert_eq!(whole["output"][0]["content"][0]["text"], "late");
    assert_eq!(frames[0]["response"]["status"], "queued");
    assert_eq!(&answer(server.get(&path(&queued), ADMIN_KEY)).await.1, whole);
    // One that has ended stays as it is.
    let again = answer(server.post(&format!("{}/cancel", path(&queued)), ADMIN_KEY)).await;
    assert_eq!((again.0, &again.1["status"]), (200, &json!("completed")));
    let body = json!({ "model": "hangs", "background": true, "stream": true });
    let frames = streamed(create(&server, &body)).await;
    assert_eq!(types(&frames).last().unwrap(), &"response.completed");
}

#[tokio::test]
async fn a_conversation_goes_on_where_the_workflow_takes_messages() {
    let server = TestServer::start().await;
    let document = "input: [{ name: messages, type: array }]\n\
                    nodes: [{ id: a, type: function, code: 'return \
                    JSON.stringify(<api.messages>.map(m => m.content))' }]\n\
                    output: { said: <a.result> }\n";
    server.publish("chat", document).await;
    server.publish("say", SAY).await;
    let (status, first) = answer(create(&server, &json!({ "model": "chat", "input": "a" }))).await;
    let text = |response: &Value| response["output"][0]["content"][0]["text"].clone();
    assert_eq!((status, text(&first)), (200, json!(r#"["a"]"#)));
    let next = json!({ "model": "chat", "input": "b", "previous_response_id": first["id"] });
    let (_, second) = answer(create(&server, &next)).await;
    assert_eq!(text(&second), json!(r#"["a","[\"a\"]","b"]"#));
    assert_eq!(second["previous_response_id"], first["id"]);
    for (model, previous) in
        [("say", first["id"].clone()), ("chat", json!("run_0")), ("chat", json!(5))]
    {
        let body = json!({ "model": model, "input": "x", "previous_response_id": previous });
        let (status, refused) = answer(create(&server, &body)).await;
        assert_eq!(
            (status, &refused["error"]["param"]),
            (400, &json!("previous_response_id")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_is_not_stored_is_gone() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    let body = json!({ "model": "say", "input": "hi", "store": false });
    let (status, response) = answer(create(&server, &body)).await;
    assert_eq!((status, &response["status"]), (200, &json!("completed")));
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    let gone = until(|| server.get(&path, ADMIN_KEY), |read| read["error"]["code"] == "gone");
    assert_eq!(gone.await["error"]["message"], "the run was not saved");
}
