//! Messages, and the due rows that stand behind them: what must be looked at again is sent again.

use std::time::Duration;

use anyhow::Result;
use flowgate_core::ports::Ports;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{DueItem, Message};
use futures_util::future::join_all;

use crate::metric;
use crate::platform::App;

/// What is due may have lost its message, or wait in a long queue, where more messages do not help: it is sent again after as long as it
/// has been due already, within these bounds.
const SOONEST_AGAIN: Duration = Duration::from_secs(60);
const LATEST_AGAIN: Duration = Duration::from_secs(15 * 60);
/// Of what is due, so much is sent at once.
const AT_ONCE: usize = 16;

impl App {
    /// The due row stands behind every message: one that is not sent comes late, not never.
    pub async fn send(&self, message: Message) {
        if let Err(error) = self.ports.queue.send(message).await {
            tracing::warn!(error = format!("{error:#}"), "a message was not sent; the sweeper will");
        }
    }

    pub async fn send_later(&self, message: Message, at: Timestamp) {
        if let Err(error) = self.ports.queue.send_later(message, at).await {
            tracing::warn!(error = format!("{error:#}"), "a message was not sent; the sweeper will");
        }
    }

    pub async fn sweep(&self, limit: usize) -> Result<usize> {
        sweep(&self.ports, limit).await
    }
}

/// Sends what is due; gives how much that was. A sender that dies in between has moved the next look only by minutes.
/// It needs nothing of the platform but its ports.
pub async fn sweep(ports: &Ports, limit: usize) -> Result<usize> {
    let now = ports.clock.now();
    let due = ports.due.due(now, limit).await?;
    let (mut sent, mut failed) = (0, None);
    for some in due.chunks(AT_ONCE) {
        for ours in join_all(some.iter().map(|item| send(ports, item, now))).await {
            match ours {
                Ok(ours) => sent += usize::from(ours),
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_some() {
            break;
        }
    }
    metric::swept(&due, sent, now);
    failed.map_or(Ok(due.len()), Err)
}

/// `false`: somebody else was quicker.
async fn send(ports: &Ports, item: &DueItem, now: Timestamp) -> Result<bool> {
    let sweep_at = now + again_after(item, now);
    if !ports.due.postpone(item, sweep_at).await? {
        return Ok(false);
    }
    let sent = ports.queue.send(item.what.clone()).await;
    if sent.is_err() && sweep_at > now + SOONEST_AGAIN {
        // It was not a queue that is long.
        ports.due.postpone(&DueItem { sweep_at, ..item.clone() }, now + SOONEST_AGAIN).await?;
    }
    sent.map(|()| true)
}

fn again_after(item: &DueItem, now: Timestamp) -> Duration {
    now.since(item.since).clamp(SOONEST_AGAIN, LATEST_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowgate_core::id::RunId;

    #[test]
    fn what_waits_long_is_sent_again_seldom() {
        let run = RunId::parse(&format!("run_{:032x}", 1)).unwrap();
        let (mut now, mut sent) = (Timestamp(0), Vec::new());
        while now < Timestamp(0) + Duration::from_secs(3600) {
            let item = DueItem { what: Message::RunV1 { run: run.clone() }, since: Timestamp(0), sweep_at: now };
            sent.push(now.millis() / 60_000);
            now = now + again_after(&item, now);
        }
        assert_eq!(sent, [0, 1, 2, 4, 8, 16, 31, 46]);
    }
}
