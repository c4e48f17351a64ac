//! Sim's conversions of inputs: what a field takes besides values of its own type.

use serde_json::{Number, Value};

use super::InputType;
use crate::json;

/// Integers up to here are exact as floats.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the value as the field's type. `None`: it stays as it is, and may be refused for that.
pub(super) fn coerced(kind: InputType, value: &Value) -> Option<Value> {
    match kind {
        InputType::String => text_of(value).map(Value::String),
        InputType::Number => number_of(value).map(Value::Number),
        InputType::Boolean => boolean_of(value).map(Value::Bool),
        InputType::Object | InputType::Array => {
            let parsed = json::parse(value.as_str()?.as_bytes()).ok();
            parsed.filter(|parsed| kind.accepts(parsed))
        }
        InputType::File => None,
    }
}

/// JavaScript's `String()` of a number or boolean.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(text_of_float),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text_of_float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// JavaScript's `Number()` of text or a boolean, except that integers stay exact.
fn number_of(value: &Value) -> Option<Number> {
    match value {
        Value::Bool(value) => Some(u8::from(*value).into()),
        Value::String(text) => number_in(text.trim()),
        _ => None,
    }
}

fn number_in(text: &str) -> Option<Number> {
    if text.is_empty() {
        return Some(0.into());
    }
    if let Some((radix, digits)) = radix_of(text) {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return u64::from_str_radix(digits, radix).ok().filter(|_| is_plain).map(Into::into);
    }
    // Rust would also read `inf` and `nan`.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(integer.into());
    }
    let number: f64 = text.parse().ok()?;
    if number.fract() == 0.0 && number.abs() < MAX_EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within 53 bits")]
        return Some((number as i64).into());
    }
    Number::from_f64(number)
}

fn radix_of(text: &str) -> Option<(u32, &str)> {
    [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| {
        let (head, digits) = text.split_at_checked(2)?;
        head.eq_ignore_ascii_case(prefix).then_some((radix, digits))
    })
}

fn boolean_of(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: InputType, sent: Value, expected: Option<Value>) {
        assert_eq!(coerced(kind, &sent), expected, "{kind} of {sent}");
    }

    #[test]
    fn numbers_and_booleans_become_text_as_in_javascript() {
        for (sent, expected) in [
            (json!(7), "7"),
            (json!(1.5), "1.5"),
            (json!(1.0), "1"),
            (json!(-0.0), "0"),
            (json!(1e21), "1e+21"),
            (json!(1.5e300), "1.5e+300"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e-7), "1e-7"),
            (json!(0.000_001), "0.000001"),
            (json!(9_007_199_254_740_993_u64), "9007199254740993"),
            (json!(true), "true"),
        ] {
            check(InputType::String, sent, Some(json!(expected)));
        }
        for sent in [json!({}), json!([1]), json!(null), json!("x")] {
            check(InputType::String, sent, None);
        }
    }

    #[test]
    fn text_becomes_a_number_as_in_javascript() {
        for (sent, expected) in [
            ("3", json!(3)),
            (" -4 ", json!(-4)),
            ("+5", json!(5)),
            ("1.50", json!(1.5)),
            (".5", json!(0.5)),
            ("5.", json!(5)),
            ("1e3", json!(1000)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("", json!(0)),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            check(InputType::Number, json!(sent), Some(expected));
        }
        for sent in ["three", "3a", "1,5", "inf", "NaN", "Infinity", "1e400", "0x", "0x+1", "--1"] {
            check(InputType::Number, json!(sent), None);
        }
        check(InputType::Number, json!(true), Some(json!(1)));
    }

    #[test]
    fn only_four_texts_and_two_numbers_are_booleans() {
        for sent in [json!("true"), json!("1"), json!(1), json!(1.0)] {
            check(InputType::Boolean, sent, Some(json!(true)));
        }
        for sent in [json!("false"), json!("0"), json!(0)] {
            check(InputType::Boolean, sent, Some(json!(false)));
        }
        for sent in [json!("TRUE"), json!("yes"), json!(2), json!("")] {
            check(InputType::Boolean, sent, None);
        }
    }

    #[test]
    fn text_of_json_becomes_an_object_or_an_array() {
        check(InputType::Object, json!("{\"a\": 1}"), Some(json!({ "a": 1 })));
        check(InputType::Array, json!(" [2] "), Some(json!([2])));
        check(InputType::Object, json!("[1]"), None);
        check(InputType::Array, json!("{"), None);
        check(InputType::File, json!("{}"), None);
    }
}
