//! Iterations and loops.

use serde_json::{Value, json};

use super::flow::Flow;
use super::graph::{Graph, Step};
use super::read::selector_of;
use crate::draft::{Branch, Node};
use crate::json::{filled, number, text};
use crate::text::{Part, Text};

/// Kinds of ours that cannot fail.
const SAFE: [&str; 7] =
    ["note", "end", "answer", "assigner", "template-transform", "iteration-start", "loop-start"];
const MAX_ITERATIONS: u64 = 1_000;

/// Whether what an iteration leaves is made of its results behind it: its lists are joined, or
/// iterations that failed are marked or left out.
pub(super) fn is_reworked(step: &Step<'_>, graph: &Graph<'_>) -> bool {
    on_failure(step) != OnFailure::Stop || is_flattened(step, graph)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    Stop,
    Null,
    Remove,
}

fn on_failure(step: &Step<'_>) -> OnFailure {
    match step.text("error_handle_mode").as_str() {
        "continue-on-error" => OnFailure::Null,
        "remove-abnormal-output" => OnFailure::Remove,
        _ => OnFailure::Stop,
    }
}

/// Whether each iteration leaves a list, as far as the file says.
fn is_flattened(step: &Step<'_>, graph: &Graph<'_>) -> bool {
    if step.data.get("flatten_output") == Some(&Value::Bool(false)) {
        return false;
    }
    let selector = selector_of(step.data.get("output_selector"));
    let [id, field, ..] = selector.as_slice() else { return false };
    let Some(inner) = graph.step(id) else { return false };
    match inner.kind() {
        "code" => text(inner.object("outputs").get(field).and_then(|output| output.get("type")))
            .starts_with("array"),
        "iteration" | "knowledge-retrieval" => true,
        "list-operator" => field == "result",
        "tool" => field == "json" || field == "files",
        "variable-aggregator" => inner.text("output_type").starts_with("array"),
        _ => false,
    }
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn iteration(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let each = self.value(step, &selector_of(step.data.get("iterator_selector")));
        let is_parallel = step.is("is_parallel");
        let kind = if is_parallel { "parallel" } else { "loop" };
        let selector = selector_of(step.data.get("output_selector"));
        let value = self.value(step, &selector);
        let failure = on_failure(step);
        let result = match failure {
            OnFailure::Stop => value,
            _ => json!({ "value": value, "errors": self.errors_inside(step) }),
        };
        let width = number(step.data.get("parallel_nums")).unwrap_or(10.0).clamp(1.0, 20.0);
        let node = Node::new(&id, kind)
            .with("each", each)
            .with_some("width", is_parallel.then_some(width as u64))
            .with("result", result);
        self.add(step, node);
        if is_reworked(step, self.graph) {
            self.rework(step, &id, failure);
        }
    }

    /// Makes what an iteration leaves of its results.
    fn rework(&mut self, step: &Step<'a>, id: &str, failure: OnFailure) {
        let mut code = format!("let results = <{id}.results> ?? []\n");
        let failed = "one.errors.some((error) => error != null)";
        code.push_str(&match failure {
            OnFailure::Stop => String::new(),
            OnFailure::Null => {
                format!("results = results.map((one) => ({failed} ? null : one.value))\n")
            }
            OnFailure::Remove => {
                format!("results = results.filter((one) => !{failed}).map((one) => one.value)\n")
            }
        });
        let is_flattened = is_flattened(step, self.graph);
        code.push_str(match is_flattened {
            true => {
                "const lists = results.filter((result) => result != null)\n\
                     return lists.length && lists.every(Array.isArray) ? lists.flat() : results"
            }
            false => "return results",
        });
        let outcome = self.outcome_of(step);
        self.help(step, Node::new(&outcome, "function").with("code", code));
        self.chain(step, &[id, &outcome]);
    }

    /// References to the errors of the nodes inside that nothing there catches. Read in the result,
    /// they keep the container from failing.
    fn errors_inside(&mut self, step: &Step<'a>) -> Vec<Value> {
        let graph = self.graph;
        let inside = graph.inside(step.id()).filter(|inner| {
            let is_caught = inner.has_default() || inner.fails_over();
            graph.is_reached(inner.id()) && !SAFE.contains(&inner.kind()) && !is_caught
        });
        let ids: Vec<String> = inside.map(|inner| self.id(inner)).collect();
        ids.into_iter().map(|id| json!(format!("<{id}.error>"))).collect()
    }

    /// `item` and `index` of an iteration, which only the nodes directly inside of it can read.
    pub(super) fn of_iteration(
        &mut self,
        reader: &Step<'_>,
        of: &Step<'a>,
        path: &[String],
    ) -> Option<Text> {
        if reader.container != Some(of.id()) {
            return None;
        }
        let node = if of.is("is_parallel") { "parallel" } else { "loop" };
        Some(Text::reference(node, &super::read::steps(path)))
    }

    /// A loop with variables of its own, that ends early where its conditions hold.
    pub(super) fn repeat(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let count = number(step.data.get("loop_count")).unwrap_or(1.0).max(0.0) as u64;
        if count > MAX_ITERATIONS {
            let note = format!("it runs {MAX_ITERATIONS} times at most");
            self.draft.entry(step.id()).approximated(note);
        }
        if on_failure(step) != OnFailure::Stop {
            self.draft.entry(step.id()).approximated("a failure inside ends it");
        }
        let begin = self.begin_loop(step);
        let rounds = self.rounds(step, count.min(MAX_ITERATIONS));
        let ends = self.break_of(step, &id);
        let node = Node::new(&id, "loop")
            .with(
                "for",
                rounds.as_ref().map_or_else(
                    || json!(count.min(MAX_ITERATIONS)),
                    |rounds| json!(format!("<{rounds}.result>")),
                ),
            )
            .with_some("break_when", ends.map(|ends| format!("<{ends}.result> == true")));
        self.add(step, node);
        let chain: Vec<&str> =
            [begin.as_deref(), rounds.as_deref(), Some(&id)].into_iter().flatten().collect();
        self.chain(step, &chain);
    }

    /// Sets the variables of a loop before it begins.
    fn begin_loop(&mut self, step: &Step<'a>) -> Option<String> {
        let mut set = serde_json::Map::new();
        for variable in step.list("loop_variables") {
            let Some(label) = filled(variable.get("label")) else { continue };
            let name = self.loop_variable(step, label)?;
            let value = match text(variable.get("value_type")).as_str() {
                "variable" => self.value(step, &selector_of(variable.get("value"))),
                _ => {
                    let value = constant(variable);
                    self.draft.json(&value, &mut |text| Text::literal(text))
                }
            };
            self.draft.variables.push(json!({ "name": name, "value": null }));
            set.insert(name, value);
        }
        if set.is_empty() {
            return None;
        }
        let begin = self.beside(step, "begin");
        self.help(step, Node::new(&begin, "variables").with("set", set));
        Some(begin)
    }

    pub(super) fn loop_variable(&self, step: &Step<'_>, label: &str) -> Option<String> {
        let is_it = |variable: &&Value| text(variable.get("label")) == label;
        step.list("loop_variables").iter().find(is_it)?;
        Some(format!("loop_{}_{label}", self.id(step)))
    }

    /// A node that says how often the loop runs: not at all if its conditions hold before it.
    fn rounds(&mut self, step: &Step<'a>, count: u64) -> Option<String> {
        if step.list("break_conditions").is_empty() {
            return None;
        }
        let is_of_variables = step.list("break_conditions").iter().all(|condition| {
            selector_of(condition.get("variable_selector")).first().map(String::as_str)
                == Some(step.id())
        });
        // What the nodes inside leave is not there before the first round.
        if !is_of_variables {
            return None;
        }
        let holds = self.holds(step);
        let mut code = Text::literal("return ");
        code.append(holds);
        code.append(Text::literal(format!(" ? 0 : {count}")));
        let code = self.with_operators(code);
        let rounds = self.beside(step, "rounds");
        self.help(step, Node::new(&rounds, "function").with("code", code));
        Some(rounds)
    }

    fn holds(&mut self, step: &Step<'a>) -> Text {
        let case = json!({
            "logical_operator": step.text("logical_operator"),
            "conditions": step.list("break_conditions"),
        });
        self.all_of(step, &case)
    }

    /// A node at the end of each round that says whether it was the last one.
    fn break_of(&mut self, step: &Step<'a>, id: &str) -> Option<String> {
        let graph = self.graph;
        let inside: Vec<&Step<'a>> =
            graph.inside(step.id()).filter(|inner| graph.is_reached(inner.id())).collect();
        let ends: Vec<String> = inside
            .iter()
            .filter(|inner| inner.kind() == "loop-end")
            .map(|inner| self.id(inner))
            .collect();
        if ends.is_empty() && step.list("break_conditions").is_empty() {
            return None;
        }
        let mut code = Text::literal("return ");
        let holds = self.holds(step);
        code.append(holds);
        for end in ends {
            code.append(Text::literal(" || "));
            code.push(Part::Reference(format!("{end}.content")));
            code.append(Text::literal(" === \"end\""));
        }
        let code = self.with_operators(code);
        let last = self.beside(step, "is_last");
        let node = Node::new(&last, "function").with("code", code).inside(Some(id));
        self.draft.add(step.id(), node);
        for inner in inside.iter().filter(|inner| !inner.is_marker() && inner.kind() != "note") {
            let inner = self.id(inner);
            self.draft.edge(&inner, Branch::Success, &last);
        }
        Some(last)
    }

    pub(super) fn loop_end(&mut self, step: &Step<'_>) {
        self.add(step, Node::new(self.id(step), "template").with("template", "end"));
    }
}

/// The first value of a loop variable. Those that are no text are written as JSON.
fn constant(variable: &Value) -> Value {
    let value = variable.get("value").cloned().unwrap_or_default();
    match (text(variable.get("var_type")).as_str(), &value) {
        ("string", _) => value,
        (_, Value::String(json)) => serde_json::from_str(json).unwrap_or(value),
        _ => value,
    }
}
