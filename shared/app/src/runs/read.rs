//! Reads runs and their events.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::event::{Event, EventId};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::chosen_id_key;
use flowgate_core::key::Scope;
use flowgate_core::run::{RunRecord, RunState};
use flowgate_core::time::Timestamp;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

const EVENTS_PER_READ: usize = 1_000;
/// Between two looks at a run that another process may drive.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl App {
    /// Returns the run, if the caller may see it.
    pub async fn run_for(&self, caller: &Caller, scope: Scope, id: &str) -> Result<RunRecord> {
        let run = RunId::parse(id).ok_or(Error::NotFound(What::Run))?;
        let record = self.ports.runs.read(&run).await?.ok_or(Error::NotFound(What::Run))?;
        caller.require_run(scope, &record.head.workflow_id, &run)?;
        Ok(record)
    }

    /// Returns the run of this workflow with the id: its own, or the one that its caller chose.
    pub async fn run_of_workflow(
        &self,
        caller: &Caller,
        scope: Scope,
        workflow_id: &str,
        id: &str,
    ) -> Result<RunRecord> {
        caller.require_known(workflow_id, What::Run)?;
        caller.require_scope(scope)?;
        let run = match RunId::parse(id) {
            Some(run) => run,
            None => self.chosen_run(workflow_id, id).await?,
        };
        caller.require_run(scope, workflow_id, &run)?;
        let record = self.ports.runs.read(&run).await?;
        record
            .filter(|record| record.head.workflow_id == workflow_id)
            .ok_or(Error::NotFound(What::Run))
    }

    /// Waits until the run has ended, at most until this time, or until this process stops.
    pub async fn wait_for_end(&self, run: &RunId, until: Timestamp) {
        self.wait(run, until, false).await;
    }

    /// The same, but no longer than until it waits for a person.
    pub async fn wait_for_end_or_question(&self, run: &RunId, until: Timestamp) {
        self.wait(run, until, true).await;
    }

    async fn wait(&self, run: &RunId, until: Timestamp, or_question: bool) {
        let mut stopping = self.stopping();
        while self.now() < until {
            match self.ports.runs.progress(run).await {
                Ok(Some(progress)) if !progress.state.has_ended() => {
                    let waits = or_question && progress.state == RunState::Waiting;
                    if waits && self.asks(run).await {
                        return;
                    }
                }
                Ok(_) => return,
                // The next look may succeed.
                Err(error) => {
                    tracing::debug!(run.id = %run, error = format!("{error:#}"), "no progress");
                }
            }
            let pause = LOOK_AGAIN.min(until.since(self.now()));
            tokio::select! {
                () = self.ports.clock.sleep(pause) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Whether there is a question that nobody has answered.
    async fn asks(&self, run: &RunId) -> bool {
        let read = self.ports.runs.read(run).await;
        read.is_ok_and(|record| record.is_some_and(|record| record.asked > record.answers))
    }

    async fn chosen_run(&self, workflow_id: &str, id: &str) -> Result<RunId> {
        let workflow = self.cached_workflow(workflow_id).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound(What::Run),
            other => other,
        })?;
        let claim =
            self.ports.runs.idempotency(&chosen_id_key(&workflow.uid, id), self.now()).await?;
        claim.map(|claim| claim.run).ok_or(Error::NotFound(What::Run))
    }

    /// Returns the run with its outputs; `Gone` if they were wiped.
    pub async fn read_run(&self, caller: &Caller, id: &str) -> Result<RunRecord> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        if record.wiped { Err(Error::Gone) } else { Ok(record) }
    }

    /// Returns the run, and the document that it runs. `Gone` if a draft's was wiped.
    pub async fn read_run_document(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(RunRecord, Arc<str>)> {
        let record = self.run_for(caller, Scope::Trace, id).await?;
        let head = &record.head;
        let document = match &head.draft {
            Some(_) if record.wiped => return Err(Error::Gone),
            Some(draft) => draft.document.clone(),
            None => {
                let version = self.ports.workflows.version(&head.workflow_uid, &head.version);
                version.await?.ok_or(Error::NotFound(What::Version))?.document
            }
        };
        Ok((record, document))
    }

    /// Returns the next stored events after `after`, in order.
    pub async fn events_after(&self, run: &RunId, after: Option<EventId>) -> Result<Vec<Event>> {
        Ok(self.ports.runs.events(run, after, EVENTS_PER_READ).await?)
    }

    /// Hands out every stored event, in order. Holds one page of them at a time.
    pub async fn each_event(&self, run: &RunId, mut take: impl FnMut(Event)) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = self.ports.runs.events(run, after, EVENTS_PER_READ).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            page.into_iter().for_each(&mut take);
        }
    }
}
