//! `if`, `filter` and `switch`: conditions whose branches hand on the item as it is.

use serde_json::{Value, json};

use super::expression::{self, Part as Piece};
use super::flow::{Flow, Out};
use crate::draft::{Branch, Node};
use crate::js;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::Text;

const MAX_RULES: usize = 100;

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    match flow.current().kind.as_str() {
        "switch" => switch(flow),
        "evaluation" => evaluation(flow),
        _ => condition(flow),
    }
}

/// A run is never an evaluation.
fn evaluation(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let items = flow.here.items.clone();
    if text(flow.current().parameters.get("operation")) == "checkIfEvaluating" {
        flow.approximated("no run is an evaluation: the second output is taken");
        let branches = json!([{ "name": "evaluation", "if": "false" }, { "name": "normal" }]);
        flow.add_named(Node::new(flow.here.id.clone(), "condition").with("branches", branches));
        return vec![flow.branch_out(&items, "evaluation"), flow.branch_out(&items, "normal")];
    }
    flow.approximated("evaluations are not made here: it hands on its items");
    vec![Out { items, after: flow.here.after.clone() }]
}

fn condition(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let test = rule(flow, flow.current().parameters);
    let branches = vec![("true".to_owned(), test)];
    add(flow, branches, Some("false"));
    let items = flow.here.items.clone();
    vec![flow.branch_out(&items, "true"), flow.branch_out(&items, "false")]
}

fn add(flow: &mut Flow<'_, '_, '_>, branches: Vec<(String, String)>, other: Option<&str>) {
    let mut list: Vec<Value> = Vec::new();
    for (name, code) in branches {
        let test = tested(flow, &code);
        list.push(json!({ "name": name, "if": test }));
    }
    if let Some(other) = other {
        list.push(json!({ "name": other }));
    }
    flow.add_named(Node::new(flow.here.id.clone(), "condition").with("branches", list));
}

/// What n8n tests, with its rules for nothing and for letters, is tested by a function before it.
fn tested(flow: &mut Flow<'_, '_, '_>, code: &str) -> String {
    let text = flow.text(Some(&Value::String(format!("={{{{ ({code}) === true }}}}"))));
    match text.as_reference() {
        Some(reference) => format!("<{reference}> == true"),
        None => "false".to_owned(),
    }
}

/// The conditions of a node or a rule, as JavaScript.
fn rule(flow: &mut Flow<'_, '_, '_>, parameters: &serde_json::Map<String, Value>) -> String {
    let conditions = fields(parameters.get("conditions"));
    let (mut tests, all) = if conditions.contains_key("conditions") {
        let options = fields(conditions.get("options"));
        let own = fields(flow.current().parameters.get("options"));
        let ignores_case = options.get("caseSensitive") == Some(&Value::Bool(false))
            || is_true(own.get("ignoreCase"));
        let list = items(conditions.get("conditions"));
        let tests: Vec<String> = list.iter().map(|one| newer(one, ignores_case)).collect();
        (tests, text(conditions.get("combinator")) != "or")
    } else {
        let mut tests = Vec::new();
        for (kind, list) in conditions {
            tests.extend(items(Some(list)).iter().map(|one| older(kind, one)));
        }
        let how = filled(parameters.get("combineOperation"))
            .or_else(|| filled(parameters.get("combineConditions")));
        (tests, !matches!(how, Some("any" | "OR")))
    };
    tests.iter_mut().for_each(|test| sound(flow, test));
    match (tests.is_empty(), all) {
        (true, _) if parameters.get("conditions").is_some_and(|of| !of.is_object()) => {
            flow.unsupported("conditions that are computed as a whole: they do not hold");
            "false".to_owned()
        }
        (true, true) => {
            flow.approximated("it has no condition: as in n8n, all items pass");
            "true".to_owned()
        }
        (true, false) => "false".to_owned(),
        (false, _) => tests.join(if all { " && " } else { " || " }),
    }
}

/// A test that is not known does not hold: nobody passes it unseen.
fn sound(flow: &mut Flow<'_, '_, '_>, test: &mut String) {
    if test.is_empty() {
        flow.unsupported("a condition with an operator that is not known: it does not hold");
        "false".clone_into(test);
    }
}

/// A parameter as a JavaScript expression.
fn operand(value: Option<&Value>) -> String {
    let Some(Value::String(parameter)) = value else {
        return value.cloned().unwrap_or_default().to_string();
    };
    let pieces = expression::split(parameter);
    match pieces.as_slice() {
        [] => "''".to_owned(),
        [Piece::Code(code)] => format!("attempt(() => ({code}))"),
        [Piece::Text(text)] => js::string(text),
        pieces => {
            let pieces = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => js::string(text),
                Piece::Code(code) => format!("(attempt(() => ({code})) ?? '')"),
            });
            format!("[{}].join('')", pieces.collect::<Vec<_>>().join(", "))
        }
    }
}

fn newer(one: &Value, ignores_case: bool) -> String {
    let operator = fields(one.get("operator"));
    let kind = text(operator.get("type"));
    let operation = text(operator.get("operation"));
    let (left, right) = (operand(one.get("leftValue")), operand(one.get("rightValue")));
    test(&kind, &operation, &left, &right, ignores_case)
}

fn older(kind: &str, one: &Value) -> String {
    let default = match kind {
        "number" => "smaller",
        "dateTime" => "after",
        _ => "equal",
    };
    let operation = filled(one.get("operation")).unwrap_or(default);
    let (left, right) = (operand(one.get("value1")), operand(one.get("value2")));
    let operation = match operation {
        "equal" => "equals",
        "notEqual" => "notEquals",
        "larger" => "gt",
        "largerEqual" => "gte",
        "smaller" => "lt",
        "smallerEqual" => "lte",
        "isEmpty" => "empty",
        "isNotEmpty" => "notEmpty",
        "notRegex" => "notRegex",
        other => other,
    };
    test(kind, operation, &left, &right, false)
}

/// One operator of n8n; nothing if it is not known.
fn test(kind: &str, operation: &str, left: &str, right: &str, ignores_case: bool) -> String {
    let fold = if ignores_case { ".toLowerCase()" } else { "" };
    let (a, b) = match kind {
        "number" => (format!("Number({left})"), format!("Number({right})")),
        "boolean" => (
            format!("[true, 'true', 1].includes({left})"),
            format!("[true, 'true', 1].includes({right})"),
        ),
        "dateTime" => (format!("Date.parse({left})"), format!("Date.parse({right})")),
        "array" | "object" => (format!("({left} ?? [])"), right.to_owned()),
        _ => (format!("String({left} ?? ''){fold}"), format!("String({right} ?? ''){fold}")),
    };
    let size = format!("Object.keys({a}).length");
    match operation {
        "exists" => format!("(({left}) ?? null) !== null"),
        "notExists" => format!("(({left}) ?? null) === null"),
        "empty" if matches!(kind, "array" | "object") => format!("{size} === 0"),
        "notEmpty" if matches!(kind, "array" | "object") => format!("{size} > 0"),
        "empty" => format!("['', null, undefined].includes({left})"),
        "notEmpty" => format!("!['', null, undefined].includes({left})"),
        "true" => a,
        "false" => format!("!{a}"),
        "equals" | "equal" => format!("{a} === {b}"),
        "notEquals" => format!("{a} !== {b}"),
        "contains" => format!("{a}.includes({b})"),
        "notContains" => format!("!{a}.includes({b})"),
        "startsWith" => format!("{a}.startsWith({b})"),
        "notStartsWith" => format!("!{a}.startsWith({b})"),
        "endsWith" => format!("{a}.endsWith({b})"),
        "notEndsWith" => format!("!{a}.endsWith({b})"),
        "regex" => format!("new RegExp(String({right}).replace(/^\\/|\\/[a-z]*$/g, '')).test({a})"),
        "notRegex" => {
            format!("!new RegExp(String({right}).replace(/^\\/|\\/[a-z]*$/g, '')).test({a})")
        }
        "gt" | "after" => format!("{a} > {b}"),
        "gte" | "afterOrEquals" => format!("{a} >= {b}"),
        "lt" | "before" => format!("{a} < {b}"),
        "lte" | "beforeOrEquals" => format!("{a} <= {b}"),
        "lengthEquals" => format!("{a}.length === Number({right})"),
        "lengthNotEquals" => format!("{a}.length !== Number({right})"),
        "lengthGt" => format!("{a}.length > Number({right})"),
        "lengthLt" => format!("{a}.length < Number({right})"),
        "lengthGte" => format!("{a}.length >= Number({right})"),
        "lengthLte" => format!("{a}.length <= Number({right})"),
        _ => String::new(),
    }
}

fn switch(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let options = fields(parameters.get("options"));
    if text(parameters.get("mode")) == "expression" {
        return by_number(flow);
    }
    if is_true(options.get("allMatchingOutputs")) {
        flow.unsupported("a switch that takes all outputs whose rules hold");
    }
    let rules = fields(parameters.get("rules"));
    if ["values", "rules"].iter().any(|list| items(rules.get(*list)).len() > MAX_RULES) {
        flow.unsupported(format!(
            "a switch with more than {MAX_RULES} rules: the rest is left out"
        ));
    }
    let mut branches: Vec<(String, String, usize)> = Vec::new();
    for (index, one) in items(rules.get("values")).iter().take(MAX_RULES).enumerate() {
        let test = rule(flow, fields(Some(one)));
        branches.push((format!("out{index}"), test, index));
    }
    let kind = filled(parameters.get("dataType")).unwrap_or("number").to_owned();
    let value = Text::literal(text(parameters.get("value1")));
    for one in items(rules.get("rules")).iter().take(MAX_RULES) {
        if !flow.draft.may_copy(&value) {
            flow.unsupported("a switch whose value is too long to be tested by each rule");
            break;
        }
        let output = number(one.get("output")).unwrap_or(branches.len() as f64).clamp(0.0, 99.0);
        let left = json!({ "value1": parameters.get("value1"), "value2": one.get("value2"),
            "operation": filled(one.get("operation")).unwrap_or("equal") });
        let index = output as usize;
        let mut test = older(&kind, &left);
        sound(flow, &mut test);
        branches.push((format!("out{index}_{}", branches.len()), test, index));
    }
    let fallback = options.get("fallbackOutput").or(parameters.get("fallbackOutput"));
    let count = branches.iter().map(|(_, _, index)| index + 1).max().unwrap_or(0);
    let other = match fallback {
        Some(Value::String(text)) if text == "extra" => Some(count),
        Some(value) => number(Some(value)).filter(|n| *n >= 0.0).map(|n| n.min(99.0) as usize),
        None => None,
    };
    add(
        flow,
        branches.iter().map(|(name, test, _)| (name.clone(), test.clone())).collect(),
        other.map(|_| "other"),
    );
    let outputs = count.max(other.map_or(0, |other| other + 1));
    (0..outputs)
        .map(|output| {
            let names = branches
                .iter()
                .filter(|(_, _, index)| *index == output)
                .map(|(name, _, _)| name.as_str());
            let names = names.chain((other == Some(output)).then_some("other"));
            let after = names.map(|name| (flow.here.id.clone(), Branch::Named(name.to_owned())));
            Out { items: flow.here.items.clone(), after: after.collect() }
        })
        .collect()
}

fn by_number(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let given = parameters.get("output").cloned().unwrap_or(json!(0));
    let number = Value::String(format!("={{{{ Number({}) }}}}", operand(Some(&given))));
    let number = flow.text(Some(&number));
    let at = flow.here.at;
    let lines = flow.graph.lines.iter().filter(|line| line.from == at);
    let count = lines.map(|line| line.output + 1).max().unwrap_or(1);
    let branches = (0..count).map(|n| {
        let test = number.as_reference().map(|number| format!("<{number}> == {n}"));
        json!({ "name": format!("out{n}"), "if": test.unwrap_or_else(|| "false".to_owned()) })
    });
    let branches: Vec<Value> = branches.collect();
    flow.add_named(Node::new(flow.here.id.clone(), "condition").with("branches", branches));
    let items = flow.here.items.clone();
    (0..count).map(|n| flow.branch_out(&items, &format!("out{n}"))).collect()
}
