//! Runs whose process is killed with `kill -9`: between any two calls, during each of them, and in
//! a pause.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, publish};
use reqwest::Client;
use serde_json::json;

use super::{
    At, CALLS, assert_made, assert_succeeded, document, lines, output, place, reply_body,
    until_made, upstream, with_kind,
};
use crate::fixture::answer;
use crate::stream::{self, Frame};

/// A process with its folder. On AWS a run goes on when the lease of 60 s has ended: what can die
/// together does.
pub(crate) struct Alive {
    folder: tempfile::TempDir,
    client: Client,
    process: Process,
}

impl Alive {
    pub(crate) async fn start(document: &str) -> Self {
        let (folder, client) = (tempfile::tempdir().unwrap(), Client::new());
        let process = Process::start_with(folder.path(), &with_kind()).await;
        publish(&client, &process.url, "w", document).await;
        Self { folder, client, process }
    }

    /// `kill -9`, and another process on the same folder.
    pub(crate) async fn kill_and_restart(self) -> Self {
        self.process.kill().await;
        let process = Process::start_with(self.folder.path(), &with_kind()).await;
        Self { process, ..self }
    }

    pub(crate) fn at(&self) -> At<'_> {
        At { client: &self.client, url: &self.process.url }
    }
}

/// One run for each call, held there; all of them are killed at once.
#[tokio::test]
async fn no_call_that_has_ended_is_made_again_wherever_the_process_dies() {
    let upstream = upstream(|run, call, _| run == call).await;
    let before = Alive::start(&document(&upstream, "")).await;
    let mut runs = Vec::new();
    for call in CALLS {
        runs.push(before.at().start_detached(call).await);
    }
    for call in CALLS {
        until_made(&upstream, call, call, 1).await;
    }
    // What is concurrent with a call that is held has its time to be recorded.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = before.kill_and_restart().await;
    for call in CALLS {
        until_made(&upstream, call, call, 2).await;
    }
    upstream.let_go();
    for (call, run) in CALLS.iter().zip(&runs) {
        assert_succeeded(&after.at().ended(run).await);
        assert_made(&upstream, call, &[(call, 2)]);
        let node = after.at().trace_of_node(run).await;
        assert_eq!((&node["attempts"], &node["output"]), (&json!(1), &output()), "{call}");
        for made in node["calls"].as_array().unwrap() {
            let attempt = &made["attempts"][0];
            let times = ["queued_at", "started_at", "ended_at"].map(|at| attempt[at].as_str());
            assert!(times[0].is_some() && times.is_sorted(), "killed in {call}: {made}");
        }
        let events = lines(&after.at().events(run).await);
        let attempts = events.iter().filter(|line| line.starts_with("attempt")).count();
        assert_eq!(attempts, CALLS.len() - 1, "what is stored is not said again: {events:#?}");
    }
}

#[tokio::test]
async fn one_run_outlives_a_kill_at_each_of_its_calls() {
    let upstream = upstream(|_, _, before| before == 0).await;
    let mut alive = Alive::start(&document(&upstream, "")).await;
    let run = alive.at().start_detached("a").await;
    for call in CALLS.into_iter().filter(|call| *call != "right") {
        until_made(&upstream, "a", call, 1).await;
        if call == "left" {
            until_made(&upstream, "a", "right", 1).await;
        }
        alive = alive.kill_and_restart().await;
    }
    assert_succeeded(&alive.at().ended(&run).await);
    assert_made(&upstream, "a", &CALLS.map(|call| (call, 2)));
}

/// Nothing is out then: even what must not go out twice goes on.
#[tokio::test]
async fn a_kill_in_a_pause_costs_nothing() {
    let upstream = upstream(|_, _, _| false).await;
    let before = Alive::start(&document(&upstream, "    pause: 3s\n    at_most_once: true")).await;
    let run = before.at().start_detached("a").await;
    until_made(&upstream, "a", "look0", 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = before.kill_and_restart().await;
    assert_succeeded(&after.at().ended(&run).await);
    assert_made(&upstream, "a", &[]);
}

#[tokio::test]
async fn what_must_not_go_out_twice_ends_its_node_where_the_process_dies() {
    const KILLED_AT: [&str; 5] = ["first", "second", "right", "look1", "tool"];
    let upstream = upstream(|run, call, _| run == call).await;
    let before = Alive::start(&document(&upstream, "    at_most_once: true")).await;
    let undisturbed = before.at().start_detached("undisturbed").await;
    let mut runs = Vec::new();
    for call in KILLED_AT {
        runs.push(before.at().start_detached(call).await);
    }
    for call in KILLED_AT {
        until_made(&upstream, call, call, 1).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = before.kill_and_restart().await;
    assert_succeeded(&after.at().ended(&undisturbed).await);
    for (call, run) in KILLED_AT.iter().zip(&runs) {
        let ended = after.at().ended(run).await;
        let error = &ended["error"];
        assert_eq!(
            (&error["code"], &error["node"]),
            (&json!("interrupted"), &json!("s")),
            "{ended:#}"
        );
        let after_it = CALLS.iter().skip_while(|other| *other != call).skip(1);
        let not_made: Vec<_> = after_it.map(|call| (*call, 0)).collect();
        assert_made(&upstream, call, &not_made);
    }
    upstream.let_go();
}

#[tokio::test]
async fn an_attempt_that_has_failed_is_not_made_again_by_the_next_process() {
    let upstream = Receiver::start(|request, before| match (place(request).1, before) {
        ("third", 0) => Reply::Now(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
        ("third", 1) => Reply::WhenLetGo(StatusCode::OK, reply_body(request)),
        _ => Reply::Now(StatusCode::OK, reply_body(request)),
    })
    .await;
    let before =
        Alive::start(&document(&upstream, "    retry: { max_attempts: 2, backoff: 10ms }")).await;
    let run = before.at().start_detached("a").await;
    until_made(&upstream, "a", "third", 2).await;
    let after = before.kill_and_restart().await;
    assert_succeeded(&after.at().ended(&run).await);
    assert_made(&upstream, "a", &[("third", 3)]);
    assert_eq!(after.at().trace_of_node(&run).await["attempts"], 2);
}

/// Their START rows are written when the run is detached from its caller.
#[tokio::test]
async fn calls_that_outlived_their_callers_wait_are_not_made_again_after_a_kill() {
    let upstream = upstream(|_, call, _| call == "left").await;
    let before = Alive::start(&document(&upstream, "    at_most_once: true")).await;
    let waiting = tokio::spawn(before.at().start("a").header("prefer", "wait=1").send());
    until_made(&upstream, "a", "left", 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let list = before.client.get(format!("{}/v1/workflows/w/runs", before.process.url));
    let runs = answer(list.bearer_auth(ADMIN_KEY)).await.1;
    let run = runs["items"][0]["id"].as_str().unwrap();
    let after = before.kill_and_restart().await;
    let ended = after.at().ended(run).await;
    assert_eq!(
        (&ended["error"]["code"], &ended["error"]["node"]),
        (&json!("interrupted"), &json!("s")),
        "{ended:#}"
    );
    assert_made(&upstream, "a", &[("look0", 0), ("look1", 0), ("tool", 0)]);
    waiting.abort();
}

/// The words of the call that was speaking are taken back, and no others.
#[tokio::test]
async fn what_a_call_said_before_a_kill_is_taken_back() {
    tokio::join!(kill_while_it_speaks("draft", 2, 0), kill_while_it_speaks("last", 1, 1));
}

/// `draft` is taken back once in any case: the node goes on after it.
async fn kill_while_it_speaks(call: &str, resets_of_draft: usize, resets_of_last: usize) {
    let upstream = upstream(|_, _, _| false).await;
    let words: String = (0..300).map(|word| format!(" word{word}")).collect();
    let before =
        Alive::start(&document(&upstream, &format!("    say: \"{}\"", words.trim_start()))).await;
    let run = before.at().start_detached("a").await;
    let is_speaking = |frame: &Frame| frame.event == "chunk" && frame.data["call"] == call;
    let follow = before.at().get(&format!("{run}/events"));
    stream::read(follow.send().await.unwrap(), is_speaking).await;
    let after = before.kill_and_restart().await;
    assert_eq!(after.at().ended(&run).await["status"], "succeeded");
    let lines = lines(&after.at().events(&run).await);
    let count = |line: String| lines.iter().filter(|other| **other == line).count();
    let resets = ["draft", "last"].map(|call| count(format!("reset s/{call}")));
    assert_eq!(resets, [resets_of_draft, resets_of_last], "{lines:#?}");
    let said = ["draft", "last"].map(|call| count(format!("chunk s/{call}: {call}:{words}")));
    assert_eq!(said, [1, 1], "{lines:#?}");
    assert_made(&upstream, "a", &[]);
}
