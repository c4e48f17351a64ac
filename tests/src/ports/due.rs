//! Due rows: they find work whose message was lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::delivery::AfterAttempt;
use flowgate_core::run::{FinishedRun, NewRun, RunHead, RunState};
use flowgate_core::work::{DueItem, Message};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("runs and deliveries are due in the order of their time", soonest_first),
        guarantee("a heartbeat, an end and a record move the due time", moves_with_its_owner),
        guarantee("an ended run with `save: false` is due until it is wiped", due_until_wiped),
        guarantee("a due item is postponed once", postponed_once),
        guarantee("a postponed item can be claimed", postponed_and_claimed),
        guarantee("an item that has moved on is not postponed", moved_on),
        guarantee("a postponed item tells whose work it is", groups),
        guarantee("a backlog of one group leaves room for the others", backlog),
        guarantee("a run whose lease was renewed is not due, and is once it ends", renewed),
    ]
}

fn run_item(n: u32, due: i64) -> Result<DueItem> {
    Ok(DueItem { what: Message::RunV1 { run: run_id(n)? }, since: at(due), sweep_at: at(due) })
}

fn webhook_item(n: u32, due: i64) -> Result<DueItem> {
    Ok(DueItem {
        what: Message::WebhookV1 { delivery: delivery(n, 0, due)?.id },
        since: at(due),
        sweep_at: at(due),
    })
}

async fn soonest_first(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    claimed(&world, 2, "a").await?;
    world.runs.create_ended(attached(3)?, ending(RunState::Succeeded)).await?;
    world.deliveries.put(delivery(4, 0, 900)?).await?;
    world.deliveries.put(delivery(5, 0, 40_000)?).await?;
    assert!(world.due.due(at(899), 10).await?.is_empty());
    assert_eq!(world.due.due(at(900), 10).await?, [webhook_item(4, 900)?]);
    let all = [
        webhook_item(4, 900)?,
        run_item(2, 1_000)?,
        run_item(1, 30_000)?,
        webhook_item(5, 40_000)?,
    ];
    assert_eq!(world.due.due(at(40_000), 10).await?, all);
    assert_eq!(world.due.due(at(40_000), 2).await?, all[..2]);
    Ok(())
}

async fn moves_with_its_owner(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    world.runs.heartbeat(&lease, at(5_000)).await?;
    assert!(world.due.due(at(4_999), 10).await?.is_empty());
    world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
    let made = delivery(2, 0, 900)?;
    world.deliveries.put(made.clone()).await?;
    world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?;
    assert!(world.due.due(at(1_999), 10).await?.is_empty());
    let answer = flowgate_core::delivery::Attempt {
        at: at(950),
        duration_ms: 1,
        status: None,
        error: None,
        answer: String::new(),
    };
    world
        .deliveries
        .record(&made.id, &owner("a"), answer, AfterAttempt::RetryAt(at(7_000)))
        .await?;
    assert!(world.due.due(at(6_999), 10).await?.is_empty());
    assert_eq!(world.due.due(at(99_000), 10).await?, [webhook_item(2, 7_000)?]);
    Ok(())
}

async fn due_until_wiped(world: World) -> Result<()> {
    let end = FinishedRun { due_at: Some(at(1_000)), ..ending(RunState::Succeeded) };
    world.runs.create_ended(attached(1)?, end.clone()).await?;
    let lease = claimed(&world, 2, "a").await?;
    world.runs.finish(&lease, FinishedRun { due_at: Some(at(1_001)), ..end }).await?;
    let items = world.due.due(at(2_000), 10).await?;
    assert_eq!(items, [run_item(1, 1_000)?, run_item(2, 1_001)?]);
    assert!(world.due.postpone(&items[0], at(3_000)).await?.is_some());
    assert_eq!(world.due.due(at(2_000), 10).await?, [run_item(2, 1_001)?]);
    world.runs.wipe(&run_id(1)?).await?;
    world.runs.wipe(&run_id(2)?).await?;
    assert!(world.due.due(at(99_000), 10).await?.is_empty());
    Ok(())
}

async fn postponed_once(world: World) -> Result<()> {
    world.runs.create(detached(1)?).await?;
    world.deliveries.put(delivery(2, 0, 900)?).await?;
    for item in world.due.due(at(30_000), 10).await? {
        assert!(world.due.postpone(&item, at(90_000)).await?.is_some());
        assert!(world.due.postpone(&item, at(95_000)).await?.is_none());
    }
    assert!(world.due.due(at(89_999), 10).await?.is_empty());
    let again: BTreeSet<_> = world
        .due
        .due(at(90_000), 10)
        .await?
        .into_iter()
        .map(|item| (item.since, item.sweep_at))
        .collect();
    assert_eq!(
        again,
        BTreeSet::from([(at(900), at(90_000)), (at(30_000), at(90_000))]),
        "each is due since its own time"
    );
    Ok(())
}

/// The sweeper postpones before it sends, and the worker's claim must still succeed.
async fn postponed_and_claimed(world: World) -> Result<()> {
    claimed(&world, 1, "dead").await?;
    let made = delivery(2, 0, 900)?;
    world.deliveries.put(made.clone()).await?;
    for item in world.due.due(at(1_000), 10).await? {
        assert!(world.due.postpone(&item, at(61_000)).await?.is_some());
    }
    let (lease, _) = claim(&world, 1, "b", 1_010, 2_000).await?;
    assert_eq!(lease.fence, 2);
    world
        .deliveries
        .claim(&made.id, &owner("b"), at(1_010), at(2_000))
        .await?
        .context("the postponed delivery was refused")?;
    Ok(())
}

async fn moved_on(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    let item = run_item(1, 1_000)?;
    world.runs.heartbeat(&lease, at(5_000)).await?;
    assert!(world.due.postpone(&item, at(61_000)).await?.is_none());
    world.runs.finish(&lease, ending(RunState::Succeeded)).await?;
    assert!(world.due.postpone(&run_item(1, 5_000)?, at(61_000)).await?.is_none());
    assert!(world.due.postpone(&run_item(9, 5_000)?, at(61_000)).await?.is_none());
    assert!(world.due.postpone(&webhook_item(9, 5_000)?, at(61_000)).await?.is_none());
    assert!(world.due.due(at(99_000), 10).await?.is_empty());
    Ok(())
}

fn of_key(n: u32, key: &str, due: i64) -> Result<NewRun> {
    let run = detached(n)?;
    let head = RunHead { key_id: Some(key.to_owned()), ..RunHead::clone(&run.head) };
    Ok(NewRun { head: Arc::new(head), due_at: at(due), ..run })
}

/// On AWS two groups may share shards, so not each of the others has its place at once.
async fn backlog(world: World) -> Result<()> {
    for n in 0..200 {
        world.runs.create(of_key(n, "busy", 1_000)?).await?;
    }
    let mut others = BTreeSet::new();
    for n in 200..216 {
        world.runs.create(of_key(n, &format!("key{n}"), 2_000)?).await?;
        others.insert(run_id(n)?);
    }
    let page = world.due.due(at(3_000), 24).await?;
    assert_eq!(page.len(), 24);
    let is_others = |item: &&DueItem| match &item.what {
        Message::RunV1 { run } => others.contains(run),
        _ => false,
    };
    let found = page.iter().filter(is_others).count();
    assert!(found >= 12, "{found} of the others");
    Ok(())
}

async fn renewed(world: World) -> Result<()> {
    let lease = claimed(&world, 1, "a").await?;
    for until in [2_000, 3_000, 4_000] {
        world.runs.heartbeat(&lease, at(until)).await?;
        assert!(world.due.due(at(until - 1), 10).await?.is_empty(), "{until}");
    }
    let due = world.due.due(at(4_000), 10).await?;
    assert_eq!(
        due.iter().map(|item| (&item.what, item.since)).collect::<Vec<_>>(),
        [(&Message::RunV1 { run: run_id(1)? }, at(4_000))]
    );
    assert!(world.due.postpone(&due[0], at(64_000)).await?.is_some());
    assert_eq!(claim(&world, 1, "b", 4_001, 5_000).await?.0.fence, 2);
    Ok(())
}

async fn groups(world: World) -> Result<()> {
    let run = detached(1)?;
    let group = run.head.group();
    world.runs.create(run).await?;
    let made = delivery(2, 0, 900)?;
    let receiver = made.receiver.clone();
    world.deliveries.put(made).await?;
    let read = world.deliveries.read(&delivery(2, 0, 900)?.id).await?;
    assert_eq!(read.context("it is stored")?.receiver, receiver);
    for item in world.due.due(at(30_000), 10).await? {
        let expected = if matches!(item.what, Message::RunV1 { .. }) { &group } else { &receiver };
        assert_eq!(world.due.postpone(&item, at(90_000)).await?.as_ref(), Some(expected));
    }
    Ok(())
}
