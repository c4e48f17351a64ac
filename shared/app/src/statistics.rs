//! Sums the rollups of workflows: what runs came to in a time. Reads no run.

use std::collections::BTreeMap;
use std::time::Duration;

use flowgate_core::key::Scope;
use flowgate_core::page::PageRequest;
use flowgate_core::stats::{Dimension, HOUR, OTHER, ROLLUP_RETENTION, Rollup, Sums, hour_of};
use flowgate_core::time::Timestamp;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What is summed when no times are named.
const DEFAULT_RANGE: Duration = DAY;
/// Hours of all workflows that one answer sums; each is at most 16 rows on AWS.
const MAX_HOURS: usize = 8_000;
/// Workflows that one answer sums.
const MAX_WORKFLOWS: usize = 100;
/// Steps of one answer.
const MAX_STEPS: usize = 31 * 24;
/// The same with names, of which each step has many.
const MAX_NAMED_STEPS: usize = 7 * 24;
/// Names in an answer; the ones with the fewest runs are summed as [`OTHER`].
const MAX_NAMES: usize = 100;
const WORKFLOWS_PER_PAGE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Hour,
    /// In UTC.
    Day,
    Total,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Workflow,
    Dimension(Dimension),
}

/// What is asked for. Times are rounded to whole hours, outwards.
#[derive(Debug, Clone)]
pub struct StatsQuery {
    /// `None`: all workflows that the caller knows.
    pub workflow: Option<String>,
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
    pub step: Step,
    pub by: Option<By>,
}

pub struct Statistics {
    pub from: Timestamp,
    pub before: Timestamp,
    /// In the order of their time; within it, the most runs first.
    pub entries: Vec<Entry>,
}

/// The runs that ended within one step, under one name if the answer has names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub name: Option<String>,
    pub sums: Sums,
}

impl App {
    pub async fn statistics(&self, caller: &Caller, query: &StatsQuery) -> Result<Statistics> {
        caller.require_scope(Scope::Read)?;
        let range = Range::of(query, self.now())?;
        let uids = self.counted_workflows(caller, query.workflow.as_deref()).await?;
        if uids.len() * range.hours() > MAX_HOURS {
            let hours = MAX_HOURS / uids.len();
            return Err(bad(format!(
                "`from` and `to` may be at most {hours} hours apart for {} workflows",
                uids.len()
            )));
        }
        let mut sums = BySteps::new(range, query);
        for (id, uid) in &uids {
            for (hour, rollup) in self.ports.stats.rollups(uid, range.from, range.before).await? {
                sums.add(id, hour, &rollup);
            }
        }
        Ok(Statistics { from: range.from, before: range.before, entries: sums.entries() })
    }

    /// Returns ids and uids.
    async fn counted_workflows(
        &self,
        caller: &Caller,
        only: Option<&str>,
    ) -> Result<Vec<(String, String)>> {
        if let Some(id) = only {
            caller.require(Scope::Read, id, What::Workflow)?;
            return Ok(vec![(id.to_owned(), self.cached_workflow(id).await?.uid.clone())]);
        }
        let (mut known, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: WORKFLOWS_PER_PAGE, cursor };
            let found = self.ports.workflows.list(page).await?;
            let may_read = |id: &str| caller.require(Scope::Read, id, What::Workflow).is_ok();
            let of_caller = found.items.into_iter().filter(|workflow| may_read(&workflow.id));
            known.extend(of_caller.map(|workflow| (workflow.id, workflow.uid)));
            if known.len() > MAX_WORKFLOWS {
                return Err(bad(format!(
                    "name a workflow: the key reads more than {MAX_WORKFLOWS}"
                )));
            }
            cursor = found.next_cursor;
            if cursor.is_none() {
                return Ok(known);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Range {
    from: Timestamp,
    before: Timestamp,
}

impl Range {
    fn of(query: &StatsQuery, now: Timestamp) -> Result<Self> {
        let asked_before = query.before.unwrap_or(now);
        let asked_from = query.from.unwrap_or(asked_before - DEFAULT_RANGE);
        if asked_from >= asked_before {
            return Err(bad("`from` must be before `to`".to_owned()));
        }
        if asked_before.since(asked_from) > ROLLUP_RETENTION {
            return Err(bad("`from` and `to` may be at most 92 days apart".to_owned()));
        }
        let from = hour_of(asked_from);
        let last = hour_of(Timestamp(asked_before.millis() - 1));
        let range = Self { from, before: last + HOUR };
        range.check_steps(query)?;
        Ok(range)
    }

    fn check_steps(self, query: &StatsQuery) -> Result<()> {
        let steps = match query.step {
            Step::Hour => self.hours(),
            Step::Day => self.hours().div_ceil(24) + 1,
            Step::Total => 1,
        };
        let most = if query.by.is_some() { MAX_NAMED_STEPS } else { MAX_STEPS };
        if steps <= most {
            return Ok(());
        }
        Err(bad(format!("an answer has at most {most} steps: ask for `day`, or for less time")))
    }

    fn hours(self) -> usize {
        let hours = self.before.since(self.from).as_secs() / HOUR.as_secs();
        usize::try_from(hours).unwrap_or(usize::MAX)
    }
}

fn bad(message: String) -> Error {
    Error::bad_field("", message)
}

struct BySteps {
    range: Range,
    step: Step,
    by: Option<By>,
    sums: BTreeMap<Timestamp, BTreeMap<Option<String>, Sums>>,
}

impl BySteps {
    /// Without names, each step has an entry, even where nothing ran.
    fn new(range: Range, query: &StatsQuery) -> Self {
        let mut steps = Self { range, step: query.step, by: query.by, sums: BTreeMap::new() };
        if steps.by.is_none() {
            let mut hour = range.from;
            while hour < range.before {
                steps.sums_of(hour, None);
                hour = hour + HOUR;
            }
        }
        steps
    }

    fn add(&mut self, workflow: &str, hour: Timestamp, rollup: &Rollup) {
        match self.by {
            None => self.sums_of(hour, None).add(&rollup.all),
            Some(By::Workflow) => {
                self.sums_of(hour, Some(workflow.to_owned())).add(&rollup.all);
            }
            Some(By::Dimension(dimension)) => {
                for (name, sums) in rollup.by.get(&dimension).into_iter().flatten() {
                    self.sums_of(hour, Some(name.clone())).add(sums);
                }
            }
        }
    }

    fn sums_of(&mut self, hour: Timestamp, name: Option<String>) -> &mut Sums {
        let at = match self.step {
            Step::Hour => hour,
            Step::Day => {
                let day = i64::try_from(DAY.as_millis()).unwrap_or(1);
                // The first day may be a part of one.
                Timestamp(hour.millis().div_euclid(day) * day).max(self.range.from)
            }
            Step::Total => self.range.from,
        };
        self.sums.entry(at).or_default().entry(name).or_default()
    }

    fn entries(mut self) -> Vec<Entry> {
        let shown = self.most_used();
        let mut entries = Vec::new();
        for (at, names) in std::mem::take(&mut self.sums) {
            let mut of_step: BTreeMap<Option<String>, Sums> = BTreeMap::new();
            for (name, sums) in names {
                let is_shown = name.as_ref().is_none_or(|name| shown.contains(name));
                let name = if is_shown { name } else { Some(OTHER.to_owned()) };
                of_step.entry(name).or_default().add(&sums);
            }
            let entry = |(name, sums)| Entry { at, name, sums };
            let mut of_step: Vec<Entry> = of_step.into_iter().map(entry).collect();
            of_step.sort_by_key(|entry| std::cmp::Reverse(entry.sums.runs()));
            entries.extend(of_step);
        }
        entries
    }

    fn most_used(&self) -> Vec<String> {
        let mut runs: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, sums) in self.sums.values().flatten() {
            *runs.entry(name.as_deref().unwrap_or_default()).or_default() += sums.runs();
        }
        let mut names: Vec<_> = runs.into_iter().collect();
        names.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
        names.into_iter().take(MAX_NAMES).map(|(name, _)| name.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_700_049_600_000);

    fn query(from: Option<i64>, before: Option<i64>, step: Step, by: Option<By>) -> StatsQuery {
        let at = |minutes: i64| Timestamp(NOON.millis() + minutes * 60_000);
        StatsQuery { workflow: None, from: from.map(at), before: before.map(at), step, by }
    }

    fn rollup(version: &str, succeeded: u64) -> Rollup {
        let sums = Sums { succeeded, ..Sums::default() };
        let mut rollup = Rollup { all: sums.clone(), ..Rollup::default() };
        *rollup.sums(Dimension::Version, version) = sums;
        rollup
    }

    fn summed(query: &StatsQuery, hours: &[(i64, Rollup)]) -> Vec<(i64, Option<String>, u64)> {
        let range = Range::of(query, NOON).unwrap();
        let mut sums = BySteps::new(range, query);
        for (hour, rollup) in hours {
            sums.add("w", Timestamp(NOON.millis() + hour * 3_600_000), rollup);
        }
        let hour = |at: Timestamp| (at.millis() - NOON.millis()) / 3_600_000;
        let entry = |entry: Entry| (hour(entry.at), entry.name, entry.sums.runs());
        sums.entries().into_iter().map(entry).collect()
    }

    #[test]
    fn times_are_rounded_outwards_and_bounded() {
        let range = |query: &StatsQuery| {
            let range = Range::of(query, NOON).ok()?;
            let minute = |at: Timestamp| (at.millis() - NOON.millis()) / 60_000;
            Some((minute(range.from), minute(range.before)))
        };
        assert_eq!(range(&query(None, None, Step::Total, None)), Some((-24 * 60, 0)));
        assert_eq!(range(&query(Some(-61), Some(1), Step::Hour, None)), Some((-120, 60)));
        assert_eq!(range(&query(Some(0), Some(0), Step::Total, None)), None);
        assert_eq!(range(&query(Some(5), None, Step::Total, None)), None);
        let days = |days: i64| Some(-days * 24 * 60);
        let named = Some(By::Dimension(Dimension::Key));
        for (from, step, by, is_allowed) in [
            (days(92), Step::Total, named, true),
            (days(93), Step::Total, None, false),
            (days(92), Step::Day, named, true),
            (days(31), Step::Hour, None, true),
            (days(32), Step::Hour, None, false),
            (days(7), Step::Hour, named, true),
            (days(8), Step::Hour, named, false),
        ] {
            assert_eq!(range(&query(from, None, step, by)).is_some(), is_allowed, "{from:?}");
        }
        let never = query(Some(i64::MIN / 120_000), Some(i64::MAX / 120_000), Step::Total, None);
        assert_eq!(range(&never), None);
    }

    #[test]
    fn hours_are_summed_by_step_and_name() {
        let hours =
            [(-14, rollup("1.0.0", 2)), (-13, rollup("1.0.1", 1)), (-1, rollup("1.0.1", 4))];
        let from = Some(-14 * 60);
        assert_eq!(summed(&query(from, None, Step::Total, None), &hours), [(-14, None, 7)]);
        let days = summed(&query(from, None, Step::Day, None), &hours);
        assert_eq!(days, [(-14, None, 3), (-12, None, 4)]);
        let each = summed(&query(from, None, Step::Hour, None), &hours);
        assert_eq!((each.len(), each[1].2, each[2].2), (14, 1, 0));
        let by = Some(By::Dimension(Dimension::Version));
        let name = |name: &str| Some(name.to_owned());
        let named = summed(&query(from, None, Step::Total, by), &hours);
        assert_eq!(named, [(-14, name("1.0.1"), 5), (-14, name("1.0.0"), 2)]);
        let named = summed(&query(from, None, Step::Total, Some(By::Workflow)), &hours);
        assert_eq!(named, [(-14, name("w"), 7)]);
    }

    #[test]
    fn the_names_of_an_answer_are_bounded() {
        let hours: Vec<_> = (0..150).map(|n| (-1, rollup(&format!("{n}"), 1 + n))).collect();
        let by = Some(By::Dimension(Dimension::Version));
        let named = summed(&query(None, None, Step::Total, by), &hours);
        let runs: u64 = named.iter().map(|(_, _, runs)| runs).sum();
        assert_eq!((named.len(), runs), (MAX_NAMES + 1, (1..=150).sum()));
    }
}
