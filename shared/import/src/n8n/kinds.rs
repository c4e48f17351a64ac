//! What each type of node becomes.

use serde_json::{Map, Value, json};

use super::flow::{Called, Flow, Out};
use super::items::{Item, Items};
use super::{ai, branches, code, files, http, lists, triggers, unread, vendors};
use crate::draft::Node;
use crate::json::{fields, filled, is_true, items, number, text};
use crate::stub::stub;
use crate::text::{Part, Text};

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let outs = made(flow);
    unread::report(flow);
    unread::report_behaviour(flow);
    outs
}

fn made(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    if step.is_trigger() {
        return triggers::read(flow);
    }
    match step.kind.as_str() {
        "set" => set(flow),
        "if" | "filter" | "switch" => branches::read(flow),
        "code" | "function" | "functionItem" => code::read(flow),
        "httpRequest" | "graphql" | "rssFeedRead" => http::read(flow),
        "respondToWebhook" => respond(flow),
        "wait" => wait(flow),
        "stopAndError" => stop(flow),
        "executeWorkflow" => execute(flow),
        "dateTime" | "crypto" | "html" | "htmlExtract" | "markdown" | "extractFromFile"
        | "convertToFile" | "moveBinaryData" | "readPDF" | "renameKeys" | "spreadsheetFile" => {
            files::read(flow)
        }
        "form" => form(flow),
        "splitInBatches" => batches(flow),
        _ if step.is_list() => lists::read(flow),
        kind if ai::is_ai(kind) => ai::read(flow),
        _ => vendors::read(flow),
    }
}

/// A function that throws, for what has no counterpart.
pub(super) fn unsupported(flow: &mut Flow<'_, '_, '_>, why: &str) -> Vec<Out> {
    let step = flow.current();
    let mut node = stub(&flow.here.id, &step.origin, why, step.parameters);
    let name = step.origin.name.clone();
    if flow.draft.ids.name(&node.id, &name) {
        node = node.with("name", name);
    }
    flow.add(node);
    flow.unsupported(why);
    let out = result(flow);
    vec![out.clone(), out]
}

/// The item of a function: what it returned.
pub(super) fn result(flow: &Flow<'_, '_, '_>) -> Out {
    flow.out(Items::one(Item::of(&flow.here.id, "result")))
}

fn batches(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let default = if step.version >= 3.0 { 1.0 } else { 10.0 };
    let size = number(step.parameters.get("batchSize")).unwrap_or(default);
    if is_true(fields(step.parameters.get("options")).get("reset")) {
        flow.unsupported("`reset` of a loop over items");
    }
    let Some((done, each)) = flow.open_batches(size.clamp(1.0, 1e6) as u64) else {
        let out = Out { items: flow.here.items.clone(), after: flow.here.after.clone() };
        return vec![out.clone(), out];
    };
    if step.version >= 3.0 { vec![done, each] } else { vec![each, done] }
}

fn set(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let is_raw = text(parameters.get("mode")) == "raw";
    let own = match is_raw {
        true => match flow.json_text(parameters.get("jsonOutput")) {
            Ok(value) => value,
            Err(text) => parsed(flow, &text),
        },
        false => assigned(flow),
    };
    let include = text(parameters.get("include"));
    let keeps = match step.version {
        version if version >= 3.3 => is_true(parameters.get("includeOtherFields")),
        version if version >= 3.0 => include != "none",
        _ => !is_true(parameters.get("keepOnlySet")),
    };
    let item = match include.as_str() {
        "selected" | "except" if keeps && step.version >= 3.0 => {
            match chosen(flow, include == "selected") {
                Some(item) => item,
                None => return unsupported(flow, "it keeps fields whose names are computed"),
            }
        }
        _ => flow.here.items.item.clone(),
    };
    let is_empty = matches!(&item, Item::Fields(fields) if fields.is_empty()) || item == Item::Null;
    let node = Node::new(flow.here.id.clone(), "json");
    let node = match keeps && !is_empty {
        true => node.with("merge", json!([item.json(), own])),
        false => node.with("value", own),
    };
    flow.add_named(node);
    let file = flow.here.items.file.clone();
    vec![flow.out(Items::one(Item::of(&flow.here.id, "value")).with_file(file))]
}

/// The item with only the fields that the file names, or without them. `None` if their names are
/// computed, or are paths.
fn chosen(flow: &mut Flow<'_, '_, '_>, is_only: bool) -> Option<Item> {
    let name = if is_only { "includeFields" } else { "excludeFields" };
    let names = text(flow.current().parameters.get(name));
    if names.starts_with('=') || names.contains('.') {
        return None;
    }
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let mut code = Text::literal("const item = ");
    code.append(flow.here.items.item.code());
    let test = if is_only { "" } else { "!" };
    let names = super::lexer::shielded(&json!(names).to_string());
    code.push(Part::Literal(format!(
        ", names = {names};\nreturn Object.fromEntries(\n  \
        Object.entries(item ?? {{}}).filter(([name]) => {test}names.includes(name)));"
    )));
    let after = flow.here.after.clone();
    let id = flow.helper_function("fields", &code, flow.here.inside, &after);
    Some(Item::of(&id, "result"))
}

/// A node that reads JSON text with expressions in it.
pub(super) fn parsed(flow: &mut Flow<'_, '_, '_>, text: &Text) -> Value {
    let id = flow.draft.ids.fresh(&format!("{}_json", flow.here.id));
    let written = flow.draft.text(text);
    flow.add(Node::new(id.clone(), "json").with("parse", written));
    flow.approximated("JSON put together as text is read when it is there");
    format!("<{id}.value>").into()
}

/// The fields that a `set` node sets, with their types.
fn assigned(flow: &mut Flow<'_, '_, '_>) -> Value {
    let parameters = flow.current().parameters;
    let mut found: Vec<(String, String, Value)> = Vec::new();
    for one in items(fields(parameters.get("assignments")).get("assignments")) {
        let value = one.get("value").cloned().unwrap_or_default();
        found.push((text(one.get("name")), text(one.get("type")), value));
    }
    let values = fields(parameters.get("values"));
    for one in items(fields(parameters.get("fields")).get("values")) {
        let kind = text(one.get("type"));
        let kind = if kind.is_empty() { "stringValue".to_owned() } else { kind };
        let value = one.get(&kind).cloned().unwrap_or_default();
        found.push((text(one.get("name")), kind.trim_end_matches("Value").to_owned(), value));
    }
    for (kind, list) in values {
        for one in items(Some(list)) {
            let value = one.get("value").cloned().unwrap_or_default();
            found.push((text(one.get("name")), kind.clone(), value));
        }
    }
    let mut whole = Map::new();
    for (name, kind, value) in found {
        let value = typed(flow, &kind, &value);
        let dotted = !is_false(fields(parameters.get("options")).get("dotNotation"));
        put(&mut whole, &name, value, dotted);
    }
    whole.into()
}

fn is_false(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(false))
}

fn typed(flow: &mut Flow<'_, '_, '_>, kind: &str, value: &Value) -> Value {
    let Value::String(parameter) = value else { return flow.any(value) };
    if parameter.starts_with('=') {
        let is_json = matches!(kind, "object" | "array");
        let read = is_json.then(|| flow.json_text(Some(value))).and_then(Result::ok);
        return read.unwrap_or_else(|| flow.any(value));
    }
    let read = match kind {
        "number" => serde_json::from_str(parameter).ok().filter(Value::is_number),
        "boolean" => Some(Value::Bool(parameter == "true")),
        "object" | "array" => serde_json::from_str(parameter).ok(),
        _ => None,
    };
    flow.any(&read.unwrap_or_else(|| value.clone()))
}

/// `a.b` sets a field of a field. A name with more dots than anyone writes is a plain one: its
/// depth would be that of the document.
fn put(whole: &mut Map<String, Value>, name: &str, value: Value, dotted: bool) {
    const MAX_DOTS: usize = 31;
    let dotted = dotted && name.matches('.').nth(MAX_DOTS).is_none();
    match name.split_once('.').filter(|_| dotted) {
        Some((first, rest)) => {
            let inner = whole.entry(first.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value, dotted);
            }
        }
        None => {
            whole.insert(name.to_owned(), value);
        }
    }
}

fn respond(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    let mut node = Node::new(flow.here.id.clone(), "response");
    let with = text(parameters.get("respondWith"));
    let data = match with.as_str() {
        "json" => match flow.json_text(parameters.get("responseBody")) {
            Ok(value) => value,
            Err(text) => flow.draft.any(&text),
        },
        "text" => flow.any(parameters.get("responseBody").unwrap_or(&Value::Null)),
        "noData" | "redirect" => Value::Null,
        "binary" => flow.file().unwrap_or_default(),
        "jwt" => {
            flow.unsupported("an answer as a JWT");
            Value::Null
        }
        _ if flow.here.items.many && with != "allIncomingItems" => {
            flow.here.items.item.at(&[super::expression::Step::Item(0)]).json()
        }
        _ => flow.here.items.item.json(),
    };
    node = node.with("data", data);
    if let Some(status) = number(options.get("responseCode")) {
        node = node.with("status", status as u64);
    } else if let Some(status) = filled(options.get("responseCode")) {
        let status = flow.any(&Value::String(status.to_owned()));
        node = node.with("status", status);
    }
    let mut headers = Map::new();
    for one in items(fields(options.get("responseHeaders")).get("entries")) {
        let value = flow.written(one.get("value"));
        headers.insert(text(one.get("name")), value);
    }
    if with == "redirect" {
        let to = flow.written(parameters.get("redirectURL"));
        headers.insert("location".to_owned(), to);
        node = node.with("status", 302);
    }
    headers.retain(|name, _| !name.is_empty() && !name.eq_ignore_ascii_case("content-type"));
    if !headers.is_empty() {
        node = node.with("headers", Value::Object(headers));
    }
    flow.add_named(node);
    if flow.graph.lines.iter().any(|line| line.from == flow.here.at) {
        flow.approximated("the answer ends the run: what is behind it does not run any more");
    }
    vec![flow.out(flow.here.items.clone())]
}

fn wait(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let parameters = step.parameters;
    let id = flow.here.id.clone();
    let node = match text(parameters.get("resume")).as_str() {
        "" | "timeInterval" => {
            let (amount, unit) = if step.version < 1.1 { (1.0, "hours") } else { (5.0, "seconds") };
            let amount = match parameters.get("amount") {
                None => Some(amount),
                given => number(given),
            };
            let unit = filled(parameters.get("unit")).unwrap_or(unit);
            let seconds = match unit {
                "minutes" => 60.0,
                "hours" => 3600.0,
                "days" => 86400.0,
                _ => 1.0,
            };
            match amount {
                Some(amount) => {
                    let wait = (amount * seconds).clamp(1.0, 2_592_000.0) as u64;
                    Node::new(id, "wait").with("for", format!("{wait}s"))
                }
                None => {
                    if seconds > 1.0 {
                        flow.approximated("the time of the wait is read as seconds");
                    }
                    let wait = flow.written(parameters.get("amount"));
                    Node::new(id, "wait").with("for", wait)
                }
            }
        }
        "specificTime" => {
            let until = flow.written(parameters.get("dateTime"));
            Node::new(id, "wait").with("until", until)
        }
        _ => {
            flow.approximated("an answer comes over the run's questions, not over n8n's address");
            let name = flow.current().origin.name.clone();
            Node::new(id, "approval").with("message", json!({ "raw": name }))
        }
    };
    let is_approval = node.kind() == "approval";
    flow.add_named(node);
    let items = match is_approval {
        true => {
            let data = Item::of(&flow.here.id, "data");
            Items::one(Item::fields([("body", data.clone()), ("data", data)]))
        }
        false => flow.here.items.clone(),
    };
    vec![flow.out(items)]
}

/// A further page of a form is a question; its end says what people read.
fn form(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let id = flow.here.id.clone();
    if text(parameters.get("operation")) == "completion" {
        let title = flow.any(parameters.get("completionTitle").unwrap_or(&Value::Null));
        let message = flow.any(parameters.get("completionMessage").unwrap_or(&Value::Null));
        let value = json!({ "title": title, "message": message });
        flow.add_named(Node::new(id.clone(), "json").with("value", value));
        flow.approximated("the form's last page is a part of the output");
        return vec![flow.out(Items::one(Item::of(&id, "value")))];
    }
    let title = fields(parameters.get("options")).get("formTitle");
    let title = flow.text(title);
    let title = if title.is_empty() { Text::literal("The form goes on.") } else { title };
    let title = flow.draft.only_text(&title);
    flow.add_named(Node::new(id.clone(), "approval").with("message", title));
    flow.approximated("a further page of the form is a question of the run");
    vec![flow.out(Items::one(Item::of(&id, "data")))]
}

fn stop(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let given = parameters.get("errorMessage").or(parameters.get("errorObject"));
    let message = flow.any(&given.cloned().unwrap_or_else(|| "stopped".into()));
    let id = flow.draft.ids.fresh(&format!("{}_text", flow.here.id));
    flow.add(Node::new(id.clone(), "json").with("value", message));
    let code = format!("throw new Error(String(<{id}.value>))");
    flow.add_named(Node::new(flow.here.id.clone(), "function").with("code", code));
    vec![result(flow)]
}

fn execute(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let Some(called) = called_workflow(flow, parameters) else {
        return unsupported(flow, "a workflow that is found only when it runs");
    };
    let workflow = called.id;
    let given = fields(parameters.get("workflowInputs")).get("value");
    let input = match given.filter(|value| value.as_object().is_some_and(|of| !of.is_empty())) {
        Some(value) => flow.any(value),
        None => flow.here.items.item.json(),
    };
    let mut node = Node::new(flow.here.id.clone(), "workflow").with("workflow", workflow.clone());
    if !input.is_null() {
        node = node.with("input", input);
    }
    flow.add_named(node);
    flow.approximated(format!("it calls the workflow `{workflow}`, which must be published"));
    let item = Item::of(&flow.here.id, "data");
    vec![flow.out(if called.answers_many { Items::many(item) } else { Items::one(item) })]
}

/// The workflow that a step calls: the one of this file, or one with the id that its name gives
/// here.
pub(super) fn called_workflow(
    flow: &Flow<'_, '_, '_>,
    parameters: &Map<String, Value>,
) -> Option<Called> {
    let given = parameters.get("workflowId");
    let title = filled(given.and_then(|given| given.get("cachedResultName")));
    let is_own = title.is_none_or(|title| flow.draft.name.starts_with(title));
    if let Some(called) = flow.called.clone().filter(|_| is_own) {
        return Some(called);
    }
    let given = given?;
    let names = [given.get("cachedResultName"), given.get("value"), Some(given)];
    let name = names.into_iter().find_map(filled).filter(|name| !name.starts_with('='))?;
    let id = crate::ids::workflow_id("", name, |_| false);
    Some(Called { id, answers_many: false })
}
