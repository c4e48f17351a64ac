//! The agent node's call: sends a turn to a model, streams its answer, counts its cost, and checks
//! it against the schema.

mod provider;
mod target;
mod ask;
mod wire;
mod files;
mod exchange;
mod reading;
mod reply;
pub(super) mod failure;
mod echo;
mod embed;
pub(super) mod price;
mod schema;

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, Chunk, ModelCall, Turn};
use flowgate_engine::cost::dollars;
use serde_json::{Map, Value, json};

use super::mask::Masks;
use super::{Metered, Outbound, RunFiles, failed, framing, retryable, too_large};
use ask::Ask;
use provider::Provider;
use reply::{Draft, Finish, Reply, Usage};

impl Outbound {
    pub(super) async fn perform_model(
        &self,
        call: &ModelCall,
        user: &SecretUser,
        masks: &mut Masks,
        of_run: (&Metered, &RunFiles),
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
        let (memory, call) =
            (of_run.0, &*files::with_files(call, provider, of_run).await.map_err(unsent)?);
        if provider == "offline" {
            let mut masked = masks.stream();
            let mut send = |text: &str| send_text(chunks, masked.push(text));
            let reply = echo::answer(&*self.clock, model, call, &mut send).await;
            send_text(chunks, masked.end());
            let answered = Answered { call, provider, is_enforced: true, cost_nano_usd: Some(0) };
            return answered.outcome(reply.map_err(unsent)?);
        }
        let provider = Provider::named(provider);
        let target = self.target(&provider, model, call, user, masks).await.map_err(unsent)?;
        let enforcement = target.wire.enforcement(model, !call.tools.is_empty());
        let ask = Ask::new(provider.name, model, call, enforcement);
        let mut exchanged = self.ask_model(&ask, &target, masks, memory, chunks).await?;
        let cost_nano_usd = price::cost(provider.name, model, &exchanged.draft().usage);
        let is_enforced = target.wire.enforces(&ask);
        let answered = Answered { call, provider: provider.name, is_enforced, cost_nano_usd };
        if let Some(error) = exchanged.error.take() {
            let Draft { content, usage, .. } = exchanged.draft();
            return Err(answered.failure(error, usage, content, None));
        }
        answered.outcome(ask.settle(exchanged.reply()))
    }
}

/// Whether the cost of a call will be known if it ends well.
pub(crate) fn is_priced(model: &str) -> bool {
    let (provider, model) = model.split_once('/').unwrap_or((model, ""));
    provider == "offline" || price::is_known(provider, model)
}

/// Returns what so many tokens cost; `None` if the price is not known.
pub(crate) fn cost_of(model: &str, input: u64, output: u64) -> Option<u64> {
    let (provider, model) = model.split_once('/').unwrap_or((model, ""));
    let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
    price::cost(provider, model, &usage)
}

fn send_text(chunks: &mut (dyn FnMut(Chunk) + Send), text: String) {
    if !text.is_empty() {
        chunks(Chunk::Text(text));
    }
}

/// A call that has been answered.
struct Answered<'a> {
    call: &'a ModelCall,
    provider: &'a str,
    /// The provider holds the model to the schema.
    is_enforced: bool,
    cost_nano_usd: Option<u64>,
}

impl Answered<'_> {
    /// Judges an answer by its finish reason, and builds the call's value from it.
    fn outcome(&self, reply: Reply) -> Result<CallOutput, CallError> {
        let usage = reply.usage;
        let finish = verdict(&reply).map_err(|error| {
            let text = if reply.refusal.is_empty() { &reply.content } else { &reply.refusal };
            self.failure(error, &usage, text, reply.finish.as_ref())
        })?;
        let mut value = self.answer_fields(&reply, finish)?;
        value.extend(self.own_fields(&usage, &reply.content, Some(finish)));
        value.insert("tool_calls".to_owned(), json!([]));
        if !reply.calls.is_empty() || *finish == Finish::Pause {
            let Reply { content, calls, message, .. } = reply;
            let turn = Turn { provider: self.provider.to_owned(), content, calls, message };
            value.insert("turn".to_owned(), json!(turn));
        }
        let (tokens, cost_nano_usd) = (usage.total(), self.cost_nano_usd);
        Ok(CallOutput { value: Value::Object(value), tokens, cost_nano_usd })
    }

    /// The answer by its schema. A turn that asks for tools is no answer yet.
    fn answer_fields(
        &self,
        reply: &Reply,
        finish: &Finish,
    ) -> Result<Map<String, Value>, CallError> {
        let is_answer = reply.calls.is_empty() && *finish != Finish::Pause;
        let Some(schema) = self.call.schema.as_ref().filter(|_| is_answer) else {
            return Ok(Map::new());
        };
        let data = schema::read(&reply.content, schema, *finish == Finish::Length);
        // The answer was paid for, fit or not.
        let data =
            data.map_err(|error| self.failure(error, &reply.usage, &reply.content, Some(finish)))?;
        let mut value = data.clone();
        value.insert("data".to_owned(), Value::Object(data));
        Ok(value)
    }

    /// Keeps what the model said, and what that cost, with the failure.
    fn failure(
        &self,
        error: CallError,
        usage: &Usage,
        content: &str,
        finish: Option<&Finish>,
    ) -> CallError {
        let mut output = self.own_fields(usage, content, finish);
        if self.call.schema.is_some() {
            output.insert("is_enforced".to_owned(), self.is_enforced.into());
        }
        let error = CallError {
            output: Some(Box::new(Value::Object(output))),
            ..failure::about(self.provider, error)
        };
        error.having_used(usage.total(), self.cost_nano_usd)
    }

    fn own_fields(
        &self,
        usage: &Usage,
        content: &str,
        finish: Option<&Finish>,
    ) -> Map<String, Value> {
        let tokens = json!({
            "input": usage.input,
            "output": usage.output,
            "total": usage.total(),
        });
        Map::from_iter([
            ("content".to_owned(), content.into()),
            ("model".to_owned(), self.call.model.as_str().into()),
            ("tokens".to_owned(), tokens),
            ("finish_reason".to_owned(), finish.map(Finish::word).into()),
            ("cost".to_owned(), self.cost_nano_usd.map(dollars).into()),
        ])
    }
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
        Finish::Length if reply.content.trim().is_empty() => {
            Err(failed("length", "reached max_tokens before it said anything"))
        }
        Finish::Other(raw) if reply.content.is_empty() && reply.calls.is_empty() => {
            Err(retryable("model_error", format!("ended without an answer: {raw}")))
        }
        finish => Ok(finish),
    }
}

/// The request never left, or was refused unread: nothing was used.
pub(super) fn unsent(error: CallError) -> CallError {
    error.having_used(Some(0), Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_no_answer() {
        let verdict = |finish: Finish, content: &str| {
            let content = content.to_owned();
            let reply = Reply { content, finish: Some(finish), ..Reply::default() };
            verdict(&reply).map(Finish::word).map_err(|error| error.code)
        };
        assert_eq!(verdict(Finish::Length, "Once"), Ok("length".to_owned()));
        assert_eq!(verdict(Finish::Length, " "), Err("length".to_owned()));
        assert_eq!(verdict(Finish::Stop, ""), Ok("stop".to_owned()));
        assert_eq!(verdict(Finish::Other("x".into()), ""), Err("model_error".to_owned()));
        assert_eq!(verdict(Finish::Filter, "Once"), Err("filter".to_owned()));
        assert_eq!(verdict(Finish::Refusal, "No"), Err("refusal".to_owned()));
    }
}
