//! Starts the runs of schedules.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::error::Error;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_app::run::{Dialect, RunHead};
use flowgate_app::schedule::{LastTick, Overlap, Schedule};
use flowgate_app::time::Timestamp;
use flowgate_app::workflows::Published;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use serde_json::Value;

use crate::Runner;
use crate::start::{ResponseMode, StartRequest, WhenWaitEnds};

/// Long after a tick's schedule has moved on.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

impl Runner {
    /// Processes a `ScheduleV1` message. The run is started under the tick's own key, and the
    /// schedule moves on by compare-and-set: whoever comes second finds that run.
    pub async fn tick(&self, uid: &str, number: u32, tick: Timestamp) -> Result<()> {
        let Some(schedule) = self.app.due_schedule(uid, number, tick).await? else { return Ok(()) };
        let key = tick_key(uid, number, tick);
        if let Some(earlier) = self.app.ports.runs.idempotency(&key, self.app.now()).await? {
            return self.decide_started(&schedule, tick, earlier.run).await;
        }
        let last_run = schedule.last.as_ref().and_then(|last| last.run.clone());
        let at = self.app.latest_tick(&schedule, tick, self.app.now());
        if self.app.is_under_way(&schedule).await? {
            match schedule.set.timetable.overlap {
                Overlap::Queue => self.app.queue_tick(&schedule).await?,
                Overlap::Skip => {
                    let skipped = Some("the run before has not ended".to_owned());
                    let last = LastTick { at, run: last_run, skipped };
                    self.app.decide_tick(&schedule, last, self.app.now()).await?
                }
            };
            return Ok(());
        }
        let last = match self.start_tick(&schedule, key).await {
            Ok(Some(run)) => LastTick { at, run: Some(run), skipped: None },
            // The workflow has changed since: its row is replaced, or soon will be.
            Ok(None) => return Ok(()),
            Err(Error::Overloaded { retry_after }) => {
                return Err(flowgate_app::overload::Overloaded { retry_after }.into());
            }
            Err(Error::Internal(error)) => return Err(error),
            Err(refused) => {
                let skipped = refused.to_string();
                tracing::warn!(workflow.uid = uid, skipped, "a schedule could start no run");
                LastTick { at, run: last_run, skipped: Some(skipped) }
            }
        };
        self.app.decide_tick(&schedule, last, self.app.now()).await?;
        Ok(())
    }

    /// Whoever started the tick's run died before the schedule moved on. Ticks since then are
    /// decided by themselves.
    async fn decide_started(&self, schedule: &Schedule, tick: Timestamp, run: RunId) -> Result<()> {
        let started = self.app.ports.runs.read(&run).await?;
        let at = started
            .map_or(tick, |record| self.app.latest_tick(schedule, tick, record.head.created_at));
        let last = LastTick { at, run: Some(run), skipped: None };
        self.app.decide_tick(schedule, last, at).await?;
        Ok(())
    }

    /// Returns the run of the tick, which may have been started before.
    async fn start_tick(
        &self,
        schedule: &Schedule,
        key: IdempotencyKey,
    ) -> flowgate_app::Result<Option<RunId>> {
        let set = &schedule.set;
        let published = match self.app.published(&set.workflow_id, Some(&set.version)).await {
            Ok(published) if published.uid == schedule.uid => published,
            Ok(_) | Err(Error::NotPublished | Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = self.scheduled_head(&published, &set.timetable.input).await?;
        let (children, program) =
            self.app.pin_children(&published.id, &published.workflow, &head.part).await?;
        head.children = children;
        let row = IdempotencyRow {
            key,
            body_hash: String::new(),
            expires_at: self.app.now() + REMEMBERED,
        };
        let unique_rows = UniqueRows { idempotency: Some(row), run_id: None };
        self.start_scheduled(Arc::new(head), program, unique_rows).await.map(Some)
    }

    /// The head of a run that a schedule starts: no key's, with the rights of the version's
    /// publisher.
    async fn scheduled_head(&self, published: &Published, input: &Value) -> Result<RunHead> {
        let request = StartRequest {
            workflow_id: published.id.clone(),
            version: None,
            dialect: Dialect::Native,
            input: input.clone(),
            input_as_sent: None,
            rules: InputRules { undeclared: Undeclared::Refuse, coerce: false },
            input_pointer: "/schedule/input",
            user: None,
            save: None,
            webhooks: Vec::new(),
            response_mode: ResponseMode::Detach,
            when_wait_ends: WhenWaitEnds::Detach,
            timeout: None,
            run_id: None,
            idempotency: None,
            spending_limit: SpendingLimit::default(),
        };
        Ok(self.new_head(None, published, request).await?.0)
    }
}

/// Cannot collide with an `Idempotency-Key`: those scopes start with an API key id. Of ticks that
/// were missed, the first one is meant: it stays the schedule's next until a run has been started.
fn tick_key(uid: &str, number: u32, tick: Timestamp) -> IdempotencyKey {
    IdempotencyKey { scope: format!("schedule/{uid}"), key: format!("{number}/{}", tick.millis()) }
}
