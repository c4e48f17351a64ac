//! Runs have one owner at a time, only its writes succeed, and they end once.

use anyhow::Result;
use flowgate_core::event::EventId;
use flowgate_core::lease::{Lease, Written};
use flowgate_core::run::{
    CancelRequest, Claimed, Finished, FinishedRun, Heartbeat, Mode, RunState, StartMark,
};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a claim takes the run with the next fence", claim_takes),
        guarantee("a live lease refuses, an ended one does not", claim_and_leases),
        guarantee("a claim sent twice counts once", claim_twice),
        guarantee("of 50 concurrent claims, one is granted", concurrent_claims),
        guarantee("an ended or unknown run cannot be claimed", claim_of_nothing),
        guarantee("a heartbeat moves the lease", heartbeat_moves_the_lease),
        guarantee("an older fence is refused everywhere", older_fence),
        guarantee("another's token is refused under the right fence", wrong_token),
        guarantee("the first result of a place stays", first_checkpoint_stays),
        guarantee("checkpoints come in the order they were consumed", checkpoint_order),
        guarantee(
            "only a new checkpoint resets the claims without progress",
            claims_without_progress,
        ),
        guarantee("a refused checkpoint leaves no events", refused_checkpoint),
        guarantee("a call is marked as started by one owner", start_marks),
        guarantee("events come in order, after an id, up to a limit", events_in_order),
        guarantee("an event written twice is one event", events_twice),
        guarantee(
            "a hand-over releases the run with all its data, and does not count as a claim without \
             progress",
            hand_over,
        ),
        guarantee("a hand-over sent twice is one", hand_over_twice),
        guarantee(
            "the end is written with all its parts, and the run is no longer due",
            finish_writes_all,
        ),
        guarantee("the second one to finish gets the stored run", finish_second),
        guarantee("an owner that lost its lease cannot end the run", finish_lost),
        guarantee("of 20 concurrent ends, one is written", concurrent_finishes),
        guarantee("a cancel request says who must act, and reaches the owner", cancel),
        guarantee("an ended or unknown run is not cancelled", cancel_of_nothing),
    ]
}

async fn claim_takes(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    let (lease, run) = claim(&world, 1, "a", 100, 1_000).await?;
    assert_eq!(lease, Lease { run: run_id(1)?, fence: 1, owner: owner("a") });
    assert_eq!(
        (run.state, run.fence, &run.owner, run.due_at),
        (RunState::Running, 1, &Some(owner("a")), Some(at(1_000)))
    );
    assert_eq!((run.started_at, run.claims_without_progress), (Some(at(100)), 1));
    assert_eq!(run, stored(&world, 1).await?);
    Ok(())
}

async fn claim_and_leases(world: World) -> Result<()> {
    claimed(&world, 1, "a").await?;
    let id = run_id(1)?;
    assert_eq!(
        world.runs.claim(&id, &owner("b"), at(999), at(2_000)).await?,
        Claimed::LeasedByOther
    );
    let (lease, run) = claim(&world, 1, "b", 1_000, 2_000).await?;
    assert_eq!((lease.fence, run.claims_without_progress, run.started_at), (2, 2, Some(at(100))));
    assert_eq!(
        world.runs.claim(&id, &owner("a"), at(1_500), at(2_500)).await?,
        Claimed::LeasedByOther
    );
    Ok(())
}

async fn claim_twice(world: World) -> Result<()> {
    claimed(&world, 1, "a").await?;
    let (lease, run) = claim(&world, 1, "a", 200, 1_500).await?;
    assert_eq!((lease.fence, run.claims_without_progress, run.due_at), (1, 1, Some(at(1_500))));
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("b"), at(1_499), at(2_000)).await?,
        Claimed::LeasedByOther
    );
    Ok(())
}

async fn concurrent_claims(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (runs, id) = (world.runs.clone(), run_id(1)?);
        tasks.spawn(async move {
            runs.claim(&id, &owner(&format!("owner {n}")), at(100), at(1_000)).await
        });
    }
    let mut granted = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done?? {
            Claimed::Leased(lease, _) => granted.push(lease),
            other => assert_eq!(other, Claimed::LeasedByOther),
        }
    }
    let run = stored(&world, 1).await?;
    assert_eq!((granted.len(), run.fence), (1, 1));
    assert_eq!(run.owner.as_ref(), granted.first().map(|lease| &lease.owner));
    Ok(())
}

async fn claim_of_nothing(world: World) -> Result<()> {
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("a"), at(100), at(200)).await?,
        Claimed::Unknown
    );
    let lease = claimed(&world, 2, "a").await?;
    world.runs.finish(&lease, ending(RunState::Failed)).await?;
    for who in ["a", "b"] {
        assert_eq!(
            world.runs.claim(&run_id(2)?, &owner(who), at(9_000), at(9_500)).await?,
            Claimed::Ended
        );
    }
    Ok(())
}

async fn heartbeat_moves_the_lease(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    assert_eq!(
        world.runs.heartbeat(&lease, at(5_000)).await?,
        Heartbeat::Kept { cancel_requested: false, answers: 0 }
    );
    assert_eq!(stored(&world, 1).await?.due_at, Some(at(5_000)));
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("b"), at(4_999), at(6_000)).await?,
        Claimed::LeasedByOther
    );
    Ok(())
}

async fn older_fence(world: World) -> Result<()> {
    let old = claimed(&world, 1, "a").await?;
    claim(&world, 1, "b", 1_000, 2_000).await?;
    all_refused(&world, &old).await
}

async fn wrong_token(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    all_refused(&world, &Lease { owner: owner("b"), ..lease }).await
}

/// Checks that every write is refused and leaves nothing behind.
async fn all_refused(world: &World, lease: &Lease) -> Result<()> {
    let before = stored(world, 1).await?;
    assert_eq!(world.runs.heartbeat(lease, at(9_000)).await?, Heartbeat::Lost);
    assert_eq!(
        world.runs.checkpoint(lease, checkpoint("a", 0, "late"), vec![chunk(1, 1)]).await?,
        Written::Lost
    );
    assert_eq!(world.runs.mark_started(lease, "a").await?, StartMark::Lost);
    assert_eq!(world.runs.append_events(lease, vec![chunk(1, 1)]).await?, Written::Lost);
    assert_eq!(
        world
            .runs
            .hand_over(lease, vec![checkpoint("a", 0, "late")], vec![chunk(1, 1)], at(9_000))
            .await?,
        Written::Lost
    );
    let end = FinishedRun { deliveries: vec![delivery(1, 0, 900)?], ..ending(RunState::Succeeded) };
    assert_eq!(world.runs.finish(lease, end).await?, Finished::Lost);
    assert_eq!(stored(world, 1).await?, before);
    let id = run_id(1)?;
    assert!(
        world.runs.checkpoints(&id, None).await?.is_empty()
            && world.runs.events(&id, None, 10).await?.is_empty()
    );
    assert!(
        world.runs.started(&id).await?.is_empty() && world.deliveries.of_run(&id).await?.is_empty()
    );
    Ok(())
}

async fn first_checkpoint_stays(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    let first = checkpoint("each[2]/fetch", 0, "first");
    assert_eq!(world.runs.checkpoint(&lease, first.clone(), vec![]).await?, Written::Written);
    assert_eq!(
        world.runs.checkpoint(&lease, checkpoint("each[2]/fetch", 5, "second"), vec![]).await?,
        Written::Written
    );
    let (next, _) = claim(&world, 1, "b", 1_000, 2_000).await?;
    world.runs.checkpoint(&next, checkpoint("each[2]/fetch", 1, "third"), vec![]).await?;
    assert_eq!(world.runs.checkpoints(&run_id(1)?, None).await?, [first]);
    Ok(())
}

async fn checkpoint_order(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for (place, order) in [("z", 0), ("m", 2), ("a", 10), ("b", 1), ("k", 9)] {
        world.runs.checkpoint(&lease, checkpoint(place, order, place), vec![]).await?;
    }
    let places: Vec<String> = world
        .runs
        .checkpoints(&run_id(1)?, None)
        .await?
        .into_iter()
        .map(|checkpoint| checkpoint.place)
        .collect();
    assert_eq!(places, ["z", "b", "m", "k", "a"]);
    assert!(world.runs.checkpoints(&run_id(2)?, None).await?.is_empty());
    Ok(())
}

async fn claims_without_progress(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    let (lease, run) = claim(&world, 1, "a", 100, 200).await?;
    assert_eq!(run.claims_without_progress, 1);
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![]).await?;
    assert_eq!(stored(&world, 1).await?.claims_without_progress, 0);
    claim(&world, 1, "b", 200, 300).await?;
    let (lease, _) = claim(&world, 1, "c", 300, 400).await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "again"), vec![]).await?;
    world.runs.append_events(&lease, vec![chunk(3, 1)]).await?;
    assert_eq!(stored(&world, 1).await?.claims_without_progress, 2);
    Ok(())
}

async fn refused_checkpoint(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1), chunk(1, 2)]).await?;
    claim(&world, 1, "b", 1_000, 2_000).await?;
    world.runs.checkpoint(&lease, checkpoint("b", 1, "x"), vec![chunk(1, 3)]).await?;
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1), chunk(1, 2)]);
    Ok(())
}

async fn start_marks(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for _ in 0..2 {
        assert_eq!(world.runs.mark_started(&lease, "charge").await?, StartMark::Marked);
    }
    let (next, _) = claim(&world, 1, "b", 1_000, 2_000).await?;
    assert_eq!(world.runs.mark_started(&next, "charge").await?, StartMark::AlreadyStarted);
    assert_eq!(world.runs.mark_started(&next, "other").await?, StartMark::Marked);
    let mut started = world.runs.started(&run_id(1)?).await?;
    started.sort();
    assert_eq!(started, ["charge", "other"]);
    Ok(())
}

async fn events_in_order(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    let id = run_id(1)?;
    for ns in [1..=9, 10..=12] {
        world.runs.append_events(&lease, ns.map(|n| chunk(1, n)).collect()).await?;
    }
    let (next, _) = claim(&world, 1, "b", 1_000, 2_000).await?;
    world.runs.append_events(&next, vec![chunk(2, 1), chunk(2, 2)]).await?;
    let all: Vec<_> = (1..=12).map(|n| chunk(1, n)).chain([chunk(2, 1), chunk(2, 2)]).collect();
    assert_eq!(world.runs.events(&id, None, 100).await?, all);
    assert_eq!(world.runs.events(&id, None, 3).await?, all[..3]);
    assert_eq!(world.runs.events(&id, Some(EventId { fence: 1, n: 9 }), 4).await?, all[9..13]);
    assert_eq!(
        world.runs.events(&id, Some(EventId { fence: 1, n: u64::MAX }), 4).await?,
        all[12..]
    );
    assert!(
        world
            .runs
            .events(&id, Some(EventId { fence: u64::MAX, n: 1 }), usize::MAX)
            .await?
            .is_empty()
    );
    Ok(())
}

async fn events_twice(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for events in [vec![chunk(1, 1)], vec![chunk(1, 1), chunk(1, 2)], vec![]] {
        assert_eq!(world.runs.append_events(&lease, events).await?, Written::Written);
    }
    world
        .runs
        .finish(
            &lease,
            FinishedRun { events: vec![chunk(1, 2), chunk(1, 3)], ..ending(RunState::Succeeded) },
        )
        .await?;
    assert_eq!(
        world.runs.events(&run_id(1)?, None, 10).await?,
        [chunk(1, 1), chunk(1, 2), chunk(1, 3)]
    );
    Ok(())
}

async fn hand_over(world: World) -> Result<()> {
    world.runs.create(attached(1)?).await?;
    let lease = Lease { run: run_id(1)?, fence: 1, owner: owner("a") };
    let parts = vec![checkpoint("a", 0, "x"), checkpoint("b", 1, "y")];
    assert_eq!(
        world.runs.hand_over(&lease, parts.clone(), vec![chunk(1, 1)], at(700)).await?,
        Written::Written
    );
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.mode, run.owner, run.fence, run.due_at),
        (Mode::Detached, None, 1, Some(at(700)))
    );
    assert_eq!(world.runs.checkpoints(&run_id(1)?, None).await?, parts);
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    assert_eq!(world.runs.heartbeat(&lease, at(9_000)).await?, Heartbeat::Lost);

    let (lease, run) = claim(&world, 1, "b", 100, 1_000).await?;
    assert_eq!((lease.fence, run.claims_without_progress), (2, 1));
    world.runs.hand_over(&lease, vec![], vec![], at(800)).await?;
    assert_eq!(stored(&world, 1).await?.claims_without_progress, 0);
    Ok(())
}

async fn hand_over_twice(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for _ in 0..2 {
        assert_eq!(
            world.runs.hand_over(&lease, vec![checkpoint("a", 0, "x")], vec![], at(700)).await?,
            Written::Written
        );
    }
    let (next, _) = claim(&world, 1, "b", 100, 1_000).await?;
    world.runs.hand_over(&lease, vec![], vec![], at(900)).await?;
    assert_eq!(
        world.runs.heartbeat(&next, at(2_000)).await?,
        Heartbeat::Kept { cancel_requested: false, answers: 0 }
    );
    Ok(())
}

async fn finish_writes_all(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    let end = FinishedRun {
        events: vec![chunk(1, 1)],
        deliveries: vec![delivery(1, 0, 900)?, delivery(1, 1, 900)?],
        ..ending(RunState::Succeeded)
    };
    assert_eq!(world.runs.finish(&lease, end.clone()).await?, Finished::Finished);
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.end, run.owner, run.due_at),
        (RunState::Succeeded, Some(end.end), None, None)
    );
    assert_eq!((run.fence, run.mode), (1, Mode::Detached));
    assert_eq!(world.runs.trace(&run_id(1)?).await?, Some(end.trace));
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    assert_eq!(world.deliveries.of_run(&run_id(1)?).await?, end.deliveries);
    Ok(())
}

async fn finish_second(world: World) -> Result<()> {
    let old = claimed(&world, 1, "a").await?;
    let (lease, _) = claim(&world, 1, "b", 1_000, 2_000).await?;
    world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
    let kept = stored(&world, 1).await?;
    for late in [&lease, &old] {
        let end =
            FinishedRun { deliveries: vec![delivery(1, 0, 900)?], ..ending(RunState::Cancelled) };
        assert_eq!(world.runs.finish(late, end).await?, Finished::Already(Box::new(kept.clone())));
    }
    assert!(world.deliveries.of_run(&run_id(1)?).await?.is_empty());
    Ok(())
}

async fn finish_lost(world: World) -> Result<()> {
    let old = claimed(&world, 1, "a").await?;
    let (lease, _) = claim(&world, 1, "b", 1_000, 2_000).await?;
    assert_eq!(world.runs.finish(&old, ending(RunState::Failed)).await?, Finished::Lost);
    assert_eq!(stored(&world, 1).await?.state, RunState::Running);
    assert_eq!(
        world.runs.finish(&Lease { run: run_id(2)?, ..lease }, ending(RunState::Failed)).await?,
        Finished::Lost
    );
    Ok(())
}

async fn concurrent_finishes(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (runs, lease) = (world.runs.clone(), lease.clone());
        let state = if n % 2 == 0 { RunState::Succeeded } else { RunState::Cancelled };
        tasks.spawn(async move { (state, runs.finish(&lease, ending(state)).await) });
    }
    let (mut won, mut late) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        match done? {
            (state, Ok(Finished::Finished)) => won.push(state),
            (_, Ok(Finished::Already(run))) => late.push(run.state),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), late.len()), (1, 19));
    assert!(late.iter().all(|state| *state == won[0]) && stored(&world, 1).await?.state == won[0]);
    Ok(())
}

async fn cancel(world: World) -> Result<()> {
    let id = run_id(1)?;
    world.runs.create(detached(1)?).await?;
    assert_eq!(world.runs.request_cancel(&id, at(50)).await?, CancelRequest::Unowned);
    let (lease, run) = claim(&world, 1, "a", 100, 1_000).await?;
    assert!(run.cancel_requested);
    assert_eq!(world.runs.request_cancel(&id, at(500)).await?, CancelRequest::Requested);
    assert_eq!(
        world.runs.heartbeat(&lease, at(1_000)).await?,
        Heartbeat::Kept { cancel_requested: true, answers: 0 }
    );
    assert_eq!(world.runs.request_cancel(&id, at(1_000)).await?, CancelRequest::Unowned);
    Ok(())
}

async fn cancel_of_nothing(world: World) -> Result<()> {
    assert_eq!(world.runs.request_cancel(&run_id(9)?, at(50)).await?, CancelRequest::Unknown);
    let lease = claimed(&world, 1, "a").await?;
    world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
    let before = stored(&world, 1).await?;
    assert_eq!(
        world.runs.request_cancel(&run_id(1)?, at(500)).await?,
        CancelRequest::Already(RunState::Succeeded)
    );
    assert_eq!(stored(&world, 1).await?, before);
    Ok(())
}
