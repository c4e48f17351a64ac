//! Conditions: a function that compares as Dify does, and a condition that takes its branch.

use serde_json::{Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::prelude;
use super::read::{literal, pieces, selector_of};
use crate::draft::Node;
use crate::json::{fields, filled, items, text};
use crate::text::{Part, Text};

const ELSE: &str = "false";

/// How one operator compares: by which function.
struct Operator {
    name: &'static str,
    /// What it compares with: nothing, a text, a number or a list.
    with: With,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    Text,
    Number,
    List,
}

const fn operator(name: &'static str, with: With) -> Operator {
    Operator { name, with }
}

/// The functions that compare.
const OPERATORS: &str = include_str!("operators.js");

/// The operator of this name, in all spellings of files.
fn find(name: &str) -> Option<Operator> {
    Some(match name {
        "contains" => operator("contains", With::Text),
        "not contains" => operator("lacks", With::Text),
        "start with" | "starts with" => operator("startsWith", With::Text),
        "end with" | "ends with" => operator("endsWith", With::Text),
        "is" | "==" => operator("is", With::Text),
        "is not" => operator("isNot", With::Text),
        "empty" => operator("empty", With::Nothing),
        "not empty" => operator("filled", With::Nothing),
        "=" => operator("equals", With::Number),
        "≠" | "!=" => operator("differs", With::Number),
        ">" => operator("above", With::Number),
        "<" => operator("below", With::Number),
        "≥" | ">=" => operator("atLeast", With::Number),
        "≤" | "<=" => operator("atMost", With::Number),
        "null" | "not exists" => operator("missing", With::Nothing),
        "not null" | "exists" => operator("present", With::Nothing),
        "in" => operator("isIn", With::List),
        "not in" => operator("isNotIn", With::List),
        "all of" => operator("hasAll", With::List),
        _ => return None,
    })
}

/// The cases of a step, each with the name of its branch.
fn cases<'s>(step: &'s Step<'_>) -> Vec<(String, &'s Value)> {
    let cases = step.list("cases").iter().enumerate().map(|(at, case)| {
        let is_plain = text(case.get("case_id")) == "true";
        let name = if is_plain { "true".to_owned() } else { format!("case_{}", at + 1) };
        (name, case)
    });
    cases.collect()
}

/// The branch that an edge with this handle follows.
pub(super) fn branch(step: &Step<'_>, handle: &str) -> Option<String> {
    let is_of =
        |case: &Value| ["case_id", "id"].iter().any(|field| text(case.get(*field)) == handle);
    let found = cases(step).into_iter().find(|(_, case)| is_of(case)).map(|(name, _)| name);
    let is_old = step.list("cases").is_empty() && handle == "true";
    found.or_else(|| (handle == ELSE || is_old).then(|| handle.to_owned()))
}

impl Flow<'_, '_, '_> {
    pub(super) fn condition(&mut self, step: &Step<'_>) {
        let mut tests = Text::default();
        let mut branches = Vec::new();
        let test = self.beside(step, "test");
        let old = [("true".to_owned(), json!(step.data.clone()))];
        let cases: Vec<(String, Value)> = match step.list("cases").is_empty() {
            true => old.into(),
            false => cases(step).into_iter().map(|(name, case)| (name, case.clone())).collect(),
        };
        for (name, case) in &cases {
            tests.append(Text::literal("if ("));
            let all = self.all_of(step, case);
            tests.append(all);
            tests.append(Text::literal(format!(") return {}\n", crate::js::string(name))));
            let holds = format!("<{test}.result> == \"{name}\"");
            branches.push(json!({ "name": name, "if": holds }));
        }
        tests.append(Text::literal(format!("return \"{ELSE}\"")));
        branches.push(json!({ "name": ELSE }));
        let code = self.with_operators(tests);
        self.help(step, Node::new(&test, "function").with("code", code));
        let id = self.id(step);
        self.add(step, Node::new(&id, "condition").with("branches", branches));
        self.chain(step, &[&test, &id]);
    }

    /// The conditions of a case as one expression; without any, it never holds.
    pub(super) fn all_of(&mut self, step: &Step<'_>, case: &Value) -> Text {
        let is_or = text(case.get("logical_operator")) == "or";
        let mut all = Text::default();
        for condition in items(case.get("conditions")) {
            let joint = match (all.0.is_empty(), is_or) {
                (true, _) => "",
                (_, true) => " || ",
                (_, false) => " && ",
            };
            all.append(Text::literal(joint));
            let one = self.comparison(step, condition);
            all.append(one);
        }
        if all.0.is_empty() { Text::literal("false") } else { all }
    }

    fn comparison(&mut self, step: &Step<'_>, condition: &Value) -> Text {
        let selector = selector_of(condition.get("variable_selector"));
        let sub = fields(condition.get("sub_variable_condition"));
        let value = self.compared(step, &selector);
        if !items(sub.get("conditions")).is_empty() {
            return self.of_files(step, value, sub);
        }
        self.test_of(step, condition, value)
    }

    /// The comparison of a value that is an expression already.
    pub(super) fn test_of(&mut self, step: &Step<'_>, condition: &Value, value: Text) -> Text {
        let name = text(condition.get("comparison_operator"));
        let Some(operator) = find(&name) else {
            let note = format!("the comparison `{name}` is not known; it never holds");
            self.draft.entry(step.id()).unsupported(note);
            return Text::literal("false");
        };
        let with = self.with(step, condition.get("value"), operator.with);
        call(&operator, value, with)
    }

    /// The value that is compared. Of a file, Dify knows more than ours say.
    fn compared(&mut self, step: &Step<'_>, selector: &[String]) -> Text {
        if let [node, file, field] = selector
            && self.graph.step(node).is_some_and(Step::is_start)
            && super::read::file_field(field).is_none()
            && ["extension", "type", "transfer_method"].contains(&field.as_str())
        {
            let mut value = Text::literal("fileField(");
            value.append(self.expression(step, &[node.clone(), file.clone()]));
            value.append(Text::literal(format!(", \"{field}\")")));
            return value;
        }
        self.expression(step, selector)
    }

    /// Whether any file, or each one where the operator says "not", is as the conditions say.
    fn of_files(
        &mut self,
        step: &Step<'_>,
        files: Text,
        sub: &serde_json::Map<String, Value>,
    ) -> Text {
        let joint = if text(sub.get("logical_operator")) == "or" { " || " } else { " && " };
        let mut all = Text::literal("(");
        for (at, condition) in items(sub.get("conditions")).iter().enumerate() {
            let name = text(condition.get("comparison_operator"));
            let Some(operator) = find(&name) else {
                let note = format!("the comparison `{name}` is not known");
                self.draft.entry(step.id()).unsupported(note);
                continue;
            };
            let key = text(condition.get("key"));
            let quantity = if name.contains("not") { "every" } else { "some" };
            all.append(Text::literal(if at > 0 { joint } else { "" }));
            all.append(Text::literal("[].concat("));
            all.append(files.clone());
            all.append(Text::literal(format!(" ?? []).{quantity}((file) => ")));
            let field = Text::literal(format!("fileField(file, {})", crate::js::string(&key)));
            let wanted = match (key.as_str(), condition.get("value")) {
                ("extension", Some(Value::String(wanted))) if !wanted.starts_with('.') => {
                    Some(json!(format!(".{wanted}")))
                }
                (_, wanted) => wanted.cloned(),
            };
            let with = self.with(step, wanted.as_ref(), operator.with);
            all.append(call(&operator, field, with));
            all.append(Text::literal(")"));
        }
        all.append(Text::literal(")"));
        all
    }

    /// What a value is compared with, as JavaScript.
    fn with(&mut self, step: &Step<'_>, value: Option<&Value>, with: With) -> Option<Text> {
        let written = match (with, value) {
            (With::Nothing, _) => return None,
            (With::List, Some(Value::String(text))) => {
                let list = serde_json::from_str::<Vec<Value>>(text);
                return Some(match list {
                    Ok(list) => Text::literal(literal(&list.into())),
                    Err(_) if pieces(text).len() == 1 && filled(value).is_some() => {
                        let mut list = Text::literal("[].concat(");
                        list.append(self.joined(step, text));
                        list.append(Text::literal(")"));
                        list
                    }
                    Err(_) => Text::literal(literal(&json!([text]))),
                });
            }
            (With::List, Some(Value::Array(list))) => literal(&json!(list)),
            (With::List, value) => literal(&json!([value])),
            (_, Some(Value::Array(_))) => {
                let value = self.expression(step, &selector_of(value));
                return Some(value);
            }
            (With::Number, value) if crate::json::number(value).is_some() => {
                literal(&super::model::shortest(crate::json::number(value).unwrap_or_default()))
            }
            (_, Some(Value::String(text))) => return Some(self.joined(step, text)),
            (_, value) => literal(value.unwrap_or(&Value::Null)),
        };
        Some(Text::literal(written))
    }

    /// A text with placeholders as an expression of JavaScript.
    pub(super) fn joined(&mut self, step: &Step<'_>, text: &str) -> Text {
        let read = self.template(step, text);
        let mut joined = Text::default();
        for part in read.0 {
            joined.append(Text::literal(if joined.0.is_empty() { "" } else { " + " }));
            match part {
                Part::Literal(text) => {
                    joined.append(Text::literal(crate::js::string(&text)));
                }
                part => joined.push(part),
            }
        }
        if joined.0.is_empty() { Text::literal("\"\"") } else { joined }
    }

    /// Writes code, with the functions that it calls before it.
    pub(super) fn with_operators(&mut self, code: Text) -> String {
        let literals = code.0.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Reference(_) | Part::Secret(_) => None,
        });
        let written: String = literals.collect();
        let mut whole = Text::default();
        for definition in prelude::needed(OPERATORS, &written) {
            whole.append(Text::literal(format!("{definition}\n")));
        }
        whole.append(code);
        self.draft.javascript(&whole)
    }
}

fn call(operator: &Operator, value: Text, with: Option<Text>) -> Text {
    let mut call = Text::literal(format!("{}(", operator.name));
    call.append(value);
    if let Some(with) = with {
        call.append(Text::literal(", "));
        call.append(with);
    }
    call.append(Text::literal(")"));
    call
}
