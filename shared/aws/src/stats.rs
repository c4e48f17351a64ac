//! Rollups: one item for each workflow, hour and shard, whose counters the end of a run raises. The
//! count follows the end: in one transaction with it, the runs of a busy workflow would refuse each
//! other.

use std::collections::BTreeMap;

use anyhow::Result;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::stats::{
    DRAFT, Dimension, MAX_NAMES, OTHER, ROLLUP_RETENTION, Rollup, Stats, Sums, Tally,
};
use flowgate_core::time::Timestamp;
use futures_util::future::try_join_all;

use crate::Aws;
use crate::item::{Item, Key, added, number, seconds, sum, text};
use crate::table::Query;
use crate::write::{Outcome, Write};

/// Shards of an hour: each takes about a thousand small writes a second.
const SHARDS: u8 = 16;
/// A name that is new to the item is decided by a second request, and once more if another run
/// was counted in between.
const MAX_TRIES: usize = 4;

#[async_trait]
impl Stats for Aws {
    async fn rollups(
        &self,
        workflow_uid: &str,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Vec<(Timestamp, Rollup)>> {
        let query = |shard| {
            let query = Query {
                condition: "#pk = :pk AND #sk BETWEEN :from AND :last".to_owned(),
                ..Query::default()
            };
            let query = query
                .bind(":pk", text(partition(workflow_uid, shard)))
                .bind(":from", text(place(from)))
                .bind(":last", text(place(Timestamp(before.millis() - 1))));
            self.table().query_all(query)
        };
        let mut hours: BTreeMap<Timestamp, Rollup> = BTreeMap::new();
        for item in try_join_all((0..SHARDS).map(query)).await?.into_iter().flatten() {
            let hour = Timestamp(item.text("sk")?.parse()?);
            hours.entry(hour).or_default().add(&rollup(&item)?);
        }
        Ok(hours.into_iter().collect())
    }
}

impl Aws {
    /// Counts an ended run. The end is stored: a count that fails is only logged.
    pub(crate) async fn count(&self, tally: Option<&Tally>) {
        let Some(tally) = tally else { return };
        if let Err(error) = self.raise(tally).await {
            tracing::warn!(
                workflow.uid = tally.workflow_uid,
                error = format!("{error:#}"),
                "an ended run is missing in its workflow's rollup"
            );
        }
    }

    async fn raise(&self, tally: &Tally) -> Result<()> {
        let mut shard = [0];
        self.inner.entropy.fill(&mut shard);
        let key = Key::new(partition(&tally.workflow_uid, shard[0] % SHARDS), place(tally.hour()));
        let mut known: Option<Rollup> = None;
        for _ in 0..MAX_TRIES {
            match self.table().write(&raise_write(&key, tally, known.as_ref())).await? {
                Outcome::Done(_) => return Ok(()),
                // Without counters, as new.
                Outcome::Refused(item) => {
                    known = Some(item.as_ref().map(rollup).transpose()?.unwrap_or_default());
                }
            }
        }
        anyhow::bail!("other runs kept adding names to the rollup")
    }
}

/// `known` is the item as it was read; `None`: it should have all names.
fn raise_write(key: &Key, tally: &Tally, known: Option<&Rollup>) -> Write {
    let mut raise = Raise::default();
    if !tally.is_draft() {
        raise.add("all", &tally.sums(true));
    }
    for (dimension, name) in tally.names() {
        let is_admitted = known.is_none_or(|known| known.admits(dimension, name));
        let name = if is_admitted { name } else { OTHER };
        let prefix = format!("{}/{name}", dimension.as_str());
        raise.add(&prefix, &tally.sums_of(dimension));
        if name != OTHER && name != DRAFT {
            let is_new = known.is_some_and(|known| !has(known, dimension, name));
            raise.require(&prefix, is_new.then_some(dimension));
        }
    }
    raise.write(key, tally)
}

fn has(known: &Rollup, dimension: Dimension, name: &str) -> bool {
    known.by.get(&dimension).is_some_and(|names| names.contains_key(name))
}

/// The update of an item. Its attributes have names with any characters, so that they are numbered
/// in the expressions.
#[derive(Default)]
struct Raise {
    attributes: Vec<String>,
    /// Attributes by number, and what is added to them.
    adds: Vec<(usize, u64)>,
    conditions: Vec<String>,
}

impl Raise {
    fn number_of(&mut self, attribute: String) -> usize {
        let known = self.attributes.iter().position(|known| *known == attribute);
        known.unwrap_or_else(|| {
            self.attributes.push(attribute);
            self.attributes.len() - 1
        })
    }

    fn add(&mut self, prefix: &str, sums: &Sums) {
        for (field, more) in sums.fields().into_iter().chain([(RUNS.to_owned(), 1)]) {
            let at = self.number_of(format!("{prefix}/{field}"));
            self.adds.push((at, more));
        }
    }

    /// The name must be there, or be new to its dimension, which has room for it.
    fn require(&mut self, prefix: &str, new_in: Option<Dimension>) {
        let runs = self.number_of(format!("{prefix}/{RUNS}"));
        let Some(dimension) = new_in else {
            self.conditions.push(format!("attribute_exists(#a{runs})"));
            return;
        };
        let names = self.number_of(format!("names/{}", dimension.as_str()));
        self.adds.push((names, 1));
        self.conditions.push(format!(
            "attribute_not_exists(#a{runs}) AND (attribute_not_exists(#a{names}) OR #a{names} < \
             :most)"
        ));
    }

    fn write(self, key: &Key, tally: &Tally) -> Write {
        let adds: Vec<_> = self.adds.iter().map(|(at, _)| format!("#a{at} :a{at}")).collect();
        let expression = format!("SET #expires_at = :expires_at ADD {}", adds.join(", "));
        let mut write = Write::update(key.clone(), expression)
            .bind(":expires_at", seconds(tally.hour() + ROLLUP_RETENTION));
        for (at, more) in self.adds {
            write = write.bind(&format!(":a{at}"), added(more));
        }
        let condition = self.conditions.join(" AND ");
        if condition.contains(":most") {
            write = write.bind(":most", number(MAX_NAMES));
        }
        for (at, attribute) in self.attributes.into_iter().enumerate() {
            write = write.named(&format!("#a{at}"), attribute);
        }
        if condition.is_empty() { write } else { write.only_if(condition) }
    }
}

/// The field that every name has.
const RUNS: &str = "r";

fn rollup(item: &Item) -> Result<Rollup> {
    let mut rollup = Rollup::default();
    for (attribute, value) in &item.0 {
        let (Some((place, field)), AttributeValue::N(digits)) = (attribute.rsplit_once('/'), value)
        else {
            continue;
        };
        let sums = match place.split_once('/') {
            None if place == "all" => &mut rollup.all,
            Some((dimension, name)) => match Dimension::parse(dimension) {
                Some(dimension) => rollup.sums(dimension, name),
                None => continue,
            },
            None => continue,
        };
        sums.add_field(field, sum(digits)?);
    }
    Ok(rollup)
}

fn partition(workflow_uid: &str, shard: u8) -> String {
    format!("STATS#{workflow_uid}#{shard:02}")
}

fn place(hour: Timestamp) -> String {
    format!("{:020}", hour.millis().max(0))
}
