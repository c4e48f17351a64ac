//! Short-lived tokens, for browsers: `POST /v1/tokens`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::tokens::{MAX_LIFETIME, TokenRequest, TokenSubject};
use flowgate_app::{App, Error};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use super::keys::no_store;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::time::Time;

/// A token to be made: for one workflow or for one run.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `read` has the same fields")]
struct NewToken {
    workflow_id: Option<String>,
    run_id: Option<String>,
    /// Some of `run`, `read`, `cancel` and `trace` that the key has. By default `read`, and for a
    /// workflow `run` too.
    scopes: Option<Vec<String>>,
    #[schema(minimum = 1, maximum = 900, required = false, default = 900)]
    expires_in_seconds: u64,
}

/// A new token.
#[derive(Serialize, ToSchema)]
struct NewlyIssuedToken<'a> {
    /// For `Authorization: Bearer`, or for `?token=` of a GET request.
    #[schema(examples("fgt_…"))]
    token: &'a str,
    workflow_id: &'a str,
    /// Left out if the token is for the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run_id: Option<&'a str>,
    scopes: Vec<&'static str>,
    expires_at: Time,
}

/// Make a short-lived token
///
/// For a browser, which must not have a key. Any good key may, for scopes that it has: the token
/// allows no more than the key, and ends with it.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    operation_id = "create_token",
    tag = "Keys",
    request_body = NewToken,
    responses(
        (status = 201, description = "The token.", body = NewlyIssuedToken),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
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
    let request = read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let issued = app.create_token(&caller, request).await?;
    let token = NewlyIssuedToken {
        token: issued.token.expose_secret(),
        workflow_id: &issued.workflow_id,
        run_id: issued.run.as_ref().map(|run| run.as_str()),
        scopes: issued.scopes.iter().map(|scope| scope.as_str()).collect(),
        expires_at: issued.expires_at.into(),
    };
    Ok(no_store((StatusCode::CREATED, Json(token)).into_response()))
}

fn read(body: Value) -> Result<TokenRequest, Error> {
    let mut fields = Fields::of_body(body)?;
    let (workflow, run) = (fields.take_string("workflow_id"), fields.take_string("run_id"));
    let scopes = fields.take_list("scopes").map(|scopes| read_scopes(&mut fields, &scopes));
    let seconds = fields.take_integer("expires_in_seconds").unwrap_or(MAX_LIFETIME.as_secs());
    let subject = match (workflow, run) {
        (Some(workflow), None) => Some(TokenSubject::Workflow(workflow)),
        (None, Some(run)) => Some(TokenSubject::Run(run)),
        _ => {
            fields.problem("workflow_id", "or run_id is required, one of them");
            None
        }
    };
    fields.finish()?;
    let subject = subject.ok_or_else(|| Error::bad_field("/workflow_id", "is required"))?;
    Ok(TokenRequest { subject, scopes, lifetime: Duration::from_secs(seconds) })
}

fn read_scopes(fields: &mut Fields, scopes: &[Value]) -> BTreeSet<Scope> {
    let mut found = BTreeSet::new();
    for (index, scope) in scopes.iter().enumerate() {
        match scope.as_str().and_then(Scope::parse) {
            Some(scope) => drop(found.insert(scope)),
            None => fields.item_problem("scopes", index, "is not a scope of a token"),
        }
    }
    found
}
