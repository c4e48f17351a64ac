//! Values in the table: of any size, beside their rows, for the same time, and never without a row.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_core::delivery::{
    AfterAttempt, Attempt, Delivery, DeliveryState, FrozenRequest, HeaderValue, WebhookBody,
    WebhookTarget,
};
use flowgate_core::event::{Event, EventKind};
use flowgate_core::lease::{Lease, OwnerToken, Written};
use flowgate_core::run::{
    Claimed, Created, Finished, FinishedRun, Include, RunFilter, RunHead, RunState,
};
use flowgate_core::workflow::{DraftSaved, WorkflowDeleted};
use flowgate_engine::RunError;
use flowgate_engine::call::Piece;
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::Stores;
use serde_json::json;

use super::{attempt, aws, draft, noise, readable, with_input, world};

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn values_of_megabytes_lie_beside_their_rows() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let run = with_input(detached(1)?, json!({ "text": noise(3 << 20) }));
    world.runs.create(run.clone()).await?;
    let (lease, record) = claim(&world, 1, "a", 100, 1_000).await?;
    assert!(record.head == run.head, "the head has changed");

    let (first, second) = (checkpoint("a", 0, &noise(4 << 20)), checkpoint("b", 1, "small"));
    let event = Event {
        kind: EventKind::Chunk { node: "draft".into(), call: None, text: noise(1 << 20) },
        ..chunk(1, 1)
    };
    assert_eq!(
        world.runs.checkpoint(&lease, first.clone(), vec![event.clone()]).await?,
        Written::Written
    );
    assert_eq!(
        world.runs.checkpoint(&lease, second.clone(), vec![chunk(1, 2)]).await?,
        Written::Written
    );
    let page = world.runs.checkpoints(&run_id(1)?, None).await?;
    assert!(page == [first], "a page ends once it holds 4 MiB, and the checkpoint is the same");
    assert!(world.runs.checkpoints(&run_id(1)?, Some(0)).await? == [second]);
    assert!(
        world.runs.events(&run_id(1)?, None, 10).await? == [event, chunk(1, 2)],
        "the events have changed"
    );

    let mut end = ending(RunState::Succeeded);
    Arc::make_mut(&mut end.end).output = Arc::new(json!({ "text": noise(4 << 20) }));
    end.trace[0].output = Some(end.end.output.clone());
    let body = noise(1 << 20);
    end.deliveries = vec![Delivery { request: Arc::new(request(&body)?), ..delivery(1, 0, 900)? }];
    assert_eq!(world.runs.finish(&lease, end.clone()).await?, Finished::Finished);
    let stored = stored(&world, 1).await?;
    assert!(stored.head == run.head && stored.end == Some(end.end.clone()), "the run has changed");
    assert!(world.runs.trace(&run_id(1)?).await? == Some(end.trace), "the trace has changed");
    assert!(
        world.deliveries.of_run(&run_id(1)?).await? == end.deliveries,
        "the delivery has changed"
    );
    let whole = RunFilter { include: Include::ALL, ..RunFilter::default() };
    let listed = world.runs.list(WORKFLOW_UID, whole, first_page(10)).await?;
    assert!(listed.items == [stored], "the list shows another run");

    let largest = double.dump(&config.table).await?.iter().map(|item| item.to_string().len()).max();
    // Base64 in JSON takes a third more than the bytes themselves.
    assert!(largest.is_some_and(|largest| largest < 480_000), "{largest:?}");
    Ok(())
}

fn request(body: &str) -> Result<FrozenRequest> {
    Ok(FrozenRequest { body: body.to_owned(), ..(*delivery(1, 0, 900)?.request).clone() })
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_wipe_leaves_nothing_of_what_a_run_was_given_or_gave() -> Result<()> {
    let double = Stores::start()?;
    for large in [false, true] {
        let config = double.fresh().await?;
        let world = world(&aws(&config, 0));
        let private = |what: &str| {
            format!("private {what} {}", if large { noise(1 << 20) } else { String::new() })
        };
        // Bounded before they are stored: they lie in their rows.
        let short = |what: &str| format!("private {what} {}", noise(if large { 2_000 } else { 0 }));
        let mut run = with_input(detached(1)?, json!(private("input")));
        let target = WebhookTarget {
            url: vec![Piece::Text(short("target"))],
            method: "POST".into(),
            headers: vec![("x".into(), HeaderValue::Sealed(short("header")))],
            body: WebhookBody::Run,
        };
        run.head = Arc::new(RunHead { webhooks: vec![target], ..RunHead::clone(&run.head) });
        world.runs.create(run).await?;
        let (frozen, _) = claim(&world, 1, "frozen", 10, 50).await?;
        let (lease, _) = claim(&world, 1, "a", 100, 1_000).await?;
        let event = Event {
            kind: EventKind::Chunk { node: "draft".into(), call: None, text: private("chunk") },
            ..chunk(1, 1)
        };
        world.runs.checkpoint(&lease, checkpoint("a", 0, &private("result")), vec![event]).await?;
        world.runs.mark_started(&lease, "a").await?;
        let mut end = FinishedRun { due_at: Some(at(950)), ..ending(RunState::Succeeded) };
        Arc::make_mut(&mut end.end).output = Arc::new(json!(private("output")));
        Arc::make_mut(&mut end.end).error = Some(RunError {
            code: "code".into(),
            message: short("error"),
            node: Some("draft".into()),
        });
        end.trace[0].input = Some(Arc::new(json!(private("trace"))));
        end.deliveries = vec![Delivery {
            request: Arc::new(request(&private("body"))?),
            ..delivery(1, 0, 900)?
        }];
        let late = end.clone();
        world.runs.finish(&lease, end).await?;
        let made = delivery(1, 0, 900)?.id;
        for (owner_of, next) in
            [("one", AfterAttempt::RetryAt(at(960))), ("two", AfterAttempt::Delivered)]
        {
            world.deliveries.claim(&made, &owner(owner_of), at(970), at(2_000)).await?;
            let logged = Attempt { error: Some(short("why")), ..attempt("private answer") };
            world.deliveries.record(&made, &owner(owner_of), logged, next).await?;
        }
        assert!(
            readable(&double.dump(&config.table).await?).contains("private"),
            "the check finds the stored data"
        );

        for _ in 0..2 {
            world.runs.wipe(&run_id(1)?).await?;
        }
        // An owner that was frozen since its lease ended writes what it has: it is refused, and
        // leaves nothing beside the row.
        let event = Event {
            kind: EventKind::Chunk { node: "draft".into(), call: None, text: private("late") },
            ..chunk(1, 1)
        };
        let late_result = checkpoint("b", 0, &private("late"));
        world.runs.checkpoint(&frozen, late_result.clone(), vec![event.clone()]).await?;
        world.runs.append_events(&frozen, vec![event.clone()]).await?;
        world.runs.hand_over(&frozen, vec![late_result], vec![event], at(9_000)).await?;
        world.runs.finish(&frozen, late).await?;
        let items = double.dump(&config.table).await?;
        assert!(!readable(&items).contains("private"), "{}", readable(&items));
        let mut left: Vec<&str> =
            items.iter().filter_map(|item| item["sk"]["S"].as_str()?.split('#').next()).collect();
        left.sort_unstable();
        assert_eq!(left, ["META", "WH", "WH"], "the run, its delivery and its pointer to it");
        assert!(stored(&world, 1).await?.wiped);
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_run_past_its_retention_reads_as_absent() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let before = world(&aws(&config, 999));
    before
        .runs
        .create_ended(
            attached(1)?,
            FinishedRun { expires_at: at(1_000), ..ending(RunState::Succeeded) },
        )
        .await?;
    before.runs.create(detached(2)?).await?;
    assert!(
        before.runs.read(&run_id(1)?).await?.is_some()
            && before.runs.trace(&run_id(1)?).await?.is_some()
    );
    let after = world(&aws(&config, 1_000));
    assert!(
        after.runs.read(&run_id(1)?).await?.is_none()
            && after.runs.trace(&run_id(1)?).await?.is_none()
    );
    assert!(
        before.runs.progress(&run_id(1)?).await?.is_some()
            && after.runs.progress(&run_id(1)?).await?.is_none()
    );
    assert_eq!(
        after.runs.claim(&run_id(1)?, &owner("a"), at(1_000), at(2_000)).await?,
        Claimed::Unknown
    );
    let listed = after.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(10)).await?;
    assert_eq!(
        listed.items.iter().map(|run| run.head.id.clone()).collect::<Vec<_>>(),
        [run_id(2)?]
    );
    Ok(())
}

/// DynamoDB expires items by itself: no part of a run may expire before the run, or stay for ever.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn all_that_belongs_to_a_run_has_its_time() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    world
        .runs
        .create(with_idempotency(with_input(detached(1)?, json!(noise(100_000))), "k"))
        .await?;
    let (lease, _) = claim(&world, 1, "a", 100, 1_000).await?;
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?;
    world.runs.mark_started(&lease, "a").await?;
    let expires_at = at(0) + Duration::from_secs(37 * 24 * 3600);
    let end = FinishedRun {
        deliveries: vec![delivery(1, 0, 900)?],
        expires_at,
        ..ending(RunState::Succeeded)
    };
    world.runs.finish(&lease, end).await?;
    let items = double.dump(&config.table).await?;
    assert!(items.len() >= 8, "{}", items.len());
    let earliest = expires_at.millis() / 1000;
    for item in &items {
        let until: i64 = item["expires_at"]["N"]
            .as_str()
            .with_context(|| format!("{item} has no time"))?
            .parse()?;
        assert!(
            until >= earliest || item["sk"]["S"] == "IDEM",
            "{} would go before its run",
            item["sk"]
        );
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_hand_over_of_hundreds_of_results_is_whole() -> Result<()> {
    let double = Stores::start()?;
    let world = world(&aws(&double.fresh().await?, 0));
    world.runs.create(attached(1)?).await?;
    let lease = Lease { run: run_id(1)?, fence: 1, owner: owner("a") };
    let results: Vec<_> =
        (0..250).map(|n| checkpoint(&format!("each[{n}]/fetch"), n, "x")).collect();
    world.runs.checkpoint(&lease, results[100].clone(), vec![]).await?;
    for _ in 0..2 {
        assert_eq!(
            world.runs.hand_over(&lease, results.clone(), vec![chunk(1, 1)], at(700)).await?,
            Written::Written
        );
    }
    assert!(world.runs.checkpoints(&run_id(1)?, None).await? == results);
    let (next, _) = claim(&world, 1, "b", 800, 1_000).await?;
    assert_eq!(
        world
            .runs
            .hand_over(&Lease { owner: owner("c"), ..next }, results, vec![], at(900))
            .await?,
        Written::Lost
    );
    Ok(())
}

/// A row must stay under DynamoDB's limit, however often a delivery is sent again.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_log_of_attempts_stays_short_and_goes_on() -> Result<()> {
    let double = Stores::start()?;
    let world = world(&aws(&double.fresh().await?, 0));
    let made = delivery(1, 0, 900)?;
    world.deliveries.put(made.clone()).await?;
    for n in 0..45 {
        let who = OwnerToken(format!("owner {n}").into());
        world.deliveries.claim(&made.id, &who, at(900), at(2_000)).await?.context("claimed")?;
        for _ in 0..2 {
            let written = world
                .deliveries
                .record(
                    &made.id,
                    &who,
                    attempt(&format!("{n} {}", noise(4_000))),
                    AfterAttempt::RetryAt(at(900)),
                )
                .await?;
            assert_eq!(written, Written::Written);
        }
    }
    let kept = world.deliveries.read(&made.id).await?.context("the delivery does not exist")?;
    assert_eq!((kept.step, kept.state, kept.attempts.len()), (45, DeliveryState::Pending, 40));
    assert!(kept.attempts.last().is_some_and(|attempt| attempt.answer.starts_with("44 ")));
    Ok(())
}

/// No values remain of a replaced draft, or of a run that was not created.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn what_no_row_names_is_taken_away() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let world = world(&aws(&config, 0));
    let beside = async || {
        let items = double.dump(&config.table).await?;
        anyhow::Ok(
            items
                .iter()
                .filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("V#")))
                .count(),
        )
    };
    for bytes in [1_000_000, 1_200_000] {
        let large = noise(bytes);
        world.workflows.save_draft("story", draft(&large), "uid", SIGNING, None).await?;
        let stale = world
            .workflows
            .save_draft("story", draft(&noise(700_000)), "uid", SIGNING, Some("another"))
            .await?;
        assert_eq!(stale, DraftSaved::Stale);
        let kept = world.workflows.read("story").await?.context("the workflow does not exist")?;
        assert!(kept.draft == draft(&large));
        assert!((2..=5).contains(&beside().await?), "the draft's own, and no other's");
    }
    let deleted = world.workflows.delete("story", "uid", None, workflow_job(1, "uid")?).await?;
    assert_eq!(deleted, WorkflowDeleted::Done);
    assert_eq!(beside().await?, 0);

    assert_eq!(world.runs.create(with_idempotency(detached(1)?, "k")).await?, Created::Created);
    let again = with_idempotency(with_input(detached(2)?, json!(noise(100_000))), "k");
    assert!(matches!(world.runs.create(again).await?, Created::Repeated(_)));
    assert_eq!(beside().await?, 0);
    Ok(())
}
