//! What each type of node becomes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Feed, Flow, Step, size};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, number, text};
use crate::text::{Part, Text};

/// A node, and the path under which others read it; `parts[]` is a list of outputs.
type Made = Option<(Node, &'static str)>;

impl Flow<'_> {
    /// Returns nothing for a type without a counterpart.
    pub(super) fn node(&mut self, step: &Step<'_>, id: &str) -> Made {
        match step.origin.kind.as_str() {
            "input-text" => self.template(id, &self.field(step, "inputText")),
            "input-image" => self.template(id, &self.first(step, &["inputText", "url", "fileUrl"])),
            "file" => self.file(step, id),
            "url_input" => self.page(step, id),
            "document-to-text-processor" => self.document(step, id),
            "http-get-processor" => self.get(step, id),
            "llm-prompt" | "gpt-no-context-prompt" | "ai-action" | "gpt-prompt" => {
                self.agent(step, id, "openai")
            }
            "openai-reasoning-processor" => self.agent(step, id, "openai"),
            "claude-anthropic-processor" => self.agent(step, id, "anthropic"),
            "deepseek-processor" => self.agent(step, id, "deepseek"),
            "openrouter-processor" => self.agent(step, id, "openrouter"),
            "gpt-vision" => self.agent(step, id, "openai"),
            "dalle-prompt" => self.image(step, id, "openai/dall-e-3"),
            "gpt-image-processor" => self.image(step, id, "openai/gpt-image-1"),
            "stable-diffusion-stabilityai-prompt" => self.image(step, id, "stability/core"),
            "stabilityai-stable-diffusion-3-processor" => {
                self.image(step, id, "stability/sd3.5-large")
            }
            "replicate" => self.replicate(step, id),
            "openai-text-to-speech-processor" => self.speech(step, id),
            "merger-prompt" => self.merger(step, id),
            "ai-data-splitter" => self.split(step, id),
            "replace-text" => self.replace(step, id),
            "generate-number-processor" => self.random(step, id),
            "transition" | "display" => self.template(id, &self.context(step, &[])),
            _ => None,
        }
    }

    fn first(&self, step: &Step<'_>, names: &[&str]) -> Text {
        let texts = names.iter().map(|name| self.field(step, name));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn template(&mut self, id: &str, text: &Text) -> Made {
        let text = self.draft.text(text);
        Some((Node::new(id, "template").with("template", text), "content"))
    }

    /// An upload of the editor: a field of the input, unless its address is in the file.
    fn file(&mut self, step: &Step<'_>, id: &str) -> Made {
        let url = self.first(step, &["fileUrl", "url"]);
        if !url.is_empty() {
            return self.template(id, &url);
        }
        let input = self.draft.input.get_or_insert_default();
        input.push(serde_json::json!({ "name": id, "type": "file" }));
        let note = format!("the file is the input `{id}` now");
        self.draft.entry(&step.origin.id).approximated(note);
        let file = Text(vec![Part::Reference(format!("api[\"{id}\"]"))]);
        self.template(id, &file)
    }

    fn page(&mut self, step: &Step<'_>, id: &str) -> Made {
        let mut url = self.first(step, &["url", "inputText"]);
        if url.is_empty() {
            url = self.context(step, &[]);
        }
        let url = if url.is_empty() { self.asked(step, id, "url") } else { url };
        let url = self.draft.text(&url);
        Some((Node::new(id, "fetch").with("url", url), "text"))
    }

    /// A field that people fill in in the editor before a run becomes a field of the input.
    fn asked(&mut self, step: &Step<'_>, id: &str, field: &str) -> Text {
        let name = format!("{id}_{field}");
        let input = self.draft.input.get_or_insert_default();
        input.push(serde_json::json!({ "name": name, "type": "string" }));
        let note = format!("`{field}` is empty in the file; it is the input `{name}` now");
        self.draft.entry(&step.origin.id).approximated(note);
        Text(vec![Part::Reference(format!("api[\"{name}\"]"))])
    }

    fn document(&mut self, step: &Step<'_>, id: &str) -> Made {
        let mut file = self.first(step, &["document_url", "url"]);
        if file.is_empty() {
            file = self.context(step, &[]);
        }
        if file.as_literal().is_some() {
            let url = if file.is_empty() { self.asked(step, id, "url") } else { file };
            let url = self.draft.text(&url);
            return Some((Node::new(id, "fetch").with("url", url), "text"));
        }
        let file = self.draft.text(&file);
        Some((Node::new(id, "document").with("file", file), "text"))
    }

    fn get(&mut self, step: &Step<'_>, id: &str) -> Made {
        let url = self.first(step, &["url"]);
        let url = if url.is_empty() { self.asked(step, id, "url") } else { url };
        let url = self.draft.text(&url);
        if step.fields.get("headers").is_some_and(|headers| !headers.is_null()) {
            self.draft.entry(&step.origin.id).unsupported("headers were left out");
        }
        Some((Node::new(id, "http").with("url", url).with("timeout", "5s"), "data"))
    }

    fn agent(&mut self, step: &Step<'_>, id: &str, provider: &str) -> Made {
        let prompt = self.first(step, &["prompt", "inputText"]);
        let images = self.first(step, &["image_url", "image", "images"]);
        let context =
            self.context(step, &["prompt", "inputText", "image_url", "image", "images", "model"]);
        let mut whole = prompt;
        if whole.is_empty() {
            whole = context;
        } else if !context.is_empty() {
            whole.push(Part::Literal("\n\n".to_owned()));
            whole.append(context);
        }
        let whole = if whole.is_empty() { self.asked(step, id, "prompt") } else { whole };
        let prompt = self.draft.text(&whole);
        let mut node =
            Node::new(id, "agent").with("model", model(step, provider)).with("prompt", prompt);
        if !images.is_empty() {
            let images = self.draft.text(&images);
            node = node.with("images", vec![images]);
        }
        let within = |name: &str, max: f64| {
            number(step.fields.get(name)).filter(|number| (0.0..=max).contains(number))
        };
        let max_tokens = within("max_tokens", 1e7).filter(|max| *max >= 1.0).map(|max| max as u64);
        let node = node.with_some("temperature", within("temperature", 2.0));
        Some((node.with_some("max_tokens", max_tokens), "content"))
    }

    fn image(&mut self, step: &Step<'_>, id: &str, model: &str) -> Made {
        let mut prompt = self.first(step, &["prompt"]);
        if prompt.is_empty() {
            prompt = self.context(step, &[]);
        }
        let prompt = if prompt.is_empty() { self.asked(step, id, "prompt") } else { prompt };
        let prompt = self.draft.text(&prompt);
        if model.starts_with("stability/") {
            let note = format!("drawn by `{model}`, which is not the model of the file");
            self.draft.entry(&step.origin.id).approximated(note);
        }
        let node = Node::new(id, "image").with("model", model).with("prompt", prompt);
        let quality = filled(step.fields.get("quality"));
        Some((node.with_some("size", size(step.fields)).with_some("quality", quality), "url"))
    }

    fn replicate(&mut self, step: &Step<'_>, id: &str) -> Made {
        let config = fields(step.fields.get("config"));
        let model = filled(step.fields.get("model")).or_else(|| filled(config.get("nodeName")))?;
        let mut input = Map::new();
        for field in crate::json::items(config.get("fields")) {
            let Some(name) = filled(field.get("name")) else { continue };
            let fed = self.fed(step, &[name]);
            let own = step.fields.get(name).or_else(|| field.get("defaultValue"));
            let value = match own {
                _ if !fed.is_empty() => self.draft.any(&fed),
                Some(Value::Null) | None => continue,
                Some(own) => self.draft.json(&own.clone(), &mut |text| Text::literal(text)),
            };
            input.insert(name.to_owned(), value);
        }
        Some((Node::new(id, "replicate").with("model", model).with("input", input), "url"))
    }

    fn speech(&mut self, step: &Step<'_>, id: &str) -> Made {
        let mut spoken = self.first(step, &["text", "inputText"]);
        if spoken.is_empty() {
            spoken = self.context(step, &[]);
        }
        let spoken = if spoken.is_empty() { self.asked(step, id, "text") } else { spoken };
        let spoken = self.draft.text(&spoken);
        let node =
            Node::new(id, "speech").with("model", model(step, "openai")).with("text", spoken);
        Some((node.with_some("voice", filled(step.fields.get("voice"))), "url"))
    }

    /// `${input-1}` stands for what feeds the first handle.
    fn merger(&mut self, step: &Step<'_>, id: &str) -> Made {
        let template = text(step.fields.get("inputText").or_else(|| step.fields.get("prompt")));
        let mut merged = Text::default();
        let by_name: HashMap<&str, &Feed<'_>> =
            step.feeds.iter().rev().filter_map(|feed| Some((feed.field?, feed))).collect();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            merged.push(Part::Literal(before.to_owned()));
            let Some((name, after)) = after.split_once('}') else { break };
            let number =
                name.strip_prefix("input-").and_then(|number| number.parse::<usize>().ok());
            let by_number = number.and_then(|number| step.feeds.get(number.checked_sub(1)?));
            let fed = by_name.get(name).copied().or(by_number).map(|feed| self.read(feed));
            match fed.filter(|fed| self.draft.may_copy(fed)) {
                Some(fed) => merged.append(fed),
                None => merged.push(Part::Literal(format!("${{{name}}}"))),
            }
            rest = after;
        }
        merged.push(Part::Literal(rest.to_owned()));
        if text(step.fields.get("mergeMode")) != "2" {
            return self.template(id, &merged);
        }
        let prompt = self.draft.text(&merged);
        let node =
            Node::new(id, "agent").with("model", model(step, "openai")).with("prompt", prompt);
        Some((node, "content"))
    }

    /// By a separator; a model that splits is left to people.
    fn split(&mut self, step: &Step<'_>, id: &str) -> Made {
        let separator = text(step.fields.get("separator"));
        let separator = separator.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r");
        if text(step.fields.get("mode")) != "manual" || separator.is_empty() {
            return None;
        }
        let split = self.context(step, &["separator"]);
        let split = if split.is_empty() { self.asked(step, id, "text") } else { split };
        let split = self.draft.text(&split);
        let separator = self.draft.text(&Text::literal(separator));
        let node = Node::new(id, "split").with("text", split).with("separator", separator);
        Some((node.with("trim", true), "parts[]"))
    }

    fn replace(&mut self, step: &Step<'_>, id: &str) -> Made {
        let find = filled(step.fields.get("search_text").or_else(|| step.fields.get("find")))?;
        let own = ["search_text", "find", "replacement_text", "replacement"];
        let mut within = self.first(step, &["input_text", "text"]);
        if within.is_empty() {
            within = self.context(step, &own);
        }
        let within = if within.is_empty() { self.asked(step, id, "text") } else { within };
        let replacement = self.first(step, &["replacement_text", "replacement"]);
        let (within, with) = (self.draft.text(&within), self.draft.text(&replacement));
        let find = self.draft.text(&Text::literal(find));
        let key = if is_true(step.fields.get("use_regex")) { "pattern" } else { "find" };
        Some((
            Node::new(id, "replace").with("text", within).with(key, find).with("with", with),
            "content",
        ))
    }

    fn random(&mut self, step: &Step<'_>, id: &str) -> Made {
        let whole = |name: &str| number(step.fields.get(name)).map(|number| number as i64);
        let (min, max) = (whole("min").unwrap_or(0), whole("max").unwrap_or(100));
        let range = serde_json::json!({ "min": min.min(max), "max": max.max(min) });
        Some((Node::new(id, "random").with("number", range), "value"))
    }
}

fn model(step: &Step<'_>, provider: &str) -> String {
    let named = ["model", "gptVersion"].iter().find_map(|name| filled(step.fields.get(*name)));
    let default = match (provider, step.origin.kind.as_str()) {
        (_, "openai-text-to-speech-processor") => "tts-1",
        ("anthropic", _) => "claude-sonnet-4-5",
        ("deepseek", _) => "deepseek-chat",
        _ => "gpt-4o-mini",
    };
    format!("{provider}/{}", named.unwrap_or(default))
}
