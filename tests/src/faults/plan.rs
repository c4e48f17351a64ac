//! The plan of a seed: which operation of which record fails, and how.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::time::Timestamp;

use super::seed::hash;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Works,
    /// The operation is not applied.
    FailsBefore,
    /// The operation is applied, but its answer is lost.
    FailsAfter,
    /// The store has no capacity. Not applied.
    Throttled,
    /// Applied; the answer takes this long.
    Late(Duration),
    /// The process dies.
    Dies(Side),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// Chances of each fault, in percent of all operations.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    pub before: u64,
    pub after: u64,
    pub throttled: u64,
    pub late: u64,
}

/// Operations whose names begin with `operations` share a fate for some time.
#[derive(Debug, Clone)]
pub struct Outage {
    pub operations: &'static str,
    pub from: Timestamp,
    pub until: Timestamp,
    pub fate: Fate,
}

/// Where a process dies, counted from 0.
#[derive(Debug, Clone)]
pub enum Crash {
    /// At the nth operation of all.
    Operation(usize, Side),
    /// At the nth operation of this name.
    Named(&'static str, usize, Side),
    /// Whenever a process has claimed this run.
    Claim(String),
}

#[derive(Default)]
struct State {
    rates: Rates,
    rates_until: Option<Timestamp>,
    outages: Vec<Outage>,
    crashes: Vec<Crash>,
    /// Operations so far, by name and record.
    counts: HashMap<(&'static str, String), u64>,
    named: HashMap<&'static str, usize>,
    operations: Vec<&'static str>,
    injected: usize,
    last_fault: Option<Timestamp>,
    /// Processes to which no fault happens, by name.
    spared: HashSet<&'static str>,
}

pub struct Plan {
    seed: u64,
    state: Mutex<State>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// From now until `until`, operations fail at these rates.
    pub fn fail(&self, rates: Rates, until: Timestamp) {
        let mut state = self.state();
        (state.rates, state.rates_until) = (rates, Some(until));
    }

    pub fn outage(&self, outage: Outage) {
        self.state().outages.push(outage);
    }

    pub fn crash(&self, crash: Crash) {
        self.state().crashes.push(crash);
    }

    /// No fault happens to processes of this name.
    pub fn spare(&self, process: &'static str) {
        self.state().spared.insert(process);
    }

    pub fn calm(&self) {
        let mut state = self.state();
        state.rates = Rates::default();
        state.outages.clear();
        state.crashes.clear();
    }

    /// The names of all operations so far, sweeps left out.
    pub fn operations(&self) -> Vec<&'static str> {
        self.state().operations.clone()
    }

    pub fn injected(&self) -> usize {
        self.state().injected
    }

    pub fn last_fault(&self) -> Option<Timestamp> {
        self.state().last_fault
    }

    /// Decides the fate of an operation on a record. Depends on the seed, the operation, the record
    /// and how often that was asked before: not on what other records do meanwhile.
    pub(super) fn fate(
        &self,
        process: &'static str,
        operation: &'static str,
        record: &str,
        now: Timestamp,
    ) -> Fate {
        let mut state = self.state();
        let before = *state
            .counts
            .entry((operation, record.to_owned()))
            .and_modify(|n| *n += 1)
            .or_insert(1);
        if state.spared.contains(process) {
            return Fate::Works;
        }
        let fate = state
            .crash(operation, record)
            .or_else(|| state.outage(operation, now))
            .unwrap_or_else(|| self.drawn(&state, operation, record, before, now));
        if fate != Fate::Works {
            state.injected += 1;
            state.last_fault = state.last_fault.max(Some(now));
        }
        fate
    }

    fn drawn(&self, state: &State, operation: &str, record: &str, n: u64, now: Timestamp) -> Fate {
        if state.rates_until.is_none_or(|until| now >= until) {
            return Fate::Works;
        }
        let drawn = hash(self.seed, &[operation, record], n);
        let Rates { before, after, throttled, late } = state.rates;
        match drawn % 100 {
            chance if chance < before => Fate::FailsBefore,
            chance if chance < before + after => Fate::FailsAfter,
            chance if chance < before + after + throttled => Fate::Throttled,
            chance if chance < before + after + throttled + late => {
                Fate::Late(Duration::from_millis(drawn / 100 % 3_000))
            }
            _ => Fate::Works,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn crash(&mut self, operation: &'static str, record: &str) -> Option<Fate> {
        let is_sweep = operation == "due.due";
        let nth = self.operations.len();
        if !is_sweep {
            self.operations.push(operation);
        }
        let of_name = self.named.entry(operation).or_default();
        let nth_of_name = *of_name;
        *of_name += 1;
        let at = self.crashes.iter().position(|crash| match crash {
            Crash::Operation(n, _) => !is_sweep && *n == nth,
            Crash::Named(name, n, _) => *name == operation && *n == nth_of_name,
            Crash::Claim(run) => operation == "runs.claim" && run == record,
        })?;
        if let Crash::Claim(_) = self.crashes[at] {
            return Some(Fate::Dies(Side::After));
        }
        match self.crashes.swap_remove(at) {
            Crash::Operation(_, side) | Crash::Named(_, _, side) => Some(Fate::Dies(side)),
            Crash::Claim(_) => None,
        }
    }

    fn outage(&self, operation: &str, now: Timestamp) -> Option<Fate> {
        let is_out = |outage: &&Outage| {
            operation.starts_with(outage.operations) && (outage.from..outage.until).contains(&now)
        };
        self.outages.iter().find(is_out).map(|outage| outage.fate)
    }
}
