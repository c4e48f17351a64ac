//! Runs authors' JavaScript in a child process with an empty environment and resource limits. The
//! parent kills it at the deadline.
//!
//! The engine's interrupt handler is not a time limit: one native call can take hours. The kill is.

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

/// The first argument that turns a program into the child.
const CHILD_ARGUMENT: &str = "__flowgate-js";
/// How many nodes of a run compute at the same time. Others wait, within their own timeout.
const MAX_CHILDREN_PER_RUN: usize = 4;
/// Fits a result of 4 MB with every character escaped, plus the printed text.
const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;

/// The children of one run, started on its first code call. They never run another run's code.
pub struct CodeSession {
    idle: Mutex<Vec<Runner>>,
    slots: Semaphore,
}

/// Length-prefixed JSON over stdin and stdout, one answer per request.
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
    /// `result` is JSON text, which the child does not check.
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
        Self { idle: Mutex::default(), slots: Semaphore::new(MAX_CHILDREN_PER_RUN) }
    }
}

impl CodeSession {
    /// Kills the children and waits until they are gone. Dropping the session kills them too, but
    /// does not wait.
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
    #[expect(
        clippy::disallowed_methods,
        reason = "a child process computes in real time, whatever the clock says"
    )]
    pub(super) async fn perform_code(
        &self,
        call: &CodeCall,
        seed: u64,
        timeout: Duration,
        session: &CodeSession,
    ) -> Result<CallOutput, CallError> {
        let deadline = Instant::now() + timeout;
        let out_of_time = || {
            failed(
                "code_timeout",
                format!("the code did not end within {} s", timeout.as_secs_f64()),
            )
        };
        let slot = tokio::time::timeout_at(deadline, session.slots.acquire())
            .await
            .map_err(|_| out_of_time())?;
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
            // A child whose code failed may be damaged, so it is not used again.
            Ok(answer) => {
                runner.end().await;
                Err(match answer {
                    Ok(reply) => self.failure(reply, out_of_time),
                    Err(error) => failed(
                        "code_crashed",
                        format!("the process that ran the code exited: {error}"),
                    ),
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
            tracing::error!(
                %error,
                program = %program.display(),
                "could not start the javascript child"
            );
            failed("internal", "could not start the process for JavaScript")
        })
    }

    fn request_frame(
        &self,
        call: &CodeCall,
        seed: u64,
        left: Duration,
    ) -> Result<Vec<u8>, CallError> {
        // The child stops itself a little earlier if it can: it reports that and need not be
        // killed.
        let own_limit = left.saturating_sub((left / 10).min(Duration::from_millis(100)));
        let internal =
            |error: serde_json::Error| failed("internal", format!("the code's input: {error}"));
        let variables = serde_json::to_string(&call.variables)
            .and_then(RawValue::from_string)
            .map_err(internal)?;
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
            Reply::Failed { message, line: Some(line) } => {
                failed("code_error", format!("{message} (line {line})"))
            }
            Reply::Failed { message, line: None } => failed("code_error", message),
            Reply::OutOfMemory => {
                failed("code_memory", "the code needs more than 64 MiB of memory")
            }
            Reply::TooLarge => too_large("the code's result", self.settings.max_answer_bytes),
            Reply::OutOfTime | Reply::Done { .. } => out_of_time(),
        }
    }
}

fn output(result: &str, stdout: String) -> Result<CallOutput, CallError> {
    let result = flowgate_engine::json::parse(result.as_bytes())
        .map_err(|error| failed("code_error", format!("the result cannot be stored: {error}")))?;
    Ok(CallOutput {
        value: json!({ "result": result, "stdout": stdout }),
        tokens: None,
        cost_nano_usd: None,
    })
}

struct Runner {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Runner {
    /// Sets only the time zone, so code returns the same result on every machine.
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
            tracing::warn!(%error, "could not kill the javascript child");
        }
    }
}
