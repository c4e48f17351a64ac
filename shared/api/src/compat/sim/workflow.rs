//! A workflow in Sim's words, alike in both generations. There are no folders, and one workspace
//! for all workflows.

use std::sync::Arc;

use flowgate_app::access::Caller;
use flowgate_app::interface::Described;
use flowgate_app::key::Scope;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::run::RunHead;
use flowgate_app::workflow::WorkflowRecord;
use flowgate_app::workflow_list::{ListedWorkflow, WorkflowsWanted};
use flowgate_app::{App, Error, Result};
use flowgate_engine::Workflow;
use flowgate_engine::document::Document;
use flowgate_engine::input::InputType;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::time::Time;

/// The one that all workflows are in.
pub(super) const WORKSPACE: &str = "default";
pub(super) const ROOT: &str = "/";

/// What a list says of a workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::WorkflowSummary)]
pub(super) struct Summary<'a> {
    id: &'a str,
    name: &'a str,
    /// Null in a list.
    #[schema(required)]
    description: Option<String>,
    /// Always `default`: there is one.
    workspace_id: &'static str,
    /// Always null, and `/`: there are no folders.
    #[schema(required)]
    folder_id: Option<&'static str>,
    #[schema(examples("/"))]
    folder_path: &'static str,
    is_deployed: bool,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// Always null: runs are not counted.
    #[schema(required)]
    run_count: Option<u64>,
    /// When the newest run was created. Null without the scope `read`.
    #[schema(required)]
    last_run_at: Option<Time>,
    created_at: Time,
    /// When the draft was saved.
    updated_at: Time,
}

impl<'a> Summary<'a> {
    pub(super) fn of(record: &'a WorkflowRecord, last_run_at: Option<Time>) -> Self {
        Self {
            id: &record.id,
            name: &record.draft.name,
            description: None,
            workspace_id: WORKSPACE,
            folder_id: None,
            folder_path: ROOT,
            is_deployed: record.active_version.is_some(),
            deployed_at: deployed_at(record),
            run_count: None,
            last_run_at,
            created_at: record.created_at.into(),
            updated_at: record.draft.saved_at.into(),
        }
    }

    /// With its draft's description.
    pub(super) fn described(record: &'a WorkflowRecord, last_run_at: Option<Time>) -> Self {
        Self { description: description_of(record), ..Self::of(record, last_run_at) }
    }

    pub(super) fn listed(listed: &'a ListedWorkflow) -> Self {
        let last_run = listed.last_run.as_ref();
        Self::of(&listed.record, last_run.map(|run| run.head.created_at.into()))
    }
}

/// Returns what the draft says of itself.
pub(super) fn description_of(record: &WorkflowRecord) -> Option<String> {
    let document = Document::parse(&record.draft.document).ok()?;
    document.root().get("description").and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn deployed_at(record: &WorkflowRecord) -> Option<Time> {
    record.activated_at.filter(|_| record.active_version.is_some()).map(Into::into)
}

/// A workflow.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::Workflow)]
pub(super) struct Detail<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    /// Always empty: what stands in a document is no state of the workflow.
    #[schema(value_type = Object)]
    variables: Map<String, Value>,
    /// Of the version that callers run; of the draft where nothing is deployed.
    inputs: Vec<Input>,
}

/// A field of the input.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::WorkflowInput)]
struct Input {
    name: String,
    /// `string`, `number`, `boolean`, `object`, `array` or `file[]`.
    r#type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    description: String,
}

/// A workflow with what a list leaves out.
pub(super) async fn detail<'a>(
    app: &App,
    caller: &Caller,
    record: &'a WorkflowRecord,
) -> Result<Detail<'a>> {
    let described = described(app, caller, &record.id).await?;
    let description = described.as_ref().map(|described| described.workflow.description.clone());
    let last_run_at = last_run_at(app, caller, &record.id).await?;
    let description = description.filter(|text| !text.is_empty());
    let summary = Summary { description, ..Summary::of(record, last_run_at) };
    let fields = described.iter().flat_map(|described| described.workflow.input_fields());
    let inputs = fields.map(|field| Input {
        name: field.name.clone(),
        r#type: if field.kind == InputType::File { "file[]" } else { field.kind.name() },
        description: field.description.clone(),
    });
    Ok(Detail { summary, variables: Map::new(), inputs: inputs.collect() })
}

/// `None`: nothing is deployed, and the draft has errors.
async fn described(app: &App, caller: &Caller, id: &str) -> Result<Option<Described>> {
    match app.described(caller, id, None).await {
        Ok(described) => Ok(Some(described)),
        Err(Error::InvalidDocument(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None` without the scope `read`.
pub(super) async fn last_run_at(app: &App, caller: &Caller, id: &str) -> Result<Option<Time>> {
    if !caller.has(Scope::Read) {
        return Ok(None);
    }
    let newest = PageRequest { limit: 1, cursor: None };
    let runs = app.list_runs(caller, id, Default::default(), newest).await?;
    Ok(runs.items.first().map(|run| run.head.created_at.into()))
}

/// Which workflows a list has, alike in both generations.
pub(super) struct Wanted {
    pub(super) deployed_only: bool,
    /// A folder other than the root: there is none.
    pub(super) in_folder: bool,
    pub(super) text: Option<String>,
    pub(super) page: PageRequest,
}

/// A page may be short, even empty, and not be the last.
pub(super) async fn list(
    app: &Arc<App>,
    caller: &Caller,
    wanted: Wanted,
) -> Result<Page<ListedWorkflow>> {
    let Wanted { deployed_only, in_folder, text, page } = wanted;
    let with_last_run = caller.has(Scope::Read);
    let mut found =
        app.list_workflows(caller, &WorkflowsWanted { text, with_last_run }, page).await?;
    if in_folder {
        found = Page { items: Vec::new(), next_cursor: None };
    }
    found.items.retain(|listed| !deployed_only || listed.record.active_version.is_some());
    Ok(found)
}

/// What the log of a run says of its workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::LogWorkflow)]
pub(super) struct LogWorkflow<'a> {
    id: &'a str,
    /// As it was when the run began.
    name: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(required)]
    folder_id: Option<&'static str>,
    folder_path: &'static str,
    workspace_id: &'static str,
    /// Always null.
    #[schema(required)]
    owner_email: Option<&'static str>,
    /// Null once it is deleted.
    #[schema(required)]
    created_at: Option<Time>,
    #[schema(required)]
    updated_at: Option<Time>,
    deleted: bool,
}

impl<'a> LogWorkflow<'a> {
    /// `None`: it is deleted; there may be another one of its id.
    pub(super) async fn owner(
        app: &App,
        caller: &Caller,
        head: &RunHead,
    ) -> Result<Option<Arc<WorkflowRecord>>> {
        match app.deployment(caller, &head.workflow_id).await {
            Ok(record) => Ok(Some(record).filter(|found| found.uid == head.workflow_uid)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn of(
        head: &'a RunHead,
        owner: Option<&WorkflowRecord>,
        compiled: Option<&'a Workflow>,
    ) -> Self {
        let description = compiled.map(|workflow| &*workflow.description);
        Self {
            id: &head.workflow_id,
            name: &head.workflow_name,
            description: description.filter(|text| !text.is_empty()),
            folder_id: None,
            folder_path: ROOT,
            workspace_id: WORKSPACE,
            owner_email: None,
            created_at: owner.map(|owner| owner.created_at.into()),
            updated_at: owner.map(|owner| owner.draft.saved_at.into()),
            deleted: owner.is_none(),
        }
    }
}
