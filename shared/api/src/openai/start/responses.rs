//! Creates responses: waits, streams, or begins in the background.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use flowgate_app::access;
use flowgate_app::error::FieldProblem;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error};
use flowgate_engine::json;
use flowgate_runner::Runner;
use flowgate_runner::start::ResponseMode;
use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::settings::Settings;
use super::{Asking, NewRun, begin};
use crate::begun::{Begun, followed, join};
use crate::conversation::{Conversation, input};
use crate::http::event_log::EventLog;
use crate::http::fields::Fields;
use crate::http::idempotency;
use crate::http::request::with_allowance;
use crate::http::sse::{self, Frame};
use crate::openai::answer::Answer;
use crate::openai::refusal::with_run;
use crate::openai::response::{Asked, Response};
use crate::openai::response_events::{ResponseEvents, frames};
use crate::openai::{Caller, ErrorBody, Refusal, read};
use crate::starts::NotStarted;

/// Of a conversation that goes on: as much as a value may have.
const MAX_MESSAGES: usize = 4 << 20;

/// A response to be created. Settings of sampling are the workflow's own, and passed over.
#[derive(ToSchema)]
#[schema(as = openai::ResponseRequest)]
#[expect(dead_code, reason = "only its schema is used; `Fields` reads it")]
struct ResponseRequest {
    /// The id of a workflow, or `<id>@<version>`.
    model: String,
    /// A text, a list of items, or input fields by name. The input field `messages` takes all
    /// items. Else the last text of the user goes to `prompt`, `question`, `query`, `message`,
    /// `text`, or the only required string.
    #[schema(required = false)]
    input: Value,
    /// For the input field `system` or `instructions`.
    instructions: Option<String>,
    /// Where the workflow has the input field `messages`: goes on with that conversation, which the
    /// key must be able to read.
    previous_response_id: Option<String>,
    #[schema(required = false)]
    stream: bool,
    /// Accepts at once: `GET /v1/responses/{id}` has the response.
    #[schema(required = false)]
    background: bool,
    /// Your own name for who asked.
    #[schema(max_length = 256)]
    user: Option<String>,
    /// `false`: input, outputs and events are wiped when the run has ended.
    store: Option<bool>,
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    metadata: Map<String, Value>,
}

/// What is asked of the response alone.
struct Wanted {
    background: bool,
    previous: Option<String>,
    given: Map<String, Value>,
    conversation: Conversation,
    instructions: Option<String>,
}

impl Wanted {
    fn read(fields: &mut Fields) -> Self {
        let (given, conversation) = match fields.take("input") {
            Some(Value::Object(given)) => (given, Conversation::default()),
            None | Some(Value::Null) => (Map::new(), Conversation::default()),
            Some(input) => (Map::new(), Conversation::of_input(input)),
        };
        Self {
            background: fields.take_bool("background").unwrap_or(false),
            previous: fields.take_string("previous_response_id"),
            given,
            conversation,
            instructions: fields.take_string("instructions"),
        }
    }
}

/// Create a response
///
/// Runs a workflow. A run that fails is a response `failed`, and one that outlasts the wait
/// `in_progress`. The events of a stream have the types and the order of the vendor's, and the same
/// `sequence_number` whenever they are read: `GET /v1/responses/{id}?stream=true`. A caller who
/// goes away cancels nothing. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/responses",
    operation_id = "openai_create_response",
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
    request_body = ResponseRequest,
    responses(
        NotStarted<ErrorBody>,
        (
            status = 200,
            description = "The response, or its events.",
            content((Response = "application/json"), (Frame = "text/event-stream"))
        ),
    )
)]
pub(super) async fn create(
    State(runner): State<Arc<Runner>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::response::Response, Refusal> {
    let asking = Asking::read(&runner, &caller, (&headers, &uri), body).await?;
    let Asking { published, model, repeat, mut fields } = asking;
    let settings = Settings::read(&mut fields);
    let mut wanted = Wanted::read(&mut fields);
    settings.check(fields, std::mem::take(&mut wanted.conversation.problems))?;

    let (app, workflow) = (&runner.app, &published.workflow);
    let (is_stream, is_background) = (settings.stream, wanted.background);
    if let Some(record) = repeat.find(&runner, &caller, &published.uid).await? {
        return joined(app, record, is_stream, is_background).await;
    }
    let asked = Asked {
        model: Some(model),
        metadata: settings.metadata,
        previous_response_id: wanted.previous.clone(),
    };
    let new = NewRun {
        input: wanted.into_input(app, &caller, workflow).await?,
        published: published.clone(),
        input_as_sent: asked.as_sent(),
        user: settings.user,
        save: settings.save,
        mode: match (is_background, is_stream) {
            (true, _) => ResponseMode::Detach,
            (false, true) => ResponseMode::Stream,
            (false, false) => ResponseMode::Wait(None),
        },
    };
    let (begun, allowance) = begin(&runner, &caller, &repeat, &new).await?;
    let response = match begun {
        Begun::Joined(record) => joined(app, record, is_stream, is_background).await?,
        Begun::Run(record) if is_stream => read::stream(app, &record, None).await?,
        Begun::Run(record) => answered(app, &record).await?,
        Begun::Stream(first, subscription) => {
            let head = subscription.head.clone();
            let log = EventLog::new(app.clone(), head.id.clone(), None);
            let logged = followed(*first, subscription, log, true);
            let events = ResponseEvents::new(head.clone(), Some(workflow), None);
            let frames = frames(app.clone(), events, Some(workflow.clone()), logged);
            with_run(sse::response(frames), head.id.as_str())
        }
    };
    Ok(with_allowance(response, allowance))
}

impl Wanted {
    async fn into_input(
        mut self,
        app: &Arc<App>,
        caller: &access::Caller,
        workflow: &flowgate_engine::Workflow,
    ) -> Result<Map<String, Value>, Error> {
        if let Some(instructions) = self.instructions {
            // Said once, where it has a field of its own.
            self.conversation.instruct(instructions, !input::takes_system(workflow));
        }
        if let Some(previous) = &self.previous {
            let mut messages = before(app, caller, workflow, previous).await?;
            messages.append(&mut self.conversation.messages);
            if messages.iter().map(json::size).sum::<usize>() > MAX_MESSAGES {
                return Err(wrong_previous("has more messages than a run can take"));
            }
            self.conversation.messages = messages;
        }
        input::read(app, caller, workflow, self.conversation, self.given).await
    }
}

/// The messages of an earlier response, with its answer.
async fn before(
    app: &Arc<App>,
    caller: &access::Caller,
    workflow: &flowgate_engine::Workflow,
    previous: &str,
) -> Result<Vec<Value>, Error> {
    if !input::takes_messages(workflow) {
        return Err(wrong_previous("needs a workflow with an input field `messages`"));
    }
    let record = match app.read_run(caller, previous).await {
        Err(Error::NotFound(_) | Error::Gone) => return Err(wrong_previous("is not stored")),
        read => read?,
    };
    if record.state != RunState::Succeeded {
        return Err(wrong_previous("has no answer"));
    }
    let Some(Value::Array(mut messages)) = record.head.input.get("messages").cloned() else {
        return Err(wrong_previous("has no messages in its input"));
    };
    let answer = Answer::of(app, &record, None).await?;
    messages.push(json!({ "role": "assistant", "content": answer.text }));
    Ok(messages)
}

fn wrong_previous(message: &str) -> Error {
    Error::BadInput(vec![FieldProblem {
        pointer: "/previous_response_id".to_owned(),
        message: message.to_owned(),
    }])
}

/// The response of a run that an earlier request began.
async fn joined(
    app: &Arc<App>,
    record: Box<RunRecord>,
    is_stream: bool,
    is_background: bool,
) -> Result<axum::response::Response, Refusal> {
    if record.wiped {
        return Err(Error::Gone.into());
    }
    let mut response = match (is_stream, is_background) {
        (true, _) => read::stream(app, &record, None).await?,
        (false, true) => answered(app, &record).await?,
        (false, false) => {
            let record = join(app, record).await?;
            answered(app, &record).await?
        }
    };
    idempotency::mark_replayed(&mut response);
    Ok(response)
}

async fn answered(app: &Arc<App>, record: &RunRecord) -> Result<axum::response::Response, Refusal> {
    let response = Response::of(app, record).await?;
    Ok(with_run(Json(response).into_response(), record.head.id.as_str()))
}
