//! Sim, second generation: answers as `{data}`, refusals as `{error: {code, message, details?}}`.

pub(in crate::compat) mod read;
#[cfg(feature = "starts")]
pub(in crate::compat) mod start;

pub(in crate::compat) mod workflows;
pub(in crate::compat) mod logs;
mod author;
mod deployment;
mod versions;
mod transfer;
mod resume;

mod refusal;
mod result;

use std::borrow::Cow;

use axum::Json;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use flowgate_app::error::FieldProblem;
use flowgate_app::{Error, Result};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{OpenApi, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use self::refusal::{ErrorBody, Refusal};
use crate::http::caller::Authenticated;
use crate::http::request::{QueryPairs, TOKEN_PARAMETER};

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "Sim v2", description = "For callers of the second generation of Sim's API.")),
    components(schemas(ErrorBody))
)]
struct SimV2;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(SimV2::openapi())
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        let body = ErrorBody::new("METHOD_NOT_ALLOWED", "Method not allowed".to_owned());
        (StatusCode::METHOD_NOT_ALLOWED, Json(body))
    })
}

pub(in crate::compat) fn refusal_of(error: Error) -> Response {
    refusal::refused(error, "")
}

/// Answers may hold what nobody else should see; a stream says for itself how it is kept.
fn not_stored<S: Clone + Send + Sync + 'static>(routes: OpenApiRouter<S>) -> OpenApiRouter<S> {
    routes.layer(middleware::map_response(|mut response: Response| async {
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
        response
    }))
}

/// The envelope of every answer.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Derived, it would hold a copy of its content's schema.
impl<T: ToSchema> PartialSchema for Data<T> {
    fn schema() -> RefOr<Schema> {
        let data = Ref::from_schema_name(T::name());
        ObjectBuilder::new().property("data", data).required("data").into()
    }
}

impl<T: ToSchema> ToSchema for Data<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Data", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// Refuses all unknown parameters at once.
fn refuse_unknown(query: &QueryPairs, known: &[&str]) -> Result<()> {
    let is_unknown = |name: &str| !known.contains(&name) && name != TOKEN_PARAMETER;
    let unknown = query.pairs().filter(|(name, _)| is_unknown(name));
    let problem = |(name, _)| FieldProblem {
        pointer: format!("/{name}"),
        message: "is not a known query parameter".to_owned(),
    };
    let problems: Vec<_> = unknown.map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}
