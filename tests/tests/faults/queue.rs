//! F03, F04, F05, F11: a queue that loses answers, duplicates, delays, reorders, or takes nothing.

use std::time::Duration;

use anyhow::ensure;
use flowgate_core::clock::Clock;
use flowgate_core::time::Timestamp;
use flowgate_tests::faults::check::Expected;
use flowgate_tests::faults::plan::{Fate, Outage};
use flowgate_tests::faults::queue::Weather;
use flowgate_tests::faults::seed::{Figures, each_seed};
use flowgate_tests::faults::upstream::Reply;
use flowgate_tests::faults::world::{Setup, World};

const BOUND: Duration = Duration::from_secs(1_800);

#[test]
fn f03_a_message_was_sent_and_its_answer_lost() {
    each_seed("f03 every send is applied and its answer lost", 8, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        let (operations, fate) = ("queue.send", Fate::FailsAfter);
        let (from, until) = (Timestamp(0), Timestamp(i64::MAX));
        world.plan.outage(Outage { operations, from, until, fate });
        world.upstream.answer(|_, _, _| Reply::after(Duration::from_secs(2)));
        world.accept(6).await;
        world.settle(BOUND).await?;
        let figures = world.check(&Expected::default()).await?.kept()?;
        ensure!(figures.extra_calls == 0, "one execution: {figures:?}");
        Ok(Figures { recovery: Duration::ZERO, ..figures })
    });
}

#[test]
fn f04_every_message_comes_several_times() {
    each_seed("f04 each message x2 and x10, four workers", 12, async |seed| {
        let copies = if seed % 2 == 0 { 2 } else { 10 };
        let weather = Weather { copies, reorders: true, ..Weather::default() };
        let world = World::open(Setup { workers: 4, weather, ..Setup::new(seed) }).await?;
        world.upstream.answer(|_, i, _| Reply::after(Duration::from_millis(i as u64 % 3 * 700)));
        world.accept(8).await;
        world.settle(BOUND).await?;
        let figures = world.check(&Expected::default()).await?.kept()?;
        ensure!(figures.extra_calls == 0, "no double claim: {figures:?}");
        let hooks = world.upstream.calls().iter().filter(|call| call.what == "done").count();
        ensure!(hooks == 8, "each webhook once, not {hooks}");
        Ok(figures)
    });
}

#[test]
fn f05_messages_are_late_and_out_of_order() {
    each_seed("f05 messages up to 600 s late, reordered", 12, async |seed| {
        let weather =
            Weather { max_delay: Duration::from_secs(600), reorders: true, ..Weather::default() };
        let world = World::open(Setup { workers: 3, weather, ..Setup::new(seed) }).await?;
        world.accept(8).await;
        world.settle(BOUND).await?;
        // The outputs are those of undisturbed runs: part of the check.
        let figures = world.check(&Expected::default()).await?.kept()?;
        ensure!(figures.extra_calls == 0, "{figures:?}");
        Ok(figures)
    });
}

#[test]
fn f11_the_queue_takes_nothing_for_ten_minutes() {
    each_seed("f11 the queue refuses everything for 10 min", 8, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        let from = world.clock.now();
        let until = from + Duration::from_secs(600);
        let (operations, fate) = ("queue.", Fate::FailsBefore);
        world.plan.outage(Outage { operations, from, until, fate });
        for i in 0..6 {
            let accepted = world.drive(world.try_start(i)).await;
            ensure!(accepted.is_ok(), "a start was refused: {:?}", accepted.err());
            world.pass(Duration::from_secs(60)).await;
        }
        world.settle(BOUND).await?;
        let took = world.clock.now().since(from);
        ensure!(took <= Duration::from_secs(720), "all is done after {took:?}");
        world.check(&Expected::default()).await?.kept()
    });
}
