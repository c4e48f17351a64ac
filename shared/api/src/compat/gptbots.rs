//! GPTBots: `POST /v1/workflow/invoke` and `POST /v1/workflow/query/result`, flat objects, refusals as `{code, message}`.

#[cfg(feature = "starts")]
mod start;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flowgate_app::answer::GptbotsResult;
use flowgate_app::error::FieldProblem;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::http::caller::caller;
use crate::http::fields::Fields;
use crate::http::{body, status};

#[cfg(feature = "starts")]
pub(super) use start::routes as starts;

pub(super) fn reads() -> Router<Arc<App>> {
    Router::new().route("/v1/workflow/query/result", post(query_result).fallback(wrong_method))
}

async fn query_result(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let mut fields = Fields::of_body(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let run_id = fields.require("workflowRunId", Fields::take_string).unwrap_or_default();
    fields.finish()?;
    answer(&app.read_run(&caller, &run_id).await?)
}

fn answer(record: &RunRecord) -> Result<Response, Refusal> {
    let result = GptbotsResult::new(record).map_err(anyhow::Error::from)?;
    Ok(Json(result).into_response())
}

async fn wrong_method() -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, 40000, "only POST is allowed here")
}

fn refusal(status: StatusCode, code: u32, message: &str) -> Response {
    (status, Json(Told { code, message: message.to_owned() })).into_response()
}

struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Serialize)]
struct Told {
    code: u32,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = in_their_words(self.0);
        let (status, code) = match &error {
            Error::Unauthorized => (None, 40127),
            Error::Forbidden(_) => (None, 40300),
            Error::NotFound(_) => (None, 40378),
            Error::NotPublished => (Some(StatusCode::FORBIDDEN), 200_116),
            Error::BadInput(_) | Error::TooLarge(_) | Error::Gone => (None, 40000),
            Error::InvalidDocument(_)
            | Error::Stale
            | Error::IdempotencyMismatch
            | Error::StillRunning
            | Error::RunIdTaken(_)
            | Error::AlreadyEnded(_) => (None, 40000),
            Error::RateLimited { .. } => (None, 42900),
            Error::Internal(_) => (None, 50000),
        };
        let status = status.unwrap_or_else(|| status::status(&error));
        status::refusal(status, &error, "application/json", &Told { code, message: error.to_string() })
    }
}

/// The platform says `user`.
fn in_their_words(error: Error) -> Error {
    let Error::BadInput(problems) = error else { return error };
    let renamed = |problem: FieldProblem| match problem.pointer.as_str() {
        "/user" => FieldProblem { pointer: "/userId".to_owned(), ..problem },
        _ => problem,
    };
    Error::BadInput(problems.into_iter().map(renamed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_integer_codes() {
        let told = |error: Error| Refusal(error).into_response().status().as_u16();
        assert_eq!([told(Error::Unauthorized), told(Error::NotPublished), told(Error::Gone)], [401, 403, 410]);
        let error = in_their_words(Error::bad_field("/user", "must have at most 256 bytes"));
        assert_eq!(error.to_string(), "userId must have at most 256 bytes");
    }
}
