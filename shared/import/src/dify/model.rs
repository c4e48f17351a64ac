//! Language models: prompts, classes and parameters.

use flowgate_engine::provider;
use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::read::{renamed, selector_of};
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::{Part, Text};

/// Providers with another name than ours.
const PROVIDERS: [(&str, &str); 10] = [
    ("google", "gemini"),
    ("mistralai", "mistral"),
    ("tongyi", "qwen"),
    ("zhipuai", "zai"),
    ("togetherai", "together"),
    ("x", "xai"),
    ("volcengine_maas", "volcengine"),
    ("openai_api_compatible", "openai_compatible"),
    ("azure_openai", "azure"),
    ("vertex_ai", "vertex"),
];
const SESSION: &str = "<api.conversation_id>";

pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    name_of(step.object("model")).is_none().then(|| "it names no model".to_owned())
}

/// `provider/model`, in our words.
pub(super) fn name_of(model: &Map<String, Value>) -> Option<String> {
    let name = filled(model.get("name")).or_else(|| filled(model.get("model")))?;
    let provider = text(model.get("provider"));
    let provider = slug(provider.rsplit('/').next().unwrap_or_default());
    let ours = PROVIDERS.iter().find(|(theirs, _)| *theirs == provider);
    let provider = ours.map_or(provider.as_str(), |(_, ours)| ours);
    Some(format!("{provider}/{name}"))
}

/// The name of the branch of a class.
pub(super) fn route(step: &Step<'_>, handle: &str) -> Option<String> {
    let classes = step.list("classes");
    let at = classes.iter().position(|class| text(class.get("id")) == handle)?;
    Some(route_name(at))
}

fn route_name(at: usize) -> String {
    format!("class_{}", at + 1)
}

impl<'a> Flow<'a, '_, '_> {
    /// The model of a node, with the parameters that ours have.
    pub(super) fn model(
        &mut self,
        step: &Step<'_>,
        node: Node,
        model: &Map<String, Value>,
    ) -> Node {
        let name = name_of(model).unwrap_or_default();
        let provider = name.split('/').next().unwrap_or_default().to_owned();
        if !provider::KNOWN.contains(&provider.as_str()) {
            let secret = provider.to_ascii_uppercase();
            let note = format!("set the secrets `{secret}_BASE_URL` and `{secret}_API_KEY`");
            self.draft.entry(step.id()).note(note);
        }
        if ["azure", "vertex"].contains(&provider.as_str()) {
            let note = format!("`{provider}` is asked in OpenAI's protocol");
            self.draft.entry(step.id()).approximated(note);
        }
        let is_known = provider::KNOWN.contains(&provider.as_str());
        let base = format!("{{{{{}_BASE_URL}}}}", provider.to_ascii_uppercase());
        let mut node = node.with("model", name).with_some("base_url", (!is_known).then_some(base));
        let is_agent = node.kind() == "agent";
        for (parameter, value) in fields(model.get("completion_params")) {
            let within = |min: f64, max: f64| {
                number(Some(value)).filter(|number| (min..=max).contains(number))
            };
            let ours: Option<(&str, Value)> = match parameter.as_str() {
                "temperature" => within(0.0, 2.0).map(|value| ("temperature", shortest(value))),
                "top_p" if is_agent => within(0.0, 1.0).map(|value| ("top_p", shortest(value))),
                "max_tokens" | "max_output_tokens" | "max_tokens_to_sample" => {
                    within(1.0, 1e7).map(|value| ("max_tokens", shortest(value)))
                }
                "seed" => within(0.0, 2_147_483_647.0).map(|value| ("seed", shortest(value))),
                "stop" if is_agent && !items(Some(value)).is_empty() => {
                    let texts: Vec<Value> =
                        items(Some(value)).iter().map(|item| text(Some(item)).into()).collect();
                    Some(("stop", texts.into()))
                }
                _ => None,
            };
            match ours {
                Some((field, value)) => node = node.with(field, value),
                None if is_idle(value) => {}
                None => {
                    let note = format!("the model's `{parameter}` is left out");
                    self.draft.entry(step.id()).approximated(note);
                }
            }
        }
        node
    }

    pub(super) fn llm(&mut self, step: &Step<'a>) {
        let mut node = self.model(step, Node::new(self.id(step), "agent"), step.object("model"));
        let (system, mut messages) = self.messages(step);
        let mut prompt = None;
        if self.remembers(step) {
            let asked = self.asked(step);
            // The question stands in the memory's own template, too.
            if messages.last().is_some_and(|last| last.0 == "user" && last.1 == asked) {
                messages.pop();
            }
            prompt = Some(asked);
            node = self.with_memory(step, node);
        } else if messages.last().is_some_and(|last| last.0 == "user") {
            prompt = messages.pop().map(|last| last.1);
        }
        if !system.0.is_empty() {
            let is_alone = prompt.is_none() && messages.is_empty();
            let system = self.draft.text(&system);
            let field = if is_alone { "prompt" } else { "system" };
            node = node.with(field, system);
        } else if prompt.is_none() && messages.is_empty() {
            prompt = Some(Text::default());
        }
        if !messages.is_empty() {
            let messages: Vec<Value> = messages
                .into_iter()
                .map(|(role, text)| json!({ "role": role, "content": self.draft.text(&text) }))
                .collect();
            node = node.with("messages", messages);
        }
        if let Some(prompt) = prompt {
            let prompt = self.draft.text(&prompt);
            node = node.with("prompt", prompt);
        }
        let node = self.vision(step, node);
        let is_structured =
            step.is("structured_output_enabled") || step.is("structured_output_switch_on");
        let schema = step.object("structured_output").get("schema");
        let schema = schema.filter(|schema| is_structured && schema.is_object());
        let node = node.with_some("schema", schema.cloned());
        let default = renamed(&self.default_of(step), &[("text", "content")]);
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
    }

    /// The instructions at the beginning, and the other messages with their roles.
    fn messages(&mut self, step: &Step<'a>) -> (Text, Vec<(&'static str, Text)>) {
        let template = step.data.get("prompt_template");
        let parts: Vec<&Value> = match template {
            Some(Value::Array(parts)) => parts.iter().collect(),
            Some(part) => vec![part],
            None => Vec::new(),
        };
        let mut system = Text::default();
        let mut messages: Vec<(&'static str, Text)> = Vec::new();
        for part in parts {
            let role = match text(part.get("role")).as_str() {
                "system" => "system",
                "assistant" => "assistant",
                _ => "user",
            };
            let is_jinja = text(part.get("edition_type")) == "jinja2";
            let said = match is_jinja {
                true => self.jinja_text(step, part),
                false => self.template(step, &text(part.get("text"))),
            };
            if said.is_empty() {
                continue;
            }
            if role == "system" && messages.is_empty() {
                system.append(Text::literal(if system.0.is_empty() { "" } else { "\n\n" }));
                system.append(said);
            } else {
                messages.push((role, said));
            }
        }
        (system, messages)
    }

    /// A prompt in Jinja. Plain placeholders become references; anything else a node before it.
    fn jinja_text(&mut self, step: &Step<'a>, part: &Value) -> Text {
        let template = text(part.get("jinja2_text"));
        let variables = items(step.object("prompt_config").get("jinja2_variables"));
        match self.jinja(step, &template, variables) {
            super::jinja::Rendered::Plain(text) => text,
            super::jinja::Rendered::Code(code) => {
                let before = self.beside(step, "prompt");
                self.help(step, Node::new(&before, "function").with("code", code));
                let id = self.id(step);
                self.chain(step, &[&before, &id]);
                Text(vec![Part::Reference(format!("{before}.result"))])
            }
            super::jinja::Rendered::Unknown(why) => {
                self.draft.entry(step.id()).unsupported(format!("its Jinja template: {why}"));
                Text::literal(template)
            }
        }
    }

    /// Whether a node reads what was said before. Outside of a chat nothing was.
    pub(super) fn remembers(&self, step: &Step<'_>) -> bool {
        self.is_chat && step.data.get("memory").is_some_and(Value::is_object)
    }

    fn asked(&mut self, step: &Step<'a>) -> Text {
        let template = text(step.object("memory").get("query_prompt_template"));
        let template = if template.trim().is_empty() { "{{#sys.query#}}" } else { &template };
        self.template(step, template)
    }

    pub(super) fn with_memory(&mut self, step: &Step<'a>, node: Node) -> Node {
        let window = fields(step.object("memory").get("window"));
        let size = number(window.get("size")).filter(|_| is_true(window.get("enabled")));
        // Dify counts messages: a turn is two of them.
        let turns = (size.unwrap_or(100.0) / 2.0).clamp(1.0, 50.0) as u64;
        self.given.insert("conversation_id");
        let note = "it remembers the turns of all models of the chat, not whole replies";
        self.draft.entry(step.id()).approximated(note);
        node.with("memory", json!({ "session": SESSION, "turns": turns }))
    }

    fn vision(&mut self, step: &Step<'a>, node: Node) -> Node {
        let vision = step.object("vision");
        if !is_true(vision.get("enabled")) {
            return node;
        }
        let selector = selector_of(fields(vision.get("configs")).get("variable_selector"));
        let takes_files = is_true(fields(self.features.get("file_upload")).get("enabled"))
            || is_true(
                fields(fields(self.features.get("file_upload")).get("image")).get("enabled"),
            );
        let files = match selector.as_slice() {
            [] if !takes_files => return node,
            [] => vec!["sys".to_owned(), "files".to_owned()],
            [head, name] if head == "sys" && name == "files" && !takes_files => return node,
            selector => selector.to_vec(),
        };
        let files = self.selected(step, &files);
        if files.as_reference().is_none() {
            return node;
        }
        let files = self.draft.text(&files);
        node.with("files", vec![files])
    }

    pub(super) fn classifier(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let mut prompt =
            self.selected(step, &selector_of(step.data.get("query_variable_selector")));
        let instruction = step.text("instruction");
        if !instruction.trim().is_empty() {
            let mut whole = self.template(step, &instruction);
            whole.append(Text::literal("\n\n"));
            whole.append(prompt);
            prompt = whole;
        }
        let prompt = self.draft.text(&prompt);
        let mut routes = Vec::new();
        for (at, class) in step.list("classes").iter().enumerate().take(100) {
            let described = self.template(step, &text(class.get("name")));
            let described = self.draft.text(&described);
            routes.push(json!({ "name": route_name(at), "description": described }));
        }
        let node = self.model(step, Node::new(&id, "router"), step.object("model"));
        let node = node.with("prompt", prompt).with("routes", routes);
        let node = self.failing(step, node, None);
        self.add(step, node);
    }

    /// The node that leaves the name of the class, made where something reads it.
    pub(super) fn class_of(&mut self, step: &Step<'a>) -> String {
        let source = format!("{}#class", step.id());
        if let Some(id) = self.draft.ids.of(&source) {
            return id.to_owned();
        }
        let id = self.id(step);
        let class = self.draft.ids.claim(&source, &format!("{id}_class"));
        let names = step.list("classes").iter().enumerate().map(|(at, class)| {
            let class_id = text(class.get("id"));
            let name = json!({ "class_name": text(class.get("name")), "class_id": class_id });
            (route_name(at), name)
        });
        let names: Map<String, Value> = names.collect();
        let mut code = Text::literal(format!("return ({})[", js_object(&names)));
        code.push(Part::Reference(format!("{id}.branch")));
        code.append(Text::literal("] ?? null"));
        let code = self.draft.javascript(&code);
        self.help(step, Node::new(&class, "function").with("code", code));
        class
    }

    pub(super) fn extractor(&mut self, step: &Step<'a>) {
        let prompt = match step.data.get("query") {
            Some(Value::Array(selector)) => {
                let selector = selector_of(Some(&json!(selector)));
                self.selected(step, &selector)
            }
            query => self.template(step, &text(query)),
        };
        let prompt = self.draft.text(&prompt);
        let instruction = self.template(step, &step.text("instruction"));
        let mut system = Text::literal("Take the values of the fields out of the text.");
        if !instruction.is_empty() {
            system.append(Text::literal("\n\n"));
            system.append(instruction);
        }
        let system = self.draft.text(&system);
        let node = self.model(step, Node::new(self.id(step), "agent"), step.object("model"));
        let node = node
            .with("system", system)
            .with("prompt", prompt)
            .with("schema", parameters(step.list("parameters")));
        let node = self.vision(step, node);
        let default = json!({ "data": self.default_of(step) });
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
    }
}

/// The parameters of an extractor as a schema.
fn parameters(parameters: &[Value]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for parameter in parameters {
        let Some(name) = filled(parameter.get("name")) else { continue };
        let mut property = match text(parameter.get("type")).as_str() {
            "number" => json!({ "type": "number" }),
            "bool" | "boolean" => json!({ "type": "boolean" }),
            "select" => match items(parameter.get("options")) {
                [] => json!({ "type": "string" }),
                options => json!({ "type": "string", "enum": options }),
            },
            "array[number]" => json!({ "type": "array", "items": { "type": "number" } }),
            "array[object]" => json!({ "type": "array", "items": { "type": "object" } }),
            "array[boolean]" => json!({ "type": "array", "items": { "type": "boolean" } }),
            kind if kind.starts_with("array") => {
                json!({ "type": "array", "items": { "type": "string" } })
            }
            "object" => json!({ "type": "object" }),
            _ => json!({ "type": "string" }),
        };
        if let Some(description) = filled(parameter.get("description")) {
            property["description"] = description.into();
        }
        if is_true(parameter.get("required")) {
            required.push(name);
        }
        properties.insert(name.to_owned(), property);
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// An object of JavaScript whose texts hold nothing that is read as a reference.
fn js_object(fields: &Map<String, Value>) -> String {
    let fields = fields.iter().map(|(name, value)| {
        let inner = super::jinja::js_value(value);
        format!("{}: {inner}", crate::js::string(name))
    });
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

/// Whether a parameter asks for nothing.
fn is_idle(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "text",
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    }
}

/// A number without a fraction that it does not have.
pub(super) fn shortest(number: f64) -> Value {
    match number.fract() == 0.0 {
        true => json!(number as i64),
        false => json!(number),
    }
}
