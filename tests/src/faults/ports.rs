//! The ports as one process reaches them: each operation may fail before or after it is applied, be
//! late, or kill its process. Below the faults, the history records what the store accepted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_core::Ports;
use flowgate_core::clock::Clock;
use flowgate_core::delivery::{
    AfterAttempt, Attempt, Deliveries, Delivery, DeliveryId, DeliveryState,
};
use flowgate_core::group::Group;
use flowgate_core::lease::{OwnerToken, Written};
use flowgate_core::overload::Overloaded;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::receiver::{Failing, Receivers};
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, Secrets};
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Due, DueItem, Message, Queue};

use super::history::History;
use super::life::Life;
use super::plan::{Fate, Plan, Side};
use super::without::Guard;

mod runs;
mod sessions;
mod workflows;

#[derive(Clone)]
pub struct Faulty {
    pub inner: Ports,
    pub plan: Arc<Plan>,
    pub life: Arc<Life>,
    pub history: Arc<History>,
    pub clock: Arc<dyn Clock>,
    pub without: Option<Guard>,
}

impl Faulty {
    /// Keys, limits and knowledge have no faults of their own: no promise about runs depends on
    /// them.
    pub fn ports(&self) -> Ports {
        let faulty = Arc::new(self.clone());
        Ports {
            runs: faulty.clone(),
            deliveries: faulty.clone(),
            due: faulty.clone(),
            queue: faulty.clone(),
            workflows: faulty.clone(),
            sessions: faulty.clone(),
            secrets: faulty,
            clock: self.clock.clone(),
            ..self.inner.clone()
        }
    }

    /// Performs the operation under its fate.
    async fn around<T>(
        &self,
        operation: &'static str,
        record: &str,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.life.awake().await;
        let now = self.clock.now();
        let answer = match self.plan.fate(self.life.process, operation, record, now) {
            Fate::FailsBefore => Err(anyhow!("injected: {operation} was not applied")),
            Fate::Throttled => Err(Overloaded { retry_after: Duration::from_secs(1) }.into()),
            Fate::Dies(Side::Before) => {
                self.life.kill();
                std::future::pending().await
            }
            Fate::Works => self.apply(work).await,
            Fate::FailsAfter => {
                self.apply(work).await?;
                Err(anyhow!("injected: the answer of {operation} was lost"))
            }
            Fate::Late(by) => {
                let answer = self.apply(work).await;
                self.clock.sleep(by).await;
                answer
            }
            Fate::Dies(Side::After) => {
                let _ = self.apply(work).await;
                self.life.kill();
                std::future::pending().await
            }
        };
        self.life.awake().await;
        answer
    }

    async fn apply<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let _busy = self.life.operation();
        work.await
    }
}

#[async_trait]
impl Deliveries for Faulty {
    async fn list_of(
        &self,
        workflow_uids: &[String],
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> Result<Page<Delivery>> {
        let work = self.inner.deliveries.list_of(workflow_uids, state, page);
        self.around("deliveries.list_of", "", work).await
    }

    async fn put(&self, delivery: Delivery) -> Result<()> {
        let id = delivery.id.clone();
        self.around("deliveries.put", id.as_str(), self.inner.deliveries.put(delivery)).await
    }

    async fn claim(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>> {
        let work = self.inner.deliveries.claim(id, owner, now, until);
        let claimed = self.around("deliveries.claim", id.as_str(), work).await?;
        if claimed.is_some() {
            self.life.attempt_begins();
        }
        Ok(claimed)
    }

    async fn record(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        attempt: Attempt,
        next: AfterAttempt,
    ) -> Result<Written> {
        self.life.attempt_ends();
        let work = self.inner.deliveries.record(id, owner, attempt, next);
        self.around("deliveries.record", id.as_str(), work).await
    }

    async fn put_back(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        at: Timestamp,
    ) -> Result<Written> {
        self.life.attempt_ends();
        let work = self.inner.deliveries.put_back(id, owner, at);
        self.around("deliveries.put_back", id.as_str(), work).await
    }

    async fn read(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.around("deliveries.read", id.as_str(), self.inner.deliveries.read(id)).await
    }

    async fn of_run(&self, run: &flowgate_core::id::RunId) -> Result<Vec<Delivery>> {
        self.around("deliveries.of_run", run.as_str(), self.inner.deliveries.of_run(run)).await
    }

    async fn redeliver(&self, id: &DeliveryId, now: Timestamp) -> Result<Option<Delivery>> {
        let work = self.inner.deliveries.redeliver(id, now);
        self.around("deliveries.redeliver", id.as_str(), work).await
    }
}

#[async_trait]
impl Receivers for Faulty {
    async fn failing(&self, workflow_uid: &str, receiver: &Group) -> Result<Option<Failing>> {
        let work = self.inner.deliveries.failing(workflow_uid, receiver);
        self.around("receivers.failing", workflow_uid, work).await
    }

    async fn note_failure(
        &self,
        workflow_uid: &str,
        receiver: &Group,
        now: Timestamp,
    ) -> Result<Failing> {
        let work = self.inner.deliveries.note_failure(workflow_uid, receiver, now);
        self.around("receivers.note_failure", workflow_uid, work).await
    }

    async fn disable(&self, workflow_uid: &str, receiver: &Group, now: Timestamp) -> Result<bool> {
        let work = self.inner.deliveries.disable(workflow_uid, receiver, now);
        self.around("receivers.disable", workflow_uid, work).await
    }

    async fn enable(&self, workflow_uid: &str, receiver: &Group) -> Result<()> {
        let work = self.inner.deliveries.enable(workflow_uid, receiver);
        self.around("receivers.enable", workflow_uid, work).await
    }

    async fn all_failing(&self, workflow_uid: &str) -> Result<Vec<(Group, Failing)>> {
        let work = self.inner.deliveries.all_failing(workflow_uid);
        self.around("receivers.all_failing", workflow_uid, work).await
    }
}

#[async_trait]
impl Due for Faulty {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        if self.is_without(Guard::DueRow) {
            return Ok(Vec::new());
        }
        self.around("due.due", "", self.inner.due.due(now, limit)).await
    }

    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<Option<Group>> {
        let work = self.inner.due.postpone(item, until);
        self.around("due.postpone", record_of(&item.what), work).await
    }
}

#[async_trait]
impl Queue for Faulty {
    async fn send(&self, message: Message, group: &Group) -> Result<()> {
        let record = record_of(&message).to_owned();
        self.around("queue.send", &record, self.inner.queue.send(message, group)).await
    }

    async fn send_later(&self, message: Message, group: &Group, at: Timestamp) -> Result<()> {
        let record = record_of(&message).to_owned();
        let work = self.inner.queue.send_later(message, group, at);
        self.around("queue.send_later", &record, work).await
    }
}

fn record_of(message: &Message) -> &str {
    match message {
        Message::RunV1 { run } => run.as_str(),
        Message::WebhookV1 { delivery } => delivery.as_str(),
        Message::JobV1 { job } => job.as_str(),
        Message::FileV1 { file } => file.as_str(),
        Message::ScheduleV1 { uid, .. } => uid,
        Message::MetricsV1 { .. } => "metrics",
    }
}

#[async_trait]
impl Secrets for Faulty {
    /// A process that cannot read the keyring does not start. That is no fault of a run.
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        self.inner.secrets.keyring(create).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        self.inner.secrets.replace_keyring(next).await
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        self.around("secrets.put", name, self.inner.secrets.put(name, secret, now)).await
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        self.around("secrets.get", name, self.inner.secrets.get(name)).await
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.around("secrets.list", "", self.inner.secrets.list()).await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        self.around("secrets.delete", name, self.inner.secrets.delete(name)).await
    }
}
