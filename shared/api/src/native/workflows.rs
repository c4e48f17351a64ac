//! Workflows: drafts, versions, the one that callers run.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::workflow::{VersionInfo, VersionPublished, WorkflowRecord};
use flowgate_app::workflows::SaveDraft;
use flowgate_app::{App, Error};
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

use super::page;
use crate::body;
use crate::caller::caller;
use crate::fields::Fields;
use crate::problem::Refusal;
use crate::request::{QueryPairs, Segments};
use crate::reserved::RESERVED_INPUT_NAMES;

/// Saves the draft, whatever is wrong with it, and tells what that is.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let body = body::read(&headers, body).await?;
    let document = std::str::from_utf8(&body).map_err(|_| Error::bad_field("", "the document must be UTF-8 text"))?;
    let if_match = if_match(&headers)?;
    let draft = SaveDraft { id: &id, document, if_match: if_match.as_deref(), reserved_input_names: RESERVED_INPUT_NAMES };
    let saved = app.save_draft(&caller, draft).await?;
    let record = &saved.record;
    let draft = json!({ "etag": record.draft.etag, "saved_at": record.draft.saved_at.to_string() });
    let answer = json!({ "id": record.id, "name": record.draft.name, "problems": saved.problems, "draft": draft });
    Ok(with_etag(Json(answer).into_response(), record))
}

/// The draft's text alone where YAML is accepted, else with what is known of the workflow.
pub(super) async fn read(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_workflow(&caller, &id).await?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let response = if accept.to_ascii_lowercase().contains("yaml") {
        let media_type = if record.draft.document.trim_start().starts_with('{') { "application/json" } else { "application/yaml" };
        ([(CONTENT_TYPE, media_type)], record.draft.document.to_string()).into_response()
    } else {
        let mut answer = summary(&record);
        answer["document"] = Value::String(record.draft.document.to_string());
        Json(answer).into_response()
    };
    Ok(with_etag(response, &record))
}

pub(super) async fn list(State(app): State<Arc<App>>, query: QueryPairs, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let found = app.list_workflows(&caller, page::request(&query)?).await?;
    Ok(page::answer(&app, &uri, &query, &found, summary))
}

pub(super) async fn delete(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let caller = caller(&app, &headers).await?;
    app.delete_workflow(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the draft the version that callers run: 201, or 200 with the active version where that is its document already.
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let notes = only_string("notes", &headers, body).await?;
    let (status, version) = match app.publish(&caller, &id, notes).await? {
        VersionPublished::New(version) => (StatusCode::CREATED, version),
        VersionPublished::Unchanged(version) => (StatusCode::OK, version),
    };
    Ok((status, Json(version_answer(&id, &version, true))).into_response())
}

/// Newest first.
pub(super) async fn versions(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    uri: Uri,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let (workflow, versions) = app.list_versions(&caller, &id, page::request(&query)?).await?;
    let is_active = |version: &VersionInfo| workflow.active_version.as_ref() == Some(&version.version);
    Ok(page::answer(&app, &uri, &query, &versions, |version| version_answer(&id, version, is_active(version))))
}

/// To the version named, or to the one that was active before.
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    let version = only_string("version", &headers, body).await?;
    let version = app.rollback(&caller, &id, version.as_deref()).await?;
    Ok(Json(json!({ "workflow_id": id, "version": version, "active": true })))
}

/// Takes the endpoint down.
pub(super) async fn unpublish(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = caller(&app, &headers).await?;
    app.unpublish(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A body with one optional string.
async fn only_string(key: &str, headers: &HeaderMap, body: Body) -> Result<Option<String>, Error> {
    let mut fields = Fields::of_body(body::parse_or_empty(&body::read(headers, body).await?)?)?;
    let text = fields.take_string(key);
    fields.finish()?;
    Ok(text)
}

/// The etag that the draft must still have.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut values = headers.get_all(IF_MATCH).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(IF_MATCH) { Err(bad_if_match()) } else { Ok(None) };
    };
    let etag = value.to_str().ok().and_then(|value| value.trim().strip_prefix('"')?.strip_suffix('"'));
    let etag = etag.filter(|etag| !etag.contains('"')).ok_or_else(bad_if_match)?;
    Ok(Some(etag.to_owned()))
}

fn bad_if_match() -> Error {
    Error::bad_field("", "the header If-Match must be one ETag in double quotes")
}

fn with_etag(mut response: Response, record: &WorkflowRecord) -> Response {
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", record.draft.etag)) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

fn summary(record: &WorkflowRecord) -> Value {
    json!({
        "id": record.id,
        "name": record.draft.name,
        "active_version": record.active_version,
        "activated_at": record.activated_at.map(|at| at.to_string()),
        "created_at": record.created_at.to_string(),
        "draft": { "etag": record.draft.etag, "saved_at": record.draft.saved_at.to_string() },
    })
}

fn version_answer(workflow_id: &str, version: &VersionInfo, active: bool) -> Value {
    json!({
        "workflow_id": workflow_id,
        "version": version.version,
        "hash": version.hash,
        "notes": version.notes,
        "published_at": version.published_at.to_string(),
        "active": active,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_one_quoted_etag() {
        let read = |values: &[&'static str]| {
            let headers = values.iter().fold(HeaderMap::new(), |mut headers, value| {
                headers.append(IF_MATCH, HeaderValue::from_static(value));
                headers
            });
            if_match(&headers).ok()
        };
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&["\"abc\""]), Some(Some("abc".to_owned())));
        for bad in [&["*"][..], &["abc"], &["\"a\", \"b\""], &["\"a\"", "\"b\""], &["W/\"a\""], &["\""]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
