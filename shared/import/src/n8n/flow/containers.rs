//! Loops of the document: those that neighbours share, those of `splitInBatches`, and circles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::sight::returned_flat;
use super::{Container, Flow, Here, Out};
use crate::draft::{Branch, Node};
use crate::n8n::expression::Step;
use crate::n8n::graph::Line;
use crate::n8n::items::{Item, Items};
use crate::text::{Part, Text};

impl Flow<'_, '_, '_> {
    fn open(&mut self, node: Node, is_each: bool, is_stretch: bool) -> usize {
        let id = node.id.clone();
        let sources = self.here.items.sources.clone();
        let parent = self.here.inside;
        let after = self.here.after.clone();
        self.place(node, parent, &after);
        let result = Vec::new();
        self.containers.push(Container { id, parent, is_each, is_stretch, sources, result });
        self.containers.len() - 1
    }

    pub(in crate::n8n) fn open_stretch(&mut self) {
        let id = self.draft.ids.fresh(&format!("each_{}", self.here.id));
        let node = Node::new(id, "loop").with("each", self.here.items.item.json());
        let inside = self.open(node, true, true);
        self.enter_loop(inside);
    }

    fn enter_loop(&mut self, inside: usize) {
        self.here.inside = Some(inside);
        self.here.after = Vec::new();
        self.here.deps.insert(inside);
        let sources = self.containers[inside].sources.clone();
        let item = Item::Reference("loop.item".to_owned());
        self.here.items = Items { item, many: false, file: None, sources };
    }

    /// Opens the loop for `splitInBatches`; returns the outputs: what has come back, and an item,
    /// or the items of a batch where the size of a batch makes a difference.
    pub(in crate::n8n) fn open_batches(&mut self, size: u64) -> Option<(Out, Out)> {
        let at = self.here.at;
        let index = self.order.loops.iter().position(|one| one.header == at && one.is_batches)?;
        if self.order.loops[index].back.is_empty() {
            return Some(self.first_batch(size));
        }
        let id = self.here.id.clone();
        let by_batch =
            size > 1 && self.order.loops[index].body.iter().any(|at| self.sees_batch(*at));
        let each = if by_batch { self.batches(size) } else { self.here.items.listed() };
        let node = Node::new(id.clone(), "loop").with("each", each);
        self.here.items.sources.insert(at);
        let parent = self.here.inside;
        let inside = self.open(node, true, false);
        self.container_of.insert(index, inside);
        let done = self.helper_function("done", &returned_flat(&id, "item"), parent, &[]);
        self.here.deps.insert(inside);
        let done = Out {
            items: Items::many(Item::of(&done, "result")),
            after: vec![(done, Branch::Success)],
        };
        let sources = self.containers[inside].sources.clone();
        let item = Item::Reference("loop.item".to_owned());
        let each = Items { item, many: by_batch, file: None, sources };
        Some((done, Out { items: each, after: Vec::new() }))
    }

    /// Nothing leads back to the loop: n8n hands out the first batch and never says that all are
    /// done.
    fn first_batch(&mut self, size: u64) -> (Out, Out) {
        self.approximated("nothing leads back to it: only the first batch is handed out");
        let items = self.here.items.clone();
        let mut code = Text::literal("const batch = ");
        code.append(items.list());
        let cut = format!(".slice(0, {size});\nreturn batch.length > 0 ? batch : null;");
        code.push(Part::Literal(cut));
        let after = self.here.after.clone();
        let first = self.helper_function("first", &code, self.here.inside, &after);
        let id = self.here.id.clone();
        let test = format!("<{first}.result> != null");
        let test = json!([{ "name": "each", "if": test }, { "name": "done", "if": "false" }]);
        self.add_named(Node::new(id, "condition").with("branches", test));
        let (is_one, batch) = (size == 1 || !items.many, Item::of(&first, "result"));
        let item = if is_one { batch.at(&[Step::Item(0)]) } else { batch };
        let each = Items { item, many: !is_one, ..items };
        (self.branch_out(&Items::default(), "done"), self.branch_out(&each, "each"))
    }

    /// Whether a step does something else for a batch than for each of its items.
    fn sees_batch(&self, at: usize) -> bool {
        let step = self.step(at);
        step.kind == "wait" || step.takes_all() && step.kind != "splitInBatches"
    }

    /// A function that cuts the items into batches; returns the reference to them.
    fn batches(&mut self, size: u64) -> Value {
        let mut code = Text::literal("const items = ");
        code.append(self.here.items.list());
        code.push(Part::Literal(format!(
            ";\nreturn Array.from({{ length: Math.ceil(items.length / {size}) }}, \
            (_, i) => items.slice(i * {size}, (i + 1) * {size}));"
        )));
        let after = self.here.after.clone();
        let id = self.helper_function("batches", &code, self.here.inside, &after);
        format!("<{id}.result>").into()
    }

    /// A step at which a circle begins opens a loop, and runs in it: returns the item of a round.
    pub(in crate::n8n) fn open_until_loop(&mut self) -> Option<Items> {
        let at = self.here.at;
        let found = self.order.loops.iter().position(|one| one.header == at && !one.is_batches);
        let index = found?;
        let inputs: Vec<Out> = self
            .here
            .inputs
            .values()
            .flatten()
            .cloned()
            .map(|items| Out { items, after: self.here.after.clone() })
            .collect();
        let mut items = self.joined(&inputs);
        if items.many {
            self.approximated("the circle runs for the first item");
            items = Items::one(items.item.at(&[Step::Item(0)]));
        }
        let id = self.draft.ids.fresh(&format!("repeat_{}", self.here.id));
        let node = Node::new(id, "loop").with("until", "<loop.last.next> == null");
        let inside = self.open(node, false, false);
        self.container_of.insert(index, inside);
        self.here.inside = Some(inside);
        self.here.after = Vec::new();
        self.here.deps.insert(inside);
        let mut code = Text::literal("const last = ");
        code.push(Part::Reference("loop.last".to_owned()));
        code.push(Part::Literal(";\nreturn last === null ? ".to_owned()));
        code.append(items.item.code());
        code.push(Part::Literal(" : last.next".to_owned()));
        let first = self.helper_function("item", &code, Some(inside), &[]);
        let items = Items::one(Item::of(&first, "result"));
        self.here.inputs = BTreeMap::from([(0, vec![items.clone()])]);
        self.here.after = vec![(first, Branch::Success)];
        Some(items)
    }

    /// The lines that come back give the result of an iteration.
    pub(in crate::n8n) fn close_loops(&mut self) {
        for index in 0..self.order.loops.len() {
            let Some(inside) = self.container_of.get(&index).copied() else { continue };
            let one = &self.order.loops[index];
            let (is_batches, back, header) = (one.is_batches, one.back.clone(), one.header);
            self.here = Here { at: header, ..Here::default() };
            self.here.id = self.containers[inside].id.clone();
            self.here.inside = Some(inside);
            let back: Vec<Line> =
                back.into_iter().filter(|line| self.made.contains_key(&line.from)).collect();
            let outs: Vec<Out> =
                back.iter().map(|line| self.see(line.from, line.output, Some(inside))).collect();
            self.here.after = outs.iter().flat_map(|out| out.after.clone()).collect();
            let value = match outs.as_slice() {
                [] => Item::Null,
                [out] => self.gated(out, Some(inside)),
                outs => self.joined(outs).item,
            };
            let name = if is_batches { "item" } else { "next" };
            self.containers[inside].result.push((name.to_owned(), value.json()));
        }
    }

    pub(in crate::n8n) fn write_results(&mut self) {
        for container in &mut self.containers {
            let mut result = std::mem::take(&mut container.result);
            if result.is_empty() {
                result.push(("item".to_owned(), Value::Null));
            }
            if let Some(node) = self.draft.node_mut(&container.id) {
                let result = Map::from_iter(result);
                node.fields.insert("result".to_owned(), result.into());
            }
        }
    }
}
