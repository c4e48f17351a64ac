//! F32: without one of its guards, the product fails the scenarios. So they would notice.
//!
//! The address pin is proven in `addresses.rs`, the sync of the disk in `power.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use flowgate_tests::faults::check::{Expected, Report};
use flowgate_tests::faults::plan::{Crash, Side};
use flowgate_tests::faults::seed::{Figures, each_seed};
use flowgate_tests::faults::without::Guard;
use flowgate_tests::faults::world::{Setup, World};

use crate::callers::storm;
use crate::crashes::{without_fence, zombie};

const BOUND: Duration = Duration::from_secs(600);

fn assert_noticed(report: &Report, sentence: &str) -> Result<Figures> {
    let noticed = report.broken.iter().any(|broken| broken.contains(sentence));
    ensure!(noticed, "nothing says {sentence:?}: {:?}", report.broken);
    Ok(Figures::default())
}

#[test]
fn f32_without_the_fence() {
    each_seed("f32_without_the_fence a scenario fails", 3, async |seed| {
        let report = zombie(without_fence(seed)).await?;
        assert_noticed(&report, "after it was recorded")
    });
}

/// F02 loses the run, if its caller does not ask again.
#[test]
fn f32_without_the_due_row() {
    each_seed("f32_without_the_due_row a scenario fails", 3, async |seed| {
        let setup = Setup { without: Some(Guard::DueRow), ..Setup::new(seed) };
        let world = World::open(setup).await?;
        world.plan.crash(Crash::Named("runs.claim", 0, Side::After));
        world.accept(1).await;
        world.settle(BOUND).await?;
        assert_noticed(&world.check(&Expected::default()).await?, "has not ended")
    });
}

#[test]
fn f32_without_the_idempotency_row() {
    each_seed("f32_without_the_idempotency_row a scenario fails", 3, async |seed| {
        let with = storm(Setup::new(seed)).await?;
        ensure!(with == 1, "with the row there is one run, not {with}");
        let setup = Setup { without: Some(Guard::IdempotencyRow), ..Setup::new(seed) };
        let without = storm(setup).await?;
        ensure!(without > 1, "the storm does not notice that the row is missing");
        Ok(Figures::default())
    });
}

#[test]
fn f32_without_checkpoints() {
    each_seed("f32_without_checkpoints a scenario fails", 3, async |seed| {
        let setup = Setup { without: Some(Guard::Checkpoint), workers: 1, ..Setup::new(seed) };
        let world = World::open(setup).await?;
        world.plan.crash(Crash::Named("runs.finish", 0, Side::Before));
        world.accept(1).await;
        world.settle(BOUND).await?;
        assert_noticed(&world.check(&Expected::default()).await?, "after it was recorded")
    });
}
