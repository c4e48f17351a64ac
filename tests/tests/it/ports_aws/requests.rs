//! How many requests each verb makes, and how it handles lost answers and transaction conflicts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use flowgate_core::budget::{Account, Spending, Spent};
use flowgate_core::delivery::AfterAttempt;
use flowgate_core::group::Group;
use flowgate_core::lease::{Lease, Written};
use flowgate_core::limit::{Acquired, Rate};
use flowgate_core::page::PageRequest;
use flowgate_core::run::{
    Claimed, Created, Finished, FinishedRun, Heartbeat, Include, NewRun, RunFilter, RunHead,
    RunState, Selection, StartMark,
};
use flowgate_core::secret::SigningPin;
use flowgate_core::stats::Tally;
use flowgate_core::work::Message;
use flowgate_core::workflow::{DraftSaved, NewVersion, SetActive, UseOfSecrets};
use flowgate_engine::RunError;
use flowgate_tests::ports::World;
use flowgate_tests::ports::sample::*;
use flowgate_tests::stores::{Counter, Stores};
use serde_json::json;

use super::{attempt, aws, draft, noise, with_input, world};

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn each_verb_makes_the_requests_it_must() -> Result<()> {
    let double = Stores::start()?;
    let config = double.fresh().await?;
    let counter = Counter::start(&double.url).await?;
    let mut counted = config.clone();
    counted.endpoints.dynamodb = Some(counter.url.clone());
    counted.endpoints.sqs = Some(counter.url.clone());
    let aws = aws(&counted, 0);
    let world = world(&aws);
    let count = |what: &str, expected: &[&str]| assert_eq!(counter.take(), expected, "{what}");

    world.runs.create_ended(attached(1)?, ending(RunState::Succeeded)).await?;
    count("a run without outside calls", &["PutItem"]);
    world
        .runs
        .create_ended(with_idempotency(attached(2)?, "k"), ending(RunState::Succeeded))
        .await?;
    count("the same with a claim", &["TransactWriteItems"]);

    world.runs.create(attached(3)?).await?;
    count("before an attached run's first call", &["PutItem"]);
    let lease = Lease { run: run_id(3)?, fence: 1, owner: owner("a") };
    assert_eq!(world.runs.finish(&lease, ending(RunState::Succeeded)).await?, Finished::Finished);
    count("its end", &["UpdateItem"]);

    world.runs.create(detached(4)?).await?;
    aws.ports().queue.send(Message::RunV1 { run: run_id(4)? }, &Group::default()).await?;
    count("an accepted run", &["PutItem", "SendMessage"]);
    let (lease, _) = claim(&world, 4, "a", 100, 1_000).await?;
    count("a claim", &["UpdateItem"]);
    world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1), chunk(1, 2)]).await?;
    count("a call's result with its events", &["TransactWriteItems"]);
    assert_eq!(
        world.runs.heartbeat(&lease, at(2_000)).await?,
        Heartbeat::Kept { cancel_requested: false, answers: 0 }
    );
    count("a heartbeat", &["UpdateItem"]);
    let end = FinishedRun {
        events: vec![chunk(1, 3)],
        deliveries: vec![delivery(4, 0, 900)?],
        ..ending(RunState::Succeeded)
    };
    world.runs.finish(&lease, end.clone()).await?;
    count("an end with events and a delivery", &["TransactWriteItems"]);
    assert!(matches!(world.runs.finish(&lease, end).await?, Finished::Already(_)));
    count("a second end", &["TransactWriteItems"]);
    assert_eq!(
        world.runs.claim(&run_id(4)?, &owner("b"), at(5_000), at(6_000)).await?,
        Claimed::Ended
    );
    count("a refused claim", &["UpdateItem"]);

    world.runs.create(with_input(detached(5)?, json!(noise(100_000)))).await?;
    count("a large input", &["BatchWriteItem", "PutItem"]);
    claim(&world, 5, "a", 100, 1_000).await?;
    count("its claim", &["UpdateItem", "BatchGetItem"]);

    let made = delivery(4, 0, 900)?;
    assert!(world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?.is_some());
    assert_eq!(
        world
            .deliveries
            .record(&made.id, &owner("a"), attempt("ok"), AfterAttempt::Delivered)
            .await?,
        Written::Written
    );
    count("an attempt", &["UpdateItem", "UpdateItem"]);
    world.deliveries.of_run(&run_id(4)?).await?;
    count("a run's deliveries", &["Query", "BatchGetItem"]);
    world.due.due(at(99_000), 10).await?;
    let seen = counter.take();
    let (reads, looks) = seen.split_at(256);
    assert!(reads.iter().all(|read| read == "Query"), "{seen:?}");
    assert_eq!(looks, ["BatchGetItem"], "one look at the leases of those that are due");
    world.runs.list(WORKFLOW_UID, RunFilter::default(), first_page(3)).await?;
    let page = [&["Query"; 17][..], &["BatchGetItem"]].concat();
    count("a page of a list, one of them with a large input", &page);
    let include = Include { input: true, output: false };
    world
        .runs
        .list(WORKFLOW_UID, RunFilter { include, ..RunFilter::default() }, first_page(3))
        .await?;
    count("the same with inputs", &[&page[..], &["BatchGetItem"]].concat());
    lists_of_some_runs(&world, count).await?;
    world.workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    count("a draft", &["UpdateItem"]);
    for (text, expected) in
        [("one", &["GetItem", "TransactWriteItems"][..]), ("one", &["GetItem", "GetItem"])]
    {
        let new = NewVersion {
            document: text.into(),
            hash: text.into(),
            name: "A story".into(),
            notes: None,
            at: at(20),
            use_of_secrets: UseOfSecrets::default(),
            schedules: Vec::new(),
        };
        world.workflows.publish("story", new).await?;
        count("a version, and the same again", expected);
    }
    world.workflows.set_active("story", Some("1.0.0"), at(30), Vec::new()).await?;
    count("an endpoint that moves", &["GetItem", "TransactWriteItems"]);
    world.workflows.set_active("story", None, at(30), Vec::new()).await?;
    count("an endpoint that is taken down", &["GetItem", "UpdateItem"]);
    let run = attached(20)?;
    let end = ending(RunState::Succeeded);
    let tally = Some(Tally::of(&run.head, &end.end));
    world.runs.create_ended(run, FinishedRun { tally, ..end }).await?;
    count("an end that is counted, of new names", &["PutItem", "UpdateItem", "UpdateItem"]);
    world.stats.rollups(WORKFLOW_UID, at(0), at(9_999)).await?;
    count("rollups", &["Query"; 16]);
    let account = Account { key: "key".into(), from: at(0), until: at(9) };
    let spent = Spent { tokens: 1, ..Spent::default() };
    let spending = Spending { run: run_id(1)?, call: "a#0@1".into(), spent };
    world.budgets.spent(&account).await?;
    world.budgets.spend(&account, spending).await?;
    count(
        "before and after a priced call of a key with a budget",
        &["GetItem", "TransactWriteItems"],
    );
    world.limits.take("key", Rate { requests_per_minute: 60, burst: 3 }, at(1)).await?;
    count("a start with a limited key", &["UpdateItem"]);
    world.limits.acquire("key", run_id(1)?.as_str(), 3, at(1), at(9)).await?;
    count("a place among the concurrent runs", &["UpdateItem"]);
    Ok(())
}

async fn lists_of_some_runs(world: &World, count: impl Fn(&str, &[&str])) -> Result<()> {
    let of_user = |run: NewRun| {
        let head = RunHead { user: Some("ada".into()), ..RunHead::clone(&run.head) };
        NewRun { head: Arc::new(head), ..run }
    };
    let mut failed = ending(RunState::Failed);
    let error = RunError { code: "timeout".into(), message: String::new(), node: Some("a".into()) };
    Arc::make_mut(&mut failed.end).error = Some(error);
    world.runs.create(of_user(attached(30)?)).await?;
    count("a run of a user", &["BatchWriteItem", "PutItem"]);
    let lease = Lease { run: run_id(30)?, fence: 1, owner: owner("a") };
    world.runs.finish(&lease, failed.clone()).await?;
    count("its failed end", &["BatchWriteItem", "UpdateItem"]);
    world.runs.create_ended(of_user(attached(31)?), failed).await?;
    count("both at once", &["BatchWriteItem", "PutItem"]);
    let [user, code, node] = ["ada", "timeout", "a"].map(|name| Some(name.to_owned()));
    for (filter, queries) in [
        (RunFilter::from(Selection { user: user.clone(), ..Selection::default() }), 1),
        (RunFilter::from(Selection { code: code.clone(), ..Selection::default() }), 16),
        (
            RunFilter::from(Selection {
                node: node.clone(),
                code: code.clone(),
                ..Selection::default()
            }),
            16,
        ),
        (RunFilter::from(Selection { user, code, node, ..Selection::default() }), 1),
    ] {
        let page = world.runs.list(WORKFLOW_UID, filter, first_page(3)).await?;
        assert_eq!(page.items.len(), 2);
        count("a page of them", &[&vec!["Query"; queries][..], &["BatchGetItem"]].concat());
    }
    let deleted = ["GetItem", "Query", "UpdateItem", "Query", "BatchWriteItem", "Query"];
    world.runs.delete(&run_id(31)?).await?;
    count("a deletion", &[&deleted[..], &["BatchWriteItem"]].concat());
    Ok(())
}

/// Queries read no newer or older runs, and none from earlier pages.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_page_of_a_time_looks_at_nothing_outside_it() -> Result<()> {
    let (_double, network, world) = unkind().await?;
    for n in 1..=60 {
        world.runs.create_ended(attached(n)?, ending(RunState::Succeeded)).await?;
    }
    for (user, oldest_first, complete) in [
        (None, false, false),
        (None, true, false),
        (Some("nobody".to_owned()), false, true),
        (Some("nobody".to_owned()), false, false),
    ] {
        let filter = RunFilter {
            oldest_first,
            complete,
            ..Selection {
                created_from: Some(at(20)),
                created_before: Some(at(30)),
                user,
                ..Selection::default()
            }
            .into()
        };
        let (mut cursor, mut pages, mut listed) = (None, 0, 0);
        network.scanned.store(0, Ordering::Relaxed);
        loop {
            let page = world
                .runs
                .list(WORKFLOW_UID, filter.clone(), PageRequest { limit: 4, cursor })
                .await?;
            (pages, listed, cursor) = (pages + 1, listed + page.items.len(), page.next_cursor);
            if cursor.is_none() {
                break;
            }
        }
        let scanned = network.scanned.load(Ordering::Relaxed);
        match filter.selection.user {
            // Each page reads at most what is left of it in each part of the list.
            None => {
                assert_eq!((pages, listed), (3, 10));
                assert!(scanned <= 10 + 6 + 2, "{scanned}");
            }
            Some(_) if complete => assert_eq!((pages, listed, scanned), (1, 0, 10)),
            Some(_) => assert_eq!((pages, listed, scanned), (1, 0, 0)),
        }
    }
    network.take();
    let never = RunFilter::from(Selection {
        created_from: Some(at(30)),
        created_before: Some(at(20)),
        ..Selection::default()
    });
    assert!(world.runs.list(WORKFLOW_UID, never, first_page(4)).await?.items.is_empty());
    assert_eq!(network.take(), [""; 0], "nothing can be in it");
    Ok(())
}

async fn unkind() -> Result<(Stores, Counter, World)> {
    let double = Stores::start()?;
    let mut config = double.fresh().await?;
    let network = Counter::start(&double.url).await?;
    config.endpoints.dynamodb = Some(network.url.clone());
    let world = world(&aws(&config, 0));
    Ok((double, network, world))
}

/// The SDK repeats a request without an answer, which may have been applied.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_write_whose_answer_was_lost_takes_effect_once() -> Result<()> {
    let (_double, network, world) = unkind().await?;
    network.twice.store(true, Ordering::Relaxed);
    assert_eq!(world.runs.create(detached(1)?).await?, Created::Created);
    let claims = with_chosen_id(with_idempotency(attached(2)?, "k"), "mine");
    assert_eq!(world.runs.create(claims).await?, Created::Created);
    let account = Account { key: "key".into(), from: at(0), until: at(9) };
    let spent = Spent { tokens: 3, ..Spent::default() };
    let spending = Spending { run: run_id(1)?, call: "a#0@1".into(), spent };
    world.budgets.spend(&account, spending).await?;
    assert_eq!(world.budgets.spent(&account).await?, spent, "a call is paid once");
    let events = vec![chunk(1, 1)];
    assert_eq!(
        world
            .runs
            .create_ended(attached(3)?, FinishedRun { events, ..ending(RunState::Failed) })
            .await?,
        Created::Created
    );

    let (lease, run) = claim(&world, 1, "a", 100, 1_000).await?;
    assert_eq!((lease.fence, run.claims_without_progress, run.due_at), (1, 1, Some(at(1_000))));
    assert_eq!(
        world.runs.heartbeat(&lease, at(2_000)).await?,
        Heartbeat::Kept { cancel_requested: false, answers: 0 }
    );
    assert_eq!(world.runs.mark_started(&lease, "a").await?, StartMark::Marked);
    assert_eq!(
        world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?,
        Written::Written
    );
    assert_eq!(world.runs.append_events(&lease, vec![chunk(1, 2)]).await?, Written::Written);
    assert_eq!(
        world
            .runs
            .hand_over(&lease, vec![checkpoint("b", 1, "y")], vec![chunk(1, 3)], at(700))
            .await?,
        Written::Written
    );
    let (lease, run) = claim(&world, 1, "b", 800, 2_000).await?;
    assert_eq!((lease.fence, run.claims_without_progress), (2, 1));
    assert_eq!(world.runs.hand_over(&lease, vec![], vec![], at(900)).await?, Written::Written);
    assert_eq!(stored(&world, 1).await?.claims_without_progress, 0);
    let (lease, _) = claim(&world, 1, "c", 900, 2_000).await?;
    let end = FinishedRun { deliveries: vec![delivery(1, 0, 900)?], ..ending(RunState::Succeeded) };
    assert!(matches!(
        world.runs.finish(&lease, end).await?,
        Finished::Finished | Finished::Already(_)
    ));
    assert_eq!(
        world.runs.events(&run_id(1)?, None, 10).await?,
        [chunk(1, 1), chunk(1, 2), chunk(1, 3)]
    );
    assert_eq!(world.runs.checkpoints(&run_id(1)?, None).await?.len(), 2);

    let made = delivery(1, 0, 900)?;
    assert!(world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?.is_some());
    assert_eq!(
        world
            .deliveries
            .record(&made.id, &owner("a"), attempt("no"), AfterAttempt::RetryAt(at(5_000)))
            .await?,
        Written::Written
    );
    let kept = world.deliveries.read(&made.id).await?.context("the delivery does not exist")?;
    assert_eq!((kept.attempts.len(), kept.step), (1, 1));

    world.workflows.save_draft("story", draft("one"), "uid", SIGNING, None).await?;
    let saved = world
        .workflows
        .save_draft("story", draft("other"), "uid", SIGNING, Some("etag of 3 bytes"))
        .await?;
    assert!(matches!(saved, DraftSaved::Saved(record) if record.draft == draft("other")));
    assert!(
        world
            .workflows
            .rotate_signing("story", SigningPin { master: 1, epoch: 1 }, at(500))
            .await?
    );
    let rotated = world.workflows.read("story").await?.context("the workflow does not exist")?;
    assert_eq!(rotated.signing_before, Some((SIGNING, at(500))));
    for text in ["one", "two", "three"] {
        let new = NewVersion {
            document: text.into(),
            hash: text.into(),
            name: "A story".into(),
            notes: None,
            at: at(20),
            use_of_secrets: UseOfSecrets::default(),
            schedules: Vec::new(),
        };
        world.workflows.publish("story", new).await?;
    }
    for (target, before) in [(Some("1.0.1"), "1.0.0"), (None, "1.0.1")] {
        assert_eq!(
            world.workflows.set_active("story", target, at(30), Vec::new()).await?,
            SetActive::Done
        );
        let kept = world.workflows.read("story").await?.context("the workflow is not there")?;
        assert_eq!(
            (kept.active_version.as_deref(), kept.rollback_targets.last().as_deref()),
            (target, Some(before))
        );
    }
    assert_eq!(world.workflows.versions("uid", first_page(10)).await?.items.len(), 3);
    for n in 1..=2 {
        assert_eq!(
            world.limits.acquire("key", run_id(n)?.as_str(), 2, at(1), at(9)).await?,
            Acquired::Acquired
        );
    }
    world.limits.release("key", run_id(1)?.as_str()).await?;
    assert_eq!(
        world.limits.acquire("key", run_id(3)?.as_str(), 2, at(1), at(9)).await?,
        Acquired::Acquired
    );
    assert_eq!(
        world.limits.acquire("key", run_id(4)?.as_str(), 2, at(1), at(9)).await?,
        Acquired::Full
    );
    Ok(())
}

/// The double never causes conflicts by itself.
#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn transactions_that_meet_are_tried_again() -> Result<()> {
    let (_double, network, world) = unkind().await?;
    let lease = claimed(&world, 1, "a").await?;
    network.take();
    network.conflicts.store(3, Ordering::Relaxed);
    assert_eq!(
        world.runs.checkpoint(&lease, checkpoint("a", 0, "x"), vec![chunk(1, 1)]).await?,
        Written::Written
    );
    assert_eq!(network.take(), ["TransactWriteItems"; 4]);
    network.conflicts.store(100, Ordering::Relaxed);
    let given_up = world.runs.append_events(&lease, vec![chunk(1, 2)]).await.unwrap_err();
    assert_eq!(network.take().len(), 8);
    let said = format!("{given_up:#}");
    assert!(
        said.contains("given up after 8 tries") && said.contains("TransactionConflict"),
        "{said}"
    );
    network.conflicts.store(0, Ordering::Relaxed);
    assert_eq!(world.runs.events(&run_id(1)?, None, 10).await?, [chunk(1, 1)]);
    Ok(())
}
