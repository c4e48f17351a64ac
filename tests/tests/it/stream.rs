//! A native stream, cut and resumed: no event is missing or repeated.

use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use futures_util::StreamExt;
use serde_json::{Value, json};

const STORY: &str = r#"
input: [{ name: about, type: string }]
nodes:
  - { id: draft, type: agent, model: offline/echo, echo_delay: 20ms, prompt: "<api.about>" }
output: { story: <draft.content> }
"#;

#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub event: String,
    pub id: Option<String>,
    pub data: Value,
}

/// Reads frames until `enough` accepts the last one, or the stream ends.
pub(crate) async fn read(
    answer: reqwest::Response,
    mut enough: impl FnMut(&Frame) -> bool,
) -> Vec<Frame> {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
    let (mut body, mut text, mut frames) = (answer.bytes_stream(), String::new(), Vec::new());
    while let Some(bytes) = body.next().await {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        while let Some((frame, rest)) = text.split_once("\n\n") {
            let frame = parse(frame);
            text = rest.to_owned();
            let Some(frame) = frame else { continue };
            frames.push(frame);
            if enough(frames.last().unwrap()) {
                return frames;
            }
        }
    }
    frames
}

/// Returns `None` for a comment.
fn parse(frame: &str) -> Option<Frame> {
    let field = |name: &str| {
        frame
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    let data = field("data")?;
    Some(Frame {
        event: field("event").unwrap_or_default(),
        id: field("id"),
        data: serde_json::from_str(&data).unwrap(),
    })
}

fn chunks(frames: &[Frame]) -> String {
    frames
        .iter()
        .filter(|frame| frame.event == "chunk")
        .map(|frame| frame.data["text"].as_str().unwrap())
        .collect()
}

fn long_text() -> String {
    (0..120).map(|word| format!("word{word} ")).collect::<String>().trim_end().to_owned()
}

fn start(client: &reqwest::Client, url: &str) -> reqwest::RequestBuilder {
    let body = json!({ "input": { "about": long_text() } });
    client
        .post(format!("{url}/v1/workflows/story/runs"))
        .bearer_auth(ADMIN_KEY)
        .header("accept", "text/event-stream")
        .json(&body)
}

fn resume(
    client: &reqwest::Client,
    url: &str,
    run: &str,
    last: Option<&str>,
) -> reqwest::RequestBuilder {
    let request = client
        .get(format!("{url}/v1/runs/{run}/events"))
        .bearer_auth(ADMIN_KEY)
        .header("accept", "text/event-stream");
    match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    }
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_goes_on_where_it_stopped() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let mut seen = 0;
    let head = read(start(&server.client, &server.url).send().await.unwrap(), |frame| {
        seen += usize::from(frame.event == "chunk");
        seen == 40
    })
    .await;
    assert!(
        !head.iter().any(|frame| frame.event == "node.finished" && frame.data["node"] == "draft"),
        "chunks come as they are made"
    );
    let run = head[0].data["run_id"].as_str().unwrap().to_owned();
    let last = head.iter().rev().find_map(|frame| frame.id.clone()).unwrap();

    let tail =
        read(resume(&server.client, &server.url, &run, Some(&last)).send().await.unwrap(), |_| {
            false
        })
        .await;
    let end = tail.last().unwrap();
    assert_eq!(end.event, "run.finished");
    assert_eq!(end.data["status"], "succeeded");
    assert_eq!(chunks(&head) + &chunks(&tail), long_text());
    assert_eq!(end.data["output"]["story"], long_text());

    let again =
        read(resume(&server.client, &server.url, &run, None).send().await.unwrap(), |_| false)
            .await;
    assert_eq!(chunks(&again), long_text(), "from the first event on, after the end");
}

#[tokio::test]
async fn a_detached_run_streams_its_story_across_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let client = reqwest::Client::new();
    let process = Process::start(folder.path()).await;
    // Not `story`: a first start publishes an example under that name, maybe a moment later.
    publish(&client, &process.url, "tale", STORY).await;
    let body = json!({ "input": { "about": long_text() } });
    let request = client
        .post(format!("{}/v1/workflows/tale/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async");
    let run: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    let run = run["id"].as_str().unwrap();
    let mut seen = 0;
    let head = read(resume(&client, &process.url, run, None).send().await.unwrap(), |frame| {
        seen += usize::from(frame.event == "chunk");
        seen == 30
    })
    .await;
    process.kill().await;

    let process = Process::start(folder.path()).await;
    let last = head.iter().rev().find_map(|frame| frame.id.clone()).unwrap();
    let tail =
        read(resume(&client, &process.url, run, Some(&last)).send().await.unwrap(), |_| false)
            .await;
    let reset = tail
        .iter()
        .position(|frame| frame.event == "node.reset")
        .expect("the open call starts again");
    assert_eq!(chunks(&tail[reset..]), long_text());
    assert_eq!(tail.last().unwrap().data["output"]["story"], long_text());
}
