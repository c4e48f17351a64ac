//! Seeds: how many a scenario runs, which one failed, and the line that its results make.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::home::is_aws;

/// SplitMix64: small, seeded, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.number() % bound }
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Returns a number that depends on the seed and all the parts, and on nothing else.
pub fn hash(seed: u64, parts: &[&str], n: u64) -> u64 {
    let mut state = mix(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        state = mix(state ^ u64::from(byte)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    state
}

/// What one scenario showed, over all its seeds.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Accepted runs without an end, and webhooks neither delivered nor exhausted.
    pub lost: usize,
    /// Second ends, and recorded calls that were made again.
    pub doubled: usize,
    /// Calls beyond one per node: those in flight when their process died or lost its lease.
    pub extra_calls: usize,
    /// From the last fault to the last end, on the clock of the test.
    pub recovery: Duration,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.extra_calls += other.extra_calls;
        self.recovery = self.recovery.max(other.recovery);
    }
}

/// Runs the scenario with each seed, on a runtime of its own. Panics with the command that replays
/// the first seed that fails, and prints the scenario's line of the table otherwise.
///
/// `FLOWGATE_FAULT_SEED` runs one seed, `FLOWGATE_FAULT_SEEDS` that many instead of `few`.
pub fn each_seed(scenario: &str, few: u64, run: impl AsyncFn(u64) -> Result<Figures>) {
    let (began, seeds) = (Instant::now(), seeds(few));
    let mut figures = Figures::default();
    for seed in &seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the seed");
        let replay = Replay { scenario, seed: *seed };
        let outcome = runtime.block_on(run(*seed));
        drop(replay);
        match outcome {
            Ok(of_seed) => figures.add(&of_seed),
            Err(error) => panic!("{error:#}\n{}", command(scenario, *seed)),
        }
        runtime.shutdown_background();
    }
    report(scenario, seeds.len(), &figures, began.elapsed());
}

/// Returns the seeds to run: `few`, or what the environment says.
pub fn seeds(few: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("FLOWGATE_FAULT_SEED") {
        return vec![seed];
    }
    if let Some(many) = number("FLOWGATE_FAULT_SEEDS") {
        return (0..many).collect();
    }
    // The double of AWS is a process behind HTTP: every seventh of them is enough.
    (0..few).step_by(if is_aws() { 7 } else { 1 }).collect()
}

fn command(scenario: &str, seed: u64) -> String {
    let name = scenario.split(' ').next().unwrap_or_default();
    format!("replay: FLOWGATE_FAULT_SEED={seed} cargo test -p flowgate-tests --test faults {name}")
}

/// Prints the command if the scenario panics.
struct Replay<'a> {
    scenario: &'a str,
    seed: u64,
}

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", command(self.scenario, self.seed));
        }
    }
}

/// Prints a line of the table, and appends it to the file that `FLOWGATE_FAULT_TABLE` names.
pub fn report(scenario: &str, seeds: usize, figures: &Figures, took: Duration) {
    let (name, what) = scenario.split_once(' ').unwrap_or((scenario, ""));
    let home = if is_aws() { "aws" } else { "local" };
    let mut line = format!("| {name} | {what} | {home} | {seeds} | {} | {} ", figures.lost, {
        figures.doubled
    });
    let _ = write!(line, "| {} | {:.1} s ", figures.extra_calls, figures.recovery.as_secs_f64());
    let _ = write!(line, "| {:.1} s |", took.as_secs_f64());
    eprintln!("{line}");
    let Some(path) = std::env::var_os("FLOWGATE_FAULT_TABLE") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    written.expect("FLOWGATE_FAULT_TABLE names a file that can be written");
}
