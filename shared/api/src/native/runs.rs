//! Runs, after their start: read, cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::runs::Cancelled;
use flowgate_app::{App, Error};
use http::HeaderValue;
use http::header::RETRY_AFTER;

use super::Caller;
use super::run::{self, Run};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::status::RETRY_SECONDS;

/// Read a run
///
/// Needs the scope `read`. While the run goes on, `Retry-After` says when to ask again.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}",
    operation_id = "read_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The run.", body = Run),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_run(&caller, &run_id).await?;
    let mut response = Json(Run::new(&app, &record).seen_by(&caller, &record)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    Ok(response)
}

/// Cancel a run
///
/// Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/cancel",
    operation_id = "cancel_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The run has ended as cancelled.", body = Run),
        (
            status = 202,
            description = "Whoever drives the run has yet to see the request.",
            body = Run,
        ),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    match app.cancel_run(&caller, &run_id).await? {
        Cancelled::Cancelled(record) => Ok(run::response(&app, &caller, &record)),
        Cancelled::Already(record) => Err(Error::AlreadyEnded(record.state).into()),
    }
}
