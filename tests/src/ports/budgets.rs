//! What keys have spent: each call is counted once, in its period.

use anyhow::Result;
use flowgate_core::budget::{Account, Spending, Spent};

use super::sample::*;
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a call is counted once", once),
        guarantee("calls at the same time are all counted", concurrent),
        guarantee("a period and a key have sums of their own", apart),
        guarantee("a sum does not overflow", large),
    ]
}

fn account(key: &str, from: i64) -> Account {
    Account { key: key.into(), from: at(from), until: at(from + 100_000) }
}

fn spending(n: u32, call: &str, tokens: u64) -> Result<Spending> {
    let spent = Spent {
        tokens,
        cost_nano_usd: 10 * tokens,
        tokens_unmetered: 1,
        cost_unmetered: 2,
        unknown: 3,
    };
    Ok(Spending { run: run_id(n)?, call: call.into(), spent })
}

async fn once(world: World) -> Result<()> {
    let account = account("key", 0);
    assert_eq!(world.budgets.spent(&account).await?, Spent::default());
    for (n, call) in [(1, "a#0@1"), (1, "a#0@1"), (1, "a#1@1"), (2, "a#0@1"), (1, "a#0@2")] {
        world.budgets.spend(&account, spending(n, call, 3)?).await?;
    }
    let expected = Spent {
        tokens: 12,
        cost_nano_usd: 120,
        tokens_unmetered: 4,
        cost_unmetered: 8,
        unknown: 12,
    };
    assert_eq!(world.budgets.spent(&account).await?, expected);
    Ok(())
}

async fn concurrent(world: World) -> Result<()> {
    let mut calls = Vec::new();
    for n in 0..30 {
        let (budgets, spending) = (world.budgets.clone(), spending(n % 3, &format!("c{n}"), 1)?);
        calls.push(tokio::spawn(async move { budgets.spend(&account("key", 0), spending).await }));
    }
    for call in calls {
        call.await??;
    }
    assert_eq!(world.budgets.spent(&account("key", 0)).await?.tokens, 30);
    Ok(())
}

async fn apart(world: World) -> Result<()> {
    world.budgets.spend(&account("one", 0), spending(1, "a", 1)?).await?;
    world.budgets.spend(&account("one", 100_000), spending(1, "b", 2)?).await?;
    world.budgets.spend(&account("two", 0), spending(1, "c", 4)?).await?;
    for (key, from, tokens) in [("one", 0, 1), ("one", 100_000, 2), ("two", 0, 4)] {
        assert_eq!(world.budgets.spent(&account(key, from)).await?.tokens, tokens);
    }
    Ok(())
}

async fn large(world: World) -> Result<()> {
    let most = Spent { cost_nano_usd: u64::MAX, ..Spent::default() };
    for call in ["a", "b"] {
        let spending = Spending { run: run_id(1)?, call: call.into(), spent: most };
        world.budgets.spend(&account("key", 0), spending).await?;
    }
    let spent = world.budgets.spent(&account("key", 0)).await?.cost_nano_usd;
    assert!(spent >= 8_000_000_000_000_000_000, "{spent}");
    Ok(())
}
