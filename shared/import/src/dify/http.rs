//! HTTP requests. Dify reads the answer as text, whatever it says that it is.

use flowgate_engine::literal_key;
use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::read::{Piece, pieces, renamed, selector_of};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, number, text};
use crate::keys;
use crate::text::{Part, Text};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const OUTPUTS: [(&str, &str); 3] =
    [("body", "data"), ("status_code", "status"), ("headers", "headers")];

pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    let method = step.text("method").to_ascii_uppercase();
    if !method.is_empty() && !METHODS.contains(&method.as_str()) {
        return Some(format!("the method `{method}` is not known"));
    }
    step.text("url").trim().is_empty().then(|| "it has no URL".to_owned())
}

impl Flow<'_, '_, '_> {
    pub(super) fn http(&mut self, step: &Step<'_>) {
        let url = step.text("url");
        let host = host(&url);
        let url = self.sent(step, "url", url.trim(), host.as_deref());
        let url = self.draft.text(&url);
        let method = step.text("method").to_ascii_uppercase();
        let mut node = Node::new(self.id(step), "http").with("url", url).with("as", "text");
        if !method.is_empty() && method != "GET" {
            node = node.with("method", method);
        }
        let mut headers = self.lines(step, "headers", host.as_deref());
        self.authorize(step, &mut headers, host.as_deref());
        let query = self.lines(step, "params", host.as_deref());
        let node = self.body(step, node, &mut headers, host.as_deref());
        let node = node
            .with_some("headers", (!headers.is_empty()).then_some(headers))
            .with_some("query", (!query.is_empty()).then_some(query))
            .with_some("timeout", timeout(step));
        // Only then does Dify take an answer such as 404 for a failure.
        let retries = is_true(step.object("retry_config").get("retry_enabled"));
        let is_strict = retries || step.fails_over() || step.has_default();
        let node = if is_strict { node } else { node.with("accept", "any") };
        if step.data.get("ssl_verify") == Some(&Value::Bool(false)) {
            let note = "certificates are checked, which the file turned off";
            self.draft.entry(step.id()).unsupported(note);
        }
        let default = renamed(&self.default_of(step), &OUTPUTS);
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
    }

    /// A text that goes out, in which keys become secrets.
    pub(super) fn sent(
        &mut self,
        step: &Step<'_>,
        field: &str,
        text: &str,
        host: Option<&str>,
    ) -> Text {
        let read = self.with_secrets(step, text);
        let mut sent = Text::default();
        for part in read.0 {
            match part {
                Part::Literal(text) => sent.append(self.hidden(step, field, &text, host)),
                part => sent.push(part),
            }
        }
        sent
    }

    fn hidden(&mut self, step: &Step<'_>, field: &str, text: &str, host: Option<&str>) -> Text {
        let mut hidden = Text::default();
        let around = if field == "url" { "" } else { "headers" };
        for piece in keys::cut(text, &literal_key::keys_in(text, [field, around])) {
            let key = match piece {
                keys::Piece::Key(key) => key,
                keys::Piece::Text(text) => {
                    hidden.push(Part::Literal(text.to_owned()));
                    continue;
                }
            };
            let name = host.map_or_else(|| "HTTP_KEY".to_owned(), |host| format!("{host}_KEY"));
            let name = self.secret(&name, key, host, &step.origin.path);
            self.draft.entry(step.id()).note(format!("a key in it is the secret `{name}` now"));
            hidden.push(Part::Secret(name));
        }
        hidden
    }

    /// `name: value`, one on each line.
    fn lines(&mut self, step: &Step<'_>, field: &str, host: Option<&str>) -> Map<String, Value> {
        let written = step.text(field);
        self.pairs(step, &written, host)
    }

    fn pairs(&mut self, step: &Step<'_>, lines: &str, host: Option<&str>) -> Map<String, Value> {
        let mut pairs = Map::new();
        for line in lines.lines() {
            let (name, value) = split(line);
            if name.is_empty() {
                continue;
            }
            let value = self.sent(step, name, value, host);
            let value = self.draft.text(&value);
            pairs.insert(name.to_owned(), value);
        }
        pairs
    }

    fn authorize(&mut self, step: &Step<'_>, headers: &mut Map<String, Value>, host: Option<&str>) {
        let authorization = step.object("authorization");
        let config = fields(authorization.get("config"));
        if text(authorization.get("type")) != "api-key" {
            return;
        }
        let key = text(config.get("api_key"));
        let kind = text(config.get("type"));
        let name = filled(config.get("header")).unwrap_or("Authorization").to_owned();
        let mut value = Text::literal(match kind.as_str() {
            "bearer" => "Bearer ",
            "basic" => "Basic ",
            _ => "",
        });
        let name = if kind == "custom" { name } else { "Authorization".to_owned() };
        let has_reference = pieces(&key).iter().any(|piece| matches!(piece, Piece::Selector(_)));
        if kind == "basic" && has_reference {
            let note = "its key has to be base64 of `user:password` as it is";
            self.draft.entry(step.id()).approximated(note);
        }
        value.append(match has_reference {
            true => self.sent(step, "", &key, host),
            false => {
                let wanted = host.map_or_else(|| "HTTP".to_owned(), str::to_owned);
                let key = if kind == "basic" { base64(key.as_bytes()) } else { key };
                let secret = self.secret(&format!("{wanted}_KEY"), &key, host, &step.origin.path);
                let note = format!("its key is the secret `{secret}` now");
                self.draft.entry(step.id()).note(note);
                Text::secret(secret)
            }
        });
        let value = self.draft.text(&value);
        headers.insert(name, value);
    }

    fn body(
        &mut self,
        step: &Step<'_>,
        node: Node,
        headers: &mut Map<String, Value>,
        host: Option<&str>,
    ) -> Node {
        let body = step.object("body");
        let data = body.get("data");
        let first = match data {
            Some(Value::Array(parts)) => parts.first().map(|part| text(part.get("value"))),
            data => Some(text(data)),
        };
        let first = first.unwrap_or_default();
        match text(body.get("type")).as_str() {
            "json" if !first.trim().is_empty() => {
                let has_type = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
                match structured(&first) {
                    Some(value) => {
                        let body = self.json_body(step, &value, host);
                        node.with("body", body)
                    }
                    None => {
                        if !has_type {
                            headers.insert("Content-Type".to_owned(), "application/json".into());
                        }
                        let body = self.sent(step, "", &first, host);
                        let body = self.only_json_text(&body);
                        node.with("body", body)
                    }
                }
            }
            "raw-text" if !first.is_empty() => {
                let body = self.sent(step, "", &first, host);
                let body = self.only_json_text(&body);
                node.with("body", body)
            }
            "x-www-form-urlencoded" => {
                let form = self.parts(step, data, host);
                let form = form.into_iter().map(|(name, value, _)| (name, value));
                let form: Map<String, Value> = form.collect();
                node.with_some("form", (!form.is_empty()).then_some(form))
            }
            "form-data" => {
                let parts =
                    self.parts(step, data, host).into_iter().map(|(name, value, is_file)| {
                        let field = if is_file { "file" } else { "value" };
                        json!({ "name": name, field: value })
                    });
                let parts: Vec<Value> = parts.collect();
                node.with_some("multipart", (!parts.is_empty()).then_some(parts))
            }
            "binary" => {
                let file = crate::json::items(data).first().and_then(|part| part.get("file"));
                let file = self.value(step, &selector_of(file));
                node.with("binary", json!({ "file": file }))
            }
            _ => node,
        }
    }

    /// A text inside of any JSON that stays text if it is one reference.
    fn only_json_text(&mut self, text: &Text) -> Value {
        match text.as_reference() {
            Some(reference) => json!({ "$text": format!("<{reference}>") }),
            None => self.draft.any(text),
        }
    }

    fn json_body(&mut self, step: &Step<'_>, value: &Value, host: Option<&str>) -> Value {
        match value {
            Value::String(text) => {
                let text = self.sent(step, "", text, host);
                self.only_json_text(&text)
            }
            Value::Array(items) => {
                items.iter().map(|item| self.json_body(step, item, host)).collect()
            }
            Value::Object(fields) => {
                let is_mark = |name: &str| fields.len() == 1 && matches!(name, "$raw" | "$text");
                let fields = fields.iter().map(|(name, field)| {
                    let name = if is_mark(name) { format!("${name}") } else { name.clone() };
                    let field = match field.as_str() {
                        Some(text) => {
                            let text = self.sent(step, &name, text, host);
                            self.only_json_text(&text)
                        }
                        None => self.json_body(step, field, host),
                    };
                    (name, field)
                });
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    /// The parts of a form, and whether each is a file.
    fn parts(
        &mut self,
        step: &Step<'_>,
        data: Option<&Value>,
        host: Option<&str>,
    ) -> Vec<(String, Value, bool)> {
        let Some(Value::Array(parts)) = data else {
            let pairs = self.pairs(step, &text(data), host);
            return pairs.into_iter().map(|(name, value)| (name, value, false)).collect();
        };
        let mut read = Vec::new();
        for part in parts {
            let Some(name) = filled(part.get("key")) else { continue };
            let is_file = text(part.get("type")) == "file";
            let value = match is_file {
                true => self.value(step, &selector_of(part.get("file"))),
                false => {
                    let value = self.sent(step, name, &text(part.get("value")), host);
                    self.draft.text(&value)
                }
            };
            read.push((name.to_owned(), value, is_file));
        }
        read
    }
}

/// A body whose placeholders all stand inside of texts. Anything else is sent as text, into which
/// the values are put as they are.
fn structured(body: &str) -> Option<Value> {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut plain = String::new();
    for piece in pieces(body) {
        match piece {
            Piece::Selector(_) if !is_text => return None,
            Piece::Selector(selector) => {
                plain.push_str(&format!("{{{{#{}#}}}}", selector.join(".")))
            }
            Piece::Text(text) => {
                for character in text.chars() {
                    is_text ^= character == '"' && !is_escaped;
                    is_escaped = is_text && character == '\\' && !is_escaped;
                }
                plain.push_str(text);
            }
        }
    }
    let value: Value = serde_json::from_str(&plain).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

fn split(line: &str) -> (&str, &str) {
    // A colon inside of a placeholder is none; names hardly ever have one.
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.trim(), value.trim())
}

fn timeout(step: &Step<'_>) -> Option<String> {
    let timeout = step.object("timeout");
    let seconds = ["read", "max_read_timeout"].iter().find_map(|field| number(timeout.get(*field)));
    let seconds = seconds.filter(|seconds| *seconds >= 1.0)?;
    Some(format!("{}s", seconds.min(600.0) as u64))
}

/// The host of a URL that says it literally.
pub(super) fn host(url: &str) -> Option<String> {
    let (_, after) = url.trim().split_once("://")?;
    let host = after.split(['/', '?', '#', ':']).next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_host = !host.is_empty() && host.chars().all(is_plain);
    is_host.then(|| host.to_ascii_lowercase())
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            match at <= chunk.len() {
                true => encoded.push(char::from(SIGNS[(bits >> (18 - 6 * at) & 63) as usize])),
                false => encoded.push('='),
            }
        }
    }
    encoded
}
