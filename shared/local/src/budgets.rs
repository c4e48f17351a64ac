//! What keys have spent of their budgets.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::budget::{Account, Budgets, Spending, Spent};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::row::run_key;
use crate::run_values::stored;

/// A period's row is kept this long after its end, so that it can be looked up.
const KEPT_MS: i64 = 24 * 3600 * 1000;

#[async_trait]
impl Budgets for Local {
    async fn spend(&self, account: &Account, spending: Spending) -> Result<()> {
        let (account, run) = (account.clone(), run_key(&spending.run)?);
        self.write(move |connection| {
            let mut mark = connection
                .prepare_cached("INSERT OR IGNORE INTO spent_calls (run, call) VALUES (?1, ?2)")?;
            if mark.execute(params![run, spending.call])? == 1 {
                add(connection, &account, spending.spent)?;
            }
            Ok(())
        })
        .await
    }

    async fn spent(&self, account: &Account) -> Result<Spent> {
        let account = account.clone();
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT tokens, nano_usd, tokens_unmetered, cost_unmetered, unknown FROM \
                 key_spending WHERE key = ?1 AND since = ?2",
            )?;
            let found = select.query_row(params![account.key, account.from.0], read).optional()?;
            Ok(found.unwrap_or_default())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Spent> {
    let number = |index| Ok::<_, rusqlite::Error>(row.get::<_, i64>(index)?.unsigned_abs());
    Ok(Spent {
        tokens: number(0)?,
        cost_nano_usd: number(1)?,
        tokens_unmetered: number(2)?,
        cost_unmetered: number(3)?,
        unknown: number(4)?,
    })
}

fn add(connection: &Connection, account: &Account, spent: Spent) -> Result<()> {
    // A sum beyond the column's range would become a float.
    let mut upsert = connection.prepare_cached(
        "INSERT INTO key_spending (key, since, expires_at, tokens, nano_usd, tokens_unmetered,
            cost_unmetered, unknown)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (key, since) DO UPDATE SET
            tokens = min(tokens, 9000000000000000000 - excluded.tokens) + excluded.tokens,
            nano_usd = min(nano_usd, 9000000000000000000 - excluded.nano_usd) + excluded.nano_usd,
            tokens_unmetered = tokens_unmetered + excluded.tokens_unmetered,
            cost_unmetered = cost_unmetered + excluded.cost_unmetered,
            unknown = unknown + excluded.unknown",
    )?;
    const MAX_SUM: i64 = 9_000_000_000_000_000_000;
    upsert.execute(params![
        account.key,
        account.from.0,
        account.until.0.saturating_add(KEPT_MS),
        stored(spent.tokens).min(MAX_SUM),
        stored(spent.cost_nano_usd).min(MAX_SUM),
        stored(spent.tokens_unmetered),
        stored(spent.cost_unmetered),
        stored(spent.unknown),
    ])?;
    Ok(())
}
