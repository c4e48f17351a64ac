use serde_json::json;

use super::*;

fn check(text: &str, expected: &str) {
    let outcome = match parse(text.as_bytes()) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(outcome, expected, "{text}");
}

#[test]
fn reads_what_serde_json_reads() {
    for text in [
        "null",
        " true ",
        "[]",
        "{}",
        "[1,2.5,-3,1e3,-0,0]",
        r#"{"b":1,"a":{"c":[null,false]}}"#,
        r#""\"\\\/\b\f\n\r\té😀\ud83d\ude00é""#,
        "18446744073709551615",
        "-9223372036854775808",
        "9007199254740993",
        "0.1",
        "1E-7",
        "\"\u{7f}\"",
    ] {
        let ours = parse(text.as_bytes()).unwrap();
        let theirs: Value = serde_json::from_str(text).unwrap();
        assert_eq!(ours, theirs, "{text}");
        assert_eq!(size(&ours), ours.to_string().len(), "{text}");
    }
}

#[test]
fn refuses_with_a_place() {
    check("", "expected a JSON value, found the end at line 1, column 1");
    check("{\n  \"a\": 1,\n  \"a\": 2}", "key \"a\" is given twice at line 3, column 3");
    check("[1,]", "expected a JSON value at line 1, column 4");
    check("{\"é\": tru}", "expected a JSON value at line 1, column 7");
    check("{'a':1}", "expected a key in double quotes at line 1, column 2");
    check("{\"a\":1,}", "expected a key in double quotes at line 1, column 8");
    check("1 2", "unexpected text after the value at line 1, column 3");
    check("\u{feff}1", "expected a JSON value at line 1, column 1");
    check("01", "a number cannot start with 0 at line 1, column 2");
    check("1.", "expected a digit at line 1, column 3");
    check("18446744073709551616", "number is out of range at line 1, column 1");
    check("-9223372036854775809", "number is out of range at line 1, column 1");
    check("1e999", "number is out of range at line 1, column 1");
    check("NaN", "expected a JSON value at line 1, column 1");
    check(r#""\ud83d""#, "half of a surrogate pair in a string at line 1, column 8");
    check("\"a\nb\"", "control character in a string at line 1, column 3");
    check(r#""\u12"#, "unfinished escape in a string at line 1, column 4");
    check(r#""\"#, "unknown escape in a string at line 1, column 3");
    check("\"abc", "string is not closed at line 1, column 5");
    assert_eq!(parse(b"[\"\xff\"]").unwrap_err().reason, JsonReason::NotUtf8);
}

#[test]
fn bounds_depth_and_count() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64).as_bytes()).is_ok());
    assert_eq!(parse(nested(65).as_bytes()).unwrap_err().reason, JsonReason::TooDeep);
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(parse(list(MAX_VALUES - 1).as_bytes()).is_ok());
    assert_eq!(parse(list(MAX_VALUES).as_bytes()).unwrap_err().reason, JsonReason::TooManyValues);
}

#[test]
fn size_counts_escapes_and_numbers() {
    for value in [
        json!("a\"\\\n\u{1}é"),
        json!([1.5, -20, 1e300, u64::MAX]),
        json!({"k\t": {}, "x": [[], [null]]}),
    ] {
        assert_eq!(size(&value), value.to_string().len(), "{value}");
    }
}

#[test]
fn places_are_pointers() {
    let text = "{\n \"a/b\": [1, {\"c\": 2}]}";
    let (_, places) = parse_with_places(text).unwrap();
    let found: Vec<_> = places
        .iter()
        .map(|(pointer, at)| (pointer.as_str(), line_and_column(text, at.start)))
        .collect();
    assert_eq!(
        found,
        [
            ("", (1, 1)),
            ("/a~1b", (2, 9)),
            ("/a~1b/0", (2, 10)),
            ("/a~1b/1", (2, 13)),
            ("/a~1b/1/c", (2, 19))
        ]
    );
}
