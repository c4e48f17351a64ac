//! Event streams as clients read them: their type, their lines, their ids, their end.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::fixture::answer;
use crate::stream::{Frame, read};

const ECHO: &str = "
input: [{ name: text, type: string }]
nodes: [{ id: say, type: agent, model: offline/echo, prompt: <api.text> }]
output: { said: <say.content> }
";
/// Every character at which some client ends a line, between words.
const TEXT: &str =
    "ok ✅ a\u{85}b\u{2028}c\u{2029}d\u{b}e\u{c}f\u{1c}g\u{1d}h\u{1e}i\r\nj 🎉👩‍🚀 end";
/// As Python's `str.splitlines` has them.
const ENDS_OF_LINES: &str = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.publish("w", ECHO).await;
    server
}

fn native(server: &TestServer, text: &str) -> RequestBuilder {
    server
        .post("/v1/workflows/w/runs", ADMIN_KEY)
        .header("accept", "text/event-stream")
        .json(&json!({ "input": { "text": text } }))
}

/// The data of each frame, read as the most careless client does.
async fn data(response: Response) -> Vec<String> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let text = response.text().await.unwrap();
    let lines = text.split(|character| ENDS_OF_LINES.contains(character));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(':'));
    let fields = ["data: ", "event: ", "id: "];
    for line in lines.clone() {
        assert!(fields.iter().any(|field| line.starts_with(field)), "a cut line: {line:?}");
    }
    lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).collect()
}

#[tokio::test]
async fn no_client_finds_the_end_of_a_line_in_the_data() {
    let server = server().await;
    let run = native(&server, TEXT).send().await.unwrap();
    let id = run.headers()["x-run-id"].to_str().unwrap().to_owned();
    let events = server.get(&format!("/v1/runs/{id}/events"), ADMIN_KEY);
    let live = data(run).await;
    for stream in [live, data(events.send().await.unwrap()).await] {
        let parsed: Vec<Value> =
            stream.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
        let joined: String = parsed.iter().filter_map(|data| data["text"].as_str()).collect();
        assert_eq!(joined, TEXT);
        assert_eq!(parsed.last().unwrap()["output"]["said"], TEXT);
    }
    let agent_events = ("x-sim-stream-protocol", "agent-events-v1");
    let v1 = json!({ "text": TEXT, "stream": true, "selectedOutputs": ["say.content"] });
    let v2 = json!({
        "input": { "text": TEXT }, "stream": true, "selectedOutputs": ["say.content"]
    });
    for (path, body, protocol) in [
        ("/api/workflows/w/execute", &v1, None),
        ("/api/workflows/w/execute", &v1, Some(agent_events)),
        ("/api/v2/workflows/w/execute", &v2, None),
        ("/api/v2/workflows/w/execute", &v2, Some(agent_events)),
    ] {
        let mut request = server.post(path, ADMIN_KEY).json(body);
        if let Some((name, value)) = protocol {
            request = request.header(name, value);
        }
        let stream = data(request.send().await.unwrap()).await;
        let joined: String = stream
            .iter()
            .filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .filter_map(|data| data["chunk"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(joined, TEXT, "{path}");
    }
    let whole = json!({ "text": TEXT, "stream": true });
    let whole = server.post("/api/workflows/w/execute", ADMIN_KEY).json(&whole);
    let whole = data(whole.send().await.unwrap()).await;
    let done: Value = serde_json::from_str(&whole[whole.len() - 2]).unwrap();
    assert_eq!(done["output"]["said"], TEXT, "{whole:?}");
}

fn last_id(frames: &[Frame]) -> String {
    let last = frames.last().unwrap();
    assert_eq!(last.event, "run.finished");
    last.id.clone().expect("run.finished has an id")
}

#[tokio::test]
async fn a_client_that_has_the_end_is_told_not_to_come_back() {
    let server = server().await;
    let run = native(&server, "hi").send().await.unwrap();
    let id = run.headers()["x-run-id"].to_str().unwrap().to_owned();
    let live = last_id(&read(run, |_| false).await);
    let path = format!("/v1/runs/{id}/events");
    let stored = server.get(&path, ADMIN_KEY).send().await.unwrap();
    assert_eq!(last_id(&read(stored, |_| false).await), live, "the same id, live and stored");
    let again = server.get(&path, ADMIN_KEY).header("last-event-id", &live).send().await.unwrap();
    assert_eq!(again.status(), 204);
    assert_eq!(again.headers()["x-run-id"], id.as_str());
    assert_eq!(again.text().await.unwrap(), "");
    let after = server.get(&format!("{path}?after={live}"), ADMIN_KEY).send().await.unwrap();
    assert_eq!(after.status(), 204);
    for bad in ["end", "1", "1-x", "+1-1", "1-99999999999999999999", "1-4294967296"] {
        let refused = server.get(&path, ADMIN_KEY).header("last-event-id", bad);
        assert_eq!(refused.send().await.unwrap().status(), 400, "{bad}");
    }
    // A run that was not followed has its end alone, with its id.
    let waited = server.post("/v1/workflows/w/runs", ADMIN_KEY);
    let (_, waited) = answer(waited.json(&json!({ "input": { "text": "x" } }))).await;
    let path = format!("/v1/runs/{}/events", waited["id"].as_str().unwrap());
    let frames = read(server.get(&path, ADMIN_KEY).send().await.unwrap(), |_| false).await;
    let end = last_id(&frames);
    let again = server.get(&path, ADMIN_KEY).header("last-event-id", end).send().await.unwrap();
    assert_eq!(again.status(), 204);
}

#[tokio::test]
async fn a_repeated_streaming_start_goes_on_after_the_last_event() {
    let server = server().await;
    let start = || native(&server, "one two three").header("idempotency-key", "k");
    let all = read(start().send().await.unwrap(), |_| false).await;
    let ids: Vec<_> = all.iter().filter_map(|frame| frame.id.clone()).collect();
    for (index, id) in ids.iter().enumerate() {
        let again = start().header("last-event-id", id).send().await.unwrap();
        if index + 1 == ids.len() {
            assert_eq!(again.status(), 204, "it has the end");
            assert_eq!(again.headers()["idempotent-replayed"], "true");
            continue;
        }
        let rest = read(again, |_| false).await;
        let rest: Vec<_> = rest.iter().filter_map(|frame| frame.id.clone()).collect();
        assert_eq!(rest, ids[index + 1..], "after {id}");
    }
    let bad = start().header("last-event-id", "x").send().await.unwrap();
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn a_large_run_is_pointed_to_and_not_repeated() {
    let server = server().await;
    for (length, is_large) in [(60_000, false), (80_000, true)] {
        let text = "x".repeat(length);
        let run = native(&server, &text).send().await.unwrap();
        let id = run.headers()["x-run-id"].to_str().unwrap().to_owned();
        let events = server.get(&format!("/v1/runs/{id}/events"), ADMIN_KEY);
        for stream in [run, events.send().await.unwrap()] {
            let frames = read(stream, |_| false).await;
            let end = &frames.last().unwrap().data;
            assert_eq!(end["output"].is_null() && end["input"].is_null(), is_large, "{length}");
            assert_eq!(end["omitted"].is_object(), is_large);
            if is_large {
                let (_, run) = answer(server.get(&format!("/v1/runs/{id}"), ADMIN_KEY)).await;
                assert_eq!(run["output"]["said"], text);
                let bytes = serde_json::to_string(&run["output"]).unwrap().len();
                assert_eq!(end["omitted"]["output_bytes"], json!(bytes));
                assert_eq!(end["links"]["self"], run["links"]["self"]);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_is_not_sent_to_who_refuses_it() {
    let server = server().await;
    let ask = async |accept: &str| {
        let request = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("accept", accept);
        let request = request.json(&json!({ "input": { "text": "hi" } }));
        let response = request.send().await.unwrap();
        response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream")
    };
    assert!(ask("text/event-stream").await && ask("text/event-stream;q=0.1, */*").await);
    for refusing in ["text/event-stream;q=0, application/json", "text/event-stream; Q=0.000"] {
        assert!(!ask(refusing).await, "{refusing}");
    }
}
