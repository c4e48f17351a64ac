//! Why a request failed. Each dialect renders these cases in its own shape.

use std::time::Duration;

use flowgate_core::job::JobId;
use flowgate_core::key::Scope;
use flowgate_core::limit::{Allowance, Limited};
use flowgate_core::overload::Overloaded;
use flowgate_core::run::RunState;
use flowgate_core::time::Timestamp;
use flowgate_engine::Problem;
use serde::Serialize;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The same for missing, wrong, revoked and expired keys.
    #[error("the key is missing, wrong, revoked or expired")]
    Unauthorized,
    #[error("the key does not have the scope `{}`", .0.as_str())]
    Forbidden(Scope),
    /// The same for what does not exist and what the key may not see.
    #[error("{} not found", .0.as_str())]
    NotFound(What),
    #[error("workflow is not published")]
    NotPublished,
    #[error(
        "no workflow is public here: the operator has to allow it first (`flowgate serve \
         --public-workflows`; on AWS the parameter `PublicWorkflows`)"
    )]
    NoPublicWorkflows,
    #[error("{}", bad_input_message(.0))]
    BadInput(Vec<FieldProblem>),
    #[error("{0}")]
    TooLarge(String),
    #[error(
        "this Content-Encoding is not taken: send the body as it is, or as gzip if it is no file"
    )]
    Compressed,
    #[error("the document has errors")]
    InvalidDocument(Vec<Problem>),
    /// Holds the child's id.
    #[error("whoever publishes this needs the scope `author` for the workflow `{0}`, too")]
    ChildForbidden(String),
    /// A workflow that the run would call is not published, calls itself, or the like. Nothing was
    /// started.
    #[error("{0}")]
    ChildUnavailable(String),
    #[error("the draft is not, or is no longer, the one that the request is for")]
    Stale,
    #[error("the Idempotency-Key was used with another body")]
    IdempotencyMismatch,
    /// Holds the run's id, as its caller knows it.
    #[error("the run {0} of this Idempotency-Key has not ended")]
    StillRunning(String),
    /// The id that the caller chose for its run.
    #[error("another run has the id `{}`; a run id can be chosen once", .0.id)]
    RunIdTaken(TakenRunId),
    #[error("the run has already {}", .0.as_str())]
    AlreadyEnded(RunState),
    #[error(
        "the run has not ended: cancel it (POST /v1/runs/{{id}}/cancel), and delete it once it has \
         ended"
    )]
    NotEnded,
    #[error("the run has not ended: it can run again once it has")]
    NotEndedYet,
    #[error("the job has ended")]
    JobEnded,
    #[error("the job {} of the same key replays the runs already: wait for its end", .0.as_str())]
    AlreadyRerunning(JobId),
    #[error(
        "a secret of this name is stored, and is no login: delete it first, or choose another name"
    )]
    NoLogin,
    #[error("the run does not ask this")]
    NotAsked,
    #[error("the question was answered before, or its time is over")]
    AlreadyAnswered,
    /// Nothing was started. `retry_after` is the time until `retry_at`, rounded up to at least 1 s.
    #[error("{}: try again in {} s", .what.as_str(), .retry_after.as_secs())]
    RateLimited { what: Limited, left: Allowance, retry_at: Timestamp, retry_after: Duration },
    #[error("the run was not saved")]
    Gone,
    /// The request came from a run that was started by a run, and so on.
    #[error(
        "{} runs have each started the next; the workflow starts itself",
        flowgate_core::hops::MAX_HOPS
    )]
    LoopDetected,
    /// The store or this process has no capacity now. Nothing was done.
    #[error("overloaded: try again in {} s", .retry_after.as_secs().max(1))]
    Overloaded { retry_after: Duration },
    /// The store or another component failed. A retry is safe if the request is idempotent.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl From<Overloaded> for Error {
    fn from(overloaded: Overloaded) -> Self {
        Self::Overloaded { retry_after: overloaded.retry_after }
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Overloaded>() {
            Some(overloaded) => (*overloaded).into(),
            None => Self::Internal(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Workflow,
    Version,
    Run,
    Key,
    Delivery,
    Secret,
    /// There is nothing at this path.
    Path,
    Job,
    File,
}

impl What {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Version => "version",
            Self::Run => "run",
            Self::Key => "key",
            Self::Delivery => "delivery",
            Self::Secret => "secret",
            Self::Path => "path",
            Self::Job => "job",
            Self::File => "file",
        }
    }
}

/// An invalid field. `pointer` is a JSON Pointer into the request's body, empty for the body
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    pub pointer: String,
    pub message: String,
}

/// A chosen run id that another run has.
#[derive(Debug)]
pub struct TakenRunId {
    pub id: String,
    /// What the key has left: the request was counted all the same.
    pub allowance: Option<Allowance>,
}

impl Error {
    pub fn bad_field(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadInput(vec![FieldProblem { pointer: pointer.into(), message: message.into() }])
    }
}

fn bad_input_message(problems: &[FieldProblem]) -> String {
    let shown: Vec<String> = problems
        .iter()
        .take(5)
        .map(|problem| {
            format!("{} {}", field_name(&problem.pointer), problem.message).trim().to_owned()
        })
        .collect();
    shown.join("; ")
}

/// Renders a JSON Pointer as a field name: `/webhook/1/method` is `webhook[1].method`.
pub fn field_name(pointer: &str) -> String {
    let mut name = String::new();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if !name.is_empty()
            && !segment.is_empty()
            && segment.bytes().all(|byte| byte.is_ascii_digit())
        {
            name.push_str(&format!("[{segment}]"));
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&segment);
        }
    }
    name
}
