//! JavaScript of authors runs in a process of its own, with nothing in its environment, limits on itself, and a parent that kills it at the deadline.
//!
//! The interrupt handler of the engine is no time limit: a single native call can take hours. The parent's kill is one.

mod child;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flowgate_engine::call::{CallError, CallOutput, CodeCall};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Outbound, failed, too_large};

pub use child::child_main_if_asked;

/// The first argument of a program that is to be the child.
const CHILD_ARGUMENT: &str = "__flowgate-js";
/// The nodes of one run that compute at the same time; further ones wait, within their own time.
const CHILDREN_OF_A_RUN: usize = 4;
/// A result of 4 MB with every character escaped, and what was printed.
const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;

/// The children of one run, started when code is first called. No other run's code ever meets them.
pub struct CodeSession {
    idle: Mutex<Vec<Runner>>,
    slots: Semaphore,
}

/// Length-prefixed JSON goes over stdin and stdout, one answer for one request.
#[derive(Serialize, Deserialize)]
struct Request {
    code: String,
    variables: Box<RawValue>,
    now_ms: i64,
    seed: u64,
    timeout_ms: u64,
    max_result_bytes: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// `result` is JSON text: the child does not judge it.
    Done {
        result: String,
        stdout: String,
    },
    Failed {
        message: String,
        line: Option<u32>,
    },
    OutOfMemory,
    OutOfTime,
    TooLarge,
}

impl Default for CodeSession {
    fn default() -> Self {
        Self { idle: Mutex::default(), slots: Semaphore::new(CHILDREN_OF_A_RUN) }
    }
}

impl CodeSession {
    /// Ends the children and waits until they are gone. Dropping the session kills them, too, but waits for nothing.
    pub async fn close(&self) {
        while let Some(runner) = self.take() {
            runner.end().await;
        }
    }

    fn take(&self) -> Option<Runner> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, runner: Runner) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(runner);
    }
}

impl Outbound {
    #[expect(clippy::disallowed_methods, reason = "a child process computes in real time, whatever the clock says")]
    pub(super) async fn perform_code(
        &self,
        call: &CodeCall,
        seed: u64,
        timeout: Duration,
        session: &CodeSession,
    ) -> Result<CallOutput, CallError> {
        let deadline = Instant::now() + timeout;
        let out_of_time = || failed("code_timeout", format!("the code did not end within {} s", timeout.as_secs_f64()));
        let slot = tokio::time::timeout_at(deadline, session.slots.acquire()).await.map_err(|_| out_of_time())?;
        let _slot = slot.map_err(|_| failed("internal", "the code session is closed"))?;
        let mut runner = match session.take() {
            Some(runner) => runner,
            None => self.start_child()?,
        };

        let left = deadline.saturating_duration_since(Instant::now());
        let frame = self.request_frame(call, seed, left)?;
        match tokio::time::timeout_at(deadline, runner.ask(&frame)).await {
            Ok(Ok(Reply::Done { result, stdout })) => {
                session.put_back(runner);
                output(&result, stdout)
            }
            // A child whose code failed may be hurt: it is not used again.
            Ok(answer) => {
                runner.end().await;
                Err(match answer {
                    Ok(reply) => self.failure(reply, out_of_time),
                    Err(error) => failed("code_crashed", format!("the process that ran the code ended: {error}")),
                })
            }
            Err(_) => {
                runner.end().await;
                Err(out_of_time())
            }
        }
    }

    fn start_child(&self) -> Result<Runner, CallError> {
        let Some(program) = &self.settings.code_runner else {
            return Err(failed("internal", "this process cannot run JavaScript"));
        };
        Runner::start(program).map_err(|error| {
            tracing::error!(%error, program = %program.display(), "javascript child cannot be started");
            failed("internal", "the process for JavaScript cannot be started")
        })
    }

    fn request_frame(&self, call: &CodeCall, seed: u64, left: Duration) -> Result<Vec<u8>, CallError> {
        // The child stops itself a little earlier, where it can: then it says so and need not be killed.
        let own_limit = left.saturating_sub((left / 10).min(Duration::from_millis(100)));
        let internal = |error: serde_json::Error| failed("internal", format!("the code's input: {error}"));
        let variables = serde_json::to_string(&call.variables).and_then(RawValue::from_string).map_err(internal)?;
        let request = Request {
            code: call.code.clone(),
            variables,
            now_ms: call.now_ms,
            seed,
            timeout_ms: u64::try_from(own_limit.as_millis()).unwrap_or(u64::MAX),
            max_result_bytes: self.settings.max_answer_bytes,
        };
        serde_json::to_vec(&request).map_err(internal)
    }

    fn failure(&self, reply: Reply, out_of_time: impl Fn() -> CallError) -> CallError {
        match reply {
            Reply::Failed { message, line: Some(line) } => failed("code_error", format!("{message} (line {line})")),
            Reply::Failed { message, line: None } => failed("code_error", message),
            Reply::OutOfMemory => failed("code_memory", "the code needs more than 64 MiB of memory"),
            Reply::TooLarge => too_large("the code's result", self.settings.max_answer_bytes),
            Reply::OutOfTime | Reply::Done { .. } => out_of_time(),
        }
    }
}

fn output(result: &str, stdout: String) -> Result<CallOutput, CallError> {
    let result = flowgate_engine::json::parse(result.as_bytes())
        .map_err(|error| failed("code_error", format!("the result cannot be kept: {error}")))?;
    Ok(CallOutput { value: json!({ "result": result, "stdout": stdout }), tokens: None, cost_nano_usd: None })
}

struct Runner {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Runner {
    /// The environment holds the time zone alone: code gives the same result on every machine.
    fn start(program: &Path) -> std::io::Result<Self> {
        let mut child = Command::new(program)
            .arg(CHILD_ARGUMENT)
            .env_clear()
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| std::io::Error::other("no pipes"))?;
        Ok(Self { child, stdin, stdout })
    }

    async fn ask(&mut self, frame: &[u8]) -> std::io::Result<Reply> {
        let length = u32::try_from(frame.len()).map_err(std::io::Error::other)?;
        self.stdin.write_all(&length.to_be_bytes()).await?;
        self.stdin.write_all(frame).await?;
        self.stdin.flush().await?;
        let length = self.stdout.read_u32().await? as usize;
        if length > MAX_FRAME_BYTES {
            return Err(std::io::Error::other("its answer is too large"));
        }
        let mut answer = vec![0; length];
        self.stdout.read_exact(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "javascript child cannot be killed");
        }
    }
}
