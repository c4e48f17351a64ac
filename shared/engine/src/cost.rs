//! Money as answers show it.

use serde_json::{Number, Value};

/// Converts nano-dollars to dollars. Whole dollars have no fraction: a zero cost is `0`.
pub fn dollars(nano_usd: u64) -> Value {
    const NANO: u64 = 1_000_000_000;
    if nano_usd.is_multiple_of(NANO) {
        return Value::from(nano_usd / NANO);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a cost beyond 2^53 nano-dollars is nine million dollars"
    )]
    let dollars = nano_usd as f64 / 1e9;
    Number::from_f64(dollars).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_dollars_have_no_fraction() {
        let shown = |nano| dollars(nano).to_string();
        assert_eq!(
            [shown(0), shown(450_000), shown(1_500_000_000), shown(2_000_000_000)],
            ["0", "0.00045", "1.5", "2"]
        );
    }
}
