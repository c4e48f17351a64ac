//! Items of the table: writing and reading their attributes, and their keys.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::delivery::DeliveryId;
use flowgate_core::id::RunId;
use flowgate_core::time::Timestamp;
use sha2::{Digest, Sha256};

pub(crate) type Attributes = HashMap<String, AttributeValue>;

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.millis())
}

/// The most that is added to a sum at once: DynamoDB keeps 38 digits.
const MAX_ADDED: u64 = 9_000_000_000_000_000_000;

/// What is added to a sum. A provider may say any number.
pub(crate) fn added(number: u64) -> AttributeValue {
    self::number(number.min(MAX_ADDED))
}

pub(crate) fn sum(digits: &str) -> Result<u64> {
    let sum: u128 = digits.parse().map_err(|_| anyhow!("a sum is no whole number"))?;
    Ok(u64::try_from(sum).unwrap_or(u64::MAX))
}

/// DynamoDB's TTL is in seconds; rounds up, so that nothing is deleted early.
pub(crate) fn seconds(at: Timestamp) -> AttributeValue {
    number(at.millis().div_euclid(1000).saturating_add(1))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(crate) fn of_run(run: &RunId) -> Self {
        Self::new(run_partition(run), META)
    }

    pub(crate) fn of_delivery(delivery: &DeliveryId) -> Self {
        Self::new(format!("WH#{}", delivery.as_str()), "WH")
    }

    pub(crate) fn attributes(self) -> Attributes {
        HashMap::from([("pk".to_owned(), text(self.pk)), ("sk".to_owned(), text(self.sk))])
    }
}

pub(crate) const META: &str = "META";

pub(crate) fn run_partition(run: &RunId) -> String {
    format!("RUN#{run}")
}

/// Returns one of 256 shards, `00` to `ff`: one of four for each group, so that a page that takes a
/// few rows of each shard holds few of a group. Without a group, by the id alone. Earlier releases
/// used `00` to `15`, which are among them.
pub(crate) fn due_shard(group: &str, id: &str) -> AttributeValue {
    let of_id = Sha256::digest(id)[0];
    let of_group = if group.is_empty() { of_id } else { Sha256::digest(group)[0] };
    text(format!("{:02x}", of_group & !3 | of_id & 3))
}

/// When the lease or the wait of an open run ends. A heartbeat moves only `lease_until`; a row of
/// an earlier release has none.
pub(crate) fn due_of(item: &Item) -> Result<Option<Timestamp>> {
    Ok(item.find_time("due_at")?.max(item.find_time("lease_until")?))
}

/// An item of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Item(pub(crate) Attributes);

impl Item {
    pub(crate) fn new(key: Key) -> Self {
        Self(key.attributes())
    }

    pub(crate) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn with_some(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn value(&self, name: &str) -> Result<&AttributeValue> {
        self.0.get(name).with_context(|| format!("an item has no {name}"))
    }

    pub(crate) fn find_text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.find_text(name).with_context(|| format!("an item has no text {name}"))
    }

    pub(crate) fn find_number<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(AttributeValue::N(digits)) = self.0.get(name) else { return Ok(None) };
        digits.parse().map(Some).map_err(|_| anyhow!("an item's {name} is out of range"))
    }

    /// Returns a sum that others add to; one beyond the range is the largest number.
    pub(crate) fn find_sum(&self, name: &str) -> Result<u64> {
        match self.0.get(name) {
            Some(AttributeValue::N(digits)) => sum(digits),
            _ => Ok(0),
        }
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        self.find_number(name)?.with_context(|| format!("an item has no number {name}"))
    }

    pub(crate) fn find_time(&self, name: &str) -> Result<Option<Timestamp>> {
        Ok(self.find_number(name)?.map(Timestamp))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp> {
        Ok(Timestamp(self.number(name)?))
    }

    /// Returns `false` for a missing attribute.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(AttributeValue::Bool(true)))
    }

    pub(crate) fn key(&self) -> Result<Key> {
        Ok(Key::new(self.text("pk")?, self.text("sk")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_beyond_the_range_is_read_as_the_largest_number() {
        let item = |digits: &str| Item(Attributes::from([("n".to_owned(), number(digits))]));
        assert_eq!(item("36893488147419103230").find_sum("n").unwrap(), u64::MAX);
        assert_eq!(item("7").find_sum("n").unwrap(), 7);
        assert_eq!(item("7").find_sum("other").unwrap(), 0);
        assert!(item("-1").find_sum("n").is_err());
        assert_eq!(added(u64::MAX), number(9_000_000_000_000_000_000_u64));
    }

    #[test]
    fn shards_are_two_hundred_and_fifty_six_and_a_group_has_four() {
        let shards = |group: &str| -> std::collections::BTreeSet<_> {
            let ids = (0..5_000).map(|n| format!("run_{n:032x}"));
            ids.map(|id| due_shard(group, &id).as_s().unwrap().clone()).collect()
        };
        assert_eq!(shards("").len(), 256);
        for earlier in 0..16 {
            assert!(shards("").contains(&format!("{earlier:02}")), "{earlier}");
        }
        assert_eq!(shards("key").len(), 4);
        let groups = (0..2_000).flat_map(|n| shards_of(&format!("key{n}")));
        assert_eq!(groups.collect::<std::collections::BTreeSet<_>>().len(), 256);
    }

    fn shards_of(group: &str) -> Vec<String> {
        let ids = (0..32).map(|n| format!("run_{n:032x}"));
        ids.map(|id| due_shard(group, &id).as_s().unwrap().clone()).collect()
    }

    #[test]
    fn a_renewed_lease_counts_and_a_row_without_one_has_its_due_time() {
        let item = Item::new(Key::new("a", "b"));
        assert_eq!(due_of(&item).unwrap(), None);
        let item = item.with("due_at", number(5));
        assert_eq!(due_of(&item).unwrap(), Some(Timestamp(5)));
        for (lease_until, due) in [(3, 5), (9, 9)] {
            let item = item.clone().with("lease_until", number(lease_until));
            assert_eq!(due_of(&item).unwrap(), Some(Timestamp(due)));
        }
    }

    #[test]
    fn nothing_is_deleted_early() {
        assert_eq!(seconds(Timestamp(1_999)), number(2));
        assert_eq!(seconds(Timestamp(2_000)), number(3));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let item = Item::new(Key::new("a", "b")).with("n", number("99999999999999999999"));
        assert_eq!(item.text("state").unwrap_err().to_string(), "an item has no text state");
        assert_eq!(item.number::<i64>("n").unwrap_err().to_string(), "an item's n is out of range");
        assert_eq!(item.number::<i128>("n").unwrap(), 99_999_999_999_999_999_999);
    }
}
