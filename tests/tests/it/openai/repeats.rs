//! Requests that clients repeat: none starts a second run.

use super::*;

const RETRY_COUNT: &str = "x-stainless-retry-count";

#[tokio::test]
async fn a_repeat_has_the_answer_of_the_first() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    let key = server.key(&["say"], &["run"]).await;
    let body = json!({ "model": "say", "messages": user("hi") });
    let attempt = async |count: &str| {
        let response = chat(&server, &key, &body).header(RETRY_COUNT, count).send().await.unwrap();
        let is_replayed = response.headers().contains_key("idempotent-replayed");
        let completion: Value = response.json().await.unwrap();
        (completion["id"].as_str().unwrap().to_owned(), is_replayed)
    };
    let (first, _) = attempt("0").await;
    assert_eq!(attempt("1").await, (first.clone(), true));
    assert_eq!(attempt("2").await, (first.clone(), true));
    assert_eq!(runs(&server, "say").await, 1);
    // The same once more, on purpose: as often as it is asked for.
    let mut last = first;
    for number in 2..=6 {
        let (next, is_replayed) = attempt("0").await;
        assert!(next != last && !is_replayed, "{number}");
        last = next;
        assert_eq!(runs(&server, "say").await, number);
    }
    let (joined, is_replayed) = attempt("1").await;
    assert!(is_replayed && runs(&server, "say").await == 6, "{joined}");
    // Another key, another body, and what says nothing of attempts are requests of their own.
    let other = server.key(&["say"], &["run"]).await;
    let foreign = chat(&server, &other, &body).header(RETRY_COUNT, "1");
    assert_eq!(answer(foreign).await.0, 200);
    let changed = json!({ "model": "say", "messages": user("ho") });
    assert_eq!(answer(chat(&server, &key, &changed).header(RETRY_COUNT, "1")).await.0, 200);
    assert_eq!(answer(chat(&server, &key, &body)).await.0, 200);
    assert_eq!(runs(&server, "say").await, 9);
}

#[tokio::test]
async fn a_repeat_waits_for_the_run_that_goes_on() {
    let server = TestServer::start().await;
    let receiver = hanging(&server).await;
    for (path, body) in [
        ("/v1/chat/completions", json!({ "model": "hangs", "messages": user("x") })),
        ("/v1/responses", json!({ "model": "hangs", "input": "x" })),
    ] {
        let before = receiver.received().len();
        let attempt =
            |count: &str| server.post(path, ADMIN_KEY).json(&body).header(RETRY_COUNT, count);
        let first = tokio::spawn(attempt("0").send());
        receiver.until(|all| all.len() == before + 1).await;
        let again = tokio::spawn(attempt("1").send());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        receiver.let_go();
        let first: Value = first.await.unwrap().unwrap().json().await.unwrap();
        let again: Value = again.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(again, first, "{path}");
        assert_eq!(receiver.received().len(), before + 1, "one run, one call: {path}");
    }
}

#[tokio::test]
async fn a_repeated_stream_begins_at_the_first_word() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    for (path, mut body) in [
        ("/v1/chat/completions", json!({ "model": "story", "messages": user("one two three") })),
        ("/v1/responses", json!({ "model": "story", "input": "one two three" })),
    ] {
        body["stream"] = json!(true);
        let attempt =
            |count: &str| server.post(path, ADMIN_KEY).json(&body).header(RETRY_COUNT, count);
        let first = streamed(attempt("0")).await;
        assert_eq!(streamed(attempt("1")).await, first, "{path}");
    }
    assert_eq!(runs(&server, "story").await, 2);
}

#[tokio::test]
async fn a_key_of_the_callers_own_says_what_is_the_same() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    let send = async |text: &str| {
        let body = json!({ "model": "say", "messages": user(text) });
        answer(chat(&server, ADMIN_KEY, &body).header("idempotency-key", "k")).await
    };
    let first = send("hi").await;
    assert_eq!(send("hi").await, first);
    let (status, refused) = send("ho").await;
    assert_eq!((status, &refused["error"]["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!(runs(&server, "say").await, 1);
}

#[tokio::test]
async fn a_run_that_failed_is_not_made_again() {
    let server = TestServer::start().await;
    server.publish("fails", FAILS).await;
    let body = json!({ "model": "fails", "messages": user("x") });
    for count in ["0", "1"] {
        let (status, failed) =
            answer(chat(&server, ADMIN_KEY, &body).header(RETRY_COUNT, count)).await;
        assert_eq!((status, &failed["error"]["code"]), (422, &json!("code_error")));
    }
    assert_eq!(runs(&server, "fails").await, 1);
}
