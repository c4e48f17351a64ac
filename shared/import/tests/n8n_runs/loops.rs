//! Nodes that run once for each item, loops over items, and circles.

use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("a request for each item", request_for_each),
    ("branches for each item", branches_for_each),
    ("loop over items", loop_over_items),
    ("loop over batches", loop_over_batches),
    ("older loop over items", older_loop),
    ("loop whose body maps", body_maps),
    ("loop in a loop", loop_in_loop),
    ("polling", polling),
    ("pages by hand", pages),
    ("after a loop", after_a_loop),
    ("list in a list", list_in_list),
    ("wait in a loop", wait_in_loop),
];

fn list(values: &str) -> Value {
    code("List", &format!("return [{values}].map(n => ({{ json: {{ n }} }}))"))
}

fn get(name: &str, url: &str) -> Value {
    node(name, "httpRequest", 4.2, json!({ "url": url }))
}

/// A server that answers with the number at the end of the URL, times ten.
fn tenfold(_: &str, call: &flowgate_engine::Call) -> flowgate_engine::CallResult {
    let call = serde_json::to_value(&call.action).unwrap();
    let url = call["url"].as_str().unwrap();
    let n: i64 = url.rsplit('/').next().unwrap().parse().unwrap();
    answered(json!({ "ten": n * 10 }))
}

fn request_for_each() {
    let file = file(
        [
            hook(),
            list("1, 2, 3"),
            get("Get", "=https://example.com/{{ $json.n }}"),
            set("Set", &[("n", "={{ $('List').item.json.n }}"), ("ten", "={{ $json.ten }}")]),
        ],
        "Hook > List > Get > Set",
    );
    let expected = json!([{ "n": 1, "ten": 10 }, { "n": 2, "ten": 20 }, { "n": 3, "ten": 30 }]);
    assert_eq!(answer_with(&file, json!({}), &mut tenfold), expected);
}

fn branches_for_each() {
    let file = file(
        [
            hook(),
            list("1, 2, 3, 4"),
            node("If", "if", 2.2, when("={{ $json.n }}", "number", "gt", json!(2))),
            set("More", &[("is", "=more {{ $json.n }}")]),
            set("Less", &[("is", "=less {{ $json.n }}")]),
            node("Merge", "merge", 3.0, json!({})),
        ],
        "Hook > List > If > More > Merge; If.1 > Less > Merge.1",
    );
    let is = |text: &str| json!({ "is": text });
    let expected = json!([is("more 3"), is("more 4"), is("less 1"), is("less 2")]);
    assert_eq!(answer(&file, json!({})), expected);
}

fn loop_over_items() {
    let file = file(
        [
            hook(),
            list("1, 2, 3"),
            node("Loop", "splitInBatches", 3.0, json!({})),
            get("Get", "=https://example.com/{{ $json.n }}"),
            node("All", "aggregate", 1.0, json!({ "aggregate": "aggregateAllItemData" })),
        ],
        "Hook > List > Loop > All; Loop.1 > Get > Loop",
    );
    let expected = json!([{ "data": [{ "ten": 10 }, { "ten": 20 }, { "ten": 30 }] }]);
    assert_eq!(answer_with(&file, json!({}), &mut tenfold), expected);
}

fn loop_over_batches() {
    let file = file(
        [
            hook(),
            list("1, 2, 3"),
            node("Loop", "splitInBatches", 3.0, json!({ "batchSize": 2 })),
            code(
                "Sum",
                "return [{ json: { sum: $input.all().reduce((s, i) => s + i.json.n, 0) } }]",
            ),
        ],
        "Hook > List > Loop; Loop.1 > Sum > Loop",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "sum": 3 }, { "sum": 3 }]));
}

fn older_loop() {
    let file = file(
        [
            hook(),
            list("1, 2"),
            node("Loop", "splitInBatches", 2.0, json!({ "batchSize": 1 })),
            set("Set", &[("twice", "={{ $json.n * 2 }}")]),
            node("Done", "noOp", 1.0, json!({})),
        ],
        "Hook > List > Loop > Set > Loop; Loop.1 > Done",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "twice": 2 }, { "twice": 4 }]));
}

fn body_maps() {
    let file = file(
        [
            hook(),
            list("1, 2"),
            node("Loop", "splitInBatches", 3.0, json!({})),
            code("Two", "return [1, 2].map(k => ({ json: { k, n: $json.n } }))"),
            set("Set", &[("of", "={{ $json.n }}-{{ $json.k }}")]),
        ],
        "Hook > List > Loop; Loop.1 > Two > Set > Loop",
    );
    let expected = json!([{ "of": "1-1" }, { "of": "1-2" }, { "of": "2-1" }, { "of": "2-2" }]);
    assert_eq!(answer(&file, json!({})), expected);
}

fn loop_in_loop() {
    let file = file(
        [
            hook(),
            list("1, 2"),
            node("Outer", "splitInBatches", 3.0, json!({})),
            code("Two", "return ['a', 'b'].map(k => ({ json: { k } }))"),
            node("Inner", "splitInBatches", 3.0, json!({})),
            set("Set", &[("of", "={{ $('Outer').item.json.n }}{{ $json.k }}")]),
            node("All", "aggregate", 1.0, json!({ "aggregate": "aggregateAllItemData" })),
        ],
        "Hook > List > Outer; Outer.1 > Two > Inner > All > Outer; Inner.1 > Set > Inner",
    );
    let expected = json!([
        { "data": [{ "of": "1a" }, { "of": "1b" }] },
        { "data": [{ "of": "2a" }, { "of": "2b" }] },
    ]);
    assert_eq!(answer(&file, json!({})), expected);
}

fn polling() {
    let file = file(
        [
            hook(),
            set("Job", &[("id", "={{ $json.body.id }}")]),
            node("Wait", "wait", 1.1, json!({ "amount": 1 })),
            get("Look", "=https://example.com/{{ $('Job').item.json.id }}"),
            node("Ready", "if", 2.2, when("={{ $json.state }}", "string", "equals", json!("done"))),
            set("End", &[("state", "={{ $json.state }}"), ("looks", "={{ $json.looks }}")]),
        ],
        "Hook > Job > Wait > Look > Ready > End; Ready.1 > Wait",
    );
    let mut looks = 0;
    let said = answer_with(&file, json!({ "id": 7 }), &mut |_, _| {
        looks += 1;
        answered(json!({ "state": if looks < 3 { "busy" } else { "done" }, "looks": looks }))
    });
    assert_eq!((said, looks), (json!([{ "state": "done", "looks": 3 }]), 3));
}

/// Each round reads the page that the one before names.
fn pages() {
    let file = file(
        [
            hook(),
            set("Start", &[("next", "1")]),
            get("Get", "=https://example.com/{{ $json.next }}"),
            node("More", "if", 2.2, when("={{ $json.next }}", "string", "notEmpty", json!(""))),
            set("End", &[("last", "={{ $json.page }}")]),
        ],
        "Hook > Start > Get > More > Get; More.1 > End",
    );
    let said = answer_with(&file, json!({}), &mut |_, call| {
        let call = serde_json::to_value(&call.action).unwrap();
        let page: i64 = call["url"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        let next = if page < 3 { (page + 1).to_string() } else { String::new() };
        answered(json!({ "page": page, "next": next }))
    });
    assert_eq!(said, json!([{ "last": 3 }]));
}

fn after_a_loop() {
    let file = file(
        [
            hook(),
            list("1, 2"),
            node("Loop", "splitInBatches", 3.0, json!({})),
            set("Set", &[("twice", "={{ $json.n * 2 }}")]),
            set(
                "Each",
                &[("t", "={{ $json.twice }}"), ("who", "={{ $('Hook').first().json.body.who }}")],
            ),
        ],
        "Hook > List > Loop > Each; Loop.1 > Set > Loop",
    );
    let expected = json!([{ "t": 2, "who": "Ann" }, { "t": 4, "who": "Ann" }]);
    assert_eq!(answer(&file, json!({ "who": "Ann" })), expected);
}

/// A list that is split again gives one flat list.
fn list_in_list() {
    let file = file(
        [
            hook(),
            code("List", "return [{ json: { k: 'a', n: [1, 2] } }, { json: { k: 'b', n: [3] } }]"),
            set("Same", &[("n", "={{ $json.n }}")]),
            node("Split", "splitOut", 1.0, json!({ "fieldToSplitOut": "n" })),
            set("Set", &[("x", "={{ $json.n * 10 }}")]),
        ],
        "Hook > List > Same > Split > Set",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "x": 10 }, { "x": 20 }, { "x": 30 }]));
}

fn wait_in_loop() {
    let file = file(
        [
            hook(),
            list("1, 2"),
            node("Loop", "splitInBatches", 3.0, json!({})),
            set("Set", &[("twice", "={{ $json.n * 2 }}")]),
            node("Wait", "wait", 1.1, json!({ "amount": 1 })),
        ],
        "Hook > List > Loop; Loop.1 > Set > Wait > Loop",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "twice": 2 }, { "twice": 4 }]));
}
