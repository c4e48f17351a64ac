//! Secrets of providers, whose values go in and never come out, and those that sign webhooks.

mod value;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::login::{LoginInfo, LoginKind};
use flowgate_app::logins::SeenSecret;
use flowgate_app::secret::{SecretHost, SecretWorkflows};
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use self::value::{BrowserLogin, SecretValue};
use super::Caller;
use super::keys::{AllWorkflows, KeyWorkflows, no_store};
use crate::http::body;
use crate::http::page::List;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

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
    /// Null: its value is text.
    #[schema(required)]
    login: Option<SecretLogin<'a>>,
}

/// A secret whose value is an access token that is renewed.
#[derive(Serialize, ToSchema)]
struct SecretLogin<'a> {
    kind: Kind,
    /// The host of the token URL.
    #[schema(required)]
    token_host: Option<&'a str>,
    /// Null: nobody has logged in yet.
    #[schema(required)]
    logged_in_at: Option<Time>,
    #[schema(required)]
    renewed_at: Option<Time>,
    /// When the access token ends. Null: there is none yet, or it says no end.
    #[schema(required)]
    access_ends_at: Option<Time>,
    /// When the vendor refused the login for good: somebody has to log in again.
    #[schema(required)]
    expired_at: Option<Time>,
    /// The vendor's word for it.
    #[schema(required, examples("invalid_grant"))]
    expired_reason: Option<&'a str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LoginKind)]
enum Kind {
    #[serde(rename = "oauth2")]
    OAuth2,
    #[serde(rename = "service_account")]
    ServiceAccount,
}

/// A login that has begun.
#[derive(Serialize, ToSchema)]
struct BegunLogin<'a> {
    /// Where the person logs in. Whoever has it can end the login.
    #[schema(format = "uri")]
    url: &'a str,
    /// What the vendor must know as an address that it may send people back to.
    #[schema(format = "uri")]
    redirect_uri: &'a str,
    ends_at: Time,
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
    let secret = value::read(body::parse(&body::read(&headers, body).await?)?)?;
    app.put_secret(&caller, &name, secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begin a login
///
/// Of a secret that is a login, or that does not exist yet. A person opens the address that is
/// answered, within ten minutes; until the login has ended, the one before stays valid. Needs the
/// scope `author`, for all workflows.
#[utoipa::path(
    post,
    path = "/v1/secrets/{name}/login",
    operation_id = "begin_login",
    tag = "Secrets",
    params(("name" = String, Path, description = "The secret's name.")),
    request_body = BrowserLogin,
    responses(
        (status = 201, description = "The login has begun.", body = BegunLogin),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn begin_login(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let login = value::read_login(body::parse(&body::read(&headers, body).await?)?)?;
    let begun = app.begin_login(&caller, &name, login).await?;
    let begun = BegunLogin {
        url: &begun.url,
        redirect_uri: &begun.redirect_uri,
        ends_at: begun.ends_at.into(),
    };
    Ok(no_store((StatusCode::CREATED, Json(begun)).into_response()))
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
    let found = secrets.iter().find(|secret| secret.info.name == name);
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

impl<'a> From<&'a SeenSecret> for Secret<'a> {
    fn from(SeenSecret { info, login }: &'a SeenSecret) -> Self {
        Self {
            name: &info.name,
            updated_at: info.updated_at.into(),
            hosts: info.rule.hosts.iter().map(SecretHost::as_str).collect(),
            workflows: match &info.rule.workflows {
                SecretWorkflows::OfPlatform => None,
                SecretWorkflows::All => Some(KeyWorkflows::All(AllWorkflows::All)),
                SecretWorkflows::Only(ids) => Some(KeyWorkflows::Only(ids)),
            },
            login: info.login.is_some().then(|| SecretLogin::of(login.as_ref())),
        }
    }
}

impl<'a> SecretLogin<'a> {
    fn of(login: Option<&'a LoginInfo>) -> Self {
        let kind = match login.map(|login| login.kind) {
            Some(LoginKind::ServiceAccount) => Kind::ServiceAccount,
            Some(LoginKind::OAuth2) | None => Kind::OAuth2,
        };
        let expired = login.and_then(|login| login.expired.as_ref());
        Self {
            kind,
            token_host: login.map(|login| login.token_host.as_str()),
            logged_in_at: login.and_then(|login| login.logged_in_at).map(Into::into),
            renewed_at: login.and_then(|login| login.renewed_at).map(Into::into),
            access_ends_at: login.and_then(|login| login.access_ends_at).map(Into::into),
            expired_at: expired.map(|expired| expired.at.into()),
            expired_reason: expired.map(|expired| expired.reason.as_str()),
        }
    }
}
