//! A node that makes several calls, from end to end: in a row, concurrently, polling, and with
//! another node under a call. Wherever its process dies, no call that has ended is made again, and
//! what ends first changes nothing.

pub(crate) mod killed;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_app::Settings;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, settings};
use flowgate_tests::several;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, until};
use crate::stream::{self, Frame};

/// Every call of a node, in the order in which they go out; `left` and `right` do so together.
const CALLS: [&str; 8] = ["first", "second", "third", "left", "right", "look0", "look1", "tool"];

/// The run named `i` calls `/<i>/<call>` of the upstream.
fn document(upstream: &Receiver, more: &str) -> String {
    format!(
        r#"
input: [{{ name: i, type: string }}]
nodes:
  - id: s
    type: several
    url: "{0}/<api.i>"
    tool: {{ url: "{0}/<api.i>/tool", query: {{ after: <tool.said> }} }}
{more}
"#,
        upstream.url
    )
}

/// Each call answers with the name of the call before it and its own.
fn output() -> Value {
    json!({
        "first": ".first",
        "second": ".first.second",
        "third": ".first.second.third",
        "left": ".first.second.third.left",
        "right": ".first.second.third.right",
        "looks": 2,
        "tool": ".first.second.third.left.tool",
        "last": null,
    })
}

/// The run and the call.
fn place(request: &Received) -> (&str, &str) {
    request.uri.path()[1..].split_once('/').unwrap()
}

fn reply_body(request: &Received) -> String {
    let (_, call) = place(request);
    let after = request.uri.query().and_then(|query| query.strip_prefix("after=")).unwrap();
    json!({ "said": format!("{after}.{call}"), "ready": call == "look1" }).to_string()
}

/// Answers the calls that `is_held` names (with how many of the same call came before) once it is
/// let go.
async fn upstream(is_held: impl Fn(&str, &str, usize) -> bool + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |request, before| {
        let (run, call) = place(request);
        match is_held(run, call, before) {
            true => Reply::WhenLetGo(StatusCode::OK, reply_body(request)),
            false => Reply::Now(StatusCode::OK, reply_body(request)),
        }
    })
    .await
}

fn with_kind() -> Settings {
    settings(|settings| settings.kinds = Some(several::kinds()))
}

async fn server(document: &str) -> TestServer {
    server_with(document, |_| {}).await
}

async fn server_with(document: &str, change: impl FnOnce(&mut Settings)) -> TestServer {
    let server = TestServer::start_with(|settings| {
        settings.kinds = Some(several::kinds());
        change(settings);
    })
    .await;
    server.publish("w", document).await;
    server
}

/// A server as its callers see it.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) client: &'a Client,
    pub(crate) url: &'a str,
}

impl<'a> At<'a> {
    pub(crate) fn server(server: &'a TestServer) -> Self {
        Self { client: &server.client, url: &server.url }
    }

    pub(crate) fn start(&self, i: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}/v1/workflows/w/runs", self.url));
        request.bearer_auth(ADMIN_KEY).json(&json!({ "input": { "i": i } }))
    }

    pub(crate) async fn start_detached(&self, i: &str) -> String {
        let (status, run) = answer(self.start(i).header("prefer", "respond-async")).await;
        assert_eq!(status, 202, "{run}");
        run["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/v1/runs/{path}", self.url)).bearer_auth(ADMIN_KEY)
    }

    pub(crate) async fn ended(&self, run: &str) -> Value {
        until(|| self.get(run), |run| !run["ended_at"].is_null()).await
    }

    async fn trace_of_node(&self, run: &str) -> Value {
        self.trace_of(run, "s").await
    }

    pub(crate) async fn trace_of(&self, run: &str, id: &str) -> Value {
        let mut trace = answer(self.get(&format!("{run}/trace"))).await.1;
        let nodes = trace["nodes"].as_array_mut().unwrap();
        let mut of_node = nodes.iter_mut().filter(|node| node["node"] == id);
        let node = of_node.next().unwrap().take();
        assert!(of_node.next().is_none(), "one node is one entry");
        node
    }

    pub(crate) async fn events(&self, run: &str) -> Vec<Frame> {
        let request = self.get(&format!("{run}/events")).header("accept", "text/event-stream");
        stream::read(request.send().await.unwrap(), |_| false).await
    }
}

fn assert_succeeded(run: &Value) {
    assert_eq!((&run["status"], &run["output"]), (&json!("succeeded"), &output()), "{run:#}");
}

/// Every call of the run went out once, but for these.
fn assert_made(upstream: &Receiver, run: &str, otherwise: &[(&str, usize)]) {
    for call in CALLS {
        let expected =
            otherwise.iter().find(|(other, _)| *other == call).map_or(1, |(_, made)| *made);
        assert_eq!(upstream.count(&format!("/{run}/{call}")), expected, "{call} of the run {run}");
    }
}

async fn until_made(upstream: &Receiver, run: &str, call: &str, times: usize) {
    let path = format!("/{run}/{call}");
    upstream
        .until(|all| all.iter().filter(|request| request.uri.path() == path).count() == times)
        .await;
}

/// What the events say, a line each; the words of one call are one line.
fn lines(frames: &[Frame]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.data["node"] == "s") {
        let of = frame.data["call"].as_str().map_or("s".to_owned(), |call| format!("s/{call}"));
        let chunk = format!("chunk {of}: ");
        match frame.event.as_str() {
            "chunk" => {
                let text = frame.data["text"].as_str().unwrap();
                match lines.last_mut().filter(|line| line.starts_with(&chunk)) {
                    Some(line) => line.push_str(text),
                    None => lines.push(chunk + text),
                }
            }
            "node.attempt" => lines.push(format!("attempt {of} {}", frame.data["attempt"])),
            event => lines.push(format!("{} {of}", event.trim_start_matches("node."))),
        }
    }
    lines
}

#[tokio::test]
async fn a_waiting_caller_gets_what_all_calls_answered() {
    let upstream = upstream(|_, _, _| false).await;
    let server = server(&document(&upstream, "")).await;
    let (status, run) = answer(At::server(&server).start("a")).await;
    assert_eq!(status, 200);
    assert_succeeded(&run);
    assert_eq!((&run["usage"]["tokens"], &run["usage"]["cost_nano_usd"]), (&json!(0), &json!(0)));
    assert_made(&upstream, "a", &[]);

    let node = At::server(&server).trace_of_node(run["id"].as_str().unwrap()).await;
    assert_eq!((&node["kind"], &node["status"]), (&json!("several"), &json!("succeeded")));
    assert_eq!((&node["attempts"], &node["output"]), (&json!(1), &output()));
    assert_eq!((&node["tokens"], &node["cost_nano_usd"]), (&Value::Null, &Value::Null));
    assert_eq!(node["input"]["url"], format!("{}/a/first", upstream.url));
}

#[tokio::test]
async fn what_ends_first_changes_nothing() {
    let upstream = Receiver::start(|request, _| match place(request) {
        ("left-last", "left") | ("right-last", "right") => {
            Reply::After(Duration::from_millis(400), StatusCode::OK, reply_body(request))
        }
        _ => Reply::Now(StatusCode::OK, reply_body(request)),
    })
    .await;
    let server = server(&document(&upstream, "")).await;
    for i in ["left-last", "right-last"] {
        assert_succeeded(&answer(At::server(&server).start(i)).await.1);
    }
}

#[tokio::test]
async fn the_events_name_the_calls() {
    let upstream = upstream(|_, _, _| false).await;
    let server = server(&document(&upstream, "    say: so far so good")).await;
    let request = At::server(&server).start("a").header("accept", "text/event-stream");
    let live = stream::read(request.send().await.unwrap(), |_| false).await;
    assert_eq!(
        lines(&live),
        [
            "started s",
            "attempt s/second 1",
            "attempt s/third 1",
            "attempt s/draft 1",
            "chunk s/draft: draft: so far so good",
            "reset s/draft",
            "attempt s/left 1",
            "attempt s/right 1",
            "attempt s/look0 1",
            "attempt s/look1 1",
            "attempt s/tool 1",
            "attempt s/last 1",
            "chunk s/last: last: so far so good",
            "finished s",
        ]
    );
    let end = live.last().unwrap();
    assert_eq!(end.data["output"]["last"], "last: so far so good");
    assert_eq!(end.data["usage"]["cost_nano_usd"], 0, "the price of an echo is known");
    let stored = At::server(&server).events(end.data["id"].as_str().unwrap()).await;
    assert_eq!(lines(&stored), lines(&live));
}

/// Each call has its own START row.
#[tokio::test]
async fn every_call_that_must_not_go_out_twice_is_marked_before_it_goes_out() {
    let upstream = upstream(|_, call, _| call == "tool").await;
    let server = server(&document(&upstream, "    at_most_once: true")).await;
    let run = At::server(&server).start_detached("a").await;
    until_made(&upstream, "a", "tool", 1).await;
    let file = rusqlite::Connection::open(server.folder().join("flowgate.db")).unwrap();
    let places = |table: &str| -> Vec<String> {
        let mut select =
            file.prepare(&format!("SELECT place FROM {table} ORDER BY rowid")).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut started: Vec<String> = {
        let mut select = file.prepare("SELECT place FROM started_calls").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut recorded = places("checkpoints");
    recorded.push("s/tool".to_owned());
    recorded.sort();
    started.sort();
    assert_eq!(started, recorded);
    assert_eq!(started[..2], ["s", "s/left"], "the first call has the node's own place");
    upstream.let_go();
    assert_succeeded(&At::server(&server).ended(&run).await);
}

#[tokio::test]
async fn a_cancel_ends_the_node_while_two_calls_are_out() {
    let upstream = upstream(|_, call, _| matches!(call, "left" | "right")).await;
    let server = server(&document(&upstream, "")).await;
    let at = At::server(&server);
    let run = at.start_detached("a").await;
    until_made(&upstream, "a", "left", 1).await;
    until_made(&upstream, "a", "right", 1).await;
    answer(server.post(&format!("/v1/runs/{run}/cancel"), ADMIN_KEY)).await;
    assert_eq!(at.ended(&run).await["status"], "cancelled");
    assert_eq!(at.trace_of_node(&run).await["status"], "cancelled");
    upstream.let_go();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_made(&upstream, "a", &[("look0", 0), ("look1", 0), ("tool", 0)]);
}

#[tokio::test]
async fn a_run_outlives_its_callers_wait_between_and_during_its_calls() {
    for more in ["", "    at_most_once: true"] {
        let upstream = Receiver::start(|request, _| match place(request).1 {
            "left" => {
                Reply::After(Duration::from_millis(2_500), StatusCode::OK, reply_body(request))
            }
            _ => Reply::Now(StatusCode::OK, reply_body(request)),
        })
        .await;
        let server = server(&document(&upstream, more)).await;
        let at = At::server(&server);
        let (status, run) = answer(at.start("a").header("prefer", "wait=1")).await;
        assert_eq!((status, run["ended_at"].is_null()), (202, true), "{run:#}");
        let run = at.ended(run["id"].as_str().unwrap()).await;
        assert_succeeded(&run);
        assert_made(&upstream, "a", &[]);
        let events = lines(&at.events(run["id"].as_str().unwrap()).await);
        assert_eq!(events.len(), CALLS.len() + 1, "{events:#?}");
    }
}

#[tokio::test]
async fn a_stopped_server_gives_its_runs_to_the_next_one() {
    let upstream = upstream(|_, call, _| call == "left").await;
    let drain = |settings: &mut Settings| settings.drain = Duration::from_millis(200);
    let server = server_with(&document(&upstream, ""), drain).await;
    let detached = At::server(&server).start_detached("detached").await;
    let attached = tokio::spawn(At::server(&server).start("attached").send());
    for run in ["detached", "attached"] {
        until_made(&upstream, run, "left", 1).await;
        until_made(&upstream, run, "right", 1).await;
    }
    let server = server.restart().await;
    let attached: Value = attached.await.unwrap().unwrap().json().await.unwrap();
    for run in ["detached", "attached"] {
        until_made(&upstream, run, "left", 2).await;
    }
    upstream.let_go();
    for (name, run) in
        [("detached", detached.as_str()), ("attached", attached["id"].as_str().unwrap())]
    {
        assert_succeeded(&At::server(&server).ended(run).await);
        assert_made(&upstream, name, &[("left", 2)]);
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_pause() {
    let upstream = upstream(|_, _, _| false).await;
    let server = server(&document(&upstream, "    pause: 1m")).await;
    let run = At::server(&server).start_detached("a").await;
    until_made(&upstream, "a", "look0", 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    let server = server.restart().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    answer(server.post(&format!("/v1/runs/{run}/cancel"), ADMIN_KEY)).await;
    assert_eq!(At::server(&server).ended(&run).await["status"], "cancelled");
    assert_made(&upstream, "a", &[("look1", 0), ("tool", 0)]);
}

/// A worker has three seconds here, less than any call may take: each makes one call and gives the
/// run to the next.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_node_goes_from_function_to_function_between_its_calls() {
    let upstream = upstream(|_, _, _| false).await;
    let server = TestServer::on_aws(&with_kind(), &["--timeout", "worker=23"]).await;
    server.publish("w", &document(&upstream, "    pause: 2s\n    at_most_once: true")).await;
    let at = At::server(&server);
    let run = at.start_detached("a").await;
    assert_succeeded(&at.ended(&run).await);
    assert_made(&upstream, "a", &[]);
    let events = at.events(&run).await;
    let owners: HashSet<_> =
        events.iter().filter_map(|frame| frame.id.as_ref()?.split('-').next()).collect();
    assert!(owners.len() >= CALLS.len() - 1, "{owners:?}");
    assert_eq!(lines(&events).len(), CALLS.len() + 1, "{:#?}", lines(&events));
}

#[tokio::test]
async fn only_the_call_that_failed_is_made_again() {
    let upstream = Receiver::start(|request, before| match (place(request).1, before) {
        ("third" | "right" | "tool", 0) => {
            Reply::Now(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned())
        }
        _ => Reply::Now(StatusCode::OK, reply_body(request)),
    })
    .await;
    let more = "    retry: { max_attempts: 2, backoff: 10ms }";
    let server = server(&document(&upstream, more)).await;
    let at = At::server(&server);
    let run = at.start_detached("a").await;
    assert_succeeded(&at.ended(&run).await);
    assert_made(&upstream, "a", &[("third", 2), ("right", 2), ("tool", 2)]);
    assert_eq!(at.trace_of_node(&run).await["attempts"], 2);
    let events = lines(&at.events(&run).await);
    let again: Vec<_> = events.iter().filter(|line| line.ends_with(" 2")).collect();
    assert_eq!(again, ["attempt s/third 2", "attempt s/right 2", "attempt s/tool 2"]);
}

const AT_MOST_ONCE_WITH_RETRY: &str =
    "    at_most_once: true\n    retry: { max_attempts: 2, backoff: 10ms }";

/// 429 says that nothing happened, 503 does not.
#[tokio::test]
async fn what_must_not_go_out_twice_is_made_again_where_nothing_happened() {
    let upstream = Receiver::start(|request, before| match (place(request), before) {
        ((_, "third"), 0) => Reply::Now(StatusCode::TOO_MANY_REQUESTS, "{}".to_owned()),
        (("unsure", "right"), 0) => Reply::Now(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, reply_body(request)),
    })
    .await;
    let server = server(&document(&upstream, AT_MOST_ONCE_WITH_RETRY)).await;
    let at = At::server(&server);
    let sure = at.start_detached("sure").await;
    assert_succeeded(&at.ended(&sure).await);
    assert_made(&upstream, "sure", &[("third", 2)]);
    let unsure = answer(at.start("unsure")).await.1;
    assert_eq!(
        (&unsure["status"], &unsure["error"]["code"]),
        (&json!("failed"), &json!("http_status"))
    );
    assert_made(&upstream, "unsure", &[("third", 2), ("look0", 0), ("look1", 0), ("tool", 0)]);
}

/// The process made the first attempt as the caller's, and makes the second as a worker.
#[tokio::test]
async fn a_call_where_nothing_happened_is_made_again_after_its_callers_wait() {
    let upstream = Receiver::start(|request, before| match (place(request).1, before) {
        ("left", 0) => {
            let wait = Duration::from_millis(2_500);
            Reply::After(wait, StatusCode::TOO_MANY_REQUESTS, "{}".to_owned())
        }
        _ => Reply::Now(StatusCode::OK, reply_body(request)),
    })
    .await;
    let server = server(&document(&upstream, AT_MOST_ONCE_WITH_RETRY)).await;
    let at = At::server(&server);
    let (status, run) = answer(at.start("a").header("prefer", "wait=1")).await;
    assert_eq!(status, 202);
    assert_succeeded(&at.ended(run["id"].as_str().unwrap()).await);
    assert_made(&upstream, "a", &[("left", 2)]);
}
