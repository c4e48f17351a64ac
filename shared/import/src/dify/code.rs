//! Code nodes: Python as it is, JavaScript with a call of its `main`.

use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::python::{self, Python};
use super::read::selector_of;
use crate::draft::Node;
use crate::json::filled;
use crate::text::Text;

pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    let code = step.text("code");
    match step.text("code_language").as_str() {
        "javascript" => {
            let is_networked = ["fetch(", "require(", "XMLHttpRequest", "axios"]
                .into_iter()
                .find(|word| code.contains(word));
            is_networked.map(|word| format!("code has neither a network nor packages: `{word}`"))
        }
        "python3" | "python" | "" => python::obstacle(&code),
        other => Some(format!("code in `{other}` cannot be run")),
    }
}

impl Flow<'_, '_, '_> {
    pub(super) fn code(&mut self, step: &Step<'_>) {
        let default: Map<String, Value> = self.default_of(step);
        let node = match step.text("code_language").as_str() {
            "javascript" => self.javascript(step),
            _ => self.python(step),
        };
        let node = self.failing(step, node, Some(json!({ "result": default })));
        self.add(step, node);
    }

    fn python(&mut self, step: &Step<'_>) -> Node {
        let code = self.without_keys(step, &step.text("code"));
        let mut variables = Map::new();
        for (name, selector) in arguments(step) {
            let value = self.value(step, &selector);
            variables.insert(name, value);
        }
        let node = Node::new(self.id(step), "python");
        let node = match variables.is_empty() {
            true => node,
            false => node.with("variables", variables),
        };
        match Python::read(&code) {
            Ok(python) => {
                let seed = if python.needs_seed() { self.seed(step) } else { String::new() };
                let modules = python.modules();
                if !modules.is_empty() {
                    let note = format!("`{}` is written before the code", modules.join("`, `"));
                    self.draft.entry(step.id()).approximated(note);
                }
                node.with("code", python.written(&seed))
            }
            // A step with an obstacle does not come here.
            Err(_) => node.with("code", code),
        }
    }

    /// What is random in each run, as an expression: a clock that stands still is no seed.
    fn seed(&mut self, step: &Step<'_>) -> String {
        let seed = self.beside(step, "seed");
        self.help(step, Node::new(&seed, "random").with("uuid", true));
        let id = self.id(step);
        self.chain(step, &[&seed, &id]);
        format!("<{seed}.value>")
    }

    fn javascript(&mut self, step: &Step<'_>) -> Node {
        let mut code = self.without_keys(step, &step.text("code"));
        code.push_str("\nreturn main({ ");
        let mut code = Text::literal(code);
        for (at, (name, selector)) in arguments(step).into_iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            code.append(Text::literal(format!("{comma}{}: ", crate::js::string(&name))));
            let value = self.expression(step, &selector);
            code.append(value);
        }
        code.append(Text::literal(" })"));
        let code = self.draft.javascript(&code);
        Node::new(self.id(step), "function").with("code", code)
    }
}

/// What `main` is called with.
fn arguments(step: &Step<'_>) -> Vec<(String, Vec<String>)> {
    let arguments = step.list("variables").iter().filter_map(|variable| {
        let name = filled(variable.get("variable"))?.to_owned();
        Some((name, selector_of(variable.get("value_selector"))))
    });
    arguments.collect()
}
