//! Several lines into one input.

use serde_json::json;

use super::{Flow, Out};
use crate::draft::{Branch, Node};
use crate::n8n::items::{Item, Items};
use crate::text::{Part, Text};

impl Flow<'_, '_, '_> {
    /// The items of several lines into one input: those of the branch that ran, or all of them.
    pub(in crate::n8n) fn joined(&mut self, outs: &[Out]) -> Items {
        let Some(first) = outs.first() else { return Items::one(Item::Fields(Vec::new())) };
        if outs.iter().all(|out| out.items.item == first.items.item) {
            return first.items.clone();
        }
        let many = outs.iter().any(|out| out.items.many);
        let mut code = Text::literal("return [");
        for out in outs {
            let gated = self.gated(out, self.here.inside);
            match out.items.many {
                true => {
                    code.push(Part::Literal("...(".to_owned()));
                    code.append(gated.code());
                    code.push(Part::Literal(" ?? []), ".to_owned()));
                }
                false => {
                    code.append(gated.code());
                    code.push(Part::Literal(", ".to_owned()));
                }
            }
        }
        let end =
            if many { "].filter(x => x !== null)" } else { "].find(x => x !== null) ?? null" };
        code.push(Part::Literal(end.to_owned()));
        if !many {
            self.approximated("it runs once, on the items of the branch that ran");
        }
        let after = self.here.after.clone();
        let id = self.helper_function("input", &code, self.here.inside, &after);
        self.here.after = vec![(id.clone(), Branch::Success)];
        let sources = outs.iter().flat_map(|out| out.items.sources.clone()).collect();
        Items { item: Item::of(&id, "result"), many, file: None, sources }
    }

    /// The item, or null where its branch was not taken.
    pub(in crate::n8n) fn gated(&mut self, out: &Out, inside: Option<usize>) -> Item {
        let [(node, branch)] = out.after.as_slice() else {
            return self.gate(out, inside);
        };
        let is_own = matches!(&out.items.item, Item::Reference(reference)
            if *branch == Branch::Success && reference.starts_with(&format!("{node}.")));
        if is_own { out.items.item.clone() } else { self.gate(out, inside) }
    }

    fn gate(&mut self, out: &Out, inside: Option<usize>) -> Item {
        let id = self.draft.ids.fresh(&format!("{}_item", self.here.id));
        let value = match &out.items.item {
            Item::Null => json!({}),
            item => item.json(),
        };
        let node = Node::new(id.clone(), "json").with("value", value);
        self.place(node, inside, &out.after);
        Item::of(&id, "value")
    }
}
