//! Nodes that work on the whole list of their items.

use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("split out", split_out),
    ("aggregate", aggregate),
    ("sort", sort),
    ("limit", limit),
    ("remove duplicates", remove_duplicates),
    ("filter", filter),
    ("summarize", summarize),
    ("item lists", item_lists),
    ("merge of lists", merge_of_lists),
    ("an empty list ends its branch", empty_list),
    ("lists one after the other", chained),
];

const LIST: &str = "return [
  { json: { id: 1, k: 'b', n: 10, tags: ['x', 'y'], at: { c: 1 } } },
  { json: { id: 2, k: 'a', n: 2, tags: ['z'], at: { c: 2 } } },
  { json: { id: 3, k: 'b', n: 10, tags: [], at: { c: 1 } } },
]";

/// What a node leaves of the list.
fn check(kind: &str, version: f64, parameters: Value, expected: Value) {
    let nodes = [hook(), code("List", LIST), node("Tool", kind, version, parameters.clone())];
    let file = file(nodes, "Hook > List > Tool");
    assert_eq!(answer(&file, json!({})), expected, "{kind} {parameters}");
}

/// The ids of the items that a node leaves.
fn ids(kind: &str, version: f64, parameters: Value, expected: Value) {
    let id = set("Id", &[("id", "={{ $json.id }}")]);
    let nodes = [hook(), code("List", LIST), node("Tool", kind, version, parameters.clone()), id];
    let file = file(nodes, "Hook > List > Tool > Id");
    let found = answer(&file, json!({}));
    let found: Value = found.as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(found, expected, "{kind} {parameters}");
}

fn split_out() {
    let tags = |more: Value| {
        let mut parameters = json!({ "fieldToSplitOut": "tags" });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let plain = json!([{ "tags": "x" }, { "tags": "y" }, { "tags": "z" }]);
    check("splitOut", 1.0, tags(json!({})), plain);
    let renamed = json!([{ "tag": "x" }, { "tag": "y" }, { "tag": "z" }]);
    let options = json!({ "options": { "destinationFieldName": "tag" } });
    check("splitOut", 1.0, tags(options), renamed);
    let kept =
        json!([{ "tags": "x", "id": 1 }, { "tags": "y", "id": 1 }, { "tags": "z", "id": 2 }]);
    let selected = json!({ "include": "selectedOtherFields", "fieldsToInclude": "id" });
    check("splitOut", 1.0, tags(selected), kept);
    let nested = file(
        [
            hook(),
            node("Split", "splitOut", 1.0, json!({ "fieldToSplitOut": "body.rows" })),
            set("Set", &[("x", "={{ $json.x }}")]),
        ],
        "Hook > Split > Set",
    );
    let rows = json!({ "rows": [{ "x": 1 }, { "x": 2 }] });
    assert_eq!(answer(&nested, rows), json!([{ "x": 1 }, { "x": 2 }]));
}

fn aggregate() {
    let one = |field: &str| json!({ "fieldToAggregate": field });
    let renamed =
        json!({ "fieldToAggregate": "at.c", "renameField": true, "outputFieldName": "cs" });
    let fields = json!({ "fieldsToAggregate": { "fieldToAggregate": [one("id"), renamed] } });
    check("aggregate", 1.0, fields, json!([{ "id": [1, 2, 3], "cs": [1, 2, 1] }]));
    let all = json!({ "aggregate": "aggregateAllItemData", "destinationFieldName": "rows",
        "include": "specifiedFields", "fieldsToInclude": "id, k" });
    let rows = json!([{ "id": 1, "k": "b" }, { "id": 2, "k": "a" }, { "id": 3, "k": "b" }]);
    check("aggregate", 1.0, all, json!([{ "rows": rows }]));
    let merged = json!({ "fieldsToAggregate": { "fieldToAggregate": [one("tags")] },
        "options": { "mergeLists": true } });
    check("aggregate", 1.0, merged, json!([{ "tags": ["x", "y", "z"] }]));
}

fn sort() {
    let by = |fields: Value| json!({ "sortFieldsUi": { "sortField": fields } });
    let n = json!({ "fieldName": "n" });
    ids("sort", 1.0, by(json!([n])), json!([2, 1, 3]));
    let descending = json!({ "fieldName": "n", "order": "descending" });
    ids(
        "sort",
        1.0,
        by(json!([descending, { "fieldName": "id", "order": "descending" }])),
        json!([3, 1, 2]),
    );
    let code = json!({ "type": "code", "code": "return b.json.id - a.json.id" });
    ids("sort", 1.0, code, json!([3, 2, 1]));
}

fn limit() {
    ids("limit", 1.0, json!({}), json!([1]));
    ids("limit", 1.0, json!({ "maxItems": 2 }), json!([1, 2]));
    ids("limit", 1.0, json!({ "maxItems": 2, "keep": "lastItems" }), json!([2, 3]));
}

fn remove_duplicates() {
    let by = |fields: &str| json!({ "compare": "selectedFields", "fieldsToCompare": fields });
    ids("removeDuplicates", 1.0, json!({}), json!([1, 2, 3]));
    ids("removeDuplicates", 2.0, by("k"), json!([1, 2]));
    ids("removeDuplicates", 2.0, by("k, at.c"), json!([1, 2]));
    let except = json!({ "compare": "allFieldsExcept", "fieldsToExclude": "id, tags" });
    ids("removeDuplicates", 1.0, except, json!([1, 2]));
}

fn filter() {
    ids("filter", 2.2, when("={{ $json.k }}", "string", "equals", json!("b")), json!([1, 3]));
    ids("filter", 2.2, when("={{ $json.n }}", "number", "lt", json!(5)), json!([2]));
    ids("filter", 2.2, when("={{ $json.tags }}", "array", "notEmpty", json!("")), json!([1, 2]));
    ids("filter", 2.2, when("={{ $json.tags }}", "array", "lengthGt", json!(1)), json!([1]));
    ids("filter", 2.2, when("={{ $json.none }}", "string", "exists", json!("")), json!([]));
}

fn summarize() {
    let value = |how: &str, field: &str| json!({ "aggregation": how, "field": field });
    let values = json!([
        value("sum", "n"),
        value("count", "id"),
        value("max", "n"),
        value("countUnique", "k")
    ]);
    let whole = json!({ "fieldsToSummarize": { "values": values } });
    let all = json!([{ "sum_n": 22, "count_id": 3, "max_n": 10, "unique_count_k": 2 }]);
    check("summarize", 1.0, whole, all);
    let by =
        json!({ "fieldsToSummarize": { "values": [value("sum", "n")] }, "fieldsToSplitBy": "k" });
    check("summarize", 1.0, by, json!([{ "k": "b", "sum_n": 20 }, { "k": "a", "sum_n": 2 }]));
    let values = [value("concatenate", "k"), value("average", "n"), value("append", "id")];
    let texts = json!({ "fieldsToSummarize": { "values": values } });
    let said = answer(
        &file(
            [hook(), code("List", LIST), node("Tool", "summarize", 1.0, texts)],
            "Hook > List > Tool",
        ),
        json!({}),
    );
    assert_eq!(said[0]["concatenated_k"], "b,a,b");
    assert_eq!(said[0]["appended_id"], json!([1, 2, 3]));
}

fn item_lists() {
    check(
        "itemLists",
        3.0,
        json!({ "fieldToSplitOut": "tags" }),
        json!([{ "tags": "x" }, { "tags": "y" }, { "tags": "z" }]),
    );
    ids("itemLists", 3.0, json!({ "operation": "limit", "maxItems": 2 }), json!([1, 2]));
    let fields = json!({ "operation": "concatenateItems", "aggregate": "aggregateAllItemData",
        "include": "specifiedFields", "fieldsToInclude": "id" });
    check("itemLists", 3.0, fields, json!([{ "data": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] }]));
}

fn merge_of_lists() {
    let merged = |parameters: Value| {
        let file = file(
            [
                hook(),
                code("A", "return [{ json: { id: 1, a: 'x' } }, { json: { id: 2, a: 'y' } }]"),
                code("B", "return [{ json: { id: 2, b: 'q' } }, { json: { id: 3, b: 'r' } }]"),
                node("Merge", "merge", 3.0, parameters),
            ],
            "Hook > A > Merge; Hook > B > Merge.1",
        );
        answer(&file, json!({}))
    };
    let by =
        |mode: &str| json!({ "mode": "combine", "fieldsToMatchString": "id", "joinMode": mode });
    assert_eq!(merged(json!({})).as_array().unwrap().len(), 4);
    let both = json!({ "id": 2, "a": "y", "b": "q" });
    let (one, three) = (json!({ "id": 1, "a": "x" }), json!({ "id": 3, "b": "r" }));
    assert_eq!(merged(by("keepMatches")), json!([both]));
    assert_eq!(merged(by("keepNonMatches")), json!([one, three]));
    assert_eq!(merged(by("enrichInput1")), json!([one, both]));
    assert_eq!(merged(by("enrichInput2")), json!([both, three]));
    assert_eq!(merged(by("keepEverything")), json!([one, both, three]));
    let position = json!({ "mode": "combine", "combineBy": "combineByPosition" });
    let expected = json!([{ "id": 2, "a": "x", "b": "q" }, { "id": 3, "a": "y", "b": "r" }]);
    assert_eq!(merged(position), expected);
    let all = json!({ "mode": "combine", "combineBy": "combineAll" });
    assert_eq!(merged(all).as_array().unwrap().len(), 4);
}

/// n8n does not run a node to which no item comes.
fn empty_list() {
    let sent = |nodes: [Value; 2]| {
        let [first, second] = nodes;
        let send = node("Send", "httpRequest", 4.2, json!({ "url": "https://example.com/" }));
        let file = file([hook(), first, second, send], "Hook > First > Second > Send");
        let mut count = 0;
        let _ = run(&file, json!({}), &mut |_, _| {
            count += 1;
            answered(json!({}))
        });
        count
    };
    let empty = || code("First", "return []");
    assert_eq!(sent([empty(), node("Second", "limit", 1.0, json!({}))]), 0);
    assert_eq!(sent([empty(), set("Second", &[("a", "1")])]), 0);
    assert_eq!(
        sent([
            empty(),
            node("Second", "aggregate", 1.0, json!({ "aggregate": "aggregateAllItemData" }))
        ]),
        0
    );
    let none = when("={{ $json.none }}", "string", "exists", json!(""));
    assert_eq!(sent([set("First", &[("a", "1")]), node("Second", "filter", 2.2, none)]), 0);
    let one = || code("First", "return [{ json: {} }]");
    assert_eq!(sent([one(), node("Second", "limit", 1.0, json!({}))]), 1);
}

fn chained() {
    let file = file(
        [
            hook(),
            code("List", LIST),
            node(
                "Sort",
                "sort",
                1.0,
                json!({ "sortFieldsUi": { "sortField": [{ "fieldName": "k" }] } }),
            ),
            node("Filter", "filter", 2.2, when("={{ $json.n }}", "number", "gt", json!(1))),
            set("Set", &[("id", "={{ $json.id }}"), ("k", "={{ $('List').item.json.k }}")]),
            node("All", "aggregate", 1.0, json!({ "aggregate": "aggregateAllItemData" })),
            set(
                "End",
                &[("count", "={{ $json.data.length }}"), ("first", "={{ $json.data[0].k }}")],
            ),
        ],
        "Hook > List > Sort > Filter > Set > All > End",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "count": 3, "first": "a" }]));
}
