//! Export and import of workflows, alike in both generations.
//!
//! A document of ours cannot in general become a state of Sim's, and what a workflow was imported
//! from is not kept. So an export has Sim's envelope, and as its `state` the document's text: Sim
//! refuses such a state, we take it back letter by letter.

use std::sync::Arc;

use flowgate_app::access::Caller;
use flowgate_app::imports::{Imported, NewImport};
use flowgate_app::key::Scope;
use flowgate_app::time::Timestamp;
use flowgate_app::workflow::WorkflowRecord;
use flowgate_app::{App, Error, Result};
use flowgate_import::Outcome;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::deploy::{Unknown, finish};
use super::edit::edited;
use super::workflow::{ROOT, WORKSPACE, description_of};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::time::Time;
use crate::reserved::RESERVED_INPUT_NAMES;

const FORMAT: &str = "1.0";
const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 2_000;
/// Of an import's report.
const MAX_WARNINGS: usize = 100;

/// What a workflow is made of. Not a state of Sim's: those have `blocks`.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::State)]
pub(super) struct State<'a> {
    /// YAML or JSON, as its author wrote it.
    pub(super) document: &'a str,
}

/// An export, in the envelope of Sim's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Export)]
pub(super) struct Export<'a> {
    #[schema(examples("1.0"))]
    version: &'static str,
    exported_at: Time,
    #[schema(inline)]
    workflow: Exported<'a>,
    state: State<'a>,
}

impl<'a> Export<'a> {
    pub(super) fn of(record: &'a WorkflowRecord, at: Timestamp) -> Self {
        let state = State { document: &record.draft.document };
        Self { version: FORMAT, exported_at: at.into(), workflow: Exported::of(record), state }
    }
}

/// What an export says of its workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Exported<'a> {
    id: &'a str,
    name: &'a str,
    #[schema(required)]
    description: Option<String>,
    workspace_id: &'static str,
    #[schema(required)]
    folder_id: Option<&'static str>,
    #[schema(examples("/"))]
    folder_path: &'static str,
}

impl<'a> Exported<'a> {
    fn of(record: &'a WorkflowRecord) -> Self {
        let description = description_of(record);
        let (id, name) = (&record.id, &record.draft.name);
        let (workspace_id, folder_path) = (WORKSPACE, ROOT);
        Self { id, name, description, workspace_id, folder_id: None, folder_path }
    }
}

/// A workflow that was imported.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::ImportedWorkflow)]
pub(super) struct ImportedWorkflow {
    id: String,
    name: String,
    #[schema(required)]
    description: Option<String>,
    workspace_id: &'static str,
    #[schema(required)]
    folder_id: Option<&'static str>,
    #[schema(examples("/"))]
    folder_path: &'static str,
    created_at: Time,
    updated_at: Time,
    /// What does not do the same as at Sim, and the keys that stood in the file; at most 100.
    warnings: Vec<String>,
}

/// Who may not import learns nothing of what is wrong with the file.
pub(super) fn may_import(caller: &Caller) -> Result<()> {
    if caller.has(Scope::Author) { Ok(()) } else { Err(Error::Forbidden(Scope::Author)) }
}

/// What is imported.
#[derive(ToSchema)]
#[schema(as = sim::NewImport)]
#[schema(rename_all = "camelCase")]
pub(super) struct ImportRequest {
    /// Passed over: there is one.
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "only its schema is used")]
    workspace_id: (),
    /// An export of Sim's or of ours, a state of Sim's, or either as a string.
    workflow: Value,
    /// Instead of the name in the file.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Instead of the description in the file.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

impl ImportRequest {
    pub(super) fn read(bytes: &[u8], folder: &str, unknown: Unknown) -> Result<Self> {
        let mut fields = Fields::of_body(body::parse(bytes)?)?;
        fields.take_string("workspaceId");
        if fields.take_string(folder).is_some_and(|path| path != ROOT) {
            fields.problem(folder, "names a folder: there are none");
        }
        let name = text(&mut fields, "name", MAX_NAME);
        let description = text(&mut fields, "description", MAX_DESCRIPTION);
        let workflow = fields.take("workflow").unwrap_or_default();
        let workflow = match workflow {
            Value::String(text) => body::parse(text.as_bytes()).unwrap_or_default(),
            workflow => workflow,
        };
        let workflow = unwrapped(workflow);
        if !workflow.is_object() {
            fields.problem("workflow", "is required: an export, as an object or as a string");
        } else if own_document(&workflow).is_none() && !flowgate_import::is_of_sim(&workflow) {
            fields.problem("workflow", "is neither an export nor a state with blocks");
        }
        finish(fields, unknown)?;
        Ok(Self { workspace_id: (), workflow, name, description })
    }

    pub(super) async fn import(self, app: &Arc<App>, caller: &Caller) -> Result<ImportedWorkflow> {
        match own_document(&self.workflow).map(str::to_owned) {
            Some(document) => self.import_own(app, caller, document).await,
            None => self.import_of_sim(app, caller).await,
        }
    }

    async fn import_own(
        self,
        app: &App,
        caller: &Caller,
        document: String,
    ) -> Result<ImportedWorkflow> {
        let said = |field: &str| self.workflow["workflow"][field].as_str();
        let name = self.name.as_deref().or(said("name")).unwrap_or_default();
        let id = flowgate_import::workflow_id(said("id").unwrap_or_default(), name);
        let given = [("name", &self.name), ("description", &self.description)];
        let given =
            given.into_iter().filter_map(|(field, text)| Some((field, Some(text.as_deref()?))));
        let document = edited(&document, &given.collect::<Vec<_>>());
        let saved = app.import_document(caller, &id, &document, RESERVED_INPUT_NAMES).await?;
        let warnings = saved.problems.into_iter().map(|problem| problem.message).collect();
        Ok(ImportedWorkflow::of(&saved.record, warnings))
    }

    async fn import_of_sim(self, app: &Arc<App>, caller: &Caller) -> Result<ImportedWorkflow> {
        let Self { workflow, name, description, .. } = self;
        let mut file = match workflow.get("state").is_some_and(|state| state["blocks"].is_object())
        {
            true => workflow,
            false => json!({ "version": FORMAT, "state": workflow }),
        };
        if !file["workflow"].is_object() {
            file["workflow"] = Value::Object(Map::new());
        }
        for (field, given) in [("name", name), ("description", description)] {
            if let Some(given) = given {
                file["workflow"][field] = given.into();
            }
        }
        let content = serde_json::to_vec(&file).map_err(anyhow::Error::from)?;
        let new = NewImport { content, name: None, reserved_input_names: RESERVED_INPUT_NAMES };
        let imported = app.import(caller, new).await?;
        let warnings = warnings(&imported);
        let record = imported.workflows.first().map(|workflow| &workflow.record);
        let none = || Error::Internal(anyhow::anyhow!("an import made no workflow"));
        Ok(ImportedWorkflow::of(record.ok_or_else(none)?, warnings))
    }
}

impl ImportedWorkflow {
    fn of(record: &WorkflowRecord, mut warnings: Vec<String>) -> Self {
        warnings.truncate(MAX_WARNINGS);
        let Exported { description, .. } = Exported::of(record);
        Self {
            id: record.id.clone(),
            name: record.draft.name.clone(),
            description,
            workspace_id: WORKSPACE,
            folder_id: None,
            folder_path: ROOT,
            created_at: record.created_at.into(),
            updated_at: record.draft.saved_at.into(),
            warnings,
        }
    }
}

fn text(fields: &mut Fields, name: &str, max: usize) -> Option<String> {
    let text = fields.take_string(name)?;
    let text = text.trim();
    if text.len() > max {
        fields.problem(name, format!("must have at most {max} bytes"));
    }
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// The export itself where it was sent as it was answered: `{data: {…}}`.
fn unwrapped(mut workflow: Value) -> Value {
    match workflow.get_mut("data") {
        Some(data) if data.get("state").is_some() => data.take(),
        _ => workflow,
    }
}

/// The text in a state of ours, which an export holds, or which is sent alone.
fn own_document(workflow: &Value) -> Option<&str> {
    let state = workflow.get("state").unwrap_or(workflow);
    state.get("document").and_then(Value::as_str).filter(|_| state.get("blocks").is_none())
}

fn warnings(imported: &Imported) -> Vec<String> {
    let differs = imported.report.entries.iter().filter(|entry| entry.outcome != Outcome::Mapped);
    let of_steps = differs.map(|entry| {
        let how = match entry.outcome {
            Outcome::Unsupported => "not supported",
            _ => "differs",
        };
        match entry.notes.is_empty() {
            true => format!("{}: {how}", entry.name),
            false => format!("{}: {how}: {}", entry.name, entry.notes.join("; ")),
        }
    });
    let of_keys = imported.secrets.iter().map(|secret| match secret.is_stored {
        true => format!("a key in the file is the secret {} now", secret.name),
        false => format!("a key in the file was not stored: set the secret {}", secret.name),
    });
    of_keys.chain(of_steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> std::result::Result<ImportRequest, String> {
        let read = ImportRequest::read(body.to_string().as_bytes(), "folderId", Unknown::Refused);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn a_document_of_ours_is_found_in_its_envelope() {
        let state = json!({ "document": "nodes: []" });
        for workflow in [
            json!({ "version": "1.0", "state": state }),
            json!({ "data": { "state": state } }),
            state.clone(),
            json!(state.to_string()),
        ] {
            let request = read(json!({ "workflow": workflow })).unwrap();
            assert_eq!(own_document(&request.workflow), Some("nodes: []"), "{workflow}");
        }
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        for workflow in [json!({}), json!("{"), json!(3), json!({ "state": {} }), Value::Null] {
            let refused = read(json!({ "workflow": workflow })).err().unwrap();
            assert!(refused.starts_with("workflow is "), "{refused}");
        }
        let body = json!({ "workflow": { "document": "x" }, "folderId": "f", "more": 1 });
        let refused = read(body).err().unwrap();
        assert!(refused.contains("folderId names") && refused.contains("more is not"), "{refused}");
    }
}
