//! How a run that is driven ends: by its outcome, or by a panic.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_app::lease::Held;
use flowgate_app::platform::App;
use flowgate_app::run::{Ending, Finished, RunEnd, RunHead, RunRecord, RunState};
use flowgate_engine::{Outcome, RunError};
use serde_json::Value;

use super::{Driver, Progress};

impl Driver {
    /// The run as it will be stored, and what is to be written.
    pub(super) fn ending(&mut self) -> Result<(RunRecord, Ending)> {
        let outcome = self.run.outcome().context("the engine is done without an outcome")?;
        let (state, output, error) = match outcome {
            Outcome::Succeeded { output } => (RunState::Succeeded, output.clone(), None),
            Outcome::Failed { error, output } => (RunState::Failed, output.clone(), Some(error.clone())),
            Outcome::Cancelled => (RunState::Cancelled, Value::Null, None),
        };
        let ended_at = self.app.now().max(self.started_at);
        let end = RunEnd { state, output: Arc::new(output), error, usage: self.run.usage(), started_at: self.started_at, ended_at };
        let mut record = self.record(state);
        record.end = Some(Arc::new(end));
        let of_workflow = self.run.workflow_webhook();
        let events = if self.logged { self.recorder.take_unwritten() } else { Vec::new() };
        let ending = self.app.ending_of(&record, of_workflow, self.recorder.take_trace(), events)?;
        Ok((record, ending))
    }
}

/// Ends a run as `internal` whose driving panicked: nothing is lost, its neighbours go on.
pub struct PanicEnd {
    pub(super) app: Arc<App>,
    pub(super) head: Arc<RunHead>,
    pub(super) held: Held,
}

impl PanicEnd {
    pub(crate) async fn finish(self) -> Option<Progress> {
        tracing::error!(run.id = %self.held.run, "driving the run panicked");
        // It may have been before its first write.
        self.app.leave(&self.head).await;
        let error = RunError { code: "internal".to_owned(), message: "internal error".to_owned(), node: None };
        match self.app.end_stored(&self.held, RunState::Failed, Some(error)).await {
            Ok(finished) => finished.map(|finished| match finished {
                Finished::Already(record) => Progress::Ended(record),
                Finished::Finished | Finished::Lost => Progress::Lost,
            }),
            Err(error) => {
                tracing::error!(run.id = %self.held.run, error = format!("{error:#}"), "the run could not be ended");
                None
            }
        }
    }
}
