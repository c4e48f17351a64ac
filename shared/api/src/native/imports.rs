//! Files of other systems, which become drafts.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::imports::{self, NewImport};
use flowgate_import::{Entry, Outcome, Report, System};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use super::keys::no_store;
use crate::http::body;
use crate::http::problem::{DocumentProblem, Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::QueryPairs;
use crate::reserved::RESERVED_INPUT_NAMES;

/// What became of a file.
#[derive(Serialize, ToSchema)]
struct Imported {
    /// The drafts that were saved.
    workflows: Vec<ImportedWorkflow>,
    report: ImportReport,
    /// Keys that stood in the file.
    secrets: Vec<ImportedSecret>,
}

#[derive(Serialize, ToSchema)]
struct ImportedWorkflow {
    id: String,
    name: String,
    problems: Vec<DocumentProblem>,
    /// Of the draft.
    etag: String,
}

/// How many steps of the file became what.
#[derive(Serialize, ToSchema)]
struct ImportReport {
    system: ImportedSystem,
    mapped: usize,
    approximated: usize,
    unsupported: usize,
    /// Every step of the file.
    entries: Vec<ImportEntry>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ImportedSystem {
    Sim,
    AiFlow,
    Gptbots,
    Dify,
    N8n,
}

#[derive(Serialize, ToSchema)]
struct ImportEntry {
    /// The id of the workflow that it belongs to now.
    workflow: String,
    /// Its id in the file.
    node: String,
    /// Its name in the file.
    name: String,
    /// Its type in the file.
    #[serde(rename = "type")]
    kind: String,
    outcome: ImportOutcome,
    /// The kinds of the nodes that it became. Empty where it became a part of something else.
    became: Vec<String>,
    /// What differs, and what has to be done by hand.
    notes: Vec<String>,
}

/// `mapped` does the same, `approximated` nearly so. In the place of what is `unsupported` a
/// function throws, or a part of it is left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ImportOutcome {
    Mapped,
    Approximated,
    Unsupported,
}

#[derive(Serialize, ToSchema)]
struct ImportedSecret {
    /// Stands in the drafts, as `{{NAME}}`.
    name: String,
    /// The hosts that it may be sent to: those that the file names.
    hosts: Vec<String>,
    /// Whether it is stored, for the new workflows alone. That needs the scope `author` for all
    /// workflows, and a host in the file; without either, the value is forgotten.
    stored: bool,
    /// A JSON Pointer into the file.
    place: String,
}

/// Import a file
///
/// Turns a file of Sim, AI-Flow, GPTBots, Dify or n8n into drafts of new workflows, all or none;
/// the content says which system it is of. Ids are kept; one that is taken gets a number. Keys in
/// the file become secrets. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/import",
    operation_id = "import_workflows",
    tag = "Workflows",
    params((
        "name" = Option<String>,
        Query,
        description = "Names a workflow whose file has no name; at most 200 bytes.",
    )),
    request_body(
        description = "The file as it was exported, of any content type, at most 4 MiB.",
        content(
            (Object = "application/json"),
            (serde_json::Value = "application/yaml"),
            (String = "application/octet-stream")
        )
    ),
    responses(
        (status = 201, description = "The drafts are saved, errors and all.", body = Imported),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let content = body::read(&headers, body).await?.to_vec();
    let name = query.get("name").map(str::to_owned);
    let new = NewImport { content, name, reserved_input_names: RESERVED_INPUT_NAMES };
    let imported = Imported::from(app.import(&caller, new).await?);
    Ok(no_store((StatusCode::CREATED, Json(imported)).into_response()))
}

impl From<imports::Imported> for Imported {
    fn from(imported: imports::Imported) -> Self {
        let imports::Imported { workflows, report, secrets } = imported;
        let secret = |secret: imports::ImportedSecret| ImportedSecret {
            name: secret.name,
            hosts: secret.hosts,
            stored: secret.is_stored,
            place: secret.place,
        };
        Self {
            workflows: workflows.into_iter().map(Into::into).collect(),
            report: report.into(),
            secrets: secrets.into_iter().map(secret).collect(),
        }
    }
}

impl From<imports::ImportedWorkflow> for ImportedWorkflow {
    fn from(imported: imports::ImportedWorkflow) -> Self {
        let imports::ImportedWorkflow { record, problems } = imported;
        Self {
            id: record.id,
            name: record.draft.name,
            problems: problems.into_iter().map(Into::into).collect(),
            etag: record.draft.etag,
        }
    }
}

impl From<Report> for ImportReport {
    fn from(report: Report) -> Self {
        let Report { system, mapped, approximated, unsupported, entries } = report;
        let system = match system {
            System::Sim => ImportedSystem::Sim,
            System::AiFlow => ImportedSystem::AiFlow,
            System::Gptbots => ImportedSystem::Gptbots,
            System::Dify => ImportedSystem::Dify,
            System::N8n => ImportedSystem::N8n,
        };
        let entries = entries.into_iter().map(Into::into).collect();
        Self { system, mapped, approximated, unsupported, entries }
    }
}

impl From<Entry> for ImportEntry {
    fn from(entry: Entry) -> Self {
        let Entry { workflow, node, name, kind, outcome, became, notes } = entry;
        let outcome = match outcome {
            Outcome::Mapped => ImportOutcome::Mapped,
            Outcome::Approximated => ImportOutcome::Approximated,
            Outcome::Unsupported => ImportOutcome::Unsupported,
        };
        Self { workflow, node, name, kind, outcome, became, notes }
    }
}
