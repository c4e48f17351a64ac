//! F07 to F10, F12, F16: a store that is throttled, answers nothing, or loses its answers; secrets
//! that are not there; clocks that disagree.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use flowgate_app::Error;
use flowgate_core::clock::Clock;
use flowgate_core::time::Timestamp;
use flowgate_tests::faults::check::Expected;
use flowgate_tests::faults::plan::{Fate, Outage, Rates};
use flowgate_tests::faults::seed::each_seed;
use flowgate_tests::faults::upstream::Reply;
use flowgate_tests::faults::world::{Setup, World};

const BOUND: Duration = Duration::from_secs(1_800);
const MINUTE: Duration = Duration::from_secs(60);

fn for_good(operations: &'static str, fate: Fate) -> Outage {
    Outage { operations, from: Timestamp(0), until: Timestamp(i64::MAX), fate }
}

#[test]
fn f07_heartbeats_fail_and_nothing_else() {
    each_seed("f07 only heartbeats fail, calls of 30 s", 6, async |seed| {
        let world = World::open(Setup { concurrency: 1, ..Setup::new(seed) }).await?;
        world.upstream.answer(|what, _, before| match what {
            "first" if before == 0 => Reply::after(Duration::from_secs(30)),
            _ => Reply::after(Duration::from_secs(1)),
        });
        world.plan.outage(for_good("runs.heartbeat", Fate::FailsBefore));
        world.accept(2).await;
        let begun = world.clock.now();
        // The owner gives up at its first heartbeat; the other takes over when the lease ends.
        let taken = async || (0..2).all(|i| world.upstream.count("left", i) > 0);
        world.until(BOUND, taken).await?;
        let took = world.clock.now().since(begun);
        ensure!(took <= Duration::from_secs(125), "the other took over after {took:?}");
        world.settle(BOUND).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f08_the_store_is_throttled() {
    each_seed("f08 30 % of operations throttled for 60 s", 16, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        let rates = Rates { throttled: 30, ..Rates::default() };
        world.plan.fail(rates, world.clock.now() + MINUTE);
        world.accept(8).await;
        world.settle(BOUND).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f09_the_store_applies_and_answers_nothing() {
    each_seed("f09 10 % applied but unanswered, 5 % not applied", 24, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        let rates = Rates { before: 5, after: 10, ..Rates::default() };
        world.plan.fail(rates, world.clock.now() + 2 * MINUTE);
        world.accept(8).await;
        world.settle(BOUND).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f10_the_store_is_out_for_five_minutes() {
    each_seed("f10 nothing of the store answers for 5 min", 6, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        world.upstream.answer(|_, _, _| Reply::after(Duration::from_secs(8)));
        world.accept(8).await;
        world.pass(Duration::from_secs(9 + seed)).await;
        let from = world.clock.now();
        let until = from + 5 * MINUTE;
        for operations in ["runs.", "deliveries.", "due.", "workflows.", "secrets."] {
            let fate = Fate::Throttled;
            world.plan.outage(Outage { operations, from, until, fate });
        }
        for i in 100..104 {
            match world.drive(world.try_start(i)).await {
                Err(Error::Overloaded { .. }) => {}
                Err(other) => bail!("a start was refused with {other:?}"),
                Ok(_) => bail!("a start was accepted without a store"),
            }
            world.pass(MINUTE).await;
        }
        world.settle(BOUND).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f12_secrets_cannot_be_read() {
    each_seed("f12 secrets cannot be read for 20 min", 6, async |seed| {
        let world = World::open(Setup::new(seed)).await?;
        let from = world.clock.now();
        let until = from + 20 * MINUTE;
        let fate = Fate::FailsBefore;
        world.plan.outage(Outage { operations: "secrets.", from, until, fate });
        world.accept(3).await;
        world.settle(Duration::from_secs(4 * 3600)).await?;
        let early =
            world.upstream.calls().into_iter().find(|call| call.what == "done" && call.at < until);
        ensure!(early.is_none(), "a webhook came without its secret");
        // Each that came later is signed and has its secret: part of the check.
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f16_clocks_disagree_by_ten_minutes() {
    each_seed("f16 one clock 10 min ahead, one behind", 8, async |seed| {
        let ahead_ms: &[i64] =
            if seed % 2 == 0 { &[600_000, 0, -600_000] } else { &[600_000, 0, 0] };
        let world = World::open(Setup { workers: 3, ahead_ms, ..Setup::new(seed) }).await?;
        world.upstream.answer(|what, i, _| match what {
            "notify" | "done" => Reply::OK,
            _ => Reply::after(Duration::from_secs(i as u64 % 4 * 12)),
        });
        world.accept(6).await;
        // A process that is behind takes what is due late, and one that is ahead sweeps for it.
        world.settle(Duration::from_secs(6 * 3_600)).await?;
        // Who steals a lease costs a node in flight at most once: part of the check.
        let report = world.check(&Expected::default()).await?;
        let claims = world.accepted().into_values();
        let claims = claims.map(|run| world.history.of(run.as_str()).claims).max();
        ensure!(claims.context("runs")? <= 12, "a run was claimed {claims:?} times");
        report.kept()
    });
}
