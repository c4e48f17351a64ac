//! What a run may spend on priced calls.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Usage;
use crate::compile::fields::Fields;
use crate::field::{FieldSpec, FieldType};
use crate::kind::NodeError;

const MAX_COST_USD: f64 = 1e6;
const MAX_TOKENS: u64 = 1_000_000_000_000;

pub(crate) const COST: FieldSpec = FieldSpec::new(
    "max_cost_usd",
    FieldType::Number(0.0, MAX_COST_USD),
    "US dollars; a call whose price is not known is then refused",
)
.any_of(&["max_cost_usd", "max_tokens"]);
pub(crate) const TOKENS: FieldSpec = FieldSpec::new(
    "max_tokens",
    FieldType::Integer(0, MAX_TOKENS),
    "tokens, in and out, of all models",
)
.any_of(&["max_cost_usd", "max_tokens"]);
pub(crate) const FIELDS: &[FieldSpec] = &[COST, TOKENS];

/// Code of a priced call that was refused.
pub const BUDGET_EXHAUSTED: &str = "budget_exhausted";

/// Checked before each priced call: at most the calls in flight are spent beyond it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendingLimit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl SpendingLimit {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self { cost_nano_usd: fields.number(&COST).map(nano_usd), tokens: fields.integer(&TOKENS) }
    }

    /// Reads the same from a request. `Err` names the field that is wrong.
    pub fn parse(value: &Value) -> Result<Self, (String, String)> {
        let wrong = |name: &str, message: String| Err((name.to_owned(), message));
        let Value::Object(object) = value else {
            return wrong("", "must be an object with max_cost_usd, max_tokens or both".to_owned());
        };
        for (name, value) in object {
            let Some(spec) = FIELDS.iter().find(|spec| spec.name == *name) else {
                return wrong(name, "is not a limit".to_owned());
            };
            if let Some(misfit) = spec.field_type.misfit(value) {
                return wrong(name, misfit);
            }
        }
        Ok(Self {
            cost_nano_usd: object.get("max_cost_usd").and_then(Value::as_f64).map(nano_usd),
            tokens: object.get("max_tokens").and_then(Value::as_u64),
        })
    }

    /// The smaller of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let smaller = |left: Option<u64>, right: Option<u64>| left.into_iter().chain(right).min();
        Self {
            cost_nano_usd: smaller(self.cost_nano_usd, other.cost_nano_usd),
            tokens: smaller(self.tokens, other.tokens),
        }
    }

    /// Returns why nothing more may be spent.
    pub(super) fn refusal(&self, used: Usage) -> Option<NodeError> {
        let refused = |message: String| Some(NodeError::new(BUDGET_EXHAUSTED, message));
        match (self.cost_nano_usd, used.cost_nano_usd) {
            (Some(_), None) => {
                return refused(
                    "the run has a budget, and what it has cost is not known".to_owned(),
                );
            }
            (Some(most), Some(cost)) if cost >= most => {
                let (cost, most) = (crate::cost::dollars(cost), crate::cost::dollars(most));
                return refused(format!("the run has cost ${cost}, its budget is ${most}"));
            }
            _ => {}
        }
        match (self.tokens, used.tokens) {
            (Some(_), None) => {
                refused("the run has a budget, and the tokens it has used are not known".to_owned())
            }
            (Some(most), Some(tokens)) if tokens >= most => {
                refused(format!("the run has used {tokens} tokens, its budget is {most}"))
            }
            _ => None,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the field's bounds are far below 2^63 nano-dollars"
)]
fn nano_usd(dollars: f64) -> u64 {
    (dollars * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smaller_limit_counts() {
        let limit = |cost, tokens| SpendingLimit { cost_nano_usd: cost, tokens };
        assert_eq!(limit(Some(2), None).and(limit(Some(1), Some(5))), limit(Some(1), Some(5)));
        assert!(limit(None, None).is_none());
    }

    #[test]
    fn what_is_used_is_compared_and_unknown_is_refused() {
        let limit = SpendingLimit { cost_nano_usd: Some(10), tokens: Some(10) };
        let used = |tokens, cost_nano_usd| Usage { tokens, cost_nano_usd, ..Usage::UNKNOWN };
        assert_eq!(limit.refusal(used(Some(9), Some(9))), None);
        for refused in [
            used(Some(10), Some(0)),
            used(Some(0), Some(10)),
            used(None, Some(0)),
            used(Some(0), None),
        ] {
            assert_eq!(limit.refusal(refused).unwrap().code, BUDGET_EXHAUSTED, "{refused:?}");
        }
        let none = SpendingLimit::default();
        assert_eq!(none.refusal(Usage::UNKNOWN), None);
    }

    #[test]
    fn a_request_names_what_is_wrong() {
        let parsed = SpendingLimit::parse(&json!({ "max_cost_usd": 0.5 })).unwrap();
        assert_eq!(parsed.cost_nano_usd, Some(500_000_000));
        for (value, name) in [
            (json!(1), ""),
            (json!({ "max_cost": 1 }), "max_cost"),
            (json!({ "max_cost_usd": -1 }), "max_cost_usd"),
            (json!({ "max_tokens": 1.5 }), "max_tokens"),
        ] {
            assert_eq!(SpendingLimit::parse(&value).unwrap_err().0, name, "{value}");
        }
    }
}
