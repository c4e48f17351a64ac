//! F01, F02, F06, F14, F15, F20, F31: processes that die, freeze, or are replaced.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flowgate_core::clock::Clock;
use flowgate_core::run::RunState;
use flowgate_tests::faults::check::Expected;
use flowgate_tests::faults::plan::{Crash, Side};
use flowgate_tests::faults::process::Function;
use flowgate_tests::faults::seed::{Figures, Random, each_seed};
use flowgate_tests::faults::upstream::Reply;
use flowgate_tests::faults::without::Guard;
use flowgate_tests::faults::world::{Setup, World, document};

const BOUND: Duration = Duration::from_secs(600);

/// Two seeds for each operation of a run, some more than there are: its process dies before it, and
/// after it.
#[test]
fn f01_a_process_dies_at_every_operation() {
    each_seed("f01 death before and after each port operation", 60, async |seed| {
        let world = World::open(Setup { workers: 1, ..Setup::new(seed) }).await?;
        let before = world.plan.operations().len();
        let side = if seed % 2 == 0 { Side::Before } else { Side::After };
        let nth = usize::try_from(seed / 2)?;
        world.plan.crash(Crash::Operation(before + nth, side));
        world.accept(1).await;
        world.settle(BOUND).await?;
        let figures = world.check(&Expected::default()).await?.kept()?;
        ensure!(figures.extra_calls <= 2, "{} extra calls for one crash", figures.extra_calls);
        ensure!(figures.recovery <= Duration::from_secs(150), "{:?}", figures.recovery);
        Ok(figures)
    });
}

/// The scenario above stops before the operation that a run without faults makes last.
#[test]
fn f01_the_operations_are_at_least_25_and_all_are_tried() {
    each_seed("f01_the_operations number of operations", 1, async |seed| {
        let world = World::open(Setup { workers: 1, ..Setup::new(seed) }).await?;
        let before = world.plan.operations().len();
        world.accept(1).await;
        world.settle(BOUND).await?;
        let operations = &world.plan.operations()[before..];
        ensure!((20..=30).contains(&operations.len()), "{operations:?}");
        Ok(Figures::default())
    });
}

#[test]
fn f01_several_processes_die_at_random() {
    each_seed("f01_several three workers, ten deaths, 12 runs", 16, async |seed| {
        let world = World::open(Setup { workers: 3, ..Setup::new(seed) }).await?;
        let mut random = Random(seed);
        world.upstream.answer(|_, i, _| Reply::after(Duration::from_secs(i as u64 % 5)));
        let before = world.plan.operations().len();
        for _ in 0..10 {
            let nth = usize::try_from(random.below(200))?;
            let side = if random.percent(50) { Side::Before } else { Side::After };
            world.plan.crash(Crash::Operation(before + nth, side));
        }
        world.accept(12).await;
        world.settle(BOUND).await?;
        world.check(&Expected::default()).await?.kept()
    });
}

#[test]
fn f02_a_start_dies_between_the_write_and_the_message() {
    each_seed("f02 death between the run's row and its message", 8, async |seed| {
        let world = World::open(Setup::new(seed)).await?;
        world.plan.crash(Crash::Named("queue.send", 0, Side::Before));
        let refused = world.drive(world.try_start(0)).await;
        ensure!(refused.is_err(), "the caller got no answer");
        let accepted_at = world.clock.now();
        world.until(Duration::from_secs(90), async || world.upstream.count("first", 0) > 0).await?;
        ensure!(world.upstream.count("first", 0) == 1, "it did not start within 90 s");
        let started_after = world.clock.now().since(accepted_at);
        // The caller asks again: it is the same run.
        world.accept(1).await;
        world.settle(BOUND).await?;
        let figures = world.check(&Expected::default()).await?.kept()?;
        ensure!(figures.extra_calls == 0, "one execution");
        Ok(Figures { recovery: started_after, ..figures })
    });
}

/// A process that is stopped for two minutes in the middle of a call, while another takes over.
pub(crate) async fn zombie(setup: Setup) -> Result<flowgate_tests::faults::check::Report> {
    let world = World::open(Setup { workers: 2, concurrency: 1, ..setup }).await?;
    world.upstream.answer(|what, _, before| match (what, before) {
        ("first", 0) => Reply::after(Duration::from_secs(5)),
        ("last", 0) => Reply::after(Duration::from_secs(90)),
        _ => Reply::OK,
    });
    world.accept(1).await;
    let called = async || world.upstream.count("first", 0) == 1;
    world.until(Duration::from_secs(60), called).await?;
    let workers: Vec<_> = (0..2).filter_map(|place| world.worker(place)).collect();
    let zombie = workers.iter().find(|worker| worker.life.on_the_network() > 0);
    let zombie = zombie.context("a worker makes the call")?.life.clone();
    zombie.freeze();
    // The other one has the run, and is in its last call.
    let taken = async || world.upstream.count("last", 0) == 1;
    world.until(Duration::from_secs(120), taken).await?;
    ensure!(taken().await, "nobody took the run over");
    zombie.thaw();
    world.settle(BOUND).await?;
    world.check(&Expected::default()).await
}

#[test]
fn f06_a_process_that_was_stopped_changes_nothing() {
    each_seed("f06 a stopped process goes on after its lease", 8, async |seed| {
        let figures = zombie(Setup::new(seed)).await?.kept()?;
        ensure!(figures.extra_calls == 1, "the call in flight, once more: {figures:?}");
        Ok(figures)
    });
}

#[test]
fn f14_a_function_is_killed_at_its_deadline() {
    each_seed("f14 functions of 90 s, calls of 50 s, some hang", 8, async |seed| {
        // Those that do not know their limit die in the middle of a call, as without memory.
        let function = Function { limit: Duration::from_secs(90), knows_limit: seed % 2 == 0 };
        let setup = Setup { workers: 3, concurrency: 1, ..Setup::new(seed) };
        let world = World::open(Setup { function: Some(function), ..setup }).await?;
        world.upstream.answer(move |what, i, before| match (what, before) {
            ("right", 0) if (i as u64 + seed).is_multiple_of(3) => {
                Reply::after(Duration::from_secs(300))
            }
            ("notify" | "done", _) => Reply::OK,
            _ => Reply::after(Duration::from_secs(50)),
        });
        world.accept(4).await;
        world.settle(Duration::from_secs(3_600)).await?;
        let figures = world.check(&Expected::default()).await?.kept()?;
        for (i, run) in world.accepted() {
            let claims = world.history.of(run.as_str()).claims;
            ensure!(claims <= 5, "run {i} was claimed {claims} times");
        }
        Ok(figures)
    });
}

#[test]
fn f15_a_run_that_kills_its_workers_ends_and_its_neighbours_go_on() {
    each_seed("f15 a run kills every process that claims it", 6, async |seed| {
        let setup = Setup { workers: 3, concurrency: 1, ..Setup::new(seed) };
        let world = World::open(setup).await?;
        world.upstream.answer(|_, _, _| Reply::after(Duration::from_secs(1)));
        let poison = world.drive(world.try_start(0)).await?;
        world.plan.crash(Crash::Claim(poison.to_string()));
        world.accept(6).await;
        // The claim that finds it poisonous must live.
        let claimed = async || world.history.of(poison.as_str()).claims >= 6;
        world.until(BOUND, claimed).await?;
        world.plan.calm();
        world.settle(BOUND).await?;
        let expected = Expected { fails: vec![(0, "poison")], ..Expected::default() };
        let figures = world.check(&expected).await?.kept()?;
        let claims = world.history.of(poison.as_str()).claims;
        ensure!(claims <= 8, "it was claimed {claims} times");
        Ok(figures)
    });
}

#[test]
fn f20_a_process_dies_after_the_receivers_answer() {
    each_seed("f20 death between 2xx and the record of it", 8, async |seed| {
        let world = World::open(Setup::new(seed)).await?;
        let nth = usize::try_from(seed % 2)?;
        world.plan.crash(Crash::Named("deliveries.record", nth, Side::Before));
        world.accept(1).await;
        world.settle(BOUND).await?;
        // One id for all attempts, and signatures that verify, are part of the check.
        let figures = world.check(&Expected::default()).await?.kept()?;
        let came = ["notify", "done"].map(|what| world.upstream.count(what, 0));
        ensure!(came.iter().all(|came| *came <= 2), "one duplicate of each at most: {came:?}");
        ensure!(came.iter().sum::<usize>() > 2, "one came again");
        Ok(figures)
    });
}

#[test]
fn f31_runs_end_on_their_version_whatever_is_deployed_meanwhile() {
    each_seed("f31 publish, new processes, rollback, with 30 runs", 4, async |seed| {
        let world = World::open(Setup { workers: 2, ..Setup::new(seed) }).await?;
        world.upstream.answer(|_, i, _| Reply::after(Duration::from_secs(1 + i as u64 % 4)));
        world.accept(15).await;
        let one = document(&world.upstream.url, "one");
        for (round, document) in [document(&world.upstream.url, "two"), one].iter().enumerate() {
            world.publish(document).await?;
            for worker in (0..2).filter_map(|place| world.worker(place)) {
                worker.life.kill();
            }
            world.pass(Duration::from_secs(2)).await;
            world.accept(20 + 5 * round).await;
        }
        world.settle(BOUND).await?;
        let expected = Expected { names: vec!["one", "two"], ..Expected::default() };
        let figures = world.check(&expected).await?.kept()?;
        for (i, run) in world.accepted() {
            let record = world.truth.runs.read(&run).await?.context("it is stored")?;
            let name = if (15..20).contains(&i) { "two" } else { "one" };
            let end = record.end.context("it has ended")?;
            ensure!(record.state == RunState::Succeeded && end.output["name"] == name, "{i}");
        }
        Ok(figures)
    });
}

/// Without the fence, the process that was stopped goes on where it was.
pub(crate) fn without_fence(seed: u64) -> Setup {
    Setup { without: Some(Guard::Fence), ..Setup::new(seed) }
}
