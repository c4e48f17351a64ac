//! Tests of the functions on the double of AWS alone: queues, kills, deadlines, permissions, and
//! the number of calls that a run costs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, settings};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};

mod faults;
mod cost;
mod files;

const HELLO: &str = "input: [{ name: name, type: string }]\n\
                     nodes: [{ id: say, type: template, template: 'Hello <api.name>' }]\n\
                     output: { said: <say.content> }\n";

async fn on_aws(more: &[&str]) -> TestServer {
    TestServer::on_aws(&settings(|_| {}), more).await
}

async fn hanging() -> Receiver {
    Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, r#"{"said":"at last"}"#.to_owned()))
        .await
}

fn calling(receiver: &Receiver) -> String {
    format!(
        "nodes: [{{ id: call, type: http, url: \"{}/call\" }}]\n\
         output: {{ said: <call.data.said> }}\n",
        receiver.url
    )
}

async fn start_detached(server: &TestServer, workflow: &str, body: &Value) -> String {
    let start = server
        .post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)
        .header("prefer", "respond-async");
    let (status, run) = answer(start.json(body)).await;
    assert_eq!(status, 202, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

async fn ended(server: &TestServer, run: &str) -> Value {
    until(|| server.get(&format!("/v1/runs/{run}"), ADMIN_KEY), |run| !run["ended_at"].is_null())
        .await
}

async fn logged(server: &TestServer, function: &str, part: &str) -> bool {
    server.double().log(function).await.iter().any(|line| line.contains(part))
}

/// Waits until no function is busy and no message is queued.
async fn all_quiet(server: &TestServer) {
    let nothing_lies = async |queue: &str| server.double().messages(queue).await.is_empty();
    server
        .double()
        .until("empty queues", async |_| nothing_lies("run").await && nothing_lies("webhook").await)
        .await;
    for dead_letters in ["RunDeadLetters", "WebhookDeadLetters"] {
        assert!(server.double().messages(dead_letters).await.is_empty(), "{dead_letters}");
    }
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn ten_runs_survive_kill_9_of_their_workers() {
    let receiver = Receiver::start(|request, _| match request.uri.path().starts_with("/first/") {
        true => Reply::Now(StatusCode::OK, r#"{"said":"one"}"#.to_owned()),
        false => Reply::WhenLetGo(StatusCode::OK, r#"{"said":"two"}"#.to_owned()),
    })
    .await;
    let server = on_aws(&[]).await;
    let document = format!(
        "input: [{{ name: i, type: number }}]\n\
         nodes:\n  - {{ id: first, type: http, url: \"{0}/first/<api.i>\" }}\n  - {{ id: second, \
         type: http, url: \"{0}/second/<api.i>\", query: {{ after: \"<first.data.said>\" }} }}\n\
         output: {{ said: <second.data.said> }}\n",
        receiver.url
    );
    server.publish("calls", &document).await;
    let mut runs = Vec::new();
    for i in 0..10 {
        runs.push(start_detached(&server, "calls", &json!({ "input": { "i": i } })).await);
    }
    let second_calls = |all: &[flowgate_tests::receiver::Received]| {
        all.iter().filter(|call| call.uri.path().starts_with("/second/")).count()
    };
    receiver.until(|all| second_calls(all) == 10).await;
    assert_eq!(server.double().kill("worker").await, 10);
    // Kills twice: the second time during the recovery.
    receiver.until(|all| second_calls(all) > 10).await;
    assert!(server.double().kill("worker").await >= 1);
    receiver.let_go();
    for run in &runs {
        let run = ended(&server, run).await;
        assert_eq!(
            (&run["status"], &run["output"]["said"]),
            (&json!("succeeded"), &json!("two")),
            "{run}"
        );
    }
    for i in 0..10 {
        assert_eq!(receiver.count(&format!("/first/{i}")), 1, "a recorded call is not repeated");
        let second = receiver.count(&format!("/second/{i}"));
        assert!((1..=3).contains(&second), "{second} second calls of run {i} after two kills");
    }
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn an_attached_run_is_interrupted_when_its_lease_has_ended() {
    let (server, receiver) = (on_aws(&[]).await, hanging().await);
    let hook = format!("webhook: {{ url: \"{}/done\" }}\n", receiver.url);
    server.publish("w", &(calling(&receiver) + &hook)).await;
    let waiting = tokio::spawn(
        server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", "wait=2").send(),
    );
    receiver.until(|all| all.len() == 1).await;
    assert_eq!(server.double().kill("invoke").await, 1);
    let (status, problem) = json_of(waiting.await.unwrap().unwrap()).await;
    assert_eq!(
        (status, &problem["code"]),
        (500, &json!("internal")),
        "the gateway's answer has our format"
    );

    let runs = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await.1;
    let run = ended(&server, runs["items"][0]["id"].as_str().unwrap()).await;
    assert_eq!(
        (&run["status"], &run["error"]["code"]),
        (&json!("failed"), &json!("interrupted")),
        "{run}"
    );
    receiver.until(|all| all.iter().any(|call| call.uri.path() == "/done")).await;
    assert_eq!(receiver.count("/call"), 1, "an attached run is not resumed");
    receiver.let_go();
    all_quiet(&server).await;
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_stream_arrives_as_it_is_made() {
    let server = on_aws(&[]).await;
    let story = "nodes: [{ id: draft, type: agent, model: offline/echo, echo_delay: 100ms, prompt: \
                 one two three four five six seven eight nine ten }]\n\
                 output: { story: <draft.content> }\n";
    server.publish("story", story).await;
    let response = server
        .post("/v1/workflows/story/runs", ADMIN_KEY)
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let (mut body, mut text) = (response.bytes_stream(), String::new());
    while !text.contains("event: chunk") {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    let run = text
        .split("\"run_id\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap()
        .to_owned();
    let meanwhile = answer(server.get(&format!("/v1/runs/{run}"), ADMIN_KEY)).await.1;
    assert!(
        meanwhile["ended_at"].is_null(),
        "the first words are here before the run has ended: {meanwhile}"
    );
    let mut pieces = 0;
    while let Some(piece) = body.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        pieces += 1;
    }
    assert!(pieces >= 5, "{pieces} pieces");
    assert!(text.contains("event: run.finished"), "{text}");
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_longer_than_the_wait_is_accepted_and_ends() {
    let (server, receiver) = (on_aws(&[]).await, hanging().await);
    server.publish("w", &calling(&receiver)).await;
    let mut response = server
        .post("/v1/workflows/w/runs", ADMIN_KEY)
        .header("prefer", "wait=1")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    let accepted: Value =
        serde_json::from_slice(&response.chunk().await.unwrap().unwrap()).unwrap();
    let run = accepted["id"].as_str().unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        location.ends_with(&format!("/v1/runs/{run}")) && location.contains("/prod/"),
        "{location}"
    );
    receiver.let_go();
    let run = ended(&server, run).await;
    assert_eq!(
        (&run["status"], &run["output"]["said"]),
        (&json!("succeeded"), &json!("at last")),
        "{run}"
    );
    assert_eq!(receiver.count("/call"), 1, "the open call is awaited, not made again");
    // The function stayed with its run, so its answer ends with it.
    let rest = response.text().await.unwrap();
    assert!(rest.trim().is_empty(), "{rest:?}");
    all_quiet(&server).await;
}

/// The worker reserves 20 of its 23 s for handing over, so two or three calls of a second go out.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_longer_than_a_workers_deadline_goes_on_in_a_new_message() {
    let server = on_aws(&["--timeout", "worker=23"]).await;
    let receiver = Receiver::start(|_, _| {
        Reply::After(Duration::from_millis(700), StatusCode::OK, "{}".to_owned())
    })
    .await;
    let mut document = "nodes:\n".to_owned();
    for n in 0..8 {
        let after = if n == 0 { String::new() } else { format!(", after: n{}", n - 1) };
        document += &format!(
            "  - {{ id: n{n}, type: http, url: \"{}/{n}\", timeout: 1s{after} }}\n",
            receiver.url
        );
    }
    server.publish("long", &(document + "output: { status: <n7.status> }\n")).await;
    let run = start_detached(&server, "long", &json!({})).await;
    let run = ended(&server, &run).await;
    assert_eq!(
        (&run["status"], &run["output"]["status"]),
        (&json!("succeeded"), &json!(200)),
        "{run}"
    );
    for n in 0..8 {
        assert_eq!(receiver.count(&format!("/{n}")), 1, "call {n}");
    }
    let workers =
        server.double().inspect("instances").await["worker"]["invocations"].as_u64().unwrap();
    assert!((3..=9).contains(&workers), "{workers} messages");
    all_quiet(&server).await;
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn it_is_served_under_its_stage() {
    let server = on_aws(&[]).await;
    assert!(server.url.ends_with("/prod"), "{}", server.url);
    server.publish("hello", HELLO).await;
    let run = answer(
        server
            .post("/v1/workflows/hello/runs", ADMIN_KEY)
            .json(&json!({ "input": { "name": "Ada" } })),
    )
    .await
    .1;
    let own = run["links"]["self"].as_str().unwrap();
    assert!(own.starts_with(&format!("{}/v1/runs/", server.url)), "{own}");
    let (status, read) = answer(server.client.get(own).bearer_auth(ADMIN_KEY)).await;
    assert_eq!((status, &read["output"]["said"]), (200, &json!("Hello Ada")));
    let nowhere = answer(server.get("/no/such/page", ADMIN_KEY)).await;
    assert_eq!((nowhere.0, &nowhere.1["status"]), (404, &json!(404)), "{}", nowhere.1);
    let response = server.client.get(format!("{}/v1/runs/run_1", server.url)).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

/// Text that hardly compresses, and is larger than an item of the table may be.
fn noise(seed: u32) -> String {
    let mut state = seed;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'0' + (state >> 26) as u8)
    };
    (0..800_000).map(letter).filter(|letter| letter.is_ascii_alphanumeric()).collect()
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn large_values_go_through_every_function() {
    let server = on_aws(&[]).await;
    let (fixed, given) = (noise(1), noise(2));
    let document = format!(
        "input: [{{ name: text, type: string }}]\n\
         nodes:\n  - {{ id: fixed, type: template, template: {fixed} }}\n  - {{ id: given, type: \
         template, template: '<api.text>' }}\n\
         output: {{ fixed: <fixed.content>, given: <given.content> }}\n"
    );
    server.publish("large", &document).await;
    let body = json!({ "input": { "text": given } });
    let (status, attached) =
        answer(server.post("/v1/workflows/large/runs", ADMIN_KEY).json(&body)).await;
    assert_eq!(status, 200, "{attached}");
    let replay =
        server.post(&format!("/v1/runs/{}/replay", attached["id"].as_str().unwrap()), ADMIN_KEY);
    let (status, replayed) = answer(replay).await;
    assert_eq!(status, 200, "{replayed}");
    let detached = start_detached(&server, "large", &body).await;
    for run in [attached["id"].as_str().unwrap(), replayed["id"].as_str().unwrap(), &detached] {
        let run = ended(&server, run).await;
        assert_eq!(run["status"], "succeeded");
        assert!(
            run["output"]["fixed"] == fixed
                && run["output"]["given"] == given
                && run["input"]["text"] == given,
            "every byte of it"
        );
    }
    all_quiet(&server).await;
}

/// The canceller itself ends a run that nobody owns, with everything that belongs to an end.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_without_an_owner_is_ended_by_its_canceller() {
    let (server, receiver) = (on_aws(&[]).await, Receiver::ok().await);
    let hook = format!("webhook: {{ url: \"{}/done\" }}\n", receiver.url);
    server
        .publish(
            "notified",
            &(format!("input: [{{ name: text, type: string }}]\n{}", calling(&receiver)) + &hook),
        )
        .await;
    server.publish("wiped", &calling(&receiver)).await;
    let limits = json!({ "requests_per_minute": 100, "concurrent_runs": 1 });
    let key = json!({
        "name": "k", "workflows": "*", "scopes": ["run", "read", "cancel"], "limits": limits
    });
    let (status, key) = answer(server.post("/v1/keys", ADMIN_KEY).json(&key)).await;
    assert_eq!(status, 201, "{key}");
    let key = key["key"].as_str().unwrap();
    let start = |workflow: &str, body: Value| {
        let start = server
            .post(&format!("/v1/workflows/{workflow}/runs"), key)
            .header("prefer", "respond-async");
        answer(start.json(&body))
    };
    server
        .double()
        .command("deny", json!({ "function": "worker", "action": "dynamodb:UpdateItem" }))
        .await;
    let input = json!({ "text": noise(3) });
    for (workflow, body) in [
        ("notified", json!({ "input": input })),
        ("wiped", json!({ "input": input, "save": false })),
    ] {
        // The run before has released its place.
        let (status, run) = start(workflow, body).await;
        assert_eq!(status, 202, "{run}");
        let cancelled =
            answer(server.post(&format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap()), key))
                .await;
        assert_eq!(cancelled.0, 200, "{}", cancelled.1);
        assert_eq!(cancelled.1["status"], "cancelled");
    }
    server
        .double()
        .command("allow", json!({ "function": "worker", "action": "dynamodb:UpdateItem" }))
        .await;
    receiver.until(|all| all.iter().any(|call| call.uri.path() == "/done")).await;
    let reply: Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
    assert_eq!(reply["status"], "cancelled");
    assert_eq!(receiver.count("/call"), 0, "nothing was called");
}
