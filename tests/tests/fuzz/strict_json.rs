//! Strict JSON, against a second parser: the same values, and refusals only where a limit says so.

use flowgate_engine::json::{JsonReason, MAX_DEPTH, MAX_VALUES, parse, size};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value;

use crate::budget::fuzz;
use crate::words::{changed, changes, odd_text};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        odd_text(4).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((odd_text(2), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn json_that_is_right() {
    fuzz("json_that_is_right", &value(), |value| {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let read = parse(text.as_bytes());
            prop_assert_eq!(read.as_ref().ok(), Some(&value), "{}", text);
        }
        prop_assert_eq!(size(&value), value.to_string().len());
        Ok(())
    });
}

#[test]
fn json_that_was_right() {
    fuzz("json_that_was_right", &(value(), changes()), |(value, changes)| {
        check(changed(&value.to_string(), &changes).as_bytes())
    });
}

#[test]
fn json_of_any_bytes() {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        odd_text(30).prop_map(String::into_bytes),
        "[\\[\\]{}\",:0-9eE.+\\- truefalsn]{0,60}".prop_map(String::into_bytes),
    ];
    fuzz("json_of_any_bytes", &bytes, |bytes| check(&bytes));
}

/// Depth, count and keys around their limits.
#[test]
fn json_at_its_limits() {
    let shape = (0..200_usize, 0..60_000_usize, 0..3_usize, any::<bool>());
    fuzz("json_at_its_limits", &shape, |(depth, extra, twice, objects)| {
        let (open, close) = if objects { ("{\"a\":", "}") } else { ("[", "]") };
        let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), depth <= MAX_DEPTH);

        let count = MAX_VALUES - 30_000 + extra;
        let text = format!("[{}1]", "1,".repeat(count - 2));
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), count <= MAX_VALUES, "{} values", count);

        let fields = (0..5 + twice).map(|n| format!("\"k{}\":{n}", n % 5)).collect::<Vec<_>>();
        let read = parse(format!("{{{}}}", fields.join(",")).as_bytes());
        prop_assert_eq!(read.is_ok(), twice == 0);
        Ok(())
    });
}

/// What both parsers accept is equal. What only serde_json accepts, a limit of ours refuses. What
/// only we accept does not exist.
fn check(text: &[u8]) -> TestCaseResult {
    // A byte order mark before the value is ours to accept or to refuse.
    let bare = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let theirs = serde_json::from_slice::<Value>(bare);
    match (parse(text), theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
        (Ok(ours), Err(error)) => prop_assert!(false, "{ours}: {error}"),
        (Err(refused), Ok(theirs)) => {
            let why = &refused.reason;
            let is_limit = match why {
                JsonReason::TooDeep => depth(&theirs) > MAX_DEPTH,
                JsonReason::TooManyValues => true,
                JsonReason::DuplicateKey(_) => is_shorter(text, &theirs),
                JsonReason::NumberOutOfRange => text.len() > 19,
                JsonReason::NotUtf8 | JsonReason::Syntax(_) => bare.len() < text.len(),
            };
            prop_assert!(is_limit, "{refused}: {theirs}");
            prop_assert!(refused.line >= 1 && refused.column >= 1);
        }
        (Err(refused), Err(_)) => {
            let lines = u32::try_from(text.split(|byte| *byte == b'\n').count()).unwrap();
            prop_assert!((1..=lines).contains(&refused.line) && refused.column >= 1, "{refused}");
        }
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or_default()
}

/// A key that was given twice is gone from the value.
fn is_shorter(text: &[u8], value: &Value) -> bool {
    let quotes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b':').count();
    quotes(text) > quotes(value.to_string().as_bytes())
}
