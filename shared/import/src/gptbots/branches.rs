//! Conditions and intents.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Flow, Step};
use crate::draft::Node;
use crate::ids::slug;
use crate::js;
use crate::json::{fields, filled, items, text};
use crate::text::{Part, Text};

/// The handles of a node that says which it has.
pub(super) fn handles(step: &Step<'_>) -> Option<HashSet<String>> {
    let (param, list) = match step.origin.kind.as_str() {
        "CONDITION" => ("conditionParam", "conditionBranches"),
        "INTENT" => ("intentParam", "intents"),
        _ => return None,
    };
    let branches = items(fields(step.fields.get(param)).get(list));
    let handle = |branch: &Value| text(branch.get("sourceHandle"));
    (!branches.is_empty()).then(|| branches.iter().map(handle).collect())
}

impl Flow<'_, '_> {
    /// JavaScript decides, in a function before the condition: it knows null, which a condition of
    /// ours refuses to compare.
    pub(super) fn condition(&mut self, at: usize, id: &str) -> Node {
        let test = self.draft.ids.fresh(&format!("{}_test", slug(&self.steps[at].origin.name)));
        let mut code = Text::default();
        let mut branches = Vec::new();
        let written = items(self.param(at, "conditionParam").get("conditionBranches"));
        for (index, branch) in written.iter().enumerate() {
            let kind = text(branch.get("type"));
            let name = match kind.as_str() {
                "ELSE" => "else".to_owned(),
                _ => format!("case_{}", index + 1),
            };
            self.branches.insert((at, text(branch.get("sourceHandle"))), name.clone());
            let taken = format!("<{test}.result> == {}", Value::from(name.as_str()));
            branches.push(json!({ "name": name, "if": taken }));
            if kind != "ELSE" {
                code.push(Part::Literal("if (".to_owned()));
                code.append(self.tests(at, branch));
                code.push(Part::Literal(format!(") return {}\n", js::string(&name))));
            }
        }
        if branches.is_empty() {
            return self.stub(at, id, "it has no branches");
        }
        code.push(Part::Literal("return \"else\"".to_owned()));
        let code = self.draft.javascript(&code);
        let function = Node::new(&test, "function")
            .with("description", "Which branch is taken")
            .with("code", code);
        let container = self.container(at);
        self.draft.add(self.steps[at].id, function.inside(container.as_deref()));
        self.entrances.insert(at, test);
        Node::new(id, "condition").with("branches", branches)
    }

    fn tests(&mut self, at: usize, branch: &Value) -> Text {
        let join = if text(branch.get("logicOperator")) == "OR" { " || " } else { " && " };
        let mut code = Text::default();
        for (index, condition) in items(branch.get("conditions")).iter().enumerate() {
            code.push(Part::Literal(if index > 0 { join } else { "" }.to_owned()));
            let left = self.operand(at, condition.get("leftOperand"));
            let right = self.operand(at, condition.get("rightOperand"));
            code.append(self.comparison(at, &text(condition.get("operator")), left, right));
        }
        if code.0.is_empty() { Text::literal("false") } else { code }
    }

    fn operand(&mut self, at: usize, operand: Option<&Value>) -> Text {
        let Some(operand) = operand else { return Text::literal("null") };
        let value = self.value(at, operand);
        match value.as_literal() {
            Some(literal) => {
                let is_text = text(operand.get("type")).to_uppercase().starts_with("STRING");
                let is_plain = !is_text && serde_json::from_str::<Value>(literal).is_ok();
                Text::literal(if is_plain { literal.to_owned() } else { js::string(literal) })
            }
            None => value,
        }
    }

    fn comparison(&mut self, at: usize, operator: &str, left: Text, right: Text) -> Text {
        let plain = operator.to_lowercase().replace([' ', '-'], "_");
        // `a` and `b` are the operands.
        let code = match plain.as_str() {
            "eq" | "==" | "equals" | "equal" => "a == b",
            "neq" | "ne" | "!=" | "not_eq" | "not_equals" | "not_equal" => "a != b",
            "gt" | ">" => "a > b",
            "gte" | "ge" | ">=" => "a >= b",
            "lt" | "<" => "a < b",
            "lte" | "le" | "<=" => "a <= b",
            "contains" | "contain" => "(a ?? '').includes(b)",
            "not_contains" | "not_contain" => "!(a ?? '').includes(b)",
            "starts_with" | "start_with" => "String(a ?? '').startsWith(b)",
            "ends_with" | "end_with" => "String(a ?? '').endsWith(b)",
            "is_empty" | "empty" | "is_null" => "(a ?? '').length === 0",
            "is_not_empty" | "not_empty" | "is_not_null" => "(a ?? '').length !== 0",
            _ => {
                let why = format!("the comparison `{operator}` is not known: it is never true");
                self.draft.entry(self.steps[at].id).unsupported(why);
                return Text::literal("false");
            }
        };
        let mut text = Text::literal(format!("((a, b) => {code})("));
        text.append(left);
        text.push(Part::Literal(", ".to_owned()));
        text.append(right);
        text.push(Part::Literal(")".to_owned()));
        text
    }

    /// A model chooses the intent.
    pub(super) fn intent(&mut self, at: usize, id: &str) -> Node {
        let param = self.param(at, "intentParam");
        let mut routes = Vec::new();
        for (index, intent) in items(param.get("intents")).iter().enumerate() {
            let name = format!("intent_{}", index + 1);
            self.branches.insert((at, text(intent.get("sourceHandle"))), name.clone());
            let about = filled(intent.get("value")).unwrap_or("anything else");
            routes.push(json!({ "name": name, "description": about }));
        }
        if routes.is_empty() {
            return self.stub(at, id, "it has no intents");
        }
        let query = match param.get("query") {
            Some(query @ Value::Object(_)) => self.value(at, query),
            query => self.text(at, &text(query), false),
        };
        let query = self.draft.text(&query);
        let node = Node::new(id, "router").with("prompt", query).with("routes", routes);
        self.with_model(at, node, param)
    }
}
