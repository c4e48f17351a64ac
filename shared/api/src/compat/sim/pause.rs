//! Runs that wait, in Sim's words, alike in both generations: where they were paused, and how they
//! are resumed. Our run goes on where it waited; at Sim another execution does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use flowgate_app::access::Caller;
use flowgate_app::key::Scope;
use flowgate_app::run::{RunHead, RunRecord, RunState, StartMode};
use flowgate_app::runs::{Asked, PersonsAnswer};
use flowgate_app::{App, Error, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::record::block_id;
use crate::http::fields::kind_of;
use crate::http::time::Time;

/// How a person's answer is sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::ResumeLinks)]
pub(super) struct ResumeLinks {
    api_url: String,
    /// A page where a person without a key answers. Null for callers without the scope `run`.
    #[schema(required)]
    ui_url: Option<String>,
    context_id: String,
    execution_id: String,
    workflow_id: String,
}

impl ResumeLinks {
    fn of(app: &App, head: &RunHead, asked: &Asked) -> Self {
        let (workflow_id, execution_id) = (head.workflow_id.clone(), head.shown_id().to_owned());
        let context_id = context_id(&asked.question.question.node);
        let public_url = &app.settings.public_url;
        Self {
            api_url: format!("{public_url}/api/resume/{workflow_id}/{execution_id}/{context_id}"),
            ui_url: asked.link.clone(),
            context_id,
            execution_id,
            workflow_id,
        }
    }
}

/// What a run that waits for a person answers in the place of its output, with the link that
/// answers it for whoever may. `None`: it waits for something else.
pub(super) async fn output(
    app: &App,
    record: &RunRecord,
    may_answer: bool,
) -> Result<Option<Value>> {
    // Whoever drove the run up to here did not count its questions.
    let Some(stored) = app.ports.runs.read(&record.head.id).await? else { return Ok(None) };
    let asked = app.asked_by(&stored, may_answer).await?;
    let Some(first) = asked.first() else { return Ok(None) };
    let mut output = shown(first);
    output["_resume"] = json!(ResumeLinks::of(app, &record.head, first));
    Ok(Some(output))
}

fn shown(asked: &Asked) -> Value {
    let question = &asked.question.question.question;
    let mut shown = json!({ "message": question.message });
    if let Some(fields) = &question.fields {
        shown["fields"] = json!(fields);
    }
    shown
}

/// Why a run is paused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Paused)]
pub(super) struct Paused {
    /// Of the first question; null where it waits for a time.
    #[schema(required)]
    context_id: Option<String>,
    paused_at: Time,
    /// When it goes on by itself; null where it waits for a person.
    #[schema(required)]
    resume_at: Option<Time>,
    /// `human` or `time`.
    pause_kind: &'static str,
    #[schema(required)]
    blocked_on_block_id: Option<String>,
    /// Always null.
    #[schema(required)]
    automatic_resume_waiting_reason: Option<&'static str>,
    paused_execution_id: String,
    /// Questions that were asked so far.
    pause_point_count: u64,
    resumed_count: u64,
}

impl Paused {
    /// `None` for a run that does not wait.
    pub(super) async fn of(app: &App, record: &RunRecord) -> Result<Option<Self>> {
        if record.state != RunState::Waiting {
            return Ok(None);
        }
        let asked = app.asked_by(record, false).await?;
        let first = asked.first().map(|asked| &asked.question.question);
        let since = record.started_at.unwrap_or(record.head.created_at);
        Ok(Some(Self {
            context_id: first.map(|open| context_id(&open.node)),
            paused_at: first.map_or(since, |open| open.asked_at).into(),
            resume_at: record.due_at.filter(|_| first.is_none()).map(Into::into),
            pause_kind: if first.is_some() { "human" } else { "time" },
            blocked_on_block_id: first.map(|open| block_id(&open.node).to_owned()),
            automatic_resume_waiting_reason: None,
            paused_execution_id: record.head.id.to_string(),
            pause_point_count: record.asked,
            resumed_count: record.answers,
        }))
    }
}

/// An execution that waits for people.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::PausedExecution)]
pub(super) struct PausedExecution {
    id: String,
    workflow_id: String,
    execution_id: String,
    #[schema(examples("paused"))]
    status: &'static str,
    total_pause_count: u64,
    resumed_count: u64,
    #[schema(required)]
    paused_at: Option<Time>,
    #[schema(required)]
    updated_at: Option<Time>,
    /// When the first question can be answered no more.
    #[schema(required)]
    expires_at: Option<Time>,
    #[schema(value_type = Option<Object>, required)]
    metadata: (),
    /// Always empty.
    trigger_ids: Vec<String>,
    pub(super) pause_points: Vec<PausePoint>,
}

/// A question that nobody has answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::PausePoint)]
pub(super) struct PausePoint {
    pub(super) context_id: String,
    block_id: String,
    #[schema(inline)]
    response: PauseResponse,
    registered_at: Time,
    #[schema(examples("paused"))]
    resume_status: &'static str,
    snapshot_ready: bool,
    resume_links: ResumeLinks,
    /// Always null: the first answer counts, and none is queued.
    #[schema(required)]
    queue_position: Option<u64>,
    #[schema(value_type = Option<Object>, required)]
    latest_resume_entry: (),
}

#[derive(Serialize, ToSchema)]
struct PauseResponse {
    /// The question's `message`, and the `fields` of its answer.
    #[schema(value_type = Object)]
    data: Value,
}

const PAUSED: &str = "paused";

impl PausedExecution {
    /// `None`: the run waits for no person.
    pub(super) fn of(app: &App, record: &RunRecord, asked: &[Asked]) -> Option<Self> {
        let head = &record.head;
        let first = &asked.first()?.question.question;
        Some(Self {
            id: head.id.to_string(),
            workflow_id: head.workflow_id.clone(),
            execution_id: head.shown_id().to_owned(),
            status: PAUSED,
            total_pause_count: record.asked,
            resumed_count: record.answers,
            paused_at: Some(first.asked_at.into()),
            updated_at: Some(first.asked_at.into()),
            expires_at: Some(first.expires_at.into()),
            metadata: (),
            trigger_ids: Vec::new(),
            pause_points: asked.iter().map(|asked| point(app, head, asked)).collect(),
        })
    }
}

fn point(app: &App, head: &RunHead, asked: &Asked) -> PausePoint {
    let open = &asked.question.question;
    PausePoint {
        context_id: context_id(&open.node),
        block_id: block_id(&open.node).to_owned(),
        response: PauseResponse { data: shown(asked) },
        registered_at: open.asked_at.into(),
        resume_status: PAUSED,
        snapshot_ready: true,
        resume_links: ResumeLinks::of(app, head, asked),
        queue_position: None,
        latest_resume_entry: (),
    }
}

/// A run that was answered.
pub(super) enum Resumed {
    /// It has ended.
    Ended(RunRecord),
    /// It waits again, for a person or a time.
    Waiting(RunRecord),
    /// It goes on, and its caller does not wait for it.
    Going(RunRecord),
}

/// Answers a question of the run. A caller who waited for the run's start waits for what comes
/// next, too.
pub(super) async fn resume(
    app: &App,
    caller: &Caller,
    record: &RunRecord,
    context: &str,
    input: Value,
) -> Result<Resumed> {
    let run = record.head.id.as_str();
    let node = node_of(context).ok_or(Error::NotAsked)?;
    let answer = answer(app, record, &node, input).await?;
    let answered = app.resume_run(caller, run, Some(&node), answer).await;
    let answered = answered.map_err(within_input)?;
    let waits = matches!(record.head.start_mode(), Some(StartMode::Wait | StartMode::Stream));
    if !waits {
        return Ok(Resumed::Going(answered));
    }
    let until = app.now() + app.settings.longest_wait;
    let record = app.wait_after_answer(&answered, until).await?;
    Ok(match record.state {
        state if state.has_ended() => Resumed::Ended(record),
        RunState::Waiting if record.fence > answered.fence || record.asked > record.answers => {
            Resumed::Waiting(record)
        }
        _ => Resumed::Going(record),
    })
}

/// `approved` in the input is the decision, unless the question has a field of that name.
async fn answer(app: &App, record: &RunRecord, node: &str, input: Value) -> Result<PersonsAnswer> {
    let mut data = match input {
        Value::Null => Map::new(),
        Value::Object(data) => data,
        other => {
            let message = format!("must be an object, not {}", kind_of(&other));
            return Err(Error::bad_field("/input", message));
        }
    };
    let asked = app.asked_by(record, false).await?;
    let asked = asked.iter().find(|asked| asked.question.question.node == node);
    let fields = asked.and_then(|asked| asked.question.question.question.fields.as_ref());
    let is_field = fields.is_some_and(|fields| fields.iter().any(|field| field.name == "approved"));
    let approved = match data.get("approved") {
        Some(Value::Bool(approved)) if !is_field => Some(*approved),
        _ => None,
    };
    if approved.is_some() {
        data.shift_remove("approved");
    }
    let (approved, data) = (approved.unwrap_or(true), Value::Object(data));
    Ok(PersonsAnswer { approved, data, is_form: false })
}

fn within_input(error: Error) -> Error {
    let Error::BadInput(mut problems) = error else { return error };
    for problem in &mut problems {
        if let Some(rest) = problem.pointer.strip_prefix("/data") {
            problem.pointer = format!("/input{rest}");
        }
    }
    Error::BadInput(problems)
}

/// Returns whether the caller may answer, and so sees the links.
pub(super) fn may_answer(caller: &Caller) -> bool {
    caller.has(Scope::Run)
}

/// The path of a node as a segment of a URL: as it is, or else behind `~`.
fn context_id(node: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match !node.is_empty() && node.bytes().all(is_plain) {
        true => node.to_owned(),
        false => format!("~{}", BASE64_URL.encode(node)),
    }
}

fn node_of(context: &str) -> Option<String> {
    match context.strip_prefix('~') {
        None => Some(context.to_owned()),
        Some(coded) => String::from_utf8(BASE64_URL.decode(coded).ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_names_its_node() {
        for node in ["ask", "a-b_C9", "each[2]/ask", "über", "~x", ""] {
            let context = context_id(node);
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-~".contains(&byte);
            assert!(context.bytes().all(is_safe), "{context}");
            assert_eq!(node_of(&context).as_deref(), Some(node));
        }
        assert_eq!(context_id("ask"), "ask");
        assert_eq!((node_of("~%"), node_of("~/w")), (None, None));
    }
}
