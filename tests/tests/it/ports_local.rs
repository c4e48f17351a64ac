//! The SQLite adapter keeps every guarantee of the ports and its own: restart and retention.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use flowgate_core::idempotency::{IdempotencyRow, UniqueRows};
use flowgate_core::run::{Claimed, FinishedRun, NewRun, RunFilter, RunState};
use flowgate_core::stats::{ROLLUP_RETENTION, Tally};
use flowgate_core::time::Timestamp;
use flowgate_local::{Local, LocalLimits};
use flowgate_tests::ports::sample::*;
use flowgate_tests::ports::{World, check_all};

#[tokio::test(flavor = "multi_thread")]
async fn the_local_adapter_keeps_every_guarantee() {
    check_all(|| async {
        let folder = tempfile::tempdir()?;
        let (_, world) = open(folder.path())?;
        Ok(World { keep: Arc::new(folder), ..world })
    })
    .await;
}

fn open(folder: &Path) -> Result<(Local, World)> {
    let local = Local::open(folder)?;
    let ports = Arc::new(local.clone());
    let world = World {
        runs: ports.clone(),
        deliveries: ports.clone(),
        due: ports.clone(),
        workflows: ports.clone(),
        jobs: ports.clone(),
        sessions: ports.clone(),
        knowledge: ports.clone(),
        keys: ports.clone(),
        limits: Arc::new(LocalLimits::default()),
        budgets: ports.clone(),
        stats: ports.clone(),
        secrets: ports.clone(),
        logins: ports.clone(),
        files: ports,
        keep: Arc::new(()),
    };
    Ok((local, world))
}

#[tokio::test]
async fn after_a_restart_everything_in_flight_is_due_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (local, world) = open(folder.path())?;
    claimed(&world, 1, "dead").await?;
    world.runs.create(attached(2)?).await?;
    world.runs.create(detached(3)?).await?;
    world
        .runs
        .create_ended(
            attached(4)?,
            FinishedRun { due_at: Some(at(80_000)), ..ending(RunState::Succeeded) },
        )
        .await?;
    let (out, waits) = (delivery(4, 0, 500)?, delivery(4, 1, 70_000)?);
    world.deliveries.put(out.clone()).await?;
    world.deliveries.put(waits.clone()).await?;
    world.deliveries.claim(&out.id, &owner("dead"), at(500), at(60_000)).await?;
    drop((local, world));

    let (local, world) = open(folder.path())?;
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("b"), at(600), at(900)).await?,
        Claimed::LeasedByOther
    );
    local.expire_leases(at(600)).await?;
    assert_eq!(world.due.due(at(600), 10).await?.len(), 4);
    for n in 1..=3 {
        claim(&world, n, "b", 600, 900).await?;
    }
    assert!(world.deliveries.claim(&out.id, &owner("b"), at(600), at(900)).await?.is_some());
    assert_eq!(world.deliveries.read(&waits.id).await?, Some(waits));
    assert_eq!(world.due.due(at(99_000), 10).await?.len(), 6);
    Ok(())
}

#[tokio::test]
async fn runs_past_their_retention_are_forgotten_with_all_their_parts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (local, world) = open(folder.path())?;
    for n in 1..=250 {
        let end = FinishedRun {
            deliveries: vec![delivery(n, 0, 900)?],
            expires_at: at(1_000),
            ..ending(RunState::Succeeded)
        };
        world.runs.create_ended(attached(n)?, end).await?;
    }
    let lease = claimed(&world, 251, "a").await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&lease, "a").await?;
    world
        .runs
        .finish(&lease, FinishedRun { expires_at: at(1_000), ..ending(RunState::Failed) })
        .await?;
    world
        .runs
        .create_ended(
            attached(252)?,
            FinishedRun { expires_at: at(1_001), ..ending(RunState::Failed) },
        )
        .await?;
    world.runs.create(detached(253)?).await?;

    assert_eq!(local.forget_expired(at(999)).await?, 0);
    assert_eq!(local.forget_expired(at(1_000)).await?, 251);
    let kept = world.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(10)).await?;
    assert_eq!(
        kept.items.iter().map(|run| run.head.id.clone()).collect::<Vec<_>>(),
        [run_id(253)?, run_id(252)?]
    );
    let id = run_id(251)?;
    assert!(
        world.runs.checkpoints(&id, None).await?.is_empty()
            && world.runs.started(&id).await?.is_empty()
    );
    assert!(
        world.runs.events(&id, None, 10).await?.is_empty()
            && world.deliveries.of_run(&run_id(1)?).await?.is_empty()
    );
    assert_eq!(world.due.due(at(99_000), 10).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_repeated_write_counts_once_and_a_rollup_is_forgotten_after_its_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (local, world) = open(folder.path())?;
    let run = attached(1)?;
    let end = ending(RunState::Succeeded);
    let end = FinishedRun { tally: Some(Tally::of(&run.head, &end.end)), ..end };
    for _ in 0..2 {
        world.runs.create_ended(run.clone(), end.clone()).await?;
    }
    let read = || world.stats.rollups(WORKFLOW_UID, Timestamp(0), at(9_999));
    let hours = read().await?;
    assert_eq!((hours.len(), hours[0].1.all.runs()), (1, 1));
    let kept_until = hours[0].0 + ROLLUP_RETENTION;
    local.forget_expired(Timestamp(kept_until.millis() - 1)).await?;
    assert_eq!(read().await?.len(), 1);
    local.forget_expired(kept_until).await?;
    assert!(read().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_idempotency_row_is_forgotten_after_its_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (local, world) = open(folder.path())?;
    for (n, key, until) in [(1, "gone", 500), (2, "kept", 501)] {
        let row = IdempotencyRow {
            key: idempotency_key(key),
            body_hash: "hash".into(),
            expires_at: at(until),
        };
        let unique_rows = UniqueRows { idempotency: Some(row), run_id: None };
        world.runs.create(NewRun { unique_rows, ..detached(n)? }).await?;
    }
    local.forget_expired(at(500)).await?;
    assert!(world.runs.idempotency(&idempotency_key("gone"), at(0)).await?.is_none());
    assert!(world.runs.idempotency(&idempotency_key("kept"), at(0)).await?.is_some());
    Ok(())
}
