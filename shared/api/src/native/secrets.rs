//! Secrets of providers, whose values go in and never come out, and those that sign webhooks.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::key::WorkflowScope;
use flowgate_app::secret::{SecretHost, SecretInfo, SecretWorkflows};
use flowgate_app::secrets::NewSecret;
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use super::keys::new_key::take_workflows;
use super::keys::{AllWorkflows, KeyWorkflows, no_store};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::page::List;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

/// The value of a secret.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretValue {
    #[schema(min_length = 1, max_length = 16_384)]
    value: String,
    /// The hosts that it may be sent to: `api.example.com`, `localhost:8080`, `*.example.com`.
    /// Without them: the host that stands in the author's URL.
    #[schema(value_type = Option<Vec<String>>)]
    hosts: Vec<String>,
    /// The workflows that may use it. Without it: versions that the operator or a key for all
    /// workflows has published.
    #[schema(value_type = Option<KeyWorkflows>)]
    workflows: SecretWorkflows,
}

/// A secret, without its value.
#[derive(Serialize, ToSchema)]
struct Secret<'a> {
    name: &'a str,
    updated_at: Time,
    /// The hosts that it may be sent to. If empty: the host that stands in the author's URL.
    hosts: Vec<&'a str>,
    /// The workflows that may use it. If null: versions that the operator or a key for all
    /// workflows has published.
    #[schema(required)]
    workflows: Option<KeyWorkflows<'a>>,
}

/// What receivers verify the webhooks of a workflow with.
#[derive(Serialize, ToSchema)]
struct SigningSecrets {
    /// The newest first. During a rotation there are two, and both sign.
    #[schema(examples(json!(["whsec_gJtIZ4XeNLsqNMjRmp6Yx/esHWqpAzJXxCaCSGIb0+A="])))]
    secrets: Vec<String>,
}

/// Store a secret
///
/// Needs the scope `author`, for all workflows.
#[utoipa::path(
    put,
    path = "/v1/secrets/{name}",
    operation_id = "put_secret",
    tag = "Secrets",
    params(
        (
            "name" = String,
            Path,
            description = "Letters, digits and `_`, no digit first; at most 128.",
        ),
    ),
    request_body = SecretValue,
    responses(
        (status = 204, description = "The secret is stored."),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let secret = SecretValue::read(body::parse(&body::read(&headers, body).await?)?)?;
    let SecretValue { value, hosts, workflows } = secret;
    app.put_secret(&caller, &name, NewSecret { value, hosts, workflows }).await?;
    Ok(StatusCode::NO_CONTENT)
}

type SecretList<'a> = List<Secret<'a>>;

/// List the secrets
///
/// Their names, on one page. Needs the scope `author`, for all workflows.
#[utoipa::path(
    get,
    path = "/v1/secrets",
    operation_id = "list_secrets",
    tag = "Secrets",
    responses(
        (status = 200, description = "The secrets.", body = SecretList),
        Denied<Problem>,
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Refusal> {
    let secrets = app.list_secrets(&caller).await?;
    let list = SecretList::whole(secrets.iter().map(Into::into).collect());
    Ok(no_store(Json(list).into_response()))
}

/// Look up a secret
///
/// Needs the scope `author`, for all workflows.
#[utoipa::path(
    get,
    path = "/v1/secrets/{name}",
    operation_id = "read_secret",
    tag = "Secrets",
    params(("name" = String, Path, description = "The secret's name.")),
    responses(
        (status = 200, description = "The secret, without its value.", body = Secret),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let secrets = app.list_secrets(&caller).await?;
    let found = secrets.iter().find(|secret| secret.name == name);
    let secret = Secret::from(found.ok_or(Error::NotFound(What::Secret))?);
    Ok(no_store(Json(secret).into_response()))
}

/// Delete a secret
///
/// Needs the scope `author`, for all workflows.
#[utoipa::path(
    delete,
    path = "/v1/secrets/{name}",
    operation_id = "delete_secret",
    tag = "Secrets",
    params(("name" = String, Path, description = "The secret's name.")),
    responses(
        (status = 204, description = "The secret is gone."),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.delete_secret(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read the signing secrets of a workflow
///
/// Receivers verify webhooks with them. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/signing-secret",
    operation_id = "read_signing_secrets",
    tag = "Secrets",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The secrets.", body = SigningSecrets),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn signing(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    signing_secrets(&app, &caller, &id).await
}

/// Rotate the signing secret of a workflow
///
/// The old one signs beside the new one for 24 hours. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/signing-secret/rotate",
    operation_id = "rotate_signing_secret",
    tag = "Secrets",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "Both secrets, the new one first.", body = SigningSecrets),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn rotate_signing(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    app.rotate_signing_secret(&caller, &id).await?;
    signing_secrets(&app, &caller, &id).await
}

async fn signing_secrets(app: &App, caller: &Caller, id: &str) -> Result<Response, Refusal> {
    let secrets = app.signing_secrets(caller, id).await?;
    Ok(no_store(Json(SigningSecrets { secrets }).into_response()))
}

impl SecretValue {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let value = fields.require("value", Fields::take_string).unwrap_or_default();
        let hosts = fields.take_list("hosts").unwrap_or_default();
        let hosts = text_items(&mut fields, "hosts", hosts);
        let workflows = match take_workflows(&mut fields, "workflows") {
            None => SecretWorkflows::OfPlatform,
            Some(WorkflowScope::All) => SecretWorkflows::All,
            Some(WorkflowScope::Only(ids)) => SecretWorkflows::Only(ids),
        };
        fields.finish()?;
        Ok(Self { value, hosts, workflows })
    }
}

fn text_items(fields: &mut Fields, key: &str, items: Vec<Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Value::String(text) => found.push(text),
            _ => fields.item_problem(key, index, "must be a string"),
        }
    }
    found
}

impl<'a> From<&'a SecretInfo> for Secret<'a> {
    fn from(secret: &'a SecretInfo) -> Self {
        Self {
            name: &secret.name,
            updated_at: secret.updated_at.into(),
            hosts: secret.rule.hosts.iter().map(SecretHost::as_str).collect(),
            workflows: match &secret.rule.workflows {
                SecretWorkflows::OfPlatform => None,
                SecretWorkflows::All => Some(KeyWorkflows::All(AllWorkflows::All)),
                SecretWorkflows::Only(ids) => Some(KeyWorkflows::Only(ids)),
            },
        }
    }
}
