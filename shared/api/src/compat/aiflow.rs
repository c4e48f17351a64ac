//! AI-Flow: `POST /v1/flow/{flow_id}/run` takes a flat body and answers at once, `GET …/run/{run_id}` gives the flat outputs.

#[cfg(feature = "starts")]
mod start;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use flowgate_app::error::{What, field_name};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error, answer};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::caller::caller;
use crate::http::request::Segments;
use crate::http::status;

#[cfg(feature = "starts")]
pub(super) use start::routes as starts;

/// Tells what state a run is in, also where one of its outputs is called `status`.
const RUN_STATUS: HeaderName = HeaderName::from_static("x-run-status");

pub(super) fn reads() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/flow/{flow_id}/run/{run_id}", get(result).fallback(wrong_method))
        // The vendor's pages use both names.
        .route("/v1/flow/{flow_id}/run/{run_id}/result", get(result).fallback(wrong_method))
}

async fn result(
    State(app): State<Arc<App>>,
    Segments((flow_id, run_id)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &run_id).await?;
    if record.head.workflow_id != flow_id {
        return Err(Error::NotFound(What::Run).into());
    }
    let (status, told) = told(&record);
    let mut response = ([(RUN_STATUS, status)], Json(told)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, status::RETRY_SECONDS.into());
    }
    Ok(response)
}

/// A result has no envelope: the outputs alone, once there are any.
fn told(record: &RunRecord) -> (&'static str, Value) {
    match record.state {
        RunState::Pending | RunState::Running | RunState::Waiting => ("pending", json!({ "status": "pending" })),
        RunState::Succeeded => ("succeeded", answer::output(record).clone()),
        RunState::Failed => ("failed", json!({ "status": "failed", "error": record.end.as_deref().and_then(|end| end.error.as_ref()) })),
        RunState::Cancelled => ("cancelled", json!({ "status": "cancelled" })),
    }
}

async fn wrong_method() -> Response {
    let told = Told { code: "method_not_allowed", message: "the path does not take this method; see Allow".to_owned(), fields: Vec::new() };
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "error": told }))).into_response()
}

struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Serialize)]
struct Told {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldTold>,
}

#[derive(Serialize)]
struct FieldTold {
    name: String,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let fields = match &error {
            Error::BadInput(problems) => {
                problems.iter().map(|problem| FieldTold { name: field_name(&problem.pointer), message: problem.message.clone() }).collect()
            }
            _ => Vec::new(),
        };
        let told = Told { code: status::code(&error), message: error.to_string(), fields };
        status::refusal(status::status(&error), &error, "application/json", &json!({ "error": told }))
    }
}
