//! Due rows: a sparse index in 256 shards, so that no shard takes every write. A heartbeat moves
//! only `lease_until`, which is in no index: what the index names is looked at again.

use std::collections::HashMap;

use anyhow::{Context, Result};
use async_trait::async_trait;
use flowgate_core::delivery::DeliveryId;
use flowgate_core::file::FileId;
use flowgate_core::group::Group;
use flowgate_core::id::RunId;
use flowgate_core::job::JobId;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Due, DueItem, Message};
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::Aws;
use crate::files::key_of_file;
use crate::item::{Attributes, Item, Key, due_of, text, time};
use crate::jobs::key_of_job;
use crate::schedules;
use crate::table::{Query, Table};
use crate::write::{Outcome, Write};

const SHARDS: u16 = 256;
/// Queries and updates at a time: all shards in sixteen rounds.
const CONCURRENCY: usize = 16;
/// Rows of a shard that the first round reads at least.
const MIN_READ: usize = 4;

/// A shard that may have more, and where its next page starts.
struct Unread {
    shard: u16,
    after: Option<Attributes>,
}

#[async_trait]
impl Due for Aws {
    /// The index lags a little behind the rows: an item may have moved on, so later writes to it
    /// are conditional. Shards take turns, and a group has at most four of them.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        let mut pages: Vec<Vec<DueItem>> = (0..SHARDS).map(|_| Vec::new()).collect();
        let mut unread: Vec<Unread> =
            (0..SHARDS).map(|shard| Unread { shard, after: None }).collect();
        let mut each = limit.div_ceil(usize::from(SHARDS)).max(MIN_READ);
        while !unread.is_empty() && pages.iter().map(Vec::len).sum::<usize>() < limit {
            let reads = std::mem::take(&mut unread).into_iter();
            let reads: Vec<_> = reads.map(|from| self.table().due_in(from, now, each)).collect();
            let reads = stream::iter(reads).buffer_unordered(CONCURRENCY);
            let mut found = Vec::new();
            for (items, next) in reads.try_collect::<Vec<_>>().await? {
                found.extend(items);
                unread.extend(next);
            }
            for (shard, item) in self.without_live(found, now).await? {
                pages[usize::from(shard)].push(item);
            }
            each *= 2;
        }
        let mut items = in_turn(pages, limit);
        items.sort_by_key(|item| item.sweep_at);
        Ok(items)
    }

    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<Option<Group>> {
        let Some(key) = key_of(&item.what) else { return Ok(None) };
        // A heartbeat since it was found moves only the lease.
        let write = Write::update(key, "SET #look_at = :until").only_if(
            "#look_at = :seen AND (attribute_not_exists(#lease_until) OR #lease_until <= :since)",
        );
        let write = write
            .bind(":until", time(until))
            .bind(":seen", time(item.sweep_at))
            .bind(":since", time(item.since));
        Ok(match self.table().write(&write).await? {
            Outcome::Done(item) => Some(Group::new(item.find_text("group").unwrap_or_default())),
            Outcome::Refused(_) => None,
        })
    }
}

impl Aws {
    /// Leaves out runs whose owner has renewed its lease, and moves their place in the index to its
    /// end: once in a lease, not with each heartbeat.
    async fn without_live(
        &self,
        found: Vec<(u16, DueItem)>,
        now: Timestamp,
    ) -> Result<Vec<(u16, DueItem)>> {
        let is_run = |item: &DueItem| matches!(item.what, Message::RunV1 { .. });
        let runs: Vec<Key> = found
            .iter()
            .filter(|(_, item)| is_run(item))
            .filter_map(|(_, item)| key_of(&item.what))
            .collect();
        let attributes = Some("#pk, #sk, #due_at, #lease_until");
        let mut rows: HashMap<Key, Item> = HashMap::new();
        for row in self.table().get_all(&runs, attributes).await? {
            rows.insert(row.key()?, row);
        }
        let (mut due, mut live) = (Vec::new(), Vec::new());
        for (shard, mut item) in found {
            let row = key_of(&item.what).and_then(|key| rows.get(&key));
            if let Some(leased_until) =
                row.map(|row| row.find_time("lease_until")).transpose()?.flatten()
            {
                item.since = item.since.max(leased_until);
                if leased_until > now {
                    live.push((item.clone(), leased_until));
                    continue;
                }
            }
            due.push((shard, item));
        }
        for some in live.chunks(CONCURRENCY) {
            try_join_all(some.iter().map(|(item, until)| self.postpone(item, *until))).await?;
        }
        Ok(due)
    }
}

/// `None`: no row is behind it.
fn key_of(what: &Message) -> Option<Key> {
    Some(match what {
        Message::RunV1 { run } => Key::of_run(run),
        Message::WebhookV1 { delivery } => Key::of_delivery(delivery),
        Message::JobV1 { job } => key_of_job(job),
        Message::FileV1 { file } => key_of_file(file),
        Message::ScheduleV1 { uid, schedule, .. } => schedules::key_of(uid, *schedule),
        Message::MetricsV1 { .. } => return None,
    })
}

/// Takes the first item of each page, earliest first, then the second of each, until there are
/// `limit`.
fn in_turn(pages: Vec<Vec<DueItem>>, limit: usize) -> Vec<DueItem> {
    let numbered = pages.into_iter().flat_map(|mut page| {
        page.sort_by_key(|item| item.sweep_at);
        page.into_iter().enumerate()
    });
    let mut turns: Vec<_> = numbered.collect();
    turns.sort_by_key(|(turn, item)| (*turn, item.sweep_at));
    turns.into_iter().map(|(_, item)| item).take(limit).collect()
}

impl Table {
    async fn due_in(
        &self,
        Unread { shard, after }: Unread,
        now: Timestamp,
        limit: usize,
    ) -> Result<(Vec<(u16, DueItem)>, Option<Unread>)> {
        let query = Query {
            index: Some("due"),
            condition: "#due_shard = :shard AND #look_at <= :now".to_owned(),
            limit: Some(limit),
            after,
            ..Query::default()
        };
        let query = query.bind(":shard", text(format!("{shard:02x}"))).bind(":now", time(now));
        let found = self.query(&query).await?;
        let items = found.items.iter().map(|item| Ok((shard, due_item(item)?)));
        let next = found.next.map(|next| Unread { shard, after: Some(next) });
        Ok((items.collect::<Result<_>>()?, next))
    }
}

fn due_item(item: &Item) -> Result<DueItem> {
    let pk = item.text("pk")?;
    let run = pk.strip_prefix("RUN#").and_then(RunId::parse).map(|run| Message::RunV1 { run });
    let delivery = || {
        pk.strip_prefix("WH#")
            .and_then(DeliveryId::parse)
            .map(|delivery| Message::WebhookV1 { delivery })
    };
    let job = || pk.strip_prefix("JOB#").and_then(JobId::parse).map(|job| Message::JobV1 { job });
    let file =
        || pk.strip_prefix("FILE#").and_then(FileId::parse).map(|file| Message::FileV1 { file });
    let what = run.or_else(delivery).or_else(job).or_else(file);
    let what = what
        .map_or_else(|| schedules::message(item), |what| Ok(Some(what)))?
        .context("an item that is due is of no kind")?;
    let sweep_at = item.time("look_at")?;
    Ok(DueItem { what, since: due_of(item)?.unwrap_or(sweep_at), sweep_at })
}
