//! The run protocol, model-checked: two workers, a few calls, every order of their steps, crashes,
//! lost and doubled messages, lost replies, leases that end early.

#![expect(clippy::print_stdout, reason = "a check says how much it has seen")]
#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

mod driver;
mod ends;
mod world;

use std::collections::BTreeSet;

use flowgate_tests::protocol::Guards;
use stateright::{Checker, Model};

use self::ends::states_that_never_end;
use self::world::{Budget, Protocol};

const PROMISES: [&str; 7] = [
    "no run ends twice",
    "no run is lost",
    "no recorded call is made again",
    "an at_most_once call goes out once",
    "no write of an earlier owner is stored",
    "an applied write is never taken for a loss",
    "no answered run waits",
];

/// What the model must reach; without these the promises would hold for nothing.
const REACHED: [&str; 6] = [
    "a run succeeds after a crash",
    "an earlier owner drives beside the present one",
    "a handed-over run succeeds",
    "an attached run is interrupted",
    "a run is cancelled",
    "a run that waited succeeds",
];

/// The names of the promises that do not hold, and of what was reached.
fn explore(guards: Guards, budget: Budget) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let checker = Protocol { guards, budget }.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done());
    println!("{} states: {guards:?}, {budget:?}", checker.unique_state_count());
    let found = |names: &[&'static str]| {
        names.iter().copied().filter(|name| checker.discovery(name).is_some()).collect()
    };
    let broken: BTreeSet<_> = found(&PROMISES);
    if guards == Guards::ALL {
        for promise in &broken {
            let steps = checker.discovery(promise).map(|path| path.into_actions());
            println!("{promise} does not hold: {steps:#?}");
        }
    }
    (broken, found(&REACHED))
}

/// The names of the promises that do not hold under some budget of faults.
fn broken(guards: Guards) -> BTreeSet<&'static str> {
    [Budget::ALL[1], Budget::ALL[4]]
        .into_iter()
        .flat_map(|budget| explore(guards, budget).0)
        .collect()
}

#[test]
fn the_protocol_keeps_its_promises() {
    let mut reached = BTreeSet::new();
    for budget in Budget::ALL {
        let (broken, some) = explore(Guards::ALL, budget);
        assert_eq!(broken, BTreeSet::new(), "{budget:?}");
        reached.extend(some);
    }
    assert_eq!(reached, BTreeSet::from(REACHED), "otherwise the promises hold for nothing");
}

/// Wherever the faults leave it, a run can still end: no state is a trap.
#[test]
fn every_run_can_end_from_every_state() {
    for budget in Budget::ALL {
        let stuck = states_that_never_end(&Protocol { guards: Guards::ALL, budget });
        assert_eq!(stuck.first(), None, "{} states under {budget:?}", stuck.len());
    }
    let without = Guards { due_row: false, ..Guards::ALL };
    let stuck = states_that_never_end(&Protocol { guards: without, budget: Budget::ALL[0] });
    assert!(!stuck.is_empty(), "without a due row a lost message is a lost run");
}

#[test]
fn without_the_fence_a_run_ends_twice_and_calls_are_repeated() {
    let broken = broken(Guards { fence: false, ..Guards::ALL });
    for promise in [
        "no run ends twice",
        "no recorded call is made again",
        "no write of an earlier owner is stored",
    ] {
        assert!(broken.contains(promise), "{promise} holds without the fence: {broken:?}");
    }
}

#[test]
fn without_the_due_row_a_run_is_lost() {
    let broken = broken(Guards { due_row: false, ..Guards::ALL });
    assert_eq!(broken, BTreeSet::from(["no run is lost"]));
}

#[test]
fn without_the_owner_token_an_applied_write_is_taken_for_a_loss() {
    let broken = broken(Guards { owner_token: false, ..Guards::ALL });
    assert_eq!(broken, BTreeSet::from(["an applied write is never taken for a loss"]));
}

#[test]
fn an_owner_that_reads_before_its_claim_repeats_calls() {
    let broken = broken(Guards { reads_after_claim: false, ..Guards::ALL });
    assert!(broken.contains("no recorded call is made again"), "{broken:?}");
}

#[test]
fn an_owner_that_ignores_answers_leaves_an_answered_run_waiting() {
    let guards = Guards { answers_seen: false, ..Guards::ALL };
    let (broken, _) = explore(guards, Budget::ALL[6]);
    assert_eq!(broken, BTreeSet::from(["no answered run waits"]));
}

#[test]
fn without_the_start_row_an_at_most_once_call_goes_out_twice() {
    let broken = broken(Guards { start_row: false, ..Guards::ALL });
    assert_eq!(broken, BTreeSet::from(["an at_most_once call goes out once"]));
}
