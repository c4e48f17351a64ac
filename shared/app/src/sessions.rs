//! Performs the calls of sessions: each write once, in the order in which runs commit.

use std::time::Duration;

use flowgate_core::session::{Saved, Session, SessionKey, WriteMark};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{SessionCall, SessionRequest, values_output};
use flowgate_engine::{CallError, CallOutput, CallResult};
use serde_json::{Value, json};

use crate::call_site::CallSite;
use crate::platform::App;

/// A session that nobody has used for this long is gone.
const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A use moves the expiry if that moves it by this much.
const EXTENDED_BY: Duration = Duration::from_secs(24 * 3600);
/// With each try one of the runs that write at once is through.
const MAX_TRIES: u32 = 60;
const MAX_PAUSE_MS: u64 = 200;

impl App {
    /// Performs a session's call for the run. Safe to repeat: a write carries its place in the run,
    /// and is applied once. `Err`: the store failed.
    pub async fn use_session(
        &self,
        site: CallSite<'_>,
        call: &SessionCall,
    ) -> anyhow::Result<CallResult> {
        let head = site.head;
        let key = SessionKey::new(site.uid(), &call.session);
        let mark = WriteMark(format!("{}/{}", head.id, site.place));
        for attempt in 0..MAX_TRIES {
            let now = self.now();
            let stored = self.ports.sessions.read(&key, now).await?;
            let is_new = stored.is_none();
            let by = head.session_user();
            let before = stored.unwrap_or_else(|| Session::new(by.owner.clone()));
            if let Err(error) = before.owner.admits(&by) {
                return Ok(CallResult::Failed(error));
            }
            let mut after = before.clone();
            let output = match perform(&mut after, &call.request) {
                Ok(output) => output,
                Err(error) => return Ok(CallResult::Failed(error)),
            };
            if !call.request.writes() || !head.save {
                if !is_new {
                    self.extend_session(&key, &before, now).await?;
                }
                return Ok(succeeded(output));
            }
            after.revision += 1;
            after.expires_at = now + SESSION_LIFE;
            match self.ports.sessions.save(&key, &after, &mark, now).await? {
                Saved::Saved => return Ok(succeeded(output)),
                // What it read holds the write, and maybe later ones.
                Saved::Already => return Ok(succeeded(output_of(&before, &call.request))),
                Saved::Conflict => self.pause_before_retry(attempt).await,
            }
        }
        Ok(CallResult::Failed(CallError {
            code: "session_busy".to_owned(),
            message: "other runs write to the session all the time".to_owned(),
            retryable: true,
            nothing_happened: true,
            ..CallError::default()
        }))
    }

    async fn extend_session(
        &self,
        key: &SessionKey,
        session: &Session,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let until = now + SESSION_LIFE;
        if until.since(session.expires_at) < EXTENDED_BY {
            return Ok(());
        }
        self.ports.sessions.extend(key, until).await
    }

    async fn pause_before_retry(&self, attempt: u32) {
        let [random] = self.random();
        let longest = (u64::from(attempt) * 10 + 5).min(MAX_PAUSE_MS);
        let pause = Duration::from_millis(longest * u64::from(random) / 255);
        self.ports.clock.sleep(pause).await;
    }
}

/// Does what is asked with the session. Nothing is stored.
pub fn perform(session: &mut Session, request: &SessionRequest) -> Result<Value, CallError> {
    match request {
        SessionRequest::Recall { .. } | SessionRequest::Read { .. } => {}
        SessionRequest::Remember { turn } => session.remember(turn.clone()),
        SessionRequest::Set { changes } => session.set(changes)?,
    }
    Ok(output_of(session, request))
}

/// The output of the request, as the session is now.
fn output_of(session: &Session, request: &SessionRequest) -> Value {
    match request {
        SessionRequest::Recall { last } => {
            let first = session.turns.len().saturating_sub(*last);
            json!({ "turns": session.turns[first..] })
        }
        SessionRequest::Remember { .. } => json!({ "kept": session.turns.len() }),
        SessionRequest::Read { names } => {
            values_output(session.values(names.iter().map(String::as_str)))
        }
        SessionRequest::Set { changes } => {
            values_output(session.values(changes.iter().map(|change| &*change.name)))
        }
    }
}

fn succeeded(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}
