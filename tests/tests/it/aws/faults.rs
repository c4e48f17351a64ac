//! What is kept and what is refused without a permission, the table or the keyring.

use super::*;

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn messages_that_say_nothing_are_dropped_and_others_kept() {
    let server = on_aws(&[]).await;
    let gone = format!(r#"{{"type":"RunV1","run":"run_{}"}}"#, "0".repeat(32));
    let of_tomorrow = r#"{"type":"RunV2","run":"run_1","more":true}"#;
    for body in ["no JSON", "{}", r#"{"type":"RunV1"}"#, &gone, of_tomorrow] {
        server.double().command("send", json!({ "queue": "run", "body": body })).await;
    }
    server
        .double()
        .until("one message", async |double| double.messages("run").await == [of_tomorrow])
        .await;
    server
        .double()
        .until("a line", async |_| logged(&server, "worker", "dropped a broken message").await)
        .await;
    server
        .double()
        .until("a line", async |_| {
            logged(&server, "worker", "this release does not know messages").await
        })
        .await;
    server.double().command("send", json!({ "queue": "webhook", "body": "no JSON" })).await;
    server
        .double()
        .until("an empty queue", async |double| double.messages("webhook").await.is_empty())
        .await;
    server
        .double()
        .until("a line", async |_| logged(&server, "webhook", "dropped a broken message").await)
        .await;

    // Messages are handled separately: only the retryable ones of a batch come back.
    let records = json!([
        { "messageId": "1", "body": "no JSON" }, { "messageId": "2", "body": of_tomorrow },
        { "messageId": "3", "body": gone }
    ]);
    let reply = server
        .double()
        .command("invoke", json!({ "function": "worker", "event": { "Records": records } }))
        .await;
    assert_eq!(
        reply["answer"],
        json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }),
        "{reply}"
    );
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn without_a_permission_a_message_stays_and_the_log_names_it() {
    let (server, receiver) = (on_aws(&[]).await, Receiver::ok().await);
    server.publish("w", &calling(&receiver)).await;
    server
        .double()
        .command("deny", json!({ "function": "worker", "action": "dynamodb:UpdateItem" }))
        .await;
    let run = start_detached(&server, "w", &json!({})).await;
    server
        .double()
        .until("a line", async |_| {
            logged(&server, "worker", "could not handle a message; it returns to the queue").await
        })
        .await;
    assert!(logged(&server, "worker", "not authorized to perform: dynamodb:UpdateItem").await);
    assert!(!server.double().messages("run").await.is_empty(), "the message stays in the queue");
    server
        .double()
        .command("allow", json!({ "function": "worker", "action": "dynamodb:UpdateItem" }))
        .await;
    assert_eq!(ended(&server, &run).await["status"], "succeeded", "nothing was lost");
    assert_eq!(receiver.count("/call"), 1);
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn without_its_table_nothing_is_accepted_and_nothing_is_lost() {
    let (server, receiver) = (on_aws(&[]).await, Receiver::ok().await);
    server.publish("w", &calling(&receiver)).await;
    server
        .double()
        .command("deny", json!({ "function": "worker", "action": "dynamodb:GetItem" }))
        .await;
    let run = start_detached(&server, "w", &json!({})).await;
    server.double().command("break", json!({ "table": true })).await;
    server
        .double()
        .command("allow", json!({ "function": "worker", "action": "dynamodb:GetItem" }))
        .await;
    let (status, problem) = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (500, &json!("internal")), "{problem}");
    assert!(
        problem["request_id"].is_string() && !problem.to_string().contains("ResourceNotFound"),
        "{problem}"
    );
    assert!(
        logged(&server, "invoke", "ResourceNotFoundException").await
            || logged(&server, "invoke", "Requested resource not found").await
    );
    server.double().command("mend", json!({})).await;
    assert_eq!(ended(&server, &run).await["status"], "succeeded");
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn without_the_keyring_the_gateway_answers_in_our_words() {
    let server = on_aws(&[]).await;
    server.double().command("break", json!({ "keyring": true })).await;
    // Neither has a process yet: a running one would keep the keyring it read.
    for request in
        [server.post("/v1/workflows/w/runs", ADMIN_KEY), server.get("/v1/runs/run_1", ADMIN_KEY)]
    {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (status, problem) = json_of(response).await;
        assert_eq!((status, &problem["code"]), (500, &json!("internal")), "{problem}");
    }
    for function in ["invoke", "run-status"] {
        assert!(
            logged(&server, function, "the function failed").await,
            "{function}: {:?}",
            server.double().log(function).await
        );
    }
    server.double().command("mend", json!({})).await;
    let (status, reply) = answer(server.get("/v1/runs/run_1", ADMIN_KEY)).await;
    assert_eq!(status, 404, "{reply}");
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_throttled_table_is_503_in_every_api_and_soon() {
    for has_started in [true, false] {
        throttled(has_started).await;
    }
}

/// A process that starts now cannot read the keyring.
async fn throttled(has_started: bool) {
    let (server, receiver) = (on_aws(&[]).await, Receiver::ok().await);
    server.publish("w", &calling(&receiver)).await;
    let start = |path: &str| {
        let request = server.post(path, ADMIN_KEY).header("X-Workflow-Id", "w");
        request.json(&json!({ "input": {} }))
    };
    if has_started {
        assert!(start("/v1/workflows/w/runs").send().await.unwrap().status().is_success());
    }
    server.double().command("break", json!({ "throttled": true })).await;
    for path in [
        "/v1/workflows/w/runs",
        "/v1/workflow/invoke",
        "/api/workflows/w/execute",
        "/api/v2/workflows/w/execute",
        "/v1/flow/w/run",
    ] {
        let began = std::time::Instant::now();
        let response = start(path).send().await.unwrap();
        let took = began.elapsed();
        let retry_after = response.headers().contains_key("retry-after");
        let (status, reply) = json_of(response).await;
        let log = server.double().log("invoke").await;
        assert_eq!((status, retry_after), (503, true), "{path}: {reply} {log:#?}");
        assert!(took < std::time::Duration::from_secs(8), "{path}: {took:?}");
    }
    server.double().command("mend", json!({})).await;
    assert!(start("/v1/workflows/w/runs").send().await.unwrap().status().is_success());
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_function_without_a_free_process_is_503_in_our_words() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = on_aws(&["--concurrency", "invoke=1", "--patience-ms", "200"]).await;
    server.publish("w", &calling(&receiver)).await;
    let start = || server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({}));
    let held = tokio::spawn(start().send());
    receiver.until(|all| all.len() == 1).await;
    let response = start().send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    let (status, problem) = json_of(response).await;
    assert_eq!((status, &problem["code"]), (503, &json!("overloaded")), "{problem}");
    receiver.let_go();
    assert!(held.await.unwrap().unwrap().status().is_success());
}
