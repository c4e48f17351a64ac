//! Executions of the first generation after their start: `GET …/executions/{id}` and its cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::RunState;
use flowgate_app::{App, Error, answer};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::compat::sim::Refusal;
use crate::compat::sim::record::{self, Wanted};
use crate::http::caller::caller;
use crate::http::request::{QueryPairs, Segments};

pub(in crate::compat::sim) async fn read(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    let wanted = Wanted::read(&query)?;
    let found = app.run_of_workflow(&caller, Scope::Read, &workflow_id, &id).await.map_err(no_such_execution)?;
    if found.wiped {
        return Err(Error::Gone.into());
    }
    let head = &found.head;
    let workflow = app.compiled(&head.workflow_uid, &head.version).await?;
    Ok(Json(json!({
        "executionId": head.shown_id(),
        "workflowId": head.workflow_id,
        "status": record::status(found.state),
        "trigger": "api",
        "level": if found.state == RunState::Failed { "error" } else { "info" },
        "startedAt": record::started_at(&found),
        "endedAt": record::ended_at(&found),
        "totalDurationMs": answer::duration_ms(&found),
        "paused": null,
        "cost": record::cost(&found),
        "error": record::error_text(&found, workflow.as_deref()),
        "finalOutput": wanted.output(&found),
        "blockOutputs": wanted.block_outputs(&app, &found).await?,
    })))
}

pub(in crate::compat::sim) async fn cancel(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    let (found, reason) = record::cancel(&app, &caller, &workflow_id, &id).await.map_err(no_such_execution)?;
    Ok(Json(record::cancelled("executionId", &found, reason)))
}

fn no_such_execution(error: Error) -> Refusal {
    match error {
        Error::NotFound(What::Run) => Refusal::UnknownExecution,
        other => Refusal::Of(other),
    }
}
