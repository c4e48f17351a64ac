//! Deliveries: one attempt at a time, every attempt logged once.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::delivery::{
    AfterAttempt, Attempt, Delivery, DeliveryId, DeliveryState, FrozenRequest, MAX_LOGGED_ATTEMPTS,
};
use flowgate_core::lease::Written;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{FinishedRun, RunState};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a delivery put twice is one, as it was first", put_twice),
        guarantee("an attempt is claimed when it is due, by one owner", claim_when_due),
        guarantee("a claim of an attempt sent twice is one", claim_sent_twice),
        guarantee("of 50 concurrent claims of an attempt, one is granted", concurrent_claims),
        guarantee("an attempt whose owner is gone can be claimed again", claim_after_a_crash),
        guarantee(
            "an attempt is logged, and the next is due at the requested time",
            record_and_retry,
        ),
        guarantee("an attempt recorded twice is logged once", record_twice),
        guarantee("a lost claim records nothing", record_lost),
        guarantee("a delivered or exhausted delivery is no longer due", the_end_of_it),
        guarantee("a redelivery restarts the schedule and continues the log", redeliver),
        guarantee("an attempt that is out survives a redelivery", redeliver_while_out),
        guarantee("an unknown or wiped delivery is not sent again", redeliver_nothing),
        guarantee("a run's deliveries come in order of creation", of_run),
        guarantee("deliveries of several workflows are listed, newest first", list_of),
        guarantee("the log is bounded, and all attempts are counted", bounded_log),
        guarantee("a claim that is put back is no attempt, and due again in time", put_back),
    ]
}

async fn stored_delivery(world: &World, n: u32, index: u32) -> Result<Delivery> {
    world.deliveries.read(&delivery(n, index, 0)?.id).await?.context("the delivery does not exist")
}

fn attempt(ms: i64) -> Attempt {
    Attempt {
        at: at(ms),
        duration_ms: 12,
        status: Some(500),
        error: Some("status 500".into()),
        answer: "\"no\"\n".into(),
    }
}

/// A delivery of run 1 that is due at 900.
async fn put(world: &World) -> Result<DeliveryId> {
    let delivery = delivery(1, 0, 900)?;
    world.deliveries.put(delivery.clone()).await?;
    Ok(delivery.id)
}

async fn list_of(world: World) -> Result<()> {
    let uid = |n: u32| if n.is_multiple_of(2) { WORKFLOW_UID } else { "uid-b" };
    for n in 1..=9_u32 {
        let put = Delivery {
            workflow_uid: uid(n).to_owned(),
            created_at: at(i64::from(n) / 2),
            ..delivery(n, 0, 900)?
        };
        world.deliveries.put(put.clone()).await?;
        if n % 3 == 0 {
            world.deliveries.claim(&put.id, &owner("a"), at(1_000), at(2_000)).await?;
            let next = AfterAttempt::Exhausted;
            let written =
                world.deliveries.record(&put.id, &owner("a"), attempt(1_000), next).await?;
            assert_eq!(written, Written::Written);
        }
    }
    let list = async |of: &[&str], state: Option<DeliveryState>, limit: usize| {
        let uids: Vec<String> = of.iter().map(|uid| (*uid).to_owned()).collect();
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..200 {
            let request = PageRequest { limit, cursor };
            let page = world.deliveries.list_of(&uids, state, request).await?;
            assert!(page.items.len() <= limit);
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        for listed in &found {
            assert_eq!(Some(listed.clone()), world.deliveries.read(&listed.id).await?);
        }
        assert!(found.windows(2).all(|two| two[0].created_at >= two[1].created_at));
        let mut ids: Vec<String> = found.into_iter().map(|found| found.run.to_string()).collect();
        ids.sort();
        anyhow::Ok(ids)
    };
    let runs = |of: &[u32]| -> Result<Vec<String>> {
        of.iter().map(|n| Ok(run_id(*n)?.to_string())).collect()
    };
    let both = [WORKFLOW_UID, "uid-b"];
    for limit in [1, 2, 5, 100] {
        assert_eq!(list(&both, None, limit).await?, runs(&[1, 2, 3, 4, 5, 6, 7, 8, 9])?);
        assert_eq!(list(&["uid-b"], None, limit).await?, runs(&[1, 3, 5, 7, 9])?);
        let exhausted = Some(DeliveryState::Exhausted);
        assert_eq!(list(&both, exhausted, limit).await?, runs(&[3, 6, 9])?);
        assert_eq!(list(&[WORKFLOW_UID], exhausted, limit).await?, runs(&[6])?);
        assert_eq!(list(&both, Some(DeliveryState::Delivered), limit).await?, [""; 0]);
    }
    assert_eq!(list(&[], None, 5).await?, [""; 0]);
    Ok(())
}

async fn put_twice(world: World) -> Result<()> {
    let first = delivery(1, 0, 900)?;
    world.deliveries.put(first.clone()).await?;
    let other = FrozenRequest { body: "other".into(), ..(*first.request).clone() };
    world.deliveries.put(Delivery { request: Arc::new(other), ..first.clone() }).await?;
    assert_eq!(world.deliveries.read(&first.id).await?, Some(first));
    assert_eq!(world.deliveries.read(&delivery(1, 1, 0)?.id).await?, None);
    Ok(())
}

async fn claim_when_due(world: World) -> Result<()> {
    let id = put(&world).await?;
    assert_eq!(world.deliveries.claim(&id, &owner("a"), at(899), at(2_000)).await?, None);
    let claimed = world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?;
    let expected =
        Delivery { owner: Some(owner("a")), due_at: Some(at(2_000)), ..delivery(1, 0, 900)? };
    assert_eq!(claimed, Some(expected));
    assert_eq!(world.deliveries.claim(&id, &owner("b"), at(1_999), at(3_000)).await?, None);
    assert_eq!(
        world.deliveries.claim(&delivery(2, 0, 0)?.id, &owner("b"), at(1_999), at(3_000)).await?,
        None
    );
    Ok(())
}

async fn claim_sent_twice(world: World) -> Result<()> {
    let id = put(&world).await?;
    for _ in 0..2 {
        assert!(world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?.is_some());
    }
    Ok(())
}

async fn concurrent_claims(world: World) -> Result<()> {
    let id = put(&world).await?;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (deliveries, id) = (world.deliveries.clone(), id.clone());
        tasks.spawn(async move {
            deliveries.claim(&id, &owner(&format!("owner {n}")), at(900), at(2_000)).await
        });
    }
    let mut granted = 0;
    while let Some(done) = tasks.join_next().await {
        granted += usize::from(done??.is_some());
    }
    assert_eq!(granted, 1);
    Ok(())
}

async fn claim_after_a_crash(world: World) -> Result<()> {
    let id = put(&world).await?;
    world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?;
    assert!(world.deliveries.claim(&id, &owner("b"), at(2_000), at(3_000)).await?.is_some());
    assert_eq!(
        world.deliveries.record(&id, &owner("a"), attempt(950), AfterAttempt::Delivered).await?,
        Written::Lost
    );
    Ok(())
}

async fn record_and_retry(world: World) -> Result<()> {
    let id = put(&world).await?;
    for (step, due) in [(1, 5_000), (2, 9_000)] {
        let now = stored_delivery(&world, 1, 0).await?.due_at.context("due")?;
        world.deliveries.claim(&id, &owner(&format!("owner {step}")), now, at(20_000)).await?;
        let next = AfterAttempt::RetryAt(at(due));
        assert_eq!(
            world
                .deliveries
                .record(&id, &owner(&format!("owner {step}")), attempt(due), next)
                .await?,
            Written::Written
        );
        let kept = stored_delivery(&world, 1, 0).await?;
        assert_eq!(
            (kept.state, kept.due_at, kept.owner, kept.step),
            (DeliveryState::Pending, Some(at(due)), None, step)
        );
        assert_eq!(
            world.deliveries.claim(&id, &owner("early"), at(due - 1), at(20_000)).await?,
            None
        );
    }
    assert_eq!(stored_delivery(&world, 1, 0).await?.attempts, [attempt(5_000), attempt(9_000)]);
    Ok(())
}

async fn record_twice(world: World) -> Result<()> {
    let id = put(&world).await?;
    world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?;
    for _ in 0..2 {
        let next = AfterAttempt::RetryAt(at(5_000));
        assert_eq!(
            world.deliveries.record(&id, &owner("a"), attempt(950), next).await?,
            Written::Written
        );
    }
    let kept = stored_delivery(&world, 1, 0).await?;
    assert_eq!((kept.attempts.len(), kept.step), (1, 1));
    Ok(())
}

async fn record_lost(world: World) -> Result<()> {
    let id = put(&world).await?;
    assert_eq!(
        world.deliveries.record(&id, &owner("a"), attempt(950), AfterAttempt::Delivered).await?,
        Written::Lost
    );
    assert_eq!(stored_delivery(&world, 1, 0).await?, delivery(1, 0, 900)?);
    Ok(())
}

async fn the_end_of_it(world: World) -> Result<()> {
    let cases = [
        (0, AfterAttempt::Delivered, DeliveryState::Delivered),
        (1, AfterAttempt::Exhausted, DeliveryState::Exhausted),
    ];
    for (index, next, state) in cases {
        let made = delivery(1, index, 900)?;
        world.deliveries.put(made.clone()).await?;
        world.deliveries.claim(&made.id, &owner("a"), at(900), at(2_000)).await?;
        world.deliveries.record(&made.id, &owner("a"), attempt(950), next).await?;
        let kept = stored_delivery(&world, 1, index).await?;
        assert_eq!((kept.state, kept.due_at, kept.owner), (state, None, None));
        assert_eq!(
            world.deliveries.claim(&made.id, &owner("b"), at(99_999), at(100_000)).await?,
            None
        );
    }
    assert!(world.due.due(at(99_999), 10).await?.is_empty());
    Ok(())
}

async fn redeliver(world: World) -> Result<()> {
    let id = put(&world).await?;
    world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?;
    world.deliveries.record(&id, &owner("a"), attempt(950), AfterAttempt::Exhausted).await?;
    let again = world.deliveries.redeliver(&id, at(7_000)).await?.context("redelivered")?;
    assert_eq!(
        (again.state, again.due_at, again.step, again.attempts.len()),
        (DeliveryState::Pending, Some(at(7_000)), 0, 1)
    );
    assert_eq!(again.request, delivery(1, 0, 900)?.request);
    assert!(world.deliveries.claim(&id, &owner("b"), at(7_000), at(8_000)).await?.is_some());
    world.deliveries.record(&id, &owner("b"), attempt(7_100), AfterAttempt::Delivered).await?;
    let kept = stored_delivery(&world, 1, 0).await?;
    assert_eq!((kept.state, kept.attempts.len()), (DeliveryState::Delivered, 2));
    Ok(())
}

async fn redeliver_while_out(world: World) -> Result<()> {
    let id = put(&world).await?;
    world.deliveries.claim(&id, &owner("a"), at(900), at(2_000)).await?;
    assert!(world.deliveries.redeliver(&id, at(1_000)).await?.is_some());
    assert_eq!(world.deliveries.claim(&id, &owner("b"), at(1_000), at(3_000)).await?, None);
    assert_eq!(
        world.deliveries.record(&id, &owner("a"), attempt(950), AfterAttempt::Delivered).await?,
        Written::Written
    );
    Ok(())
}

async fn redeliver_nothing(world: World) -> Result<()> {
    assert_eq!(world.deliveries.redeliver(&delivery(9, 0, 0)?.id, at(1_000)).await?, None);
    let lease = claimed(&world, 1, "a").await?;
    let made = delivery(1, 0, 900)?;
    world
        .runs
        .finish(
            &lease,
            FinishedRun { deliveries: vec![made.clone()], ..ending(RunState::Succeeded) },
        )
        .await?;
    world.runs.wipe(&run_id(1)?).await?;
    assert_eq!(world.deliveries.redeliver(&made.id, at(1_000)).await?, None);
    assert_eq!(world.deliveries.claim(&made.id, &owner("a"), at(9_000), at(9_500)).await?, None);
    Ok(())
}

async fn of_run(world: World) -> Result<()> {
    for index in [2, 0, 1] {
        let made = delivery(1, index, 900)?;
        world
            .deliveries
            .put(Delivery { created_at: at(1_000 + i64::from((index + 1) % 3)), ..made })
            .await?;
    }
    world.deliveries.put(delivery(2, 0, 900)?).await?;
    let ids: Vec<_> = world
        .deliveries
        .of_run(&run_id(1)?)
        .await?
        .into_iter()
        .map(|delivery| delivery.id)
        .collect();
    assert_eq!(ids, [delivery(1, 2, 0)?.id, delivery(1, 0, 0)?.id, delivery(1, 1, 0)?.id]);
    Ok(())
}

async fn bounded_log(world: World) -> Result<()> {
    let id = put(&world).await?;
    for n in 0..MAX_LOGGED_ATTEMPTS as i64 + 5 {
        let owner = owner(&n.to_string());
        world.deliveries.claim(&id, &owner, at(900 + n), at(90_000)).await?.context("claimed")?;
        let next = AfterAttempt::RetryAt(at(901 + n));
        world.deliveries.record(&id, &owner, attempt(n), next).await?;
    }
    let kept = stored_delivery(&world, 1, 0).await?;
    assert_eq!(kept.attempts.len(), MAX_LOGGED_ATTEMPTS);
    assert_eq!(kept.attempts_made as usize, MAX_LOGGED_ATTEMPTS + 5);
    assert_eq!(
        (kept.attempts[0].at, kept.attempts.last().map(|last| last.at)),
        (at(5), Some(at(MAX_LOGGED_ATTEMPTS as i64 + 4)))
    );
    Ok(())
}

async fn put_back(world: World) -> Result<()> {
    let id = put(&world).await?;
    world.deliveries.claim(&id, &owner("a"), at(900), at(60_000)).await?.context("claimed")?;
    assert_eq!(world.deliveries.put_back(&id, &owner("b"), at(1)).await?, Written::Lost);
    assert_eq!(world.deliveries.put_back(&id, &owner("a"), at(2_000)).await?, Written::Written);
    let kept = stored_delivery(&world, 1, 0).await?;
    assert_eq!(
        (kept.state, kept.due_at, kept.owner, kept.step, kept.attempts_made),
        (DeliveryState::Pending, Some(at(2_000)), None, 0, 0)
    );
    assert!(world.deliveries.claim(&id, &owner("b"), at(1_999), at(60_000)).await?.is_none());
    assert!(world.deliveries.claim(&id, &owner("b"), at(2_000), at(60_000)).await?.is_some());
    Ok(())
}
