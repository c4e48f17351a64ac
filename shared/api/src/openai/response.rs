//! A run as a response.

use std::sync::Arc;

use flowgate_app::run::{Dialect, RunHead, RunRecord, RunState, StartMode};
use flowgate_app::{App, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::{Answer, Tokens};
use super::model::seconds;

/// A run, as a response.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::Response)]
pub(super) struct Response {
    /// The run's id.
    #[schema(examples("run_01a20136dd0a70a6a0c905b0f32e819a"))]
    id: String,
    #[schema(examples("response"))]
    object: &'static str,
    /// Seconds since 1970.
    created_at: i64,
    pub(super) status: Status,
    background: bool,
    /// As its caller named it.
    model: String,
    /// One message, once the run has succeeded; else empty.
    output: Vec<Message>,
    #[schema(required)]
    error: Option<Failure>,
    #[schema(required)]
    incomplete_details: Option<Incomplete>,
    #[schema(required, value_type = Option<String>)]
    instructions: (),
    /// As its caller sent them.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: Map<String, Value>,
    parallel_tool_calls: bool,
    #[schema(required)]
    previous_response_id: Option<String>,
    /// Always empty: an agent's tools are its own.
    #[schema(value_type = Vec<Object>)]
    tools: [(); 0],
    #[schema(examples("auto"))]
    tool_choice: &'static str,
    #[schema(required)]
    temperature: Option<f64>,
    #[schema(required)]
    top_p: Option<f64>,
    /// Null until the end, and where a model did not say.
    #[schema(required)]
    usage: Option<ResponseUsage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = openai::ResponseStatus)]
pub(super) enum Status {
    Queued,
    /// Also while it waits for a time or a person.
    InProgress,
    Completed,
    /// A model stopped at its limit.
    Incomplete,
    Failed,
    Cancelled,
}

/// A message of the answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::Message)]
pub(super) struct Message {
    #[schema(examples("message"))]
    r#type: &'static str,
    pub(super) id: String,
    status: MessageStatus,
    #[schema(examples("assistant"))]
    role: &'static str,
    content: Vec<Part>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = openai::MessageStatus)]
pub(super) enum MessageStatus {
    InProgress,
    Completed,
    Incomplete,
}

/// A part of a message.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::MessagePart)]
pub(super) struct Part {
    #[schema(examples("output_text"))]
    r#type: &'static str,
    text: String,
    #[schema(value_type = Vec<Object>)]
    annotations: [(); 0],
    #[schema(value_type = Vec<Object>)]
    logprobs: [(); 0],
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::ResponseError)]
struct Failure {
    #[schema(examples("server_error"))]
    code: &'static str,
    /// `<code of the run's error>: <message>`
    message: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::IncompleteDetails)]
struct Incomplete {
    #[schema(examples("max_output_tokens"))]
    reason: &'static str,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = openai::ResponseUsage)]
struct ResponseUsage {
    input_tokens: u64,
    input_tokens_details: InputTokensDetails,
    output_tokens: u64,
    output_tokens_details: OutputTokensDetails,
    total_tokens: u64,
}

/// The run does not count them apart.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = openai::InputTokensDetails)]
struct InputTokensDetails {
    cached_tokens: u64,
}

/// The run does not count them apart.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = openai::OutputTokensDetails)]
struct OutputTokensDetails {
    reasoning_tokens: u64,
}

/// What a run keeps of the request that started it, as its input as it was sent.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous_response_id: Option<String>,
}

impl Asked {
    /// A run of another API has none of it.
    pub(super) fn of(head: &RunHead) -> Self {
        let kept = head.input_as_sent.as_deref().filter(|_| head.dialect == Dialect::OpenAi);
        kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
    }

    #[cfg_attr(not(feature = "starts"), expect(dead_code, reason = "only starts keep it"))]
    pub(super) fn as_sent(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

impl Response {
    /// As it was when the run began, whatever became of it.
    pub(super) fn begun(head: &RunHead) -> Self {
        let background = head.start_mode == Some(StartMode::Async);
        let asked = Asked::of(head);
        Self {
            id: head.id.as_str().to_owned(),
            object: "response",
            created_at: seconds(head.created_at),
            status: if background { Status::Queued } else { Status::InProgress },
            background,
            model: asked.model.unwrap_or_else(|| head.workflow_id.clone()),
            output: Vec::new(),
            error: None,
            incomplete_details: None,
            instructions: (),
            metadata: asked.metadata,
            parallel_tool_calls: true,
            previous_response_id: asked.previous_response_id,
            tools: [],
            tool_choice: "auto",
            temperature: None,
            top_p: None,
            usage: None,
        }
    }

    /// As the run stands.
    pub(super) async fn of(app: &Arc<App>, record: &RunRecord) -> Result<Self> {
        let begun = Self::begun(&record.head);
        if !record.state.has_ended() {
            let is_pending = record.state == RunState::Pending;
            let status = if is_pending { Status::Queued } else { Status::InProgress };
            return Ok(Self { status, ..begun });
        }
        let workflow = app.workflow_of(&record.head).await?;
        let answer = Answer::of(app, record, workflow.as_deref()).await?;
        let message = Message::new(&record.head, 0);
        Ok(begun.ended(record, &answer, message))
    }

    /// As the run ended. `message` is the one that its text belongs to.
    pub(super) fn ended(self, record: &RunRecord, answer: &Answer, message: Message) -> Self {
        let usage = answer.tokens.map(ResponseUsage::from);
        match record.state {
            RunState::Succeeded => {
                let reason = Incomplete { reason: "max_output_tokens" };
                let status = if answer.is_cut { Status::Incomplete } else { Status::Completed };
                Self {
                    status,
                    output: vec![message.said(&answer.text, answer.message_status())],
                    incomplete_details: answer.is_cut.then_some(reason),
                    usage,
                    ..self
                }
            }
            RunState::Cancelled => Self { status: Status::Cancelled, usage, ..self },
            _ => Self { status: Status::Failed, error: Some(Failure::of(record)), usage, ..self },
        }
    }
}

impl Answer {
    pub(super) fn message_status(&self) -> MessageStatus {
        if self.is_cut { MessageStatus::Incomplete } else { MessageStatus::Completed }
    }
}

impl Message {
    /// The `number`th of the run, without text.
    pub(super) fn new(head: &RunHead, number: usize) -> Self {
        let run = head.id.as_str();
        let run = run.strip_prefix("run_").unwrap_or(run);
        Self {
            r#type: "message",
            id: format!("msg_{run}_{number}"),
            status: MessageStatus::InProgress,
            role: "assistant",
            content: Vec::new(),
        }
    }

    pub(super) fn said(self, text: &str, status: MessageStatus) -> Self {
        Self { status, content: vec![Part::new(text)], ..self }
    }
}

impl Part {
    pub(super) fn new(text: &str) -> Self {
        Self { r#type: "output_text", text: text.to_owned(), annotations: [], logprobs: [] }
    }
}

impl Failure {
    fn of(record: &RunRecord) -> Self {
        let error = record.end.as_deref().and_then(|end| end.error.as_ref());
        let message = error.map(|error| format!("{}: {}", error.code, error.message));
        Self { code: "server_error", message: message.unwrap_or_default() }
    }
}

impl From<Tokens> for ResponseUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.input,
            input_tokens_details: InputTokensDetails::default(),
            output_tokens: tokens.output,
            output_tokens_details: OutputTokensDetails::default(),
            total_tokens: tokens.total,
        }
    }
}
