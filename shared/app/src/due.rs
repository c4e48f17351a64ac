//! Messages, and the due rows that stand behind them: what must be looked at again is sent again.

use std::time::Duration;

use anyhow::Result;

use crate::metric;
use crate::platform::{App, Ports};
use crate::ports::{DueItem, Message};
use crate::time::Timestamp;

/// A due item is sent again after this time, should its message be lost.
const RESEND_AFTER: Duration = Duration::from_secs(60);

impl App {
    /// The due row stands behind every message: one that is not sent comes late, not never.
    pub(crate) async fn send(&self, message: Message) {
        if let Err(error) = self.ports.queue.send(message).await {
            tracing::warn!(error = format!("{error:#}"), "a message was not sent; the sweeper will");
        }
    }

    pub(crate) async fn send_later(&self, message: Message, at: Timestamp) {
        if let Err(error) = self.ports.queue.send_later(message, at).await {
            tracing::warn!(error = format!("{error:#}"), "a message was not sent; the sweeper will");
        }
    }

    pub async fn sweep(&self, limit: usize) -> Result<usize> {
        sweep(&self.ports, limit).await
    }
}

/// Sends what is due; gives how much that was. A sender that dies in between has moved the due time only by a minute.
/// It needs nothing of the platform but its ports.
pub async fn sweep(ports: &Ports, limit: usize) -> Result<usize> {
    let now = ports.clock.now();
    let due = ports.due.due(now, limit).await?;
    let mut sent = 0;
    for item in &due {
        sent += u64::from(send(ports, item).await?);
    }
    metric::swept(&due, sent, now);
    Ok(due.len())
}

/// `false`: somebody else was quicker.
async fn send(ports: &Ports, item: &DueItem) -> Result<bool> {
    // A delivery's own claim moves its due time; only the send itself needs the backstop.
    let ours = ports.due.postpone(item, ports.clock.now() + RESEND_AFTER).await?;
    if ours {
        ports.queue.send(item.what.clone()).await?;
    }
    Ok(ours)
}
