//! The parts of a run, stored in separate items: checkpoints, START rows, events.

use std::collections::BTreeMap;

use anyhow::Result;
use flowgate_core::event::{Event, EventId};
use flowgate_core::id::RunId;
use flowgate_core::lease::Lease;
use flowgate_core::run::{Checkpoint, PAGE_BYTES};
use sha2::{Digest, Sha256};

use crate::Aws;
use crate::item::{Item, Key, number, run_partition, text};
use crate::row::{HOLDS_LEASE, bind_lease};
use crate::table::{Query, Table};
use crate::value::{MAX_ITEM_BYTES, packed_bytes, unpack_inline};
use crate::write::{AllOutcome, Refusal, Write};

/// A part ready to be written: its item, and the chunks to write before it.
pub(crate) struct Part {
    pub(crate) write: Write,
    pub(crate) chunks: Vec<Item>,
    /// The item's size in a transaction.
    pub(crate) bytes: usize,
}

/// The outcome of writing parts.
pub(crate) enum PartsOutcome {
    Written {
        new_checkpoint: bool,
    },
    /// By the condition on the run's row, which it holds.
    Refused(Option<Item>),
}

/// A place may be any text, and long; keys hold its hash.
pub(crate) fn place_hash(place: &str) -> String {
    Sha256::digest(place).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn start_mark_key(run: &RunId, place: &str) -> Key {
    Key::new(run_partition(run), format!("ST#{}", place_hash(place)))
}

impl Aws {
    /// Put-if-absent: a place keeps its first result.
    pub(crate) fn checkpoint_part(&self, lease: &Lease, checkpoint: &Checkpoint) -> Result<Part> {
        let packed = self
            .packer_of_run(&lease.run, &lease.owner.0)
            .pack(serde_json::to_string(checkpoint)?, MAX_ITEM_BYTES);
        let bytes = packed.bytes();
        let item = Item::new(Key::new(
            run_partition(&lease.run),
            format!("CP#{}", place_hash(&checkpoint.place)),
        ))
        .with("order", number(checkpoint.order))
        .with("checkpoint", packed.attribute)
        .with("expires_at", self.parts_expire_at());
        Ok(Part { write: Write::put(item).if_absent(), chunks: packed.chunks, bytes })
    }

    /// Puts all events in one item; `None` if there are none. The key holds the first and last id,
    /// so that a retried batch with more or fewer events does not replace the earlier one.
    pub(crate) fn events_part(&self, run: &RunId, events: &[Event]) -> Result<Option<Part>> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(None) };
        let sk = format!("EV#{:020}#{:020}#{:020}", last.id.fence, last.id.n, first.id.n);
        let packed =
            self.packer_of_run(run, &sk).pack(serde_json::to_string(events)?, MAX_ITEM_BYTES);
        let bytes = packed.bytes();
        let item = Item::new(Key::new(run_partition(run), sk))
            .with("events", packed.attribute)
            .with("expires_at", self.parts_expire_at());
        Ok(Some(Part { write: Write::put(item), chunks: packed.chunks, bytes }))
    }

    /// Writes parts in one transaction with the run's row. `row` takes whether a checkpoint is new.
    /// Only a refusal reveals places that already have a result; the next attempt leaves them out.
    pub(crate) async fn write_parts(
        &self,
        row: impl Fn(bool) -> Write,
        mut checkpoints: Vec<Write>,
        others: &[Write],
    ) -> Result<PartsOutcome> {
        loop {
            let new_checkpoint = !checkpoints.is_empty();
            let writes: Vec<Write> =
                [row(new_checkpoint)].iter().chain(&checkpoints).chain(others).cloned().collect();
            let mut refusals = match self.table().write_all(&writes).await? {
                AllOutcome::Done => return Ok(PartsOutcome::Written { new_checkpoint }),
                AllOutcome::Refused(refusals) => refusals.into_iter(),
            };
            if let Some(Refusal(item)) = refusals.next().flatten() {
                return Ok(PartsOutcome::Refused(item));
            }
            let before = checkpoints.len();
            checkpoints = checkpoints
                .into_iter()
                .zip(refusals)
                .filter(|(_, refusal)| refusal.is_none())
                .map(|(write, _)| write)
                .collect();
            anyhow::ensure!(checkpoints.len() < before, "a transaction was refused for no reason");
        }
    }

    /// Writes chunks before their row, so that no row ever names a missing one.
    pub(crate) async fn put_chunks(&self, chunks: Vec<Item>) -> Result<()> {
        if chunks.is_empty() { Ok(()) } else { self.table().put_all(chunks).await }
    }
}

/// Returns the keys of the chunks of some parts.
pub(crate) fn chunk_keys_of<'a>(parts: impl Iterator<Item = &'a Part>) -> Result<Vec<Key>> {
    parts.flat_map(|part| &part.chunks).map(Item::key).collect()
}

/// The write of the run's row with a checkpoint. A new checkpoint resets the count of claims
/// without progress.
pub(crate) fn row_beside_parts(lease: &Lease, new_checkpoint: bool) -> Write {
    let key = Key::of_run(&lease.run);
    let write = if new_checkpoint {
        Write::update(key, "SET #barren_claims = :none").bind(":none", number(0))
    } else {
        Write::check(key)
    };
    bind_lease(write.only_if(HOLDS_LEASE), lease)
}

/// The items of the lowest order, as many as a page holds.
#[derive(Default)]
struct FirstItems {
    items: BTreeMap<u64, Item>,
    bytes: usize,
}

impl FirstItems {
    fn add(&mut self, order: u64, item: Item) -> Result<()> {
        self.bytes += packed_bytes(item.value("checkpoint")?);
        self.items.insert(order, item);
        while self.bytes > PAGE_BYTES
            && self.items.len() > 1
            && let Some((_, last)) = self.items.pop_last()
        {
            self.bytes -= packed_bytes(last.value("checkpoint")?);
        }
        Ok(())
    }
}

impl Table {
    /// Keys are in the order of their hashes: reads all items to find the first ones, and holds a
    /// page of them.
    pub(crate) async fn checkpoints(
        &self,
        run: &RunId,
        after: Option<u64>,
    ) -> Result<Vec<Checkpoint>> {
        let pk = run_partition(run);
        let mut query = Query::beginning(&pk, "CP#");
        let mut first = FirstItems::default();
        loop {
            let found = self.query(&query).await?;
            for item in found.items {
                let order = item.number("order")?;
                if after.is_none_or(|after| order > after) {
                    first.add(order, item)?;
                }
            }
            match found.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        self.unpack_page(&pk, first.items.into_values().collect()).await
    }

    async fn unpack_page(&self, pk: &str, items: Vec<Item>) -> Result<Vec<Checkpoint>> {
        const TOGETHER: usize = 8;
        let (mut page, mut bytes) = (Vec::new(), 0);
        for items in items.chunks(TOGETHER) {
            let values =
                items.iter().map(|item| item.value("checkpoint")).collect::<Result<Vec<_>>>()?;
            for text in self.unpack_all(pk, values.into_iter()).await? {
                bytes += text.len();
                if bytes > PAGE_BYTES && !page.is_empty() {
                    return Ok(page);
                }
                page.push(serde_json::from_str(&text)?);
            }
        }
        Ok(page)
    }

    pub(crate) async fn started(&self, run: &RunId) -> Result<Vec<String>> {
        let items = self.query_all(Query::beginning(&run_partition(run), "ST#")).await?;
        let mut places = items
            .iter()
            .map(|item| unpack_inline(item.value("place")?))
            .collect::<Result<Vec<_>>>()?;
        places.sort();
        Ok(places)
    }

    /// Returns each event once: batches overlap where a write was retried.
    pub(crate) async fn events(
        &self,
        run: &RunId,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<Event>> {
        let pk = run_partition(run);
        let mut query = Query {
            condition: "#pk = :pk AND #sk BETWEEN :after AND :end".to_owned(),
            ..Query::default()
        }
        .bind(":pk", text(&pk))
        // `~` sorts after `#`: skips all batches that end with this very event.
        .bind(":after", text(format!("EV#{:020}#{:020}~", after.fence, after.n)))
        .bind(":end", text("EV~"));
        let (mut events, mut bytes, mut last) = (Vec::new(), 0, after);
        loop {
            let found = self.query(&query).await?;
            for item in &found.items {
                for event in self.batch(&pk, item).await? {
                    if events.len() >= limit || bytes > PAGE_BYTES {
                        return Ok(events);
                    }
                    if event.id > last {
                        last = event.id;
                        bytes += event.kind.text_bytes();
                        events.push(event);
                    }
                }
            }
            match found.next {
                Some(next) if events.len() < limit => query.after = Some(next),
                _ => return Ok(events),
            }
        }
    }

    async fn batch(&self, pk: &str, item: &Item) -> Result<Vec<Event>> {
        let [text] = self.unpack(pk, [Some(item.value("events")?)]).await?;
        Ok(serde_json::from_str(&text.unwrap_or_default())?)
    }
}
