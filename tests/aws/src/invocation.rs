//! One event on its way through a function, and its outcome.

use std::sync::Mutex;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    pub(crate) event: Bytes,
    answer: Mutex<Option<oneshot::Sender<Result<Outcome, Failure>>>>,
}

pub(crate) enum Outcome {
    Buffered(Bytes),
    /// The chunks as the function sent them. An error ends a stream that broke off.
    Streamed(mpsc::Receiver<Result<Bytes, Failure>>),
}

#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// No process was free in time, so Lambda refuses.
    Throttled,
    TimedOut(String),
    /// The process exited, or could not be started.
    Exited(String),
    /// The function itself reported an error.
    Reported(Value),
    /// The buffered answer exceeds Lambda's limit.
    TooLarge,
}

impl Invocation {
    pub(crate) fn new(event: Bytes) -> (Self, oneshot::Receiver<Result<Outcome, Failure>>) {
        let (answer, answered) = oneshot::channel();
        let trace = Uuid::new_v4().simple().to_string();
        let trace_id =
            format!("Root=1-{}-{};Parent={};Sampled=0", &trace[..8], &trace[8..], &trace[..16]);
        let invocation = Self {
            request_id: Uuid::new_v4().to_string(),
            trace_id,
            event,
            answer: Mutex::new(Some(answer)),
        };
        (invocation, answered)
    }

    /// Sends the answer. Only the first one counts.
    pub(crate) fn answer(&self, answer: Result<Outcome, Failure>) {
        let waiting = self.answer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }
}

impl Failure {
    /// The error in Lambda's own words.
    pub(crate) fn describe(&self) -> Value {
        match self {
            Self::Throttled => {
                json!({ "errorType": "TooManyRequestsException", "errorMessage": "Rate Exceeded." })
            }
            Self::TimedOut(message) => {
                json!({ "errorType": "Sandbox.Timedout", "errorMessage": message })
            }
            Self::Exited(message) => {
                json!({ "errorType": "Runtime.ExitError", "errorMessage": message })
            }
            Self::Reported(error) => error.clone(),
            Self::TooLarge => json!({
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size \
                                 (6291556 bytes).",
            }),
        }
    }
}

impl Outcome {
    /// Collects the whole answer.
    pub(crate) async fn collect(self) -> Result<Bytes, Failure> {
        match self {
            Self::Buffered(body) => Ok(body),
            Self::Streamed(mut chunks) => {
                let mut whole = Vec::new();
                while let Some(chunk) = chunks.recv().await {
                    whole.extend_from_slice(&chunk?);
                }
                Ok(Bytes::from(whole))
            }
        }
    }
}
