//! Runs of the second generation after their start: list, read, cancel.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use flowgate_app::key::Scope;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::run::{RunFilter, RunRecord, RunState};
use flowgate_app::runs::MAX_PAGE;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error, answer};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{Refusal, data, refuse_unknown};
use crate::caller::caller;
use crate::dialect::sim::record::{self, Wanted};
use crate::request::{QueryPairs, Segments};

const USUAL_PAGE: usize = 50;
/// All our runs begin with a request.
const TRIGGER: &str = "api";

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    refuse_unknown(&query, &["status", "trigger", "startDate", "endDate", "limit", "cursor", "order"])?;
    let (filter, page) = (filter(&query)?, page(&query)?);
    let mut found = app.list_runs(&caller, &workflow_id, filter, page).await?;
    if query.get("trigger").is_some_and(|asked| asked.split(',').all(|trigger| trigger.trim() != TRIGGER)) {
        found = Page { items: Vec::new(), next_cursor: None };
    }
    let items: Vec<_> = found.items.iter().map(item).collect();
    Ok(Json(json!({ "data": items, "nextCursor": found.next_cursor })))
}

pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    refuse_unknown(&query, &["includeOutput", "selectedOutputs"])?;
    let wanted = Wanted::read(&query)?;
    let found = app.run_of_workflow(&caller, Scope::Read, &workflow_id, &id).await?;
    if found.wiped {
        return Err(Error::Gone.into());
    }
    let workflow = app.compiled(&found.head.workflow_uid, &found.head.version).await?;
    let mut told = item(&found);
    told["paused"] = Value::Null;
    told["error"] = record::error(&found, workflow.as_deref());
    told["output"] = wanted.output(&found);
    told["blockOutputs"] = wanted.block_outputs(&app, &found).await?;
    Ok(data(told))
}

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    refuse_unknown(&query, &[])?;
    let (found, reason) = record::cancel(&app, &caller, &workflow_id, &id).await?;
    Ok(data(record::cancelled("runId", &found, reason)))
}

fn item(found: &RunRecord) -> Value {
    json!({
        "runId": found.head.shown_id(),
        "workflowId": found.head.workflow_id,
        "status": record::status(found.state),
        "trigger": TRIGGER,
        "startedAt": record::started_at(found),
        "endedAt": record::ended_at(found),
        "durationMs": answer::duration_ms(found),
        "cost": record::cost(found),
    })
}

fn filter(query: &QueryPairs) -> Result<RunFilter, Error> {
    let until = time(query, "endDate")?;
    Ok(RunFilter {
        state: query.get("status").map(state).transpose()?,
        user: None,
        created_from: time(query, "startDate")?,
        // Sim's end belongs to the range.
        created_before: until.map(|until| until + Duration::from_millis(1)),
        oldest_first: match query.get("order") {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(Error::bad_field("/order", "must be asc or desc")),
        },
    })
}

fn page(query: &QueryPairs) -> Result<PageRequest, Error> {
    let limit = match query.get("limit") {
        None => USUAL_PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_PAGE).contains(limit))
            .ok_or_else(|| Error::bad_field("/limit", format!("must be a number from 1 to {MAX_PAGE}")))?,
    };
    Ok(PageRequest { limit, cursor: query.get("cursor").map(str::to_owned) })
}

fn state(text: &str) -> Result<RunState, Error> {
    Ok(match text {
        "queued" | "pending" => RunState::Pending,
        "running" => RunState::Running,
        "paused" => RunState::Waiting,
        "completed" => RunState::Succeeded,
        "failed" => RunState::Failed,
        "cancelled" => RunState::Cancelled,
        _ => return Err(Error::bad_field("/status", "must be one of queued, pending, running, paused, completed, failed, cancelled")),
    })
}

fn time(query: &QueryPairs, name: &str) -> Result<Option<Timestamp>, Error> {
    let read = |text| {
        Timestamp::parse_rfc3339(text).ok_or_else(|| Error::bad_field(format!("/{name}"), "must be a time such as 2026-01-31T08:15:00Z"))
    };
    query.get(name).map(read).transpose()
}
