//! What each type of block becomes.

use serde_json::{Map, Value, json};

use super::Flow;
use super::block::parsed;
use super::leaves::Leaves;
use crate::draft::Node;
use crate::ids::slug;
use crate::js;
use crate::json::{number, text};
use crate::text::{Part, Text};

impl Flow<'_, '_> {
    pub(super) fn node(&mut self, at: usize, id: &str) -> Option<Node> {
        let kind = self.blocks[at].kind();
        match kind {
            "agent" => self.agent(at, id),
            "function" => self.function(at, id),
            "api" => self.request(at, id),
            "condition" => self.condition(at, id),
            "router" | "router_v2" => self.router(at, id),
            "evaluator" => self.evaluator(at, id),
            "translate" => self.translation(at, id),
            "loop" | "parallel" => self.container_node(at, id, kind),
            "response" => self.response(at, id),
            "webhook_request" => self.webhook(at, id),
            "workflow" | "workflow_input" => self.child(at, id),
            "knowledge" => self.knowledge(at, id),
            "variables" => self.set_variables(at, id),
            "wait" => self.wait(at, id),
            "human_in_the_loop" => self.approval(at, id),
            "thinking" => self.thinking(at, id),
            "image_generator" => self.image(at, id),
            "note" => {
                let text = self.blocks[at].text("content");
                Some(Node::new(id, "note").with("text", text))
            }
            _ => match self.leaves[at] {
                Leaves::Vendor(mapping) => Some(self.vendor(at, id, mapping)),
                _ => {
                    let why = format!("`{kind}` has no counterpart");
                    Some(self.stub(at, id, &why))
                }
            },
        }
    }

    fn function(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let code = match block.value("code").map(parsed) {
            Some(Value::Array(parts)) => {
                let parts = parts.iter().map(|part| text(part.get("content").or(Some(part))));
                parts.collect::<Vec<_>>().join("\n")
            }
            _ => block.text("code"),
        };
        match block.text("language").as_str() {
            "" | "javascript" | "typescript" => {
                let code = self.javascript(at, &code);
                Some(Node::new(id, "function").with("code", code))
            }
            "python" => {
                let code = self.read(at, &code, false);
                let code = self.draft.text(&code);
                Some(Node::new(id, "python").with("code", code))
            }
            other => {
                let why = format!("code in `{other}` cannot be run");
                Some(self.stub(at, id, &why))
            }
        }
    }

    /// Code may read the input of the workflow as `input`.
    fn javascript(&mut self, at: usize, code: &str) -> String {
        let mut whole = Text::default();
        if reads_input(code) {
            let input = Text::reference(
                "api",
                &[flowgate_engine::expr::reference::PathStep::Field("input".into())],
            );
            whole.push(Part::Literal("const input = ".to_owned()));
            whole.append(input);
            whole.push(Part::Literal("\n".to_owned()));
            let note = "`input` in the code is the input of the workflow";
            self.draft.entry(self.blocks[at].id).approximated(note);
        }
        whole.append(self.read(at, code, false));
        self.draft.javascript(&whole)
    }

    fn knowledge(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let store = slug(&block.text("knowledgeBaseId"));
        let node = Node::new(id, "knowledge").with("store", store.as_str());
        let node = node.with("model", "openai/text-embedding-3-small");
        let (node, note) = match block.text("operation").as_str() {
            "" | "search" => {
                let query = self.plain_text(at, &["query"]);
                let query = self.draft.text(&query);
                let top = number(block.value("topK").or_else(|| block.value("numberOfResults")));
                let top = top.map_or(5, |top| top.clamp(1.0, 50.0) as u64);
                let node = node.with("action", "search").with("query", query).with("top", top);
                (node, format!("its texts have to be added to the store `{store}` first"))
            }
            "upload_chunk" | "create_document" => {
                let text = self.plain_text(at, &["content"]);
                let source = self.plain_text(at, &["name", "documentId"]);
                let (text, source) = (self.draft.text(&text), self.draft.text(&source));
                let node = node.with("action", "add").with("text", text).with("source", source);
                (node, format!("its texts are kept in the store `{store}`"))
            }
            other => {
                let why = format!("a store knows no operation `{other}`");
                return Some(self.stub(at, id, &why));
            }
        };
        self.draft.entry(self.blocks[at].id).approximated(note);
        Some(node)
    }

    fn set_variables(&mut self, at: usize, id: &str) -> Option<Node> {
        let mut set = Map::new();
        for variable in self.blocks[at].list("variables") {
            let name = text(variable.get("variableName").or_else(|| variable.get("name")));
            if name.trim().is_empty() {
                continue;
            }
            let value = variable.get("value").cloned().unwrap_or_default();
            let value = match (text(variable.get("type")).as_str(), value) {
                ("number" | "boolean" | "object" | "array", Value::String(text)) => {
                    self.json_of_text(at, &text, false)
                }
                (_, value) => self.json(at, &value, false),
            };
            set.insert(name, value);
        }
        if set.is_empty() {
            return Some(self.stub(at, id, "it sets no variable"));
        }
        Some(Node::new(id, "variables").with("set", set))
    }

    fn wait(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let unit = match block.text("timeUnit").as_str() {
            "minutes" => "m",
            "hours" => "h",
            "days" => "d",
            _ => "s",
        };
        let time = number(block.value("timeValue")).unwrap_or(10.0).clamp(0.0, 86_400.0) as u64;
        Some(Node::new(id, "wait").with("for", format!("{time}{unit}")))
    }

    fn approval(&mut self, at: usize, id: &str) -> Option<Node> {
        let note = "people are asked on a page here; messages to others have to be added by hand";
        self.draft.entry(self.blocks[at].id).approximated(note);
        let message = self.plain_text(at, &["message", "description", "title"]);
        let message = if message.is_empty() { Text::literal("Go on?") } else { message };
        let message = self.draft.text(&message);
        Some(Node::new(id, "approval").with("message", message))
    }

    fn thinking(&mut self, at: usize, id: &str) -> Option<Node> {
        let thought = self.plain_text(at, &["thought"]);
        let thought = self.draft.text(&thought);
        Some(Node::new(id, "template").with("template", thought))
    }

    fn image(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let model = block.text("model");
        if !matches!(model.as_str(), "" | "dall-e-3" | "gpt-image-1") {
            let why = format!("pictures of the model `{model}` have no counterpart");
            return Some(self.stub(at, id, &why));
        }
        let model = if model.is_empty() { "dall-e-3" } else { &model };
        let size = Some(block.text("size")).filter(|size| !matches!(&**size, "" | "auto"));
        let prompt = self.plain_text(at, &["prompt"]);
        let prompt = self.draft.text(&prompt);
        let node = Node::new(id, "image").with("model", format!("openai/{model}"));
        Some(node.with("prompt", prompt).with_some("size", size))
    }

    /// A model that scores, one number for each metric.
    fn evaluator(&mut self, at: usize, id: &str) -> Option<Node> {
        let mut properties = Map::new();
        for metric in self.blocks[at].list("metrics") {
            let name = text(metric.get("name")).to_lowercase();
            let range = metric.get("range");
            let bound = |of: &str| number(range.and_then(|range| range.get(of)));
            let (min, max) = (bound("min").unwrap_or(0.0), bound("max").unwrap_or(10.0));
            let about = format!("{} ({min} to {max})", text(metric.get("description")));
            let schema =
                json!({ "type": "number", "description": about, "minimum": min, "maximum": max });
            if !name.trim().is_empty() {
                properties.insert(name, schema);
            }
        }
        if properties.is_empty() {
            return Some(self.stub(at, id, "it has no metrics"));
        }
        let required: Vec<String> = properties.keys().cloned().collect();
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        let prompt = self.plain_text(at, &["content"]);
        let prompt = self.draft.text(&prompt);
        let node = Node::new(id, "agent")
            .with("system", "Score the text by each metric.")
            .with("prompt", prompt)
            .with("schema", schema);
        Some(self.with_model(at, node))
    }

    fn translation(&mut self, at: usize, id: &str) -> Option<Node> {
        let language = self.plain_text(at, &["targetLanguage"]);
        let mut system =
            Text::literal("Translate the text. Answer with the translation alone. Into: ");
        system.append(language);
        let prompt = self.plain_text(at, &["context"]);
        let (system, prompt) = (self.draft.text(&system), self.draft.text(&prompt));
        let node = Node::new(id, "agent").with("system", system).with("prompt", prompt);
        Some(self.with_model(at, node))
    }
}

/// Whether code reads a variable `input` that it does not declare.
fn reads_input(code: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let mut reads = false;
    for token in js::tokens(code).into_iter().filter(|token| token.kind == js::Kind::Code) {
        let code = &code[token.range];
        for (at, word) in code.match_indices("input") {
            let before = &code[..at];
            let after = &code[at + word.len()..];
            if before.ends_with(|c| is_word(c) || c == '.' || c == '<')
                || after.starts_with(is_word)
            {
                continue;
            }
            let declares = ["const", "let", "var"];
            let is_parameter = after.trim_start_matches([')', ' ']).starts_with("=>");
            let is_declared = declares.iter().any(|word| before.trim_end().ends_with(word));
            if is_declared || is_parameter {
                return false;
            }
            reads = true;
        }
    }
    reads
}
