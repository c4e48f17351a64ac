//! What each type of node becomes.

use serde_json::{Map, Value, json};

use super::Flow;
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, filled, items, number, text};
use crate::text::{Part, Text};

const DEFAULT_MODEL: &str = "openai/gpt-4o";

impl Flow<'_, '_> {
    pub(super) fn node(&mut self, at: usize, id: &str) -> Node {
        match self.steps[at].origin.kind.as_str() {
            "LLM" => self.model(at, id),
            "CONDITION" => self.condition(at, id),
            "INTENT" => self.intent(at, id),
            "CODE" => self.code(at, id),
            "HTTP" => self.http(at, id),
            "DATASET" => self.dataset(at, id),
            "FILE_PARSE" => self.document(at, id),
            "TEXT_PROCESS" => self.process(at, id),
            "VARIABLE_AGGREGATE" => self.aggregate(at, id),
            "LOOP" | "BATCH" => self.repeat(at, id),
            "COMMENT" => {
                let param = self.param(at, "commentParam");
                let said =
                    ["text", "content", "comment"].iter().find_map(|name| filled(param.get(*name)));
                Node::new(id, "note").with("text", said.unwrap_or_default())
            }
            kind => {
                let why = format!("`{kind}` has no counterpart");
                self.stub(at, id, &why)
            }
        }
    }

    fn model(&mut self, at: usize, id: &str) -> Node {
        let param = self.param(at, "llmParam");
        let prompt = self.text(at, &text(param.get("userPrompt")), false);
        let prompt = if prompt.is_empty() { Text::literal("Go on.") } else { prompt };
        let prompt = self.draft.text(&prompt);
        let system = ["systemPrompt", "identityPrompt", "prompt"];
        let system = system.iter().find_map(|name| filled(param.get(*name)));
        let system = system.map(|system| {
            let system = self.text(at, system, false);
            self.draft.text(&system)
        });
        if !items(param.get("plugins")).is_empty() {
            self.draft.entry(self.steps[at].id).unsupported("its plugins were left out");
        }
        let heat = number(param.get("temperature")).filter(|heat| (0.0..=2.0).contains(heat));
        let node = Node::new(id, "agent").with("prompt", prompt).with_some("system", system);
        let node = node.with_some("temperature", heat).with_some("schema", self.schema(at));
        self.with_model(at, node, param)
    }

    /// The file names models by ids of the vendor's.
    pub(super) fn with_model(&mut self, at: usize, node: Node, param: &Map<String, Value>) -> Node {
        let named = filled(param.get("modelName")).or_else(|| filled(param.get("chatModelName")));
        let note = format!(
            "the file names its model by an id of GPTBots ({}): `{DEFAULT_MODEL}` has its place",
            named.or_else(|| filled(param.get("chatModelVersionId"))).unwrap_or("none")
        );
        self.draft.entry(self.steps[at].id).approximated(note);
        node.with("model", DEFAULT_MODEL)
    }

    /// The schema of an answer as JSON, of which the file lists the fields.
    pub(super) fn schema(&self, at: usize) -> Option<Value> {
        let format = text(self.param(at, "llmParam").get("responseFormat"));
        if matches!(format.to_uppercase().as_str(), "" | "TEXT") {
            return None;
        }
        let mut properties = Map::new();
        for output in items(self.steps[at].fields.get("outputs")) {
            let kind = super::values::input_type(&text(output.get("type")));
            let kind = if kind == "file" { "string" } else { kind };
            if let Some(name) = filled(output.get("name")) {
                let about = text(output.get("desc"));
                properties.insert(name.to_owned(), json!({ "type": kind, "description": about }));
            }
        }
        (!properties.is_empty()).then(|| json!({ "type": "object", "properties": properties }))
    }

    /// The inputs are variables of the code; a function `main` is called with them.
    fn code(&mut self, at: usize, id: &str) -> Node {
        let param = self.param(at, "codeParam");
        let code = text(param.get("code"));
        let inputs = self.inputs(at);
        let note = "its inputs are variables of the code, and what `main` gets";
        self.draft.entry(self.steps[at].id).approximated(note);
        if text(param.get("language")).to_uppercase() == "PYTHON" {
            let variables = inputs.into_iter().map(|(name, value)| (name, self.draft.any(&value)));
            let variables: Map<String, Value> = variables.collect();
            let code = self.draft.text(&Text::literal(code));
            return Node::new(id, "python").with("variables", variables).with("code", code);
        }
        let calls_main = code.contains("function main") || code.contains("main =");
        let mut whole = Text::literal("const params = {");
        for (name, value) in inputs {
            whole.push(Part::Literal(format!("{}: ", crate::js::string(&name))));
            match value.as_literal() {
                Some(literal) => whole.push(Part::Literal(crate::js::string(literal))),
                None => whole.append(value),
            }
            whole.push(Part::Literal(", ".to_owned()));
        }
        whole.push(Part::Literal(format!("}}\n{code}")));
        if calls_main {
            whole.push(Part::Literal("\nreturn main(params)".to_owned()));
        }
        let code = self.draft.javascript(&whole);
        Node::new(id, "function").with("code", code)
    }

    fn http(&mut self, at: usize, id: &str) -> Node {
        let request = fields(self.param(at, "httpParam").get("request"));
        let url = self.text(at, &text(request.get("url")), true);
        if url.is_empty() {
            return self.stub(at, id, "it has no address");
        }
        let url = self.draft.text(&url);
        let method = text(request.get("method")).to_uppercase();
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = if known.contains(&&*method) { method } else { "GET".to_owned() };
        let mut node = Node::new(id, "http").with("url", url).with("method", method);
        for (ours, theirs) in [("headers", ["headers", "header"]), ("query", ["params", "query"])] {
            let table = theirs.iter().find_map(|name| request.get(*name));
            let table = self.table(at, table, ours == "headers");
            node = node.with_some(ours, table);
        }
        if !fields(request.get("authentication")).is_empty() {
            let note = "its login was left out: write it as a header with a secret";
            self.draft.entry(self.steps[at].id).approximated(note);
        }
        let body = self.body(at, request.get("body"));
        node.with_some("body", body)
    }

    fn body(&mut self, at: usize, body: Option<&Value>) -> Option<Value> {
        let inner = body.and_then(|body| {
            ["content", "value", "raw", "data"].iter().find_map(|name| body.get(*name))
        });
        match inner.or(body)? {
            Value::String(text) if !text.trim().is_empty() => {
                let text = self.text(at, text, true);
                Some(self.draft.any(&text))
            }
            Value::Object(fields) if !fields.is_empty() => {
                let fields = fields.iter().map(|(name, field)| {
                    let field = self.body(at, Some(field)).unwrap_or_else(|| field.clone());
                    (name.clone(), field)
                });
                Some(Value::Object(fields.collect()))
            }
            _ => None,
        }
    }

    /// `[{ key, value }]`, or an object.
    fn table(&mut self, at: usize, table: Option<&Value>, is_headers: bool) -> Option<Value> {
        let mut rows: Vec<(String, String)> = Vec::new();
        for row in items(table) {
            let name = filled(row.get("key")).or_else(|| filled(row.get("name")));
            rows.extend(name.map(|name| (name.to_owned(), text(row.get("value")))));
        }
        rows.extend(fields(table).iter().map(|(name, value)| (name.clone(), text(Some(value)))));
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let mut made = Map::new();
        for (name, value) in rows {
            let is_usable =
                name.bytes().all(is_token) && !flowgate_engine::header::is_forbidden(&name);
            if is_headers && !is_usable {
                let note = format!("the header `{name}` cannot be sent, and was left out");
                self.draft.entry(self.steps[at].id).unsupported(note);
                continue;
            }
            let value = self.text(at, &value, true);
            made.insert(name, self.draft.text(&value));
        }
        (!made.is_empty()).then(|| made.into())
    }

    fn dataset(&mut self, at: usize, id: &str) -> Node {
        let param = self.param(at, "datasetParam");
        let query = match param.get("query") {
            Some(query @ Value::Object(_)) => self.value(at, query),
            query => self.text(at, &text(query), false),
        };
        let query = self.draft.text(&query);
        let groups = items(param.get("dataGroupIds"));
        let store = slug(&text(groups.first()));
        let note = format!("its texts have to be added to the store `{store}` first");
        self.draft.entry(self.steps[at].id).approximated(note);
        Node::new(id, "knowledge")
            .with("action", "search")
            .with("store", store)
            .with("model", "openai/text-embedding-3-small")
            .with("query", query)
    }

    fn document(&mut self, at: usize, id: &str) -> Node {
        let file = self.inputs(at).into_iter().next().map(|(_, value)| value);
        match file.filter(|file| file.as_reference().is_some()) {
            Some(file) => {
                let file = self.draft.text(&file);
                Node::new(id, "document").with("file", file)
            }
            None => self.stub(at, id, "the file does not say which document it reads"),
        }
    }

    fn process(&mut self, at: usize, id: &str) -> Node {
        let param = self.param(at, "textProcessParam");
        if text(param.get("mode")) != "SPLIT" {
            let joined = self.text(at, &text(param.get("joinText")), false);
            let joined = self.draft.text(&joined);
            return Node::new(id, "template").with("template", joined);
        }
        let target = match param.get("splitTarget") {
            Some(target @ Value::Object(_)) => self.value(at, target),
            target => self.text(at, &text(target), false),
        };
        let target = self.draft.text(&target);
        let delimiters = items(param.get("delimiters"));
        let separator = text(delimiters.first().or_else(|| param.get("delimiters")));
        if delimiters.len() > 1 {
            let note = "it splits at its first separator alone";
            self.draft.entry(self.steps[at].id).approximated(note);
        }
        let separator = separator.replace("\\n", "\n").replace("\\t", "\t");
        let separator = if separator.is_empty() { "\n".to_owned() } else { separator };
        let separator = self.draft.text(&Text::literal(separator));
        Node::new(id, "split").with("text", target).with("separator", separator)
    }

    /// The first value of each group that is there.
    fn aggregate(&mut self, at: usize, id: &str) -> Node {
        let mut code = Text::literal("return {");
        for group in items(self.param(at, "variableAggregateParam").get("groups")) {
            let name = crate::js::string(&text(group.get("groupName")));
            code.push(Part::Literal(format!("{name}: ")));
            for variable in items(group.get("variables")) {
                let value = self.value(at, variable);
                if value.as_reference().is_some() {
                    code.append(value);
                    code.push(Part::Literal(" ?? ".to_owned()));
                }
            }
            code.push(Part::Literal("null, ".to_owned()));
        }
        code.push(Part::Literal("}".to_owned()));
        let code = self.draft.javascript(&code);
        Node::new(id, "function").with("code", code)
    }

    fn repeat(&mut self, at: usize, id: &str) -> Node {
        let is_loop = self.steps[at].origin.kind == "LOOP";
        let (kind, param) =
            if is_loop { ("loop", "loopParam") } else { ("parallel", "batchParam") };
        let param = self.param(at, param);
        let node = Node::new(id, kind);
        if is_loop && text(param.get("loopType")) == "LIMITED_LOOP" {
            let count = number(param.get("limitedLoopCount")).unwrap_or(1.0).clamp(0.0, 1_000.0);
            return node.with("for", count as u64);
        }
        let arrays = items(param.get("inputArrays"));
        if arrays.len() > 1 {
            let why = "it goes over several lists at once; only the first was taken";
            self.draft.entry(self.steps[at].id).unsupported(why);
        }
        let list = arrays.first().map(|list| self.value(at, list));
        match list.filter(|list| list.as_reference().is_some()) {
            Some(list) => node.with("each", self.draft.text(&list)),
            None => {
                self.draft.entry(self.steps[at].id).unsupported("it has no list that can be read");
                node.with("each", json!([]))
            }
        }
    }
}
