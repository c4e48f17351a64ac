//! What a run uses of models: tokens and money.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::Price;

/// What a run, or one attempt of a call, used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// `None` once any attempt of a priced call did not say its tokens.
    pub tokens: Option<u64>,
    /// `None` once any attempt of a priced call had no known price.
    pub cost_nano_usd: Option<u64>,
    /// Of `tokens`. `None` as there, and in runs of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

impl Usage {
    pub const UNKNOWN: Self =
        Self { tokens: None, cost_nano_usd: None, input_tokens: None, output_tokens: None };

    /// Of a call that says its sum of tokens, and, if `left` has them, those in and out.
    pub(crate) fn of_call(
        tokens: Option<u64>,
        cost_nano_usd: Option<u64>,
        left: Option<&Value>,
    ) -> Self {
        let apart = left.and_then(|left| left.get("tokens"));
        let count = |name: &str| apart.and_then(|apart| apart.get(name)?.as_u64());
        let zero = tokens.filter(|tokens| *tokens == 0);
        // What is embedded has only an input.
        let embedded = left.is_some_and(|left| left.get("vectors").is_some());
        let (input, output) = if embedded { (tokens, Some(0)) } else { (None, None) };
        Self {
            tokens,
            cost_nano_usd,
            input_tokens: count("input").or(input).or(zero),
            output_tokens: count("output").or(output).or(zero),
        }
    }

    pub(super) fn add(&mut self, price: Price, more: Self) {
        let sum = |sum: Option<u64>, more: Option<u64>| match (price, more) {
            (Price::Priced, None) => None,
            (_, more) => sum.map(|sum| sum.saturating_add(more.unwrap_or(0))),
        };
        self.tokens = sum(self.tokens, more.tokens);
        self.cost_nano_usd = sum(self.cost_nano_usd, more.cost_nano_usd);
        self.input_tokens = sum(self.input_tokens, more.input_tokens);
        self.output_tokens = sum(self.output_tokens, more.output_tokens);
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            tokens: Some(0),
            cost_nano_usd: Some(0),
            input_tokens: Some(0),
            output_tokens: Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_kept_apart_where_a_call_says_them() {
        let apart = |tokens, left: Value| {
            let usage = Usage::of_call(tokens, None, Some(&left));
            (usage.input_tokens, usage.output_tokens)
        };
        let model = json!({ "tokens": { "input": 3, "output": 2 } });
        assert_eq!(apart(Some(5), model), (Some(3), Some(2)));
        assert_eq!(apart(Some(5), json!({ "vectors": [], "tokens": 5 })), (Some(5), Some(0)));
        assert_eq!(apart(Some(5), json!({ "tokens": 5 })), (None, None));
        assert_eq!(apart(Some(0), json!({})), (Some(0), Some(0)));
    }

    #[test]
    fn a_sum_is_unknown_once_a_part_of_it_is() {
        let part = |input_tokens| Usage { input_tokens, ..Usage::UNKNOWN };
        let mut sum = Usage::default();
        sum.add(Price::Priced, part(Some(3)));
        sum.add(Price::Free, part(None));
        assert_eq!(sum.input_tokens, Some(3));
        sum.add(Price::Priced, part(None));
        sum.add(Price::Priced, part(Some(3)));
        assert_eq!(sum.input_tokens, None);
    }

    #[test]
    fn what_an_earlier_release_stored_is_read() {
        let stored = json!({ "tokens": 5, "cost_nano_usd": null });
        let usage: Usage = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(usage, Usage { tokens: Some(5), ..Usage::UNKNOWN });
        assert_eq!(serde_json::to_value(usage).unwrap(), stored);
    }
}
