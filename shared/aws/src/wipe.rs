//! Wipes a run with `save: false`, so that none of its data is left in the table.

use std::collections::HashSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::delivery::Attempt;
use flowgate_core::id::RunId;
use flowgate_core::run::{RunEnd, RunHead};

use crate::Aws;
use crate::deliveries::{MAX_INLINE_REQUEST, logged, pointed_at};
use crate::item::{Item, Key, META, number, run_partition};
use crate::row::is_open;
use crate::table::Query;
use crate::value::{MAX_ITEM_BYTES, Packer, chunk_keys};
use crate::write::{Outcome, Write};

impl Aws {
    /// Wipes only a run that has ended: an owner still needs the data of an open run. Marks the row
    /// as wiped, and no longer due, only after all the rest: the sweeper finds an interrupted wipe
    /// again.
    pub(crate) async fn wipe_run(&self, run: &RunId) -> Result<()> {
        let attributes = Some("#pk, #sk, #due_at, #head, #end");
        let mut items = self
            .table()
            .query_all(Query { attributes, ..Query::beginning(&run_partition(run), "") })
            .await?;
        let Some(place) = items.iter().position(|item| item.find_text("sk") == Some(META)) else {
            return Ok(());
        };
        let row = items.swap_remove(place);
        if is_open(&row) {
            return Ok(());
        }
        let (pointers, parts): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| item.find_text("sk").is_some_and(|sk| sk.starts_with("WH#")));
        if pointers.is_empty() && parts.is_empty() {
            return self.blank(run, &row, Step::Only).await.map(|_| ());
        }
        let kept = self.blank(run, &row, Step::First).await?;
        self.release_files(run, &parts).await?;
        for pointer in &pointers {
            self.wipe_delivery(&Key::of_delivery(&pointed_at(pointer)?)).await?;
        }
        let keys = parts.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        self.table()
            .delete_all(keys.into_iter().filter(|key| !kept.contains(key)).collect())
            .await?;
        self.mark_wiped(run).await
    }

    /// Removes the row's data. Returns the keys of the chunks that it names now.
    async fn blank(&self, run: &RunId, row: &Item, step: Step) -> Result<HashSet<Key>> {
        let [head, end] = self
            .table()
            .unpack(row.text("pk")?, [Some(row.value("head")?), Some(row.value("end")?)])
            .await?;
        let head: RunHead = serde_json::from_str(&head.context("a run has no head")?)?;
        let end: RunEnd = serde_json::from_str(&end.context("a run has no end")?)?;
        let (head, end) = (head.wiped(), end.wiped());
        let packer = self.packer_of_run(run, "wiped");
        let head = packer.pack(serde_json::to_string(&head)?, MAX_ITEM_BYTES / 2);
        let end = packer.pack(serde_json::to_string(&end)?, MAX_ITEM_BYTES / 2);
        let chunks = [head.chunks, end.chunks].concat();
        let kept = chunks.iter().map(Item::key).collect::<Result<_>>()?;
        self.put_chunks(chunks).await?;
        let (wiped, undue) = if step == Step::Only {
            (", #wiped = :wiped", ", #look_at, #due_shard")
        } else {
            ("", "")
        };
        let write = Write::update(
            Key::of_run(run),
            format!(
                "SET #head = :head, #end = :end{wiped} REMOVE #input, #output, #trace, \
                 #results{undue}"
            ),
        );
        let write = write
            .only_if("attribute_exists(#end)")
            .bind(":head", head.attribute)
            .bind(":end", end.attribute);
        let write = if step == Step::Only {
            write.bind(":wiped", AttributeValue::Bool(true))
        } else {
            write
        };
        // Refused: it expired meanwhile.
        self.table().write(&write).await?;
        Ok(kept)
    }

    /// Deletes the chunks of a refused writer if the row that refused it keeps nothing: the run is
    /// gone, or has ended and is not saved. Nobody would delete them before they expire. What the
    /// row names is the writer's own: its write was applied before.
    pub(crate) async fn drop_refused(
        &self,
        run: &RunId,
        row: Option<&Item>,
        chunks: Vec<Key>,
    ) -> Result<()> {
        let keeps =
            row.is_some_and(|row| is_open(row) || !row.flag("wiped") && !row.has("look_at"));
        if keeps || chunks.is_empty() {
            return Ok(());
        }
        let pk = run_partition(run);
        let values = row.into_iter().flat_map(|row| row.0.values());
        let named = values.map(|value| chunk_keys(&pk, value)).collect::<Result<Vec<_>>>()?;
        let named: HashSet<Key> = named.into_iter().flatten().collect();
        self.table()
            .delete_all(chunks.into_iter().filter(|key| !named.contains(key)).collect())
            .await
    }

    async fn mark_wiped(&self, run: &RunId) -> Result<()> {
        let write =
            Write::update(Key::of_run(run), "SET #wiped = :wiped REMOVE #look_at, #due_shard")
                .only_if("attribute_exists(#end)");
        self.table().write(&write.bind(":wiped", AttributeValue::Bool(true))).await?;
        Ok(())
    }

    /// Without its body a delivery cannot be sent again.
    async fn wipe_delivery(&self, key: &Key) -> Result<()> {
        let Some(item) = self.table().get(key.clone(), None).await? else { return Ok(()) };
        let delivery = self.table().delivery(&item).await?;
        let request = delivery.request.wiped();
        let attempts = delivery.attempts.iter().map(Attempt::wiped);
        let attempts = attempts.map(|attempt| logged(&attempt)).collect::<Result<_>>()?;
        let packer = Packer { salt: "wiped".to_owned(), ..self.packer_of_delivery(&delivery.id) };
        let request = packer.pack(serde_json::to_string(&request)?, MAX_INLINE_REQUEST);
        let kept = request.chunks.iter().map(Item::key).collect::<Result<HashSet<_>>>()?;
        self.put_chunks(request.chunks).await?;
        let write = Write::update(
            key.clone(),
            "SET #request = :request, #attempts = :attempts, #wiped = :wiped REMOVE #due_at, \
             #look_at, #due_shard, #group",
        )
        // An attempt that is recorded meanwhile must not bring its answer back.
        .only_if("#step = :step AND attribute_exists(#pk)")
        .bind(":step", number(delivery.step))
        .bind(":request", request.attribute)
        .bind(":attempts", AttributeValue::L(attempts))
        .bind(":wiped", AttributeValue::Bool(true));
        if let Outcome::Refused(Some(_)) = self.table().write(&write).await? {
            anyhow::bail!("an attempt of the delivery was recorded during the wipe");
        }
        let beside = self
            .table()
            .query_all(Query { attributes: Some("#pk, #sk"), ..Query::beginning(&key.pk, "V#") })
            .await?;
        let keys = beside.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        self.table().delete_all(keys.into_iter().filter(|key| !kept.contains(key)).collect()).await
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// There is more to delete than the row's data.
    First,
    /// The row is all there is to wipe.
    Only,
}
