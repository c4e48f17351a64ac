//! What `$json`, `$('Node')` and the other expressions read, and what a node leaves.

use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("fields of set", fields_of_set),
    ("older sets keep the item", older_sets),
    ("raw set", raw_set),
    ("expressions", expressions),
    ("dates", dates),
    ("earlier nodes in a loop", earlier_nodes),
    ("null and undefined", nothing),
    ("item indexes", indexes),
    ("names with odd characters", odd_names),
    ("duplicated names", duplicated_names),
    ("execute once", execute_once),
    ("header and query", header_and_query),
    ("renamed keys", renamed),
];

/// What expressions give for the body `{n: 5, who: "Ann", list: [3, 1, 2], at: {"a b": [{c: 9}]}}`.
fn check(expected: &[(&str, Value)]) {
    let values: Vec<Value> = expected
        .iter()
        .enumerate()
        .map(|(at, (value, _))| json!({ "name": format!("v{at}"), "type": "any", "value": value }))
        .collect();
    let set = node("Set", "set", 3.4, json!({ "assignments": { "assignments": values } }));
    let file = file([hook(), set], "Hook > Set");
    let body = json!({ "n": 5, "who": "Ann", "list": [3, 1, 2], "at": { "a b": [{ "c": 9 }] } });
    let found = answer(&file, body);
    for (at, (value, expected)) in expected.iter().enumerate() {
        assert_eq!(found[0][format!("v{at}")], *expected, "{value}");
    }
}

fn fields_of_set() {
    let value =
        |name: &str, kind: &str, it: Value| json!({ "name": name, "type": kind, "value": it });
    let values = json!([
        value("a.b", "string", json!("x")),
        value("a.n", "number", json!("5")),
        value("yes", "boolean", json!("true")),
        value("list", "array", json!("[1, 2]")),
        value("computed", "array", json!("={{ $json.body.list }}")),
        value("object", "object", json!("={ \"who\": \"{{ $json.body.who }}\" }")),
    ]);
    let set = |more: Value| {
        let mut parameters = json!({ "assignments": { "assignments": values } });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let file = file(
            [hook(), set("Before", &[("kept", "k")]), node("Set", "set", 3.4, parameters)],
            "Hook > Before > Set",
        );
        answer(&file, json!({}))
    };
    let expected = json!({ "a": { "b": "x", "n": 5 }, "yes": true, "list": [1, 2],
        "computed": null, "object": { "who": "" } });
    let found = set(json!({}));
    assert_eq!(found[0]["a"], expected["a"]);
    assert_eq!(found[0]["list"], expected["list"]);
    assert_eq!(found[0]["kept"], Value::Null);
    assert_eq!(set(json!({ "includeOtherFields": true }))[0]["kept"], "k");
}

fn older_sets() {
    let values = json!({ "string": [{ "name": "a", "value": "={{ $json.kept }}!" }],
        "number": [{ "name": "n", "value": 2 }], "boolean": [{ "name": "yes", "value": true }] });
    let old = |parameters: Value| {
        let file = file(
            [hook(), set("Before", &[("kept", "k")]), node("Set", "set", 2.0, parameters)],
            "Hook > Before > Set",
        );
        answer(&file, json!({}))
    };
    let all = json!([{ "kept": "k", "a": "k!", "n": 2, "yes": true }]);
    assert_eq!(old(json!({ "values": values })), all);
    let only = json!([{ "a": "k!", "n": 2, "yes": true }]);
    assert_eq!(old(json!({ "values": values, "keepOnlySet": true })), only);
}

fn raw_set() {
    let raw = |json: &str| {
        let parameters = json!({ "mode": "raw", "jsonOutput": json });
        let file = file([hook(), node("Set", "set", 3.4, parameters)], "Hook > Set");
        answer(&file, json!({ "n": 5, "who": "A \"q\"" }))
    };
    assert_eq!(raw("{ \"a\": 1 }"), json!([{ "a": 1 }]));
    assert_eq!(
        raw("={ \"a\": {{ $json.body.n }}, \"b\": \"x {{ $json.body.n }}\" }"),
        json!([{ "a": 5, "b": "x 5" }])
    );
    assert_eq!(raw("={{ { a: $json.body.n + 1 } }}"), json!([{ "a": 6 }]));
    assert_eq!(raw("={{ JSON.stringify({ a: 1 }) }}"), json!([{ "a": 1 }]));
}

fn expressions() {
    check(&[
        ("={{ $json.body.n }}", json!(5)),
        ("={{ $json.body.n }} and {{ $json.body.who }}", json!("5 and Ann")),
        ("=no braces", json!("no braces")),
        ("plain {{ $json.body.n }}", json!("plain {{ $json.body.n }}")),
        ("={{ $json.body.at['a b'][0].c }}", json!(9)),
        ("={{ $json[\"body\"].at?.[\"a b\"]?.[0]?.c }}", json!(9)),
        ("={{ $json.body.n + 1 }}", json!(6)),
        ("={{ $json.body.n > 3 ? 'more' : 'less' }}", json!("more")),
        ("={{ $json.body.list.length }}", json!(3)),
        ("={{ $json.body.list.slice().sort().join('-') }}", json!("1-2-3")),
        ("={{ $json.body.list.map(x => x * 2) }}", json!([6, 2, 4])),
        ("={{ $json.body.who.toUpperCase() }}", json!("ANN")),
        ("={{ $json.body.who.toLowerCase() + '}}' }}", json!("ann}}")),
        ("={{ `${$json.body.who}!` }}", json!("Ann!")),
        ("={{ { a: $json.body.n } }}", json!({ "a": 5 })),
        ("={{ JSON.stringify($json.body.list) }}", json!("[3,1,2]")),
        ("={{ $('Hook').item.json.body.n }}", json!(5)),
        ("={{ $('Hook').first().json.body.n }}", json!(5)),
        ("={{ $('Hook').last().json.body.n }}", json!(5)),
        ("={{ $('Hook').all()[0].json.body.n }}", json!(5)),
        ("={{ $('Hook').all().length }}", json!(1)),
        ("={{ $node[\"Hook\"].json[\"body\"].n }}", json!(5)),
        ("={{ $node.Hook.json.body.n }}", json!(5)),
        ("={{ $items('Hook')[0].json.body.n }}", json!(5)),
        ("={{ $input.item.json.body.n }}", json!(5)),
        ("={{ $input.first().json.body.n }}", json!(5)),
        ("={{ $input.all().length }}", json!(1)),
        ("={{ true }}", json!(true)),
        ("={{ 3.5 }}", json!(3.5)),
        ("={{ 'a' }}", json!("a")),
        ("={{ null }}", Value::Null),
        ("={{ $json.body.list.first() }}", json!(3)),
        ("={{ $json.body.list.last() }}", json!(2)),
        ("={{ $json.body.list.sum() }}", json!(6)),
        ("={{ $json.body.who.isEmpty() }}", json!(false)),
        ("={{ '12.5'.toNumber() }}", json!(12.5)),
        ("={{ 'a b'.urlEncode() }}", json!("a%20b")),
        ("={{ $if($json.body.n > 3, 'yes', 'no') }}", json!("yes")),
        ("={{ $ifEmpty($json.body.none, 'other') }}", json!("other")),
        ("={{ $max(1, 7, 3) }}", json!(7)),
        ("={{ $workflow.name }}", json!("Trial")),
    ]);
}

fn dates() {
    check(&[
        ("={{ $now.toISO().slice(0, 19) }}", json!("2026-01-02T03:04:05")),
        ("={{ $now.toISODate() }}", json!("2026-01-02")),
        ("={{ $now.format('yyyy-MM-dd HH:mm') }}", json!("2026-01-02 03:04")),
        ("={{ $now.toFormat('dd.MM.yyyy') }}", json!("02.01.2026")),
        ("={{ $now.minus({ days: 2 }).toFormat('yyyy-LL-dd') }}", json!("2025-12-31")),
        ("={{ $now.plus(1, 'months').toISODate() }}", json!("2026-02-02")),
        ("={{ $today.toISODate() }}", json!("2026-01-02")),
        ("={{ $now.startOf('month').toISODate() }}", json!("2026-01-01")),
        ("={{ $now.weekday }}", json!(5)),
        (
            "={{ DateTime.fromISO('2026-03-01').plus({ days: 1 }).toISODate() }}",
            json!("2026-03-02"),
        ),
        ("={{ new Date('2026-03-01').getTime() }}", json!(1_772_323_200_000_i64)),
        ("={{ '2026-03-01'.toDateTime().toFormat('MMM d') }}", json!("Mar 1")),
        (
            "={{ DateTime.fromISO('2026-03-01').diff('2026-02-27'.toDateTime(), 'days').days }}",
            json!(2),
        ),
    ]);
}

fn earlier_nodes() {
    let file = file(
        [
            hook(),
            code("List", "return [{ json: { id: 1, k: 'a' } }, { json: { id: 2, k: 'b' } }]"),
            set("One", &[("id", "={{ $json.id }}")]),
            set(
                "Two",
                &[
                    ("item", "={{ $('List').item.json.k }}"),
                    ("first", "={{ $('List').first().json.k }}"),
                    ("last", "={{ $('List').last().json.k }}"),
                    ("count", "={{ $('List').all().length }}"),
                    ("one", "={{ $('One').item.json.id }}"),
                    ("own", "={{ $json.id }}"),
                    ("who", "={{ $('Hook').item.json.body.who }}"),
                ],
            ),
        ],
        "Hook > List > One > Two",
    );
    let row = |item: &str, id: i64| {
        json!({ "item": item, "first": "a", "last": "b", "count": 2, "one": id, "own": id,
            "who": "Ann" })
    };
    assert_eq!(answer(&file, json!({ "who": "Ann" })), json!([row("a", 1), row("b", 2)]));
}

fn nothing() {
    check(&[
        ("={{ $json.body.none }}", Value::Null),
        ("=a{{ $json.body.none }}b", json!("ab")),
        ("={{ $json.body.none.deeper }}", Value::Null),
        ("={{ $json.body.none ?? 'x' }}", json!("x")),
        ("={{ $json.body.none || $json.body.who }}", json!("Ann")),
        ("={{ $json.body.none.trim() }}", Value::Null),
        ("={{ undefined }}", Value::Null),
    ]);
}

fn indexes() {
    let file = file(
        [
            hook(),
            code("List", "return ['a', 'b'].map(k => ({ json: { k } }))"),
            set("Set", &[("at", "={{ $itemIndex }}"), ("next", "={{ $itemIndex + 1 }}")]),
        ],
        "Hook > List > Set",
    );
    let expected = json!([{ "at": 0, "next": 1 }, { "at": 1, "next": 2 }]);
    assert_eq!(answer(&file, json!({})), expected);
}

fn odd_names() {
    let name = "Wörk <a.b \"it\" {x} [0]";
    let read = format!("={{{{ $('{name}').item.json.a }}}}");
    let file = file(
        [
            hook(),
            set(name, &[("a", "1")]),
            set("api", &[("b", &read)]),
            set("loop", &[("c", "={{ $('api').item.json.b }}")]),
        ],
        &format!("Hook > {name} > api > loop"),
    );
    assert_eq!(answer(&file, json!({})), json!([{ "c": "1" }]));
}

/// Names are the keys of connections: the first of two nodes has them all.
fn duplicated_names() {
    let file = file([hook(), set("A", &[("a", "1")]), set("A", &[("a", "2")])], "Hook > A");
    assert_eq!(answer(&file, json!({})), json!([{ "a": "1" }]));
}

fn execute_once() {
    let once = with(set("Set", &[("k", "={{ $json.k }}")]), json!({ "executeOnce": true }));
    let file = file(
        [hook(), code("List", "return ['a', 'b'].map(k => ({ json: { k } }))"), once],
        "Hook > List > Set",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "k": "a" }]));
}

fn header_and_query() {
    let file = file(
        [
            hook(),
            set("Set", &[("q", "={{ $json.query.q }}"), ("h", "={{ $json.headers['x-a'] }}")]),
        ],
        "Hook > Set",
    );
    assert_eq!(answer(&file, json!({ "q": "1" })), json!([{ "q": "1", "h": null }]));
}

fn renamed() {
    let keys = json!({ "keys": { "key": [{ "currentKey": "a", "newKey": "b" }] } });
    let file = file(
        [hook(), set("A", &[("a", "1"), ("c", "2")]), node("Rename", "renameKeys", 1.0, keys)],
        "Hook > A > Rename",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "b": "1", "c": "2" }]));
}
