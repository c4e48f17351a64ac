//! What keys have spent of their budgets: one item for each period, and a mark in the run's
//! partition for each call that is in it.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::budget::{Account, Budgets, Spending, Spent};
use flowgate_core::hash::hex;
use sha2::{Digest, Sha256};

use crate::Aws;
use crate::item::{Item, Key, added, run_partition, seconds};
use crate::write::Write;

/// A period's item is kept this long after its end.
const KEPT: Duration = Duration::from_secs(24 * 3600);

#[async_trait]
impl Budgets for Aws {
    /// In a transaction with the mark, so that a repeated request adds nothing.
    async fn spend(&self, account: &Account, spending: Spending) -> Result<()> {
        let mark = Item::new(mark_key(&spending)).with("expires_at", self.parts_expire_at());
        let spent = spending.spent;
        let add = Write::update(
            account_key(account),
            "SET #expires_at = :expires_at ADD #tokens :tokens, #nano_usd :nano_usd, \
             #tokens_unmetered :tokens_unmetered, #cost_unmetered :cost_unmetered, #unknown \
             :unknown",
        )
        .bind(":expires_at", seconds(account.until + KEPT))
        .bind(":tokens", added(spent.tokens))
        .bind(":nano_usd", added(spent.cost_nano_usd))
        .bind(":tokens_unmetered", added(spent.tokens_unmetered))
        .bind(":cost_unmetered", added(spent.cost_unmetered))
        .bind(":unknown", added(spent.unknown));
        // Refused: it was counted before.
        self.table().write_all(&[Write::put(mark).if_absent(), add]).await?;
        Ok(())
    }

    async fn spent(&self, account: &Account) -> Result<Spent> {
        let Some(item) = self.table().get(account_key(account), None).await? else {
            return Ok(Spent::default());
        };
        let sum = |name| item.find_sum(name);
        Ok(Spent {
            tokens: sum("tokens")?,
            cost_nano_usd: sum("nano_usd")?,
            tokens_unmetered: sum("tokens_unmetered")?,
            cost_unmetered: sum("cost_unmetered")?,
            unknown: sum("unknown")?,
        })
    }
}

fn account_key(account: &Account) -> Key {
    Key::new(format!("LIMIT#{}", account.key), format!("SPENT#{:020}", account.from.millis()))
}

fn mark_key(spending: &Spending) -> Key {
    let hash = hex(&Sha256::digest(&spending.call));
    Key::new(run_partition(&spending.run), format!("SP#{hash}"))
}
