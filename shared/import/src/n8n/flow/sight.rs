//! How a step sees what others hand on: out of loops, into loops, and in time.

use super::{Flow, Out};
use crate::draft::{Branch, Node};
use crate::n8n::items::{Item, Items};
use crate::text::{Part, Text};

impl Flow<'_, '_, '_> {
    /// An output as it is seen from a list of nodes: what is inside of another loop is read from
    /// that loop's results.
    pub(in crate::n8n) fn see(&mut self, from: usize, output: usize, inside: Option<usize>) -> Out {
        let Some(made) = self.made.get(&from) else { return Out::default() };
        let Some(out) = made.outs.get(output).or(Some(&made.error)).cloned() else {
            return Out::default();
        };
        let mut home = made.inside;
        if self.step(from).kind == "splitInBatches" && self.is_each_output(from, output) {
            home = self.batches_of(from);
        }
        let around = self.ancestors(inside);
        let mut out = out;
        while let Some(at) = home.filter(|home| !around.contains(home)) {
            out = self.exported(from, output, at, &out);
            home = self.containers[at].parent;
        }
        if home != inside {
            out.items.item = self.kept(&out.items.item, home);
        }
        out
    }

    pub(in crate::n8n) fn is_each_output(&self, at: usize, output: usize) -> bool {
        output == usize::from(self.step(at).version >= 3.0)
    }

    fn batches_of(&self, at: usize) -> Option<usize> {
        let index = self.order.loops.iter().position(|one| one.header == at)?;
        self.container_of.get(&index).copied()
    }

    /// `<loop.item>` means that of the innermost loop. One of a loop around it is kept by a node.
    pub(in crate::n8n) fn kept(&mut self, item: &Item, home: Option<usize>) -> Item {
        let Some(home) = home else { return item.clone() };
        if !item.references().iter().any(|reference| reference.starts_with("loop.item")) {
            return item.clone();
        }
        let id = match self.kept_items.get(&home) {
            Some(id) => id.clone(),
            None => {
                let id = self.draft.ids.fresh(&format!("{}_item", self.containers[home].id));
                let node = Node::new(id.clone(), "json").with("value", "<loop.item>");
                self.place(node, Some(home), &[]);
                self.kept_items.insert(home, id.clone());
                id
            }
        };
        item.mapped(&mut |reference| match reference.strip_prefix("loop.item") {
            Some(rest) => format!("{id}.value{rest}"),
            None => reference.to_owned(),
        })
    }

    fn exported(&mut self, from: usize, output: usize, at: usize, out: &Out) -> Out {
        let key = (from, output, at);
        if let Some(items) = self.exported.get(&key).cloned() {
            let node = items.item.references().first().map(|first| first.to_owned().to_owned());
            let node = node.unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
            return Out { items, after: vec![(node, Branch::Success)] };
        }
        let gated = self.gated(out, Some(at));
        let container = &mut self.containers[at];
        let name = format!("out{}", container.result.len() + 1);
        container.result.push((name.clone(), gated.json()));
        let (id, parent, is_each) = (container.id.clone(), container.parent, container.is_each);
        let mut code = match out.items.many {
            true => returned_flat(&id, &name),
            false => returned(&id, &name),
        };
        if !is_each {
            let last = if out.items.many { "" } else { ".at(-1) ?? null" };
            code.push(Part::Literal(last.to_owned()));
        }
        let function = self.helper_function("items", &code, parent, &[]);
        let many = is_each || out.items.many;
        let sources = out.items.sources.clone();
        let items = Items { item: Item::of(&function, "result"), many, file: None, sources };
        self.exported.insert(key, items.clone());
        Out { items: items.from(from), after: vec![(function, Branch::Success)] }
    }

    /// Whether a step waits for a loop that the step at hand lies in, so that it comes too late.
    pub(in crate::n8n) fn comes_too_late(&self, at: usize) -> bool {
        let Some(made) = self.made.get(&at) else { return true };
        let own = self.ancestors(made.inside);
        let around = self.ancestors(self.here.inside);
        around.iter().any(|loop_| made.deps.contains(loop_) && !own.contains(loop_))
    }

    pub(in crate::n8n) fn waits_for(&mut self, at: usize) {
        if let Some(made) = self.made.get(&at) {
            let own = self.ancestors(self.here.inside);
            let deps = made.deps.iter().filter(|dep| !own.contains(dep)).copied();
            self.here.deps.extend(deps.collect::<Vec<_>>());
        }
    }
}

fn returned(container: &str, field: &str) -> Text {
    mapped(container, &format!(".map(r => r.{field}).filter(x => x !== null)"))
}

/// All items of all rounds, whether each has one or a list of them.
pub(super) fn returned_flat(container: &str, field: &str) -> Text {
    mapped(container, &format!(".flatMap(r => r.{field} ?? [])"))
}

fn mapped(container: &str, rest: &str) -> Text {
    let mut code = Text::literal("return ");
    code.push(Part::Reference(format!("{container}.results")));
    code.push(Part::Literal(rest.to_owned()));
    code
}
