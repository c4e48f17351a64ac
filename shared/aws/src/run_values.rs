//! The contents of a run's first and last writes: its row, unique rows and parts, and the chunks to
//! write before.

use anyhow::{Context, Result, ensure};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{EarlierRun, IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_core::run::{Created, FinishedRun, NewRun, RunHead};
use flowgate_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::Aws;
use crate::item::{Item, Key, seconds, text, time};
use crate::row::{EndAttributes, HeadAttributes};
use crate::value::MAX_ITEM_BYTES;
use crate::write::{Refusal, Write};

/// A heartbeat rewrites the whole row of an open run, so a larger head is stored in separate items.
pub(crate) const MAX_OPEN_HEAD: usize = 4096;

/// Only a rerun reads the results of an ended run: more would make each read of its row dearer.
const MAX_RESULTS: usize = 16 << 10;

/// The head as its row holds it, and the chunks written before it.
pub(crate) struct HeadValues {
    pub(crate) attributes: HeadAttributes,
    pub(crate) chunks: Vec<Item>,
    /// The bytes that it takes in the row.
    pub(crate) bytes: usize,
}

/// The end as its row holds it, the parts written with the row, and the chunks written before it.
pub(crate) struct EndValues {
    pub(crate) attributes: EndAttributes,
    pub(crate) parts: Vec<Write>,
    pub(crate) chunks: Vec<Item>,
}

impl Aws {
    pub(crate) fn pack_head(&self, head: &RunHead, max_inline: usize) -> Result<HeadValues> {
        let packer = self.packer_of_run(&head.id, "head");
        let (head, input) = head.split();
        let head = packer.pack(serde_json::to_string(&*head)?, max_inline);
        let (mut bytes, mut chunks) = (head.bytes(), head.chunks);
        let mut attributes = HeadAttributes { head: head.attribute, input: None };
        if let Some(input) = input {
            let packed =
                packer.pack(serde_json::to_string(&input)?, max_inline.saturating_sub(bytes));
            bytes += packed.bytes();
            chunks.extend(packed.chunks);
            attributes.input = Some(packed.attribute);
        }
        Ok(HeadValues { attributes, chunks, bytes })
    }

    /// `in_the_row` is the bytes that the head takes in the row.
    pub(crate) fn pack_end(
        &self,
        run: &RunId,
        salt: &str,
        end: &FinishedRun,
        in_the_row: usize,
    ) -> Result<EndValues> {
        ensure!(end.end.state.has_ended(), "a run cannot end as {}", end.end.state.as_str());
        let packer = self.packer_of_run(run, salt);
        let (ending, output) = end.end.split();
        let mut left = MAX_ITEM_BYTES.saturating_sub(in_the_row);
        let mut chunks = Vec::new();
        let mut pack = |value: String| {
            let packed = packer.pack(value, left);
            left = left.saturating_sub(packed.bytes());
            chunks.extend(packed.chunks);
            packed.attribute
        };
        let attributes = EndAttributes {
            end: pack(serde_json::to_string(&*ending)?),
            output: output.map(serde_json::to_string).transpose()?.map(&mut pack),
            trace: pack(serde_json::to_string(&end.trace)?),
            results: None,
        };
        let results = (!end.results.is_empty()).then(|| serde_json::to_string(&end.results));
        let results = results.transpose()?.map(|json| packer.pack(json, left.min(MAX_RESULTS)));
        let results = results.map(|packed| {
            chunks.extend(packed.chunks);
            packed.attribute
        });
        let attributes = EndAttributes { results, ..attributes };
        let mut parts = Vec::new();
        if let Some(part) = self.events_part(run, &end.events)? {
            parts.push(part.write);
            chunks.extend(part.chunks);
        }
        for (index, delivery) in end.deliveries.iter().enumerate() {
            let values = self.delivery_values(delivery, index)?;
            parts.extend([Write::put(values.item), Write::put(values.pointer)]);
            chunks.extend(values.chunks);
        }
        Ok(EndValues { attributes, parts, chunks })
    }
}

/// Returns the writes of the run's unique rows. Each applies if no other run has the key, or that
/// run's row has expired.
pub(crate) fn unique_row_writes(run: &NewRun) -> Vec<Write> {
    let unique_row = |row: &IdempotencyRow| {
        let item = Item::new(unique_row_key(&row.key))
            .with("run", text(run.head.id.as_str()))
            .with("body_hash", text(&row.body_hash))
            .with("kept_until", time(row.expires_at))
            .with("expires_at", seconds(row.expires_at));
        Write::put(item)
            .only_if("attribute_not_exists(#pk) OR #kept_until <= :now OR #run = :run")
            .bind(":now", time(run.head.created_at))
            .bind(":run", text(run.head.id.as_str()))
    };
    [&run.unique_rows.idempotency, &run.unique_rows.run_id]
        .into_iter()
        .flatten()
        .map(unique_row)
        .collect()
}

/// Returns the outcome of a refused create: a unique row of another run, or `Created` if the run
/// itself exists, as the retry of a write that was applied.
pub(crate) fn refused_create(
    unique_rows: &UniqueRows,
    refusals: Vec<Option<Refusal>>,
) -> Result<Created> {
    let mut refusals = refusals.into_iter().skip(1);
    if unique_rows.idempotency.is_some()
        && let Some(Refusal(item)) = refusals.next().flatten()
    {
        return Ok(Created::Repeated(earlier_run(
            &item.context("an idempotency row expired during the write")?,
        )?));
    }
    let taken = unique_rows.run_id.is_some() && refusals.next().flatten().is_some();
    Ok(if taken { Created::IdTaken } else { Created::Created })
}

/// Hashes scope and key: callers choose keys of any length, with any characters.
pub(crate) fn unique_row_key(key: &IdempotencyKey) -> Key {
    let digest = Sha256::new()
        .chain_update(key.scope.len().to_be_bytes())
        .chain_update(&key.scope)
        .chain_update(&key.key)
        .finalize();
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Key::new(format!("IDEM#{hash}"), "IDEM")
}

pub(crate) fn earlier_run(item: &Item) -> Result<EarlierRun> {
    let run = RunId::parse(item.text("run")?).context("an idempotency row names no run")?;
    Ok(EarlierRun { run, body_hash: item.text("body_hash")?.to_owned() })
}

pub(crate) fn unique_row_is_past(item: &Item, now: Timestamp) -> Result<bool> {
    Ok(item.time("kept_until")? <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_scopes_never_meet() {
        let key = |scope: &str, key: &str| {
            unique_row_key(&IdempotencyKey { scope: scope.into(), key: key.into() })
        };
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", ""), key("a", ""));
        assert!(key("a", &"x".repeat(10_000)).pk.len() < 100);
    }
}
