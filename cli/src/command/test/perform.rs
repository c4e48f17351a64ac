//! The calls of a case: code runs in its child process, the offline models answer, a session is
//! kept for the case. Whatever would leave this machine does not.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flowgate_app::sessions;
use flowgate_core::secret::{Publisher, SecretUser};
use flowgate_core::session::{Session, SessionOwner};
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{MAX_PAUSE, ModelCall, SessionCall, Source, WaitCall};
use flowgate_engine::child::Children;
use flowgate_engine::{Action, Call, CallError, CallResult};
use flowgate_outbound::{CodeGroup, Outbound, OutboundSettings, Resolver};
use serde_json::json;

use super::given::succeeded;
use crate::no_secrets::NoSecrets;

/// Error code of a node whose call has no mock.
const NOT_MOCKED: &str = "not_mocked";

pub(super) enum Made {
    Ended(CallResult),
    /// The call would have left this machine: what it would do, and how it ended instead.
    Missing(String, CallResult),
}

/// Performs code and offline models, for all cases.
pub(super) struct Machine {
    outbound: Outbound,
    user: SecretUser,
    code: CodeGroup,
}

impl Machine {
    pub(super) fn new() -> io::Result<Self> {
        // This program can be its own child.
        let child_programs = vec![std::env::current_exe()?];
        let settings = OutboundSettings { child_programs, ..OutboundSettings::default() };
        let (secrets, clock) = (Arc::new(NoSecrets), Arc::new(SystemClock));
        let outbound = Outbound::with_resolver(settings, secrets, clock, Arc::new(NoNames));
        let published_by = Publisher::Platform;
        let user = SecretUser { workflow_id: "test".to_owned(), published_by };
        Ok(Self { outbound, user, code: CodeGroup::new("test") })
    }

    async fn perform(&self, call: &Call) -> CallResult {
        self.outbound.perform(call, &self.user, &self.code, &mut |_| {}).await
    }
}

/// No name has an address: nothing goes out by mistake either.
struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("a test calls nobody"))
    }
}

/// Performs the calls of one case.
pub(super) struct Performer<'m> {
    machine: &'m Machine,
    children: Children,
    /// By workflow and name.
    sessions: BTreeMap<(usize, String), Session>,
}

impl<'m> Performer<'m> {
    pub(super) fn new(machine: &'m Machine, children: Children) -> Self {
        Self { machine, children, sessions: BTreeMap::new() }
    }

    /// The child that makes a call; `None`: the workflow itself does.
    pub(super) fn child(&self, workflow: usize) -> Option<&str> {
        let child = self.children.0.get(workflow.checked_sub(1)?)?;
        Some(&child.name.workflow)
    }

    /// When the call ends.
    pub(super) fn due(&self, call: &Call, now: Timestamp) -> Timestamp {
        match &call.action {
            Action::Wait(wait) => end_of(wait, Timestamp(call.asked_at_ms)).unwrap_or(now),
            _ => now + call.delay,
        }
    }

    pub(super) async fn perform(&mut self, call: &Call, now: Timestamp) -> Made {
        match &call.action {
            Action::Code(_) => Made::Ended(self.machine.perform(call).await),
            Action::Model(asked) if asked.model.starts_with("offline/") => {
                let asked = ModelCall { echo_delay: Duration::ZERO, ..asked.clone() };
                let call = Call { action: Action::Model(asked), ..call.clone() };
                Made::Ended(self.machine.perform(&call).await)
            }
            Action::Embed(asked) if asked.model.starts_with("offline/") => {
                Made::Ended(self.machine.perform(call).await)
            }
            Action::Read(asked) if matches!(asked.source, Source::Text(_) | Source::Base64(_)) => {
                Made::Ended(self.machine.perform(call).await)
            }
            Action::Webhook(webhook) => {
                Made::Ended(succeeded(json!({ "delivery_id": "test", "data": webhook.body })))
            }
            Action::Session(asked) => Made::Ended(self.use_session(call.workflow, asked)),
            Action::Wait(_) => Made::Ended(self.waited(call, now)),
            other => missing(other),
        }
    }

    fn waited(&self, call: &Call, now: Timestamp) -> CallResult {
        let Action::Wait(wait) = &call.action else { return succeeded(json!({})) };
        match end_of(wait, Timestamp(call.asked_at_ms)) {
            Some(_) => succeeded(json!({ "until": now.to_string() })),
            None => failed("invalid_wait", "`until` is no time as in RFC 3339 within 30 days"),
        }
    }

    fn use_session(&mut self, workflow: usize, asked: &SessionCall) -> CallResult {
        let new = || Session::new(SessionOwner::default());
        let session = self.sessions.entry((workflow, asked.session.clone())).or_insert_with(new);
        match sessions::perform(session, &asked.request) {
            Ok(output) => succeeded(output),
            Err(error) => CallResult::Failed(error),
        }
    }
}

/// Returns when a wait ends; `None` if it is no time, or more than 30 days ahead.
fn end_of(wait: &WaitCall, asked_at: Timestamp) -> Option<Timestamp> {
    match wait {
        WaitCall::ForMs(duration) => Some(asked_at + *duration),
        WaitCall::Until(text) => {
            let until = Timestamp::parse_rfc3339(text.trim());
            until.filter(|until| until.since(asked_at) <= MAX_PAUSE)
        }
    }
}

fn missing(action: &Action) -> Made {
    let what = match action {
        Action::Http(_) => "would send a request".to_owned(),
        Action::Model(asked) => format!("would ask the model {}", asked.model),
        Action::Media(asked) => format!("would ask the model {}", asked.model),
        Action::Embed(asked) => format!("would ask the model {}", asked.model),
        Action::Mcp(_) => "would call an MCP server".to_owned(),
        Action::Read(_) => "would fetch a document".to_owned(),
        Action::Ask(_) => "would ask a person".to_owned(),
        _ => "would use what only a server keeps".to_owned(),
    };
    let result = failed(NOT_MOCKED, &format!("the node {what}, and the case has no mock for it"));
    Made::Missing(what, result)
}

fn failed(code: &str, message: &str) -> CallResult {
    CallResult::Failed(CallError {
        code: code.to_owned(),
        message: message.to_owned(),
        ..CallError::default()
    })
}
