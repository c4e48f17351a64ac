//! What the runs of a key may spend together.

use flowgate_core::budget::{Account, KeyBudget, Spending, Spent};
use flowgate_core::key::{KeyRecord, Scope};
use flowgate_core::run::RunHead;

use crate::access::Caller;
use crate::error::{Error, Result, What};

use crate::platform::App;

/// A key, and what was spent of its budget.
pub struct KeyState {
    pub record: KeyRecord,
    /// `None` for a key without a budget.
    pub spent: Option<(Account, Spent)>,
}

impl App {
    /// Returns the budget of the run's key, with its account now.
    pub async fn key_budget(&self, head: &RunHead) -> anyhow::Result<Option<(KeyBudget, Account)>> {
        let Some(id) = &head.key_id else { return Ok(None) };
        let key = self.cached_key(id).await?;
        let budget = key.and_then(|key| key.budget.clone());
        Ok(budget.map(|budget| {
            let account = budget.account(id, self.now());
            (budget, account)
        }))
    }

    pub async fn spent(&self, account: &Account) -> anyhow::Result<Spent> {
        self.ports.budgets.spent(account).await
    }

    /// Counts a call that has ended. Repeating it counts nothing more.
    pub async fn spend(&self, account: &Account, spending: Spending) -> anyhow::Result<()> {
        self.ports.budgets.spend(account, spending).await
    }

    pub async fn read_key(&self, caller: &Caller, id: &str) -> Result<KeyState> {
        caller.require_platform(Scope::Admin)?;
        let key = self.ports.keys.read(id).await?.ok_or(Error::NotFound(What::Key))?;
        self.key_state(key).await
    }

    /// Returns the caller's own key; `None` for the operator's credential.
    pub async fn own_key(&self, caller: &Caller) -> Result<Option<KeyState>> {
        let Some(id) = caller.key_id() else { return Ok(None) };
        let key = self.ports.keys.read(id).await?.ok_or(Error::NotFound(What::Key))?;
        self.key_state(key).await.map(Some)
    }

    async fn key_state(&self, record: KeyRecord) -> Result<KeyState> {
        let account = record.budget.as_ref().map(|budget| budget.account(&record.id, self.now()));
        let spent = match account {
            Some(account) => {
                let spent = self.spent(&account).await?;
                Some((account, spent))
            }
            None => None,
        };
        Ok(KeyState { record, spent })
    }
}
