//! A run as it is stored: its head, its state, its end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowgate_engine::child::ChildName;
use flowgate_engine::{Part, RunError, SpendingLimit, Usage, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::origin::{Origin, TriedDraft};
use crate::delivery::WebhookTarget;
use crate::group::Group;
use crate::id::RunId;
use crate::lease::OwnerToken;
use crate::memory::Holder;
use crate::secret::{Publisher, SecretUser, SigningPin};
use crate::session_owner::{SessionOwner, SessionUser};
use crate::time::Timestamp;
use crate::trace_context::TraceContext;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Pending,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunState {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Whether a caller waits for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A caller waits or streams. Results stay in memory; after a crash the run fails as
    /// `interrupted`.
    Attached,
    /// Accepted, or handed over. Every finished call is recorded; after a crash a worker continues.
    Detached,
}

/// How a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartMode {
    /// The caller waited for its end.
    Wait,
    /// The caller read its events.
    Stream,
    /// It was accepted, and the caller went on.
    Async,
    Schedule,
}

impl StartMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Stream => "stream",
            Self::Async => "async",
            Self::Schedule => "schedule",
        }
    }
}

/// The API a run was started through. It is stored with the run, but nothing below `api` branches
/// on it: the start request carries the differences as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Native,
    Gptbots,
    Sim,
    AiFlow,
    Mcp,
    OpenAi,
    A2a,
}

/// The part of a run that is fixed from its first write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    pub id: RunId,
    /// The id that the caller chose for it, unique within its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_id: Option<String>,
    pub workflow_id: String,
    /// Distinguishes a workflow from an earlier one with the same id.
    pub workflow_uid: String,
    pub workflow_name: String,
    pub version: String,
    pub dialect: Dialect,
    /// `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// A schedule started it, for no key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_schedule: bool,
    /// How its caller started it; `None` for a schedule, and in runs of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_mode: Option<StartMode>,
    /// The run counts towards its key's limit of concurrent runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The caller's own name for its end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The caller's own name for the conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// On whose behalf it uses sessions; `None` in runs of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_user: Option<Box<SessionUser>>,
    /// With defaults and coercions applied, as the nodes see it.
    #[serde(default, skip_serializing_if = "is_null")]
    pub input: Arc<Value>,
    /// As the caller spelled it (key order, numbers), for the dialect that echoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_as_sent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookTarget>,
    /// `false`: input and outputs are wiped once the run and its last delivery have ended.
    pub save: bool,
    /// The workflow's pin when the run was created. Signs its webhooks if the workflow is gone by
    /// then.
    pub signing: SigningPin,
    pub created_at: Timestamp,
    /// After this time the run fails as `timeout`.
    pub deadline_at: Timestamp,
    /// Who published the version: decides which secrets the run may use.
    #[serde(default, skip_serializing_if = "Publisher::is_platform")]
    pub published_by: Publisher,
    /// How many runs led to this one, each by starting the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// The trace that it is a part of: its caller's, or its own if spans are reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// The version of the engine's rules ([`flowgate_engine::ENGINE`]) that the run was created
    /// with, and keeps to its end.
    #[serde(default)]
    pub engine: u32,
    /// What its caller allows it to spend.
    #[serde(default, skip_serializing_if = "SpendingLimit::is_none")]
    pub spending_limit: SpendingLimit,
    /// The run that it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
    /// The draft that it tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Box<TriedDraft>>,
    /// What of the workflow it runs.
    #[serde(default, skip_serializing_if = "Part::is_whole")]
    pub part: Part,
    /// The versions of the workflows that its nodes run, pinned when it was created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<PinnedChild>,
}

/// A workflow that a run's nodes run, at the version that the run has pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedChild {
    /// As the nodes name it.
    pub name: ChildName,
    pub uid: String,
    pub version: String,
    /// Who published the version: decides which secrets its nodes may use.
    #[serde(default, skip_serializing_if = "Publisher::is_platform")]
    pub published_by: Publisher,
}

impl RunHead {
    /// Returns whether it tries a draft, or a part of a workflow: it does not count as production.
    pub fn is_draft(&self) -> bool {
        self.draft.is_some() || !self.part.is_whole()
    }

    /// Returns how it was started, if that is known.
    pub fn start_mode(&self) -> Option<StartMode> {
        if self.by_schedule { Some(StartMode::Schedule) } else { self.start_mode }
    }

    /// Returns on whose behalf the run uses sessions. What an earlier release started without a key
    /// is the operator's, if it names no user.
    pub fn session_user(&self) -> SessionUser {
        let of_earlier = || SessionUser {
            owner: SessionOwner { key_id: self.key_id.clone(), user: self.user.clone() },
            is_operator: self.key_id.is_none() && self.user.is_none(),
        };
        self.session_user.as_deref().cloned().unwrap_or_else(of_earlier)
    }

    /// Returns what its nodes' randomness is made of.
    pub fn seed_root(&self) -> &RunId {
        let takes = self.origin.as_ref().and_then(|origin| origin.takes.as_ref());
        takes.map_or(&self.id, |takes| &takes.seed_root)
    }

    /// Returns the uid of the workflow whose node makes a call: the run's own, or a child's.
    pub fn uid_of(&self, workflow: usize) -> &str {
        let child = workflow.checked_sub(1).and_then(|index| self.children.get(index));
        child.map_or(&self.workflow_uid, |child| &child.uid)
    }

    /// Returns on whose behalf a call of the run uses secrets. [`flowgate_engine::Call::workflow`]
    /// says whose call it is: the run's own, or a child's.
    pub fn secret_user(&self, workflow: usize) -> SecretUser {
        let child = workflow.checked_sub(1).and_then(|index| self.children.get(index));
        match child {
            Some(child) => SecretUser {
                workflow_id: child.name.workflow.clone(),
                published_by: child.published_by,
            },
            None => SecretUser {
                workflow_id: self.workflow_id.clone(),
                published_by: self.published_by,
            },
        }
    }

    /// Returns the id that the caller chose, or else the run's own.
    pub fn shown_id(&self) -> &str {
        self.chosen_id.as_deref().unwrap_or(self.id.as_str())
    }

    /// What a wipe keeps: nothing that the caller sent, its webhooks' URLs and headers included.
    #[must_use]
    pub fn wiped(&self) -> Self {
        Self { webhooks: Vec::new(), ..self.without_input() }
    }

    fn without_input(&self) -> Self {
        let draft = self.draft.as_ref().map(|draft| {
            Box::new(TriedDraft { hash: draft.hash.clone(), document: Arc::default() })
        });
        let part = Part { until: self.part.until.clone(), pins: BTreeMap::new() };
        Self { input: Arc::default(), input_as_sent: None, draft, part, ..self.clone() }
    }

    /// Runs of one key are one group; so are the schedules of a workflow and what they start.
    pub fn group(&self) -> Group {
        if self.by_schedule {
            Group::new(self.workflow_uid.as_str())
        } else {
            Group::of_key(self.key_id.as_deref())
        }
    }

    /// Returns whose share of a process's memory and time the run takes.
    pub fn holder(&self) -> Holder {
        if self.by_schedule {
            Holder::of_workflow(&self.workflow_uid)
        } else {
            Holder::of_key(self.key_id.as_deref())
        }
    }

    /// Returns the head as it is stored, and the input if it is stored separately.
    pub fn split(&self) -> (Cow<'_, Self>, Option<RunInput>) {
        let as_sent = self.input_as_sent.as_ref().map_or(0, String::len);
        let document = self.draft.as_ref().map(|draft| draft.document.clone());
        let given = document.as_ref().map_or(0, |document| document.len())
            + self.part.pins.values().map(|pin| json::size(pin)).sum::<usize>();
        if json::size(&self.input) + as_sent + given <= MAX_INLINE_VALUE {
            return (Cow::Borrowed(self), None);
        }
        let input = RunInput {
            input: self.input.clone(),
            input_as_sent: self.input_as_sent.clone(),
            document,
            pins: self.part.pins.clone(),
        };
        (Cow::Owned(self.without_input()), Some(input))
    }
}

/// A run's input. Large inputs are stored separately, so that a list of runs need not read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInput {
    input: Arc<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_as_sent: Option<String>,
    /// Of the draft that it tries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<Arc<str>>,
    /// The outputs that were given instead of made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pins: BTreeMap<String, Arc<Value>>,
}

impl RunInput {
    pub(super) fn put_back(self, head: &mut RunHead) {
        (head.input, head.input_as_sent) = (self.input, self.input_as_sent);
        if let (Some(draft), Some(document)) = (&mut head.draft, self.document) {
            draft.document = document;
        }
        head.part.pins.extend(self.pins);
    }
}

/// An input of at most this many bytes is stored in the head, an output in the end: a list reads
/// them whether it includes them or not.
const MAX_INLINE_VALUE: usize = 2048;

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_null(value: &Value) -> bool {
    value.is_null()
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    pub head: Arc<RunHead>,
    pub state: RunState,
    pub mode: Mode,
    /// The number of owners so far. A write with an older fence is refused.
    pub fence: u64,
    pub owner: Option<OwnerToken>,
    /// When the lease, or the wait in a queue, of a run that has not ended is over.
    pub due_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// Claims since the last new checkpoint.
    pub claims_without_progress: u32,
    pub started_at: Option<Timestamp>,
    /// Questions that were asked so far, and how many of them were answered.
    pub asked: u64,
    pub answers: u64,
    /// Set once the run has ended.
    pub end: Option<Arc<RunEnd>>,
    /// Input and outputs have been deleted (`save: false`).
    pub wiped: bool,
}

impl RunRecord {
    /// Returns how long it ran, once it has ended.
    pub fn duration_ms(&self) -> Option<u64> {
        let end = self.end.as_deref()?;
        u64::try_from(end.ended_at.since(end.started_at).as_millis()).ok()
    }

    /// Returns how long it was stored before it started, once it has.
    pub fn queued_ms(&self) -> Option<u64> {
        let queued = self.started_at?.since(self.head.created_at);
        u64::try_from(queued.as_millis()).ok()
    }

    /// A detached run that no worker has claimed yet.
    pub fn pending(head: Arc<RunHead>, due_at: Timestamp) -> Self {
        Self {
            head,
            state: RunState::Pending,
            mode: Mode::Detached,
            fence: 0,
            owner: None,
            due_at: Some(due_at),
            cancel_requested: false,
            claims_without_progress: 0,
            started_at: None,
            asked: 0,
            answers: 0,
            end: None,
            wiped: false,
        }
    }
}

/// How a run ended. Written once; the first writer wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub state: RunState,
    #[serde(default, skip_serializing_if = "is_null")]
    pub output: Arc<Value>,
    pub error: Option<RunError>,
    pub usage: Usage,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
}

impl RunEnd {
    /// What a wipe keeps: how the run ended, without the output. A message may quote an input, an
    /// answer or a URL.
    #[must_use]
    pub fn wiped(&self) -> Self {
        let error = self
            .error
            .as_ref()
            .map(|error| RunError { message: WIPED_MESSAGE.to_owned(), ..error.clone() });
        Self { output: Arc::default(), error, ..self.clone() }
    }

    /// Returns the end as it is stored, and the output if it is stored separately.
    pub fn split(&self) -> (Cow<'_, Self>, Option<&Value>) {
        if json::size(&self.output) <= MAX_INLINE_VALUE {
            return (Cow::Borrowed(self), None);
        }
        (Cow::Owned(Self { output: Arc::default(), ..self.clone() }), Some(&self.output))
    }
}

/// In the place of an error's message.
const WIPED_MESSAGE: &str = "the run was not saved";
