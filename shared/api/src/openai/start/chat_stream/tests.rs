//! The chunks of a streamed chat.

use flowgate_app::event::EventKind;
use flowgate_app::time::Timestamp;
use flowgate_engine::document::Document;
use serde_json::{Value, json};

use super::*;
use crate::openai::answer::Tokens;

const DOCUMENT: &str = "nodes: [{ id: a, type: agent, model: offline/echo, prompt: hi }]\n\
                        output: { said: <a.content> }\n";

fn record() -> RunRecord {
    let head = json!({
        "id": "run_00000000000000000000000000000001", "workflow_id": "w", "workflow_uid": "u",
        "workflow_name": "w", "version": "1.0.0", "dialect": "open_ai", "save": true,
        "signing": { "master": 1, "epoch": 1 }, "deadline_at": 0,
        "created_at": 1_700_000_000_000_i64,
    });
    RunRecord::pending(Arc::new(serde_json::from_value(head).unwrap()), Timestamp(0))
}

/// The data of the frames, and why the stream failed.
fn chat(include_usage: bool, events: &[EventKind], end: &str) -> (Vec<Value>, Option<Value>) {
    let workflow = Workflow::compile(&Document::parse(DOCUMENT).unwrap()).0.unwrap();
    let mut chunks = ChatChunks::new("w".to_owned(), &Arc::new(workflow), include_usage, true);
    let record = record();
    let tokens = Some(Tokens { input: 3, output: 2, total: 5 });
    let answer = Answer { text: end.to_owned(), is_cut: false, tokens };
    chunks.begin(&record.head);
    let heard: Vec<Heard> = events.iter().filter_map(|event| chunks.speech.event(event)).collect();
    let failed = heard
        .iter()
        .try_for_each(|heard| chunks.heard(&record.head, heard))
        .and_then(|()| chunks.end(&record, answer))
        .err();
    let frames = String::from_utf8(chunks.written.to_vec()).unwrap();
    let data = |frame: &str| {
        let data = frame.strip_prefix("data: ").unwrap();
        serde_json::from_str(data).unwrap_or_else(|_| json!(data))
    };
    let frames = frames.split_terminator("\n\n").map(data).collect();
    (frames, failed.map(|error| json!(error)))
}

fn chunk(text: &str) -> EventKind {
    EventKind::Chunk { node: "a".into(), call: None, text: text.to_owned() }
}

#[test]
fn a_chat_has_a_role_its_deltas_a_reason_and_an_end() {
    let (frames, failed) = chat(false, &[chunk("Hel"), chunk("lo")], "Hello");
    assert_eq!(failed, None);
    let deltas: Vec<&Value> =
        frames[..4].iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(
        deltas,
        [
            &json!({ "role": "assistant", "content": "" }),
            &json!({ "content": "Hel" }),
            &json!({ "content": "lo" }),
            &json!({}),
        ]
    );
    assert_eq!(frames[3]["choices"][0]["finish_reason"], "stop");
    assert_eq!(frames[4..], [json!("[DONE]")]);
    for chunk in &frames[..4] {
        assert_eq!(chunk["id"], "run_00000000000000000000000000000001");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk.get("usage"), None);
    }
}

#[test]
fn the_tokens_have_a_chunk_without_choices_where_they_are_asked_for() {
    let (frames, _) = chat(true, &[], "all");
    assert_eq!(frames.len(), 5);
    assert_eq!(frames[3]["choices"], json!([]));
    assert_eq!(
        frames[3]["usage"],
        json!({ "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 })
    );
}

#[test]
fn what_was_sent_cannot_be_taken_back() {
    let reset = EventKind::NodeReset { node: "a".into(), call: None };
    let (frames, failed) = chat(false, &[chunk("On"), reset, chunk("Two")], "Two");
    assert_eq!(frames.len(), 2, "nothing follows: {frames:?}");
    assert_eq!(failed.unwrap()["error"]["code"], "answer_began_again");
    let (_, failed) = chat(false, &[chunk("One")], "Two");
    assert!(failed.is_some(), "another text at the end");
}
