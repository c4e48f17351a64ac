//! Nodes of vendors: operations of connectors, or requests where no connector has them.
//!
//! What each operation becomes stands in tables, one file for each group of vendors.

mod call;
mod google;
mod leaves;
mod messages;
mod notion;
mod reader;
mod records;
mod web;
mod sheets;
mod sites;
mod social;
mod table;
mod video;

use flowgate_engine::connector::Effect;
use serde_json::Value;

use super::flow::{Flow, Out};
use super::items::{Item, Items};
use super::{branches, kinds};
use crate::draft::Node;
use crate::json::text;
use crate::text::Text;
use call::Call;
use table::Vendor;

const VENDORS: [&[Vendor]; 9] = [
    google::VENDORS,
    sheets::VENDORS,
    messages::VENDORS,
    notion::VENDORS,
    records::VENDORS,
    sites::VENDORS,
    social::VENDORS,
    video::VENDORS,
    web::VENDORS,
];

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let kind = flow.current().kind.clone();
    if kind == "evaluation" {
        return branches::read(flow);
    }
    if text(flow.current().parameters.get("operation")) == "sendAndWait" {
        return ask(flow);
    }
    let found = of_kind(&kind).map(|vendor| call::read(flow, vendor));
    match found.unwrap_or_else(|| Err("no connector has this operation".to_owned())) {
        Ok(call) => add(flow, call),
        Err(why) => kinds::unsupported(flow, &why),
    }
}

fn of_kind(kind: &str) -> Option<&'static Vendor> {
    VENDORS.iter().copied().flatten().find(|vendor| vendor.kind == kind)
}

/// A message that waits for an answer is a question of the run.
fn ask(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let given = parameters.get("message").or(parameters.get("text")).or(parameters.get("subject"));
    let message = flow.text(given);
    let message = if message.is_empty() { Text::literal("Go on?") } else { message };
    let message = flow.draft.only_text(&message);
    let id = flow.here.id.clone();
    flow.add_named(Node::new(id.clone(), "approval").with("message", message));
    flow.approximated("the question is asked over the run, not sent by the vendor");
    let data = Item::fields([
        ("approved", Item::of(&id, "approved")),
        ("text", Item::of(&id, "data.text")),
    ]);
    vec![flow.out(Items::one(Item::fields([("data", data)])))]
}

/// An operation as an agent's tool. A field of a connector that the model fills in is left out of
/// `with`; a request holds it as `<tool.x>`.
pub(super) fn as_tool(flow: &mut Flow<'_, '_, '_>, kind: &str) -> Option<(&'static str, Value)> {
    let mut call = call::read_tool(flow, of_kind(kind)?).ok()?;
    if call.kind != "http" {
        call.fields.retain(|_, value| !value.to_string().contains("<tool."));
    }
    Some((call.kind, call.fields.into()))
}

/// A model of n8n deletes where its author gave it the tool; here the tool must say so.
pub(super) fn allow(flow: &mut Flow<'_, '_, '_>, helper: usize, kind: &str, tool: &mut Value) {
    if call::operation(kind).is_some_and(|operation| operation.effect == Effect::Delete) {
        tool["allow"] = "delete".into();
        let source = flow.step(helper).origin.id.clone();
        flow.draft.entry(&source).approximated("the model may delete, as `allow: delete` says");
    }
}

/// As [`as_tool`], with all fields: `<tool.x>` stands for what is asked for.
pub(super) fn as_call(flow: &mut Flow<'_, '_, '_>, kind: &str) -> Option<(&'static str, Value)> {
    let call = call::read(flow, of_kind(kind)?).ok()?;
    Some((call.kind, call.fields.into()))
}

fn add(flow: &mut Flow<'_, '_, '_>, call: Call) -> Vec<Out> {
    let mut node = Node::new(flow.here.id.clone(), call.kind);
    let row = call.fields.get("rows").and_then(|rows| rows.get(0)).cloned();
    node.fields.extend(call.fields);
    if call.has_own_host {
        flow.draft.sends_to_own_host(&node.id);
    }
    flow.add_named(node);
    vec![leaves::out(flow, call.leaves, row)]
}

#[cfg(test)]
mod tests;
