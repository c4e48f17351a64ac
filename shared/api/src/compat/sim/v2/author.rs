//! Workflows are made, described anew and deleted: `POST /api/v2/workflows`, and `PATCH` and
//! `DELETE` of one. What a workflow does is set by an import, or in the native API.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::access::Caller as AnyCaller;
use flowgate_app::workflow::WorkflowRecord;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{App, Error, Result};
use flowgate_import::yaml;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Caller, Data, ErrorBody, Refusal, refuse_unknown};
use crate::compat::sim::edit::{Change, edited};
use crate::compat::sim::transfer::may_import;
use crate::compat::sim::workflow::{ROOT, Summary, last_run_at};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::reserved::RESERVED_INPUT_NAMES;

const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 50_000;
/// Whoever saves the draft meanwhile loses nothing: its text is read again.
const TRIES: usize = 5;

/// A workflow to be made.
#[derive(ToSchema)]
#[schema(as = sim::v2::NewWorkflow, rename_all = "camelCase")]
pub(super) struct NewWorkflow {
    /// Passed over: there is one.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "only its schema is used")]
    workspace_id: (),
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    #[schema(max_length = 50_000)]
    description: Option<String>,
    /// Only `/`: there are no folders.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "only its schema is used")]
    folder_path: (),
}

/// What is to change of a workflow: at least one of these.
#[derive(ToSchema)]
#[schema(as = sim::v2::WorkflowChange, rename_all = "camelCase")]
pub(super) struct WorkflowChange {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Null takes it away.
    #[schema(max_length = 50_000)]
    description: Option<Option<String>>,
    /// Only `/`, where each workflow is.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "only its schema is used")]
    folder_path: (),
}

/// A workflow that is gone.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::v2::DeletedWorkflow)]
struct DeletedWorkflow<'a> {
    id: &'a str,
    /// Always `true`.
    deleted: bool,
}

type SummaryData<'a> = Data<Summary<'a>>;
type DeletedData<'a> = Data<DeletedWorkflow<'a>>;

/// Make a workflow
///
/// Its draft, without a node. Its id is made of its name; one that is taken gets a number. Needs
/// the scope `author`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows",
    operation_id = "sim_v2_create_workflow",
    tag = "Sim v2",
    request_body = NewWorkflow,
    responses(
        (status = 201, description = "The workflow.", body = SummaryData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Refusal> {
    may_import(&caller)?;
    refuse_unknown(&query, &[])?;
    let new = NewWorkflow::read(&body::read(&headers, body).await?)?;
    let id = flowgate_import::workflow_id("", &new.name);
    let document = yaml::written(&new.document());
    let saved = app.import_document(&caller, &id, &document, RESERVED_INPUT_NAMES).await?;
    let data = Summary::described(&saved.record, None);
    Ok((StatusCode::CREATED, Data { data }).into_response())
}

/// Change a workflow's name or description
///
/// In its draft; callers see it once it is deployed. Needs the scope `author`.
#[utoipa::path(
    patch,
    path = "/api/v2/workflows/{id}",
    operation_id = "sim_v2_update_workflow",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    request_body = WorkflowChange,
    responses(
        (status = 200, description = "The workflow.", body = SummaryData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 409>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    refuse_unknown(&query, &[])?;
    let change = WorkflowChange::read(&body::read(&headers, body).await?)?;
    let record = change.apply(&app, &caller, &id).await?;
    let last_run_at = last_run_at(&app, &caller, &id).await?;
    Ok(Data { data: Summary::described(&record, last_run_at) }.into_response())
}

/// Delete a workflow
///
/// Its endpoint is gone. Runs in flight end, and runs stay readable for 14 days. Needs the scope
/// `author`.
#[utoipa::path(
    delete,
    path = "/api/v2/workflows/{id}",
    operation_id = "sim_v2_delete_workflow",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "It is gone.", body = DeletedData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> std::result::Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    refuse_unknown(&query, &[])?;
    app.delete_workflow(&caller, &id, None).await?;
    Ok(Data { data: DeletedWorkflow { id: &id, deleted: true } }.into_response())
}

impl NewWorkflow {
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of_body(body::parse(bytes)?)?;
        fields.take_string("workspaceId");
        at_root(&mut fields);
        let name = fields.require("name", Fields::take_string);
        let name = name.map(|name| named(&mut fields, &name)).unwrap_or_default();
        let description = described(&mut fields).flatten();
        fields.finish()?;
        Ok(Self { workspace_id: (), name, description, folder_path: () })
    }

    fn document(&self) -> Value {
        match &self.description {
            Some(text) => json!({ "name": self.name, "description": text, "nodes": [] }),
            None => json!({ "name": self.name, "nodes": [] }),
        }
    }
}

impl WorkflowChange {
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::of_body(body::parse(bytes)?)?;
        let moves = at_root(&mut fields);
        let name = fields.take_string("name");
        let name = name.map(|name| named(&mut fields, &name));
        let description = described(&mut fields);
        if name.is_none() && description.is_none() && !moves {
            fields.problem("name", "is required, or `description` or `folderPath` is");
        }
        fields.finish()?;
        Ok(Self { name, description, folder_path: () })
    }

    async fn apply(&self, app: &App, caller: &AnyCaller, id: &str) -> Result<WorkflowRecord> {
        let name = self.name.iter().map(|name| ("name", Some(name.as_str())));
        let text = self.description.iter().map(|text| ("description", text.as_deref()));
        let changes: Vec<Change<'_>> = name.chain(text).collect();
        for _ in 0..TRIES {
            let record = app.read_workflow(caller, id).await?;
            let document = edited(&record.draft.document, &changes);
            if document == *record.draft.document {
                return Ok(record);
            }
            let (document, only_if) = (document.as_str(), OnlyIf::Etag(&record.draft.etag));
            let reserved_input_names = RESERVED_INPUT_NAMES;
            let draft = SaveDraft { id, document, only_if, reserved_input_names };
            match app.save_draft(caller, draft).await {
                Err(Error::Stale) => {}
                saved => return Ok(saved?.record),
            }
        }
        Err(Error::Stale)
    }
}

/// Returns whether the folder is named in which all workflows are.
fn at_root(fields: &mut Fields) -> bool {
    let path = fields.take_string("folderPath");
    if path.as_ref().is_some_and(|path| path != ROOT) {
        fields.problem("folderPath", "names a folder: there are none");
    }
    path.is_some()
}

fn named(fields: &mut Fields, name: &str) -> String {
    let name = name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        fields.problem("name", format!("must have 1 to {MAX_NAME} characters"));
    }
    name.to_owned()
}

/// `Some(None)`: it is to go.
fn described(fields: &mut Fields) -> Option<Option<String>> {
    let text = match fields.take("description")? {
        Value::Null => return Some(None),
        Value::String(text) => text,
        _ => {
            fields.problem("description", "must be a string or null");
            return None;
        }
    };
    if text.chars().count() > MAX_DESCRIPTION {
        fields.problem("description", format!("must have at most {MAX_DESCRIPTION} characters"));
    }
    Some(Some(text).filter(|text| !text.is_empty()))
}
