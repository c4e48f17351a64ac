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
    assert_eq!(response.headers()["content-type"], "text/event-stream");
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

/// Returns the calls of these functions since they were last cleared, one per line.
async fn calls(server: &TestServer, functions: &[&str]) -> Vec<Value> {
    let all = server.double().inspect("calls").await;
    let of_these = |call: &&Value| functions.iter().any(|function| call["function"] == *function);
    all.as_array().unwrap().iter().filter(of_these).cloned().collect()
}

fn described(calls: &[Value]) -> String {
    let began = calls.iter().filter_map(|call| call["start_ms"].as_i64()).min().unwrap_or_default();
    let line = |call: &Value| {
        let at = |field: &str| call[field].as_i64().unwrap_or_default() - began;
        format!(
            "{:>5}-{:<5} {} {} {}\n",
            at("start_ms"),
            at("end_ms"),
            call["function"],
            call["action"],
            call["subject"]
        )
    };
    calls.iter().map(line).collect()
}

/// Counts sequential calls: the longest chain in which each call began after the one before ended.
fn in_sequence(calls: &[Value]) -> usize {
    let mut ends: Vec<(i64, i64)> = calls
        .iter()
        .map(|call| (call["end_ms"].as_i64().unwrap(), call["start_ms"].as_i64().unwrap()))
        .collect();
    ends.sort_unstable();
    let mut last_end = i64::MIN;
    ends.iter()
        .filter(|(end, start)| {
            *start >= last_end && {
                last_end = *end;
                true
            }
        })
        .count()
}

async fn forget(server: &TestServer) {
    // Wait for work beside the run before: the last use of its key is stored.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.double().command("calls/clear", json!({})).await;
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_costs_few_calls() {
    // The sweeper's calls do not belong to a run.
    let server = on_aws(&["--sweep-every-ms", "3600000"]).await;
    let called_at = Arc::new(Mutex::new(Vec::new()));
    let times = called_at.clone();
    let receiver = Receiver::start(move |_, _| {
        times.lock().unwrap().push(SystemClock.now().millis());
        Reply::After(Duration::from_millis(30), StatusCode::OK, r#"{"said":"at last"}"#.to_owned())
    })
    .await;
    server.publish("hello", HELLO).await;
    server.publish("call", &calling(&receiver)).await;
    let key = server.key(&["hello", "call"], &["run"]).await;
    let start = |workflow: &str, body: Value| {
        server.post(&format!("/v1/workflows/{workflow}/runs"), &key).json(&body)
    };

    let hello = || start("hello", json!({ "input": { "name": "Ada" } }));
    assert_eq!(answer(hello()).await.0, 200, "to warm it");
    forget(&server).await;
    assert_eq!(answer(hello()).await.0, 200);
    let pure = calls(&server, &["invoke"]).await;
    eprintln!("attached, no outside call: {} calls\n{}", pure.len(), described(&pure));

    assert_eq!(answer(start("call", json!({}))).await.0, 200, "to warm it");
    forget(&server).await;
    assert_eq!(answer(start("call", json!({}))).await.0, 200);
    let attached = calls(&server, &["invoke"]).await;
    let outside = *called_at.lock().unwrap().last().unwrap();
    let (before, after): (Vec<Value>, Vec<Value>) =
        attached.iter().cloned().partition(|call| call["start_ms"].as_i64().unwrap() <= outside);
    eprintln!(
        "attached, one outside call: {} before it, {} after it\n{}",
        before.len(),
        after.len(),
        described(&attached)
    );

    let detached = async || {
        let (status, run) =
            answer(start("call", json!({})).header("prefer", "respond-async")).await;
        assert_eq!(status, 202, "{run}");
        ended(&server, run["id"].as_str().unwrap()).await;
        all_quiet(&server).await;
    };
    detached().await;
    forget(&server).await;
    detached().await;
    let detached = calls(&server, &["invoke", "worker"]).await;
    eprintln!(
        "detached, one outside call: {} calls, {} in sequence\n{}",
        detached.len(),
        in_sequence(&detached),
        described(&detached)
    );

    assert_eq!(pure.len(), 1, "one transaction in total");
    assert!(before.len() <= 1 && after.len() <= 1, "{}", described(&attached));
    assert!(detached.len() <= 7, "six and one for the outside call: {}", described(&detached));
}
