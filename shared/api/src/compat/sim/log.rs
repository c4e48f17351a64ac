//! Runs as Sim's logs, alike in both generations: which are listed, and what each says.

use std::sync::Arc;
use std::time::Duration;

use flowgate_app::access::Caller;
use flowgate_app::event::Trace;
use flowgate_app::key::Scope;
use flowgate_app::memory::Holder;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::run::{Include, RunFilter, RunHead, RunRecord, RunState, Selection};
use flowgate_app::{App, Error, Result, answer};
use flowgate_engine::Workflow;
use flowgate_engine::json::size;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::query as queries;
use super::record::{self, Cost};
use super::span::{Span, spans};
use super::workflow::ROOT;
use crate::http::request::QueryPairs;
use crate::http::time::Time;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// A page with traces ends once they hold this many bytes.
const MAX_TRACES: usize = 16 << 20;
/// What one trace may hold.
const MAX_TRACE: usize = 16 << 20;

/// What both generations say of a run in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Log)]
pub(super) struct Log<'a> {
    workflow_id: &'a str,
    /// Null for a draft.
    #[schema(required, examples("1.0.0"))]
    deployment_version_id: Option<&'a str>,
    /// `error` where it failed, else `info`.
    level: &'static str,
    /// `api` or `schedule`.
    trigger: &'static str,
    started_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    total_duration_ms: Option<u64>,
    #[schema(required)]
    cost: Option<Cost>,
    /// Always null.
    #[schema(value_type = Option<Vec<Object>>, required)]
    files: (),
}

impl<'a> From<&'a RunRecord> for Log<'a> {
    fn from(record: &'a RunRecord) -> Self {
        let head = &record.head;
        Self {
            workflow_id: &head.workflow_id,
            deployment_version_id: version_of(head),
            level: level(record),
            trigger: trigger(head),
            started_at: record::started_at(record),
            ended_at: record::ended_at(record),
            total_duration_ms: record.duration_ms(),
            cost: Cost::of(record),
            files: (),
        }
    }
}

fn version_of(head: &RunHead) -> Option<&str> {
    head.draft.is_none().then_some(&*head.version)
}

pub(super) fn level(record: &RunRecord) -> &'static str {
    if record.state == RunState::Failed { "error" } else { "info" }
}

pub(super) fn trigger(head: &RunHead) -> &'static str {
    if head.by_schedule { "schedule" } else { "api" }
}

/// What is listed if it is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::LogExtras)]
pub(super) struct Extras<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    workflow: Option<LogWorkflow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    final_output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trace_spans: Option<Vec<Span<'a>>>,
}

#[derive(Serialize, ToSchema)]
struct LogWorkflow<'a> {
    id: &'a str,
    name: &'a str,
    /// Always null.
    #[schema(required)]
    description: Option<&'a str>,
    deleted: bool,
}

/// A run, and its trace if it is asked for.
pub(super) struct Logged {
    pub(super) record: RunRecord,
    trace: Option<(Trace, Option<Arc<Workflow>>)>,
}

impl Logged {
    pub(super) fn extras<'a>(&'a self, wanted: &LogQuery) -> Extras<'a> {
        let head = &self.record.head;
        let workflow = LogWorkflow {
            id: &head.workflow_id,
            name: &head.workflow_name,
            description: None,
            deleted: false,
        };
        Extras {
            workflow: wanted.is_full().then_some(workflow),
            final_output: wanted.with_output.then(|| answer::output(&self.record)),
            trace_spans: self.spans(),
        }
    }

    /// `None`: it is not asked for, or the caller may not see it.
    pub(super) fn spans(&self) -> Option<Vec<Span<'_>>> {
        let (trace, workflow) = self.trace.as_ref()?;
        Some(spans(trace, &self.record, workflow.as_ref()))
    }
}

/// Which runs are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "it documents what `LogQuery` reads")]
pub(super) struct LogParameters {
    /// Passed over: there is one.
    workspace_id: Option<String>,
    /// With commas between, at most 100. Those that the key does not know are passed over.
    workflow_ids: Option<String>,
    /// `api`, `schedule` or `all`, with commas between. Others have no runs.
    triggers: Option<String>,
    /// `error`: runs that failed; `info`: all others.
    level: Option<String>,
    start_date: Option<Time>,
    /// It belongs to the range.
    end_date: Option<Time>,
    /// Only runs that have ended, and took this long or longer.
    min_duration_ms: Option<f64>,
    /// Only runs that have ended, and took no longer.
    max_duration_ms: Option<f64>,
    /// In dollars. Only runs whose cost is known.
    min_cost: Option<f64>,
    /// The same.
    max_cost: Option<f64>,
    /// `full`: with the workflow.
    details: Option<String>,
    /// Needs the scope `trace`. A page ends once it holds 16 MiB of them.
    include_trace_spans: Option<bool>,
    include_final_output: Option<bool>,
    /// What is less than 1 or more than 1000 counts as that.
    #[param(default = 100)]
    limit: Option<i64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// `desc` (the default) or `asc`.
    order: Option<String>,
}

pub(super) const KNOWN: [&str; 17] = [
    "workspaceId",
    "workflowIds",
    "triggers",
    "level",
    "startDate",
    "endDate",
    "minDurationMs",
    "maxDurationMs",
    "minCost",
    "maxCost",
    "model",
    "details",
    "includeTraceSpans",
    "includeFinalOutput",
    "limit",
    "cursor",
    "order",
];
const MAX_WORKFLOWS: usize = 100;

/// Which runs a list of logs has, and with what.
pub(super) struct LogQuery {
    workflows: Vec<String>,
    filter: RunFilter,
    page: PageRequest,
    level: Option<String>,
    triggers: Option<Vec<String>>,
    duration_ms: (Option<f64>, Option<f64>),
    cost: (Option<f64>, Option<f64>),
    /// One run alone, by its id.
    run: Option<String>,
    in_folder: bool,
    full: bool,
    with_output: bool,
    with_traces: bool,
}

impl LogQuery {
    /// `run` and `folders` are the names that the generation has for these parameters.
    pub(super) fn read(
        query: &QueryPairs,
        cursor: Option<String>,
        (run, folders): (&str, &str),
    ) -> Result<Self> {
        if query.get("model").is_some() {
            return Err(Error::bad_field("/model", "selects no runs here"));
        }
        let workflows: Vec<String> = list(query, "workflowIds").unwrap_or_default();
        if workflows.len() > MAX_WORKFLOWS {
            let message = format!("must name at most {MAX_WORKFLOWS} workflows");
            return Err(Error::bad_field("/workflowIds", message));
        }
        let level = one_of(query, "level", &["info", "error"])?;
        let with_output = queries::flag(query, "includeFinalOutput")?;
        let triggers = list(query, "triggers").filter(|all| !all.iter().any(|one| one == "all"));
        Ok(Self {
            filter: filter(query, level.as_deref(), with_output)?,
            page: PageRequest { limit: limit(query)?, cursor },
            workflows,
            level,
            triggers,
            duration_ms: (number(query, "minDurationMs")?, number(query, "maxDurationMs")?),
            cost: (number(query, "minCost")?, number(query, "maxCost")?),
            run: query.get(run).map(str::to_owned),
            in_folder: list(query, folders).is_some_and(|all| !all.iter().any(|one| one == ROOT)),
            full: one_of(query, "details", &["basic", "full"])?.as_deref() == Some("full"),
            with_output,
            with_traces: queries::flag(query, "includeTraceSpans")?,
        })
    }

    /// What is asked for implies it.
    fn is_full(&self) -> bool {
        self.full || self.with_output || self.with_traces
    }

    fn accepts(&self, record: &RunRecord) -> bool {
        let duration = record.duration_ms().map(|duration| duration as f64);
        let cost = record.end.as_deref().and_then(|end| end.usage.cost_nano_usd);
        let cost = cost.map(|cost| cost as f64 / 1e9);
        let trigger = trigger(&record.head);
        self.level.as_deref().is_none_or(|level| level == self::level(record))
            && self.triggers.as_ref().is_none_or(|all| all.iter().any(|one| one == trigger))
            && is_within(duration, self.duration_ms)
            && is_within(cost, self.cost)
    }

    /// The page, with what is asked for of each run.
    pub(super) async fn find(&self, app: &App, caller: &Caller) -> Result<Page<Logged>> {
        if self.with_traces && !caller.has(Scope::Trace) {
            return Err(Error::Forbidden(Scope::Trace));
        }
        let found = match &self.run {
            Some(id) => self.only(app, caller, id).await?,
            None => {
                let (filter, page) = (self.filter.clone(), self.page.clone());
                let meant = |record: &RunRecord| self.accepts(record);
                app.sift_runs(caller, &self.workflows, filter, page, meant).await?
            }
        };
        if self.in_folder {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        }
        match self.with_traces {
            true => traced(app, caller, found).await,
            false => {
                let plain = |record| Logged { record, trace: None };
                let items = found.items.into_iter().map(plain).collect();
                Ok(Page { items, next_cursor: found.next_cursor })
            }
        }
    }

    async fn only(&self, app: &App, caller: &Caller, id: &str) -> Result<Page<RunRecord>> {
        let found = match app.find_run(caller, Scope::Read, id).await {
            Err(Error::NotFound(_)) => None,
            found => Some(found?),
        };
        let of_workflow = |record: &RunRecord| {
            self.workflows.is_empty() || self.workflows.contains(&record.head.workflow_id)
        };
        let selection = &self.filter.selection;
        let is_in_time = |record: &RunRecord| {
            let at = record.head.created_at;
            selection.created_from.is_none_or(|from| at >= from)
                && selection.created_before.is_none_or(|before| at < before)
        };
        let meant =
            |record: &RunRecord| of_workflow(record) && is_in_time(record) && self.accepts(record);
        Ok(Page { items: found.into_iter().filter(meant).collect(), next_cursor: None })
    }
}

/// One run with its trace, if the caller may see that.
pub(super) async fn logged(app: &App, caller: &Caller, record: RunRecord) -> Result<Logged> {
    let trace = match caller.has(Scope::Trace) {
        true => Some((app.trace(&record).await?, app.workflow_of(&record.head).await?)),
        false => None,
    };
    Ok(Logged { record, trace })
}

/// A page ends after the run whose trace fills it.
async fn traced(app: &App, caller: &Caller, found: Page<RunRecord>) -> Result<Page<Logged>> {
    let _memory = app.memory.charge(&Holder::of_key(caller.key_id()), MAX_TRACES + MAX_TRACE)?;
    let (mut items, mut kept) = (Vec::new(), 0);
    let mut runs = found.items.into_iter().peekable();
    while let Some(record) = runs.next() {
        let id = record.head.id.to_string();
        let logged = match record.wiped {
            true => Logged { record, trace: None },
            false => logged(app, caller, record).await?,
        };
        kept += logged.trace.as_ref().map_or(0, |(trace, _)| bytes_of(trace));
        items.push(logged);
        if kept >= MAX_TRACES && runs.peek().is_some() {
            return Ok(Page { items, next_cursor: Some(id) });
        }
    }
    Ok(Page { items, next_cursor: found.next_cursor })
}

fn bytes_of(trace: &Trace) -> usize {
    let values = trace.iter().flat_map(|node| [node.input.as_deref(), node.output.as_deref()]);
    values.flatten().map(size).sum()
}

fn filter(query: &QueryPairs, level: Option<&str>, with_output: bool) -> Result<RunFilter> {
    let end = queries::time(query, "endDate")?;
    let selection = Selection {
        state: (level == Some("error")).then_some(RunState::Failed),
        created_from: queries::time(query, "startDate")?,
        created_before: end.map(|end| end + Duration::from_millis(1)),
        ..Selection::default()
    };
    let oldest_first = one_of(query, "order", &["desc", "asc"])?.as_deref() == Some("asc");
    let include = Include { input: false, output: with_output };
    Ok(RunFilter { oldest_first, include, ..selection.into() })
}

/// Clamped, as at Sim.
fn limit(query: &QueryPairs) -> Result<usize> {
    let Some(limit) = number(query, "limit")? else { return Ok(DEFAULT_LIMIT) };
    Ok(limit.clamp(1.0, MAX_LIMIT as f64) as usize)
}

fn is_within(value: Option<f64>, (least, most): (Option<f64>, Option<f64>)) -> bool {
    let Some(value) = value else { return least.is_none() && most.is_none() };
    least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
}

fn list(query: &QueryPairs, name: &str) -> Option<Vec<String>> {
    let items = query.get(name)?.split(',').map(str::trim).filter(|item| !item.is_empty());
    Some(items.map(str::to_owned).collect::<Vec<_>>()).filter(|items| !items.is_empty())
}

fn number(query: &QueryPairs, name: &str) -> Result<Option<f64>> {
    let read = |text: &str| {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| Error::bad_field(format!("/{name}"), "must be a number"))
    };
    query.get(name).map(read).transpose()
}

fn one_of(query: &QueryPairs, name: &str, known: &[&str]) -> Result<Option<String>> {
    let Some(value) = query.get(name) else { return Ok(None) };
    if known.contains(&value) {
        return Ok(Some(value.to_owned()));
    }
    let message = format!("must be {}", known.join(" or "));
    Err(Error::bad_field(format!("/{name}"), message))
}
