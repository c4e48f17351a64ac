//! Agents, and the models that blocks ask.

use flowgate_engine::provider;
use serde_json::{Map, Value, json};

use super::Flow;
use super::block::{Block, parsed};
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, is_true, items, number, text};
use crate::text::{Part, Text};

/// What Sim's editor chooses first.
const DEFAULT_MODEL: &str = "anthropic/claude-sonnet-4-5";
/// What the names of providers' models begin with.
const MODELS: [(&str, &str); 12] = [
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "gemini"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
    ("mistral", "mistral"),
    ("magistral", "mistral"),
    ("command", "cohere"),
];

impl Flow<'_, '_> {
    pub(super) fn agent(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let number_of = |name: &str| number(block.value(name));
        let temperature = number_of("temperature").filter(|heat| (0.0..=2.0).contains(heat));
        let max_tokens = number_of("maxTokens").filter(|max| (1.0..=1e7).contains(max));
        let node = self.with_prompt(at, Node::new(id, "agent"));
        let node = self.with_model(at, node);
        let node = node
            .with_some("temperature", temperature)
            .with_some("max_tokens", max_tokens.map(|max| max as u64))
            .with_some("schema", schema(block));
        let tools = self.tools(at, id);
        let node = node.with_some("tools", (!tools.is_empty()).then_some(tools));
        Some(self.with_memory(at, node))
    }

    fn with_prompt(&mut self, at: usize, node: Node) -> Node {
        let found = self.knowledge_of_tools(at, &node.id);
        let mut system = Text::default();
        let mut said = Vec::new();
        for (role, content) in messages(&self.blocks[at]) {
            let content = self.read(at, &content, false);
            if role == "system" {
                let gap = if system.is_empty() { "" } else { "\n\n" };
                system.push(Part::Literal(gap.to_owned()));
                system.append(content);
            } else if !content.is_empty() {
                said.push((role, content));
            }
        }
        if let Some(found) = found {
            system.push(Part::Literal("\n\nWhat is known:\n".to_owned()));
            system.append(found);
        }
        let node = match said.as_slice() {
            [(role, prompt)] if role == "user" => node.with("prompt", self.draft.text(prompt)),
            [] => {
                let note = "the file has no message of a user: the instructions are sent as one";
                self.draft.entry(self.blocks[at].id).approximated(note);
                let prompt = self.draft.text(&std::mem::take(&mut system));
                let prompt = if prompt == "" { "Go on.".into() } else { prompt };
                node.with("prompt", prompt)
            }
            all => {
                let messages = all.iter().map(
                    |(role, content)| json!({ "role": role, "content": self.draft.text(content) }),
                );
                node.with("messages", messages.collect::<Vec<_>>())
            }
        };
        let system = (!system.is_empty()).then(|| self.draft.text(&system));
        node.with_some("system", system)
    }

    /// Asks a store before the agent is asked, in the place of a tool that searches it.
    fn knowledge_of_tools(&mut self, at: usize, id: &str) -> Option<Text> {
        let tools = self.blocks[at].list("tools");
        let tool = tools.iter().find(|tool| text(tool.get("type")) == "knowledge")?;
        let params = fields(tool.get("params"));
        let store = slug(&text(params.get("knowledgeBaseId")));
        let top = number(params.get("topK")).map_or(5, |top| top.clamp(1.0, 50.0) as u64);
        let asked = messages(&self.blocks[at]).into_iter().rfind(|(role, _)| role == "user");
        let query = self.read(at, &asked.unwrap_or_default().1, false);
        let query = self.draft.text(&query);
        let source = self.blocks[at].id;
        let search = self.draft.ids.fresh(&format!("{store}_search"));
        let node = Node::new(&search, "knowledge")
            .with("action", "search")
            .with("store", store.as_str())
            .with("model", "openai/text-embedding-3-small")
            .with("query", query)
            .with("top", top);
        let container = self.container(at);
        self.draft.add(source, node.inside(container.as_deref()));
        self.draft.entry(source).approximated(format!(
            "the store `{store}` is searched before the agent `{id}` is asked; its texts have to \
             be added first"
        ));
        self.entrances.insert(at, search.clone());
        let matches = flowgate_engine::expr::reference::PathStep::Field("matches".to_owned());
        Some(Text::reference(&search, &[matches]))
    }

    /// The model of a block, and its key.
    pub(super) fn with_model(&mut self, at: usize, node: Node) -> Node {
        let written = self.blocks[at].text("model");
        let entry = self.draft.entry(self.blocks[at].id);
        let model = match model(written.trim()) {
            Some(model) => model,
            None if written.trim().is_empty() => {
                entry.approximated(format!(
                    "the file names no model: `{DEFAULT_MODEL}` has its place"
                ));
                DEFAULT_MODEL.to_owned()
            }
            None => {
                let why = format!(
                    "the model `{written}` is of no known provider: `{DEFAULT_MODEL}` has its place"
                );
                entry.unsupported(why);
                DEFAULT_MODEL.to_owned()
            }
        };
        let key = self.field_text(at, &["apiKey"]);
        let key = (!key.is_empty()).then(|| self.draft.text(&key));
        node.with("model", model).with_some("api_key", key)
    }

    fn with_memory(&mut self, at: usize, node: Node) -> Node {
        let kind = self.blocks[at].text("memoryType");
        if matches!(kind.as_str(), "" | "none") {
            return node;
        }
        let session = self.plain_text(at, &["conversationId"]);
        if session.is_empty() {
            let note = "it has no `conversationId`: nothing is remembered";
            self.draft.entry(self.blocks[at].id).unsupported(note);
            return node;
        }
        if kind == "sliding_window_tokens" {
            let note = "the last 20 turns are remembered, whatever their length";
            self.draft.entry(self.blocks[at].id).approximated(note);
        }
        let turns = number(self.blocks[at].value("slidingWindowSize"));
        let turns = turns.map_or(20, |messages| (messages / 2.0).clamp(1.0, 50.0) as u64);
        let session = self.draft.text(&session);
        node.with("memory", json!({ "session": session, "turns": turns }))
    }
}

/// `anthropic/claude-sonnet-4-5` of what Sim calls `claude-sonnet-4-5`.
fn model(written: &str) -> Option<String> {
    if written.contains(['<', '{']) {
        return None;
    }
    if let Some((provider, name)) = written.split_once('/') {
        let provider = if provider == "google" { "gemini" } else { provider };
        return provider::KNOWN.contains(&provider).then(|| format!("{provider}/{name}"));
    }
    let lower = written.to_lowercase();
    let known = MODELS.iter().find(|(start, _)| lower.starts_with(start));
    known.map(|(_, provider)| format!("{provider}/{written}"))
}

/// The JSON Schema of an agent's answer: alone, or as OpenAI's `response_format`.
pub(super) fn schema(block: &Block<'_>) -> Option<Value> {
    let mut schema = parsed(block.value("responseFormat")?);
    for _ in 0..3 {
        let inner = schema.get("json_schema").or_else(|| schema.get("schema"));
        match inner.filter(|inner| inner.is_object()) {
            Some(inner) => schema = inner.clone(),
            None => break,
        }
    }
    let Value::Object(mut schema) = schema else { return None };
    if schema.get("properties").is_none_or(|properties| !properties.is_object()) {
        return older_schema(&schema);
    }
    schema.insert("type".to_owned(), "object".into());
    Some(schema.into())
}

/// `{ fields: [{ name, type, description }] }`.
fn older_schema(format: &Map<String, Value>) -> Option<Value> {
    let mut properties = Map::new();
    for field in items(format.get("fields")) {
        let (name, kind) = (text(field.get("name")), text(field.get("type")));
        let kinds = ["string", "number", "boolean", "object", "array"];
        let kind = if kinds.contains(&&*kind) { kind } else { "string".to_owned() };
        let about = text(field.get("description"));
        properties.insert(name, json!({ "type": kind, "description": about }));
    }
    (!properties.is_empty()).then(|| json!({ "type": "object", "properties": properties }))
}

/// The role and the text of each message.
fn messages(block: &Block<'_>) -> Vec<(String, String)> {
    let mut messages = Vec::new();
    let shown = |value: Option<&Value>| match value {
        Some(value @ (Value::Array(_) | Value::Object(_))) => value.to_string(),
        value => text(value),
    };
    for message in block.list("messages") {
        let role = text(message.get("role"));
        let role = if matches!(&*role, "system" | "assistant") { role } else { "user".to_owned() };
        messages.push((role, shown(message.get("content"))));
    }
    for (role, name) in [("system", "systemPrompt"), ("user", "userPrompt"), ("user", "context")] {
        let content = block.text(name);
        if !content.trim().is_empty() {
            messages.push((role.to_owned(), content));
        }
    }
    messages.retain(|(_, content)| !content.trim().is_empty());
    messages
}

/// Whether a tool is switched off.
pub(super) fn is_unused(tool: &Value) -> bool {
    text(tool.get("usageControl")) == "none" || is_true(tool.get("disabled"))
}
