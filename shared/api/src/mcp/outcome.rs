//! The result of a tool: what it made, or why it did not.

use flowgate_app::error::{FieldProblem, field_name};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{Error, answer};
use serde::Serialize;
use serde_json::Value;

use super::server::{CANCEL_RUN, GET_RUN};
use crate::http::status;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    content: [Text; 1],
    /// Only with a success: some clients check what a failure holds against the schema of a
    /// success.
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Value>,
    is_error: bool,
    #[serde(rename = "_meta", skip_serializing_if = "About::is_empty")]
    about: About,
}

#[derive(Serialize)]
struct Text {
    r#type: &'static str,
    text: String,
}

/// For programs.
#[derive(Default, Serialize)]
struct About {
    #[serde(rename = "flowgate/run_id", skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// Why it failed.
    #[serde(rename = "flowgate/code", skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl About {
    fn is_empty(&self) -> bool {
        self.run_id.is_none() && self.code.is_none()
    }
}

impl Outcome {
    /// What the tool returns, for models as JSON text.
    pub(super) fn success(value: Value) -> Self {
        let text = value.to_string();
        // Clients of 2025 take an object only.
        let structured_content = Some(value).filter(Value::is_object);
        Self { structured_content, is_error: false, ..Self::failure(text, About::default()) }
    }

    /// Of a run, as far as it has come.
    pub(super) fn of(record: &RunRecord) -> Self {
        let run_id = record.head.id.to_string();
        let end = record.end.as_deref();
        let error = end.and_then(|end| end.error.as_ref());
        let (text, code) = match (record.state, error) {
            (RunState::Succeeded, _) => {
                let about = About { run_id: Some(run_id), code: None };
                return Self { about, ..Self::success(answer::output(record).clone()) };
            }
            (RunState::Failed, Some(error)) => (failed(error), error.code.as_str()),
            (RunState::Failed, None) => ("the run failed".to_owned(), "failed"),
            (RunState::Cancelled, _) => ("the run was cancelled".to_owned(), "cancelled"),
            (RunState::Pending | RunState::Running | RunState::Waiting, _) => {
                (goes_on(record), "run_still_going")
            }
        };
        let code = Some(code.to_owned());
        Self::failure(text, About { run_id: Some(run_id), code })
    }

    /// Of a call that started nothing, or a run that cannot be read.
    pub(super) fn refused(error: &Error) -> Self {
        let text = match error {
            Error::BadInput(problems) => {
                let shown = |problem: &FieldProblem| {
                    let text = format!("{} {}", field_name(&problem.pointer), problem.message);
                    text.trim().to_owned()
                };
                let problems: Vec<_> = problems.iter().map(shown).collect();
                format!("the call is wrong: {}", problems.join("; "))
            }
            other => other.to_string(),
        };
        Self::failure(text, About { run_id: None, code: Some(status::code(error).to_owned()) })
    }

    fn failure(text: String, about: About) -> Self {
        let content = [Text { r#type: "text", text }];
        Self { content, structured_content: None, is_error: true, about }
    }
}

fn failed(error: &flowgate_engine::RunError) -> String {
    let place = error.node.as_deref().map(|node| format!(" in {node}")).unwrap_or_default();
    format!("the run failed{place}: {} ({})", error.message, error.code)
}

fn goes_on(record: &RunRecord) -> String {
    let id = &record.head.id;
    let why = match record.state {
        RunState::Waiting => "it waits, for a time or for a person",
        _ => "it has not ended yet",
    };
    format!(
        "the run {id} goes on: {why}. Call {GET_RUN} with this run_id for its output, or \
         {CANCEL_RUN} to stop it."
    )
}
