//! `get_run` and `cancel_run`, for runs that go on after their call was answered.

use std::time::Duration;

use axum::response::Response;
use flowgate_app::run::RunRecord;
use flowgate_app::runs::Cancelled;
use flowgate_app::{self as app, Error, answer};
use serde_json::{Map, Value, json};

use super::Exchange;
use super::outcome::Outcome;
use super::refusal::Refusal;
use super::server::MAX_CALL;
use crate::http::fields::Fields;

pub(super) async fn get(
    exchange: &Exchange,
    arguments: Map<String, Value>,
) -> Result<Response, Refusal> {
    let (run_id, wait) = read(arguments, true)?;
    let (app, caller) = (exchange.app(), &exchange.caller);
    let mut record = app.read_run(caller, &run_id).await?;
    if !wait.is_zero() && !record.state.has_ended() {
        app.wait_for_end(&record.head.id, app.now() + wait).await;
        record = app.read_run(caller, &run_id).await?;
    }
    Ok(exchange.reply(Outcome::success(shown(&record))))
}

pub(super) async fn cancel(
    exchange: &Exchange,
    arguments: Map<String, Value>,
) -> Result<Response, Refusal> {
    let (run_id, _) = read(arguments, false)?;
    let cancelled = exchange.app().cancel_run(&exchange.caller, &run_id).await?;
    match cancelled {
        Cancelled::Cancelled(record) => Ok(exchange.reply(Outcome::success(json!({
            "run_id": record.head.id.as_str(),
            "status": record.state.as_str(),
            "cancel_requested": true,
        })))),
        Cancelled::Already(record) => Err(Error::AlreadyEnded(record.state).into()),
    }
}

/// Reports everything that is wrong at once.
fn read(arguments: Map<String, Value>, takes_wait: bool) -> app::Result<(String, Duration)> {
    let mut fields = Fields::of_body(Value::Object(arguments))?;
    let run_id = fields.require("run_id", Fields::take_string);
    let wait = if takes_wait { fields.take_integer("wait") } else { None };
    let wait = Duration::from_secs(wait.unwrap_or(0));
    if wait > MAX_CALL {
        fields.problem("wait", format!("must be at most {}", MAX_CALL.as_secs()));
    }
    fields.finish()?;
    Ok((run_id.unwrap_or_default(), wait))
}

fn shown(record: &RunRecord) -> Value {
    json!({
        "run_id": record.head.id.as_str(),
        "workflow_id": record.head.workflow_id,
        "status": record.state.as_str(),
        "output": answer::output(record),
        "error": record.end.as_deref().and_then(|end| end.error.as_ref()),
    })
}
