//! Chat completions: a run that is waited for, or its text as it comes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error};
use flowgate_runner::Runner;
use flowgate_runner::start::ResponseMode;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::chat_stream::{self, ChatChunks};
use super::settings::Settings;
use super::{Asking, NewRun, begin};
use crate::begun::{Begun, followed, join};
use crate::conversation::{Conversation, input};
use crate::http::event_log::EventLog;
use crate::http::fields::Fields;
use crate::http::idempotency;
use crate::http::request::with_allowance;
use crate::http::sse::{self, Frame};
use crate::openai::answer::{Answer, Tokens};
use crate::openai::model::seconds;
use crate::openai::refusal::with_run;
use crate::openai::response::Asked;
use crate::openai::response_events::logged;
use crate::openai::{Caller, ErrorBody, Refusal};
use crate::starts::NotStarted;

/// A chat. Settings of sampling are the workflow's own, and passed over.
#[derive(ToSchema)]
#[schema(as = openai::ChatRequest)]
#[expect(dead_code, reason = "only its schema is used; `Fields` reads it")]
struct ChatRequest {
    /// The id of a workflow, or `<id>@<version>`.
    model: String,
    /// The input field `messages` takes all of them. Else the last text of the user goes to
    /// `prompt`, `question`, `query`, `message`, `text`, or the only required string.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Value>,
    /// Input fields by name: they win.
    #[schema(required = false, value_type = BTreeMap<String, Value>)]
    input: Map<String, Value>,
    #[schema(required = false)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    /// Your own name for who asked.
    #[schema(max_length = 256)]
    user: Option<String>,
    /// `false`: input, outputs and events are wiped when the run has ended.
    store: Option<bool>,
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    metadata: Map<String, Value>,
}

#[derive(ToSchema)]
#[schema(as = openai::StreamOptions)]
#[expect(dead_code, reason = "only its schema is used; `include_usage` reads it")]
struct StreamOptions {
    /// The tokens, in a chunk of their own before the end.
    include_usage: Option<bool>,
}

/// What the run answers.
#[derive(Serialize, ToSchema)]
#[schema(as = openai::ChatCompletion)]
struct ChatCompletion<'a> {
    /// The run's id.
    id: &'a str,
    #[schema(examples("chat.completion"))]
    object: &'static str,
    /// Seconds since 1970.
    created: i64,
    model: &'a str,
    /// One.
    choices: [Choice<'a>; 1],
    /// Null where a model did not say.
    #[schema(required)]
    usage: Option<ChatUsage>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = openai::Choice)]
struct Choice<'a> {
    index: u32,
    message: ChatMessage<'a>,
    #[schema(required, value_type = Option<Object>)]
    logprobs: (),
    /// `length` where a model stopped at its limit.
    #[schema(examples("stop", "length"))]
    finish_reason: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = openai::ChatMessage)]
struct ChatMessage<'a> {
    #[schema(examples("assistant"))]
    role: &'static str,
    content: &'a str,
    #[schema(required, value_type = Option<String>)]
    refusal: (),
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = openai::ChatUsage)]
pub(super) struct ChatUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<Tokens> for ChatUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            prompt_tokens: tokens.input,
            completion_tokens: tokens.output,
            total_tokens: tokens.total,
        }
    }
}

pub(super) fn finish_reason(answer: &Answer) -> &'static str {
    if answer.is_cut { "length" } else { "stop" }
}

/// Complete a chat
///
/// Runs a workflow. A run that fails is 422 `workflow_error` with the code of its error, and one
/// that outlasts the wait 422 `run_still_going`: clients repeat neither. The data of a stream are
/// chunks as JSON, and `[DONE]` at the end; a stream that is cut, or whose run fails, ends with
/// `{"error": …}`. A caller who goes away cancels nothing. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    operation_id = "openai_complete_chat",
    tag = "OpenAI",
    params(
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key joins the run of the first one for \
                           24 hours.",
        ),
        (
            "X-Stainless-Retry-Count" = Option<String>,
            Header,
            description = "Sent by OpenAI's clients. From 1: joins the run of the same request by \
                           the same key shortly before.",
        ),
    ),
    request_body = ChatRequest,
    responses(
        NotStarted<ErrorBody>,
        (
            status = 200,
            description = "The answer, or its stream.",
            content((ChatCompletion = "application/json"), (Frame = "text/event-stream"))
        ),
    )
)]
pub(super) async fn complete(
    State(runner): State<Arc<Runner>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asking = Asking::read(&runner, &caller, (&headers, &uri), body).await?;
    let Asking { published, model, repeat, mut fields } = asking;
    let settings = Settings::read(&mut fields);
    let include_usage = include_usage(&mut fields);
    let given = fields.take_object("input").unwrap_or_default();
    let mut conversation = Conversation::of_chat(fields.take("messages"));
    settings.check(fields, std::mem::take(&mut conversation.problems))?;

    let app = &runner.app;
    let chunks =
        || ChatChunks::new(model.clone(), &published.workflow, include_usage, settings.stream);
    if let Some(record) = repeat.find(&runner, &caller, &published.uid).await? {
        return joined(app, record, chunks()).await;
    }
    let workflow = &published.workflow;
    let input = input::read(app, &caller, workflow, conversation, given).await?;
    let asked = Asked {
        model: Some(model.clone()),
        metadata: settings.metadata,
        previous_response_id: None,
    };
    let new = NewRun {
        published: published.clone(),
        input,
        input_as_sent: asked.as_sent(),
        user: settings.user,
        save: settings.save,
        mode: if settings.stream { ResponseMode::Stream } else { ResponseMode::Wait(None) },
    };
    let (begun, allowance) = begin(&runner, &caller, &repeat, &new).await?;
    let chunks = chunks();
    let response = match begun {
        Begun::Joined(record) => joined(app, record, chunks).await?,
        Begun::Run(record) => answered(app, record, &model).await?,
        Begun::Stream(first, subscription) => {
            let head = subscription.head.clone();
            let log = EventLog::new(app.clone(), head.id.clone(), None);
            let logged = followed(*first, subscription, log, false);
            let frames = chat_stream::frames(app.clone(), chunks, head.clone(), logged);
            with_run(sse::response(frames), head.id.as_str())
        }
    };
    Ok(with_allowance(response, allowance))
}

fn include_usage(fields: &mut Fields) -> bool {
    let Some(options) = fields.take_object("stream_options") else { return false };
    options.get("include_usage").and_then(Value::as_bool).unwrap_or(false)
}

/// The answer of a run that an earlier request began.
async fn joined(
    app: &Arc<App>,
    record: Box<RunRecord>,
    chunks: ChatChunks,
) -> Result<Response, Refusal> {
    if record.wiped {
        return Err(Error::Gone.into());
    }
    let mut response = if chunks.is_asked_for {
        let head = record.head.clone();
        let log = logged(EventLog::new(app.clone(), head.id.clone(), None));
        let frames = chat_stream::frames(app.clone(), chunks, head.clone(), log);
        with_run(sse::response(frames), head.id.as_str())
    } else {
        answered(app, join(app, record).await?, &chunks.model).await?
    };
    idempotency::mark_replayed(&mut response);
    Ok(response)
}

async fn answered(
    app: &Arc<App>,
    record: Box<RunRecord>,
    model: &str,
) -> Result<Response, Refusal> {
    if record.state != RunState::Succeeded {
        return Err(Refusal::NoAnswer(record));
    }
    let workflow = app.workflow_of(&record.head).await?;
    let answer = Answer::of(app, &record, workflow.as_deref()).await?;
    let completion = ChatCompletion {
        id: record.head.id.as_str(),
        object: "chat.completion",
        created: seconds(record.head.created_at),
        model,
        choices: [Choice {
            index: 0,
            message: ChatMessage { role: "assistant", content: &answer.text, refusal: () },
            logprobs: (),
            finish_reason: finish_reason(&answer),
        }],
        usage: answer.tokens.map(ChatUsage::from),
    };
    Ok(with_run(Json(completion).into_response(), record.head.id.as_str()))
}
