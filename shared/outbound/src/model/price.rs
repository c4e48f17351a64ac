//! What tokens cost, in nano-USD, from a committed table. A model outside the table has no cost.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::reply::Usage;

/// Trimmed from genai-prices. The file states its licence and explains its rows.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("prices.json")).expect("a test reads the committed table")
});

/// Returns what the provider says, else what the table says. `None` if neither does: never guesses.
pub(super) fn cost(provider: &str, model: &str, usage: &Usage) -> Option<u64> {
    if usage.reported_nano_usd.is_some() {
        return usage.reported_nano_usd;
    }
    row(provider, model)?.cost(usage)
}

/// Whether the cost of a whole answer will be known.
pub(super) fn is_known(provider: &str, model: &str) -> bool {
    // OpenRouter says what an answer costs.
    provider == "openrouter" || row(provider, model).is_some()
}

fn row(provider: &str, model: &str) -> Option<&'static Row> {
    let provider = if provider == "google" { "gemini" } else { provider };
    let model = model.to_lowercase();
    let rows = TABLE.providers.get(provider)?;
    rows.iter().find(|row| row.matches.iter().any(|pattern| matches(pattern, &model)))
}

#[derive(Deserialize)]
struct Table {
    providers: HashMap<String, Vec<Row>>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "match")]
    matches: Vec<String>,
    input: Price,
    output: Price,
    cache_read: Option<Price>,
    cache_write: Option<Price>,
}

/// Nano-USD per million tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Price {
    Flat(u64),
    /// The base price, then `[input tokens, price]`: beyond that many, the whole request has that
    /// price.
    Tiers(u64, Vec<(u64, u64)>),
}

impl Row {
    fn cost(&self, usage: &Usage) -> Option<u64> {
        let (input, output) = (usage.input?, usage.output?);
        // Input counts include cached tokens. Without a price of their own they cost the input
        // price.
        let cached = |tokens: u64, price: &Option<Price>| if price.is_some() { tokens } else { 0 };
        let read = cached(usage.cached, &self.cache_read).min(input);
        let written = cached(usage.cache_written, &self.cache_write).min(input - read);

        let part = |tokens: u64, price: &Price| u128::from(tokens) * u128::from(price.at(input));
        let optional = |tokens: u64, price: &Option<Price>| {
            price.as_ref().map_or(0, |price| part(tokens, price))
        };
        let total = part(input - read - written, &self.input)
            + part(output, &self.output)
            + optional(read, &self.cache_read)
            + optional(written, &self.cache_write);
        u64::try_from(total / 1_000_000).ok()
    }
}

impl Price {
    fn at(&self, input_tokens: u64) -> u64 {
        match self {
            Self::Flat(price) => *price,
            Self::Tiers(first, tiers) => tiers
                .iter()
                .rev()
                .find(|(from, _)| input_tokens > *from)
                .map_or(*first, |(_, price)| *price),
        }
    }
}

fn matches(pattern: &str, model: &str) -> bool {
    let (kind, text) = pattern.split_at(1);
    match kind {
        "=" => model == text,
        "^" => model.starts_with(text),
        "$" => model.ends_with(text),
        "~" => model.contains(text),
        _ => model.strip_prefix(text).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_date),
    }
}

/// `20251001` or `2025-10-01`.
fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 8
        && (text.len() == 8
            || (text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(provider: &str, model: &str, input: u64, cached: u64, output: u64) -> Option<u64> {
        let usage = Usage { input: Some(input), output: Some(output), cached, ..Usage::default() };
        cost(provider, model, &usage)
    }

    #[test]
    fn tokens_cost_what_the_table_says() {
        // $0.25, $0.025 and $2 per million.
        assert_eq!(check("openai", "gpt-5-mini", 1_000, 0, 100), Some(250_000 + 200_000));
        assert_eq!(
            check("openai", "gpt-5-mini", 1_000, 400, 100),
            Some(150_000 + 10_000 + 200_000)
        );
        // $3 and $15; beyond 200,000 tokens $6 and $22.50.
        assert_eq!(
            check("anthropic", "claude-sonnet-4-5-20250929", 200_000, 0, 10),
            Some(600_000_000 + 150_000)
        );
        assert_eq!(
            check("anthropic", "claude-sonnet-4-5", 300_000, 0, 10),
            Some(1_800_000_000 + 225_000)
        );
        assert!(check("google", "gemini-2.5-pro", 10, 0, 10).is_some());
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(check("openai", "gpt-of-tomorrow", 1_000, 0, 100), None);
        assert_eq!(check("mine", "gpt-5-mini", 1_000, 0, 100), None);
        assert_eq!(cost("openai", "gpt-5-mini", &Usage::default()), None);
    }

    #[test]
    fn patterns() {
        assert!(
            matches("#claude-x", "claude-x-20250101")
                && matches("#claude-x", "claude-x-2025-01-01")
        );
        assert!(
            !matches("#claude-x", "claude-x-2025") && !matches("#claude-x", "claude-x20250101")
        );
        assert!(
            matches("$mini", "gpt-mini")
                && matches("~t-m", "gpt-mini")
                && matches("^gpt", "gpt-mini")
                && !matches("=gpt", "gpt-mini")
        );
    }
}
