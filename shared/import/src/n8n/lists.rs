//! Nodes that work on the whole list of their items.

mod merge;

use serde_json::{Value, json};

use super::expression::Step as PathStep;
use super::flow::{Flow, Out};
use super::items::{Item, Items};
use super::{kinds, lexer};
use crate::draft::Node;
use crate::js;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::{Part, Text};

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let operation = text(parameters.get("operation"));
    match (step.kind.as_str(), operation.as_str()) {
        ("merge", _) => merge::read(flow),
        ("itemLists", "concatenateItems" | "aggregateItems") | ("aggregate", _) => aggregate(flow),
        ("itemLists", "limit") | ("limit", _) => limit(flow),
        ("itemLists", "sort") | ("sort", _) => sort(flow),
        ("itemLists", "removeDuplicates") | ("removeDuplicates", _) => unique(flow, &operation),
        ("itemLists", "summarize") | ("summarize", _) => summarize(flow),
        _ => split(flow),
    }
}

/// Adds a function over the list; `code` reads `items` and returns. n8n runs no node to which
/// nothing comes.
fn function(flow: &mut Flow<'_, '_, '_>, code: &str, many: bool, keeps: bool) -> Vec<Out> {
    let items = flow.here.items.clone();
    let mut whole = Text::literal("const items = ");
    whole.append(items.list());
    whole.push(Part::Literal(";\n".to_owned()));
    if !many && items.many {
        whole.push(Part::Literal("if (items.length === 0) return null;\n".to_owned()));
    }
    if code.contains("pick(") {
        whole.push(Part::Literal(PICK.to_owned()));
    }
    whole.push(Part::Literal(code.to_owned()));
    let code = flow.draft.javascript(&whole);
    flow.add_named(Node::new(flow.here.id.clone(), "function").with("code", code));
    let item = Item::of(&flow.here.id, "result");
    let mut out = match many {
        true => flow.out(Items::many(item)),
        false if items.many => flow.out_if_any(item),
        false => flow.out(Items::one(item)),
    };
    if keeps {
        out.items.sources = items.sources;
        out.items.file = items.file;
    }
    out.items.sources.insert(flow.here.at);
    vec![out]
}

/// Reads `a.b` of an item.
const PICK: &str = "\
const pick = (item, path) => item?.[path] ?? path.split('.').reduce((x, name) => x?.[name], item);
";

fn names(value: Option<&Value>) -> Vec<String> {
    let all = match value {
        Some(Value::Array(list)) => list.iter().map(|name| text(Some(name))).collect(),
        other => text(other),
    };
    all.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn code_of(value: &impl serde::Serialize) -> String {
    lexer::shielded(&serde_json::to_string(value).unwrap_or_default())
}

fn split(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    let given = filled(parameters.get("fieldToSplitOut")).unwrap_or_default();
    if given.starts_with('=') {
        return kinds::unsupported(flow, "the field to split is computed");
    }
    let found: Vec<String> = names(parameters.get("fieldToSplitOut"));
    let named = names(options.get("destinationFieldName"));
    let [field] = found.as_slice() else {
        return split_several(flow, &found);
    };
    let field = field.trim_start_matches("$json.");
    let name = named.first().map_or(field, String::as_str);
    let include = text(parameters.get("include"));
    let rest = match include.as_str() {
        "allOtherFields" => "...item, ".to_owned(),
        "selectedOtherFields" => {
            let kept = names(parameters.get("fieldsToInclude"));
            let kept = kept.iter().map(|name| format!("{0}: item[{0}], ", js::string(name)));
            kept.collect()
        }
        _ => String::new(),
    };
    let plain = rest.is_empty();
    let keep = if plain && named.is_empty() {
        "x !== null && typeof x === 'object' ? x : ".to_owned()
    } else {
        String::new()
    };
    let code = format!(
        "return items.flatMap(item => {{\n  const found = pick(item, {path}) ?? [];\n  \
        const list = Array.isArray(found) ? found\n    \
        : typeof found === 'object' ? Object.values(found) : [found];\n  \
        return list.map(x => {keep}({{ {rest}{name}: x }}));\n}});",
        path = js::string(field),
        name = js::string(name),
    );
    function(flow, &code, true, false)
}

/// The first items of all lists, then the second ones.
fn split_several(flow: &mut Flow<'_, '_, '_>, found: &[String]) -> Vec<Out> {
    if found.is_empty() {
        return kinds::unsupported(flow, "no field to split is named");
    }
    let code = format!(
        "const names = {};\nreturn items.flatMap(item => {{\n  \
        const lists = names.map(n => [n.split('.').pop(), [].concat(pick(item, n) ?? [])]);\n  \
        const length = Math.max(...lists.map(([, list]) => list.length));\n  \
        const row = i => Object.fromEntries(lists.map(([n, list]) => [n, list[i] ?? null]));\n  \
        return Array.from({{ length }}, (_, i) => row(i));\n}});",
        code_of(&found)
    );
    function(flow, &code, true, false)
}

fn aggregate(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    if text(parameters.get("aggregate")) == "aggregateAllItemData" {
        let name = filled(parameters.get("destinationFieldName")).unwrap_or("data");
        let include = names(parameters.get("fieldsToInclude"));
        let exclude = names(parameters.get("fieldsToExclude"));
        let mut list = "items".to_owned();
        if text(parameters.get("include")) == "specifiedFields" {
            list = format!(
                "items.map(x => Object.fromEntries({}.map(n => [n, pick(x, n) ?? null])))",
                code_of(&include)
            );
        } else if text(parameters.get("include")) == "allFieldsExcept" {
            list = format!(
                "items.map(x => Object.fromEntries(\n    \
                Object.entries(x).filter(([n]) => !{}.includes(n))))",
                code_of(&exclude)
            );
        }
        return function(
            flow,
            &format!("return {{ {}: {list} }};", js::string(name)),
            false,
            false,
        );
    }
    let merges = is_true(fields(parameters.get("options")).get("mergeLists"));
    let keeps = is_true(fields(parameters.get("options")).get("keepMissing"));
    let mut code = "return {\n".to_owned();
    for one in items(fields(parameters.get("fieldsToAggregate")).get("fieldToAggregate")) {
        let field = text(one.get("fieldToAggregate"));
        let last = field.rsplit('.').next().unwrap_or_default().to_owned();
        let name = filled(one.get("outputFieldName")).filter(|_| is_true(one.get("renameField")));
        let filter = if keeps { "" } else { ".filter(x => x !== null)" };
        let flat = if merges { ".flat()" } else { "" };
        code.push_str(&format!(
            "  {}: items.map(x => pick(x, {}) ?? null){filter}{flat},\n",
            js::string(name.unwrap_or(&last)),
            js::string(&field)
        ));
    }
    code.push_str("};");
    function(flow, &code, false, false)
}

fn limit(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let is_last = text(parameters.get("keep")) == "lastItems";
    let count = match parameters.get("maxItems") {
        None => Some(1.0),
        given => number(given),
    };
    let Some(count) = count else {
        return kinds::unsupported(flow, "a computed limit");
    };
    let count = count.clamp(1.0, 100_000.0) as u64;
    if count == 1 {
        let at = if is_last { "items.at(-1)" } else { "items[0]" };
        return function(flow, &format!("return {at} ?? null;"), false, true);
    }
    let cut = if is_last { format!("-{count}") } else { format!("0, {count}") };
    function(flow, &format!("return items.slice({cut});"), true, true)
}

fn sort(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    match text(parameters.get("type")).as_str() {
        "random" => {
            return function(
                flow,
                "return items.map(x => [Math.random(), x])\n  \
                .sort((a, b) => a[0] - b[0]).map(x => x[1]);",
                true,
                true,
            );
        }
        "code" => {
            let compare = lexer::shielded(&text(parameters.get("code")));
            let code = format!(
                "const compare = (a, b) => {{\n{compare}\n}};\n\
                return items.map(json => ({{ json }})).sort(compare).map(x => x.json);"
            );
            return function(flow, &code, true, true);
        }
        _ => {}
    }
    let mut list = Vec::new();
    for one in items(fields(parameters.get("sortFieldsUi")).get("sortField")) {
        let sign = if text(one.get("order")) == "descending" { -1 } else { 1 };
        list.push(json!([text(one.get("fieldName")), sign]));
    }
    let code = format!(
        "const by = {};\nreturn items.sort((a, b) => {{\n  for (const [name, sign] of by) {{\n    \
        const x = pick(a, name), y = pick(b, name);\n    \
        if (x < y) return -sign;\n    if (x > y) return sign;\n  }}\n  return 0;\n}});",
        code_of(&list)
    );
    function(flow, &code, true, true)
}

fn unique(flow: &mut Flow<'_, '_, '_>, operation: &str) -> Vec<Out> {
    if operation.contains("Previous") || operation.contains("clear") {
        return kinds::unsupported(flow, "items of earlier executions are not known");
    }
    let parameters = flow.current().parameters;
    let compare = text(parameters.get("compare"));
    let key = match compare.as_str() {
        "selectedFields" => {
            let list = names(parameters.get("fieldsToCompare"));
            format!("{}.map(n => pick(x, n))", code_of(&list))
        }
        "allFieldsExcept" => {
            let list = names(parameters.get("fieldsToExclude"));
            format!("Object.entries(x).filter(([n]) => !{}.includes(n))", code_of(&list))
        }
        _ => "x".to_owned(),
    };
    let code = format!(
        "const seen = new Set();\nreturn items.filter(x => {{\n  \
        const key = JSON.stringify({key});\n  \
        return !seen.has(key) && seen.add(key);\n}});"
    );
    function(flow, &code, true, true)
}

fn summarize(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let by = names(parameters.get("fieldsToSplitBy"));
    let mut code = String::from("const summary = items => ({\n");
    for one in items(fields(parameters.get("fieldsToSummarize")).get("values")) {
        let how = filled(one.get("aggregation")).unwrap_or("count");
        let field = text(one.get("field"));
        let values = format!(
            "items.map(x => pick(x, {})).filter(x => x !== null && x !== undefined)",
            js::string(&field)
        );
        let (word, made) = match how {
            "append" => ("appended", values),
            "average" => {
                ("average", format!("(v => v.reduce((a, b) => a + b, 0) / v.length)({values})"))
            }
            "concatenate" => {
                let separator = match text(one.get("separateBy")).as_str() {
                    "\n" | "newline" => "\\n",
                    " " | "space" => " ",
                    _ => ",",
                };
                ("concatenated", format!("{values}.join('{separator}')"))
            }
            "countUnique" => ("unique_count", format!("new Set({values}).size")),
            "max" => ("max", format!("Math.max(...{values})")),
            "min" => ("min", format!("Math.min(...{values})")),
            "sum" => ("sum", format!("{values}.reduce((a, b) => a + b, 0)")),
            _ => ("count", format!("{values}.length")),
        };
        let name = format!("{word}_{}", field.replace('.', "_"));
        code.push_str(&format!("  {}: {made},\n", js::string(&name)));
    }
    code.push_str("});\n");
    if by.is_empty() {
        code.push_str("return summary(items);");
        return function(flow, &code, false, false);
    }
    code.push_str(&format!(
        "const by = {}, groups = new Map();\nfor (const x of items) {{\n  \
        const of = Object.fromEntries(by.map(n => [n, pick(x, n) ?? null]));\n  \
        const key = JSON.stringify(of);\n  \
        if (!groups.has(key)) groups.set(key, [of, []]);\n  groups.get(key)[1].push(x);\n}}\n\
        return [...groups.values()].map(([of, list]) => ({{ ...of, ...summary(list) }}));",
        code_of(&by)
    ));
    function(flow, &code, true, false)
}

/// The first item of a list.
pub(super) fn first(items: &Items) -> Items {
    match items.many {
        true => Items { item: items.item.at(&[PathStep::Item(0)]), many: false, ..items.clone() },
        false => items.clone(),
    }
}
