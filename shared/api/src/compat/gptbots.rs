//! GPTBots: `POST /v1/workflow/invoke` and `POST /v1/workflow/query/result`, flat objects, refusals
//! as `{code, message}`.

pub(super) mod read;
#[cfg(feature = "starts")]
pub(super) mod start;

pub(crate) mod result;

use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use flowgate_app::Error;
use flowgate_app::error::FieldProblem;
use http::StatusCode;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::http::caller::Authenticated;
use crate::http::refused::RefusalBody;
use crate::http::status;

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "GPTBots", description = "For callers of GPTBots' workflow API.")),
    components(schemas(ErrorBody))
)]
struct Gptbots;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(Gptbots::openapi())
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        refusal(StatusCode::METHOD_NOT_ALLOWED, 40000, "only POST is allowed here")
    })
}

fn refusal(status: StatusCode, code: u32, message: &str) -> Response {
    (status, Json(ErrorBody { code, message: message.to_owned() })).into_response()
}

pub(super) fn refusal_of(error: Error) -> Response {
    Refusal(error).into_response()
}

struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = gptbots::Error)]
struct ErrorBody {
    #[schema(examples(40127))]
    code: u32,
    message: String,
}

impl RefusalBody for ErrorBody {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = in_their_words(self.0);
        let (status, code) = match &error {
            Error::Unauthorized => (None, 40127),
            Error::Forbidden(_) | Error::ChildForbidden(_) => (None, 40300),
            Error::NotFound(_) => (None, 40378),
            Error::NotPublished => (Some(StatusCode::FORBIDDEN), 200_116),
            Error::BadInput(_) | Error::TooLarge(_) | Error::Compressed | Error::Gone => {
                (None, 40000)
            }
            Error::InvalidDocument(_)
            | Error::ChildUnavailable(_)
            | Error::NoPublicWorkflows
            | Error::Stale
            | Error::IdempotencyMismatch
            | Error::StillRunning(_)
            | Error::RunIdTaken(_)
            | Error::NotEnded
            | Error::NotEndedYet
            | Error::JobEnded
            | Error::AlreadyRerunning(_)
            | Error::NotAsked
            | Error::NoLogin
            | Error::AlreadyAnswered
            | Error::AlreadyEnded(_) => (None, 40000),
            Error::RateLimited { .. } => (None, 42900),
            Error::Overloaded { .. } => (None, 50300),
            Error::LoopDetected => (None, 50800),
            Error::Internal(_) => (None, 50000),
        };
        let status = status.unwrap_or_else(|| status::status(&error));
        let refusal = refusal(status, code, &error.to_string());
        status::with_headers(error, refusal)
    }
}

/// Our `user` is their `userId`.
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
        let status = |error: Error| Refusal(error).into_response().status().as_u16();
        assert_eq!(
            [status(Error::Unauthorized), status(Error::NotPublished), status(Error::Gone)],
            [401, 403, 410]
        );
        let error = in_their_words(Error::bad_field("/user", "must have at most 256 bytes"));
        assert_eq!(error.to_string(), "userId must have at most 256 bytes");
    }
}
