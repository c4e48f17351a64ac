//! A key's budget, and the port that counts what the key's runs have spent of it.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::SpendingLimit;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::time::Timestamp;

/// What all runs of a key may spend together on priced calls in each period. Checked before each
/// call, counted after it: at most the calls in flight are spent beyond it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyBudget {
    #[serde(flatten)]
    pub limit: SpendingLimit,
    pub per: Period,
    /// The key whose spending counts: that of the first, for a key that follows it by rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A period in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    Month,
}

const DAY_MS: i64 = 24 * 3600 * 1000;
/// When a time is beyond the calendar.
const ALWAYS: (Timestamp, Timestamp) = (Timestamp(0), Timestamp(i64::MAX));

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Day, Self::Month].into_iter().find(|period| period.as_str() == text)
    }

    /// Returns the start of the period at `now`, and that of the next.
    pub fn around(self, now: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            Self::Day => {
                let start = now.millis().div_euclid(DAY_MS) * DAY_MS;
                (Timestamp(start), Timestamp(start.saturating_add(DAY_MS)))
            }
            Self::Month => month_around(now).unwrap_or(ALWAYS),
        }
    }
}

fn month_around(now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let now = jiff::Timestamp::from_millisecond(now.millis()).ok()?;
    let first = Offset::UTC.to_datetime(now).date().first_of_month();
    let next = first.last_of_month().tomorrow().ok()?;
    let start_of = |date: jiff::civil::Date| {
        let start = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Timestamp(start.as_millisecond()))
    };
    Some((start_of(first)?, start_of(next)?))
}

/// What was spent in one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub tokens: u64,
    pub cost_nano_usd: u64,
    /// Calls that succeeded, but did not say their tokens.
    pub tokens_unmetered: u64,
    /// Calls that succeeded, but whose cost is not known.
    pub cost_unmetered: u64,
    /// Calls that failed, or were dropped, and did not say what they had used until then: what is
    /// estimated of them is in the sums.
    pub unknown: u64,
}

impl KeyBudget {
    /// Returns why nothing more may be spent.
    pub fn refusal(&self, spent: Spent) -> Option<String> {
        let per = self.per.as_str();
        let unmetered = |limit: Option<u64>, calls| limit.is_some() && calls > 0;
        if unmetered(self.limit.cost_nano_usd, spent.cost_unmetered)
            || unmetered(self.limit.tokens, spent.tokens_unmetered)
        {
            return Some(format!(
                "the key has a budget, and what it has spent this {per} is not known"
            ));
        }
        if let Some(most) = self.limit.cost_nano_usd.filter(|most| spent.cost_nano_usd >= *most) {
            let (spent, most) = (dollars(spent.cost_nano_usd), dollars(most));
            return Some(format!("the key has spent ${spent} this {per}, its budget is ${most}"));
        }
        let most = self.limit.tokens.filter(|most| spent.tokens >= *most)?;
        let tokens = spent.tokens;
        Some(format!("the key has used {tokens} tokens this {per}, its budget is {most}"))
    }

    /// Returns the account of the key, in the period at `now`.
    pub fn account(&self, key_id: &str, now: Timestamp) -> Account {
        let (from, until) = self.per.around(now);
        Account { key: self.account.as_deref().unwrap_or(key_id).to_owned(), from, until }
    }

    /// Returns the budget of a key that follows this one's.
    #[must_use]
    pub fn inherited(&self, from_key: &str) -> Self {
        let account = self.account.clone().unwrap_or_else(|| from_key.to_owned());
        Self { account: Some(account), ..self.clone() }
    }
}

fn dollars(nano_usd: u64) -> serde_json::Value {
    flowgate_engine::cost::dollars(nano_usd)
}

/// One period of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub key: String,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What one call has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    pub run: RunId,
    /// Names one attempt of a call by one owner of the run.
    pub call: String,
    pub spent: Spent,
}

#[async_trait]
pub trait Budgets: Send + Sync {
    /// Adds what the call has used, once for each call of a run.
    async fn spend(&self, account: &Account, spending: Spending) -> Result<()>;
    /// Sees every write completed before the call.
    async fn spent(&self, account: &Account) -> Result<Spent>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_and_months_in_utc() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        for (period, now, from, until) in [
            (
                Period::Day,
                "2026-02-28T23:59:59.999Z",
                "2026-02-28T00:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (Period::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            (Period::Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Month, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(period.around(at(now)), (at(from), at(until)), "{now}");
        }
        assert_eq!(Period::Month.around(Timestamp(i64::MAX)), ALWAYS);
    }

    #[test]
    fn what_is_spent_is_compared_and_what_is_unknown_refuses() {
        let limit = SpendingLimit { cost_nano_usd: Some(500_000_000), tokens: Some(100) };
        let budget = KeyBudget { limit, per: Period::Day, account: None };
        let spent = |cost_nano_usd, tokens| Spent { cost_nano_usd, tokens, ..Spent::default() };
        assert_eq!(budget.refusal(spent(499_999_999, 99)), None);
        assert!(budget.refusal(spent(500_000_000, 0)).unwrap().contains("$0.5 this day"));
        assert!(budget.refusal(spent(0, 100)).unwrap().contains("100 tokens"));
        let unmetered = Spent { cost_unmetered: 1, ..Spent::default() };
        assert!(budget.refusal(unmetered).is_some());
        let of_tokens = SpendingLimit { cost_nano_usd: None, tokens: Some(100) };
        let of_tokens = KeyBudget { limit: of_tokens, ..budget.clone() };
        assert_eq!(of_tokens.refusal(unmetered), None);
        assert_eq!(budget.refusal(Spent { unknown: 1, ..Spent::default() }), None);
    }

    #[test]
    fn a_key_that_follows_another_shares_its_account() {
        let budget = KeyBudget { limit: SpendingLimit::default(), per: Period::Day, account: None };
        let next = budget.inherited("first");
        assert_eq!(next.account("second", Timestamp(0)).key, "first");
        assert_eq!(next.inherited("second").account("third", Timestamp(0)).key, "first");
    }
}
