//! Speech: what goes out, and what the node leaves, by its fields.

use super::*;
use crate::call::{CallOutput, CallResult};
use crate::run::tests::{advance, compile, drive, only_call, output_of, start};
use crate::{Document, Workflow};

const ID: &str = "file_00000000000000000000000000000001";

fn file() -> Value {
    let sha256 = "0".repeat(64);
    json!({ "$file": ID, "name": "a.mp3", "type": "audio/mpeg", "size": 3, "sha256": sha256 })
}

fn output(yaml: &str, input: Value, value: Value) -> Value {
    let mut run = start(&compile(yaml), input);
    let result = CallOutput { value, tokens: None, cost_nano_usd: Some(90_000) };
    drive(&mut run, |_, _| CallResult::Succeeded(result.clone()));
    output_of(&run).unwrap()
}

#[test]
fn a_text_becomes_a_file() {
    let yaml = "
nodes:
  - { id: s, type: speech, model: openai/tts-1, text: 'Hi <api.input.name>', voice: '',
      speed: 1.5 }";
    let call = only_call(yaml, json!({"name": "Ada"}));
    let action = serde_json::to_value(&call.action).unwrap();
    assert_eq!(
        action,
        json!({"kind": "media", "media": "speech", "model": "openai/tts-1", "text": "Hi Ada",
            "speed": 1.5})
    );
    let value = json!({"audio": file(), "url": "u", "model": "openai/tts-1", "tokens": 0});
    assert_eq!(
        output(yaml, json!({"name": "Ada"}), value),
        json!({"audio": file(), "url": "u", "model": "openai/tts-1", "cost": 0.00009})
    );
}

#[test]
fn a_file_becomes_a_text() {
    let yaml = "
nodes: [{ id: s, type: speech, model: openai/whisper-1, audio: <api.input.a>, language: en }]
output: { text: <s.text>, language: <s.language>, first: '<s.segments[0].text>' }";
    let call = only_call(yaml, json!({"a": file()}));
    let action = serde_json::to_value(&call.action).unwrap();
    assert_eq!((&action["audio"], &action["language"]), (&json!(ID), &json!("en")));
    let value = json!({"text": "Hi", "language": null, "duration": 1.5, "model": "m",
        "segments": [{"start": 0, "end": 1.5, "text": "Hi"}]});
    let output = output(yaml, json!({"a": file()}), value);
    assert_eq!((&output["text"], &output["first"]), (&json!("Hi"), &json!("Hi")));
    assert_eq!(output["language"], Value::Null);
}

#[test]
fn what_is_no_file_or_no_text_is_refused() {
    let check = |field: &str, value: Value, expected: &str| {
        let yaml =
            format!("nodes: [{{ id: s, type: speech, model: openai/m, {field}: <api.input.a> }}]");
        let mut run = start(&compile(&yaml), json!({ "a": value }));
        advance(&mut run);
        let Some(crate::Outcome::Failed { error, .. }) = run.outcome() else { panic!("{value}") };
        assert!(error.message.contains(expected), "{}", error.message);
    };
    check("audio", json!("x"), "`audio` must be a file");
    check("audio", Value::Null, "`audio` is no file");
    check("audio", json!([file(), file()]), "at most 1 files");
    check("text", json!("  "), "`text` is empty");
}

#[test]
fn all_problems_are_found_at_publish() {
    let problems = |fields: &str| -> Vec<String> {
        let yaml = format!(
            "nodes: [{{ id: s, type: speech, {fields} }}, {{ id: t, type: template, \
                            template: <s.audio> }}]"
        );
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(problems("model: openai/tts-1, text: x, format: mp3"), [""; 0]);
    let found = problems("model: openai/tts-1, audio: <run.id>, voice: x, speed: 9, format: mid");
    for expected in
        ["`voice` goes with `text`", "`speed` goes", "`speed` must be", "`format` must be", "audio"]
    {
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }
    let found = problems("model: stability/x, language: en");
    for expected in
        ["one of `text` and `audio` is needed", "`language` goes with `audio`", "stability"]
    {
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }
}
