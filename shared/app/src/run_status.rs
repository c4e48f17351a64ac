//! Reads runs, lists them, explains them, cancels them.

use flowgate_core::delivery::{Delivery, DeliveryId};
use flowgate_core::event::{Event, EventId, NodeTrace, Told, Trace};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::chosen_id_key;
use flowgate_core::key::Scope;
use flowgate_core::lease::LEASE;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{CancelRequest, Claimed, Finished, RunFilter, RunRecord, RunState};
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

const EVENTS_A_READ: usize = 1_000;
pub const LONGEST_PAGE: usize = 100;

pub enum Cancelled {
    /// It has ended as cancelled, or its owner was asked to stop.
    Cancelled(Box<RunRecord>),
    Already(Box<RunRecord>),
}

impl App {
    /// The run, if the caller may know of it.
    pub async fn run_for(&self, caller: &Caller, scope: Scope, id: &str) -> Result<RunRecord> {
        let run = RunId::parse(id).ok_or(Error::NotFound(What::Run))?;
        let record = self.ports.runs.read(&run).await?.ok_or(Error::NotFound(What::Run))?;
        caller.require(scope, &record.head.workflow_id, What::Run)?;
        Ok(record)
    }

    /// The run of this workflow that goes by the id: ours, or the one that its caller chose.
    pub async fn run_of_workflow(&self, caller: &Caller, scope: Scope, workflow_id: &str, id: &str) -> Result<RunRecord> {
        caller.require(scope, workflow_id, What::Run)?;
        let run = match RunId::parse(id) {
            Some(run) => run,
            None => self.chosen_run(workflow_id, id).await?,
        };
        let record = self.ports.runs.read(&run).await?;
        record.filter(|record| record.head.workflow_id == workflow_id).ok_or(Error::NotFound(What::Run))
    }

    async fn chosen_run(&self, workflow_id: &str, id: &str) -> Result<RunId> {
        let workflow = self.cached_workflow(workflow_id).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound(What::Run),
            other => other,
        })?;
        let claim = self.ports.runs.idempotency(&chosen_id_key(&workflow.uid, id), self.now()).await?;
        claim.map(|claim| claim.run).ok_or(Error::NotFound(What::Run))
    }

    /// The run with its outputs: refused where they were not to be kept.
    pub async fn read_run(&self, caller: &Caller, id: &str) -> Result<RunRecord> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        if record.wiped { Err(Error::Gone) } else { Ok(record) }
    }

    pub async fn list_runs(&self, caller: &Caller, workflow_id: &str, filter: RunFilter, page: PageRequest) -> Result<Page<RunRecord>> {
        caller.require(Scope::Read, workflow_id, What::Workflow)?;
        let workflow = self.cached_workflow(workflow_id).await?;
        let page = PageRequest { limit: page.limit.clamp(1, LONGEST_PAGE), ..page };
        Ok(self.ports.runs.list(&workflow.uid, filter, page).await?)
    }

    /// The next stored events after `after`, in order.
    pub async fn events_after(&self, run: &RunId, after: Option<EventId>) -> Result<Vec<Event>> {
        Ok(self.ports.runs.events(run, after, EVENTS_A_READ).await?)
    }

    pub async fn all_events(&self, run: &RunId) -> anyhow::Result<Vec<Event>> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let batch = self.ports.runs.events(run, events.last().map(|event| event.id), EVENTS_A_READ).await?;
            let last = batch.len() < EVENTS_A_READ;
            events.extend(batch);
            if last {
                return Ok(events);
            }
        }
    }

    /// What the run did, node by node; of a run that goes on, what is known by now.
    pub async fn trace(&self, record: &RunRecord) -> Result<Trace> {
        if let Some(trace) = self.ports.runs.trace(&record.head.id).await? {
            return Ok(trace);
        }
        Ok(self.trace_so_far(&record.head.id).await?)
    }

    /// From the event log: without inputs and outputs.
    pub(crate) async fn trace_so_far(&self, run: &RunId) -> anyhow::Result<Trace> {
        let mut trace: Trace = Vec::new();
        for event in self.all_events(run).await? {
            match event.told {
                Told::NodeStarted { node, kind, attempt } => {
                    if let Some(entry) = trace.iter_mut().find(|entry| entry.node == node) {
                        entry.attempts = attempt;
                    } else {
                        trace.push(NodeTrace { attempts: attempt, started_at: Some(event.at), ..NodeTrace::new(node, &kind) });
                    }
                }
                Told::NodeFinished { node, status, error, .. } => {
                    if let Some(entry) = trace.iter_mut().find(|entry| entry.node == node) {
                        (entry.status, entry.error) = (Some(status), error);
                        entry.duration_ms = entry.started_at.and_then(|start| u64::try_from(event.at.since(start).as_millis()).ok());
                    }
                }
                Told::Chunk { .. } | Told::NodeReset { .. } => {}
            }
        }
        Ok(trace)
    }

    /// Nobody's run is ended by the canceller; a live owner is asked, and sees it at once here, within 20 s elsewhere.
    pub async fn cancel_run(&self, caller: &Caller, id: &str) -> Result<Cancelled> {
        let record = self.run_for(caller, Scope::Cancel, id).await?;
        let run = &record.head.id;
        match self.ports.runs.request_cancel(run, self.now()).await? {
            CancelRequest::Requested => {
                self.running.wake(run);
                let mut record = self.run_for(caller, Scope::Cancel, id).await?;
                record.cancel_requested = true;
                Ok(Cancelled::Cancelled(Box::new(record)))
            }
            CancelRequest::Unowned => self.cancel_unowned(record).await,
            CancelRequest::Already(_) => Ok(Cancelled::Already(Box::new(self.run_for(caller, Scope::Cancel, id).await?))),
            CancelRequest::Unknown => Err(Error::NotFound(What::Run)),
        }
    }

    async fn cancel_unowned(&self, record: RunRecord) -> Result<Cancelled> {
        let (owner, now) = (self.owner_token(), self.now());
        let Claimed::Ours(held, claimed) = self.ports.runs.claim(&record.head.id, &owner, now, now + LEASE).await? else {
            // Somebody took it meanwhile: they see the request.
            return Ok(Cancelled::Cancelled(Box::new(record)));
        };
        match self.end_held(&held, &claimed, RunState::Cancelled, None).await? {
            Finished::Already(ended) if ended.state == RunState::Cancelled => Ok(Cancelled::Cancelled(ended)),
            Finished::Already(ended) => Ok(Cancelled::Already(ended)),
            Finished::Finished | Finished::Lost => Ok(Cancelled::Cancelled(claimed)),
        }
    }

    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<Delivery>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        Ok(self.ports.deliveries.of_run(&record.head.id).await?)
    }

    /// The same bytes again, at the start of the schedule.
    pub async fn redeliver(&self, caller: &Caller, id: &str) -> Result<Delivery> {
        let id = DeliveryId::parse(id).ok_or(Error::NotFound(What::Delivery))?;
        let delivery = self.ports.deliveries.read(&id).await?.ok_or(Error::NotFound(What::Delivery))?;
        caller.require(Scope::Run, &delivery.workflow_id, What::Delivery)?;
        let again = self.ports.deliveries.redeliver(&id, self.now()).await?.ok_or(Error::Gone)?;
        self.send(Message::WebhookV1 { delivery: id }).await;
        Ok(again)
    }
}
