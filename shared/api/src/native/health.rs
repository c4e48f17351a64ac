//! Whether the service answers.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(examples("ok"))]
    status: &'static str,
    version: &'static str,
}

/// Check the service
///
/// Needs no key.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Service",
    responses((status = 200, description = "The service answers.", body = Health)),
    security(())
)]
pub(super) async fn read() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
