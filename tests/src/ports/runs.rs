//! Runs: created once, stored exactly, listed, wiped.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use flowgate_core::delivery::{
    AfterAttempt, Attempt, DeliveryState, HeaderValue, WebhookBody, WebhookTarget,
};
use flowgate_core::idempotency::EarlierRun;
use flowgate_core::lease::Lease;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{
    Claimed, Created, Finished, FinishedRun, Heartbeat, Include, Mode, NewRun, RunEnd, RunFilter,
    RunHead, RunProgress, RunState, Selection,
};
use flowgate_engine::RunError;
use flowgate_engine::call::Piece;
use serde_json::{Value, json};

use super::sample::*;
use super::{Guarantee, World, guarantee};

mod lists;
mod lists_by;
mod lists_of;
mod results;

use lists::{list_bad_cursor, list_filters, list_includes, list_pages, list_ranges};

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
        guarantee(
            "what a run leaves for a rerun reads back, and is wiped with it",
            results::results,
        ),
        guarantee("a run keeps its origin, its draft and what was given", results::origins),
        guarantee("a run in flight is not wiped", wipe_in_flight),
        guarantee("a run's progress matches its record", progress),
        guarantee("a list contains each run once, newest first", list_pages),
        guarantee("a list is filtered by state, user and time", list_filters),
        guarantee("a list includes inputs and outputs on request, large or small", list_includes),
        guarantee(
            "a list of a time range contains the runs of that range, page by page, in both orders",
            list_ranges,
        ),
        guarantee("a list of a user contains the user's runs and no others", lists_by::by_users),
        guarantee(
            "a list of failures contains those of a code or a node, wiped or not",
            lists_by::by_failures,
        ),
        guarantee(
            "a list of several workflows has the runs of each, in one order",
            lists_of::several,
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
        Heartbeat::Kept { cancel_requested: false, answers: 0 }
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
    let first = EarlierRun { run: run_id(1)?, body_hash: "hash of k".into() };
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
    later.unique_rows.idempotency.as_mut().expect("just set").expires_at = at(90_000);
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
    let id = run_id(1)?;
    let mut new = detached(1)?;
    new.head = Arc::new(RunHead { webhooks: vec![private_target()], ..head(1)? });
    world.runs.create(new).await?;
    let (lease, _) = claim(&world, 1, "a", 100, 1_000).await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&lease, "a").await?;
    let mut end = FinishedRun {
        deliveries: vec![delivery(1, 0, 900)?, delivery(1, 1, 900)?],
        due_at: Some(at(950)),
        ..ending(RunState::Failed)
    };
    Arc::make_mut(&mut end.end).error = Some(RunError {
        code: "http_error".into(),
        message: "private: the answer was".into(),
        node: Some("draft".into()),
    });
    world.runs.finish(&lease, end).await?;
    let (out, done) = (delivery(1, 0, 900)?.id, delivery(1, 1, 900)?.id);
    for id in [&out, &done] {
        world.deliveries.claim(id, &owner("w"), at(900), at(2_000)).await?;
    }
    let attempt = Attempt {
        at: at(900),
        duration_ms: 5,
        status: Some(200),
        error: Some("private error".into()),
        answer: "private answer".into(),
    };
    let next = AfterAttempt::Delivered;
    world.deliveries.record(&done, &owner("w"), attempt.clone(), next.clone()).await?;
    for _ in 0..2 {
        world.runs.wipe(&id).await?;
    }
    let run = stored(&world, 1).await?;
    assert_eq!(
        (run.state, run.wiped, &*run.head.input, &run.head.input_as_sent),
        (RunState::Failed, true, &Value::Null, &None)
    );
    assert!(run.head.webhooks.is_empty());
    let end = run.end.context("it has an end")?;
    assert_eq!((&*end.output, end.ended_at), (&Value::Null, at(900)));
    let error = end.error.clone().context("it failed")?;
    assert_eq!((error.code.as_str(), error.node.as_deref()), ("http_error", Some("draft")));
    assert!(!error.message.contains("private"));
    // The attempt that was out during the wipe.
    world.deliveries.record(&out, &owner("w"), attempt, next).await?;
    assert_eq!(world.runs.trace(&id).await?, None);
    assert!(
        world.runs.checkpoints(&id, None).await?.is_empty()
            && world.runs.events(&id, None, 10).await?.is_empty()
    );
    let kept = world.deliveries.of_run(&id).await?;
    assert_eq!(kept.len(), 2);
    for delivery in kept {
        assert_eq!(delivery.state, DeliveryState::Delivered);
        assert_eq!(*delivery.request, delivery.request.wiped());
        assert_eq!(delivery.request.method, "POST");
        let [attempt] = &delivery.attempts[..] else { bail!("{:?}", delivery.attempts) };
        assert_eq!(*attempt, attempt.wiped());
        assert_eq!((attempt.status, attempt.at, attempt.duration_ms), (Some(200), at(900), 5));
    }
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
    assert_eq!(world.runs.checkpoints(&run_id(1)?, None).await?.len(), 1);
    Ok(())
}

fn private_target() -> WebhookTarget {
    WebhookTarget {
        url: vec![Piece::Text("https://example.com/private".into())],
        method: "POST".into(),
        headers: vec![("x-private".into(), HeaderValue::Sealed("private".into()))],
        body: WebhookBody::Run,
    }
}
