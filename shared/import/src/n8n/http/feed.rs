//! Feeds: their entries are taken out of the text.

use super::super::flow::{Flow, Out};
use super::super::items::{Item, Items};
use super::super::lexer;
use super::sound_url;
use crate::draft::{Branch, Node};
use crate::text::{Part, Text};

/// A feed is read as text, and its entries taken out of it.
pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let url = flow.text(flow.current().parameters.get("url"));
    let url = sound_url(flow, url);
    let url = flow.draft.text(&url);
    let id = flow.here.id.clone();
    flow.add_named(Node::new(id.clone(), "http").with("url", url).with("as", "text"));
    flow.approximated("of a feed's entries, the usual fields are read");
    let mut code = Text::literal("const text = String(");
    code.push(Part::Reference(format!("{id}.data")));
    code.push(Part::Literal(lexer::shielded(FEED)));
    let after = flow.after_own();
    let inside = flow.here.inside;
    let id = flow.helper_function("entries", &code, inside, &after);
    let items = Items::many(Item::of(&id, "result")).from(flow.here.at);
    vec![Out { items, after: vec![(id, Branch::Success)] }]
}

const FEED: &str = concat!(");\n", include_str!("feed.js"));
