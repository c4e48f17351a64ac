//! Workflows: their drafts.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::run::RunRecord;
use flowgate_app::workflow::{self, WorkflowRecord};
use flowgate_app::workflow_list::{self, WorkflowsWanted};
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{App, Error};
use http::header::{ACCEPT, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::outline::Outline;
use super::public::PublicWorkflow;
use super::run::RunStatus;
use super::schedules::Schedule;
use crate::http::body;
use crate::http::page::{self, List, PageQuery, bad_query};
use crate::http::precondition;
use crate::http::problem::{DocumentProblem, Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;
use crate::reserved::RESERVED_INPUT_NAMES;

/// What is known of a workflow.
#[derive(Serialize, ToSchema)]
struct Workflow<'a> {
    id: &'a str,
    name: &'a str,
    /// What callers run; null where nothing is published.
    #[schema(required)]
    active_version: Option<&'a str>,
    #[schema(required)]
    activated_at: Option<Time>,
    created_at: Time,
    draft: Draft<'a>,
}

#[derive(Serialize, ToSchema)]
struct Draft<'a> {
    etag: &'a str,
    saved_at: Time,
    /// The id of the key that saved it. Null: the operator, or an earlier release.
    #[schema(required)]
    saved_by: Option<&'a str>,
}

/// A workflow in a list.
#[derive(Serialize, ToSchema)]
struct ListedWorkflow<'a> {
    #[serde(flatten)]
    workflow: Workflow<'a>,
    /// The draft is not what callers run, or nothing is published.
    draft_ahead: bool,
    /// The run that was created last; null if there is none. Left out unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<Option<LastRun<'a>>>,
}

#[derive(Serialize, ToSchema)]
struct LastRun<'a> {
    id: String,
    status: RunStatus,
    created_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
    /// Of a failed run.
    #[schema(required)]
    error_code: Option<&'a str>,
}

/// Which workflows are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it documents what `read` takes")]
struct WorkflowsQuery {
    /// A part of the id or the name, in any case, at most 200 bytes. A page may then be short, or
    /// empty, and still not be the last.
    #[param(max_length = 200)]
    q: Option<String>,
    /// `last_run`: with the run that was created last, which needs `read`, too.
    include: Option<String>,
}

/// A workflow with its draft's text.
#[derive(Serialize, ToSchema)]
struct WorkflowDocument<'a> {
    #[serde(flatten)]
    workflow: Workflow<'a>,
    /// YAML or JSON, as its author wrote it.
    document: &'a str,
    /// Null where nobody runs it without a key.
    #[schema(required)]
    public: Option<PublicWorkflow>,
    /// Of the active version, in the order of its document.
    schedules: Vec<Schedule>,
    /// Of the draft.
    problems: Vec<DocumentProblem>,
    /// Of the draft; null where this release cannot read its text.
    #[schema(required)]
    outline: Option<Outline>,
}

/// A draft, and everything that is wrong with it.
#[derive(Serialize, ToSchema)]
struct SavedDraft<'a> {
    id: &'a str,
    name: &'a str,
    problems: Vec<DocumentProblem>,
    outline: Outline,
    draft: Draft<'a>,
}

/// Save a draft
///
/// Creates the workflow where it does not exist. Callers go on with the version that is active.
/// Needs the scope `author`.
#[utoipa::path(
    put,
    path = "/v1/workflows/{workflow_id}",
    operation_id = "save_workflow",
    tag = "Workflows",
    params(
        (
            "workflow_id" = String,
            Path,
            description = "A letter or digit, then up to 63 letters, digits, `-` or `_`.",
        ),
        (
            "If-Match" = Option<String>,
            Header,
            description = "The ETag that the draft must still have.",
        ),
        (
            "If-None-Match" = Option<String>,
            Header,
            description = "`*`: no workflow of this id may exist.",
        ),
    ),
    request_body(
        description = "The document, YAML or JSON, at most 1 MiB.",
        content((serde_json::Value = "application/yaml"), (Object = "application/json"))
    ),
    responses(
        (
            status = 200,
            description = "The draft is saved, errors and all.",
            body = SavedDraft,
            headers(("ETag" = String, description = "Of the draft."))
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 412>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let document = body::text(&body)?;
    let if_match = precondition::if_match(&headers)?;
    let only_if = match (&if_match, precondition::is_new(&headers)?) {
        (None, false) => OnlyIf::Any,
        (None, true) => OnlyIf::New,
        (Some(etag), false) => OnlyIf::Etag(etag),
        (Some(_), true) => return Err(Error::Stale.into()),
    };
    let draft =
        SaveDraft { id: &id, document, only_if, reserved_input_names: RESERVED_INPUT_NAMES };
    let saved = app.save_draft(&caller, draft).await?;
    let record = &saved.record;
    let saved = SavedDraft {
        id: &record.id,
        name: &record.draft.name,
        problems: saved.problems.into_iter().map(Into::into).collect(),
        outline: saved.outline.into(),
        draft: (&record.draft).into(),
    };
    Ok(with_etag(Json(saved).into_response(), record))
}

/// Read a workflow
///
/// Its draft, and what is known of it; with `Accept: application/yaml` the document alone. Needs
/// the scope `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}",
    operation_id = "read_workflow",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses(
        (
            status = 200,
            description = "The workflow. The text alone is `application/json` where it is JSON.",
            content((WorkflowDocument = "application/json"), (String = "application/yaml")),
            headers(("ETag" = String, description = "Of the draft."))
        ),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let record = app.read_workflow(&caller, &id).await?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let document = &*record.draft.document;
    let response = if accept.to_ascii_lowercase().contains("yaml") {
        let is_json = document.trim_start().starts_with('{');
        let media_type = if is_json { "application/json" } else { "application/yaml" };
        ([(CONTENT_TYPE, media_type)], document.to_owned()).into_response()
    } else {
        let schedules = app.schedules(&record.uid).await?.into_iter().map(Into::into).collect();
        let inspected = app.inspect_draft(&caller, &record, RESERVED_INPUT_NAMES).await?;
        let problems = inspected.problems.into_iter().map(Into::into).collect();
        let outline = inspected.outline.map(Into::into);
        let public = app.public_as(&record).await?.map(Into::into);
        let workflow = (&record).into();
        let found = WorkflowDocument { workflow, document, public, schedules, problems, outline };
        Json(found).into_response()
    };
    Ok(with_etag(response, &record))
}

type WorkflowList<'a> = List<ListedWorkflow<'a>>;

/// List the workflows
///
/// Those that the key knows. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows",
    operation_id = "list_workflows",
    tag = "Workflows",
    params(WorkflowsQuery, PageQuery),
    responses(
        (
            status = 200,
            description = "A page of workflows. The header `Link` has the next page's URL.",
            body = WorkflowList,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let wanted = wanted(&query)?;
    let page = PageQuery::read(&query, &uri)?.into();
    let found = app.list_workflows(&caller, &wanted, page).await?;
    let item = |listed| ListedWorkflow::new(listed, wanted.with_last_run);
    Ok(page::response(&app, &uri, &query, &found, item))
}

/// Delete a workflow
///
/// Its endpoint is gone. Runs in flight end, and runs stay readable by id. Needs the scope
/// `author`.
#[utoipa::path(
    delete,
    path = "/v1/workflows/{workflow_id}",
    operation_id = "delete_workflow",
    tag = "Workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        (
            "If-Match" = Option<String>,
            Header,
            description = "The ETag that the draft must still have.",
        ),
    ),
    responses(
        (status = 204, description = "The workflow is gone."),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 412>,
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let if_match = precondition::if_match(&headers)?;
    app.delete_workflow(&caller, &id, if_match.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl<'a> From<&'a WorkflowRecord> for Workflow<'a> {
    fn from(record: &'a WorkflowRecord) -> Self {
        Self {
            id: &record.id,
            name: &record.draft.name,
            active_version: record.active_version.as_deref(),
            activated_at: record.activated_at.map(Into::into),
            created_at: record.created_at.into(),
            draft: (&record.draft).into(),
        }
    }
}

impl<'a> From<&'a workflow::Draft> for Draft<'a> {
    fn from(draft: &'a workflow::Draft) -> Self {
        Self {
            etag: &draft.etag,
            saved_at: draft.saved_at.into(),
            saved_by: draft.saved_by.as_deref(),
        }
    }
}

fn wanted(query: &QueryPairs) -> Result<WorkflowsWanted, Error> {
    let text = query.get("q").map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
        return Err(bad_query("q", &format!("must have at most {MAX_TEXT} bytes")));
    }
    let with_last_run = match query.get("include") {
        None => false,
        Some("last_run") => true,
        Some(_) => return Err(bad_query("include", "must be last_run")),
    };
    Ok(WorkflowsWanted { text, with_last_run })
}

impl<'a> ListedWorkflow<'a> {
    fn new(listed: &'a workflow_list::ListedWorkflow, with_last_run: bool) -> Self {
        let last_run = with_last_run.then(|| listed.last_run.as_ref().map(LastRun::new));
        let workflow = (&listed.record).into();
        Self { workflow, draft_ahead: listed.draft_ahead, last_run }
    }
}

impl<'a> LastRun<'a> {
    fn new(record: &'a RunRecord) -> Self {
        let end = record.end.as_ref();
        Self {
            id: record.head.id.to_string(),
            status: record.state.into(),
            created_at: record.head.created_at.into(),
            ended_at: end.map(|end| end.ended_at.into()),
            error_code: end.and_then(|end| end.error.as_ref()).map(|error| &*error.code),
        }
    }
}

/// A part of a name or an id, in bytes.
const MAX_TEXT: usize = 200;

fn with_etag(mut response: Response, record: &WorkflowRecord) -> Response {
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", record.draft.etag)) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}
