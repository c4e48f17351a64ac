//! A run's log, read as it grows: for streams that come back, or were not there from the start.

use std::sync::Arc;
use std::time::Duration;

use flowgate_app::App;
use flowgate_app::event::{Event, EventId};
use flowgate_app::id::RunId;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::time::Timestamp;

/// How often the log is read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) enum Logged {
    Events(Vec<Event>),
    /// `None`: past its retention.
    Ended(Option<Box<RunRecord>>),
    /// The run goes on, and this process reads no longer.
    Cut,
    /// It waits, for a time or for a person, and nothing is new: for [`EventLog::reports_waiting`].
    Waiting,
}

pub(crate) struct EventLog {
    app: Arc<App>,
    run: RunId,
    /// Only later events are read.
    pub(crate) after: Option<EventId>,
    until: Timestamp,
    over: bool,
    /// Each look at a run that waits is reported.
    pub(crate) reports_waiting: bool,
}

impl EventLog {
    pub(crate) fn new(app: Arc<App>, run: RunId, after: Option<EventId>) -> Self {
        let until = app.now() + app.settings.longest_follow;
        Self { app, run, after, until, over: false, reports_waiting: false }
    }

    /// Returns what comes next, and `None` after the run's end or a cut.
    pub(crate) async fn next(&mut self) -> Option<Logged> {
        let mut stopping = self.app.stopping();
        while !self.over {
            let mut waits = false;
            match self.look().await {
                Ok(Some(Logged::Waiting)) if self.app.now() < self.until => waits = true,
                Ok(Some(Logged::Waiting)) => break,
                Ok(Some(logged)) => return Some(logged),
                Ok(None) if self.app.now() >= self.until => break,
                Ok(None) => {}
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(run.id = %self.run, error, "a run's events could not be read");
                    break;
                }
            }
            tokio::select! {
                () = self.app.ports.clock.sleep(POLL_INTERVAL) => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            if waits {
                return Some(Logged::Waiting);
            }
        }
        let was_over = std::mem::replace(&mut self.over, true);
        (!was_over).then_some(Logged::Cut)
    }

    /// Returns what came since the last look. The run is read before its log: once it has ended
    /// the log is whole.
    async fn look(&mut self) -> anyhow::Result<Option<Logged>> {
        let runs = &self.app.ports.runs;
        let state = runs.progress(&self.run).await?.map(|progress| progress.state);
        let goes_on = state.is_some_and(|state| !state.has_ended());
        let events = self.app.events_after(&self.run, self.after).await?;
        if let Some(last) = events.last() {
            self.after = Some(last.id);
            return Ok(Some(Logged::Events(events)));
        }
        if goes_on {
            let waits = self.reports_waiting && state == Some(RunState::Waiting);
            return Ok(waits.then_some(Logged::Waiting));
        }
        self.over = true;
        Ok(Some(Logged::Ended(runs.read(&self.run).await?.map(Box::new))))
    }
}
