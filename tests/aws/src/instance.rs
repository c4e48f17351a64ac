//! One process of a function: at most one event at a time, frozen while it has none.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::invocation::{Failure, Invocation};

pub(crate) struct Instance {
    pub(crate) id: String,
    /// `None` until the process runs.
    pid: OnceLock<Pid>,
    state: Mutex<State>,
    /// Notified when an event is ready.
    ready: Notify,
}

#[derive(Default)]
struct State {
    /// Assigned but not fetched yet.
    pending: Option<Arc<Invocation>>,
    /// Fetched and still open, until the process asks for its next event.
    current: Option<Arc<Invocation>>,
    /// The share of the function's concurrency that this process holds.
    permit: Option<OwnedSemaphorePermit>,
    dead: bool,
    /// Why the double killed it, if it did.
    verdict: Option<Failure>,
}

impl Instance {
    /// Creates the process with its first event.
    pub(crate) fn new(id: String, first: Arc<Invocation>, permit: OwnedSemaphorePermit) -> Self {
        let state = State { pending: Some(first), permit: Some(permit), ..State::default() };
        Self { id, pid: OnceLock::new(), state: Mutex::new(state), ready: Notify::new() }
    }

    pub(crate) fn runs_as(&self, pid: Pid) {
        let _ = self.pid.set(pid);
    }

    /// Assigns an event and thaws the process. Returns `false` if it has died.
    pub(crate) fn assign(
        &self,
        invocation: Arc<Invocation>,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), OwnedSemaphorePermit> {
        let mut state = self.lock();
        if state.dead {
            return Err(permit);
        }
        state.pending = Some(invocation);
        state.permit = Some(permit);
        drop(state);
        self.signal(Signal::CONT);
        self.ready.notify_one();
        Ok(())
    }

    /// The process asked for its next event, so its current one is over.
    pub(crate) fn end_current(&self) -> Option<OwnedSemaphorePermit> {
        let mut state = self.lock();
        let ended = state.current.take();
        let permit = if state.pending.is_none() { state.permit.take() } else { None };
        drop(state);
        if let Some(ended) = ended {
            ended.answer(Err(Failure::Exited(
                "the runtime asked for the next event without an answer to this one".to_owned(),
            )));
        }
        permit
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.lock().pending.is_some()
    }

    /// Waits for an event and makes it the current one.
    pub(crate) async fn next(&self) -> Arc<Invocation> {
        loop {
            let taken = {
                let mut state = self.lock();
                let taken = state.pending.take();
                state.current.clone_from(&taken);
                taken
            };
            match taken {
                Some(invocation) => return invocation,
                None => self.ready.notified().await,
            }
        }
    }

    pub(crate) fn current(&self, request_id: &str) -> Option<Arc<Invocation>> {
        self.lock().current.clone().filter(|invocation| invocation.request_id == request_id)
    }

    pub(crate) fn is_busy(&self) -> bool {
        let state = self.lock();
        !state.dead && (state.current.is_some() || state.pending.is_some())
    }

    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn kill(&self, verdict: Option<Failure>) {
        self.lock().verdict = verdict;
        self.signal(Signal::KILL);
    }

    /// Kills the process if this event is still open at its deadline.
    pub(crate) async fn kill_at_timeout(
        self: Arc<Self>,
        invocation: Arc<Invocation>,
        timeout: Duration,
    ) {
        let began = Instant::now();
        tokio::time::sleep(timeout).await;
        if self.current(&invocation.request_id).is_some() {
            let seconds = began.elapsed().as_secs_f64();
            let message = format!(
                "RequestId: {} Error: Task timed out after {seconds:.2} seconds",
                invocation.request_id
            );
            self.kill(Some(Failure::TimedOut(message)));
        }
    }

    /// The process exited: its open event fails, and its place is free.
    pub(crate) fn died(&self, how: &str) {
        let (events, verdict) = {
            let mut state = self.lock();
            state.dead = true;
            state.permit = None;
            ([state.pending.take(), state.current.take()], state.verdict.take())
        };
        for event in events.into_iter().flatten() {
            let exited = || {
                Failure::Exited(format!(
                    "RequestId: {} Error: Runtime exited with error: {how}",
                    event.request_id
                ))
            };
            event.answer(Err(verdict.clone().unwrap_or_else(exited)));
        }
    }

    /// Returns its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid.get()?.as_raw_nonzero()))
                .ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid.get() {
            let _ = kill_process_group(*pid, signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
