//! Bodies of webhooks at a run's end: one renderer for each kind of body.

use anyhow::Result;
use flowgate_core::delivery::WebhookBody;
use flowgate_core::run::{RunRecord, RunState};
use serde_json::{Value, json};

use crate::a2a::{Response, Task};
use crate::answer::{GptbotsResult, RunAnswer, gptbots_status, output};

/// Renders the body, once, when the run ends: each attempt sends the same bytes.
pub(crate) fn render(body: WebhookBody, record: &RunRecord, public_url: &str) -> Result<String> {
    Ok(match body {
        WebhookBody::Run => serde_json::to_string(&RunAnswer::new(record, public_url))?,
        WebhookBody::GptbotsResult => serde_json::to_string(&GptbotsResult::new(record)?)?,
        WebhookBody::Outputs => outputs(record).to_string(),
        WebhookBody::A2aTask => serde_json::to_string(&Response::Task(Task::of(record, &[])))?,
    })
}

/// The status of the run, in the words of the API whose body this is: for requests without a body.
pub(crate) fn status(body: WebhookBody, state: RunState) -> &'static str {
    match body {
        WebhookBody::GptbotsResult => gptbots_status(state),
        WebhookBody::Run | WebhookBody::Outputs | WebhookBody::A2aTask => state.as_str(),
    }
}

/// Returns the bare outputs; `{"status", "run_id", "error"}` if the run did not succeed.
fn outputs(record: &RunRecord) -> Value {
    match record.state {
        RunState::Succeeded => output(record).clone(),
        RunState::Cancelled => json!({ "status": "cancelled", "run_id": record.head.id }),
        _ => {
            json!({
                "status": "failed",
                "run_id": record.head.id,
                "error": record.end.as_deref().and_then(|end| end.error.as_ref())
            })
        }
    }
}
