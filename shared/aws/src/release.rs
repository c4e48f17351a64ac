//! The release of a run that has not ended: a hand-over, or the beginning of a wait.

use anyhow::Result;
use flowgate_core::lease::Lease;
use flowgate_core::run::Parking;
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, number, text, time};
use crate::parts::{Part, PartsOutcome, chunk_keys_of, row_beside_parts};
use crate::row::{HOLDS_LEASE, bind_lease, is_held_by, is_open};
use crate::write::Write;

/// Limits for the parts in one transaction with the run's row; DynamoDB's own are 100 items and 4
/// MB.
const MAX_PARTS: usize = 90;
const MAX_PART_BYTES: usize = 3_000_000;

impl Aws {
    /// Stores what the owner leaves and releases the run. Returns the row that refused it.
    pub(crate) async fn released(
        &self,
        lease: &Lease,
        parking: Parking,
        answers: Option<u64>,
    ) -> Result<Option<Option<Item>>> {
        let events = self.events_part(&lease.run, &parking.events)?;
        let parts = parking
            .checkpoints
            .iter()
            .map(|checkpoint| self.checkpoint_part(lease, checkpoint))
            .collect::<Result<Vec<_>>>()?;
        let ours = chunk_keys_of(events.iter().chain(&parts))?;
        let others = self.events_write(events).await?;
        let mut batches = self.batches(parts).await?;
        let last = batches.pop().unwrap_or_default();
        let mut was_new = false;
        // Earlier transactions, under the same condition, hold what does not fit into the last: all
        // of it is stored before the run is released.
        for batch in batches {
            match self.write_parts(|new| row_beside_parts(lease, new), batch, &[]).await? {
                PartsOutcome::Written { new_checkpoint } => was_new |= new_checkpoint,
                PartsOutcome::Refused(item) => {
                    self.drop_refused(&lease.run, item.as_ref(), ours).await?;
                    return Ok(Some(item));
                }
            }
        }
        let release = Release { lease, due_at: parking.due_at, answers };
        match self.release(&release, last, &others, was_new).await? {
            PartsOutcome::Written { .. } => Ok(None),
            PartsOutcome::Refused(item) => {
                self.drop_refused(&lease.run, item.as_ref(), ours).await?;
                Ok(Some(item))
            }
        }
    }

    async fn release(
        &self,
        release: &Release<'_>,
        checkpoints: Vec<Write>,
        others: &[Write],
        was_new: bool,
    ) -> Result<PartsOutcome> {
        let released =
            |new| release.row(if new || was_new { ClaimCount::Zero } else { ClaimCount::OneLess });
        match self.write_parts(released, checkpoints, others).await? {
            // Still ours, so the count was 0 already, or there are new answers.
            PartsOutcome::Refused(Some(item)) if is_held_by(&item, release.lease)? => {
                self.write_parts(|_| release.row(ClaimCount::Zero), Vec::new(), others).await
            }
            outcome => Ok(outcome),
        }
    }

    /// Splits checkpoints into as many transactions as they need. Writes their chunks.
    async fn batches(&self, parts: Vec<Part>) -> Result<Vec<Vec<Write>>> {
        let (mut batches, mut bytes) = (vec![Vec::new()], 0);
        for part in parts {
            self.put_chunks(part.chunks).await?;
            bytes += part.bytes;
            let is_full = batches
                .last()
                .is_some_and(|batch| batch.len() >= MAX_PARTS || bytes > MAX_PART_BYTES);
            if is_full {
                batches.push(Vec::new());
                bytes = part.bytes;
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(part.write);
            }
        }
        Ok(batches)
    }
}

/// How a hand-over changes the count of claims without progress.
#[derive(Clone, Copy)]
enum ClaimCount {
    Zero,
    OneLess,
}

/// The release of a run by its owner.
struct Release<'a> {
    lease: &'a Lease,
    due_at: Timestamp,
    /// Set for a run that waits: the answers that its owner has seen.
    answers: Option<u64>,
}

impl Release<'_> {
    fn row(&self, claims: ClaimCount) -> Write {
        let (count, mut condition) = match claims {
            ClaimCount::Zero => (":none", HOLDS_LEASE.to_owned()),
            ClaimCount::OneLess => {
                ("#barren_claims - :one", format!("{HOLDS_LEASE} AND #barren_claims > :none"))
            }
        };
        let state = match self.answers {
            None => "",
            Some(_) => ", #state = :waiting",
        };
        match self.answers {
            None => {}
            Some(0) => condition.push_str(" AND attribute_not_exists(#answers)"),
            Some(_) => condition.push_str(" AND #answers = :answers"),
        }
        let expression = format!(
            "SET #mode = :detached, #handed_over_by = :owner, #due_at = :due_at, #look_at = \
             :due_at{state}, #barren_claims = {count} REMOVE #owner, #lease_until"
        );
        let write = Write::update(Key::of_run(&self.lease.run), expression).only_if(condition);
        let mut write = bind_lease(write.bind(":none", number(0)), self.lease)
            .bind(":detached", text("detached"))
            .bind(":due_at", time(self.due_at));
        if let ClaimCount::OneLess = claims {
            write = write.bind(":one", number(1));
        }
        if let Some(answers) = self.answers {
            write = write.bind(":waiting", text("waiting"));
            if answers > 0 {
                write = write.bind(":answers", number(answers));
            }
        }
        write
    }
}

/// A hand-over refused because it was applied before is a success.
pub(crate) fn has_handed_over(lease: &Lease, item: Option<&Item>) -> bool {
    let item = item.filter(|item| is_open(item));
    item.is_some_and(|item| item.find_text("handed_over_by") == Some(&lease.owner.0))
}
