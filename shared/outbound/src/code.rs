//! Runs authors' JavaScript and Python in children: processes without files, network or
//! environment, and with limits. The parent kills a child at the deadline.
//!
//! An engine's interrupt handler is not a time limit: one native call can take hours. The kill is.

mod pool;
mod process;
mod queue;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use flowgate_child_protocol::{
    Code, MAX_REQUEST_BYTES, MAX_STDOUT_BYTES, OUT_OF_MEMORY, Python, Reply, Request,
    max_reply_bytes,
};
use flowgate_engine::call::{Call, CallError, CallOutput, CodeCall, Language};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Outbound, failed, too_large};

pub use pool::ChildInfo;
pub(crate) use pool::{Pool, Work};

/// The longest time that a call waits before it computes: for a place, and for a child to start.
pub(crate) const MAX_PAUSE: Duration = pool::MAX_WAIT.saturating_add(pool::MAX_START);
/// The same for a document, which waits for two places.
pub(crate) const MAX_READING_PAUSE: Duration = MAX_PAUSE.saturating_add(pool::MAX_WAIT);

/// Whose calls these are. Groups share the children of this process fairly.
#[derive(Debug, Clone)]
pub struct CodeGroup(Arc<str>);

impl CodeGroup {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// How a child ended without an answer.
pub(super) enum Broken {
    OutOfTime,
    OutOfMemory,
    /// For people: `exited: …`.
    Exited(String),
}

impl Outbound {
    pub(super) async fn perform_code(
        &self,
        asked: &CodeCall,
        call: &Call,
        group: &CodeGroup,
        started: &mut (dyn FnMut() + Send),
    ) -> Result<CallOutput, CallError> {
        let timeout = call.timeout;
        let frames = || Ok(vec![self.request_frame(asked, call.seed, timeout)?]);
        let answer = self.ask_child((group, Work::Code), timeout, frames, started).await?;
        let out_of_time = || {
            let seconds = timeout.as_secs_f64();
            failed("code_timeout", format!("the code did not end within {seconds} s"))
        };
        match answer {
            Ok(Reply::Done { result, stdout }) => self.output(asked, &result, stdout),
            Ok(reply) => Err(self.failure(asked, reply, out_of_time)),
            Err(Broken::Exited(why)) => {
                Err(failed("code_crashed", format!("the process that ran the code {why}")))
            }
            Err(Broken::OutOfMemory) => Err(out_of_memory()),
            Err(Broken::OutOfTime) => Err(out_of_time()),
        }
    }

    /// Asks a child, which is killed if it does not answer in time. `started` is called when the
    /// call has its place.
    #[expect(
        clippy::disallowed_methods,
        reason = "a child process computes in real time, whatever the clock says"
    )]
    pub(super) async fn ask_child(
        &self,
        (group, work): (&CodeGroup, Work),
        timeout: Duration,
        frames: impl FnOnce() -> Result<Vec<Vec<u8>>, CallError>,
        started: &mut (dyn FnMut() + Send),
    ) -> Result<Result<Reply, Broken>, CallError> {
        let mut lease = self.children.lease(&group.0, work).await?;
        // Made after the wait: calls in the queue hold no copy of their variables.
        let frames = frames()?;
        started();
        let deadline = Instant::now() + timeout;
        let max_reply_bytes = max_reply_bytes(self.settings.max_answer_bytes);
        let answer = tokio::time::timeout_at(deadline, lease.ask(frames, max_reply_bytes)).await;
        let answer = match answer {
            Ok(Ok(reply @ Reply::Done { .. })) => {
                lease.give_back();
                return Ok(Ok(reply));
            }
            other => other,
        };
        // A child whose code failed may be damaged, so it is not used again.
        let ended = lease.end().await;
        Ok(match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) if ended.and_then(|ended| ended.code()) == Some(OUT_OF_MEMORY) => {
                Err(Broken::OutOfMemory)
            }
            Ok(Err(error)) => Err(Broken::Exited(format!("exited: {error}"))),
            Err(_) => Err(Broken::OutOfTime),
        })
    }

    fn request_frame(
        &self,
        call: &CodeCall,
        seed: u64,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let code = Code {
            code: Cow::Borrowed(&call.code),
            variables: &call.variables,
            now_ms: call.now_ms,
            seed,
            timeout_ms: own_limit_ms(timeout),
            max_result_bytes: self.settings.max_answer_bytes,
        };
        let request = match call.language {
            Language::Javascript => Request::Javascript(code),
            Language::Python => Request::Python(Python { code, arguments: &call.arguments }),
        };
        let frame = serde_json::to_vec(&request)
            .map_err(|error| failed("internal", format!("the code's input: {error}")))?;
        if frame.len() > MAX_REQUEST_BYTES {
            return Err(too_large("the code with its variables", MAX_REQUEST_BYTES));
        }
        Ok(frame)
    }

    fn failure(
        &self,
        call: &CodeCall,
        reply: Reply,
        out_of_time: impl Fn() -> CallError,
    ) -> CallError {
        match reply {
            Reply::Failed { message, line } => {
                let mut message = restored(call, message);
                if let Some(line) = line {
                    message.push_str(&format!(" (line {line})"));
                }
                failed("code_error", message)
            }
            Reply::OutOfMemory => out_of_memory(),
            Reply::TooLarge => self.result_too_large(),
            Reply::OutOfTime => out_of_time(),
            Reply::Done { .. } | Reply::Unreadable { .. } => {
                failed("code_crashed", "the process that ran the code answered something else")
            }
        }
    }

    fn result_too_large(&self) -> CallError {
        too_large("the code's result", self.settings.max_answer_bytes)
    }

    fn output(
        &self,
        call: &CodeCall,
        result: &str,
        stdout: String,
    ) -> Result<CallOutput, CallError> {
        let max_bytes = self.settings.max_answer_bytes;
        let result = match may_name_variables(call, result) {
            true => call.sources.restore_json(result, max_bytes).map(Cow::Owned),
            false => Some(Cow::Borrowed(result)),
        };
        let result = result.ok_or_else(|| self.result_too_large())?;
        let result = flowgate_engine::json::parse(result.as_bytes()).map_err(|error| {
            failed("code_error", format!("the result cannot be stored: {error}"))
        })?;
        let mut stdout = restored(call, stdout);
        stdout.truncate(stdout.floor_char_boundary(MAX_STDOUT_BYTES));
        Ok(CallOutput {
            value: json!({ "result": result, "stdout": stdout }),
            tokens: None,
            cost_nano_usd: None,
        })
    }
}

/// The child stops itself a little earlier if it can: it reports that and need not be killed.
pub(super) fn own_limit_ms(timeout: Duration) -> u64 {
    let own_limit = timeout.saturating_sub((timeout / 10).min(Duration::from_millis(100)));
    u64::try_from(own_limit.as_millis()).unwrap_or(u64::MAX)
}

fn out_of_memory() -> CallError {
    failed("code_memory", "the code needs more than 64 MiB of memory")
}

/// Restores the author's references in what the code said.
fn restored(call: &CodeCall, text: String) -> String {
    if may_name_variables(call, &text) { call.sources.restore(&text) } else { text }
}

/// Whether the text has the names of variables, and not from the values that the code was given.
fn may_name_variables(call: &CodeCall, text: &str) -> bool {
    let sources = &call.sources;
    let is_given = |value: &Value| sources.may_be_named_in(&value.to_string());
    let mut given = call.variables.values().chain(call.arguments.values());
    sources.may_be_named_in(text) && !given.any(is_given)
}

#[cfg(test)]
mod tests {
    use flowgate_engine::{Action, Document, Run, RunStart, Step, Workflow};

    use super::*;

    fn call(code: &str, input: Value) -> CodeCall {
        let document = json!({ "nodes": [{ "id": "f", "type": "function", "code": code }] });
        let document = Document::parse(&document.to_string()).unwrap();
        let workflow = Workflow::compile(&document).0.unwrap();
        let start = RunStart {
            run_id: "run_1".to_owned(),
            started_at_ms: 0,
            input: input.into(),
            engine: flowgate_engine::ENGINE,
            spending_limit: flowgate_engine::SpendingLimit::default(),
        };
        let mut run = Run::new(workflow.into(), start);
        loop {
            match run.step() {
                Step::Perform(_, call) => match call.action {
                    Action::Code(call) => return call,
                    other => panic!("{other:?}"),
                },
                Step::Emit(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_names_of_variables_are_restored_unless_they_were_given() {
        let message = "ReferenceError: __ref05 is not defined".to_owned();
        let named = call("return <api.input.n>5", json!({"n": 1}));
        let expected = "ReferenceError: <api.input.n>5 is not defined";
        assert_eq!(restored(&named, message.clone()), expected);
        let given = call("return <api.input.n>", json!({"n": "see __ref0"}));
        assert_eq!(restored(&given, message.clone()), message);
        assert_eq!(restored(&call("return 1", json!({})), message.clone()), message);
    }
}
