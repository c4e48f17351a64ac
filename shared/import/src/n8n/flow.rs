//! One workflow while it is read: its document, the step at hand, and what the steps before it hand
//! on.

mod containers;
mod join;
mod sight;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::asked::Asked;
use super::graph::{Graph, Step};
use super::items::{Item, Items};
use super::loops::Order;
use crate::Importing;
use crate::draft::{Branch, Draft, Node};
use crate::json::{is_true, number};
use crate::text::Text;

/// A `loop` of the document.
pub(super) struct Container {
    pub id: String,
    pub parent: Option<usize>,
    /// It runs once for each item of a list, not until something holds.
    pub is_each: bool,
    /// It was made for neighbours that work on one item each.
    pub is_stretch: bool,
    pub sources: BTreeSet<usize>,
    /// Fields of its `result`.
    pub result: Vec<(String, Value)>,
}

/// A workflow that others of the file call.
#[derive(Clone)]
pub(super) struct Called {
    pub id: String,
    pub answers_many: bool,
}

/// One output of a node.
#[derive(Clone, Default)]
pub(super) struct Out {
    pub items: Items,
    /// What waits for it comes after these.
    pub after: Vec<(String, Branch)>,
}

/// A step that was read.
pub(super) struct Made {
    /// The container of its node.
    pub inside: Option<usize>,
    pub outs: Vec<Out>,
    /// What it hands on when it fails.
    pub error: Out,
    /// The loops that it waits for.
    pub deps: BTreeSet<usize>,
}

/// The step that is being read.
#[derive(Default)]
pub(super) struct Here {
    pub at: usize,
    /// The id of its node.
    pub id: String,
    /// The container of its node.
    pub inside: Option<usize>,
    pub items: Items,
    /// The items at each input.
    pub inputs: BTreeMap<usize, Vec<Items>>,
    pub after: Vec<(String, Branch)>,
    /// What is computed for it.
    /// With the number of each.
    pub values: HashMap<String, usize>,
    /// The loops that it waits for.
    pub deps: BTreeSet<usize>,
}

pub(super) struct Flow<'f, 'i, 'g> {
    pub draft: Draft,
    pub importing: &'f mut Importing<'i>,
    pub graph: &'g Graph<'g>,
    /// The steps of this workflow; a file may hold several.
    pub part: BTreeSet<usize>,
    pub here: Here,
    pub containers: Vec<Container>,
    pub made: HashMap<usize, Made>,
    /// What the model fills in, while a tool is read.
    pub asked: Option<Asked>,
    /// The workflow of the file that others in it call.
    pub called: Option<Called>,
    pub order: Order,
    /// The container of each loop of the graph.
    pub container_of: HashMap<usize, usize>,
    /// What was brought out of a container, by step, output and container.
    exported: HashMap<(usize, usize, usize), Items>,
    /// The node that keeps the item of a container.
    kept_items: HashMap<usize, String>,
}

impl<'f, 'i, 'g> Flow<'f, 'i, 'g> {
    pub(super) fn new(
        draft: Draft,
        importing: &'f mut Importing<'i>,
        graph: &'g Graph<'g>,
        part: &[usize],
    ) -> Self {
        Self {
            draft,
            importing,
            graph,
            part: part.iter().copied().collect(),
            here: Here::default(),
            containers: Vec::new(),
            made: HashMap::new(),
            asked: None,
            called: None,
            order: Order::default(),
            container_of: HashMap::new(),
            exported: HashMap::new(),
            kept_items: HashMap::new(),
        }
    }

    pub(super) fn step(&self, at: usize) -> &'g Step<'g> {
        &self.graph.steps[at]
    }

    pub(super) fn current(&self) -> &'g Step<'g> {
        self.step(self.here.at)
    }

    pub(super) fn approximated(&mut self, note: impl AsRef<str>) {
        let source = self.current().origin.id.clone();
        self.draft.entry(&source).approximated(note);
    }

    pub(super) fn unsupported(&mut self, note: impl AsRef<str>) {
        let source = self.current().origin.id.clone();
        self.draft.entry(&source).unsupported(note);
    }

    /// Adds a node of the step that is being read.
    pub(super) fn place(&mut self, node: Node, inside: Option<usize>, after: &[(String, Branch)]) {
        let id = node.id.clone();
        let container = inside.map(|inside| self.containers[inside].id.clone());
        let source = self.current().origin.id.clone();
        self.draft.add(&source, node.inside(container.as_deref()));
        for (from, branch) in after {
            self.draft.edge(from, branch.clone(), &id);
        }
    }

    /// Adds a function; returns its id.
    pub(super) fn helper_function(
        &mut self,
        suffix: &str,
        code: &Text,
        inside: Option<usize>,
        after: &[(String, Branch)],
    ) -> String {
        let id = self.draft.ids.fresh(&format!("{}_{suffix}", self.here.id));
        let code = self.draft.javascript(code);
        self.place(Node::new(id.clone(), "function").with("code", code), inside, after);
        id
    }

    /// Adds a node of the step that is being read, behind what leads to it.
    pub(super) fn add(&mut self, node: Node) {
        let after = self.here.after.clone();
        self.place(node, self.here.inside, &after);
    }

    /// Adds the step's node itself, under its name.
    pub(super) fn add_named(&mut self, mut node: Node) {
        let name = self.current().origin.name.clone();
        if self.draft.ids.name(&node.id, &name) {
            node = node.with("name", name);
        }
        self.add(self.with_behaviour(node));
    }

    /// Retries, and going on after a failure, as the file sets them.
    fn with_behaviour(&self, node: Node) -> Node {
        let whole = self.current().whole;
        let makes_calls = matches!(
            node.kind(),
            "function" | "http" | "agent" | "router" | "image" | "speech" | "fetch" | "python"
        ) || node.kind().contains('.');
        let attempts = number(whole.get("maxTries")).unwrap_or(3.0).clamp(2.0, 10.0) as u64;
        let retries = makes_calls && is_true(whole.get("retryOnFail"));
        let goes_on = whole.get("onError").and_then(Value::as_str) == Some("continueRegularOutput")
            || is_true(whole.get("continueOnFail"));
        let can_fail = !matches!(node.kind(), "wait" | "condition" | "loop" | "response");
        let mut retry = json!({ "max_attempts": attempts });
        if let Some(wait) = number(whole.get("waitBetweenTries")) {
            retry["backoff"] = format!("{}ms", wait.clamp(100.0, 60_000.0) as u64).into();
        }
        node.with_some("retry", retries.then_some(retry))
            .with_some("on_error", (goes_on && can_fail).then_some("continue"))
    }

    pub(super) fn after_own(&self) -> Vec<(String, Branch)> {
        vec![(self.here.id.clone(), Branch::Success)]
    }

    pub(super) fn out(&self, items: Items) -> Out {
        Out { items, after: self.after_own() }
    }

    /// An item that may be null: then nothing comes behind it, as after an empty list of n8n.
    pub(super) fn out_if_any(&mut self, item: Item) -> Out {
        let id = self.draft.ids.fresh(&format!("{}_any", self.here.id));
        let Item::Reference(found) = &item else { return self.out(Items::one(item)) };
        let test = json!([{ "name": "some", "if": format!("<{found}> != null") }]);
        let node = Node::new(id.clone(), "condition").with("branches", test);
        let after = self.after_own();
        self.place(node, self.here.inside, &after);
        Out { items: Items::one(item), after: vec![(id, Branch::Named("some".to_owned()))] }
    }

    /// The item, on a branch of the node at hand.
    pub(super) fn branch_out(&self, items: &Items, name: &str) -> Out {
        let after = vec![(self.here.id.clone(), Branch::Named(name.to_owned()))];
        Out { items: items.clone(), after }
    }

    /// A container and those around it, the innermost first.
    pub(super) fn ancestors(&self, inside: Option<usize>) -> Vec<usize> {
        std::iter::successors(inside, |at| self.containers[*at].parent).collect()
    }
}
