//! Webhook deliveries: the log of a run's, and sending one again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::delivery::shown;
use flowgate_app::delivery::{Attempt, Delivery};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::http::page;
use crate::http::caller::caller;
use crate::http::problem::Refusal;
use crate::http::request::Segments;

pub(super) async fn of_run(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    let deliveries = app.list_deliveries(&caller, &run_id).await?;
    Ok(page::whole(deliveries.iter().map(answer).collect()))
}

pub(super) async fn redeliver(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let delivery = app.redeliver(&caller, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(answer(&delivery))).into_response())
}

/// Without its headers: their values are the caller's secrets.
fn answer(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "run_id": delivery.run,
        "workflow_id": delivery.workflow_id,
        "event": delivery.request.event,
        "method": delivery.request.method,
        "url": shown(&delivery.request.url),
        "status": delivery.state,
        "created_at": delivery.created_at.to_string(),
        "next_attempt_at": delivery.due_at.map(|at| at.to_string()),
        "attempts": delivery.attempts.iter().map(attempt_answer).collect::<Vec<_>>(),
    })
}

fn attempt_answer(attempt: &Attempt) -> Value {
    json!({
        "at": attempt.at.to_string(),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "error": attempt.error,
        "answer": attempt.answer,
    })
}
