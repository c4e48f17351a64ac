//! Requests.

mod answer;
mod feed;

use serde_json::{Map, Value, json};

use super::flow::{Flow, Out};
use super::items::{Item, Items};
use super::{kinds, unread};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::keys::{self, Piece};
use crate::secrets::{keys_in, secret_name};
use crate::text::{Part, Text};

pub(super) use answer::takes_file;

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    match step.kind.as_str() {
        "graphql" => graphql(flow),
        "rssFeedRead" => feed::read(flow),
        _ => request(flow),
    }
}

fn request(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let Some(method) = method(flow) else {
        return kinds::unsupported(flow, "a request whose method is computed");
    };
    let node = built(flow, &method);
    answer::read(flow, node)
}

/// The method; `None` if it is computed.
fn method(flow: &mut Flow<'_, '_, '_>) -> Option<String> {
    let parameters = flow.current().parameters;
    let given = filled(parameters.get("method")).or(filled(parameters.get("requestMethod")));
    literal(flow, given.unwrap_or("GET")).map(|method| method.trim().to_ascii_uppercase())
}

/// What a text of the file says, if nothing in it is computed.
fn literal(flow: &mut Flow<'_, '_, '_>, given: &str) -> Option<String> {
    let is_computed = given.starts_with('=') && given.contains("{{");
    let text = (!is_computed).then(|| flow.text(Some(&given.into())))?;
    text.as_literal().map(str::to_owned)
}

/// The request of an agent's tool; `None` if its method is computed.
pub(super) fn as_tool(flow: &mut Flow<'_, '_, '_>) -> Option<(&'static str, Value)> {
    let method = method(flow)?;
    let mut fields = built(flow, &method).fields;
    unread::report(flow);
    let known = ["url", "method", "query", "headers", "body", "form", "timeout"];
    fields.retain(|name, _| known.contains(&name.as_str()));
    Some(("http", fields.into()))
}

fn built(flow: &mut Flow<'_, '_, '_>, method: &str) -> Node {
    let step = flow.current();
    let parameters = step.parameters;
    let options = fields(parameters.get("options"));
    let mut node = Node::new(flow.here.id.clone(), "http");
    let url = flow.text(parameters.get("url"));
    let url = sound_url(flow, url);
    let written = flow.draft.text(&url);
    node = node.with("url", written);
    if !matches!(method, "GET" | "") {
        node = node.with("method", method);
    }
    node = with_query(flow, node);
    node = with_headers(flow, node);
    node = with_login(flow, node);
    if is_true(parameters.get("sendBody")) || step.version < 3.0 {
        node = with_body(flow, node);
    }
    if is_true(options.get("allowUnauthorizedCerts"))
        || is_true(parameters.get("allowUnauthorizedCerts"))
    {
        flow.approximated("certificates are always checked");
    }
    if follows_pages(options) {
        flow.unsupported("`options.pagination`: only the first page is fetched");
    }
    if let Some(timeout) = number(options.get("timeout")).filter(|ms| *ms >= 1.0) {
        node = node.with("timeout", format!("{}ms", timeout.min(600_000.0) as u64));
    }
    node
}

/// Whether further pages are fetched: a limit of one asks for none.
fn follows_pages(options: &Map<String, Value>) -> bool {
    let own = fields(options.get("pagination"));
    let own = own.get("pagination").map_or(own, |inner| fields(Some(inner)));
    let is_one =
        is_true(own.get("limitPagesFetched")) && number(own.get("maxRequests")) == Some(1.0);
    let is_off = text(own.get("paginationMode")) == "off";
    !own.is_empty() && !is_one && !is_off
}

/// An address needs a scheme; one that is a reference has it, or not.
fn sound_url(flow: &mut Flow<'_, '_, '_>, url: Text) -> Text {
    match url.as_literal() {
        Some("") | None if url.is_empty() => {
            flow.unsupported("it has no URL: `https://example.com/` is taken");
            Text::literal("https://example.com/")
        }
        Some(literal) if !literal.contains("://") => {
            Text::literal(format!("https://{}", literal.trim_start_matches('/')))
        }
        _ => match url.0.first() {
            Some(Part::Literal(first)) if !first.contains("://") && !first.trim().is_empty() => {
                let mut whole = Text::literal("https://");
                whole.append(url);
                whole
            }
            Some(Part::Literal(first)) => {
                let first = Part::Literal(first.trim_start().to_owned());
                let mut whole = Text::default();
                whole.push(first);
                whole.append(Text(url.0[1..].to_vec()));
                whole
            }
            _ => url,
        },
    }
}

type Named<'a> = Vec<(String, &'a Value)>;

/// `{ parameters: [{ name, value }] }`, whatever the list is called. A name that is computed is
/// reported.
fn named<'a>(flow: &mut Flow<'_, '_, '_>, value: Option<&'a Value>) -> Named<'a> {
    let mut found = Named::new();
    for one in fields(value).values().flat_map(|list| items(Some(list))) {
        let (Some(name), Some(value)) = (filled(one.get("name")), one.get("value")) else {
            continue;
        };
        match literal(flow, name) {
            Some(name) => found.push((name, value)),
            None => flow.unsupported(format!("a field whose name is computed: `{name}`")),
        }
    }
    found
}

fn with_query(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let parameters = flow.current().parameters;
    let mut query = Map::new();
    let lists = [parameters.get("queryParameters"), parameters.get("queryParametersUi")];
    for (name, value) in lists.into_iter().flat_map(|list| named(flow, list)).collect::<Named<'_>>()
    {
        let value = guarded(flow, &name, value);
        query.insert(name, value);
    }
    let json = parameters.get("jsonQuery").or(parameters.get("queryParametersJson"));
    let json = json.filter(|_| {
        text(parameters.get("specifyQuery")) == "json" || is_true(parameters.get("jsonParameters"))
    });
    merge_json(flow, &mut query, json, "query");
    if query.is_empty() { node } else { node.with("query", query) }
}

fn merge_json(
    flow: &mut Flow<'_, '_, '_>,
    into: &mut Map<String, Value>,
    json: Option<&Value>,
    what: &str,
) {
    let Some(json) = json else { return };
    match flow.json_text(Some(json)) {
        Ok(Value::Object(own)) => {
            for (name, value) in own {
                let value = match value {
                    Value::Object(fields) if fields.len() == 1 && fields.contains_key("$raw") => {
                        json!({ "raw": fields.get("$raw") })
                    }
                    Value::Object(_) => {
                        flow.unsupported(format!("`{name}` of the {what} is an object: left out"));
                        continue;
                    }
                    Value::Array(list) => Value::String(Value::Array(list).to_string()),
                    other => other,
                };
                into.insert(name, value);
            }
        }
        _ => flow.unsupported(format!("the {what} is computed as a whole")),
    }
}

const REFUSED: [&str; 9] = [
    "proxy-authorization",
    "host",
    "content-length",
    "connection",
    "accept-encoding",
    "transfer-encoding",
    "cookie2",
    "upgrade",
    "te",
];

fn with_headers(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let parameters = flow.current().parameters;
    let mut headers = Map::new();
    let lists = [parameters.get("headerParameters"), parameters.get("headerParametersUi")];
    for (name, value) in lists.into_iter().flat_map(|list| named(flow, list)).collect::<Named<'_>>()
    {
        let value = guarded(flow, &name, value);
        headers.insert(name.trim().to_owned(), value);
    }
    let json = parameters.get("jsonHeaders").or(parameters.get("headerParametersJson"));
    let json = json.filter(|_| {
        text(parameters.get("specifyHeaders")) == "json"
            || is_true(parameters.get("jsonParameters"))
    });
    merge_json(flow, &mut headers, json, "headers");
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let is_refused = |name: &str| {
        let name = name.to_ascii_lowercase();
        !is_name(&name) || REFUSED.contains(&&*name) || name.starts_with("x-amz-")
    };
    for name in headers.keys().filter(|name| is_refused(name)) {
        match name.to_ascii_lowercase().starts_with("x-amz-") {
            true => flow.unsupported(format!("the header `{name}`, which AWS signs")),
            false => flow.approximated(format!("the header `{name}` may not be set: left out")),
        }
    }
    headers.retain(|name, _| !is_refused(name));
    if headers.is_empty() { node } else { node.with("headers", headers) }
}

/// A value; a key that stands in it in clear becomes a secret.
pub(super) fn guarded(flow: &mut Flow<'_, '_, '_>, field: &str, value: &Value) -> Value {
    let text = flow.text(Some(value));
    let literal = text.as_literal().unwrap_or_default().to_owned();
    let found = keys_in(field, &literal);
    if found.is_empty() {
        return flow.draft.text(&text);
    }
    let url = crate::json::text(flow.current().parameters.get("url"));
    let host = keys::host_of(&url);
    let mut whole = Text::default();
    for piece in keys::cut(&literal, &found) {
        whole.push(match piece {
            Piece::Text(text) => Part::Literal(text.to_owned()),
            Piece::Key(key) => kept_apart(flow, field, key, host.as_deref()),
        });
    }
    flow.draft.text(&whole)
}

/// The secret that a key becomes.
fn kept_apart(flow: &mut Flow<'_, '_, '_>, field: &str, key: &str, host: Option<&str>) -> Part {
    if flow.importing.secrets.is_full() {
        return Part::Literal(keys::MASK.to_owned());
    }
    let path = flow.current().origin.path.clone();
    let wanted = format!("{}_{field}", flow.here.id);
    let name = flow.importing.secrets.add(&wanted, key, host, &path);
    flow.approximated(format!("a key in clear is the secret `{name}` now"));
    Part::Secret(name)
}

/// The secret of a node's credential.
pub(super) fn secret_of(flow: &mut Flow<'_, '_, '_>, kind: &str) -> String {
    let given = fields(flow.current().whole.get("credentials")).get(kind);
    let title = given.and_then(|given| filled(given.get("name"))).unwrap_or_default();
    let is_plain = title.is_empty() || title.len() > 40;
    let base = match kind {
        "httpHeaderAuth" | "httpQueryAuth" | "httpBearerAuth" | "httpBasicAuth"
        | "httpCustomAuth"
            if !is_plain =>
        {
            title
        }
        _ => kind,
    };
    let name = secret_name(&snake(base));
    flow.approximated(format!("its login is the secret `{name}`, which is to be set"));
    name
}

fn snake(text: &str) -> String {
    let mut snake = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        if c.is_ascii_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = c.is_ascii_lowercase();
        snake.push(c);
    }
    snake
}

fn with_login(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let parameters = flow.current().parameters;
    let kind = match text(parameters.get("authentication")).as_str() {
        "" | "none" => return node,
        "predefinedCredentialType" => text(parameters.get("nodeCredentialType")),
        "genericCredentialType" => text(parameters.get("genericAuthType")),
        "headerAuth" => "httpHeaderAuth".to_owned(),
        "basicAuth" => "httpBasicAuth".to_owned(),
        "queryAuth" => "httpQueryAuth".to_owned(),
        _ => "oAuth2Api".to_owned(),
    };
    let kind = if kind.is_empty() { "httpHeaderAuth".to_owned() } else { kind };
    let name = secret_of(flow, &kind);
    let secret = format!("{{{{{name}}}}}");
    let (place, field, value) = match kind.as_str() {
        "httpQueryAuth" => ("query", "key", secret),
        "httpBasicAuth" | "httpDigestAuth" => {
            ("headers", "authorization", format!("Basic {secret}"))
        }
        "httpHeaderAuth" | "httpCustomAuth" => ("headers", "authorization", secret),
        "qdrantApi" => ("headers", "api-key", secret),
        "anthropicApi" => ("headers", "x-api-key", secret),
        "googlePalmApi" => ("headers", "x-goog-api-key", secret),
        _ => ("headers", "authorization", format!("Bearer {secret}")),
    };
    let mut node = node;
    let mut own = fields(node.fields.get(place)).clone();
    own.retain(|name, _| !name.eq_ignore_ascii_case(field));
    own.insert(field.to_owned(), value.into());
    node.fields.insert(place.to_owned(), own.into());
    node
}

fn with_body(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    let kind = filled(parameters.get("contentType")).or(filled(options.get("bodyContentType")));
    let mut list = items(fields(parameters.get("bodyParameters")).get("parameters")).to_vec();
    list.extend(items(fields(parameters.get("bodyParametersUi")).get("parameter")).to_vec());
    match kind.unwrap_or("json") {
        "raw" => {
            let body = flow.written(parameters.get("body"));
            let is_empty = body.as_str() == Some("");
            if is_empty { node } else { node.with("body", body) }
        }
        "binaryData" => match flow.file() {
            Some(file) => node.with("binary", json!({ "file": file })),
            None => node,
        },
        "multipart-form-data" => {
            let parts: Vec<Value> = list.iter().filter_map(|one| part(flow, one)).collect();
            if parts.is_empty() { node } else { node.with("multipart", parts) }
        }
        "form-urlencoded" => {
            let mut form = Map::new();
            for one in &list {
                let name = text(one.get("name"));
                let value = guarded(flow, &name, one.get("value").unwrap_or(&Value::Null));
                form.insert(name, value);
            }
            if form.is_empty() { node } else { node.with("form", form) }
        }
        _ => with_json(flow, node, &list),
    }
}

/// A body by fields, or as JSON text.
fn with_json(flow: &mut Flow<'_, '_, '_>, node: Node, list: &[Value]) -> Node {
    let parameters = flow.current().parameters;
    let json = parameters.get("jsonBody").or(parameters.get("bodyParametersJson"));
    let is_json = text(parameters.get("specifyBody")) == "json"
        || is_true(parameters.get("jsonParameters"))
        || list.is_empty() && json.is_some();
    if is_json {
        return match flow.json_text(json) {
            Ok(body) => node.with("body", body),
            Err(text) => {
                let written = flow.draft.any(&text);
                with_json_type(node).with("body", written)
            }
        };
    }
    let mut body = Map::new();
    for one in list {
        let value = flow.any(one.get("value").unwrap_or(&Value::Null));
        body.insert(text(one.get("name")), value);
    }
    if body.is_empty() { node } else { node.with("body", body) }
}

/// A body that is sent as text says itself that it is JSON.
fn with_json_type(node: Node) -> Node {
    let mut headers = fields(node.fields.get("headers")).clone();
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        headers.insert("content-type".to_owned(), "application/json".into());
    }
    node.with("headers", headers)
}

fn part(flow: &mut Flow<'_, '_, '_>, one: &Value) -> Option<Value> {
    let name = filled(one.get("name"))?.to_owned();
    if text(one.get("parameterType")) == "formBinaryData" {
        let file = flow.file()?;
        return Some(json!({ "name": name, "file": file }));
    }
    let value = flow.written(one.get("value"));
    Some(json!({ "name": name, "value": value }))
}

fn graphql(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let url = flow.written(parameters.get("endpoint"));
    let query = flow.any(parameters.get("query").unwrap_or(&Value::Null));
    let mut body = Map::from_iter([("query".to_owned(), query)]);
    if let Some(variables) = parameters.get("variables") {
        match flow.json_text(Some(variables)) {
            Ok(value) => {
                body.insert("variables".to_owned(), value);
            }
            Err(_) => flow.unsupported("`variables` is no JSON"),
        }
    }
    let node = Node::new(flow.here.id.clone(), "http").with("url", url).with("method", "POST");
    let node = with_headers(flow, node.with("body", body));
    let node = with_login(flow, node);
    flow.add_named(node);
    let id = flow.here.id.clone();
    vec![flow.out(Items::one(Item::of(&id, "data")))]
}
