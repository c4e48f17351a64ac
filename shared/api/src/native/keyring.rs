//! Rotation of the keyring, and of the operator's own credential.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use super::keys::no_store;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};

/// The versions that the keyring uses from now on.
#[derive(Serialize, ToSchema)]
struct Keyring {
    /// Hashes new API keys.
    pepper: u32,
    /// Derives the signing secrets of workflows that are created or whose secret is rotated.
    master: u32,
    /// Seals the header values of callers' webhooks.
    seal: u32,
}

/// The operator's credential.
#[derive(Serialize, ToSchema)]
struct AdminKey<'a> {
    /// Here and never again.
    #[schema(examples("admin_…"))]
    key: &'a str,
}

/// Rotate the keyring
///
/// Adds an entry of each kind. What was made with the earlier ones stays valid: keys, signing
/// secrets, sealed values. Needs the scope `admin`, for all workflows.
#[utoipa::path(
    post,
    path = "/v1/keyring/rotate",
    operation_id = "rotate_keyring",
    tag = "Keys",
    responses(
        (status = 200, description = "The newest versions.", body = Keyring),
        Denied<Problem>,
    )
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let versions = app.rotate_keyring(&caller).await?;
    let (pepper, master, seal) = (versions.pepper, versions.master, versions.seal);
    Ok(Json(Keyring { pepper, master, seal }).into_response())
}

/// Rotate the admin credential
///
/// The earlier one ends at once, in other processes within 10 seconds. Only the operator's own
/// credential may do this: a key with the scope `admin` may not. 400 where the operator gives it as
/// `FLOWGATE_ADMIN_KEY`.
#[utoipa::path(
    post,
    path = "/v1/admin/rotate",
    operation_id = "rotate_admin",
    tag = "Keys",
    responses(
        (status = 200, description = "The new credential.", body = AdminKey),
        Denied<Problem>,
        Refused<Problem, 400>,
    )
)]
pub(super) async fn rotate_admin(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let key = app.rotate_admin(&caller).await?;
    Ok(no_store(Json(AdminKey { key: key.expose_secret() }).into_response()))
}
