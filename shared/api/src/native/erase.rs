//! Deleting runs: one, or those of a user by a job.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flowgate_app::App;
use http::StatusCode;

use super::Caller;
use super::jobs::{self, Job};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// Delete a run
///
/// With its deliveries, events and trace; webhooks that are still to be sent are not. A run that
/// has not ended must be cancelled first. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/v1/runs/{run_id}",
    operation_id = "delete_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 204, description = "The run is gone."),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
    )
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.delete_run(&caller, &run_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete the runs of a user
///
/// Of every workflow, by a job: those that exist now, as soon as each has ended. Needs the scope
/// `author`, for all workflows.
#[utoipa::path(
    delete,
    path = "/v1/users/{user}/runs",
    operation_id = "delete_runs_of_user",
    tag = "Runs",
    params(("user" = String, Path, description = "The `user` of their start, percent-encoded.")),
    responses(
        (status = 202, description = "The job. `Location` has its URL.", body = Job),
        Denied<Problem>,
        Refused<Problem, 400>,
    )
)]
pub(super) async fn user(
    State(app): State<Arc<App>>,
    Segments(user): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = app.erase_user(&caller, &user).await?;
    Ok(jobs::accepted(&app, &job))
}
