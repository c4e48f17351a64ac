//! The agent node's call: sends a turn to a model, streams its answer, counts its cost, and checks
//! it against the schema.

mod provider;
mod target;
mod ask;
mod wire;
mod exchange;
mod reading;
mod reply;
mod failure;
mod echo;
mod price;
mod schema;

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, Chunk, ModelCall, Turn};
use flowgate_engine::cost::dollars;
use serde_json::{Map, Value, json};

use super::mask::Masks;
use super::{Metered, Outbound, failed, framing, retryable, too_large};
use ask::Ask;
use provider::Provider;
use reply::{Finish, Reply, Usage};

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
        if provider == "offline" {
            let mut masked = masks.stream();
            let mut send = |Chunk::Text(text): Chunk| send_text(chunks, masked.push(&text));
            let reply = echo::answer(&*self.clock, model, call, &mut send).await;
            send_text(chunks, masked.end());
            return outcome(call, provider, reply.map_err(unsent)?, Some(0));
        }
        let provider = Provider::named(provider);
        let target = self.target(&provider, model, call, user, masks).await.map_err(unsent)?;
        let enforcement = target.wire.enforcement(model, !call.tools.is_empty());
        let ask = Ask::new(provider.name, model, call, enforcement);
        let mut exchanged = self.ask_model(&ask, &target, masks, memory, chunks).await?;
        let cost_nano_usd = price::cost(provider.name, model, &exchanged.draft().usage);
        if let Some(error) = exchanged.error.take() {
            let error = failure::about(provider.name, error);
            return Err(failed_with(error, call, &exchanged.draft().content, None)
                .having_used(exchanged.draft().usage.total(), cost_nano_usd));
        }
        let reply = ask.settle(exchanged.reply());
        outcome(call, provider.name, reply, cost_nano_usd)
    }
}

fn send_text(chunks: &mut (dyn FnMut(Chunk) + Send), text: String) {
    if !text.is_empty() {
        chunks(Chunk::Text(text));
    }
}

/// Judges an answer by its finish reason, and builds the call's value from it.
fn outcome(
    call: &ModelCall,
    provider: &str,
    reply: Reply,
    cost_nano_usd: Option<u64>,
) -> Result<CallOutput, CallError> {
    let usage = reply.usage;
    let finish = match verdict(&reply) {
        Ok(finish) => finish,
        Err(error) => {
            let error = failure::about(provider, error);
            let text = if reply.refusal.is_empty() { &reply.content } else { &reply.refusal };
            return Err(failed_with(error, call, text, reply.finish.as_ref())
                .having_used(usage.total(), cost_nano_usd));
        }
    };
    let mut value = Map::new();
    // Only an answer is held to the schema: a turn that asks for tools is none yet.
    let schema =
        call.schema.as_ref().filter(|_| reply.calls.is_empty() && *finish != Finish::Pause);
    if let Some(schema) = schema {
        // The answer was paid for, fit or not.
        let data = schema::read(&reply.content, schema, *finish == Finish::Length)
            .map_err(|error| failed_with(error, call, &reply.content, Some(finish)))
            .map_err(|error| error.having_used(usage.total(), cost_nano_usd))?;
        value.extend(data.clone());
        value.insert("data".to_owned(), Value::Object(data));
    }
    value.extend(own_fields(call, &usage, cost_nano_usd));
    value.insert("finish_reason".to_owned(), finish.word().into());
    value.insert("content".to_owned(), reply.content.as_str().into());
    if !reply.calls.is_empty() || *finish == Finish::Pause {
        let Reply { content, calls, message, .. } = reply;
        let turn = Turn { provider: provider.to_owned(), content, calls, message };
        value.insert("turn".to_owned(), json!(turn));
    }
    Ok(CallOutput { value: Value::Object(value), tokens: usage.total(), cost_nano_usd })
}

/// Fails an answer that is none, or not whole.
fn verdict(reply: &Reply) -> Result<&Finish, CallError> {
    let Some(finish) = &reply.finish else { return Err(reading::cut()) };
    match finish {
        Finish::Filter => Err(failed("filter", "stopped the answer by its content filter")),
        Finish::Refusal => Err(failed("refusal", "refused to answer")),
        Finish::Error(raw) => {
            Err(retryable("model_error", format!("ended its answer with an error: {raw}")))
        }
        Finish::Other(raw) if reply.content.is_empty() && reply.calls.is_empty() => {
            Err(retryable("model_error", format!("ended without an answer: {raw}")))
        }
        finish => Ok(finish),
    }
}

/// Keeps what the model said with the failure.
fn failed_with(
    error: CallError,
    call: &ModelCall,
    content: &str,
    finish: Option<&Finish>,
) -> CallError {
    let finish = finish.map(Finish::word);
    let output = json!({ "content": content, "model": call.model, "finish_reason": finish });
    CallError { output: Some(Box::new(output)), ..error }
}

fn own_fields(call: &ModelCall, usage: &Usage, cost_nano_usd: Option<u64>) -> Map<String, Value> {
    let tokens = json!({ "input": usage.input, "output": usage.output, "total": usage.total() });
    Map::from_iter([
        ("model".to_owned(), call.model.as_str().into()),
        ("tokens".to_owned(), tokens),
        ("tool_calls".to_owned(), json!([])),
        ("cost".to_owned(), cost_nano_usd.map(dollars).into()),
    ])
}

/// The request never left, or was refused unread: nothing was used.
fn unsent(error: CallError) -> CallError {
    error.having_used(Some(0), Some(0))
}
