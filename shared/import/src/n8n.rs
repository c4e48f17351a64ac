//! n8n: nodes that hand on lists of items, and helpers that hang on them.
//!
//! A node that works on one item is a node of ours; one that works on many is inside a `loop`,
//! together with its neighbours. `splitInBatches` and circles are loops of their own.

mod ai;
mod answer;
mod asked;
mod branches;
mod code;
mod expression;
mod files;
mod flow;
mod graph;
mod http;
mod items;
mod kinds;
mod lexer;
mod lists;
mod loops;
mod mcp;
mod prelude;
mod triggers;
mod unread;
mod values;
mod vendors;
mod walk;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod secret_tests;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unread_tests;

use serde_json::Value;

use crate::draft::Draft;
use crate::json::{fields, filled, items as list, text};
use crate::text::shortened;
use crate::{Importing, Root, ids};
use flow::{Called, Flow};
use graph::Graph;

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 10_000;

/// Files of n8n name the types of their nodes by package, and connect nodes by their names.
pub(crate) fn is_n8n(root: &Value) -> bool {
    let nodes = list(root.get("nodes"));
    let is_typed = |node: &Value| {
        node.get("type").and_then(Value::as_str).is_some_and(|kind| kind.contains('.'))
            && (node.get("parameters").is_some() || node.get("position").is_some())
    };
    nodes.iter().any(is_typed)
}

pub(crate) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    let nodes = list(root.value.get("nodes"));
    let path = format!("{}/nodes", root.path);
    let lines = graph::count_lines(root.value);
    if !importing.is_small_enough(&path, nodes.len(), lines) {
        return;
    }
    let graph = Graph::read(root, importing);
    let tools = mcp::read(root, importing, &graph);
    let mut parts = graph.parts();
    parts.iter_mut().for_each(|part| part.retain(|at| !tools.contains(at)));
    parts.retain(|part| !part.is_empty());
    let is_called =
        |part: &Vec<usize>| part.iter().any(|at| graph.steps[*at].kind == "executeWorkflowTrigger");
    let called = parts.iter().position(is_called).filter(|_| parts.len() > 1);
    // The one that the others call is read first: they go on with what it answers.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| called != Some(*index));
    let (mut drafts, mut known) = (Vec::new(), None);
    for index in order {
        let mut draft = draft(root, importing, index);
        if called == Some(index) {
            draft.id = ids::workflow_id("", &draft.name, |_| false);
        }
        let mut flow = Flow::new(draft, importing, &graph, &parts[index]);
        flow.called = known.clone();
        let answers_many = flow.run();
        let draft = flow.draft;
        if called == Some(index) {
            known = Some(Called { id: draft.id.clone(), answers_many });
        }
        drafts.push((index, draft));
    }
    drafts.sort_by_key(|(index, _)| *index);
    drafts.into_iter().for_each(|(_, draft)| importing.add(draft));
}

fn draft(root: &Root<'_>, importing: &Importing<'_>, index: usize) -> Draft {
    let name = filled(root.value.get("name")).map(str::to_owned);
    let name = name.or_else(|| importing.options.name.clone()).unwrap_or_else(|| "n8n".to_owned());
    let name = if index == 0 { name } else { format!("{name} {}", index + 1) };
    // A file may hold many workflows, each of which has these.
    let mut draft = Draft::new("", &shortened(&name, MAX_NAME), &root.path);
    draft.description = shortened(&text(root.value.get("description")), MAX_DESCRIPTION);
    let settings = fields(root.value.get("settings"));
    let timeout = settings.get("executionTimeout").and_then(Value::as_u64);
    if let Some(timeout) = timeout.filter(|timeout| (1..=604_800).contains(timeout)) {
        draft.settings.insert("deadline".to_owned(), format!("{timeout}s").into());
    }
    draft
}
