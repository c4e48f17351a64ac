//! Starts the runs of schedules.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::error::Error;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_app::schedule::{LastTick, Overlap, Schedule};
use flowgate_app::time::Timestamp;

use crate::Runner;

/// Long after a tick's schedule has moved on.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

impl Runner {
    /// Processes a `ScheduleV1` message. The run is started under the tick's own key, and the
    /// schedule moves on by compare-and-set: whoever comes second finds that run.
    pub async fn tick(&self, uid: &str, number: u32, tick: Timestamp) -> Result<()> {
        let Some(schedule) = self.app.due_schedule(uid, number, tick).await? else { return Ok(()) };
        let last_run = schedule.last.as_ref().and_then(|last| last.run.clone());
        let at = self.app.latest_tick(&schedule, tick);
        if self.app.is_under_way(&schedule).await? {
            match schedule.set.timetable.overlap {
                Overlap::Queue => self.app.queue_tick(&schedule).await?,
                Overlap::Skip => {
                    let skipped = Some("the run before has not ended".to_owned());
                    self.app.decide_tick(&schedule, LastTick { at, run: last_run, skipped }).await?
                }
            };
            return Ok(());
        }
        let last = match self.start_tick(&schedule, at).await {
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
        self.app.decide_tick(&schedule, last).await?;
        Ok(())
    }

    /// Returns the run of the tick, which may have been started before.
    async fn start_tick(
        &self,
        schedule: &Schedule,
        at: Timestamp,
    ) -> flowgate_app::Result<Option<RunId>> {
        let set = &schedule.set;
        let published = match self.app.published(&set.workflow_id, Some(&set.version)).await {
            Ok(published) if published.uid == schedule.uid => published,
            Ok(_) | Err(Error::NotPublished | Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = self.scheduled_head(&published, &set.timetable.input).await?;
        let (children, program) = self.app.pin_children(&published.id, &published.workflow).await?;
        head.children = children;
        let row = IdempotencyRow {
            key: tick_key(schedule, at),
            body_hash: String::new(),
            expires_at: self.app.now() + REMEMBERED,
        };
        let unique_rows = UniqueRows { idempotency: Some(row), run_id: None };
        self.start_scheduled(Arc::new(head), program, unique_rows).await.map(Some)
    }
}

/// Cannot collide with an `Idempotency-Key`: those scopes start with an API key id.
fn tick_key(schedule: &Schedule, at: Timestamp) -> IdempotencyKey {
    IdempotencyKey {
        scope: format!("schedule/{}", schedule.uid),
        key: format!("{}/{}", schedule.number, at.millis()),
    }
}
