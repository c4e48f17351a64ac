//! Nodes of one vendor's models: they say, see, draw, speak and listen.

use serde_json::{Value, json};

use super::{model, tools};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, items, text};
use crate::n8n::flow::{Flow, Out};
use crate::n8n::items::{Item, Items};
use crate::n8n::kinds;
use crate::text::Text;

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let resource = filled(parameters.get("resource")).unwrap_or("text");
    let operation = text(parameters.get("operation"));
    match (resource, operation.as_str()) {
        ("image", "generate" | "create" | "") => image(flow),
        ("image", "analyze") => said(flow, true),
        ("audio", "generate") => speech(flow),
        ("audio", "" | "transcribe" | "translate") => transcript(flow),
        ("text" | "chat", "" | "message" | "response" | "complete" | "create") => said(flow, false),
        _ => kinds::unsupported(flow, &format!("`{resource}` `{operation}`")),
    }
}

fn provider(flow: &Flow<'_, '_, '_>) -> &'static str {
    match flow.current().kind.as_str() {
        "googleGemini" => "gemini",
        "anthropic" => "anthropic",
        _ => "openai",
    }
}

fn image(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let prompt = flow.written(flow.current().parameters.get("prompt"));
    let model = match provider(flow) {
        "openai" => format!("openai/{}", model::name(flow.current()).unwrap_or("dall-e-3")),
        _ => "gemini/gemini-2.5-flash-image".to_owned(),
    };
    let id = flow.here.id.clone();
    flow.add_named(Node::new(id.clone(), "image").with("model", model).with("prompt", prompt));
    let items = Items::one(Item::fields([("url", Item::of(&id, "url"))]));
    vec![flow.out(items.with_file(Some(format!("{id}.image"))))]
}

fn speech(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let given = flow.written(flow.current().parameters.get("input"));
    let id = flow.here.id.clone();
    let node = Node::new(id.clone(), "speech").with("model", "openai/tts-1").with("text", given);
    flow.add_named(node);
    let items = Items::one(Item::Fields(Vec::new()));
    vec![flow.out(items.with_file(Some(format!("{id}.audio"))))]
}

fn transcript(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let Some(file) = flow.file() else {
        return kinds::unsupported(flow, "no sound of a node before is known");
    };
    let id = flow.here.id.clone();
    let node =
        Node::new(id.clone(), "speech").with("model", "openai/whisper-1").with("audio", file);
    flow.add_named(node);
    vec![flow.out(Items::one(Item::fields([("text", Item::of(&id, "text"))])))]
}

/// A model's answer, to messages or about a picture.
fn said(flow: &mut Flow<'_, '_, '_>, sees: bool) -> Vec<Out> {
    let step = flow.current();
    let id = flow.here.id.clone();
    let model = format!("{}/{}", provider(flow), model::name(step).unwrap_or("gpt-4o-mini"));
    let node = Node::new(id.clone(), "agent").with("model", model);
    let node = if sees { with_picture(flow, node) } else { with_messages(flow, node) };
    let node = model::with_limits(node, fields(step.parameters.get("options")));
    let node = tools::with_tools(flow, node);
    flow.add_named(node);
    let (content, after) = match is_true(step.parameters.get("jsonOutput")) {
        true => read_json(flow),
        false => (Item::of(&id, "content"), flow.after_own()),
    };
    let message = Item::fields([("content", content.clone()), ("role", Item::Null)]);
    let mut own = vec![("message", message), ("content", content.clone())];
    if step.kind == "openAi" {
        own.push(("text", content));
    }
    vec![Out { items: Items::one(Item::fields(own)), after }]
}

/// A node that reads the answer as JSON, and what comes after it.
fn read_json(flow: &mut Flow<'_, '_, '_>) -> (Item, Vec<(String, crate::draft::Branch)>) {
    let id = &flow.here.id;
    let (parsed, content) =
        (flow.draft.ids.fresh(&format!("{id}_json")), format!("<{id}.content>"));
    let node = Node::new(parsed.clone(), "json").with("parse", content);
    let after = flow.after_own();
    flow.place(node, flow.here.inside, &after);
    let item = Item::of(&parsed, "value");
    (item, vec![(parsed, crate::draft::Branch::Success)])
}

fn with_picture(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let parameters = flow.current().parameters;
    let prompt = flow.text(parameters.get("text"));
    let node = node.with("prompt", flow.draft.only_text(&prompt));
    match text(parameters.get("inputType")).as_str() {
        "base64" | "binary" => {
            let file = flow.file();
            node.with_some("images", file.map(|file| json!([file])))
        }
        _ => {
            let url = flow.written(parameters.get("imageUrls"));
            node.with("images", json!([url]))
        }
    }
}

fn with_messages(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let messages = messages(flow);
    if messages.is_empty() {
        let prompt = flow.text(flow.current().parameters.get("prompt"));
        return with_prompt(flow, node, prompt);
    }
    let is_asked = messages.iter().any(|message| message["role"] == "user");
    node.with_some("prompt", (!is_asked).then_some("Go on.")).with("messages", messages)
}

fn with_prompt(flow: &mut Flow<'_, '_, '_>, node: Node, mut prompt: Text) -> Node {
    if prompt.is_empty() {
        flow.approximated("its prompt is empty: `Go on.` is said");
        prompt = Text::literal("Go on.");
    }
    node.with("prompt", flow.draft.only_text(&prompt))
}

/// The messages, which stand in another field in each version.
fn messages(flow: &mut Flow<'_, '_, '_>) -> Vec<Value> {
    let parameters = flow.current().parameters;
    let lists = [
        fields(parameters.get("messages")).get("values"),
        fields(parameters.get("messages")).get("messageValues"),
        fields(parameters.get("prompt")).get("messages"),
        fields(parameters.get("responses")).get("values"),
    ];
    let mut messages = Vec::new();
    for one in lists.into_iter().flat_map(items) {
        let role = match text(one.get("role")).as_str() {
            "system" => "system",
            "assistant" | "model" => "assistant",
            _ => "user",
        };
        let said = flow.text(one.get("content"));
        if !said.is_empty() {
            let said = flow.draft.only_text(&said);
            messages.push(json!({ "role": role, "content": said }));
        }
    }
    messages
}
