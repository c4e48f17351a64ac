//! The queue of one process: messages go to its own loops, fairly. Due rows cover those lost with
//! the process.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::group::Group;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};

use crate::turns::{Places, Turn, Turns};

/// A job deletes page by page, and files go: one at a time leaves the disk to the runs.
const JOBS: Places = Places { all: 1, per_group: 1 };

/// Clones share the messages.
#[derive(Clone)]
pub struct LocalQueue {
    runs: Arc<Turns>,
    deliveries: Arc<Turns>,
    jobs: Arc<Turns>,
}

impl LocalQueue {
    /// Deliveries have places of their own, so that they never wait for runs.
    pub fn new(runs: Places, deliveries: Places) -> Self {
        Self { runs: Turns::new(runs), deliveries: Turns::new(deliveries), jobs: Turns::new(JOBS) }
    }

    /// Waits for the next message that has a place. The work loop takes them.
    pub async fn next(&self) -> Turn {
        tokio::select! {
            turn = self.runs.next() => turn,
            turn = self.deliveries.next() => turn,
            turn = self.jobs.next() => turn,
        }
    }

    pub fn try_next(&self) -> Option<Turn> {
        self.runs.try_next().or_else(|| self.deliveries.try_next()).or_else(|| self.jobs.try_next())
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, message: Message, group: &Group) -> Result<()> {
        match message {
            // Deciding a tick takes no longer than claiming a run.
            Message::RunV1 { .. } | Message::ScheduleV1 { .. } => self.runs.push(message, group),
            Message::WebhookV1 { .. } => self.deliveries.push(message, group),
            Message::JobV1 { .. } | Message::FileV1 { .. } | Message::MetricsV1 { .. } => {
                self.jobs.push(message, group)
            }
        }
    }

    /// Does nothing: the sweep runs every second and sends what is due.
    async fn send_later(&self, _: Message, _: &Group, _: Timestamp) -> Result<()> {
        Ok(())
    }
}
