//! Code nodes.

use flowgate_engine::Outcome;
use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("code over all items", over_all),
    ("code for each item", for_each),
    ("what code may return", returned),
    ("older functions", older),
    ("other nodes in code", other_nodes),
    ("code that throws", throws),
    ("code in Python", python),
];

/// What code over the items `{n: 1}`, `{n: 2}` leaves.
fn check(js: &str, expected: Value) {
    let list = code("List", "return [1, 2].map(n => ({ json: { n } }))");
    let file = file([hook(), list, code("Code", js)], "Hook > List > Code");
    assert_eq!(answer(&file, json!({})), expected, "{js}");
}

fn over_all() {
    check("return $input.all()", json!([{ "n": 1 }, { "n": 2 }]));
    check(
        "return items.map(i => ({ json: { m: i.json.n + 1 } }))",
        json!([{ "m": 2 }, { "m": 3 }]),
    );
    check(
        "for (const item of $input.all()) { item.json.x = 1; }\nreturn $input.all();",
        json!([{ "n": 1, "x": 1 }, { "n": 2, "x": 1 }]),
    );
    check("return [{ json: { n: $input.first().json.n } }]", json!([{ "n": 1 }]));
    check("return { json: { last: $input.last().json.n } }", json!([{ "last": 2 }]));
    check("return { sum: $input.all().length }", json!([{ "sum": 2 }]));
    check(
        "const list = [];\nfor (let i = 0; i < 3; i++) list.push({ json: { i } });\nreturn list;",
        json!([{ "i": 0 }, { "i": 1 }, { "i": 2 }]),
    );
    check("return [{ a: 1 }, { a: 2 }]", json!([{ "a": 1 }, { "a": 2 }]));
    check("const f = async () => 5;\nreturn [{ json: { f: await f() } }]", json!([{ "f": 5 }]));
    check(
        "// if (a<b.c && d>e) <loop.item>\nreturn [{ json: { t: '<loop.item> {{X}}' } }]",
        json!([{ "t": "<loop.item> {{X}}" }]),
    );
    check(
        "return [{ json: { now: $now.toISODate(), ms: Date.now() } }]",
        json!([{ "now": "2026-01-02", "ms": 1_767_323_045_000_i64 }]),
    );
}

fn for_each() {
    let each = |js: &str| {
        let list = code("List", "return [1, 2].map(n => ({ json: { n } }))");
        let parameters = json!({ "mode": "runOnceForEachItem", "jsCode": js });
        let file =
            file([hook(), list, node("Code", "code", 2.0, parameters)], "Hook > List > Code");
        answer(&file, json!({}))
    };
    assert_eq!(each("return { json: { m: $json.n * 2 } }"), json!([{ "m": 2 }, { "m": 4 }]));
    assert_eq!(each("return { m: $input.item.json.n }"), json!([{ "m": 1 }, { "m": 2 }]));
    assert_eq!(
        each("$input.item.json.x = 1;\nreturn $input.item;"),
        json!([{ "n": 1, "x": 1 }, { "n": 2, "x": 1 }])
    );
    assert_eq!(each("return { json: { at: $itemIndex } }"), json!([{ "at": 0 }, { "at": 1 }]));
    assert_eq!(each("if ($json.n === 1) return null;\nreturn $input.item;"), json!([{ "n": 2 }]));
}

fn returned() {
    let one = |js: &str| {
        let file = file(
            [hook(), code("Code", js), set("Set", &[("a", "={{ $json.a }}")])],
            "Hook > Code > Set",
        );
        answer(&file, json!({ "x": 3 }))
    };
    assert_eq!(one("return [{ json: { a: 1 } }]"), json!([{ "a": 1 }]));
    assert_eq!(one("return { a: 1 }"), json!([{ "a": 1 }]));
    assert_eq!(one("const out = { a: $json.body.x };\nreturn out;"), json!([{ "a": 3 }]));
    assert_eq!(one("return [1, 2].map(a => ({ json: { a } }))"), json!([{ "a": 1 }, { "a": 2 }]));
    assert_eq!(
        one("return $input.all().map(i => ({ json: { a: i.json.body.x } }))"),
        json!([{ "a": 3 }])
    );
    assert_eq!(one("return items"), json!([{ "a": null }]));
}

fn older() {
    let run = |kind: &str, js: &str| {
        let list = code("List", "return [1, 2].map(n => ({ json: { n } }))");
        let old = node("Old", kind, 1.0, json!({ "functionCode": js }));
        answer(&file([hook(), list, old], "Hook > List > Old"), json!({}))
    };
    assert_eq!(
        run("function", "items[0].json.x = 1;\nreturn items;"),
        json!([{ "n": 1, "x": 1 }, { "n": 2 }])
    );
    assert_eq!(
        run("functionItem", "item.x = item.n;\nreturn item;"),
        json!([{ "n": 1, "x": 1 }, { "n": 2, "x": 2 }])
    );
}

fn other_nodes() {
    let js = "return [{ json: {
        all: $('List').all().length, first: $('List').first().json.n, last: $('List').last().json.n,
        old: $node['List'].json.n, items: $items('List').length,
        hook: $('Hook').first().json.body.x,
    } }]";
    let file = file(
        [
            hook(),
            code("List", "return [1, 2].map(n => ({ json: { n } }))"),
            set("One", &[("a", "1")]),
            code("Code", js),
        ],
        "Hook > List > One > Code",
    );
    let expected = json!([{ "all": 2, "first": 1, "last": 2, "old": 1, "items": 2, "hook": 3 }]);
    assert_eq!(answer(&file, json!({ "x": 3 })), expected);
}

fn throws() {
    let file = file([hook(), code("Code", "throw new Error('no ' + $json.body.x)")], "Hook > Code");
    let outcome = run(&file, json!({ "x": 3 }), &mut |place, _| panic!("{place}"));
    let Outcome::Failed { error, .. } = outcome else { panic!("{outcome:?}") };
    assert!(error.message.contains("no 3"), "{error:?}");
    assert_eq!(error.node.as_deref(), Some("Code"));
}

fn python() {
    let parameters = json!({ "language": "python",
        "pythonCode": "out = []\nfor item in items:\n    \
                       out.append({'json': {'m': item['json']['n'] + 1}})\nreturn out" });
    let file = file(
        [
            hook(),
            code("List", "return [1, 2].map(n => ({ json: { n } }))"),
            node("Code", "code", 2.0, parameters),
        ],
        "Hook > List > Code",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "m": 2 }, { "m": 3 }]));
}
