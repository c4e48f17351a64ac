//! API keys: the key itself is in the response that makes it, and nowhere else.

pub(super) mod new_key;
mod budget;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::budgets::KeyState;
use flowgate_app::key::{self, KeyRecord, Scope, WorkflowScope};
use flowgate_app::keys::IssuedKey as Issued;
use flowgate_app::{App, limit};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use self::budget::KeyBudget;
use self::new_key::NewKey;
use super::Caller;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::page::{self, List, PageQuery};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

const DEFAULT_OVERLAP: u64 = 24 * 3600;

/// How a key is followed by another.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRotation {
    /// How long the old key works on.
    #[schema(value_type = Option<u64>, maximum = 604_800, default = 86_400)]
    overlap_seconds: u64,
}

/// An API key, without the key itself.
#[derive(Serialize, ToSchema)]
struct Key<'a> {
    #[schema(examples("0NsJmBnJDMqF"))]
    id: &'a str,
    name: &'a str,
    workflows: KeyWorkflows<'a>,
    scopes: Vec<KeyScope>,
    created_at: Time,
    #[schema(required)]
    expires_at: Option<Time>,
    #[schema(required)]
    limits: Option<KeyLimits>,
    #[schema(required)]
    budget: Option<KeyBudget>,
    /// Pages of these origins may read answers to the key in a browser. Left out if there are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(required = false)]
    origins: &'a BTreeSet<String>,
    /// Set by revocation, and by rotation.
    #[schema(required)]
    ends_at: Option<Time>,
    /// The key that it follows.
    #[schema(required)]
    rotated_from: Option<&'a str>,
    /// Noted at most once a minute.
    #[schema(required)]
    last_used_at: Option<Time>,
    /// The last request with this key that was refused. Noted at most once a minute.
    #[schema(required)]
    last_refused: Option<LastRefused<'a>>,
}

/// A request with a right key that was refused.
#[derive(Serialize, ToSchema)]
struct LastRefused<'a> {
    at: Time,
    /// As in the native API's problems, whichever API was called. `unauthorized`: it had ended.
    #[schema(examples("invalid_input"))]
    code: &'a str,
}

/// What changes of a key.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyChange {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// What a key may know of itself.
#[derive(Serialize, ToSchema)]
struct OwnKey<'a> {
    /// Null for the operator's own credential.
    #[schema(required)]
    id: Option<&'a str>,
    name: &'a str,
    workflows: KeyWorkflows<'a>,
    scopes: Vec<KeyScope>,
    #[schema(required)]
    expires_at: Option<Time>,
    #[schema(required)]
    limits: Option<KeyLimits>,
    #[schema(required)]
    budget: Option<KeyBudget>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
struct IssuedKey<'a> {
    #[serde(flatten)]
    record: Key<'a>,
    /// The key itself, here and never again.
    #[schema(examples("fg_0NsJmBnJDMqF_…"))]
    key: &'a str,
}

/// The ids of the workflows that a key is good for, or `"*"` for all.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum KeyWorkflows<'a> {
    All(#[schema(inline)] AllWorkflows),
    Only(&'a BTreeSet<String>),
}

#[derive(Serialize, ToSchema)]
pub(super) enum AllWorkflows {
    #[serde(rename = "*")]
    All,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum KeyScope {
    /// Start runs, send webhooks again.
    Run,
    /// Read and list runs, their events and deliveries.
    Read,
    /// Read what every node of a run was given and gave: prompts, calls, results.
    Trace,
    /// Cancel runs.
    Cancel,
    /// Save and publish workflows, delete runs; secrets. Includes `trace`.
    Author,
    /// Everything, keys too.
    Admin,
}

/// How many runs a key may start.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct KeyLimits {
    requests_per_minute: u32,
    burst: u32,
    #[schema(required)]
    concurrent_runs: Option<u32>,
}

/// Make a key
///
/// The response is the only place that shows the key. Needs the scope `admin`, for all workflows.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "Keys",
    request_body = NewKey,
    responses(
        (status = 201, description = "The key.", body = IssuedKey),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let new = NewKey::read(body::parse(&body::read(&headers, body).await?)?)?;
    let issued = app.create_key(&caller, new.into()).await?;
    Ok(created(&issued))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used; `list` reads the same")]
pub(super) struct KeysQuery {
    /// Only keys that may use this workflow, whether or not they are valid still.
    workflow: Option<String>,
}

type KeyList<'a> = List<Key<'a>>;

/// List the keys
///
/// With a workflow, a page may be short, even empty, and not be the last. Needs the scope `admin`,
/// for all workflows.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "list_keys",
    tag = "Keys",
    params(KeysQuery, PageQuery),
    responses(
        (
            status = 200,
            description = "A page of keys. The header `Link` has the next page's URL.",
            body = KeyList,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let page = PageQuery::read(&query, &uri)?.into();
    let found = match query.get("workflow") {
        Some(workflow) => app.list_keys_of(&caller, workflow, page).await?,
        None => app.list_keys(&caller, page).await?,
    };
    Ok(no_store(page::response(&app, &uri, &query, &found, Key::from)))
}

/// Read a key
///
/// With what it has spent of its budget. Needs the scope `admin`, for all workflows.
#[utoipa::path(
    get,
    path = "/v1/keys/{key_id}",
    operation_id = "read_key",
    tag = "Keys",
    params(("key_id" = String, Path, description = "The key's id.")),
    responses(
        (status = 200, description = "The key.", body = Key),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    Ok(shown(&app.read_key(&caller, &id).await?))
}

fn shown(state: &KeyState) -> Response {
    let key = Key { budget: budget_of(state), ..(&state.record).into() };
    no_store(Json(key).into_response())
}

/// Read the caller's own key
///
/// What it may do, and what it has spent of its budget. Any good key may.
#[utoipa::path(
    get,
    path = "/v1/keys/self",
    operation_id = "read_own_key",
    tag = "Keys",
    responses(
        (status = 200, description = "The key with which the request was made.", body = OwnKey),
        Denied<Problem>,
    )
)]
pub(super) async fn read_own(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let state = app.own_key(&caller).await?;
    let key = state.as_ref().map_or_else(OwnKey::of_operator, Into::into);
    Ok(no_store(Json(key).into_response()))
}

fn budget_of(state: &KeyState) -> Option<KeyBudget> {
    let budget = state.record.budget.as_ref()?;
    let spent = state.spent.as_ref().map(|(account, spent)| (account, *spent));
    Some(KeyBudget::new(budget, spent))
}

/// Rename a key
///
/// Its rights stay as they are. Needs the scope `admin`, for all workflows.
#[utoipa::path(
    patch,
    path = "/v1/keys/{key_id}",
    operation_id = "rename_key",
    tag = "Keys",
    params(("key_id" = String, Path, description = "The key's id.")),
    request_body = KeyChange,
    responses(
        (status = 200, description = "The key, with its new name.", body = Key),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn rename(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let KeyChange { name } = KeyChange::read(body::parse(&body::read(&headers, body).await?)?)?;
    Ok(shown(&app.rename_key(&caller, &id, &name).await?))
}

/// Revoke a key
///
/// At once. Needs the scope `admin`, for all workflows.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key_id}",
    operation_id = "revoke_key",
    tag = "Keys",
    params(("key_id" = String, Path, description = "The key's id.")),
    responses(
        (status = 204, description = "The key is revoked."),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.revoke_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate a key
///
/// Makes a new key with the rights of the old one, which works on for a while. Needs the scope
/// `admin`, for all workflows.
#[utoipa::path(
    post,
    path = "/v1/keys/{key_id}/rotate",
    operation_id = "rotate_key",
    tag = "Keys",
    params(("key_id" = String, Path, description = "The old key's id.")),
    request_body = Option<KeyRotation>,
    responses(
        (status = 201, description = "The new key.", body = IssuedKey),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let rotation = KeyRotation::read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let overlap = Duration::from_secs(rotation.overlap_seconds);
    let issued = app.rotate_key(&caller, &id, overlap).await?;
    Ok(created(&issued))
}

fn created(issued: &Issued) -> Response {
    let record = (&issued.record).into();
    let key = IssuedKey { record, key: issued.key.expose_secret() };
    no_store((StatusCode::CREATED, Json(key)).into_response())
}

pub(super) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl KeyChange {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.require("name", Fields::take_string).unwrap_or_default();
        fields.finish()?;
        Ok(Self { name })
    }
}

impl KeyRotation {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let overlap_seconds = fields.take_integer("overlap_seconds").unwrap_or(DEFAULT_OVERLAP);
        fields.finish()?;
        Ok(Self { overlap_seconds })
    }
}

impl<'a> From<&'a KeyRecord> for Key<'a> {
    fn from(key: &'a KeyRecord) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            workflows: (&key.workflows).into(),
            scopes: key.scopes.iter().copied().map(Into::into).collect(),
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Into::into),
            limits: key.limits.map(Into::into),
            budget: key.budget.as_ref().map(Into::into),
            origins: &key.origins,
            ends_at: key.ends_at.map(Into::into),
            rotated_from: key.rotated_from.as_deref(),
            last_used_at: key.last_used_at.map(Into::into),
            last_refused: key.last_refused.as_ref().map(Into::into),
        }
    }
}

impl<'a> From<&'a key::LastRefused> for LastRefused<'a> {
    fn from(refused: &'a key::LastRefused) -> Self {
        Self { at: refused.at.into(), code: &refused.code }
    }
}

impl OwnKey<'_> {
    fn of_operator() -> Self {
        Self {
            id: None,
            name: "admin",
            workflows: KeyWorkflows::All(AllWorkflows::All),
            scopes: Scope::ALL.into_iter().map(Into::into).collect(),
            expires_at: None,
            limits: None,
            budget: None,
        }
    }
}

impl<'a> From<&'a KeyState> for OwnKey<'a> {
    fn from(state: &'a KeyState) -> Self {
        let Key { id, name, workflows, scopes, expires_at, limits, .. } = (&state.record).into();
        let budget = budget_of(state);
        Self { id: Some(id), name, workflows, scopes, expires_at, limits, budget }
    }
}

impl<'a> From<&'a WorkflowScope> for KeyWorkflows<'a> {
    fn from(scope: &'a WorkflowScope) -> Self {
        match scope {
            WorkflowScope::All => Self::All(AllWorkflows::All),
            WorkflowScope::Only(ids) => Self::Only(ids),
        }
    }
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Run => Self::Run,
            Scope::Read => Self::Read,
            Scope::Trace => Self::Trace,
            Scope::Cancel => Self::Cancel,
            Scope::Author => Self::Author,
            Scope::Admin => Self::Admin,
        }
    }
}

impl From<limit::KeyLimits> for KeyLimits {
    fn from(limit::KeyLimits { rate, concurrent_runs }: limit::KeyLimits) -> Self {
        let limit::Rate { requests_per_minute, burst } = rate;
        Self { requests_per_minute, burst, concurrent_runs }
    }
}
