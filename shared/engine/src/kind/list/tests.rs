use crate::run::tests::{error, output};
use crate::{Document, Workflow};

use super::*;

fn yaml(fields: &Value) -> String {
    let mut node = json!({ "id": "x", "type": "list", "items": "<api.input.l>" });
    node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "nodes": [node], "output": { "items": "<x.items>", "count": "<x.count>" } }).to_string()
}

fn check(fields: Value, items: Value, expected: Value) {
    let given = output(&yaml(&fields), json!({ "l": items, "n": 2, "o": {"b": 1, "a": 2} }));
    assert_eq!(given["items"], expected, "{fields}");
    let count = expected.as_array().unwrap().len();
    assert_eq!(given["count"], json!(count), "{fields}");
}

fn fails(fields: Value, items: Value, code: &str) -> String {
    let failure = error(&yaml(&fields), json!({ "l": items }));
    assert_eq!(failure.code, code, "{fields}: {}", failure.message);
    failure.message
}

fn offers() -> Value {
    json!([
        {"name": "b", "price": 2.5, "tags": ["x"]},
        {"name": "a", "price": 10, "tags": []},
        {"name": "c", "price": 2, "tags": ["x", "y"]},
    ])
}

#[test]
fn items_are_filtered_and_mapped() {
    check(json!({}), json!([1, "a", null]), json!([1, "a", null]));
    check(json!({}), json!(null), json!([]));
    check(json!({"filter": "item > <api.input.n>"}), json!([1, 2, 3, 2.5]), json!([3, 2.5]));
    check(json!({"filter": "index % 2 == 0"}), json!(["a", "b", "c"]), json!(["a", "c"]));
    check(json!({"map": "item * 2 + index"}), json!([1, 1.5]), json!([2, 4]));
    check(json!({"map": "item / <api.input.n>"}), json!([1, 4]), json!([0.5, 2]));
    check(json!({"map": "item.name + '!'"}), offers(), json!(["b!", "a!", "c!"]));
    check(
        json!({"filter": "item.tags.exists(t, t == 'x')", "map": "size(item.tags)"}),
        offers(),
        json!([1, 2]),
    );
    check(json!({"filter": "has(item.k)", "map": "item.k"}), json!([{"k": 1}, {}]), json!([1]));
}

/// The order of CEL's objects in memory differs from process to process.
#[test]
fn objects_come_in_one_order() {
    let names: Vec<String> = (0..30).map(|n| format!("k{n:02}")).collect();
    let made = names.iter().rev().map(|name| format!("'{name}': 1"));
    let made = format!("{{{}}}", made.collect::<Vec<_>>().join(", "));
    let given = output(&yaml(&json!({"map": made})), json!({"l": [1]}));
    let keys: Vec<_> = given["items"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, names);
    let object = names.iter().rev().map(|name| (name.clone(), json!(1)));
    let object: Map<String, Value> = object.collect();
    check(json!({"map": "item.map(k, k)"}), json!([object]), json!([names]));
    check(json!({"map": "item.filter(k, k != 'k00')"}), json!([object]), json!([names[1..]]));
}

#[test]
fn fields_are_picked_in_the_authors_order() {
    let picked = output(&yaml(&json!({"pick": ["price", "name", "gone"]})), json!({"l": offers()}));
    assert_eq!(picked["items"][0].to_string(), r#"{"price":2.5,"name":"b","gone":null}"#);
    let message = fails(json!({"pick": ["a"]}), json!([{"a": 1}, 7]), "not_an_object");
    assert!(message.contains("item 1"), "{message}");
}

#[test]
fn items_are_sorted() {
    let by_price = json!({"sort_by": "item.price", "map": "item"});
    let names = |order: &str| json!({"sort_by": "item.name", "order": order, "pick": ["name"]});
    let name = |name: &str| json!({ "name": name });
    check(names("ascending"), offers(), json!([name("a"), name("b"), name("c")]));
    check(names("descending"), offers(), json!([name("c"), name("b"), name("a")]));
    let sorted = output(&yaml(&by_price), json!({"l": offers()}));
    let prices: Vec<_> = sorted["items"].as_array().unwrap().iter().map(|o| &o["price"]).collect();
    assert_eq!(prices, [&json!(2), &json!(2.5), &json!(10)]);
    let mixed = json!([null, "b", 2, "a", true, 1.5, false, null, -1]);
    let sorted = json!([false, true, -1, 1.5, 2, "a", "b", null, null]);
    check(json!({"sort_by": "item"}), mixed.clone(), sorted);
    let down = json!(["b", "a", 2, 1.5, -1, true, false, null, null]);
    check(json!({"sort_by": "item", "order": "descending"}), mixed, down);
    // Equal ones keep their order.
    let same = json!([[1, "b"], [0, "c"], [1, "a"]]);
    check(json!({"sort_by": "item[0]"}), same, json!([[0, "c"], [1, "b"], [1, "a"]]));
    let message = fails(json!({"sort_by": "item"}), json!([1, []]), "not_sortable");
    assert!(message.contains("item 1"), "{message}");
}

#[test]
fn numbers_are_sorted_exactly() {
    const EXACT: u64 = 9_007_199_254_740_992;
    let numbers = json!([EXACT + 1, 1.5, 1e300, u64::MAX, i64::MIN, -1e300, EXACT]);
    let sorted = json!([-1e300, i64::MIN, 1.5, EXACT, EXACT + 1, u64::MAX, 1e300]);
    check(json!({"sort_by": "item"}), numbers, sorted);
    assert_eq!(compare_to_double(2, 2.5), Ordering::Less);
    assert_eq!(compare_to_double(3, 2.5), Ordering::Greater);
    assert_eq!(compare_to_double(-3, -2.5), Ordering::Less);
    assert_eq!(compare_to_double(-2, -2.5), Ordering::Greater);
    assert_eq!(compare_to_double(2, 2.0), Ordering::Equal);
    assert_eq!(compare_to_double(u64::MAX.into(), f64::MAX), Ordering::Less);
}

#[test]
fn doubles_are_dropped() {
    check(json!({"unique_by": "item"}), json!([1, 1.0, "1", 2, 1]), json!([1, "1", 2]));
    let objects = json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}]);
    check(json!({"unique_by": "item"}), objects, json!([{"a": 1, "b": 2}, {"a": 1}]));
    check(json!({"unique_by": "item.size()"}), json!(["a", "b", "cc"]), json!(["a", "cc"]));
}

#[test]
fn lists_are_cut_and_merged() {
    check(json!({"limit": 2}), json!([1, 2, 3]), json!([1, 2]));
    check(json!({"limit": "<api.input.n>", "keep": "last"}), json!([1, 2, 3]), json!([2, 3]));
    check(json!({"limit": 9, "keep": "last"}), json!([1]), json!([1]));
    check(json!({"limit": 0}), json!([1]), json!([]));
    check(json!({"limit": "<api.input.gone>"}), json!([1]), json!([1]));
    check(json!({"chunk": 2}), json!([1, 2, 3]), json!([[1, 2], [3]]));
    check(json!({"chunk": 2}), json!([]), json!([]));
    check(json!({"flatten": true}), json!([[1, [2]], 3, null, []]), json!([1, [2], 3]));
    let merged = json!({"items": ["<api.input.l>", "<api.input.gone>", ["x"]], "flatten": true});
    check(merged, json!([1, 2]), json!([1, 2, "x"]));
}

#[test]
fn failures_have_codes() {
    fails(json!({}), json!({}), "not_a_list");
    fails(json!({"limit": "<api.input.l>"}), json!(["x"]), "invalid_field");
    let message = fails(json!({"filter": "item"}), json!([true, 1]), "expression_type");
    assert_eq!(message, "`filter` must give true or false, not int");
    let message = fails(json!({"map": "item.k"}), json!([{"k": 1}, {}]), "expression_error");
    assert!(message.starts_with("item 1: "), "{message}");
    for no_json in ["type(item)", "b'a'", "1.0 / 3 * 1e308 * 100", "optional.of(1)", "{1: 2}"] {
        fails(json!({"map": no_json}), json!([1]), "expression_type");
    }
}

#[test]
fn costs_are_bounded() {
    let zeros = json!(vec![0; 300_000]);
    fails(json!({"filter": "item == 0"}), zeros.clone(), "expression_too_costly");
    let deep = "<api.input.l>.exists(x, x == item)";
    fails(json!({"filter": deep}), json!((0..90_000).collect::<Value>()), "expression_too_costly");
    let long = format!("{}1 > 0", "1+".repeat(900));
    fails(json!({"filter": long}), json!(vec![0; 90_000]), "expression_too_costly");
    let twice = format!("[{}]", ["item"; 300].join(", "));
    fails(json!({"map": twice}), json!(["x".repeat(100_000)]), "value_too_large");
    let text = format!("{}''", "item + ".repeat(250));
    fails(json!({"map": text}), json!(["x".repeat(300_000)]), "expression_too_costly");
    fails(json!({"map": "[0, 0, 0, 0, 0, 0]"}), json!(vec![0; 90_000]), "value_too_large");
}

#[test]
fn expressions_are_checked() {
    let problems = |fields: Value| -> Vec<String> {
        let (_, problems) = Workflow::compile(&Document::parse(&yaml(&fields)).unwrap());
        problems.into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(problems(json!({"filter": "item.a > index", "map": "{'k': item}"})), [""; 0]);
    let wrong = problems(json!({"filter": "itm > 1"}));
    assert!(wrong[0].starts_with("`itm` names nothing here"), "{wrong:?}");
    let wrong = problems(json!({"filter": "1 + 1"}));
    assert_eq!(wrong, ["a condition gives true or false, this one a number"]);
    assert_eq!(problems(json!({"map": "1 + 1"})), [""; 0]);
    let wrong = problems(json!({"map": "item.matches('a')"}));
    assert!(wrong[0].starts_with("`matches` cannot be asked of each item"), "{wrong:?}");
    assert!(problems(json!({"map": "1 +"}))[0].contains("`map` is not a CEL expression"));
    let without = "`order` has no effect without `sort_by`";
    assert_eq!(problems(json!({"order": "descending"})), [without]);
    let wrong = problems(json!({"sort": "item"}));
    assert!(wrong[0].starts_with("unknown field `sort`"), "{wrong:?}");
}
