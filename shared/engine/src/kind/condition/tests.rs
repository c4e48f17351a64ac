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
}

#[test]
fn a_number_is_a_number_in_arithmetic() {
    for test in [
        "<api.input.n> * 1.5 == 10.5",
        "1.5 * <api.input.n> == 10.5",
        "<api.input.n> / 2 == 3.5",
        "<api.input.n> / 7 == 1",
        "<api.input.n> + 0.5 == 7.5",
        "0.5 - <api.input.n> == -6.5",
        "<api.input.n> % 2 == 1",
        "7.5 % 2 == 1.5",
        "7 * 1.5 == 10.5",
        "7 / 2 == 3.5",
        "-7 / 2 == -3.5",
        "2u * 3 == 6 && 7u / 2 == 3.5",
        "size([1, 2]) * 1.5 == 3.0",
        "[1, 2].map(x, x * 1.5) == [1.5, 3.0]",
        "9223372036854775807 + 1 == 9223372036854775808u",
        "9007199254740993 - 1 == 9007199254740992 && 9007199254740993 != 9007199254740992",
        "<api.input.big> - 1 < <api.input.big>",
        "<api.input.big> * 4 > 1.0e19",
        "[1] + [2] == [1, 2] && 'a' + 'b' == 'ab'",
    ] {
        check(test, json!({"n": 7, "big": u64::MAX}), "yes");
        check(test, json!({"n": 7.0, "big": u64::MAX}), "yes");
    }
    for test in ["<api.input.n> / 0 > 1", "<api.input.n> / 0.0 > 1", "<api.input.n> % 0 == 1"] {
        check(test, json!({"n": 7}), "condition_error");
    }
}

/// What a run started before computes, after a deploy too.
#[test]
fn earlier_rules_compute_as_they_did() {
    let code = |engine, test: &str| {
        let document = Document::parse(&yaml(test)).unwrap();
        let workflow = Arc::new(Workflow::compile(&document).0.unwrap());
        let mut run = crate::run::tests::start_with(&workflow, json!({"n": 7}), engine);
        crate::run::tests::drive(&mut run, |_, _| unreachable!());
        match run.outcome() {
            Some(crate::Outcome::Succeeded { output }) => output["branch"].to_string(),
            Some(crate::Outcome::Failed { error, .. }) => error.code.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(2, "<api.input.n> / 2 == 3"), "\"yes\"");
    assert_eq!(code(3, "<api.input.n> / 2 == 3"), "\"no\"");
    assert_eq!(code(2, "<api.input.n> * 1.5 > 1.0"), "condition_error");
}

#[test]
fn what_is_null_is_said_to_be_null() {
    let message = |test: &str, input: Value| error(&yaml(test), input).message;
    let input = json!({"a": 1, "b": null});
    for test in ["<api.input.b> > 1", "<api.input.a> + <api.input.b> > 1", "-<api.input.b> > 1"] {
        let message = message(test, input.clone());
        assert!(
            message.ends_with(
                "<api.input.b> is null; test it first, as in `<api.input.b> != null && …`"
            ),
            "{message}"
        );
    }
    let both = message("<api.input.x> < <api.input[\"y z\"]>", json!({}));
    assert!(both.contains("<api.input.x>, <api.input[\"y z\"]> is null"), "{both}");
    let other = message("<api.input.a> > 'x' || <api.input.b> == 1", input);
    assert!(!other.contains("is null"), "{other}");
}

#[test]
fn no_message_shows_our_names() {
    for test in
        ["<api.input.n> <api.input.n>", "(<api.input.n>", "<api.input.n>.f(", "f(<api.input.n>"]
    {
        assert!(!refused(test).contains("__ref"), "{}", refused(test));
    }
    for test in [
        "<api.input.n>.a.b",
        "<api.input.n>['x']",
        "<api.input.n>5 == 1",
        "int(<api.input.n>) == 1",
    ] {
        let document = Document::parse(&yaml(test)).unwrap();
        let (workflow, problems) = Workflow::compile(&document);
        assert!(!format!("{problems:?}").contains("__ref"), "{problems:?}");
        if workflow.is_some() {
            let message = error(&yaml(test), json!({"n": "x"})).message;
            assert!(!message.contains("__ref"), "{message}");
        }
    }
}

#[test]
fn names_and_types_are_checked_at_publish() {
    let check = |test: &str, expected: &[&str]| {
        let agent = "{ id: x, type: agent, model: offline/echo, prompt: x }";
        let test = json!(test);
        let text = format!(
            "input: [{{ name: n, type: number }}, {{ name: s }}, {{ name: o, type: object, \
             default: null }}]\n\
             nodes: [{agent}, {{ id: c, type: condition, branches: [{{ name: a, if: {test} }}] }}]"
        );
        let (_, problems) = Workflow::compile(&Document::parse(&text).unwrap());
        let shown = problems
            .iter()
            .map(|problem| format!("{:.1} {}", format!("{:?}", problem.severity), problem.message));
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{test}");
    };
    for test in [
        "<x.content> == 'a' && <x.tokens>.total > 100 && <x.tokens.total> > 1.5",
        "<x.cost> != null && <x.cost> > 0.1",
        "<api.n> * 2 > 3 && <api.s>.startsWith('x') && <api.o>.k == 1 && 1 in <x.tool_calls>",
        "<x.tool_calls>.exists(call, call.name == 'f') && size(<x.content>) < 5",
        "type(<api.n>) == int || has(<api.o>.k) || optional.of(1).hasValue()",
        "(<api.n> > 1 ? 'a' : 'b') == 'a' && {'k': 1}.k == 1",
    ] {
        check(test, &[]);
    }
    check("<x.tokens> > 100", &["E <x.tokens> is an object, which `>` cannot compare"]);
    check("<x.tokens> * 2 > 100", &["E <x.tokens> is an object, where `*` takes a number"]);
    check("<x.content> > 100", &["E `>` cannot compare <x.content> (text) with 100 (a number)"]);
    check("<x.content> + 1 == 'x1'", &["E `+` cannot add <x.content> (text) and 1 (a number)"]);
    check("<api.s> == 1", &["W `==` is always false here: <api.s> is text, 1 is a number"]);
    check("<api.n>.total > 1", &["E <api.n> is a number and has no field `total`"]);
    check("<api.n>.matches('x')", &["E <api.n> is a number, where `matches` takes text"]);
    check("<api.s>.all(x, true)", &["E <api.s> is text and no list"]);
    check("1 in <api.s>", &["E <api.s> is text and no list"]);
    check("<api.n> && true", &["E <api.n> is a number, where `&&` takes true or false"]);
    check("<api.n>", &["E a condition gives true or false, this one a number"]);
    check("<api.n> > null", &["E null is null, which `>` cannot compare"]);
    check(
        "<x.cost> > 0.1",
        &["W <x.cost> may be null, and then `>` fails: write `<x.cost> != null && …`"],
    );
    check("strat(<api.s>) == 1", &["E there is no function `strat`"]);
    check("<api.s>.contain('x')", &["E there is no function `contain`; did you mean `contains`?"]);
    check(
        "yes == <api.s>",
        &["E `yes` names nothing here: a value is read by a reference, such as <node.field>, and \
           a text stands in quotes"],
    );
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
    check("<api.input.s>.matches(<api.input.s>)", json!({"s": "("}), "condition_error");
}

#[test]
fn values_are_never_spliced() {
    check("<api.input.s> == 'x'", json!({"s": "' || true || '"}), "no");
    check("<api.input.s> == '__ref0'", json!({"s": "__ref0"}), "yes");
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
