//! How long each target runs, with which seed, and what a failure prints.

use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{
    Config, RngAlgorithm, TestCaseError, TestCaseResult, TestError, TestRng, TestRunner,
};

/// Without `FLOWGATE_FUZZ_SECONDS`: all targets together stay below 40 s, one after the other.
const DEFAULT: Duration = Duration::from_secs(2);
/// Inputs are at most some ten thousand bytes. On a busy machine, in a debug build, each of them is
/// read in far less.
const MAX_CASE: Duration = Duration::from_secs(5);
/// Cases between two looks at the clock.
const BATCH: u32 = 16;
/// Time for making a failing value small.
const MAX_SHRINK_MS: u32 = 20_000;

/// Checks random values until the time is over. Panics with the smallest value that fails.
pub(crate) fn fuzz<S: Strategy>(
    target: &str,
    values: &S,
    check: impl Fn(S::Value) -> TestCaseResult,
) {
    let (first, until) = (seed(), Instant::now() + time());
    let timed = |value| {
        let began = Instant::now();
        check(value)?;
        let took = began.elapsed();
        if took > MAX_CASE {
            return Err(TestCaseError::fail(format!("it took {took:?}")));
        }
        Ok(())
    };
    let mut cases = 0;
    // Each batch has a seed of its own, so that a failure is repeated at once. A runner that has
    // seen its cases would see no more.
    for seed in (0..).map(|batch| first.wrapping_add(batch)) {
        if Instant::now() >= until {
            break;
        }
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes(seed));
        match TestRunner::new_with_rng(config(), rng).run(values, timed) {
            Ok(()) => cases += BATCH,
            Err(TestError::Fail(why, value)) => panic!(
                "{target}: {why}\nthe value: {value:#?}\nto repeat it: FLOWGATE_FUZZ_SEED={seed} \
                 cargo test -p flowgate-tests --test fuzz {target}"
            ),
            Err(error) => panic!("{target}: {error}"),
        }
    }
    println!("{target}: {cases} cases from seed {first}");
    assert!(cases > 0, "{target}: no time for a single case");
}

fn config() -> Config {
    Config {
        cases: BATCH,
        max_shrink_time: MAX_SHRINK_MS,
        failure_persistence: None,
        ..Config::default()
    }
}

fn time() -> Duration {
    seconds().map_or(DEFAULT, Duration::from_secs)
}

fn seconds() -> Option<u64> {
    std::env::var("FLOWGATE_FUZZ_SECONDS").ok()?.parse().ok()
}

fn seed() -> u64 {
    let given = std::env::var("FLOWGATE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| if seconds().is_some() { random() } else { 1 })
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn seed_bytes(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}
