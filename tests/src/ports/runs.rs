//! Runs: created once, stored exactly, listed, wiped.

use std::sync::Arc;

use anyhow::Result;
use flowgate_core::idempotency::Claim;
use flowgate_core::lease::Lease;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{
    Claimed, Created, Finished, FinishedRun, Heartbeat, Include, Mode, NewRun, RunEnd, RunFilter,
    RunHead, RunProgress, RunState,
};
use serde_json::{Value, json};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a new detached run is pending, unowned and due", new_detached_run),
        guarantee("a new attached run has its owner from the start", new_attached_run),
        guarantee("a run written twice is one run", create_twice),
        guarantee(
            "an idempotency key names its first run, and the second is not written",
            idempotency_names_the_first,
        ),
        guarantee(
            "a retried write with an idempotency key is not a repeated request",
            idempotency_of_a_retry,
        ),
        guarantee("an expired idempotency row counts as absent", idempotency_expires),
        guarantee(
            "of 50 requests with one idempotency key, one creates a run",
            idempotency_under_load,
        ),
        guarantee("an id that a caller chose belongs to one run, and finds it", chosen_ids),
        guarantee("a run written with its end is stored with all its parts", create_ended),
        guarantee("a repeated key writes no part of a run with its end", create_ended_repeated),
        guarantee("values read back exactly, large ones too", values_come_back),
        guarantee("there is no trace before the end", no_trace_before_the_end),
        guarantee("a wiped run keeps its state and nothing of its data", wipe),
        guarantee("a run in flight is not wiped", wipe_in_flight),
        guarantee("a run's progress matches its record", progress),
        guarantee("a list contains each run once, newest first", list_pages),
        guarantee("a list is filtered by state, user and time", list_filters),
        guarantee("a list includes inputs and outputs on request, large or small", list_includes),
        guarantee(
            "a list of a time range contains the runs of that range, page by page, in both orders",
            list_ranges,
        ),
        guarantee("an unknown cursor reads the first page", list_bad_cursor),
    ]
}

async fn new_detached_run(world: World) -> Result<()> {
    assert_eq!(world.runs.create(detached(1)?).await?, Created::Created);
    let run = stored(&world, 1).await?;
    assert_eq!(*run.head, head(1)?);
    assert_eq!(
        (run.state, run.mode, run.fence, run.owner),
        (RunState::Pending, Mode::Detached, 0, None)
    );
    assert_eq!((run.due_at, run.started_at, run.end), (Some(at(30_000)), None, None));
    assert_eq!((run.cancel_requested, run.claims_without_progress, run.wiped), (false, 0, false));
    assert_eq!(world.runs.read(&run_id(2)?).await?, None);
    Ok(())
}

async fn new_attached_run(world: World) -> Result<()> {
    world.runs.create(attached(1)?).await?;
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.mode, run.fence, run.owner),
        (RunState::Running, Mode::Attached, 1, Some(owner("a")))
    );
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("b"), at(100), at(200)).await?,
        Claimed::LeasedByOther
    );
    let lease = Lease { run: run_id(1)?, fence: 1, owner: owner("a") };
    assert_eq!(
        world.runs.heartbeat(&lease, at(40_000)).await?,
        Heartbeat::Kept { cancel_requested: false }
    );
    Ok(())
}

async fn progress(world: World) -> Result<()> {
    let expect = async |state, cancel_requested| {
        assert_eq!(
            world.runs.progress(&run_id(1)?).await?,
            Some(RunProgress { state, cancel_requested })
        );
        let run = stored(&world, 1).await?;
        assert_eq!((run.state, run.cancel_requested), (state, cancel_requested));
        anyhow::Ok(())
    };
    assert_eq!(world.runs.progress(&run_id(1)?).await?, None);
    world.runs.create(detached(1)?).await?;
    expect(RunState::Pending, false).await?;
    let (lease, _) = claim(&world, 1, "a", 100, 1_000).await?;
    expect(RunState::Running, false).await?;
    world.runs.request_cancel(&run_id(1)?, at(200)).await?;
    expect(RunState::Running, true).await?;
    world.runs.finish(&lease, ending(RunState::Cancelled)).await?;
    expect(RunState::Cancelled, true).await?;
    Ok(())
}

async fn create_twice(world: World) -> Result<()> {
    for _ in 0..2 {
        assert_eq!(world.runs.create(detached(1)?).await?, Created::Created);
    }
    claim(&world, 1, "a", 100, 1_000).await?;
    assert_eq!(world.runs.create(detached(1)?).await?, Created::Created);
    assert_eq!(stored(&world, 1).await?.fence, 1);
    Ok(())
}

async fn idempotency_names_the_first(world: World) -> Result<()> {
    world.runs.create(with_idempotency(detached(1)?, "k")).await?;
    let first = Claim { run: run_id(1)?, body_hash: "hash of k".into() };
    let second = world.runs.create(with_idempotency(detached(2)?, "k")).await?;
    assert_eq!(second, Created::Repeated(first.clone()));
    assert_eq!(world.runs.read(&run_id(2)?).await?, None);
    assert_eq!(world.runs.idempotency(&idempotency_key("k"), at(100)).await?, Some(first));
    assert_eq!(world.runs.idempotency(&idempotency_key("other"), at(100)).await?, None);
    Ok(())
}

async fn idempotency_of_a_retry(world: World) -> Result<()> {
    for _ in 0..2 {
        assert_eq!(world.runs.create(with_idempotency(detached(1)?, "k")).await?, Created::Created);
        assert_eq!(
            world
                .runs
                .create_ended(with_idempotency(attached(2)?, "l"), ending(RunState::Failed))
                .await?,
            Created::Created
        );
    }
    Ok(())
}

async fn idempotency_expires(world: World) -> Result<()> {
    world.runs.create(with_idempotency(detached(1)?, "k")).await?;
    assert!(world.runs.idempotency(&idempotency_key("k"), at(49_999)).await?.is_some());
    assert_eq!(world.runs.idempotency(&idempotency_key("k"), at(50_000)).await?, None);
    let mut later = with_idempotency(detached(60_000)?, "k");
    later.claims.idempotency.as_mut().expect("just set").expires_at = at(90_000);
    assert_eq!(world.runs.create(later).await?, Created::Created);
    let now = world.runs.idempotency(&idempotency_key("k"), at(60_001)).await?;
    assert_eq!(now.map(|claim| claim.run), Some(run_id(60_000)?));
    Ok(())
}

async fn idempotency_under_load(world: World) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=50 {
        let (runs, run) = (world.runs.clone(), with_idempotency(detached(n)?, "k"));
        tasks.spawn(async move { (run.head.id.clone(), runs.create(run).await) });
    }
    let (mut made, mut named) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        match done? {
            (id, Ok(Created::Created)) => made.push(id),
            (_, Ok(Created::Repeated(claim))) => named.push(claim.run),
            (_, Ok(Created::IdTaken)) => anyhow::bail!("no caller chose an id"),
            (_, Err(error)) => return Err(error),
        }
    }
    assert_eq!((made.len(), named.len()), (1, 49));
    assert!(named.iter().all(|run| *run == made[0]));
    Ok(())
}

async fn chosen_ids(world: World) -> Result<()> {
    for _ in 0..2 {
        assert_eq!(
            world.runs.create(with_chosen_id(detached(1)?, "mine")).await?,
            Created::Created,
            "a retry takes effect once"
        );
    }
    let taken =
        world.runs.create(with_idempotency(with_chosen_id(detached(2)?, "mine"), "k")).await?;
    assert_eq!(taken, Created::IdTaken);
    assert_eq!(
        world
            .runs
            .create_ended(with_chosen_id(attached(3)?, "mine"), ending(RunState::Failed))
            .await?,
        Created::IdTaken
    );
    assert_eq!(
        (world.runs.read(&run_id(2)?).await?, world.runs.read(&run_id(3)?).await?),
        (None, None)
    );
    assert_eq!(
        world.runs.idempotency(&idempotency_key("k"), at(100)).await?,
        None,
        "all of what it claims, or nothing"
    );

    let both =
        |n| Ok::<_, anyhow::Error>(with_idempotency(with_chosen_id(attached(n)?, "other"), "l"));
    assert_eq!(
        world.runs.create_ended(both(4)?, ending(RunState::Succeeded)).await?,
        Created::Created
    );
    let again = world.runs.create_ended(both(5)?, ending(RunState::Succeeded)).await?;
    assert!(
        matches!(again, Created::Repeated(claim) if claim.run == run_id(4)?),
        "the same request again is not a conflict"
    );
    let found = world.runs.idempotency(&chosen_id_key("mine"), at(100)).await?;
    assert_eq!(found.map(|claim| claim.run), Some(run_id(1)?));
    Ok(())
}

async fn create_ended(world: World) -> Result<()> {
    let end = FinishedRun {
        events: vec![chunk(1, 1)],
        deliveries: vec![delivery(1, 0, 900)?],
        ..ending(RunState::Succeeded)
    };
    let trace = end.trace.clone();
    assert_eq!(
        world.runs.create_ended(with_idempotency(attached(1)?, "k"), end.clone()).await?,
        Created::Created
    );
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.end, run.owner, run.due_at),
        (RunState::Succeeded, Some(end.end), None, None)
    );
    assert_eq!((run.mode, run.fence, run.started_at), (Mode::Attached, 1, Some(at(200))));
    assert_eq!(world.runs.trace(&run_id(1)?).await?, Some(trace));
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    assert_eq!(world.deliveries.of_run(&run_id(1)?).await?, [delivery(1, 0, 900)?]);
    assert!(world.runs.idempotency(&idempotency_key("k"), at(100)).await?.is_some());
    assert_eq!(
        world.runs.claim(&run_id(1)?, &owner("b"), at(60_000), at(70_000)).await?,
        Claimed::Ended
    );
    Ok(())
}

async fn create_ended_repeated(world: World) -> Result<()> {
    world.runs.create(with_idempotency(detached(1)?, "k")).await?;
    let end = FinishedRun {
        events: vec![chunk(1, 1)],
        deliveries: vec![delivery(2, 0, 900)?],
        ..ending(RunState::Succeeded)
    };
    let repeated = world.runs.create_ended(with_idempotency(attached(2)?, "k"), end).await?;
    assert!(matches!(repeated, Created::Repeated(claim) if claim.run == run_id(1)?));
    assert_eq!(world.runs.read(&run_id(2)?).await?, None);
    assert!(world.runs.events(&run_id(2)?, None, 10).await?.is_empty());
    assert!(world.deliveries.of_run(&run_id(2)?).await?.is_empty());
    Ok(())
}

async fn values_come_back(world: World) -> Result<()> {
    let exact = json!({
        "z": 1,
        "a": [
            9007199254740993_u64, u64::MAX, i64::MIN, 907.3038322028689, 0.1 + 0.2, f64::MAX,
            f64::MIN_POSITIVE, null, "\0ä\\u"
        ]
    });
    let large = json!({"text": "ä\"\\".repeat(1_000_000)});
    for (n, value) in [(1, exact), (2, large)] {
        let run_head = RunHead { input: Arc::new(value.clone()), ..head(n)? };
        world.runs.create(NewRun { head: Arc::new(run_head.clone()), ..detached(n)? }).await?;
        let (lease, _) = claim(&world, n, "a", 100, 1_000).await?;
        let mut end = ending(RunState::Succeeded);
        Arc::make_mut(&mut end.end).output = Arc::new(value.clone());
        assert_eq!(world.runs.finish(&lease, end.clone()).await?, Finished::Finished);
        let run = stored(&world, n).await?;
        assert!(*run.head == run_head && run.end == Some(end.end), "run {n} has changed");
        assert_eq!(
            run.head.input.to_string().len(),
            value.to_string().len(),
            "keys keep their order"
        );
    }
    Ok(())
}

async fn no_trace_before_the_end(world: World) -> Result<()> {
    claimed(&world, 1, "a").await?;
    assert_eq!(world.runs.trace(&run_id(1)?).await?, None);
    assert_eq!(world.runs.trace(&run_id(2)?).await?, None);
    Ok(())
}

async fn wipe(world: World) -> Result<()> {
    let (id, lease) = (run_id(1)?, claimed(&world, 1, "a").await?);
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&lease, "a").await?;
    let end = FinishedRun {
        deliveries: vec![delivery(1, 0, 900)?],
        due_at: Some(at(950)),
        ..ending(RunState::Succeeded)
    };
    world.runs.finish(&lease, end).await?;
    for _ in 0..2 {
        world.runs.wipe(&id).await?;
    }
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.wiped, &*run.head.input, &run.head.input_as_sent),
        (RunState::Succeeded, true, &Value::Null, &None)
    );
    assert_eq!(
        run.end.map(|end| (end.output.clone(), end.ended_at)),
        Some((Arc::new(Value::Null), at(900)))
    );
    assert_eq!(world.runs.trace(&id).await?, None);
    assert!(
        world.runs.checkpoints(&id).await?.is_empty()
            && world.runs.events(&id, None, 10).await?.is_empty()
    );
    let kept = world.deliveries.of_run(&id).await?;
    assert_eq!(
        kept.iter()
            .map(|delivery| (delivery.state, delivery.request.body.as_str()))
            .collect::<Vec<_>>(),
        [(delivery(1, 0, 900)?.state, "")]
    );
    assert!(world.due.due(at(99_999), 10).await?.is_empty());
    Ok(())
}

async fn wipe_in_flight(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![]).await?;
    let before = stored(&world, 1).await?;
    world.runs.wipe(&run_id(1)?).await?;
    world.runs.wipe(&run_id(2)?).await?;
    assert_eq!(stored(&world, 1).await?, before);
    assert_eq!(world.runs.checkpoints(&run_id(1)?).await?.len(), 1);
    Ok(())
}

async fn list_pages(world: World) -> Result<()> {
    for n in 1..=25 {
        if n % 2 == 0 {
            world.runs.create_ended(attached(n)?, ending(RunState::Succeeded)).await?;
        } else {
            world.runs.create(detached(n)?).await?;
        }
    }
    let elsewhere = RunHead { workflow_uid: "other-uid".into(), ..head(26)? };
    world.runs.create(NewRun { head: Arc::new(elsewhere), ..detached(26)? }).await?;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world
            .runs
            .list(WORKFLOW_UID, RunFilter::default(), PageRequest { limit: 10, cursor })
            .await?;
        assert!(page.items.len() <= 10);
        seen.extend(page.items.into_iter().map(|run| run.head.id.clone()));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() || pages > 10 {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().map(run_id).collect::<Result<Vec<_>>>()?);
    let whole = RunFilter { include: Include::ALL, ..RunFilter::default() };
    let all = world.runs.list(WORKFLOW_UID, whole, first_page(25)).await?;
    assert_eq!((all.items.len(), all.items.first()), (25, Some(&stored(&world, 25).await?)));
    Ok(())
}

async fn list_filters(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    world.runs.create_ended(attached(2)?, ending(RunState::Failed)).await?;
    let users = RunHead { user: Some("ada".into()), ..head(3)? };
    world.runs.create(NewRun { head: Arc::new(users), ..detached(3)? }).await?;
    claimed(&world, 4, "a").await?;
    let cases: [(RunFilter, &[u32]); 8] = [
        (RunFilter { state: Some(RunState::Pending), ..RunFilter::default() }, &[3, 1]),
        (RunFilter { state: Some(RunState::Running), ..RunFilter::default() }, &[4]),
        (RunFilter { state: Some(RunState::Failed), ..RunFilter::default() }, &[2]),
        (RunFilter { user: Some("ada".into()), ..RunFilter::default() }, &[3]),
        (RunFilter { created_from: Some(at(3)), ..RunFilter::default() }, &[4, 3]),
        (RunFilter { created_before: Some(at(3)), ..RunFilter::default() }, &[2, 1]),
        (
            RunFilter {
                state: Some(RunState::Pending),
                created_from: Some(at(2)),
                ..RunFilter::default()
            },
            &[3],
        ),
        (RunFilter { oldest_first: true, ..RunFilter::default() }, &[1, 2, 3, 4]),
    ];
    for (filter, expected) in cases {
        let said = format!("{filter:?}");
        let page = world.runs.list(WORKFLOW_UID, filter, first_page(10)).await?;
        let ids: Vec<_> = page.items.iter().map(|run| run.head.id.clone()).collect();
        assert_eq!(ids, expected.iter().map(|n| run_id(*n)).collect::<Result<Vec<_>>>()?, "{said}");
    }
    Ok(())
}

async fn list_includes(world: World) -> Result<()> {
    let large = |what: &str| json!({ what: what.repeat(100_000) });
    let runs = [
        (1, json!({"n": 1}), json!({"a": 1})),
        (2, large("in"), json!({"a": 2})),
        (3, json!({"n": 3}), large("out")),
    ];
    for (n, input, output) in runs {
        let run_head = RunHead { input: Arc::new(input), ..head(n)? };
        world.runs.create(NewRun { head: Arc::new(run_head), ..detached(n)? }).await?;
        let (held, _) = claim(&world, n, "a", 100, 1_000).await?;
        let end = ending(RunState::Succeeded);
        let end = FinishedRun {
            end: Arc::new(RunEnd { output: Arc::new(output), ..RunEnd::clone(&end.end) }),
            ..end
        };
        world.runs.finish(&held, end).await?;
    }
    for include in [
        Include::default(),
        Include { input: true, output: false },
        Include { input: false, output: true },
        Include::ALL,
    ] {
        let listed = world
            .runs
            .list(WORKFLOW_UID, RunFilter { include, ..RunFilter::default() }, first_page(10))
            .await?;
        assert_eq!(listed.items.len(), 3);
        for (run, n) in listed.items.into_iter().zip([3, 2, 1]) {
            let mut expected = stored(&world, n).await?;
            if !include.input {
                expected.head = Arc::new(RunHead {
                    input: Arc::default(),
                    input_as_sent: None,
                    ..RunHead::clone(&expected.head)
                });
            }
            if !include.output {
                expected.end = expected
                    .end
                    .map(|end| Arc::new(RunEnd { output: Arc::default(), ..RunEnd::clone(&end) }));
            }
            assert!(run == expected, "run {n} {include:?}");
        }
    }
    for n in 1..=3 {
        world.runs.wipe(&run_id(n)?).await?;
    }
    let whole = RunFilter { include: Include::ALL, ..RunFilter::default() };
    for run in world.runs.list(WORKFLOW_UID, whole, first_page(10)).await?.items {
        assert!(
            run.wiped
                && run.head.input.is_null()
                && run.end.is_some_and(|end| end.output.is_null())
        );
    }
    Ok(())
}

async fn list_ranges(world: World) -> Result<()> {
    for n in 1..=20 {
        world.runs.create(detached(n)?).await?;
    }
    let list = async |from: Option<i64>,
                      before: Option<i64>,
                      oldest_first,
                      limit,
                      cursor: Option<u32>| {
        let (created_from, created_before) = (from.map(at), before.map(at));
        let filter =
            RunFilter { created_from, created_before, oldest_first, ..RunFilter::default() };
        let cursor = cursor.map(|n| run_id(n)).transpose()?.map(|run| run.to_string());
        let page = world.runs.list(WORKFLOW_UID, filter, PageRequest { limit, cursor }).await?;
        let numbers: Vec<i64> =
            page.items.iter().map(|run| run.head.created_at.millis() - at(0).millis()).collect();
        let next = page
            .next_cursor
            .map(|cursor| Ok::<_, anyhow::Error>(u32::from_str_radix(&cursor[24..], 16)?))
            .transpose()?;
        anyhow::Ok((numbers, next))
    };
    for oldest_first in [false, true] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (some, next) = list(Some(5), Some(15), oldest_first, 4, cursor).await?;
            seen.extend(some);
            cursor = next;
            if cursor.is_none() || seen.len() > 20 {
                break;
            }
        }
        let expected: Vec<i64> =
            if oldest_first { (5..15).collect() } else { (5..15).rev().collect() };
        assert_eq!(seen, expected);
    }
    // A cursor outside the range: the list continues after it.
    assert_eq!(list(Some(5), Some(15), false, 2, Some(18)).await?, (vec![14, 13], Some(13)));
    assert_eq!(list(Some(5), Some(15), false, 2, Some(2)).await?, (vec![], None));
    assert_eq!(list(Some(5), Some(15), true, 2, Some(2)).await?, (vec![5, 6], Some(6)));
    assert_eq!(list(Some(5), Some(15), true, 2, Some(18)).await?, (vec![], None));
    for (from, before) in [
        (Some(15), Some(5)),
        (Some(5), Some(5)),
        (Some(21), None),
        (None, Some(1)),
        (None, Some(-i64::MAX / 2)),
    ] {
        assert_eq!(
            list(from, before, false, 10, None).await?,
            (vec![], None),
            "{from:?} {before:?}"
        );
    }
    Ok(())
}

async fn list_bad_cursor(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    for cursor in ["", "nonsense", "run_", "'; DROP TABLE runs", "\u{0}ä"] {
        let page = world
            .runs
            .list(
                WORKFLOW_UID,
                RunFilter::default(),
                PageRequest { limit: 10, cursor: Some(cursor.into()) },
            )
            .await?;
        assert_eq!(page.items.len(), 1, "{cursor:?}");
    }
    Ok(())
}
