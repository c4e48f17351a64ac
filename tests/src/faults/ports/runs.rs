//! Runs under faults, and what the store accepted of them.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::event::{Event, EventId, Trace};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{EarlierRun, IdempotencyKey};
use flowgate_core::lease::{Lease, OwnerToken, Written};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{
    Answer, Answered, AskedQuestion, CancelRequest, Checkpoint, Claimed, Created, Deleted,
    Finished, FinishedRun, Heartbeat, ListedQuestion, NewRun, OpenQuestion, Parked, Parking,
    RunFilter, RunProgress, RunRecord, Runs, StartMark,
};
use flowgate_core::time::Timestamp;

use super::Faulty;
use crate::faults::without::Guard;

#[async_trait]
impl Runs for Faulty {
    async fn create(&self, run: NewRun) -> Result<Created> {
        let id = run.head.id.clone();
        let work = self.inner.runs.create(self.new_run(run));
        self.around("runs.create", id.as_str(), work).await
    }

    async fn create_ended(&self, run: NewRun, end: FinishedRun) -> Result<Created> {
        let (id, state) = (run.head.id.clone(), end.end.state);
        let work = async {
            let created = self.inner.runs.create_ended(self.new_run(run), end).await?;
            if created == Created::Created {
                self.history.ended(id.as_str(), state);
            }
            Ok(created)
        };
        self.around("runs.create_ended", id.as_str(), work).await
    }

    async fn claim(
        &self,
        run: &RunId,
        owner: &OwnerToken,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claimed> {
        let work = async {
            let claimed = self.inner.runs.claim(run, owner, now, lease_until).await?;
            if matches!(claimed, Claimed::Leased(..)) {
                self.history.claimed(run.as_str());
            }
            Ok(claimed)
        };
        self.around("runs.claim", run.as_str(), work).await
    }

    async fn heartbeat(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat> {
        let work =
            async { self.inner.runs.heartbeat(&self.lease(lease).await?, lease_until).await };
        self.around("runs.heartbeat", lease.run.as_str(), work).await
    }

    async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Checkpoint,
        events: Vec<Event>,
    ) -> Result<Written> {
        let place = checkpoint.place.clone();
        let work = async {
            if self.is_without(Guard::Checkpoint) {
                self.history.committed(lease.run.as_str(), &place);
                return Ok(Written::Written);
            }
            let lease = self.lease(lease).await?;
            let written = self.inner.runs.checkpoint(&lease, checkpoint, events).await?;
            if written == Written::Written {
                self.history.committed(lease.run.as_str(), &place);
            }
            Ok(written)
        };
        self.around("runs.checkpoint", lease.run.as_str(), work).await
    }

    async fn mark_started(&self, lease: &Lease, place: &str) -> Result<StartMark> {
        let work = self.inner.runs.mark_started(lease, place);
        self.around("runs.mark_started", lease.run.as_str(), work).await
    }

    async fn append_events(&self, lease: &Lease, events: Vec<Event>) -> Result<Written> {
        let work = async { self.inner.runs.append_events(&self.lease(lease).await?, events).await };
        self.around("runs.append_events", lease.run.as_str(), work).await
    }

    async fn hand_over(
        &self,
        lease: &Lease,
        checkpoints: Vec<Checkpoint>,
        events: Vec<Event>,
        due_at: Timestamp,
    ) -> Result<Written> {
        let places: Vec<_> =
            checkpoints.iter().map(|checkpoint| checkpoint.place.clone()).collect();
        let work = async {
            let written = self.inner.runs.hand_over(lease, checkpoints, events, due_at).await?;
            if written == Written::Written {
                places.iter().for_each(|place| self.history.committed(lease.run.as_str(), place));
            }
            Ok(written)
        };
        self.around("runs.hand_over", lease.run.as_str(), work).await
    }

    async fn park(&self, lease: &Lease, parking: Parking) -> Result<Parked> {
        let places: Vec<_> =
            parking.checkpoints.iter().map(|checkpoint| checkpoint.place.clone()).collect();
        let work = async {
            let parked = self.inner.runs.park(&self.lease(lease).await?, parking).await?;
            if parked == Parked::Parked {
                places.iter().for_each(|place| self.history.committed(lease.run.as_str(), place));
            }
            Ok(parked)
        };
        self.around("runs.park", lease.run.as_str(), work).await
    }

    async fn ask(&self, lease: &Lease, place: &str, question: OpenQuestion) -> Result<Written> {
        let work = async { self.inner.runs.ask(&self.lease(lease).await?, place, question).await };
        self.around("runs.ask", lease.run.as_str(), work).await
    }

    async fn answer(
        &self,
        run: &RunId,
        place: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Answered> {
        let work = self.inner.runs.answer(run, place, answer, now);
        self.around("runs.answer", run.as_str(), work).await
    }

    async fn questions(&self, run: &RunId) -> Result<Vec<AskedQuestion>> {
        let work = self.inner.runs.questions(run);
        self.around("runs.questions", run.as_str(), work).await
    }

    async fn open_questions(
        &self,
        workflow_uids: &[String],
        page: PageRequest,
    ) -> Result<Page<ListedQuestion>> {
        let work = self.inner.runs.open_questions(workflow_uids, page);
        self.around("runs.open_questions", "", work).await
    }

    async fn finish(&self, lease: &Lease, end: FinishedRun) -> Result<Finished> {
        let state = end.end.state;
        let work = async {
            let finished = self.inner.runs.finish(&self.lease(lease).await?, end).await?;
            if finished == Finished::Finished {
                self.history.ended(lease.run.as_str(), state);
            }
            Ok(finished)
        };
        self.around("runs.finish", lease.run.as_str(), work).await
    }

    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest> {
        let work = self.inner.runs.request_cancel(run, now);
        self.around("runs.request_cancel", run.as_str(), work).await
    }

    async fn delete(&self, run: &RunId) -> Result<Deleted> {
        self.around("runs.delete", run.as_str(), self.inner.runs.delete(run)).await
    }

    async fn wipe(&self, run: &RunId) -> Result<()> {
        self.around("runs.wipe", run.as_str(), self.inner.runs.wipe(run)).await
    }

    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>> {
        self.around("runs.read", run.as_str(), self.inner.runs.read(run)).await
    }

    async fn progress(&self, run: &RunId) -> Result<Option<RunProgress>> {
        self.around("runs.progress", run.as_str(), self.inner.runs.progress(run)).await
    }

    async fn checkpoints(&self, run: &RunId, after: Option<u64>) -> Result<Vec<Checkpoint>> {
        let work = self.inner.runs.checkpoints(run, after);
        self.around("runs.checkpoints", run.as_str(), work).await
    }

    async fn results(&self, run: &RunId) -> Result<Vec<Checkpoint>> {
        self.around("runs.results", run.as_str(), self.inner.runs.results(run)).await
    }

    async fn started(&self, run: &RunId) -> Result<Vec<String>> {
        self.around("runs.started", run.as_str(), self.inner.runs.started(run)).await
    }

    async fn events(
        &self,
        run: &RunId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Event>> {
        let work = self.inner.runs.events(run, after, limit);
        self.around("runs.events", run.as_str(), work).await
    }

    async fn trace(&self, run: &RunId) -> Result<Option<Trace>> {
        self.around("runs.trace", run.as_str(), self.inner.runs.trace(run)).await
    }

    async fn list(
        &self,
        workflow_uid: &str,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let work = self.inner.runs.list(workflow_uid, filter, page);
        self.around("runs.list", workflow_uid, work).await
    }

    async fn list_of(
        &self,
        workflow_uids: &[String],
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let work = self.inner.runs.list_of(workflow_uids, filter, page);
        self.around("runs.list_of", "", work).await
    }

    async fn idempotency(
        &self,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<EarlierRun>> {
        if self.is_without(Guard::IdempotencyRow) {
            return Ok(None);
        }
        self.around("runs.idempotency", &key.key, self.inner.runs.idempotency(key, now)).await
    }
}
