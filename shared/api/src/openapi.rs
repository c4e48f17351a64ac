//! The OpenAPI document: made of the routes, committed, and served from the committed copy.
//!
//! A function of a deployment links only its own routes, so none but `invoke` could make the whole
//! document, and it would link the handlers of all others for it. The copy is complete everywhere,
//! and costs nothing at a cold start. A test holds it to the routes.

#[cfg(feature = "starts")]
mod describe;
#[cfg(all(test, feature = "starts"))]
mod tests;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[cfg(feature = "starts")]
pub(crate) use self::describe::describe;

/// The committed copy. Its server is [`SERVER`].
pub const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// Stands for the server's own URL in [`DOCUMENT`].
pub const SERVER: &str = "http://127.0.0.1:8080";

/// The document of the server that is reached at this URL.
pub fn document_of(public_url: &str) -> String {
    let quoted = |url: &str| serde_json::Value::from(url).to_string();
    DOCUMENT.replacen(&quoted(SERVER), &quoted(public_url), 1)
}

pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(read))
}

/// Read this document
///
/// Needs no key.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Service",
    responses((status = 200, description = "This document.", body = Object)),
    security(())
)]
async fn read(State(app): State<Arc<App>>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], document_of(&app.settings.public_url)).into_response()
}
