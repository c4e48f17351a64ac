use serde_json::{Map, Value, json};

use super::template::text_of;
use super::*;
use crate::call::{
    Action, Body, CallError, CallOutput, CallResult, HttpCall, Piece, Rendered, RenderedUrl,
};
use crate::kind::Kinds;
use crate::run::tests::start;
use crate::{Outcome, Run, Step, Workflow};

mod answers;
mod refused;
mod running;
mod tries;

/// As `outbound` makes it of an answer.
fn result_of(http: &HttpCall, answer: &Value) -> CallResult {
    let status = answer["status"].as_u64().unwrap_or(200);
    let headers = answer.get("headers").cloned().unwrap_or_else(|| json!({}));
    let value = json!({ "data": answer["body"], "status": status, "headers": headers });
    let failed = (!http.accepts(u16::try_from(status).unwrap())).then(|| CallError {
        code: "http_status".to_owned(),
        message: format!("it answered {status}"),
        retryable: status >= 500 || status == 429,
        ..CallError::default()
    });
    let judged = http.judge(&value, failed.as_ref(), 0);
    match judged.or(failed) {
        Some(error) => CallResult::Failed(error),
        None => CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None }),
    }
}

fn compile(document: &Value) -> Result<Arc<Workflow>, Vec<Problem>> {
    let document = Document::parse(&document.to_string()).unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    workflow.map(Arc::new).ok_or(problems)
}

#[test]
fn every_shipped_file_is_sound() {
    for (file, text) in SHIPPED {
        let (connector, problems) = parse(text);
        assert!(problems.is_empty(), "{file}: {problems:#?}");
        let connector = connector.unwrap();
        assert_eq!(*file, format!("{}.yaml", connector.name));
        assert!(!connector.summary.is_empty(), "{file} has no summary");
    }
}

#[test]
fn every_file_of_the_folder_is_shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../connectors");
    let files = std::fs::read_dir(folder).unwrap();
    let files: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    for file in &files {
        assert!(SHIPPED.iter().any(|(known, _)| known == file), "{file} is not in SHIPPED");
    }
    assert_eq!(files.len(), SHIPPED.len());
}

#[test]
fn operations_are_kinds() {
    let kind = Kinds::standard().find("slack.send_message").unwrap();
    let operation = kind.operation.as_ref().unwrap();
    assert!(!operation.may_repeat());
    let names: Vec<&str> = kind.fields.iter().map(|field| &*field.name).collect();
    assert!(names.contains(&"channel") && names.contains(&"login"), "{names:?}");
}

#[test]
fn a_write_that_is_not_safe_to_repeat_goes_out_once() {
    let at_most_once = |node: Value| {
        let mut run = start(&compile(&json!({ "nodes": [node] })).unwrap(), json!({}));
        loop {
            match run.step() {
                Step::Perform(_, call) => return call.at_most_once,
                Step::Emit(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let send = json!({ "id": "a", "type": "slack.send_message", "channel": "#a", "text": "x" });
    assert!(at_most_once(send.clone()));
    let mut twice = send;
    twice["at_most_once"] = false.into();
    assert!(!at_most_once(twice));
    assert!(!at_most_once(json!({ "id": "a", "type": "slack.list_channels" })));
}
