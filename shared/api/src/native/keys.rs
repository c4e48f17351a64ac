//! API keys: the key itself is in the answer that makes it, and nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::key::{KeyRecord, Scope, WorkflowScope};
use flowgate_app::keys::{IssuedKey, KeyRequest};
use flowgate_app::limit::{KeyLimits, Rate};
use flowgate_app::time::Timestamp;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::http::page;
use crate::http::body;
use crate::http::caller::caller;
use crate::http::fields::{Fields, kind_of};
use crate::http::problem::Refusal;
use crate::http::request::{QueryPairs, Segments};

const USUAL_OVERLAP: u64 = 24 * 3600;

pub(super) async fn create(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let request = read_request(body::parse(&body::read(&headers, body).await?)?)?;
    let issued = app.create_key(&caller, request).await?;
    Ok(issued_answer(&issued))
}

pub(super) async fn list(State(app): State<Arc<App>>, query: QueryPairs, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let found = app.list_keys(&caller, page::request(&query)?).await?;
    Ok(no_store(page::answer(&app, &uri, &query, &found, answer)))
}

pub(super) async fn revoke(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let caller = caller(&app, &headers).await?;
    app.revoke_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new key with the old one's rights; the old one works on for `overlap_seconds`.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let mut fields = Fields::of_body(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let overlap = fields.take_integer("overlap_seconds").unwrap_or(USUAL_OVERLAP);
    fields.finish()?;
    let issued = app.rotate_key(&caller, &id, Duration::from_secs(overlap)).await?;
    Ok(issued_answer(&issued))
}

pub(super) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn read_request(body: Value) -> flowgate_app::Result<KeyRequest> {
    let mut fields = Fields::of_body(body)?;
    let name = fields.require("name", Fields::take_string).unwrap_or_default();
    let workflows = fields.require("workflows", take_workflows).unwrap_or(WorkflowScope::Only(BTreeSet::new()));
    let scopes = fields.require("scopes", take_scopes).unwrap_or_default();
    let expires_at = take_time(&mut fields, "expires_at");
    let limits = fields.take_object("limits").map(|limits| fields.within("limits", limits, read_limits));
    fields.finish()?;
    Ok(KeyRequest { name, workflows, scopes, expires_at, limits })
}

/// A minute's worth may be started at once where nothing else is said.
fn read_limits(fields: &mut Fields) -> KeyLimits {
    // What is too much for us is out of bounds either way.
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let requests_per_minute = fields.require("requests_per_minute", Fields::take_integer).map_or(1, number);
    let burst = fields.take_integer("burst").map_or(requests_per_minute, number);
    KeyLimits { rate: Rate { requests_per_minute, burst }, concurrent_runs: fields.take_integer("concurrent_runs").map(number) }
}

fn take_workflows(fields: &mut Fields, key: &str) -> Option<WorkflowScope> {
    match fields.take(key)? {
        Value::String(all) if all == "*" => Some(WorkflowScope::All),
        Value::Array(ids) => Some(WorkflowScope::Only(strings(fields, key, ids, |id| Some(id.to_owned()), "must be a workflow id"))),
        other => {
            fields.problem(key, format!("must be \"*\" or an array of workflow ids, not {}", kind_of(&other)));
            None
        }
    }
}

fn take_scopes(fields: &mut Fields, key: &str) -> Option<BTreeSet<Scope>> {
    let scopes = fields.take_list(key)?;
    Some(strings(fields, key, scopes, Scope::parse, "must be one of run, read, cancel, author, admin"))
}

fn strings<T: Ord>(fields: &mut Fields, key: &str, items: Vec<Value>, read: impl Fn(&str) -> Option<T>, wanted: &str) -> BTreeSet<T> {
    let mut found = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_str().and_then(&read) {
            Some(item) => drop(found.insert(item)),
            None => fields.item_problem(key, index, wanted),
        }
    }
    found
}

fn take_time(fields: &mut Fields, key: &str) -> Option<Timestamp> {
    let text = fields.take_string(key)?;
    let time = Timestamp::parse_rfc3339(&text);
    if time.is_none() {
        fields.problem(key, "must be a time such as 2026-01-31T08:15:00Z");
    }
    time
}

fn issued_answer(issued: &IssuedKey) -> Response {
    let mut body = answer(&issued.record);
    body["key"] = Value::String(issued.key.expose_secret().to_owned());
    no_store((StatusCode::CREATED, Json(body)).into_response())
}

fn answer(key: &KeyRecord) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": key.id,
        "name": key.name,
        "workflows": match &key.workflows {
            WorkflowScope::All => json!("*"),
            WorkflowScope::Only(ids) => json!(ids),
        },
        "scopes": key.scopes,
        "created_at": key.created_at.to_string(),
        "expires_at": time(key.expires_at),
        "limits": key.limits,
        "ends_at": time(key.ends_at),
        "rotated_from": key.rotated_from,
        "last_used_at": time(key.last_used_at),
    })
}

#[cfg(test)]
mod tests {
    use flowgate_app::Error;

    use super::*;

    #[test]
    fn reads_a_request() {
        let request =
            read_request(json!({ "name": "ci", "workflows": ["a", "b"], "scopes": ["run", "read"], "expires_at": "2030-01-01T00:00:00Z" }))
                .unwrap();
        assert_eq!(request.workflows, WorkflowScope::Only(["a".to_owned(), "b".to_owned()].into()));
        assert_eq!(request.scopes, [Scope::Run, Scope::Read].into());
        assert_eq!(request.expires_at.unwrap().to_string(), "2030-01-01T00:00:00.000Z");
        let request = |limits: Value| read_request(json!({ "name": "ci", "workflows": "*", "scopes": ["run"], "limits": limits })).unwrap();
        assert_eq!(request(Value::Null).workflows, WorkflowScope::All);
        assert_eq!(request(Value::Null).limits, None);
        let limits = |limits: Value| request(limits).limits.map(|limits| json!(limits)).unwrap();
        assert_eq!(
            limits(json!({ "requests_per_minute": 60 })),
            json!({ "requests_per_minute": 60, "burst": 60, "concurrent_runs": null })
        );
        let all = json!({ "requests_per_minute": 60, "burst": 5, "concurrent_runs": 2 });
        assert_eq!(limits(all.clone()), all);
    }

    #[test]
    fn names_every_wrong_field() {
        let limits = json!({ "requests_per_minute": -1, "burst": "5", "per_hour": 1 });
        let error =
            read_request(json!({ "workflows": "all", "scopes": ["run", "write", 1], "expires_at": "soon", "limits": limits, "x": 1 }))
                .unwrap_err();
        let Error::BadInput(problems) = error else { panic!("{error:?}") };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/workflows",
                "/scopes/1",
                "/scopes/2",
                "/expires_at",
                "/limits/requests_per_minute",
                "/limits/burst",
                "/limits/per_hour",
                "/x"
            ]
        );
    }
}
