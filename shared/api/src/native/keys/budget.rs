//! A key's budget: as it is asked for, and with what was spent of it.

use flowgate_app::budget::{self, Account, Period, Spent};
use flowgate_engine::SpendingLimit;
use flowgate_engine::cost::dollars;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::fields::Fields;
use crate::http::time::Time;

/// What all runs of the key together may spend in each period on calls that cost money. A call past
/// it fails as `budget_exhausted`; at most the calls in flight are spent beyond it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct NewKeyBudget {
    /// US dollars. A call whose price is not known is then refused.
    #[schema(minimum = 0, maximum = 1_000_000)]
    max_cost_usd: Option<f64>,
    /// Tokens, in and out, of all models.
    #[schema(minimum = 0)]
    max_tokens: Option<u64>,
    per: BudgetPeriod,
}

/// A day or a month, in UTC.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BudgetPeriod {
    Day,
    Month,
}

/// What all runs of a key together may spend, and have spent.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyBudget {
    #[schema(required, value_type = Option<f64>)]
    max_cost_usd: Value,
    #[schema(required)]
    max_tokens: Option<u64>,
    per: BudgetPeriod,
    /// In this period. A list of keys leaves it out.
    #[schema(required = false, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<KeySpending>,
}

/// What the runs of a key have spent in this period.
#[derive(Serialize, ToSchema)]
struct KeySpending {
    cost_nano_usd: u64,
    tokens: u64,
    /// Calls that succeeded without saying what they had used. With one, a limit on what is not
    /// known refuses further calls until the next period.
    unmetered_calls: u64,
    /// Calls that failed without saying what they had used; they count as nothing.
    unknown_calls: u64,
    /// What is left of `max_cost_usd`.
    #[schema(required)]
    left_nano_usd: Option<u64>,
    /// What is left of `max_tokens`.
    #[schema(required)]
    left_tokens: Option<u64>,
    /// When the next period begins.
    resets_at: Time,
}

impl NewKeyBudget {
    /// Reports every wrong field.
    pub(super) fn read(fields: &mut Fields) -> budget::KeyBudget {
        let per = fields.require("per", Fields::take_string);
        let parsed = per.as_deref().and_then(Period::parse);
        if per.is_some() && parsed.is_none() {
            fields.problem("per", "must be day or month");
        }
        let mut limit = SpendingLimit::default();
        for name in ["max_cost_usd", "max_tokens"] {
            let Some(value) = fields.take(name).filter(|value| !value.is_null()) else { continue };
            match SpendingLimit::parse(&Value::Object(Map::from_iter([(name.to_owned(), value)]))) {
                Ok(read) => limit = limit.and(read),
                Err((_, message)) => {
                    fields.problem(name, message);
                    // Not to be missed as well.
                    limit.tokens.get_or_insert(0);
                }
            }
        }
        if limit.is_none() {
            fields.problem("max_cost_usd", "is required, or max_tokens");
        }
        budget::KeyBudget { limit, per: parsed.unwrap_or(Period::Day), account: None }
    }
}

impl KeyBudget {
    pub(super) fn new(budget: &budget::KeyBudget, spent: Option<(&Account, Spent)>) -> Self {
        let limit = budget.limit;
        Self {
            max_cost_usd: limit.cost_nano_usd.map_or(Value::Null, dollars),
            max_tokens: limit.tokens,
            per: match budget.per {
                Period::Day => BudgetPeriod::Day,
                Period::Month => BudgetPeriod::Month,
            },
            spent: spent.map(|(account, spent)| KeySpending {
                cost_nano_usd: spent.cost_nano_usd,
                tokens: spent.tokens,
                unmetered_calls: spent.tokens_unmetered.max(spent.cost_unmetered),
                unknown_calls: spent.unknown,
                left_nano_usd: left(limit.cost_nano_usd, spent.cost_nano_usd),
                left_tokens: left(limit.tokens, spent.tokens),
                resets_at: account.until.into(),
            }),
        }
    }
}

impl From<&budget::KeyBudget> for KeyBudget {
    fn from(budget: &budget::KeyBudget) -> Self {
        Self::new(budget, None)
    }
}

fn left(most: Option<u64>, spent: u64) -> Option<u64> {
    most.map(|most| most.saturating_sub(spent))
}
