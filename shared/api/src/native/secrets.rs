//! Provider secrets, whose values go in and never come out, and the secrets that webhooks are signed with.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::access::Caller;
use flowgate_app::error::What;
use flowgate_app::secret::SecretInfo;
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::keys::no_store;
use crate::http::page;
use crate::http::body;
use crate::http::caller::caller;
use crate::http::fields::Fields;
use crate::http::problem::Refusal;
use crate::http::request::Segments;

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let caller = caller(&app, &headers).await?;
    let mut fields = Fields::of_body(body::parse(&body::read(&headers, body).await?)?)?;
    let value = fields.require("value", Fields::take_string).unwrap_or_default();
    fields.finish()?;
    app.put_secret(&caller, &name, &value).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let secrets = app.list_secrets(&caller).await?;
    Ok(no_store(page::whole(secrets.iter().map(answer).collect()).into_response()))
}

pub(super) async fn read(State(app): State<Arc<App>>, Segments(name): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let secret = app.list_secrets(&caller).await?.into_iter().find(|secret| secret.name == name).ok_or(Error::NotFound(What::Secret))?;
    Ok(no_store(Json(answer(&secret)).into_response()))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = caller(&app, &headers).await?;
    app.delete_secret(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What receivers check the workflow's webhooks with, the newest first.
pub(super) async fn signing(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    signing_answer(&app, &caller, &id).await
}

pub(super) async fn rotate_signing(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    app.rotate_signing_secret(&caller, &id).await?;
    signing_answer(&app, &caller, &id).await
}

async fn signing_answer(app: &App, caller: &Caller, workflow_id: &str) -> Result<Response, Refusal> {
    let secrets = app.signing_secrets(caller, workflow_id).await?;
    Ok(no_store(Json(json!({ "secrets": secrets })).into_response()))
}

fn answer(secret: &SecretInfo) -> Value {
    json!({ "name": secret.name, "updated_at": secret.updated_at.to_string() })
}
