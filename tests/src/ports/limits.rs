//! Limits of keys: never exceeded, and always refilled.

use std::collections::BTreeSet;

use anyhow::Result;
use flowgate_core::limit::{Acquired, Allowance, Rate, Taken};
use tokio::task::JoinSet;

use super::sample::*;
use super::{Guarantee, World, guarantee};

const RATE: Rate = Rate { requests_per_minute: 60, burst: 3 };

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a burst may be taken in one go, and no more", burst),
        guarantee("the allowance refills evenly, up to the burst", refill),
        guarantee("concurrent requests take the burst and no more", concurrent_takes),
        guarantee("keys are limited separately", apart),
        guarantee("a peek takes nothing", peek),
        guarantee("concurrent runs are counted until they leave", places),
        guarantee("a run that never leaves stops counting at its expiry", expiry),
        guarantee("concurrent runs enter no more places than there are", concurrent_entries),
    ]
}

fn left(remaining: u32, reset_at: i64) -> Allowance {
    Allowance { limit: 3, remaining, reset_at: at(reset_at) }
}

async fn burst(world: World) -> Result<()> {
    for (remaining, reset_at) in [(2, 2_000), (1, 3_000), (0, 4_000)] {
        assert_eq!(
            world.limits.take("key", RATE, at(1_000)).await?,
            Taken::Allowed(left(remaining, reset_at))
        );
    }
    for _ in 0..2 {
        let refused = Taken::Refused { retry_at: at(2_000), left: left(0, 4_000) };
        assert_eq!(
            world.limits.take("key", RATE, at(1_000)).await?,
            refused,
            "a refused request takes nothing"
        );
    }
    Ok(())
}

async fn refill(world: World) -> Result<()> {
    for _ in 0..3 {
        world.limits.take("key", RATE, at(1_000)).await?;
    }
    assert!(matches!(world.limits.take("key", RATE, at(1_999)).await?, Taken::Refused { .. }));
    assert_eq!(world.limits.take("key", RATE, at(2_000)).await?, Taken::Allowed(left(0, 5_000)));
    assert!(matches!(world.limits.take("key", RATE, at(2_000)).await?, Taken::Refused { .. }));
    assert_eq!(world.limits.take("key", RATE, at(4_500)).await?, Taken::Allowed(left(1, 6_000)));
    // However long the key was idle, it gets one burst.
    for remaining in [2, 1, 0] {
        assert_eq!(
            world.limits.take("key", RATE, at(99_000)).await?,
            Taken::Allowed(left(remaining, 102_000 - i64::from(remaining) * 1_000))
        );
    }
    assert!(matches!(world.limits.take("key", RATE, at(99_000)).await?, Taken::Refused { .. }));
    Ok(())
}

async fn concurrent_takes(world: World) -> Result<()> {
    let rate = Rate { requests_per_minute: 60, burst: 20 };
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let limits = world.limits.clone();
        tasks.spawn(async move { limits.take("key", rate, at(1_000)).await });
    }
    let mut remaining = BTreeSet::new();
    for taken in tasks.join_all().await {
        if let Taken::Allowed(left) = taken? {
            assert!(remaining.insert(left.remaining), "each start is given once");
        }
    }
    assert_eq!(remaining, (0..20).collect());
    Ok(())
}

async fn apart(world: World) -> Result<()> {
    for key in ["one", "two"] {
        assert_eq!(world.limits.take(key, RATE, at(1_000)).await?, Taken::Allowed(left(2, 2_000)));
        assert_eq!(
            world.limits.acquire(key, run_id(1)?.as_str(), 1, at(1), at(9)).await?,
            Acquired::Acquired
        );
    }
    Ok(())
}

async fn peek(world: World) -> Result<()> {
    assert_eq!(world.limits.peek("key", RATE, at(1_000)).await?, left(3, 1_000));
    world.limits.take("key", RATE, at(1_000)).await?;
    for _ in 0..5 {
        assert_eq!(world.limits.peek("key", RATE, at(1_000)).await?, left(2, 2_000));
    }
    assert_eq!(world.limits.peek("key", RATE, at(2_000)).await?, left(3, 2_000));
    Ok(())
}

async fn places(world: World) -> Result<()> {
    let acquire =
        async |n: u32| world.limits.acquire("key", run_id(n)?.as_str(), 2, at(10), at(1_000)).await;
    assert_eq!(
        (acquire(1).await?, acquire(2).await?, acquire(3).await?),
        (Acquired::Acquired, Acquired::Acquired, Acquired::Full)
    );
    assert_eq!(acquire(2).await?, Acquired::Acquired, "it has its place");
    for run in [run_id(3)?, run_id(1)?, run_id(1)?] {
        world.limits.release("key", run.as_str()).await?;
    }
    world.limits.release("nobody", run_id(1)?.as_str()).await?;
    assert_eq!((acquire(3).await?, acquire(1).await?), (Acquired::Acquired, Acquired::Full));
    Ok(())
}

async fn expiry(world: World) -> Result<()> {
    let acquire = async |n: u32, now: i64, until: i64| {
        world.limits.acquire("key", run_id(n)?.as_str(), 1, at(now), at(until)).await
    };
    assert_eq!(acquire(1, 10, 100).await?, Acquired::Acquired);
    assert_eq!(acquire(2, 99, 500).await?, Acquired::Full);
    assert_eq!(acquire(2, 100, 500).await?, Acquired::Acquired);
    assert_eq!(acquire(3, 400, 900).await?, Acquired::Full);

    let acquire = async |n: u32, now: i64, until: i64| {
        world.limits.acquire("many", run_id(n)?.as_str(), 45, at(now), at(until)).await
    };
    for n in 0..45 {
        assert_eq!(acquire(n, 10, 100).await?, Acquired::Acquired);
    }
    assert_eq!(acquire(45, 99, 500).await?, Acquired::Full);
    for n in 45..90 {
        assert_eq!(acquire(n, 100, 500).await?, Acquired::Acquired);
    }
    assert_eq!(acquire(90, 101, 500).await?, Acquired::Full);
    Ok(())
}

async fn concurrent_entries(world: World) -> Result<()> {
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let (limits, run) = (world.limits.clone(), run_id(n)?);
        tasks.spawn(async move { limits.acquire("key", run.as_str(), 7, at(10), at(1_000)).await });
    }
    let mut entered = 0;
    for one in tasks.join_all().await {
        entered += usize::from(one? == Acquired::Acquired);
    }
    assert_eq!(entered, 7);
    Ok(())
}
