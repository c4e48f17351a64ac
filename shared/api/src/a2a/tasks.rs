//! Reads, lists and cancels tasks, for both bindings.

use flowgate_app::a2a::{State, Task, context_of};
use flowgate_app::access::Caller;
use flowgate_app::id::RunId;
use flowgate_app::key::Scope;
use flowgate_app::page::PageRequest;
use flowgate_app::run::{Include, RunFilter, RunRecord, RunState, Selection};
use flowgate_app::runs::{Cancelled, MAX_PAGE};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use serde::Serialize;

use super::params::Params;
use super::refusal::{Kind, Refusal};
use super::task::Shown;

const DEFAULT_PAGE: i64 = 50;
/// Pages of runs that one page of tasks looks through.
const MAX_READS: usize = 10;

pub(super) async fn get(
    app: &App,
    caller: &Caller,
    (agent, task): (&str, &str),
) -> Result<Shown, Refusal> {
    let record = read(app, caller, Scope::Read, (agent, task)).await?;
    Ok(Shown::of(app, caller, record).await?)
}

pub(super) async fn read(
    app: &App,
    caller: &Caller,
    scope: Scope,
    (agent, task): (&str, &str),
) -> Result<RunRecord, Refusal> {
    let record = app.run_of_workflow(caller, scope, agent, task).await?;
    if record.wiped { Err(Error::Gone.into()) } else { Ok(record) }
}

pub(super) async fn cancel(
    app: &App,
    caller: &Caller,
    (agent, task): (&str, &str),
) -> Result<Shown, Refusal> {
    let found = app.run_of_workflow(caller, Scope::Cancel, agent, task).await?;
    let mut record = match app.cancel_run(caller, found.head.id.as_str()).await? {
        Cancelled::Cancelled(record) => *record,
        Cancelled::Already(record) => {
            let message = Error::AlreadyEnded(record.state).to_string();
            return Err(Refusal::protocol(Kind::TaskNotCancelable, message));
        }
    };
    // Its owner stops within moments.
    if !record.state.has_ended() {
        record.state = RunState::Cancelled;
    }
    Ok(Shown { record, questions: Vec::new() })
}

/// A page of tasks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskPage<'a> {
    tasks: Vec<Task<'a>>,
    next_page_token: &'a str,
    page_size: usize,
}

/// The runs of a page.
pub(super) struct Found {
    runs: Vec<RunRecord>,
    next: Option<RunId>,
    shows_artifacts: bool,
}

impl Found {
    pub(super) fn page(&self) -> TaskPage<'_> {
        let shown = |run| {
            let task = Task::of(run, &[]);
            if self.shows_artifacts { task } else { task.without_artifacts() }
        };
        TaskPage {
            tasks: self.runs.iter().map(shown).collect(),
            next_page_token: self.next.as_ref().map_or("", RunId::as_str),
            page_size: self.runs.len(),
        }
    }
}

/// Which tasks a list has.
struct Wanted {
    context: Option<String>,
    /// One of them.
    states: Option<Vec<State>>,
    since: Option<Timestamp>,
}

impl Wanted {
    fn has(&self, run: &RunRecord) -> bool {
        let state = State::of(run);
        let ended_at = run.end.as_deref().map(|end| end.ended_at);
        let at = ended_at.or(run.started_at).unwrap_or(run.head.created_at);
        self.context.as_deref().is_none_or(|context| context == context_of(&run.head))
            && self.states.as_ref().is_none_or(|states| states.contains(&state))
            && self.since.is_none_or(|since| at >= since)
    }
}

/// Newest first. A page may have fewer tasks than it could; the list ends where there is no token.
pub(super) async fn list(
    app: &App,
    caller: &Caller,
    agent: &str,
    mut params: Params,
) -> Result<Found, Refusal> {
    let limit = page_size(&mut params)?;
    let shows_artifacts = params.flag("includeArtifacts")?;
    let (states, selection) = states(params.word("status")?)?;
    let wanted = Wanted {
        context: params.text("contextId")?,
        states,
        since: since(params.text("statusTimestampAfter")?)?,
    };
    let include = Include { input: false, output: shows_artifacts };
    let filter = RunFilter { include, ..selection.into() };
    let mut next = cursor(params.text("pageToken")?)?;
    let mut runs = Vec::new();
    for _ in 0..MAX_READS {
        let cursor = next.take().map(|run: RunId| run.as_str().to_owned());
        let page = PageRequest { limit, cursor };
        let found = app.list_runs(caller, agent, filter.clone(), page).await?;
        next = found.next_cursor.as_deref().and_then(RunId::parse);
        let mut items = found.items.into_iter();
        while let Some(run) = items.next() {
            let id = run.head.id.clone();
            runs.extend(Some(run).filter(|run| wanted.has(run)));
            if runs.len() == limit && items.len() > 0 {
                next = Some(id);
                break;
            }
        }
        if next.is_none() || runs.len() == limit {
            break;
        }
    }
    Ok(Found { runs, next, shows_artifacts })
}

fn page_size(params: &mut Params) -> Result<usize, Refusal> {
    let size = params.integer("pageSize")?.filter(|size| *size != 0).unwrap_or(DEFAULT_PAGE);
    let size = usize::try_from(size).ok().filter(|size| (1..=MAX_PAGE).contains(size));
    size.ok_or_else(|| {
        Refusal::invalid_params(format!("`pageSize` must be a number from 1 to {MAX_PAGE}"))
    })
}

fn cursor(token: Option<String>) -> Result<Option<RunId>, Refusal> {
    let Some(token) = token else { return Ok(None) };
    let run = RunId::parse(&token);
    let wrong = || Refusal::invalid_params("`pageToken` must be the `nextPageToken` of a list");
    run.map(Some).ok_or_else(wrong)
}

fn since(time: Option<String>) -> Result<Option<Timestamp>, Refusal> {
    let Some(time) = time else { return Ok(None) };
    let wrong = || Refusal::invalid_params("`statusTimestampAfter` must be a time (RFC 3339)");
    Timestamp::parse_rfc3339(&time).map(Some).ok_or_else(wrong)
}

/// A state of the protocol, and what of it the store selects by.
fn states(status: Option<String>) -> Result<(Option<Vec<State>>, Selection), Refusal> {
    let (state, selects) = match status.as_deref().unwrap_or("TASK_STATE_UNSPECIFIED") {
        "TASK_STATE_UNSPECIFIED" | "0" => return Ok((None, Selection::default())),
        "TASK_STATE_SUBMITTED" | "1" => (State::Submitted, Some(RunState::Pending)),
        // One that waits for a time works, too.
        "TASK_STATE_WORKING" | "2" => (State::Working, None),
        "TASK_STATE_INPUT_REQUIRED" | "6" => (State::InputRequired, Some(RunState::Waiting)),
        "TASK_STATE_COMPLETED" | "3" => (State::Completed, Some(RunState::Succeeded)),
        "TASK_STATE_FAILED" | "4" => (State::Failed, Some(RunState::Failed)),
        "TASK_STATE_CANCELED" | "5" => (State::Canceled, Some(RunState::Cancelled)),
        // No task is ever in these.
        "TASK_STATE_REJECTED" | "7" | "TASK_STATE_AUTH_REQUIRED" | "8" => {
            return Ok((Some(Vec::new()), Selection::default()));
        }
        _ => return Err(Refusal::invalid_params("`status` must be a state of a task")),
    };
    Ok((Some(vec![state]), Selection { state: selects, ..Selection::default() }))
}
