//! Assigners: what a conversation or a loop keeps.

use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::read::selector_of;
use crate::draft::Node;
use crate::json::text;
use crate::text::Text;

/// One assignment: which variable, how, and the value.
struct Assignment<'v> {
    target: Vec<String>,
    operation: String,
    is_constant: bool,
    value: Option<&'v Value>,
}

fn assignments<'v>(step: &'v Step<'_>) -> Vec<Assignment<'v>> {
    if step.data.contains_key("assigned_variable_selector") {
        return vec![Assignment {
            target: selector_of(step.data.get("assigned_variable_selector")),
            operation: step.text("write_mode"),
            is_constant: false,
            value: step.data.get("input_variable_selector"),
        }];
    }
    let items = step.list("items").iter().map(|item| Assignment {
        target: selector_of(item.get("variable_selector")),
        operation: text(item.get("operation")),
        is_constant: text(item.get("input_type")) == "constant"
            || text(item.get("operation")) == "set",
        value: item.get("value"),
    });
    items.collect()
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn assigner(&mut self, step: &Step<'a>) {
        let (mut set, mut append) = (Map::new(), Map::new());
        let mut computed = Vec::new();
        for assignment in assignments(step) {
            let Some(name) = self.target(&assignment.target) else {
                let note = format!("`{}` cannot be set", assignment.target.join("."));
                self.draft.entry(step.id()).unsupported(note);
                continue;
            };
            match assignment.operation.as_str() {
                "over-write" | "set" | "" => {
                    let value = self.assigned(step, &assignment);
                    set.insert(name, value);
                }
                "append" => {
                    let value = self.assigned(step, &assignment);
                    append.insert(name, value);
                }
                "clear" => {
                    let empty = self.empty_value(&name);
                    set.insert(name, empty);
                }
                operation => match self.changed(step, &name, operation, &assignment) {
                    Some(code) => computed.push((name, code)),
                    None => {
                        let note = format!("the operation `{operation}` is not known");
                        self.draft.entry(step.id()).unsupported(note);
                    }
                },
            }
        }
        let id = self.id(step);
        let values = self.compute(step, &computed);
        for (at, (name, _)) in computed.iter().enumerate() {
            set.insert(
                name.clone(),
                json!(format!("<{}.result[{at}]>", values.as_deref().unwrap_or_default())),
            );
        }
        let node = match set.is_empty() && append.is_empty() {
            true => Node::new(&id, "template").with("template", ""),
            false => Node::new(&id, "variables")
                .with_some("set", (!set.is_empty()).then_some(set))
                .with_some("append", (!append.is_empty()).then_some(append)),
        };
        self.add(step, node);
        if let Some(values) = values {
            self.chain(step, &[&values, &id]);
        }
    }

    /// The name of the variable that a selector names, if it can be set.
    fn target(&self, selector: &[String]) -> Option<String> {
        let [head, name] = selector else { return None };
        let is_declared =
            |name: &str| self.draft.variables.iter().any(|variable| variable["name"] == *name);
        if head == "conversation" {
            return Some(name.clone()).filter(|name| is_declared(name));
        }
        let of = self.graph.step(head).filter(|step| step.kind() == "loop")?;
        self.loop_variable(of, name)
    }

    fn assigned(&mut self, step: &Step<'a>, assignment: &Assignment<'_>) -> Value {
        match (assignment.is_constant, assignment.value) {
            (true, Some(Value::String(text))) => {
                let text = self.template(step, text);
                self.draft.any(&text)
            }
            (true, Some(value)) => self.draft.json(value, &mut |text| Text::literal(text)),
            (_, value) => self.value(step, &selector_of(value)),
        }
    }

    fn empty_value(&self, name: &str) -> Value {
        let variable = self.draft.variables.iter().find(|variable| variable["name"] == *name);
        match variable.map(|variable| &variable["value"]) {
            Some(Value::Array(_)) => json!([]),
            Some(Value::Object(_)) => json!({}),
            Some(Value::Number(_)) => json!(0),
            Some(Value::Bool(_)) => json!(false),
            _ => json!(""),
        }
    }

    /// The new value of a variable, as JavaScript.
    fn changed(
        &mut self,
        step: &Step<'a>,
        name: &str,
        operation: &str,
        assignment: &Assignment<'_>,
    ) -> Option<Text> {
        let old = Text::reference("variable", &super::read::steps(&[name.to_owned()]));
        let around = match operation {
            "extend" => ("[...(", " ?? []), ...(", " ?? [])]"),
            "remove-first" => ("(", " ?? []).slice(1)", ""),
            "remove-last" => ("(", " ?? []).slice(0, -1)", ""),
            "+=" => ("", " + ", ""),
            "-=" => ("", " - ", ""),
            "*=" => ("", " * ", ""),
            "/=" => ("", " / ", ""),
            _ => return None,
        };
        let mut code = Text::literal(around.0);
        code.append(old);
        code.append(Text::literal(around.1));
        if !operation.starts_with("remove") {
            let value = match (assignment.is_constant, assignment.value) {
                (true, Some(value)) => Text::literal(super::read::literal(value)),
                (_, value) => self.expression(step, &selector_of(value)),
            };
            code.append(value);
        }
        code.append(Text::literal(around.2));
        Some(code)
    }

    /// A function that leaves the new values as a list.
    fn compute(&mut self, step: &Step<'a>, computed: &[(String, Text)]) -> Option<String> {
        if computed.is_empty() {
            return None;
        }
        let mut code = Text::literal("return [");
        for (at, (_, value)) in computed.iter().enumerate() {
            code.append(Text::literal(if at > 0 { ", " } else { "" }));
            code.append(value.clone());
        }
        code.append(Text::literal("]"));
        let code = self.draft.javascript(&code);
        let values = self.beside(step, "values");
        self.help(step, Node::new(&values, "function").with("code", code));
        Some(values)
    }
}
