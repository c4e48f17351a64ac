//! What an operation leaves as the item.
//!
//! - nothing: an item without fields
//! - `.`: the whole output
//! - `event`: a field of it
//! - `messages[]`: a list, each of which is an item
//! - `records[]+fields`: each record with the fields of its `fields` beside its own
//! - `row`: the row that was written
//! - `@file`: a file of the output
//! - `=>data.a` and `=>[]data.list`: JavaScript over a request's answer
//! - `{ts:ts text:message.text}`: n8n's names, and what they are here

use serde_json::Value;

use super::super::flow::{Flow, Out};
use super::super::items::{Item, Items};
use crate::draft::{Branch, Node};
use crate::text::{Part, Text};

pub(super) fn out(flow: &mut Flow<'_, '_, '_>, leaves: &str, row: Option<Value>) -> Out {
    let id = flow.here.id.clone();
    let items = match leaves {
        "" => Items::one(Item::fields([])),
        "." => Items::one(Item::Reference(id)),
        "row" => return handed_on(flow, row.unwrap_or_default()),
        leaves => {
            if let Some(file) = leaves.strip_prefix('@') {
                Items::one(Item::fields([])).with_file(Some(format!("{id}.{file}")))
            } else if let Some(names) = leaves.strip_prefix('{') {
                Items::one(renamed(&id, names.trim_end_matches('}')))
            } else if let Some(code) = leaves.strip_prefix("=>") {
                return computed(flow, code);
            } else if let Some((path, inner)) = leaves.split_once('+') {
                return spread(flow, path, inner);
            } else if let Some(list) = leaves.strip_suffix("[]") {
                Items::many(Item::of(&id, list)).from(flow.here.at)
            } else {
                Items::one(Item::of(&id, leaves))
            }
        }
    };
    flow.out(items)
}

/// `outer.inner:path` names a field of a field.
fn renamed(id: &str, names: &str) -> Item {
    let mut own: Vec<(String, Item)> = Vec::new();
    for pair in names.split_whitespace() {
        let (name, path) = pair.split_once(':').unwrap_or((pair, pair));
        own.push((name.to_owned(), Item::of(id, path)));
    }
    Item::Fields(own)
}

/// What was written is the item.
fn handed_on(flow: &mut Flow<'_, '_, '_>, value: Value) -> Out {
    let id = flow.draft.ids.fresh(&format!("{}_row", flow.here.id));
    let node = Node::new(id.clone(), "json").with("value", value);
    let after = flow.after_own();
    flow.place(node, flow.here.inside, &after);
    Out { items: Items::one(Item::of(&id, "value")), after: vec![(id, Branch::Success)] }
}

fn computed(flow: &mut Flow<'_, '_, '_>, code: &str) -> Out {
    let (code, many) = match code.strip_prefix("[]") {
        Some(code) => (code, true),
        None => (code, false),
    };
    let mut whole = Text::literal("const data = ");
    whole.push(Part::Reference(format!("{}.data", flow.here.id)));
    whole.push(Part::Literal(format!(";\nreturn {code}")));
    behind(flow, "read", &whole, many)
}

/// A function whose result is the item, or the list of them.
fn behind(flow: &mut Flow<'_, '_, '_>, name: &str, code: &Text, many: bool) -> Out {
    let after = flow.after_own();
    let inside = flow.here.inside;
    let id = flow.helper_function(name, code, inside, &after);
    let item = Item::of(&id, "result");
    let items = if many { Items::many(item).from(flow.here.at) } else { Items::one(item) };
    Out { items, after: vec![(id, Branch::Success)] }
}

/// A record, or each of a list, with the fields inside of it beside its own.
fn spread(flow: &mut Flow<'_, '_, '_>, path: &str, inner: &str) -> Out {
    let id = flow.here.id.clone();
    let many = path.ends_with("[]");
    let mut code = Text::literal(format!(
        "const flat = x => x && {{ ...x, {inner}: undefined, ...x.{inner} }};\nreturn "
    ));
    code.push(Part::Literal(if many { "" } else { "flat(" }.to_owned()));
    code.push(Part::Reference(format!("{id}.{}", path.trim_end_matches("[]"))));
    code.push(Part::Literal(if many { ".map(flat)" } else { ")" }.to_owned()));
    behind(flow, "flat", &code, many)
}
