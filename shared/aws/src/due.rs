//! Due rows: a sparse index in 16 shards, so that no shard takes every write.

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

use crate::Aws;
use crate::files::key_of_file;
use crate::item::{Item, Key, text, time};
use crate::jobs::key_of_job;
use crate::schedules;
use crate::table::{Query, Table};
use crate::write::{Outcome, Write};

const SHARDS: u8 = 16;

#[async_trait]
impl Due for Aws {
    /// The index lags a little behind the rows: an item may have moved on, so later writes to it
    /// are conditional.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        let shards =
            try_join_all((0..SHARDS).map(|shard| self.table().due_in(shard, now, limit))).await?;
        let mut items: Vec<DueItem> = shards.into_iter().flatten().collect();
        items.sort_by_key(|item| item.sweep_at);
        items.truncate(limit);
        Ok(items)
    }

    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<Option<Group>> {
        let key = match &item.what {
            Message::RunV1 { run } => Key::of_run(run),
            Message::WebhookV1 { delivery } => Key::of_delivery(delivery),
            Message::JobV1 { job } => key_of_job(job),
            Message::FileV1 { file } => key_of_file(file),
            Message::ScheduleV1 { uid, schedule, .. } => schedules::key_of(uid, *schedule),
        };
        let write = Write::update(key, "SET #look_at = :until").only_if("#look_at = :seen");
        let write = write.bind(":until", time(until)).bind(":seen", time(item.sweep_at));
        Ok(match self.table().write(&write).await? {
            Outcome::Done(item) => Some(Group::new(item.find_text("group").unwrap_or_default())),
            Outcome::Refused(_) => None,
        })
    }
}

impl Table {
    async fn due_in(&self, shard: u8, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        let query = Query {
            index: Some("due"),
            condition: "#due_shard = :shard AND #look_at <= :now".to_owned(),
            limit: Some(limit.max(1)),
            ..Query::default()
        };
        let found = self
            .query(&query.bind(":shard", text(format!("{shard:02}"))).bind(":now", time(now)))
            .await?;
        found.items.iter().map(due_item).collect()
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
    Ok(DueItem { what, since: item.find_time("due_at")?.unwrap_or(sweep_at), sweep_at })
}
