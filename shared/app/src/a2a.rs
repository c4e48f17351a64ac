//! A run as a task of A2A: what callers are answered, and what is pushed to them.

use flowgate_core::run::{AskedQuestion, RunHead, RunRecord, RunState};
use flowgate_engine::RunError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer;

/// The artifact that holds the outputs of a run.
pub const OUTPUT: &str = "output";
/// Before the path of a node: the artifact that holds the text of an agent.
pub const TEXT: &str = "text:";
const JSON: &str = "application/json";

/// One of the forms of an answer, and the body of a notification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Response<'a> {
    Task(Task<'a>),
    StatusUpdate(StatusUpdate<'a>),
    ArtifactUpdate(ArtifactUpdate<'a>),
}

/// A run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task<'a> {
    id: &'a str,
    context_id: &'a str,
    pub status: Status<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<Artifact<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate<'a> {
    task_id: &'a str,
    context_id: &'a str,
    status: Status<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactUpdate<'a> {
    task_id: &'a str,
    context_id: &'a str,
    artifact: Artifact<'a>,
    append: bool,
    last_chunk: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    #[serde(rename = "TASK_STATE_SUBMITTED")]
    Submitted,
    #[serde(rename = "TASK_STATE_WORKING")]
    Working,
    #[serde(rename = "TASK_STATE_INPUT_REQUIRED")]
    InputRequired,
    #[serde(rename = "TASK_STATE_COMPLETED")]
    Completed,
    #[serde(rename = "TASK_STATE_FAILED")]
    Failed,
    #[serde(rename = "TASK_STATE_CANCELED")]
    Canceled,
}

#[derive(Debug, Serialize)]
pub struct Status<'a> {
    pub state: State,
    /// Why it failed, or what it asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    timestamp: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    message_id: String,
    context_id: &'a str,
    task_id: &'a str,
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact<'a> {
    artifact_id: String,
    name: &'a str,
    parts: [Part<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Part<'a> {
    Text { text: &'a str },
    Data { data: Value, media_type: &'static str },
    Output { data: &'a Value, media_type: &'static str },
}

impl State {
    /// A run that waits for a time needs nobody's input: it works.
    pub fn of(record: &RunRecord) -> Self {
        match record.state {
            RunState::Pending => Self::Submitted,
            RunState::Waiting if record.asked > record.answers => Self::InputRequired,
            RunState::Running | RunState::Waiting => Self::Working,
            RunState::Succeeded => Self::Completed,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Canceled,
        }
    }
}

/// As the caller named it; a conversation without a name is that of the run.
pub fn context_of(head: &RunHead) -> &str {
    head.context.as_deref().unwrap_or(head.id.as_str())
}

impl<'a> Task<'a> {
    /// `questions`: those that nobody has answered.
    pub fn of(record: &'a RunRecord, questions: &'a [AskedQuestion]) -> Self {
        let head = &*record.head;
        Self {
            id: head.id.as_str(),
            context_id: context_of(head),
            status: Status::of(record, questions),
            artifacts: Artifact::output(record).into_iter().collect(),
        }
    }

    /// As it was when it began.
    pub fn begun(head: &'a RunHead) -> Self {
        let status = Status::plain(State::Submitted, head.created_at.to_string());
        let (id, context_id) = (head.id.as_str(), context_of(head));
        Self { id, context_id, status, artifacts: Vec::new() }
    }

    /// As a list shows it.
    #[must_use]
    pub fn without_artifacts(self) -> Self {
        Self { artifacts: Vec::new(), ..self }
    }
}

impl<'a> Status<'a> {
    pub fn of(record: &'a RunRecord, questions: &'a [AskedQuestion]) -> Self {
        let (head, end, state) = (&*record.head, record.end.as_deref(), State::of(record));
        let ended_at = end.map(|end| end.ended_at);
        let at = ended_at.or(record.started_at).unwrap_or(head.created_at);
        let error = end.and_then(|end| end.error.as_ref());
        let parts = match (state, error) {
            (State::Failed, Some(error)) => why(error),
            (State::InputRequired, _) => questions.iter().flat_map(asked).collect(),
            _ => Vec::new(),
        };
        let message = (!parts.is_empty()).then(|| Message {
            message_id: format!("{}-{}", head.id, record.state.as_str()),
            context_id: context_of(head),
            task_id: head.id.as_str(),
            role: "ROLE_AGENT",
            parts,
        });
        Self { state, message, timestamp: at.to_string() }
    }

    pub fn plain(state: State, timestamp: String) -> Self {
        Self { state, message: None, timestamp }
    }
}

fn why(error: &RunError) -> Vec<Part<'_>> {
    let about = json!({ "code": error.code, "node": error.node });
    vec![Part::Text { text: &error.message }, Part::Data { data: about, media_type: JSON }]
}

fn asked(asked: &AskedQuestion) -> [Part<'_>; 2] {
    let open = &asked.question;
    let about = json!({
        "node": open.node,
        "fields": open.question.fields,
        "asked_at": open.asked_at.to_string(),
        "expires_at": open.expires_at.to_string(),
    });
    [Part::Text { text: &open.question.message }, Part::Data { data: about, media_type: JSON }]
}

impl<'a> Artifact<'a> {
    /// `None`: the run has none (yet).
    fn output(record: &'a RunRecord) -> Option<Self> {
        let data = (record.state == RunState::Succeeded).then(|| answer::output(record))?;
        let parts = [Part::Output { data, media_type: JSON }];
        Some(Self { artifact_id: OUTPUT.to_owned(), name: OUTPUT, parts })
    }
}

impl<'a> StatusUpdate<'a> {
    pub fn new(head: &'a RunHead, status: Status<'a>) -> Self {
        Self { task_id: head.id.as_str(), context_id: context_of(head), status }
    }
}

impl<'a> ArtifactUpdate<'a> {
    /// The outputs, in one piece.
    pub fn output(record: &'a RunRecord) -> Option<Self> {
        let artifact = Artifact::output(record)?;
        Some(Self::new(&record.head, artifact, false, true))
    }

    /// More text of an agent; without `append`, in place of what it has said.
    pub fn text(
        head: &'a RunHead,
        node: &'a str,
        text: &'a str,
        (append, last_chunk): (bool, bool),
    ) -> Self {
        let parts = [Part::Text { text }];
        let artifact = Artifact { artifact_id: format!("{TEXT}{node}"), name: node, parts };
        Self::new(head, artifact, append, last_chunk)
    }

    fn new(head: &'a RunHead, artifact: Artifact<'a>, append: bool, last_chunk: bool) -> Self {
        let (task_id, context_id) = (head.id.as_str(), context_of(head));
        Self { task_id, context_id, artifact, append, last_chunk }
    }
}
