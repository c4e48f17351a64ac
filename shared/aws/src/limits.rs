//! What keys have used of their limits, and what is under way to each receiver. Writes are
//! conditional, so that concurrent callers together never exceed a limit.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_core::delivery::DeliveryId;
use flowgate_core::id::RunId;
use flowgate_core::limit::{Acquired, Allowance, Limits, Rate, Step, Taken};
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, number, time};
use crate::write::{Outcome, Write};

const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// A rate row expires this long after its burst is full again: it is then equivalent to no row.
const EXPIRY_MARGIN_SECONDS: i128 = 24 * 3600;

#[async_trait]
impl Limits for Aws {
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let step = rate.step(now);
        let mut tries = self.table().tries();
        loop {
            // Two cases of one sum: a full burst counts from now, any other from its stored value.
            for write in [from_now(key_id, step), from_before(key_id, step)] {
                let stored = match self.table().write(&write).await? {
                    Outcome::Done(item) => {
                        return Ok(Taken::Allowed(rate.left(item.number("whole_at")?, now)));
                    }
                    Outcome::Refused(item) => item,
                };
                let full_at = stored.map_or(Ok(0), |item| item.number("whole_at"))?;
                if let Err(retry_at) = rate.take(full_at, now) {
                    return Ok(Taken::Refused { retry_at, left: rate.left(full_at, now) });
                }
            }
            tries.pause(anyhow!("concurrent starts of the key kept winning")).await?;
        }
    }

    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance> {
        let item = self.table().get(rate_key(key_id), None).await?;
        Ok(rate.left(item.map_or(Ok(0), |item| item.number("whole_at"))?, now))
    }

    async fn acquire(
        &self,
        of: &str,
        holder: &str,
        limit: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquired> {
        if limit == 0 {
            return Ok(Acquired::Full);
        }
        let write = || self.acquire_write(of, holder, limit, until);
        for may_remove_expired in [true, false] {
            let holders = match self.table().write(&write()).await? {
                Outcome::Done(_) => return Ok(Acquired::Acquired),
                Outcome::Refused(holders) => holders.unwrap_or_default(),
            };
            if holders.has(holder) {
                return self.extend(of, holder, until).await;
            }
            if may_remove_expired && !self.remove_expired(of, &holders, now).await? {
                return Ok(Acquired::Full);
            }
        }
        Ok(Acquired::Full)
    }

    async fn release(&self, of: &str, holder: &str) -> Result<()> {
        let write = release_write(of, &[holder]).only_if(format!("attribute_exists(#{holder})"));
        // Refused: it was not counted, or was released before.
        self.table().write(&write).await?;
        Ok(())
    }
}

impl Aws {
    fn acquire_write(&self, of: &str, holder: &str, limit: u32, until: Timestamp) -> Write {
        let set = format!("SET #{holder} = :until, #expires_at = :expires_at ADD #count :one");
        Write::update(holders_key(of), set)
            .only_if(format!(
                "attribute_not_exists(#{holder}) AND (attribute_not_exists(#count) OR #count < \
                 :limit)"
            ))
            .bind(":until", time(until))
            .bind(":expires_at", self.parts_expire_at())
            .bind(":one", number(1))
            .bind(":limit", number(limit))
    }

    /// Extends the count of a holder that is already counted.
    async fn extend(&self, of: &str, holder: &str, until: Timestamp) -> Result<Acquired> {
        let write = Write::update(holders_key(of), format!("SET #{holder} = :until"))
            .only_if(format!("attribute_exists(#{holder})"));
        // Refused: it was released meanwhile, and need not be counted.
        self.table().write(&write.bind(":until", time(until))).await?;
        Ok(Acquired::Acquired)
    }

    /// Removes the holders that nobody released in time. Returns whether there were any.
    async fn remove_expired(&self, of: &str, holders: &Item, now: Timestamp) -> Result<bool> {
        let counted = holders.0.keys().filter(|name| is_holder(name));
        let mut expired = Vec::new();
        for holder in counted {
            if holders.time(holder)? <= now {
                expired.push(holder.as_str());
            }
        }
        for holders in expired.chunks(MAX_RELEASED) {
            let condition: Vec<String> =
                holders.iter().map(|holder| format!("#{holder} <= :now")).collect();
            let write =
                release_write(of, holders).only_if(condition.join(" AND ")).bind(":now", time(now));
            // Refused: another request removed them.
            self.table().write(&write).await?;
        }
        Ok(!expired.is_empty())
    }
}

/// Holders released in one write: an expression may have 4 KB.
const MAX_RELEASED: usize = 20;

/// Runs and deliveries; the row's other attributes are not.
fn is_holder(name: &str) -> bool {
    RunId::parse(name).is_some() || DeliveryId::parse(name).is_some()
}

/// One item for all holders: DynamoDB serializes writes to one item, while concurrent transactions
/// refuse each other.
fn holders_key(of: &str) -> Key {
    Key::new(partition(of), "RUNS")
}

fn release_write(of: &str, holders: &[&str]) -> Write {
    let names: Vec<String> = holders.iter().map(|holder| format!("#{holder}")).collect();
    let write =
        Write::update(holders_key(of), format!("REMOVE {} ADD #count :less", names.join(", ")));
    write.bind(":less", number(-i64::try_from(holders.len()).unwrap_or(i64::MAX)))
}

fn partition(key_id: &str) -> String {
    format!("LIMIT#{key_id}")
}

fn rate_key(key_id: &str) -> Key {
    Key::new(partition(key_id), "RATE")
}

fn from_now(key_id: &str, step: Step) -> Write {
    let write =
        Write::update(rate_key(key_id), "SET #whole_at = :whole_at, #expires_at = :expires_at")
            .only_if(
                "attribute_not_exists(#whole_at) OR (#whole_at < :from AND #whole_at <= :latest)",
            )
            .bind(":from", number(step.from))
            .bind(":whole_at", number(step.from + step.add));
    expiring(write, step)
}

fn from_before(key_id: &str, step: Step) -> Write {
    let write = Write::update(
        rate_key(key_id),
        "SET #whole_at = #whole_at + :add, #expires_at = :expires_at",
    )
    .only_if("#whole_at BETWEEN :from AND :latest")
    .bind(":from", number(step.from))
    .bind(":add", number(step.add));
    expiring(write, step)
}

fn expiring(write: Write, step: Step) -> Write {
    let latest_full = (step.latest + step.add).max(step.from) / NANOS_PER_SECOND;
    write
        .bind(":latest", number(step.latest))
        .bind(":expires_at", number(latest_full + EXPIRY_MARGIN_SECONDS))
}
