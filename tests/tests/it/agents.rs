//! An agent that calls two tools in parallel, then a third, from end to end: its sums, its stream,
//! and what a kill after each of its calls costs.

mod killed;

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::TestServer;
use serde_json::{Value, json};

use crate::fixture::{answer, until};
use crate::several::At;
use crate::stream::{self, Frame};

/// Every call of the agent, in order; `left` and `right` go out together.
const CALLS: [&str; 6] = ["turn1", "left", "right", "turn2", "third", "turn3"];
const ANSWER: &str = "left, right and third";

/// The run named `i` calls `/<i>/…` of the upstream.
fn document(upstream: &Receiver, more: &str) -> String {
    format!(
        r#"
input: [{{ name: i, type: string }}]
nodes:
  - id: a
    type: agent
    model: openai/gpt-5-mini
    base_url: "{0}/<api.i>/v1"
    api_key: none
    prompt: "Go."
    tools:
      - name: fetch
        parameters: {{ type: object, properties: {{ what: {{ type: string }} }}, required: [what] }}
        http: {{ url: "{0}/<api.i>/<tool.what>" }}
{more}
"#,
        upstream.url
    )
}

/// The run, and the call: the model's turn, or what a tool fetches.
fn place(request: &Received) -> (String, String) {
    let path = &request.uri.path()[1..];
    let (run, call) = path.split_once('/').unwrap();
    if call != "v1/chat/completions" {
        return (run.to_owned(), call.to_owned());
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let turn = match body["messages"].as_array().unwrap().len() {
        1 => "turn1",
        4 => "turn2",
        6 => "turn3",
        other => panic!("{other} messages"),
    };
    (run.to_owned(), turn.to_owned())
}

/// A stream of OpenAI's, with 10 tokens in and 5 out.
fn spoken(text: &str, fetched: &[&str]) -> String {
    let delta = |delta: Value| json!({ "choices": [{ "index": 0, "delta": delta }] });
    let word = |word| delta(json!({ "content": word }));
    let call = |(index, what): (usize, &&str)| {
        delta(json!({ "tool_calls": [{
            "index": index, "id": format!("call-{what}"), "type": "function",
            "function": { "name": "fetch", "arguments": json!({ "what": what }).to_string() }
        }] }))
    };
    let finish = if fetched.is_empty() { "stop" } else { "tool_calls" };
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] });
    let usage = json!({
        "choices": [],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 }
    });
    let words = text.split_inclusive(' ').map(word);
    let frames = words.chain(fetched.iter().enumerate().map(call)).chain([end, usage]);
    frames.map(|frame| format!("data: {frame}\n\n")).collect::<String>() + "data: [DONE]\n\n"
}

/// What the model says to the results that it got.
fn reply_body(request: &Received) -> String {
    match place(request).1.as_str() {
        "turn1" => spoken("", &["left", "right"]),
        "turn2" => spoken("One more. ", &["third"]),
        "turn3" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let results = body["messages"].as_array().unwrap().iter();
            let results = results.filter(|message| message["role"] == "tool");
            let results: Vec<_> =
                results.map(|message| message["content"].as_str().unwrap()).collect();
            assert_eq!(results, ["left", "right", "third"]);
            spoken(ANSWER, &[])
        }
        tool => json!(tool).to_string(),
    }
}

async fn upstream(is_held: impl Fn(&str, &str, usize) -> bool + Send + Sync + 'static) -> Receiver {
    let seen = std::sync::Mutex::new(std::collections::HashMap::<_, usize>::new());
    Receiver::start(move |request, _| {
        let (run, call) = place(request);
        let mut seen = seen.lock().unwrap();
        let before = seen.entry((run.clone(), call.clone())).or_default();
        let held = is_held(&run, &call, *before);
        *before += 1;
        match held {
            true => Reply::WhenLetGo(StatusCode::OK, reply_body(request)),
            false => Reply::Now(StatusCode::OK, reply_body(request)),
        }
    })
    .await
}

/// Three turns of 10 tokens in and 5 out, at $0.25 and $2 per million.
fn assert_succeeded(run: &Value) {
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let output = &run["output"];
    assert_eq!((&output["content"], &output["turns"]), (&json!(ANSWER), &json!(3)), "{run:#}");
    assert_eq!(output["tokens"], json!({ "input": 30, "output": 15, "total": 45 }));
    assert_eq!(output["finish_reason"], "stop");
    let calls = output["tool_calls"].as_array().unwrap().iter();
    let calls: Vec<_> = calls.map(|call| &call["arguments"]["what"]).collect();
    assert_eq!(calls, ["left", "right", "third"]);
    let usage = json!({
        "tokens": 45, "input_tokens": 30, "output_tokens": 15, "cost_nano_usd": 37_500
    });
    assert_eq!(run["usage"], usage, "{run:#}");
}

fn made(upstream: &Receiver, run: &str, call: &str) -> usize {
    let expected = (run.to_owned(), call.to_owned());
    upstream.received().iter().filter(|request| place(request) == expected).count()
}

/// The text that a listener is left with: a reset takes back what its call has said.
fn text_of(frames: &[Frame]) -> String {
    let mut said: Vec<(Value, String)> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.data["node"] == "a") {
        let call = frame.data["call"].clone();
        match frame.event.as_str() {
            "chunk" => said.push((call, frame.data["text"].as_str().unwrap().to_owned())),
            "node.reset" => said.retain(|(of, _)| *of != call),
            _ => {}
        }
    }
    said.into_iter().map(|(_, text)| text).collect()
}

async fn server(document: &str) -> TestServer {
    let server = TestServer::start().await;
    server.publish("w", document).await;
    server
}

#[tokio::test]
async fn every_way_to_wait_gives_the_same_answer() {
    let upstream = upstream(|_, _, _| false).await;
    let server = server(&document(&upstream, "")).await;
    let at = At::server(&server);
    assert_succeeded(&answer(at.start("waiting")).await.1);
    assert_succeeded(&at.ended(&at.start_detached("detached").await).await);

    let request = at.start("streamed").header("accept", "text/event-stream");
    let frames = stream::read(request.send().await.unwrap(), |_| false).await;
    assert_eq!(text_of(&frames), ANSWER);
    let last = frames.last().unwrap();
    assert_eq!(last.event, "run.finished");
    assert_succeeded(&last.data);
    for run in ["waiting", "detached", "streamed"] {
        for call in CALLS {
            assert_eq!(made(&upstream, run, call), 1, "{call} of {run}");
        }
    }
}

/// Handed over while its first tool is out: what has ended is not made again.
#[tokio::test]
async fn a_run_that_outlives_its_callers_wait_goes_on() {
    let upstream = upstream(|_, call, _| call == "left").await;
    let server = server(&document(&upstream, "")).await;
    let at = At::server(&server);
    let start = answer(at.start("a").header("prefer", "wait=1"));
    // A function answers once its open calls have ended.
    let let_go = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        upstream.let_go();
    };
    let ((status, run), ()) = tokio::join!(start, let_go);
    assert_eq!(status, 202, "{run}");
    let run = run["id"].as_str().unwrap();
    assert_succeeded(&at.ended(run).await);
    assert_eq!(text_of(&at.events(run).await), ANSWER);
    // Known of every call, whichever process made it.
    let attempts = attempts_of(&at.trace_of(run, "a").await);
    assert_eq!(attempts.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>(), NAMES);
    for (call, attempt) in attempts {
        let at = |field: &str| attempt[field].as_str().unwrap_or_else(|| panic!("{call}: {field}"));
        let times = [at("queued_at"), at("started_at"), at("ended_at")];
        assert!(times.is_sorted(), "{call}: {times:?}");
    }
    for call in CALLS {
        assert_eq!(made(&upstream, "a", call), 1, "{call}");
    }
}

/// The names of [`CALLS`] in the trace.
const NAMES: [&str; 6] = ["-", "turn1.tool0", "turn1.tool1", "turn2", "turn2.tool0", "turn3"];

/// The first attempt of each call in a node's trace.
fn attempts_of(node: &Value) -> Vec<(String, Value)> {
    let calls = node["calls"].as_array().unwrap().iter();
    let calls = calls.map(|call| (call["call"].as_str().unwrap_or("-"), &call["attempts"][0]));
    calls.map(|(call, attempt)| (call.to_owned(), attempt.clone())).collect()
}

#[tokio::test]
async fn a_run_that_goes_on_shows_its_calls() {
    let upstream = upstream(|_, call, _| call == "third").await;
    let server = server(&document(&upstream, "")).await;
    let at = At::server(&server);
    let run = at.start_detached("a").await;
    let has_called = |upstream: &Receiver| made(upstream, "a", "third") == 1;
    for _ in 0..400 {
        if has_called(&upstream) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(has_called(&upstream));
    // Its events are written within a second.
    let calls = || at.get(&format!("{run}/trace"));
    let attempts = |trace: &Value| {
        let node = trace["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "a");
        attempts_of(node.unwrap_or(&json!({ "calls": [] })))
    };
    let trace = until(calls, |trace| attempts(trace).len() == 5).await;
    assert_eq!(trace["status"], "running");
    let attempts = attempts(&trace);
    assert_eq!(attempts.iter().map(|(call, _)| call.as_str()).collect::<Vec<_>>(), NAMES[..5]);
    for (call, attempt) in &attempts[..4] {
        assert_eq!(attempt["status"], "succeeded", "{call}");
        let times = ["queued_at", "started_at", "ended_at"].map(|field| attempt[field].as_str());
        assert!(times[0].is_some() && times.is_sorted(), "{call}: {attempt}");
    }
    assert_eq!(attempts[0].1["tokens"], 15);
    assert_eq!(attempts[0].1["finish_reason"], "tools");
    assert_eq!(attempts[1].1["http_status"], 200);
    let open = &attempts[4].1;
    assert!(open["ended_at"].is_null() && open["queued_at"].is_string(), "{open}");
    upstream.let_go();
    assert_succeeded(&at.ended(&run).await);
}

#[tokio::test]
async fn the_offline_model_calls_tools_too() {
    let document = r#"
nodes:
  - id: a
    type: agent
    model: offline/echo
    prompt: "/add {\"a\": 1, \"b\": 2}\n/add {\"a\": 3, \"b\": 4}\n\n/add {\"a\": 5, \"b\": 6}"
    tools:
      - { name: add, code: return <tool.a> + <tool.b> }
"#;
    let server = server(document).await;
    let (_, run) = answer(At::server(&server).start("a")).await;
    let output = &run["output"];
    assert_eq!((&output["content"], &output["turns"]), (&json!("11"), &json!(3)), "{run:#}");
    assert_eq!(output["tool_calls"].as_array().unwrap().len(), 3);
}
