//! The order and the numbers of the events.

use flowgate_app::event::EventKind;
use flowgate_app::run::RunEnd;
use flowgate_engine::document::Document;
use flowgate_engine::{RunError, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::openai::answer::Tokens;

const DOCUMENT: &str = "nodes: [{ id: a, type: agent, model: offline/echo, prompt: hi }]\n\
                        output: { said: <a.content> }\n";

fn workflow() -> Workflow {
    Workflow::compile(&Document::parse(DOCUMENT).unwrap()).0.unwrap()
}

fn head() -> Arc<RunHead> {
    let head = json!({
        "id": "run_00000000000000000000000000000001", "workflow_id": "w", "workflow_uid": "u",
        "workflow_name": "w", "version": "1.0.0", "dialect": "open_ai", "save": true,
        "signing": { "master": 1, "epoch": 1 }, "deadline_at": 0,
        "created_at": 1_700_000_000_000_i64,
        "input_as_sent": r#"{"model":"w@1.0.0","metadata":{"a":"b"}}"#,
    });
    Arc::new(serde_json::from_value(head).unwrap())
}

fn ended(state: RunState) -> RunRecord {
    let end = RunEnd {
        state,
        output: Arc::new(json!({})),
        error: (state == RunState::Failed).then(|| RunError {
            code: "timeout".to_owned(),
            message: "too long".to_owned(),
            node: None,
        }),
        usage: Usage::default(),
        started_at: flowgate_app::time::Timestamp(0),
        ended_at: flowgate_app::time::Timestamp(0),
    };
    let pending = RunRecord::pending(head(), flowgate_app::time::Timestamp(0));
    RunRecord { state, end: Some(Arc::new(end)), ..pending }
}

fn answer(text: &str, is_cut: bool) -> Answer {
    let tokens = Some(Tokens { input: 3, output: 2, total: 5 });
    Answer { text: text.to_owned(), is_cut, tokens }
}

fn chunk(text: &str) -> EventKind {
    EventKind::Chunk { node: "a".into(), call: None, text: text.to_owned() }
}

fn reset() -> EventKind {
    EventKind::NodeReset { node: "a".into(), call: None }
}

fn frames(after: Option<u64>, all: &[EventKind], end: Option<(RunState, Answer)>) -> String {
    let mut events = ResponseEvents::new(head(), Some(&workflow()), after);
    all.iter().for_each(|event| events.event(event));
    if let Some((state, answer)) = end {
        events.end(&ended(state), &answer);
    }
    String::from_utf8(events.take().to_vec()).unwrap()
}

/// Each event's type, and its data.
fn parsed(frames: &str) -> Vec<(String, Value)> {
    let frame = |frame: &str| {
        let (event, data) = frame.split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let name = event.strip_prefix("event: ").unwrap().to_owned();
        assert_eq!(data["type"], name);
        (name, data)
    };
    frames.split_terminator("\n\n").map(frame).collect()
}

fn names(all: &[EventKind], end: Option<(RunState, Answer)>) -> Vec<String> {
    let parsed = parsed(&frames(None, all, end)).into_iter();
    parsed.map(|(name, _)| name.trim_start_matches("response.").to_owned()).collect()
}

#[test]
fn a_response_has_the_events_in_the_vendors_order() {
    let events = [chunk("Hel"), chunk("lo")];
    let all = frames(None, &events, Some((RunState::Succeeded, answer("Hello", false))));
    let parsed = parsed(&all);
    let names: Vec<&str> =
        parsed.iter().map(|(name, _)| name.trim_start_matches("response.")).collect();
    assert_eq!(
        names,
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    let numbers: Vec<u64> =
        parsed.iter().map(|(_, data)| data["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    let (created, whole) = (&parsed[0].1["response"], &parsed[9].1["response"]);
    assert_eq!((&created["status"], &created["model"]), (&json!("in_progress"), &json!("w@1.0.0")));
    assert_eq!(created["metadata"], json!({ "a": "b" }));
    assert_eq!((&whole["status"], &whole["object"]), (&json!("completed"), &json!("response")));
    assert_eq!(whole["output"][0], parsed[8].1["item"]);
    assert_eq!(whole["output"][0]["content"][0]["text"], "Hello");
    assert_eq!(whole["usage"]["output_tokens"], 2);
    assert_eq!(parsed[6].1["text"], "Hello");
}

#[test]
fn every_end_has_its_event() {
    let cut = Some((RunState::Succeeded, answer("Hel", true)));
    assert_eq!(names(&[], cut).last().unwrap(), "incomplete");
    let failed = Some((RunState::Failed, answer("", false)));
    let events = parsed(&frames(None, &[chunk("x")], failed));
    let (name, data) = events.last().unwrap();
    assert_eq!((name.as_str(), &data["response"]["status"]), ("response.failed", &json!("failed")));
    assert_eq!(
        data["response"]["error"],
        json!({ "code": "server_error", "message": "timeout: too long" })
    );
    let cancelled = parsed(&frames(None, &[], Some((RunState::Cancelled, answer("", false)))));
    assert_eq!(cancelled.last().unwrap().1["response"]["status"], "cancelled");
    // An empty answer is a message all the same.
    let empty = Some((RunState::Succeeded, answer("", false)));
    assert_eq!(names(&[], empty).len(), 8);
}

#[test]
fn what_is_taken_back_is_followed_by_a_new_message() {
    let events = [chunk("On"), reset(), chunk("Two")];
    let end = Some((RunState::Succeeded, answer("Two", false)));
    let all = parsed(&frames(None, &events, end));
    let items: Vec<_> = all
        .iter()
        .filter(|(name, _)| name == "response.output_item.done")
        .map(|(_, data)| (data["output_index"].clone(), data["item"]["status"].clone()))
        .collect();
    assert_eq!(items, [(json!(0), json!("incomplete")), (json!(1), json!("completed"))]);
    let output = &all.last().unwrap().1["response"]["output"];
    assert_eq!(output.as_array().unwrap().len(), 1);
    assert!(output[0]["id"].as_str().unwrap().ends_with("_1"), "{output}");
}

fn events() -> impl Strategy<Value = Vec<EventKind>> {
    let event = prop_oneof![4 => "[xyz]{0,3}".prop_map(|text| chunk(&text)), 1 => Just(reset())];
    proptest::collection::vec(event, 0..30)
}

proptest! {
    /// Whoever reads a part of the log has a part of the events: those of the whole begin with it.
    #[test]
    fn the_fold_of_a_prefix_is_a_prefix_of_the_fold(all in events(), at in 0_usize..30) {
        let prefix = frames(None, &all[..at.min(all.len())], None);
        let end = Some((RunState::Succeeded, answer("zzz", false)));
        let whole = frames(None, &all, end.clone());
        prop_assert!(whole.starts_with(&prefix));
        prop_assert_eq!(&frames(None, &all, end), &whole);
    }

    /// Reading on after an event gives exactly the later ones.
    #[test]
    fn reading_on_misses_and_repeats_nothing(all in events(), after in 0_u64..60) {
        let end = Some((RunState::Succeeded, answer("zzz", false)));
        let whole = parsed(&frames(None, &all, end.clone()));
        let rest = parsed(&frames(Some(after), &all, end));
        let from = usize::try_from(after + 1).unwrap().min(whole.len());
        prop_assert_eq!(&whole[from..], &rest[..]);
    }
}
