//! Reads the steps of one workflow in their order.

use std::collections::{BTreeMap, HashSet};

use super::flow::{Flow, Here, Made, Out};
use super::graph::Line;
use super::items::{Item, Items};
use super::{kinds, lists, loops, triggers};
use crate::draft::{Branch, Node};
use crate::json::{is_true, text};
use crate::text::{Part, Text};

/// The bytes of an item that a node hands on: every node behind it may hold a copy.
const MAX_ITEM: usize = 32 << 10;

impl Flow<'_, '_, '_> {
    /// Reads all steps. Returns whether the workflow answers with a list.
    pub(super) fn run(&mut self) -> bool {
        for at in &self.part {
            self.draft.list(&self.graph.steps[*at].origin);
        }
        let starts = triggers::starts(self);
        self.order = loops::order(self.graph, &self.part, &starts);
        for at in std::mem::take(&mut self.order.tangled) {
            self.here.at = at;
            self.unsupported("a circle with several entries, or loops that overlap");
        }
        for at in self.order.steps.clone() {
            self.read(at, starts.contains(&at));
        }
        self.close_loops();
        let answers_many = self.answer(&starts);
        self.write_results();
        self.list_the_rest();
        answers_many
    }

    fn read(&mut self, at: usize, is_start: bool) {
        self.here = Here { at, ..Here::default() };
        let step = self.step(at);
        self.here.id = self.draft.ids.claim(&step.origin.id, &step.origin.name);
        let base = self.base(at);
        self.here.inside = base;
        if !is_start {
            self.enter(base);
        }
        let outs = kinds::read(self);
        self.finish(outs);
    }

    /// The loop of the graph that a step lies in.
    fn base(&self, at: usize) -> Option<usize> {
        let inner = self.order.loops.iter().enumerate().rev().find(|(index, one)| {
            one.body.contains(&at) && (one.header != at) && self.container_of.contains_key(index)
        });
        inner.and_then(|(index, _)| self.container_of.get(&index).copied())
    }

    /// Finds the items that come in, and the list of nodes that the step belongs to.
    fn enter(&mut self, base: Option<usize>) {
        let at = self.here.at;
        let leads_here = |line: &&Line| {
            line.to == at && !self.order.back.contains(line) && self.made.contains_key(&line.from)
        };
        let lines: Vec<Line> = self.graph.lines.iter().filter(leads_here).copied().collect();
        let takes_all = self.current().takes_all();
        let stretch = self.common_stretch(&lines, base).filter(|_| !takes_all);
        self.here.inside = stretch.or(base);
        let mut by_input: BTreeMap<usize, Vec<Out>> = BTreeMap::new();
        for line in &lines {
            self.here.deps.extend(&self.made[&line.from].deps);
            let out = self.see(line.from, line.output, self.here.inside);
            by_input.entry(line.input).or_default().push(out);
        }
        let all: Vec<Out> = by_input.values().flatten().cloned().collect();
        // A node that hands on what led to it may be joined to the next one by several lines.
        let mut seen = HashSet::new();
        let after = all.iter().flat_map(|out| &out.after).filter(|end| seen.insert(*end));
        self.here.after = after.cloned().collect();
        self.here.inputs = by_input
            .into_iter()
            .map(|(input, outs)| (input, outs.into_iter().map(|out| out.items).collect()))
            .collect();
        let round = self.open_until_loop();
        if self.current().kind == "merge" {
            return;
        }
        self.here.items = match round {
            Some(item) => item,
            None => self.joined(&all),
        };
        if self.here.items.many && is_true(self.current().whole.get("executeOnce")) {
            self.here.items = lists::first(&self.here.items);
        }
        if self.here.items.many && !takes_all {
            self.open_stretch();
        }
    }

    fn common_stretch(&self, lines: &[Line], base: Option<usize>) -> Option<usize> {
        let inside = |line: &Line| self.made[&line.from].inside;
        let first = lines.first().and_then(inside)?;
        let container = &self.containers[first];
        let is_common = container.is_stretch && container.parent == base;
        let is_header = self.order.loops.iter().any(|one| one.header == self.here.at);
        (is_common && !is_header && lines.iter().all(|line| inside(line) == Some(first)))
            .then_some(first)
    }

    fn finish(&mut self, mut outs: Vec<Out>) {
        self.flush_values();
        let at = self.here.at;
        let error = self.error();
        for out in &mut outs {
            if out.items.many {
                out.items.sources.insert(at);
            }
            if out.items.size() > MAX_ITEM {
                self.unsupported("the names of its fields are too long to be handed on");
                out.items = Items::one(Item::Null);
            }
        }
        if let [first, ..] = outs.as_mut_slice() {
            self.go_on(first, &error);
        }
        let mut deps = std::mem::take(&mut self.here.deps);
        deps.extend(self.ancestors(self.here.inside));
        let made = Made { inside: self.here.inside, outs, error, deps };
        self.made.insert(at, made);
    }

    /// What the step hands on when it fails.
    fn error(&self) -> Out {
        let id = self.here.id.clone();
        let message = Item::of(&id, "error");
        let error = match self.current().kind.as_str() {
            "httpRequest" => {
                Item::fields([("message", message), ("httpCode", Item::of(&id, "status"))])
            }
            _ => message,
        };
        let items = Items::one(Item::fields([("error", error)]));
        Out { items, after: vec![(id, Branch::Error)] }
    }

    /// A step that goes on after a failure hands on the error in the place of its item.
    fn go_on(&mut self, out: &mut Out, error: &Out) {
        let id = self.here.id.clone();
        let goes_on = |node: &Node| node.fields.contains_key("on_error");
        let leads_on = self.graph.lines.iter().any(|line| line.from == self.here.at);
        if !leads_on || !self.draft.node_mut(&id).is_some_and(|node| goes_on(node)) {
            return;
        }
        let mut code = Text::literal("return ");
        code.push(Part::Reference(format!("{id}.error")));
        code.push(Part::Literal(" === null ? ".to_owned()));
        code.append(out.items.item.code());
        code.push(Part::Literal(if out.items.many { " : [" } else { " : " }.to_owned()));
        code.append(error.items.item.code());
        code.push(Part::Literal(if out.items.many { "]" } else { "" }.to_owned()));
        let after = out.after.clone();
        let id = self.helper_function("item", &code, self.here.inside, &after);
        out.items.item = Item::of(&id, "result");
        out.after = vec![(id, Branch::Success)];
    }

    fn list_the_rest(&mut self) {
        for at in self.part.clone() {
            let step = self.step(at);
            let source = step.origin.id.clone();
            if step.is_note() {
                let text = text(step.parameters.get("content"));
                if text.trim().is_empty() {
                    self.draft.entry(&source).note("an empty note");
                    continue;
                }
                let id = self.draft.ids.claim(&source, "note");
                self.draft.add(&source, Node::new(id, "note").with("text", text));
            } else if self.graph.is_nothing(at) {
                let why = if step.disabled { "it is disabled" } else { "it does nothing" };
                self.draft.entry(&source).note(format!("{why}; its ends are joined"));
            } else if !self.made.contains_key(&at) && !self.is_helper(at) {
                self.draft.entry(&source).note("no trigger leads to it: left out");
            }
        }
    }

    fn is_helper(&self, at: usize) -> bool {
        self.graph.helpers.values().flatten().any(|(_, helper)| *helper == at)
    }
}
