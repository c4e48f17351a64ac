//! Deletes a run with all that belongs to it.

use anyhow::{Context, Result};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::chosen_id_key;
use flowgate_core::run::{Deleted, RunEnd, RunHead};

use crate::Aws;
use crate::deliveries::pointed_at;
use crate::item::{Item, Key, META, run_partition};
use crate::lists::pointer_keys;
use crate::row::is_open;
use crate::run_values::unique_row_key;
use crate::table::Query;

impl Aws {
    /// Wipes the run first, so that no reader finds half of it, and deletes its row last, so that a
    /// deletion that was interrupted is found again. The row of an `Idempotency-Key` cannot be
    /// found from a run; it names the run alone, and expires within a day.
    pub(crate) async fn delete_run(&self, run: &RunId) -> Result<Deleted> {
        let attributes = Some("#pk, #sk, #due_at, #head, #end");
        let Some(row) = self.table().get(Key::of_run(run), attributes).await? else {
            return Ok(Deleted::Unknown);
        };
        if is_open(&row) {
            return Ok(Deleted::Open);
        }
        let values = [Some(row.value("head")?), Some(row.value("end")?)];
        let [head, end] = self.table().unpack(row.text("pk")?, values).await?;
        let head: RunHead = serde_json::from_str(&head.context("a run has no head")?)?;
        let end: RunEnd = serde_json::from_str(&end.context("a run has no end")?)?;
        let pointers = pointer_keys(&head, &end);
        self.wipe_run(run).await?;
        self.delete_deliveries(run).await?;
        let chosen =
            head.chosen_id.map(|id| unique_row_key(&chosen_id_key(&head.workflow_uid, &id)));
        self.table().delete_all(chosen.into_iter().chain(pointers).collect()).await?;
        let parts = self.keys_in(&run_partition(run)).await?;
        let (row, parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|key| key.sk == META);
        self.table().delete_all(parts).await?;
        self.table().delete_all(row).await?;
        Ok(Deleted::Deleted)
    }

    async fn delete_deliveries(&self, run: &RunId) -> Result<()> {
        let query =
            Query { attributes: Some("#pk, #sk"), ..Query::beginning(&run_partition(run), "WH#") };
        for pointer in self.table().query_all(query).await? {
            let keys = self.keys_in(&Key::of_delivery(&pointed_at(&pointer)?).pk).await?;
            self.table().delete_all(keys).await?;
        }
        Ok(())
    }

    pub(crate) async fn keys_in(&self, partition: &str) -> Result<Vec<Key>> {
        let query = Query { attributes: Some("#pk, #sk"), ..Query::beginning(partition, "") };
        self.table().query_all(query).await?.iter().map(Item::key).collect()
    }
}
