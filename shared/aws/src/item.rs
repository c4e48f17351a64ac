//! Items of the table: writing and reading their attributes, and their keys.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::delivery::DeliveryId;
use flowgate_core::id::RunId;
use flowgate_core::time::Timestamp;

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

/// Returns one of 16 shards, evenly: the last digit of an id is random.
pub(crate) fn due_shard(id: &str) -> AttributeValue {
    let digit = id.chars().last().and_then(|last| last.to_digit(16)).unwrap_or(0);
    text(format!("{digit:02}"))
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
    fn shards_are_sixteen() {
        let shards: std::collections::BTreeSet<_> =
            (0..64).map(|n| due_shard(&format!("run_{n:032x}")).as_s().unwrap().clone()).collect();
        assert_eq!(shards.len(), 16);
        assert!(shards.contains("00") && shards.contains("15"));
        assert_eq!(due_shard("whd_0F"), text("15"));
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
