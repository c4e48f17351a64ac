//! Sends messages, and sends them again from the due rows that back them.

use std::time::Duration;

use anyhow::Result;
use flowgate_core::group::Group;
use flowgate_core::ports::Ports;
use flowgate_core::time::{Timestamp, millis};
use flowgate_core::work::{DueItem, Message, Swept};
use futures_util::future::join_all;

use crate::metric;
use crate::platform::App;

/// What is due may have lost its message, or wait in a long queue, where more messages do not help.
/// So the interval until the next message is the time it has been due, within these bounds.
const MIN_INTERVAL: Duration = Duration::from_secs(60);
const MAX_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Concurrent sends.
const CONCURRENCY: usize = 16;

impl App {
    /// Never fails: a due row backs every message, so one that is not sent arrives late, not never.
    pub async fn send(&self, message: Message, group: &Group) {
        if let Err(error) = self.ports.queue.send(message, group).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "could not send a message; the sweeper will"
            );
        }
    }

    pub async fn send_later(&self, message: Message, group: &Group, at: Timestamp) {
        if let Err(error) = self.ports.queue.send_later(message, group, at).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "could not send a message; the sweeper will"
            );
        }
    }

    /// Returns how many items were due.
    pub async fn sweep(&self, limit: usize) -> Result<usize> {
        let swept = sweep(&self.ports, limit).await?;
        self.meter.swept(swept);
        Ok(usize::try_from(swept.due).unwrap_or(usize::MAX))
    }
}

/// Sends messages for at most `limit` due items. A sweeper that dies in between has postponed items
/// only by minutes. Needs only the ports.
pub async fn sweep(ports: &Ports, limit: usize) -> Result<Swept> {
    let now = ports.clock.now();
    let due = ports.due.due(now, limit).await?;
    let (mut sent, mut failed) = (0, None);
    for some in due.chunks(CONCURRENCY) {
        for ours in join_all(some.iter().map(|item| send(ports, item, now))).await {
            match ours {
                Ok(ours) => sent += u64::from(ours),
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_some() {
            break;
        }
    }
    let lag = due.iter().map(|item| now.since(item.sweep_at)).max().unwrap_or_default();
    let swept = Swept { lag_ms: millis(lag), due: due.len() as u64, sent };
    metric::swept(swept);
    failed.map_or(Ok(swept), Err)
}

/// Returns `false` if another sweeper was first.
async fn send(ports: &Ports, item: &DueItem, now: Timestamp) -> Result<bool> {
    let sweep_at = now + interval(item, now);
    let Some(group) = ports.due.postpone(item, sweep_at).await? else { return Ok(false) };
    let sent = ports.queue.send(item.what.clone(), &group).await;
    if sent.is_err() && sweep_at > now + MIN_INTERVAL {
        // The queue refused it, so a long queue is not the reason: retry soon.
        ports.due.postpone(&DueItem { sweep_at, ..item.clone() }, now + MIN_INTERVAL).await?;
    }
    sent.map(|()| true)
}

fn interval(item: &DueItem, now: Timestamp) -> Duration {
    now.since(item.since).clamp(MIN_INTERVAL, MAX_INTERVAL)
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
            let item = DueItem {
                what: Message::RunV1 { run: run.clone() },
                since: Timestamp(0),
                sweep_at: now,
            };
            sent.push(now.millis() / 60_000);
            now = now + interval(&item, now);
        }
        assert_eq!(sent, [0, 1, 2, 4, 8, 16, 31, 46]);
    }
}
