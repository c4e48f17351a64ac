//! What keys with limits have used of them: conditional writes, so that any number of callers at once get no more than there is.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_app::limits::{Allowance, Rate, Step};
use flowgate_app::ports::{Entered, Limits, Taken};
use flowgate_app::run::RunId;
use flowgate_app::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, number, time};
use crate::table::Query;
use crate::write::{AllOutcome, Outcome, Refusal, Write};

const NANOS_A_SECOND: i128 = 1_000_000_000;
/// A rate whose burst is whole again is as one that was never used: its row may go.
const SPARE_SECONDS: i128 = 24 * 3600;

#[async_trait]
impl Limits for Aws {
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let step = rate.step(now);
        let mut tries = self.table().tries();
        loop {
            // Two cases of one sum: a burst that is whole again is counted from now, any other goes on from where it is.
            for write in [from_now(key_id, step), from_before(key_id, step)] {
                let stored = match self.table().write(&write).await? {
                    Outcome::Done(item) => return Ok(Taken::Allowed(rate.left(item.number("whole_at")?, now))),
                    Outcome::Refused(item) => item,
                };
                let whole_at = stored.map_or(Ok(0), |item| item.number("whole_at"))?;
                if let Err(retry_at) = rate.take(whole_at, now) {
                    return Ok(Taken::Refused { retry_at, left: rate.left(whole_at, now) });
                }
            }
            tries.pause(anyhow!("others were quicker all the time")).await?;
        }
    }

    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance> {
        let item = self.table().get(rate_key(key_id), None).await?;
        Ok(rate.left(item.map_or(Ok(0), |item| item.number("whole_at"))?, now))
    }

    async fn enter(&self, key_id: &str, run: &RunId, most: u32, now: Timestamp, until: Timestamp) -> Result<Entered> {
        if most == 0 {
            return Ok(Entered::Full);
        }
        let place = Item::new(place_key(key_id, run)).with("until", time(until));
        let count = Write::update(count_key(key_id), "ADD #places :one").only_if("attribute_not_exists(#places) OR #places < :most");
        let writes = [Write::put(place).if_absent(), count.bind(":one", number(1)).bind(":most", number(most))];
        for may_make_room in [true, false] {
            let AllOutcome::Refused(refusals) = self.table().write_all(&writes).await? else { return Ok(Entered::Entered) };
            if refusals.first().is_some_and(Option::is_some) {
                return self.stay(key_id, run, until).await;
            }
            if may_make_room && !self.make_room(key_id, now).await? {
                return Ok(Entered::Full);
            }
        }
        Ok(Entered::Full)
    }

    async fn leave(&self, key_id: &str, run: &RunId) -> Result<()> {
        // Refused: it was not counted, or left before.
        self.take_out(Write::delete(place_key(key_id, run)).only_if("attribute_exists(#pk)"), key_id).await?;
        Ok(())
    }
}

impl Aws {
    /// It is counted already.
    async fn stay(&self, key_id: &str, run: &RunId, until: Timestamp) -> Result<Entered> {
        let write = Write::update(place_key(key_id, run), "SET #until = :until").only_if("attribute_exists(#pk)");
        // Refused: it left meanwhile, and needs no place.
        self.table().write(&write.bind(":until", time(until))).await?;
        Ok(Entered::Entered)
    }

    /// Takes out the places that nobody left in time. Says whether there were some.
    async fn make_room(&self, key_id: &str, now: Timestamp) -> Result<bool> {
        let filter = Some("#until <= :now".to_owned());
        let past = Query { filter, ..Query::beginning(&partition(key_id), PLACE) }.bind(":now", time(now));
        let mut made = false;
        for place in self.table().query_all(past).await? {
            let past = Write::delete(place.key()?).only_if("#until <= :now").bind(":now", time(now));
            // Refused: another made the room.
            self.take_out(past, key_id).await?;
            made = true;
        }
        Ok(made)
    }

    /// A place and the count go together: DynamoDB's own expiry would take the one without the other, so that places have none.
    async fn take_out(&self, place: Write, key_id: &str) -> Result<Option<Refusal>> {
        let count = Write::update(count_key(key_id), "ADD #places :less").only_if("#places > :none");
        self.table().write_all(&[place, count.bind(":less", number(-1)).bind(":none", number(0))]).await?.first_refused()
    }
}

const PLACE: &str = "PLACE#";

fn partition(key_id: &str) -> String {
    format!("LIMIT#{key_id}")
}

fn rate_key(key_id: &str) -> Key {
    Key::new(partition(key_id), "RATE")
}

fn count_key(key_id: &str) -> Key {
    Key::new(partition(key_id), "COUNT")
}

fn place_key(key_id: &str, run: &RunId) -> Key {
    Key::new(partition(key_id), format!("{PLACE}{run}"))
}

fn from_now(key_id: &str, step: Step) -> Write {
    let write = Write::update(rate_key(key_id), "SET #whole_at = :whole_at, #expires_at = :expires_at")
        .only_if("attribute_not_exists(#whole_at) OR (#whole_at < :from AND #whole_at <= :latest)")
        .bind(":from", number(step.from))
        .bind(":whole_at", number(step.from + step.add));
    until_whole(write, step)
}

fn from_before(key_id: &str, step: Step) -> Write {
    let write = Write::update(rate_key(key_id), "SET #whole_at = #whole_at + :add, #expires_at = :expires_at")
        .only_if("#whole_at BETWEEN :from AND :latest")
        .bind(":from", number(step.from))
        .bind(":add", number(step.add));
    until_whole(write, step)
}

fn until_whole(write: Write, step: Step) -> Write {
    let latest_whole = (step.latest + step.add).max(step.from) / NANOS_A_SECOND;
    write.bind(":latest", number(step.latest)).bind(":expires_at", number(latest_whole + SPARE_SECONDS))
}
