//! Rollups: each ended run is counted once, under bounded names.

use std::sync::Arc;

use anyhow::Result;
use flowgate_core::run::{FinishedRun, NewRun, RunEnd, RunHead, RunState};
use flowgate_core::stats::{Dimension, HOUR, MAX_NAMES, OTHER, Rollup, Tally, hour_of};
use flowgate_core::time::Timestamp;
use flowgate_engine::{Part, RunError, Usage};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("each ended run is in its workflow's rollup, once", counts),
        guarantee("a run that ends twice is counted once", ends_twice),
        guarantee("an hour has rollups of its own", hours),
        guarantee("the names of an hour are bounded", names),
        guarantee("ends at the same time are all counted", concurrent),
        guarantee("a part is no production, and a schedule is no operator", parts),
        guarantee("a sum does not overflow", large),
    ]
}

fn counted(run: &NewRun, end: FinishedRun, ended_at: Timestamp) -> FinishedRun {
    let end = FinishedRun {
        end: Arc::new(RunEnd {
            usage: Usage { tokens: Some(7), cost_nano_usd: Some(30), ..Usage::UNKNOWN },
            ended_at,
            ..RunEnd::clone(&end.end)
        }),
        ..end
    };
    FinishedRun { tally: Some(Tally::of(&run.head, &end.end)), ..end }
}

fn of_key(n: u32, key: &str) -> Result<NewRun> {
    let run = attached(n)?;
    let head = RunHead { key_id: Some(key.to_owned()), ..RunHead::clone(&run.head) };
    Ok(NewRun { head: Arc::new(head), ..run })
}

async fn rollup(world: &World) -> Result<Rollup> {
    let mut sum = Rollup::default();
    let (from, before) = (Timestamp(0), at(1_000_000_000));
    for (_, hour) in world.stats.rollups(WORKFLOW_UID, from, before).await? {
        sum.add(&hour);
    }
    Ok(sum)
}

async fn counts(world: World) -> Result<()> {
    let run = attached(1)?;
    let end = counted(&run, ending(RunState::Succeeded), at(900));
    world.runs.create_ended(run, end).await?;
    let run = detached(2)?;
    let failed = ending(RunState::Failed);
    let error = RunError {
        code: "timeout".into(),
        message: "late".into(),
        node: Some("chapters[3]/write".into()),
    };
    let ended = RunEnd { error: Some(error), ..RunEnd::clone(&failed.end) };
    let end = counted(&run, FinishedRun { end: Arc::new(ended), ..failed }, at(1_200));
    let lease = claimed(&world, 2, "a").await?;
    world.runs.finish(&lease, end).await?;

    let rollup = rollup(&world).await?;
    let all = &rollup.all;
    assert_eq!((all.succeeded, all.failed, all.cancelled), (1, 1, 0));
    assert_eq!((all.tokens, all.cost_nano_usd, all.cost_unknown), (14, 60, 0));
    assert_eq!(all.latency.values().sum::<u64>(), 2);
    assert_eq!((all.percentile(0.01), all.percentile(1.0)), (Some(516), Some(1024)));
    let runs = |dimension, name: &str| rollup.by[&dimension][name].runs();
    assert_eq!(runs(Dimension::State, "failed"), 1);
    assert_eq!(runs(Dimension::Version, "1.0.0"), 2);
    assert_eq!(runs(Dimension::Key, "key"), 2);
    assert_eq!(runs(Dimension::Code, "timeout"), 1);
    assert_eq!(runs(Dimension::Node, "chapters/write"), 1);
    assert!(world.stats.rollups("another", Timestamp(0), at(9_999)).await?.is_empty());
    Ok(())
}

async fn ends_twice(world: World) -> Result<()> {
    let run = detached(1)?;
    let end = counted(&run, ending(RunState::Succeeded), at(900));
    let lease = claimed(&world, 1, "a").await?;
    for _ in 0..2 {
        world.runs.finish(&lease, end.clone()).await?;
    }
    assert_eq!(rollup(&world).await?.all.runs(), 1);
    Ok(())
}

async fn hours(world: World) -> Result<()> {
    let first = hour_of(at(0));
    let times = [first, first + HOUR, first + HOUR + HOUR];
    for (n, ended_at) in (1..).zip(times) {
        let run = attached(n)?;
        let end = counted(&run, ending(RunState::Succeeded), ended_at);
        world.runs.create_ended(run, end).await?;
    }
    let within = async |from, before| {
        let hours = world.stats.rollups(WORKFLOW_UID, from, before).await?;
        anyhow::Ok(hours.into_iter().map(|(hour, _)| hour).collect::<Vec<_>>())
    };
    assert_eq!(within(times[0], times[2] + HOUR).await?, times);
    assert_eq!(within(times[1], times[2]).await?, [times[1]]);
    assert!(within(times[2] + HOUR, times[2] + HOUR + HOUR).await?.is_empty());
    Ok(())
}

/// On AWS each of 16 shards has names of its own.
async fn names(world: World) -> Result<()> {
    const RUNS: u32 = 1_000;
    for n in 0..RUNS {
        let run = of_key(n, &format!("key{n}"))?;
        let end = counted(&run, ending(RunState::Succeeded), at(900));
        world.runs.create_ended(run, end).await?;
    }
    let rollup = rollup(&world).await?;
    let keys = &rollup.by[&Dimension::Key];
    assert!(keys.len() <= 16 * MAX_NAMES + 1, "{}", keys.len());
    assert!(keys[OTHER].runs() >= u64::from(RUNS) - 16 * MAX_NAMES as u64);
    assert_eq!(keys.values().map(|sums| sums.runs()).sum::<u64>(), u64::from(RUNS));
    assert_eq!(rollup.all.runs(), u64::from(RUNS));
    Ok(())
}

async fn parts(world: World) -> Result<()> {
    let head = |n| anyhow::Ok(RunHead { key_id: None, ..head(n)? });
    let part = Part { until: Some("a".into()), ..Part::default() };
    let heads = [head(1)?, RunHead { by_schedule: true, ..head(2)? }, RunHead { part, ..head(3)? }];
    for (n, head) in (1..).zip(heads) {
        let run = NewRun { head: Arc::new(head), ..attached(n)? };
        let end = counted(&run, ending(RunState::Succeeded), at(900));
        world.runs.create_ended(run, end).await?;
    }
    let rollup = rollup(&world).await?;
    let runs = |dimension, name: &str| rollup.by[&dimension][name].runs();
    assert_eq!(rollup.all.runs(), 2);
    assert_eq!((runs(Dimension::Key, "admin"), runs(Dimension::Key, "schedule")), (1, 1));
    assert_eq!((runs(Dimension::Version, "1.0.0"), runs(Dimension::Version, "draft")), (2, 1));
    Ok(())
}

/// A provider may say that a call has used any number of tokens.
async fn large(world: World) -> Result<()> {
    for n in 1..=40 {
        let run = attached(n)?;
        let mut end = counted(&run, ending(RunState::Succeeded), at(900));
        let usage =
            Usage { tokens: Some(u64::MAX), cost_nano_usd: Some(u64::MAX), ..Usage::UNKNOWN };
        end.end = Arc::new(RunEnd { usage, ..RunEnd::clone(&end.end) });
        end.tally = Some(Tally::of(&run.head, &end.end));
        world.runs.create_ended(run, end).await?;
    }
    let all = rollup(&world).await?.all;
    assert_eq!(all.runs(), 40);
    assert!(all.tokens >= 9_000_000_000_000_000_000, "{}", all.tokens);
    Ok(())
}

async fn concurrent(world: World) -> Result<()> {
    let mut ends = Vec::new();
    for n in 0..40 {
        let run = of_key(n, &format!("key{}", n % 5))?;
        let end = counted(&run, ending(RunState::Succeeded), at(900));
        let runs = world.runs.clone();
        ends.push(tokio::spawn(async move { runs.create_ended(run, end).await }));
    }
    for end in ends {
        end.await??;
    }
    let rollup = rollup(&world).await?;
    assert_eq!(rollup.all.runs(), 40);
    assert_eq!(rollup.by[&Dimension::Key]["key3"].runs(), 8);
    Ok(())
}
