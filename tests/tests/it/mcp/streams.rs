//! Progress, calls that take long, and clients that go away.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};

use super::*;
use crate::fixture::until;
use crate::stream::read;

async fn hanging() -> Receiver {
    Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await
}

fn calling(receiver: &Receiver) -> String {
    format!(
        "nodes:\n\
         - {{ id: first, type: template, template: x }}\n\
         - {{ id: call, type: http, url: \"{}\", after: first }}\n\
         output: {{ status: <call.status> }}\n",
        receiver.url
    )
}

fn with_progress(era: Era, server: &TestServer, tool: &str, arguments: Value) -> RequestBuilder {
    let meta = json!({ "progressToken": 17 });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    era.ask(server, ADMIN_KEY, "tools/call", params)
}

#[tokio::test]
async fn progress_is_reported_node_by_node_before_the_result() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let two = "nodes:\n\
               - { id: a, type: agent, model: offline/echo, prompt: hello you }\n\
               - { id: b, type: template, template: '<a.content>!' }\n\
               output: { said: <b.content> }\n";
    server.publish("two", two).await;
    for era in ERAS {
        let response = with_progress(era, &server, "two", json!({})).send().await.unwrap();
        let frames = read(response, |_| false).await;
        let (last, notes) = frames.split_last().unwrap();
        let said: Vec<_> = notes
            .iter()
            .map(|note| {
                let params = &note.data["params"];
                assert_eq!(note.data["method"], "notifications/progress");
                assert_eq!(params["progressToken"], 17);
                assert!(note.id.is_none(), "a client would resume after it");
                (params["progress"].as_u64().unwrap(), params["message"].as_str().unwrap())
            })
            .collect();
        let expected = ["a started", "a succeeded", "b started", "b succeeded"];
        assert_eq!(said, (1..).zip(expected).collect::<Vec<_>>());
        assert_eq!((&last.data["id"], last.event.as_str()), (&json!("q-1"), "message"));
        let result = &last.data["result"];
        assert_eq!(result["structuredContent"], json!({ "said": "hello you!" }));
        assert_eq!(result["resultType"].is_string(), era == Era::Stateless);
        let run = answer(server.get(&format!("/v1/runs/{}", run_of(result)), ADMIN_KEY)).await.1;
        assert_eq!(run["mode"], "stream");

        let wrong = with_progress(era, &server, "greet", json!({})).send().await.unwrap();
        let (status, body) = json_of(wrong).await;
        assert_eq!(status, 200);
        assert!(error_of(&body["result"]).contains("name"), "nothing started, nothing streams");
    }
}

#[tokio::test]
async fn a_call_that_takes_long_names_its_run() {
    let receiver = hanging().await;
    let server = TestServer::start_with(|settings| {
        settings.longest_wait = Duration::from_millis(400);
    })
    .await;
    server.publish("slow", &calling(&receiver)).await;
    let mut runs = Vec::new();
    for era in ERAS {
        let plain = era.call(&server, ADMIN_KEY, "slow", json!({})).send().await.unwrap();
        let streamed = with_progress(era, &server, "slow", json!({})).send().await.unwrap();
        for response in [plain, streamed] {
            let result = result_of(response).await;
            let run = run_of(&result).to_owned();
            let text = error_of(&result);
            assert!(text.contains(&run) && text.contains("get_run"), "{text}");
            assert_eq!(result["_meta"]["flowgate/code"], "run_still_going");
            let read = era.call(&server, ADMIN_KEY, "get_run", json!({ "run_id": run }));
            let read = era.result(read).await;
            assert_eq!(read["structuredContent"]["status"], "running");
            assert_eq!(read["structuredContent"]["workflow_id"], "slow");
            runs.push(run);
        }
    }
    let last = runs.pop().unwrap();
    let cancel = Era::Handshake.call(&server, ADMIN_KEY, "cancel_run", json!({ "run_id": last }));
    let cancelled = Era::Handshake.result(cancel).await;
    assert_eq!(cancelled["structuredContent"]["cancel_requested"], true);
    until(
        || server.get(&format!("/v1/runs/{last}"), ADMIN_KEY),
        |run| run["status"] == "cancelled",
    )
    .await;
    receiver.let_go();
    for run in runs {
        let wait = json!({ "run_id": run, "wait": 20 });
        let read = Era::Stateless.call(&server, ADMIN_KEY, "get_run", wait);
        let read = Era::Stateless.result(read).await;
        assert_eq!(read["structuredContent"]["status"], "succeeded", "the call was not repeated");
        assert_eq!(read["structuredContent"]["output"], json!({ "status": 200 }));
    }
}

/// Of JSON, or of the last event of a stream.
async fn result_of(response: reqwest::Response) -> Value {
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    if content_type.starts_with("text/event-stream") {
        let frames = read(response, |frame| !frame.data["result"].is_null()).await;
        return frames.last().unwrap().data["result"].clone();
    }
    json_of(response).await.1["result"].clone()
}

/// Since 2026 that is how a client cancels. Before, it may just have lost its connection.
#[tokio::test]
async fn a_closed_connection_cancels_a_run_of_2026_alone() {
    let receiver = hanging().await;
    let server = TestServer::start().await;
    for (era, streams) in [
        (Era::Stateless, false),
        (Era::Stateless, true),
        (Era::Handshake, false),
        (Era::Handshake, true),
    ] {
        let id = format!("w-{}-{streams}", era as u8);
        server.publish(&id, &calling(&receiver)).await;
        let before = receiver.received().len();
        let request = match streams {
            true => with_progress(era, &server, &id, json!({})),
            false => era.call(&server, ADMIN_KEY, &id, json!({})),
        };
        let waiting = tokio::spawn(async move { request.send().await.unwrap().text().await });
        receiver.until(|all| all.len() > before).await;
        waiting.abort();
        assert!(waiting.await.is_err());
        let list = || server.get(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
        match era {
            Era::Stateless => {
                until(list, |runs| runs["items"][0]["status"] == "cancelled").await;
            }
            Era::Handshake => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                assert_eq!(answer(list()).await.1["items"][0]["status"], "running");
            }
        }
    }
    receiver.let_go();
    let list = || server.get("/v1/workflows/w-0-true/runs", ADMIN_KEY);
    until(list, |runs| runs["items"][0]["status"] == "succeeded").await;
}

#[tokio::test]
async fn a_client_that_has_its_answer_cancels_nothing() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for _ in 0..20 {
        let call = Era::Stateless.call(&server, ADMIN_KEY, "greet", json!({ "name": "Ada" }));
        let result = Era::Stateless.result(call.header("connection", "close")).await;
        let run = answer(server.get(&format!("/v1/runs/{}", run_of(&result)), ADMIN_KEY)).await.1;
        assert_eq!(run["status"], "succeeded");
    }
}
