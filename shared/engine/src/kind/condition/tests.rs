use crate::run::tests::{error, output};
use crate::{Document, Workflow};

use super::*;

fn yaml(test: &str) -> String {
    format!(
        "nodes: [{{ id: c, type: condition, branches: [{{ name: \"yes\", if: {} }}, {{ name: \
         \"no\" }}] }}]",
        json!(test)
    )
}

/// Which branch is taken, or the code the node fails with.
fn check(test: &str, input: Value, expected: &str) {
    let document = yaml(test);
    let taken = match expected {
        "yes" | "no" => output(&document, input)["branch"].as_str().unwrap().to_owned(),
        _ => error(&document, input).code,
    };
    assert_eq!(taken, expected, "{test}");
}

fn refused(test: &str) -> String {
    let (workflow, problems) = Workflow::compile(&Document::parse(&yaml(test)).unwrap());
    assert!(workflow.is_none(), "{test}");
    problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn numbers_compare_across_kinds() {
    for test in [
        "<api.input.n> > 100",
        "<api.input.n> >= 100.5",
        "<api.input.n> == 101.0",
        "<api.input.n> * 2 == 202",
        "100.9 < <api.input.n>",
        "<api.input.n> != 3",
    ] {
        check(test, json!({"n": 101}), "yes");
        check(test, json!({"n": 101.0}), "yes");
    }
    check("<api.input.n> > 1", json!({"n": 1.5}), "yes");
    check("<api.input.n> > 1", json!({"n": u64::MAX}), "yes");
    check("double(<api.input.n>) * 1.5 > 1.0", json!({"n": 1}), "yes");
    check("<api.input.n> * 1.5 > 1.0", json!({"n": 1}), "condition_error");
}

#[test]
fn values_of_all_kinds_are_read() {
    let input =
        json!({"s": "héllo", "l": [1, {"k": "v"}], "o": {"a": {"b": true}}, "t": true, "z": null});
    for test in [
        "<api.input.s> == 'héllo' && size(<api.input.s>) == 5",
        "<api.input.s>.startsWith('hé')",
        "<api.input.s>.matches('^h.*o$')",
        "<api.input.l>[1].k == 'v'",
        "<api.input.l[1].k> == 'v'",
        "1 in <api.input.l>",
        "<api.input.o>.a.b",
        "<api.input.t>",
        "<api.input.z> == null",
        "<api.input.missing> == null",
        "has(<api.input.o>.a) && !has(<api.input.o>.z)",
        "<api.input.l>.exists(x, x == 1)",
        "<api.input.l>.map(x, x).size() == 2",
        "'a' + 'b' == 'ab'",
    ] {
        check(test, input.clone(), "yes");
    }
}

#[test]
fn failures_have_codes() {
    check("<api.input.n>", json!({"n": 1}), "condition_type");
    check("<api.input.n> > 1", json!({}), "condition_error");
    check("1 / <api.input.n> == 1", json!({"n": 0}), "condition_error");
    check("<api.input.n> + 1 > 0", json!({"n": i64::MAX}), "condition_error");
    check("unknown == 1", json!({}), "condition_error");
    check("<api.input.s>.matches(<api.input.s>)", json!({"s": "("}), "condition_error");
}

#[test]
fn values_are_never_spliced() {
    check("<api.input.s> == 'x'", json!({"s": "' || true || '"}), "no");
    check("__ref0 == 1 || <api.input.s> == 'x'", json!({"s": "x"}), "yes");
}

#[test]
fn bad_expressions_are_problems() {
    assert!(refused("1 +").contains("not a CEL expression"));
    assert!(refused("{{KEY}} == 1").contains("{{KEY}} cannot be used here"));
    assert!(refused(&"1".repeat(2_001)).contains("at most 2000 characters"));
    assert!(refused("[1].all(a, [1].all(b, [1].all(c, true)))").contains("at most two"));
    assert!(refused("['x'].map(a, a + a).map(b, b + b) == []").contains("`+` cannot stand"));
    assert!(refused("<api.input.l>.all(x, x.matches('a'))").contains("`matches` cannot stand"));
}

#[test]
fn small_items_are_not_free() {
    let many = vec![0; 30_000];
    check(
        "<api.input.a>.all(x, <api.input.b>.all(y, x == y))",
        json!({"a": many, "b": many}),
        "condition_too_costly",
    );
    check(
        "<api.input.a>.all(x, <api.input.a>.all(y, x == y))",
        json!({"a": vec![0; 1_000]}),
        "yes",
    );
}

#[test]
fn branches_are_checked() {
    let document = "nodes: [{ id: c, type: condition, branches: [{ name: a }, { name: error, if: \
                    'true' }, { name: a, if: 'true', iff: 1 }, 3] }]";
    let (_, problems) = Workflow::compile(&Document::parse(document).unwrap());
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "a branch is an object with `name` and `if`",
            "only the last branch may be without `if`",
            "a branch cannot be called `error`: that is where a failed node goes on",
            "there are two branches called `a`",
            "unknown field `iff`; did you mean `if`?"
        ]
    );
}

mod random {
    use proptest::prelude::*;

    use super::*;

    const WORDS: [&str; 44] = [
        "<api.input.n>",
        "<api.input.s>",
        "<api.input.l>",
        "<api.input.o>",
        "1",
        "0",
        "-1",
        "9223372036854775807",
        "1u",
        "1.5",
        "'é'",
        "b'a'",
        "''",
        "null",
        "true",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        ".",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        ">=",
        "in",
        "&&",
        "||",
        "!",
        "size",
        "matches",
        "all",
        "x",
        "int",
        "string",
        "double",
    ];

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 100,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn conditions_never_panic(words in prop::collection::vec(
            prop::sample::select(&WORDS[..]),
            1..14
        )) {
            let (workflow, _) = Workflow::compile(
                &Document::parse(&yaml(&words.join(" "))).unwrap()
            );
            if let Some(workflow) = workflow {
                let mut run = crate::run::tests::start(&workflow.into(), json!({
                    "n": i64::MIN, "s": "ü(", "l": [[], 1.5, null], "o": {"x": 1}
                }));
                crate::run::tests::drive(&mut run, |_, _| unreachable!());
            }
        }

        #[test]
        fn operations_never_panic(
            left in 0..15usize, operator in 25..36usize, right in 0..15usize,
            call in prop::sample::select(
                &["size", "int", "string", "double", "uint", "bytes", "type"][..]
            )
        ) {
            for test in [
                format!("{} {} {}", WORDS[left], WORDS[operator], WORDS[right]),
                format!("{call}({}) == {}", WORDS[left], WORDS[right]),
                format!("{}.{call}({})", WORDS[left], WORDS[right]),
                format!("{}[{}]", WORDS[left], WORDS[right])
            ] {
                let (workflow, _) = Workflow::compile(&Document::parse(&yaml(&test)).unwrap());
                if let Some(workflow) = workflow {
                    let mut run = crate::run::tests::start(
                        &workflow.into(),
                        json!({"n": i64::MIN, "s": "ü(", "l": [[], 1.5, null], "o": {"x": 1}})
                    );
                    crate::run::tests::drive(&mut run, |_, _| unreachable!());
                }
            }
        }
    }
}

#[test]
fn hostile_conditions_end() {
    let list: Vec<u32> = (0..90_000).collect();
    check(
        "<api.input.l>.all(x, <api.input.l>.exists(y, y == x))",
        json!({ "l": list }),
        "condition_too_costly",
    );
    for text in [
        "1+".repeat(900) + "1 > 0",
        "!".repeat(1_900) + "true",
        "[".repeat(900) + &"]".repeat(900),
        "(".repeat(900) + &")".repeat(900),
        "true?".repeat(300) + "true" + &":true".repeat(300),
        "a".to_owned() + &".b".repeat(900),
        "-".repeat(1_900) + "1 > 0",
        "true||".repeat(300) + "true",
        "f(".repeat(900),
    ] {
        let (workflow, _) = Workflow::compile(&Document::parse(&yaml(&text)).unwrap());
        if let Some(workflow) = workflow {
            let mut run = crate::run::tests::start(&workflow.into(), json!({}));
            crate::run::tests::drive(&mut run, |_, _| unreachable!());
        }
    }
}
