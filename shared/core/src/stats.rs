//! Rollups: what the runs of a workflow came to, hour by hour, and the port that reads them. No run
//! is read to sum them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::Usage;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

pub const HOUR: Duration = Duration::from_secs(3600);
/// How long an hour's rollup is kept.
pub const ROLLUP_RETENTION: Duration = Duration::from_secs(92 * 24 * 3600);
/// Names of one dimension in one hour; the runs of further ones count as [`OTHER`].
pub const MAX_NAMES: usize = 40;
pub const OTHER: &str = "other";
/// The version of a run of a draft. It counts among the versions, and nowhere else.
pub const DRAFT: &str = "draft";
/// Bytes of a name.
const MAX_NAME: usize = 128;
pub const LATENCY_BUCKETS: u8 = 64;

/// What one ended run adds to the rollup of the hour in which it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    pub workflow_uid: String,
    pub at: Timestamp,
    pub(crate) ended: Ended,
    pub(crate) version: String,
    pub(crate) key: String,
    pub(crate) code: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) duration_ms: u64,
    pub(crate) queued_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded,
    Failed,
    Cancelled,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What runs are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    State,
    Version,
    Key,
    /// The error code of a failed run.
    Code,
    /// The node that failed, without its iteration.
    Node,
}

impl Dimension {
    pub const ALL: [Self; 5] = [Self::State, Self::Version, Self::Key, Self::Code, Self::Node];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Version => "version",
            Self::Key => "key",
            Self::Code => "code",
            Self::Node => "node",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }

    /// Latencies of every key, code and node would make a rollup large.
    fn has_latency(self) -> bool {
        matches!(self, Self::State | Self::Version)
    }
}

impl Tally {
    pub fn is_draft(&self) -> bool {
        self.version == DRAFT
    }

    /// The start of the hour in which the run ended.
    pub fn hour(&self) -> Timestamp {
        hour_of(self.at)
    }

    /// Returns under which names the run counts.
    pub fn names(&self) -> Vec<(Dimension, &str)> {
        let version = (Dimension::Version, self.version.as_str());
        if self.is_draft() {
            return vec![version];
        }
        let code = self.code.as_deref().map(|code| (Dimension::Code, code));
        let node = self.node.as_deref().map(|node| (Dimension::Node, node));
        let always =
            [(Dimension::State, self.ended.as_str()), version, (Dimension::Key, &self.key)];
        always.into_iter().chain(code).chain(node).collect()
    }

    /// Returns what the run adds to each of its sums.
    pub fn sums(&self, with_latency: bool) -> Sums {
        let counts = |ended| u64::from(self.ended == ended);
        let bucket = with_latency.then(|| (bucket_of(self.duration_ms), 1));
        Sums {
            succeeded: counts(Ended::Succeeded),
            failed: counts(Ended::Failed),
            cancelled: counts(Ended::Cancelled),
            tokens: self.usage.tokens.unwrap_or(0),
            cost_nano_usd: self.usage.cost_nano_usd.unwrap_or(0),
            tokens_unknown: u64::from(self.usage.tokens.is_none()),
            cost_unknown: u64::from(self.usage.cost_nano_usd.is_none()),
            queued_ms: self.queued_ms,
            latency: bucket.into_iter().collect(),
        }
    }

    /// The same of a dimension.
    pub fn sums_of(&self, dimension: Dimension) -> Sums {
        self.sums(dimension.has_latency())
    }
}

pub fn hour_of(at: Timestamp) -> Timestamp {
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or(1);
    Timestamp(at.millis().div_euclid(hour) * hour)
}

/// `chapters[2]/write` is the node `chapters/write` in every iteration.
pub(crate) fn without_iterations(path: &str) -> String {
    let mut node = String::with_capacity(path.len());
    let mut is_index = false;
    for character in path.chars() {
        match character {
            '[' => is_index = true,
            ']' => is_index = false,
            other if !is_index => node.push(other),
            _ => {}
        }
    }
    node
}

pub(crate) fn short(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME)].to_owned()
}

/// Sums over runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    #[serde(skip_serializing_if = "is_zero")]
    pub succeeded: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cancelled: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_nano_usd: u64,
    /// Runs of which nobody knows the tokens; they are not in `tokens`.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_unknown: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cost_unknown: u64,
    /// From acceptance to start.
    #[serde(skip_serializing_if = "is_zero")]
    pub queued_ms: u64,
    /// Runs by [`bucket_of`] their duration.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency: BTreeMap<u8, u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Sums {
    pub fn runs(&self) -> u64 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.cancelled)
    }

    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.succeeded, other.succeeded),
            (&mut self.failed, other.failed),
            (&mut self.cancelled, other.cancelled),
            (&mut self.tokens, other.tokens),
            (&mut self.cost_nano_usd, other.cost_nano_usd),
            (&mut self.tokens_unknown, other.tokens_unknown),
            (&mut self.cost_unknown, other.cost_unknown),
            (&mut self.queued_ms, other.queued_ms),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        for (bucket, runs) in other.latency.range(..LATENCY_BUCKETS) {
            let sum = self.latency.entry(*bucket).or_default();
            *sum = sum.saturating_add(*runs);
        }
    }

    /// Returns the numbers that are not 0, by the short names that stores keep.
    pub fn fields(&self) -> Vec<(String, u64)> {
        let named = [
            ("s", self.succeeded),
            ("f", self.failed),
            ("c", self.cancelled),
            ("t", self.tokens),
            ("n", self.cost_nano_usd),
            ("tu", self.tokens_unknown),
            ("nu", self.cost_unknown),
            ("q", self.queued_ms),
        ];
        let named = named.into_iter().map(|(name, number)| (name.to_owned(), number));
        let latency = self.latency.iter().map(|(bucket, runs)| (format!("b{bucket}"), *runs));
        named.chain(latency).filter(|(_, number)| *number > 0).collect()
    }

    /// Ignores a field that it does not know: a newer release may have written it.
    pub fn add_field(&mut self, field: &str, more: u64) {
        let sum = match field {
            "s" => &mut self.succeeded,
            "f" => &mut self.failed,
            "c" => &mut self.cancelled,
            "t" => &mut self.tokens,
            "n" => &mut self.cost_nano_usd,
            "tu" => &mut self.tokens_unknown,
            "nu" => &mut self.cost_unknown,
            "q" => &mut self.queued_ms,
            other => match other.strip_prefix('b').and_then(|bucket| bucket.parse().ok()) {
                Some(bucket) if bucket < LATENCY_BUCKETS => self.latency.entry(bucket).or_default(),
                _ => return,
            },
        };
        *sum = sum.saturating_add(more);
    }

    /// Estimates the duration in ms that this part of the runs (0 to 1) does not exceed, evenly
    /// within a bucket; `None` if no durations were counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of durations far below 2^53 ms"
    )]
    pub fn percentile(&self, part: f64) -> Option<u64> {
        let counted: u64 = self.latency.values().sum();
        let rank = part * counted as f64;
        let mut before = 0.0;
        for (bucket, runs) in &self.latency {
            let runs = *runs as f64;
            if before + runs >= rank {
                let (from, to) = bucket_bounds(*bucket);
                let within = ((rank - before) / runs).clamp(0.0, 1.0);
                return Some((from + (to - from) * within).round() as u64);
            }
            before += runs;
        }
        None
    }
}

/// Bucket 0 has what took less than 1 ms; bucket `i` ends before 2^(i/2) ms, so that each is 41 %
/// wide; the last has the rest, from 2^31 ms (25 days).
pub fn bucket_of(duration_ms: u64) -> u8 {
    if duration_ms == 0 {
        return 0;
    }
    let whole = duration_ms.ilog2();
    // The square of 2^(k + 1/2).
    let is_upper = u128::from(duration_ms).pow(2) >= 1 << (2 * whole + 1);
    let bucket = 1 + 2 * whole + u32::from(is_upper);
    u8::try_from(bucket).unwrap_or(LATENCY_BUCKETS).min(LATENCY_BUCKETS - 1)
}

/// In ms.
pub fn bucket_end(bucket: u8) -> f64 {
    (f64::from(bucket) / 2.0).exp2()
}

/// From and to, in ms.
fn bucket_bounds(bucket: u8) -> (f64, f64) {
    (bucket.checked_sub(1).map_or(0.0, bucket_end), bucket_end(bucket))
}

/// The runs of one workflow that ended in one hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rollup {
    /// Without runs of drafts.
    pub all: Sums,
    pub by: BTreeMap<Dimension, BTreeMap<String, Sums>>,
}

impl Rollup {
    pub fn count(&mut self, tally: &Tally) {
        if !tally.is_draft() {
            self.all.add(&tally.sums(true));
        }
        for (dimension, name) in tally.names() {
            let name = if self.admits(dimension, name) { name } else { OTHER };
            self.sums(dimension, name).add(&tally.sums_of(dimension));
        }
    }

    /// Returns whether the name has sums of its own, or may have.
    pub fn admits(&self, dimension: Dimension, name: &str) -> bool {
        let Some(names) = self.by.get(&dimension) else { return true };
        let others = names.keys().filter(|known| *known != OTHER && *known != DRAFT);
        name == DRAFT || names.contains_key(name) || others.count() < MAX_NAMES
    }

    pub fn sums(&mut self, dimension: Dimension, name: &str) -> &mut Sums {
        self.by.entry(dimension).or_default().entry(name.to_owned()).or_default()
    }

    pub fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        for (dimension, names) in &other.by {
            for (name, sums) in names {
                self.sums(*dimension, name).add(sums);
            }
        }
    }
}

#[async_trait]
pub trait Stats: Send + Sync {
    /// Returns the rollups of the hours that begin at `from` or later and before `before`, in
    /// order. Locally each holds exactly the runs that ended: the transaction that ends a run
    /// counts it. On AWS the count follows the end: a crash between them, or
    /// a count that the table refuses, leaves a run out, and a lost answer may count one twice.
    async fn rollups(
        &self,
        workflow_uid: &str,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Vec<(Timestamp, Rollup)>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(version: &str, key: &str, duration_ms: u64) -> Tally {
        Tally {
            workflow_uid: "uid".into(),
            at: Timestamp(1_700_000_000_000),
            ended: Ended::Failed,
            version: version.into(),
            key: key.into(),
            code: Some("timeout".into()),
            node: Some("a".into()),
            usage: Usage { tokens: Some(3), ..Usage::UNKNOWN },
            duration_ms,
            queued_ms: 2,
        }
    }

    #[test]
    fn buckets_cover_all_durations_and_grow_by_half_a_power() {
        for (duration, bucket) in
            [(0, 0), (1, 1), (2, 3), (3, 4), (4, 5), (1000, 20), (1024, 21), (1449, 22)]
        {
            assert_eq!(bucket_of(duration), bucket, "{duration}");
        }
        assert_eq!(bucket_of((1 << 31) - 1), 62);
        assert_eq!([bucket_of(1 << 31), bucket_of(u64::MAX)], [63, 63]);
        for duration in [0, 1, 7, 90, 1000, 65_000, 86_400_000] {
            let (from, to) = bucket_bounds(bucket_of(duration));
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let duration = duration as f64;
            assert!(from <= duration && duration < to, "{duration}: {from} to {to}");
        }
    }

    #[test]
    fn percentiles_are_within_a_bucket_of_the_truth() {
        let mut sums = Sums::default();
        assert_eq!(sums.percentile(0.5), None);
        for duration in 1..=1000 {
            sums.add(&tally("1.0.0", "k", duration).sums(true));
        }
        for (part, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let estimate = f64::from(u32::try_from(sums.percentile(part).unwrap()).unwrap());
            assert!((estimate / exact - 1.0).abs() < 0.2, "{part}: {estimate}");
        }
        assert_eq!(sums.tokens, 3000);
        assert_eq!((sums.cost_unknown, sums.cost_nano_usd), (1000, 0));
    }

    #[test]
    fn names_are_bounded_and_the_rest_is_other() {
        let mut rollup = Rollup::default();
        for n in 0..100 {
            rollup.count(&tally("1.0.0", &format!("key{n}"), 5));
        }
        let keys = &rollup.by[&Dimension::Key];
        assert_eq!((keys.len(), keys[OTHER].runs()), (MAX_NAMES + 1, 60));
        rollup.count(&tally("1.0.0", "key3", 5));
        assert_eq!(rollup.by[&Dimension::Key]["key3"].runs(), 2);
        assert_eq!(rollup.all.runs(), 101);
    }

    #[test]
    fn runs_of_drafts_count_only_among_the_versions() {
        let mut rollup = Rollup::default();
        rollup.count(&tally(DRAFT, "k", 5));
        assert_eq!(rollup.all, Sums::default());
        assert_eq!(rollup.by.keys().collect::<Vec<_>>(), [&Dimension::Version]);
        assert_eq!(rollup.by[&Dimension::Version][DRAFT].failed, 1);
    }

    #[test]
    fn a_node_is_named_without_its_iterations_and_a_long_name_is_cut() {
        assert_eq!(without_iterations("outer[2]/inner[10]/fetch"), "outer/inner/fetch");
        assert_eq!(short(&"é".repeat(100)).len(), MAX_NAME);
    }

    #[test]
    fn fields_are_the_sums_again() {
        let mut sums = Sums::default();
        sums.add(&tally("1.0.0", "k", 77).sums(true));
        let mut again = Sums::default();
        for (field, number) in sums.fields() {
            again.add_field(&field, number);
        }
        again.add_field("b64", 1);
        again.add_field("later", 1);
        assert_eq!(again, sums);
        let json = serde_json::to_string(&sums).unwrap();
        assert_eq!(serde_json::from_str::<Sums>(&json).unwrap(), sums);
    }
}
