//! Agents whose process is killed with `kill -9` during each of their calls.

use std::time::Duration;

use flowgate_tests::receiver::Receiver;
use flowgate_tests::server::ADMIN_KEY;
use serde_json::json;

use super::{ANSWER, CALLS, assert_succeeded, document, made, text_of, upstream};
use crate::fixture::answer;
use crate::several::killed::Alive;

async fn until_made(upstream: &Receiver, run: &str, call: &str, times: usize) {
    let expected = (run.to_owned(), call.to_owned());
    upstream
        .until(|all| {
            all.iter().filter(|request| super::place(request) == expected).count() == times
        })
        .await;
}

/// One run for each call, held there; all of them are killed at once.
#[tokio::test]
async fn no_completed_call_is_made_again_and_everything_adds_up() {
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
    for (held, run) in CALLS.iter().zip(&runs) {
        assert_succeeded(&after.at().ended(run).await);
        assert_eq!(text_of(&after.at().events(run).await), ANSWER, "{held}");
        for call in CALLS {
            let expected = if call == *held { 2 } else { 1 };
            assert_eq!(made(&upstream, held, call), expected, "{call} of {held}");
        }
    }
}

/// An attached run ends with its process, and nothing of it is called again.
#[tokio::test]
async fn an_attached_agent_ends_as_interrupted() {
    let upstream = upstream(|_, call, _| call == "third").await;
    let before = Alive::start(&document(&upstream, "")).await;
    // On AWS its lease ends 10 s after its caller's wait.
    let waiting = tokio::spawn(before.at().start("a").header("prefer", "wait=20").send());
    until_made(&upstream, "a", "third", 1).await;
    let list = before.at().client.get(format!("{}/v1/workflows/w/runs", before.at().url));
    let list = list.bearer_auth(ADMIN_KEY);
    let runs = answer(list).await.1;
    let run = runs["items"][0]["id"].as_str().unwrap().to_owned();
    let after = before.kill_and_restart().await;
    let ended = after.at().ended(&run).await;
    assert_eq!(
        (&ended["status"], &ended["error"]["code"]),
        (&json!("failed"), &json!("interrupted")),
        "{ended:#}"
    );
    upstream.let_go();
    waiting.abort();
    for call in CALLS {
        assert_eq!(made(&upstream, "a", call), usize::from(call != "turn3"), "{call}");
    }
}
