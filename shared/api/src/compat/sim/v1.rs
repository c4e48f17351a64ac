//! Sim's public API of the first generation, `/api/v1`: answers as `{data, limits}`.

pub(in crate::compat) mod workflows;
pub(in crate::compat) mod logs;
pub(in crate::compat) mod files;
mod deploy;
mod transfer;

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use http::StatusCode;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::limits::{self, Limits};
use super::{Caller, ErrorBody, Refusal, documented, with_wrong_method};
use crate::http::request::with_allowance;

/// The envelope of an answer.
#[derive(Serialize)]
struct Limited<T> {
    data: T,
    limits: Limits,
}

/// Derived, it would hold a copy of its content's schema.
impl<T: ToSchema> PartialSchema for Limited<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("data", Ref::from_schema_name(T::name()))
            .required("data")
            .property("limits", Ref::from_schema_name(Limits::name()))
            .required("limits")
            .into()
    }
}

impl<T: ToSchema> ToSchema for Limited<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Limited", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [(T::name(), T::schema()), (Limits::name(), Limits::schema())] {
            schemas.push((name.into_owned(), schema));
        }
        T::schemas(schemas);
        Limits::schemas(schemas);
    }
}

async fn limited<T: Serialize>(
    app: &App,
    caller: &Caller,
    status: StatusCode,
    data: T,
) -> Result<Response, Refusal> {
    let (limits, allowance) = limits::limits(app, caller).await?;
    let response = (status, Json(Limited { data, limits })).into_response();
    Ok(with_allowance(response, allowance))
}
