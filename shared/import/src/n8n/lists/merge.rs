//! `merge`: the items of several inputs as one list.

use serde_json::{Value, json};

use super::{PICK, code_of, names};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, items, text};
use crate::n8n::flow::{Flow, Out};
use crate::n8n::items::{Item, Items};
use crate::n8n::kinds;
use crate::text::{Part, Text};

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let mode = filled(parameters.get("mode")).unwrap_or("append").to_owned();
    let how = filled(parameters.get("combineBy"))
        .or_else(|| filled(parameters.get("combinationMode")))
        .unwrap_or(if step.version >= 2.0 { "mergeByFields" } else { "" })
        .to_owned();
    let (left, right) = inputs(flow);
    let any_many = flow.here.inputs.values().flatten().any(|items| items.many);
    let code = match (mode.as_str(), how.as_str()) {
        ("combineBySql", _) => return kinds::unsupported(flow, "lists are merged by SQL"),
        ("chooseBranch" | "passThrough" | "wait", _) => {
            let wanted = text(parameters.get("useDataOfInput")) + &text(parameters.get("output"));
            let chosen = if wanted.contains('2') { "b" } else { "a" };
            format!("return {chosen};")
        }
        ("combine", "combineByPosition" | "mergeByPosition") | ("mergeByIndex", _) => {
            let all = is_true(fields(parameters.get("options")).get("includeUnpaired"));
            let count = if all { "max" } else { "min" };
            format!(
                "return Array.from({{ length: Math.{count}(a.length, b.length) }}, \
                (_, i) => ({{ ...a[i], ...b[i] }}));"
            )
        }
        ("combine", "combineAll" | "multiplex") | ("multiplex", _) => {
            "return a.flatMap(x => b.map(y => ({ ...x, ...y })));".to_owned()
        }
        ("combine" | "keepKeyMatches" | "mergeByKey" | "removeKeyMatches", _) => {
            match by_fields(flow, &mode) {
                Some(code) => code,
                None => return kinds::unsupported(flow, "no pair of fields to merge by is named"),
            }
        }
        _ => "return [...a, ...b];".to_owned(),
    };
    let mut whole = Text::literal("const a = ");
    whole.append(left);
    whole.push(Part::Literal(", b = ".to_owned()));
    whole.append(right);
    whole.push(Part::Literal(";\n".to_owned()));
    if code.contains("pick(") {
        whole.push(Part::Literal(PICK.to_owned()));
    }
    let is_one = !any_many && !code.contains("[...a, ...b]");
    whole.push(Part::Literal(match is_one {
        true => format!("const merged = () => {{ {code} }};\nreturn merged()[0] ?? null;"),
        false => code,
    }));
    let code = flow.draft.javascript(&whole);
    flow.add_named(Node::new(flow.here.id.clone(), "function").with("code", code));
    let item = Item::of(&flow.here.id, "result");
    vec![if is_one { flow.out_if_any(item) } else { flow.out(Items::many(item)) }]
}

/// The lists at the first input, and at all others.
fn inputs(flow: &mut Flow<'_, '_, '_>) -> (Text, Text) {
    let mut lists = [Vec::new(), Vec::new()];
    let at = flow.here.at;
    let lines: Vec<_> = flow.graph.lines.iter().filter(|line| line.to == at).copied().collect();
    for line in lines {
        if !flow.made.contains_key(&line.from) {
            continue;
        }
        let out = flow.see(line.from, line.output, flow.here.inside);
        let mut items = out.items.clone();
        if !items.many {
            items.item = flow.gated(&out, flow.here.inside);
        }
        lists[usize::from(line.input > 0)].push(items.list());
    }
    let [left, right] = lists.map(|lists| {
        let mut whole = Text::literal("[");
        for list in lists {
            whole.push(Part::Literal("...".to_owned()));
            whole.append(list);
            whole.push(Part::Literal(", ".to_owned()));
        }
        whole.push(Part::Literal("]".to_owned()));
        whole
    });
    (left, right)
}

/// `None` if the fields are not named: else each item would be joined with each.
fn by_fields(flow: &Flow<'_, '_, '_>, mode: &str) -> Option<String> {
    let parameters = flow.current().parameters;
    let mut pairs: Vec<Value> = names(parameters.get("fieldsToMatchString"))
        .into_iter()
        .map(|name| json!([name, name]))
        .collect();
    for one in items(fields(parameters.get("mergeByFields")).get("values")) {
        pairs.push(json!([text(one.get("field1")), text(one.get("field2"))]));
    }
    if let Some(name) = filled(parameters.get("propertyName1")) {
        let other = filled(parameters.get("propertyName2")).unwrap_or(name);
        pairs.push(json!([name, other]));
    }
    let is_name =
        |name: &Value| name.as_str().is_some_and(|name| !name.is_empty() && !name.starts_with('='));
    let is_pair = |pair: &Value| items(Some(pair)).iter().all(is_name);
    if pairs.is_empty() || !pairs.iter().all(is_pair) {
        return None;
    }
    let join = match mode {
        "removeKeyMatches" => "keepNonMatches",
        "mergeByKey" => "enrichInput1",
        _ => filled(parameters.get("joinMode")).unwrap_or("keepMatches"),
    };
    let found = format!(
        "const pairs = {}, of = x => b.filter(y => same(x, y));\n\
        const same = (x, y) => pairs.every(([p, q]) => pick(x, p) !== undefined\n  \
        && String(pick(x, p)) === String(pick(y, q)));\n\
        const alone = b.filter(y => !a.some(x => same(x, y)));\n\
        const joined = x => of(x).map(y => ({{ ...x, ...y }}));\n",
        code_of(&pairs)
    );
    let joined = match join {
        "keepNonMatches" => "return [...a.filter(x => of(x).length === 0), ...alone];",
        "enrichInput1" => "return a.flatMap(x => of(x).length ? joined(x) : [x]);",
        "enrichInput2" => {
            "return b.map(y => ({ ...y, ...Object.assign({}, ...a.filter(x => same(x, y))) }));"
        }
        "keepEverything" => "return [...a.flatMap(x => of(x).length ? joined(x) : [x]), ...alone];",
        _ => "return a.flatMap(joined);",
    };
    Some(found + joined)
}
