//! Sessions: a process that dies around a write of one, and runs that write at once.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flowgate_core::clock::Clock;
use flowgate_core::run::RunState;
use flowgate_core::session::{Session, SessionKey};
use flowgate_tests::faults::plan::{Crash, Side};
use flowgate_tests::faults::seed::{Figures, Random, each_seed};
use flowgate_tests::faults::without::Guard;
use flowgate_tests::faults::world::{Setup, World};

const BOUND: Duration = Duration::from_secs(600);

/// An agent that remembers, and a variable that grows.
fn document(upstream: &str) -> String {
    format!(
        "
input: [{{ name: i, type: number }}]
variables: [{{ name: seen, value: [], session: s }}]
nodes:
  - {{ id: first, type: http, url: \"{upstream}/first/<api.i>\" }}
  - {{ id: a, type: agent, model: offline/echo, prompt: \"<api.i>\",
      memory: {{ session: s }}, after: first }}
  - {{ id: v, type: variables, append: {{ seen: <api.i> }}, after: a }}
  - {{ id: last, type: http, url: \"{upstream}/last/<api.i>\", after: v }}
output: {{ said: <a.content> }}
"
    )
}

async fn world(setup: Setup, crashes: impl Fn(&World)) -> Result<World> {
    let world = World::open(setup).await?;
    world.publish(&document(&world.upstream.url)).await?;
    crashes(&world);
    Ok(world)
}

/// Runs them to their end, and returns what the session holds.
async fn kept(world: &World, runs: usize) -> Result<Session> {
    world.accept(runs).await;
    world.settle(BOUND).await?;
    let mut uid = None;
    for run in world.accepted().values() {
        let record = world.truth.runs.read(run).await?.context("a run is stored")?;
        ensure!(record.state == RunState::Succeeded, "{:?} {:?}", record.state, record.end);
        uid = Some(record.head.workflow_uid.clone());
    }
    let key = SessionKey::new(&uid.context("there are runs")?, "s");
    let kept = world.truth.sessions.read(&key, world.clock.now()).await?;
    kept.context("a session is kept")
}

fn check(session: &Session, runs: usize) -> Result<()> {
    let mut turns: Vec<usize> =
        session.turns.iter().map(|turn| turn.user.parse()).collect::<Result<_, _>>()?;
    turns.sort_unstable();
    ensure!(turns == (0..runs).collect::<Vec<_>>(), "turns {turns:?}");
    let mut seen: Vec<usize> = serde_json::from_value(session.variables["seen"].clone())?;
    seen.sort_unstable();
    ensure!(seen == (0..runs).collect::<Vec<_>>(), "variable {seen:?}");
    Ok(())
}

/// The first save is the turn's, the second the variable's.
#[test]
fn a_process_dies_around_each_write_of_a_session() {
    each_seed("sessions death before and after each write", 8, async |seed| {
        let side = if seed % 2 == 0 { Side::Before } else { Side::After };
        let nth = usize::try_from(seed / 2 % 2)?;
        let crash = |world: &World| world.plan.crash(Crash::Named("sessions.save", nth, side));
        let world = world(Setup { workers: 1, ..Setup::new(seed) }, crash).await?;
        check(&kept(&world, 1).await?, 1)?;
        Ok(Figures::default())
    });
}

#[test]
fn processes_die_at_random_while_runs_share_a_session() {
    each_seed("sessions three workers, six deaths, 8 runs", 8, async |seed| {
        let crashes = |world: &World| {
            let (mut random, before) = (Random(seed), world.plan.operations().len());
            for _ in 0..6 {
                let nth = usize::try_from(random.below(250)).unwrap_or_default();
                let side = if random.percent(50) { Side::Before } else { Side::After };
                world.plan.crash(Crash::Operation(before + nth, side));
            }
        };
        let world = world(Setup { workers: 3, ..Setup::new(seed) }, crashes).await?;
        check(&kept(&world, 8).await?, 8)?;
        Ok(Figures::default())
    });
}

#[test]
fn f32_without_the_mark_of_a_write_a_turn_is_doubled() {
    each_seed("f32_without_the_mark a scenario fails", 2, async |seed| {
        let setup = Setup { workers: 1, without: Some(Guard::SessionMark), ..Setup::new(seed) };
        let crash = |world: &World| world.plan.crash(Crash::Named("sessions.save", 0, Side::After));
        let world = world(setup, crash).await?;
        let kept = kept(&world, 1).await?;
        ensure!(check(&kept, 1).is_err() && kept.turns.len() == 2, "{kept:?}");
        Ok(Figures::default())
    });
}
