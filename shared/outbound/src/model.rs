//! The agent node's call: streams a model's answer, counts its cost, and checks it against the
//! schema.
//!
//! genai talks to the providers. Its types stay in this folder.

mod echo;
mod price;
mod provider;
mod schema;
mod target;

use flowgate_core::cost::dollars;
use flowgate_core::secret::SecretUser;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{CallError, CallOutput, Chunk, ModelCall, ModelRole};
use futures_util::StreamExt;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent, JsonSpec, Usage};
use serde_json::{Map, Value, json};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::client::describe;
use super::mask::Masks;
use super::status::status_error;
use super::{Metered, Outbound, failed, retryable, too_large};
use provider::Provider;
use target::Target;

/// As chunks, and as the answer.
const COPIES_OF_TEXT: usize = 2;
const MAX_ERROR_CHARACTERS: usize = 500;

/// A model's answer, from any provider.
struct Answer {
    content: String,
    tokens: Option<Tokens>,
    cost_nano_usd: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tokens {
    input: u64,
    output: u64,
}

impl Outbound {
    pub(super) async fn perform_model(
        &self,
        call: &ModelCall,
        user: &SecretUser,
        masks: &mut Masks,
        memory: &Metered,
        chunks: &mut (dyn FnMut(Chunk) + Send),
    ) -> Result<CallOutput, CallError> {
        let Some((provider, model)) = call
            .model
            .split_once('/')
            .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        else {
            let message = format!("{:?} is not of the form provider/model", call.model);
            return Err(unsent(failed("unknown_model", message)));
        };
        let answer = match provider {
            "offline" => {
                let mut masked = masks.stream();
                let mut send = |Chunk::Text(text): Chunk| send_text(chunks, masked.push(&text));
                let answer = echo::answer(&*self.clock, model, call, &mut send).await;
                send_text(chunks, masked.end());
                answer.map_err(unsent)?
            }
            _ => {
                let provider = Provider::named(provider);
                let target =
                    self.target(&provider, model, call, user, masks).await.map_err(unsent)?;
                // genai logs providers' answers, which may repeat keys.
                let silent = NoSubscriber::default();
                let (content, usage) = self
                    .stream(&provider, target, (call, memory), masks, chunks)
                    .with_subscriber(silent)
                    .await?;
                let cost_nano_usd =
                    usage.as_ref().and_then(|usage| price::cost(provider.name, model, usage));
                Answer { content, tokens: usage.as_ref().and_then(Tokens::of), cost_nano_usd }
            }
        };
        output(call, answer)
    }

    async fn stream(
        &self,
        provider: &Provider<'_>,
        target: Target<'_>,
        (call, memory): (&ModelCall, &Metered),
        masks: &Masks,
        chunks: &mut (dyn FnMut(Chunk) + Send),
    ) -> Result<(String, Option<Usage>), CallError> {
        let sent = target
            .way
            .models()?
            .exec_chat_stream(target.service, request(call), Some(&options(call)))
            .await;
        let mut events =
            sent.map_err(|error| provider_error(provider.name, &error, self.clock.now()))?.stream;
        let mut masked = masks.stream();
        let mut content = String::new();
        let mut send = |text: String| {
            memory.add(COPIES_OF_TEXT * text.len())?;
            content.push_str(&text);
            send_text(chunks, text);
            let limit = self.settings.max_answer_bytes;
            if content.len() > limit { Err(too_large("the answer", limit)) } else { Ok(()) }
        };
        while let Some(event) = events.next().await {
            match event.map_err(|error| provider_error(provider.name, &error, self.clock.now()))? {
                ChatStreamEvent::Chunk(chunk) => send(masked.push(&chunk.content))?,
                ChatStreamEvent::End(end) => {
                    send(masked.end())?;
                    return Ok((content, end.captured_usage));
                }
                _ => {}
            }
        }
        // A stream that just stops may have lost its second half. An error sent with status 200 is
        // not a stream at all.
        Err(retryable(
            "model_stream_cut",
            format!("{} stopped before the end of its answer", provider.name),
        ))
    }
}

fn send_text(chunks: &mut (dyn FnMut(Chunk) + Send), text: String) {
    if !text.is_empty() {
        chunks(Chunk::Text(text));
    }
}

fn request(call: &ModelCall) -> ChatRequest {
    let message = |role, content: &str| match role {
        ModelRole::System => ChatMessage::system(content),
        ModelRole::User => ChatMessage::user(content),
        ModelRole::Assistant => ChatMessage::assistant(content),
    };
    ChatRequest::new(call.messages.iter().map(|said| message(said.role, &said.content)).collect())
}

fn options(call: &ModelCall) -> ChatOptions {
    let mut options = ChatOptions::default().with_capture_usage(true);
    if let Some(temperature) = call.temperature {
        options = options.with_temperature(temperature);
    }
    if let Some(max_tokens) = call.max_tokens {
        options = options.with_max_tokens(max_tokens);
    }
    if let Some(schema) = &call.schema {
        options = options.with_response_format(JsonSpec::new("answer", schema.clone()));
    }
    options
}

/// Builds the node's value. With a schema it has the schema's fields too, but standard names win.
fn output(call: &ModelCall, answer: Answer) -> Result<CallOutput, CallError> {
    let tokens = answer.tokens;
    let total = tokens.map(Tokens::total);
    let mut value = match &call.schema {
        // The answer was paid for, fit or not.
        Some(schema) => schema::fields(&answer.content, schema)
            .map_err(|error| error.having_used(total, answer.cost_nano_usd))?,
        None => Map::new(),
    };
    let own = json!({
        "content": answer.content,
        "model": call.model,
        "tokens": {
            "input": tokens.map(|tokens| tokens.input),
            "output": tokens.map(|tokens| tokens.output),
            "total": total,
        },
        "tool_calls": [],
        "cost": answer.cost_nano_usd.map(dollars),
    });
    if let Value::Object(own) = own {
        value.extend(own);
    }
    Ok(CallOutput {
        value: Value::Object(value),
        tokens: total,
        cost_nano_usd: answer.cost_nano_usd,
    })
}

/// The request never left, or was refused unread: nothing was used.
fn unsent(error: CallError) -> CallError {
    error.having_used(Some(0), Some(0))
}

impl Tokens {
    fn of(usage: &Usage) -> Option<Self> {
        let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
        let (input, output) = (count(usage.prompt_tokens), count(usage.completion_tokens));
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Self { input: input.unwrap_or(0), output: output.unwrap_or(0) })
    }

    fn total(self) -> u64 {
        self.input + self.output
    }
}

/// Converts a provider's error. Its text may repeat the key; the caller masks it.
fn provider_error(provider: &str, error: &genai::Error, now: Timestamp) -> CallError {
    match error {
        genai::Error::HttpError { status, body, headers, .. } => {
            let code = status.as_u16();
            let retryable = status.is_server_error() || matches!(code, 408 | 409 | 425 | 429);
            let message = format!("{provider} answered {code}: {}", error_text(body));
            let error = status_error("model_error", message, retryable, (*status, headers), now);
            // Of a request that is wrong nothing is generated. All else may have been.
            if status.is_client_error() && !retryable { unsent(error) } else { error }
        }
        genai::Error::WebStream { error: inner, .. } => {
            if let Some(inner) = inner.downcast_ref::<genai::Error>() {
                provider_error(provider, inner, now)
            } else if let Some(inner) = inner.downcast_ref::<reqwest::Error>() {
                let described = describe(inner);
                let is_sent = !matches!(described.code.as_str(), "connect" | "refused_address");
                let message = format!("{provider}: {}", described.message);
                let error = CallError { message, ..described };
                if is_sent { error } else { unsent(error) }
            } else {
                retryable("connection_lost", format!("{provider}: the stream broke"))
            }
        }
        // An error in the middle of a good stream is the provider's fault, not the request's.
        genai::Error::ChatResponse { body, .. } => retryable(
            "model_error",
            format!("{provider} answered: {}", error_text(&body.to_string())),
        ),
        genai::Error::StreamParse { .. } => {
            retryable("model_error", format!("{provider} sent an answer that cannot be parsed"))
        }
        other => failed("model_error", format!("{provider}: {}", shorten(&other.to_string()))),
    }
}

/// Returns `error.message`, `message` or `error` of a JSON answer, else its text.
fn error_text(body: &str) -> String {
    let parsed: Value = flowgate_engine::json::parse(body.as_bytes()).unwrap_or_default();
    let message = ["/error/message", "/message", "/error"]
        .iter()
        .find_map(|place| parsed.pointer(place)?.as_str());
    shorten(message.unwrap_or(body))
}

fn shorten(text: &str) -> String {
    text.trim().chars().take(MAX_ERROR_CHARACTERS).collect()
}
