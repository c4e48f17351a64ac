//! What a run's first and last writes hold: its row, its claims, its parts, and the items that must be there before.

use anyhow::{Context, Result, ensure};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{Claim, Claims, IdempotencyKey, IdempotencyRow};
use flowgate_core::run::{Created, FinishedRun, NewRun, RunHead};
use flowgate_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::Aws;
use crate::item::{Item, Key, seconds, text, time};
use crate::row::{EndAttributes, HeadAttributes};
use crate::value::MOST_IN_AN_ITEM;
use crate::write::{Refusal, Write};

/// A heartbeat writes the whole row of an open run again: a larger head lies beside it.
pub(crate) const MOST_OPEN_HEAD: usize = 4096;

/// The head as a row holds it, and what goes before the row.
pub(crate) struct HeadValues {
    pub(crate) attributes: HeadAttributes,
    pub(crate) chunks: Vec<Item>,
    /// What it takes in the row.
    pub(crate) bytes: usize,
}

/// The end as a row holds it, what goes with the row, and what goes before it.
pub(crate) struct EndValues {
    pub(crate) attributes: EndAttributes,
    pub(crate) parts: Vec<Write>,
    pub(crate) chunks: Vec<Item>,
}

impl Aws {
    pub(crate) fn pack_head(&self, head: &RunHead, most_inline: usize) -> Result<HeadValues> {
        let packer = self.packer_of_run(&head.id, "head");
        let (head, input) = head.split();
        let head = packer.pack(serde_json::to_string(&*head)?, most_inline);
        let (mut bytes, mut chunks) = (head.bytes(), head.chunks);
        let mut attributes = HeadAttributes { head: head.attribute, input: None };
        if let Some(input) = input {
            let packed = packer.pack(serde_json::to_string(&input)?, most_inline.saturating_sub(bytes));
            bytes += packed.bytes();
            chunks.extend(packed.chunks);
            attributes.input = Some(packed.attribute);
        }
        Ok(HeadValues { attributes, chunks, bytes })
    }

    /// `in_the_row`: the bytes that the row has taken by its head.
    pub(crate) fn pack_end(&self, run: &RunId, salt: &str, end: &FinishedRun, in_the_row: usize) -> Result<EndValues> {
        ensure!(end.end.state.has_ended(), "a run cannot end as {}", end.end.state.as_str());
        let packer = self.packer_of_run(run, salt);
        let (ending, output) = end.end.split();
        let mut left = MOST_IN_AN_ITEM.saturating_sub(in_the_row);
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
        };
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

/// Each is written if nobody else has it, or had it too long ago.
pub(crate) fn claim_writes(run: &NewRun) -> Vec<Write> {
    let claim = |row: &IdempotencyRow| {
        let item = Item::new(claim_key(&row.key))
            .with("run", text(run.head.id.as_str()))
            .with("body_hash", text(&row.body_hash))
            .with("kept_until", time(row.expires_at))
            .with("expires_at", seconds(row.expires_at));
        Write::put(item)
            .only_if("attribute_not_exists(#pk) OR #kept_until <= :now OR #run = :run")
            .bind(":now", time(run.head.created_at))
            .bind(":run", text(run.head.id.as_str()))
    };
    [&run.claims.idempotency, &run.claims.run_id].into_iter().flatten().map(claim).collect()
}

/// What refused a run that was to be made: a claim of another run, or the run itself, which is the retry of a write that was applied.
pub(crate) fn refused_create(claims: &Claims, refusals: Vec<Option<Refusal>>) -> Result<Created> {
    let mut refusals = refusals.into_iter().skip(1);
    if claims.idempotency.is_some()
        && let Some(Refusal(item)) = refusals.next().flatten()
    {
        return Ok(Created::Repeated(claim(&item.context("an idempotency row went away meanwhile")?)?));
    }
    let taken = claims.run_id.is_some() && refusals.next().flatten().is_some();
    Ok(if taken { Created::IdTaken } else { Created::Created })
}

/// Keys are texts of callers, of any length and with any character: what is stored is a hash of both.
pub(crate) fn claim_key(key: &IdempotencyKey) -> Key {
    let digest = Sha256::new().chain_update(key.scope.len().to_be_bytes()).chain_update(&key.scope).chain_update(&key.key).finalize();
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Key::new(format!("IDEM#{hash}"), "IDEM")
}

pub(crate) fn claim(item: &Item) -> Result<Claim> {
    let run = RunId::parse(item.text("run")?).context("an idempotency row names no run")?;
    Ok(Claim { run, body_hash: item.text("body_hash")?.to_owned() })
}

pub(crate) fn claim_is_past(item: &Item, now: Timestamp) -> Result<bool> {
    Ok(item.time("kept_until")? <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_scopes_never_meet() {
        let key = |scope: &str, key: &str| claim_key(&IdempotencyKey { scope: scope.into(), key: key.into() });
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", ""), key("a", ""));
        assert!(key("a", &"x".repeat(10_000)).pk.len() < 100);
    }
}
