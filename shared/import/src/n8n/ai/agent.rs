//! Agents and chains: a prompt, messages, a memory, tools, and an answer that may have a schema.

use serde_json::{Map, Value, json};

use super::{model, schema, tools};
use crate::draft::Node;
use crate::json::{fields, items, number, text};
use crate::n8n::expression::Step;
use crate::n8n::flow::{Flow, Out};
use crate::n8n::items::{Item, Items};
use crate::text::{Part, Text};

const MAX_TURNS: f64 = 50.0;

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    let prompt = prompt(flow);
    let prompt = flow.draft.only_text(&prompt);
    let node = Node::new(flow.here.id.clone(), "agent");
    let node = model::with_model(flow, node);
    let node = with_messages(flow, node, options).with("prompt", prompt);
    let node = with_pictures(flow, node);
    let node = with_memory(flow, node);
    let node = tools::with_tools(flow, node);
    let turns = number(options.get("maxIterations")).filter(|turns| *turns >= 1.0);
    let node = node.with_some("max_turns", turns.map(|turns| turns.min(MAX_TURNS) as u64));
    answered(flow, node)
}

fn prompt(flow: &mut Flow<'_, '_, '_>) -> Text {
    let parameters = flow.current().parameters;
    let given = parameters.get("text").or(parameters.get("prompt"));
    let is_own = matches!(text(parameters.get("promptType")).as_str(), "define" | "");
    let text = match given.filter(|_| is_own) {
        Some(given) => flow.text(Some(given)),
        None => flow.text(Some(&json!("={{ $json.chatInput }}"))),
    };
    if text.is_empty() { Text::literal("Go on.") } else { text }
}

/// What is said before the prompt: system messages as one, the others in their order.
fn with_messages(flow: &mut Flow<'_, '_, '_>, node: Node, options: &Map<String, Value>) -> Node {
    let mut system = flow.text(options.get("systemMessage"));
    let mut messages: Vec<Value> = Vec::new();
    for one in messages_of(flow) {
        let said = flow.text(one.get("message"));
        let role = match text(one.get("type")).as_str() {
            "AIMessagePromptTemplate" => "assistant",
            "HumanMessagePromptTemplate" => "user",
            _ => {
                if !system.is_empty() {
                    system.push(Part::Literal("\n\n".to_owned()));
                }
                system.append(said);
                continue;
            }
        };
        if !said.is_empty() {
            messages.push(json!({ "role": role, "content": flow.draft.text(&said) }));
        }
    }
    let system = (!system.is_empty()).then(|| flow.draft.text(&system));
    node.with_some("system", system).with_some("messages", some(messages))
}

fn some(list: Vec<Value>) -> Option<Vec<Value>> {
    (!list.is_empty()).then_some(list)
}

fn messages_of<'g>(flow: &Flow<'_, '_, 'g>) -> &'g [Value] {
    items(fields(flow.current().parameters.get("messages")).get("messageValues"))
}

fn with_pictures(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let is_picture = |one: &Value| text(one.get("messageType")).starts_with("image");
    if !messages_of(flow).iter().any(is_picture) {
        return node;
    }
    let file = flow.file();
    node.with_some("images", file.map(|file| json!([file])))
}

fn with_memory(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let Some(helper) = flow.graph.helpers(flow.here.at, "ai_memory").first().copied() else {
        return node;
    };
    let step = flow.step(helper);
    let entry = flow.draft.entry(&step.origin.id);
    if !step.kind.ends_with("Window") && !step.kind.contains("Chat") {
        entry.approximated("the conversation is kept here, not in that store");
    }
    entry.note("the memory of an agent");
    let is_own = text(step.parameters.get("sessionIdType")) == "customKey";
    let key = step.parameters.get("sessionKey").filter(|_| is_own);
    let session = flow.text(Some(key.unwrap_or(&json!("={{ $json.sessionId }}"))));
    let session = if session.is_empty() { Text::literal("all") } else { session };
    let session = flow.draft.only_text(&session);
    let turns = number(step.parameters.get("contextWindowLength")).unwrap_or(5.0);
    let turns = turns.clamp(1.0, MAX_TURNS) as u64;
    node.with("memory", json!({ "session": session, "turns": turns }))
}

/// Adds the node, and says what it leaves: a chain `{text}`, an agent `{output}`, and with a
/// schema the object itself.
fn answered(flow: &mut Flow<'_, '_, '_>, node: Node) -> Vec<Out> {
    let step = flow.current();
    let schema = schema::of_parser(flow, flow.here.at);
    let id = &flow.here.id;
    let item = match (&schema, step.kind == "chainLlm") {
        (Some(schema), true) if step.version >= 1.5 => own_fields(schema, &Item::of(id, "data")),
        (Some(_), true) => {
            Item::fields([("text", Item::of(id, "data")), ("output", Item::of(id, "data"))])
        }
        (Some(_), false) => Item::fields([("output", Item::of(id, "data"))]),
        (None, true) => Item::fields([("text", Item::of(id, "content"))]),
        (None, false) => Item::fields([("output", Item::of(id, "content"))]),
    };
    flow.add_named(node.with_some("schema", schema));
    vec![flow.out(Items::one(item))]
}

/// The fields of an answer. Parsers wrap it in `output` since 1.2: both forms are read. Of very
/// many fields, which every node behind would copy, it is the whole answer.
fn own_fields(schema: &Value, data: &Item) -> Item {
    const MAX_FIELDS: usize = 200;
    const MAX_BYTES: usize = 8 << 10;
    let names = fields(schema.get("properties")).keys();
    if names.len() > MAX_FIELDS || names.clone().map(String::len).sum::<usize>() > MAX_BYTES {
        return data.clone();
    }
    let mut own: Vec<(String, Item)> =
        names.map(|name| (name.clone(), data.at(&[Step::Field(name.clone())]))).collect();
    if !own.iter().any(|(name, _)| name == "output") {
        own.push(("output".to_owned(), data.clone()));
    }
    Item::Fields(own)
}
