//! A run's log, read as it grows: for streams that come back, or were not there from the start.

use std::sync::Arc;
use std::time::Duration;

use flowgate_app::App;
use flowgate_app::event::{Event, EventId};
use flowgate_app::id::RunId;
use flowgate_app::run::RunRecord;
use flowgate_app::time::Timestamp;

/// How often the log is read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) enum Logged {
    Events(Vec<Event>),
    /// `None`: past its retention.
    Ended(Option<Box<RunRecord>>),
    /// The run goes on, and this process reads no longer.
    Cut,
}

pub(crate) struct EventLog {
    app: Arc<App>,
    run: RunId,
    /// Only later events are read.
    pub(crate) after: Option<EventId>,
    until: Timestamp,
    over: bool,
}

impl EventLog {
    pub(crate) fn new(app: Arc<App>, run: RunId, after: Option<EventId>) -> Self {
        let until = app.now() + app.settings.longest_follow;
        Self { app, run, after, until, over: false }
    }

    /// Returns what comes next, and `None` after the run's end or a cut.
    pub(crate) async fn next(&mut self) -> Option<Logged> {
        let mut stopping = self.app.stopping();
        while !self.over {
            match self.look().await {
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
        }
        let was_over = std::mem::replace(&mut self.over, true);
        (!was_over).then_some(Logged::Cut)
    }

    /// Returns what came since the last look. The run is read before its log: once it has ended
    /// the log is whole.
    async fn look(&mut self) -> anyhow::Result<Option<Logged>> {
        let runs = &self.app.ports.runs;
        let goes_on =
            runs.progress(&self.run).await?.is_some_and(|progress| !progress.state.has_ended());
        let events = self.app.events_after(&self.run, self.after).await?;
        if let Some(last) = events.last() {
            self.after = Some(last.id);
            return Ok(Some(Logged::Events(events)));
        }
        if goes_on {
            return Ok(None);
        }
        self.over = true;
        Ok(Some(Logged::Ended(runs.read(&self.run).await?.map(Box::new))))
    }
}
