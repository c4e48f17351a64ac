//! Reads an operation: its fields, its steps and what it leaves.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Effect, ONLY, Operation, Step};
use crate::connector::file::{Auth, Common, read_auth, read_docs};
use crate::connector::read::{Names, OF_STEP, Reader, at, given, is_word};
use crate::connector::repeat::{Repeat, read_if};
use crate::connector::request::Request;
use crate::connector::template::{LOGIN, Part, Template};
use crate::connector::tries;
use crate::schema::Schema;

const FIELDS: [&str; 20] = [
    "summary",
    "docs",
    "details",
    "effect",
    "idempotent",
    "auth",
    "fields",
    "let",
    "steps",
    "request",
    "pages",
    "each",
    "batch",
    "items",
    "at_most",
    "wide",
    "accept",
    "if",
    "answer",
    "try",
];
const STEP_FIELDS: [&str; 11] = [
    "auth", "request", "pages", "each", "batch", "items", "at_most", "wide", "accept", "if", "let",
];
const MAX_STEPS: usize = 20;
/// Fields that every node has.
const OF_NODES: [&str; 11] = [
    "id",
    "type",
    "name",
    "description",
    "after",
    "retry",
    "timeout",
    "at_most_once",
    "on_error",
    LOGIN,
    "tool",
];

pub(in crate::connector) fn read(
    reader: &mut Reader,
    (name, object): (&str, &Map<String, Value>),
    path: &str,
    common: &Common,
) -> Option<Operation> {
    reader.known(object, path, &FIELDS);
    if !is_word(name) {
        reader.error(path, "an operation has lower-case letters, digits and `_` as its name");
    }
    let summary = reader.needed(object, path, "summary").to_owned();
    let effect = match reader.one_of(object, path, ("effect", &["read", "write", "delete"])) {
        Some("read") => Effect::Read,
        Some("delete") => Effect::Delete,
        found => {
            if found.is_none() && given(object, "effect").is_none() {
                reader.error(path, "`effect` is missing: read, write or delete");
            }
            Effect::Write
        }
    };
    let idempotent = reader.boolean(object, path, "idempotent");
    let (fields, schema) = read_fields(reader, object, path)?;
    let mut names = Names { fields: Some(field_names(&fields)), ..Names::default() };
    names.fields.get_or_insert_default().extend(common.settings.iter().map(|it| it.name.clone()));
    let auth = given(object, "auth").and_then(|auth| read_auth(reader, auth, &at(path, "auth")));
    let auth = auth.unwrap_or_else(|| common.auth.clone());
    let lets = read_lets(reader, object, path, &mut names);
    let steps = read_steps(reader, object, path, (&mut names, common, &auth));
    let answer = given(object, "answer").cloned().unwrap_or_else(|| json!({}));
    if !answer.is_object() {
        reader.error(&at(path, "answer"), "`answer` is an object: the fields that a node leaves");
    }
    let answer = Template::read(reader, &answer, &at(path, "answer"), &names);
    let tries = tries::read(reader, object, path);
    let details = reader.text(object, path, "details").unwrap_or_default().to_owned();
    let docs = Some(read_docs(reader, object, path)).filter(|docs| !docs.is_empty());
    Some(Operation {
        connector: common.connector.clone(),
        name: name.to_owned(),
        summary,
        details,
        docs: docs.unwrap_or_else(|| common.docs.clone()),
        effect,
        idempotent: idempotent.unwrap_or(effect == Effect::Read),
        fields,
        settings: common.settings.clone(),
        origin: common.origin,
        auth,
        tries,
        schema,
        hosts: common.hosts.clone(),
        base_host: common.base.first().and_then(|part| match part {
            Part::Text(text) => Some(text.clone()),
            _ => None,
        }),
        headers: common.headers.clone(),
        rules: common.rules.clone(),
        expired: common.expired.clone(),
        lets,
        steps,
        answer,
    })
}

/// Reads the JSON Schema of the fields.
fn read_fields(
    reader: &mut Reader,
    object: &Map<String, Value>,
    path: &str,
) -> Option<(Value, Schema)> {
    let path_of = at(path, "fields");
    let mut fields = given(object, "fields").cloned().unwrap_or_else(|| json!({}));
    let Value::Object(schema) = &mut fields else {
        reader.error(&path_of, "`fields` is a JSON Schema of an object");
        return None;
    };
    schema.entry("type").or_insert_with(|| "object".into());
    schema.entry("properties").or_insert_with(|| json!({}));
    schema.entry("additionalProperties").or_insert(Value::Bool(false));
    for name in field_names(&fields).iter().filter(|name| OF_NODES.contains(&name.as_str())) {
        let message = format!("`{name}` is a field of every node: call it something else");
        reader.error(&at(&at(&path_of, "properties"), name), message);
    }
    match Schema::compile(&fields) {
        Ok(schema) => Some((fields, schema)),
        Err(message) => {
            reader.error(&path_of, message.replace("`schema`", "`fields`"));
            None
        }
    }
}

fn field_names(fields: &Value) -> BTreeSet<String> {
    let properties = fields.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

fn read_lets(
    reader: &mut Reader,
    object: &Map<String, Value>,
    path: &str,
    names: &mut Names,
) -> Vec<(String, Template)> {
    let Some(written) = reader.object(object, path, "let") else { return Vec::new() };
    let path = at(path, "let");
    let mut lets = Vec::new();
    for (name, value) in written {
        let value = Template::read(reader, value, &at(&path, name), names);
        note_name(reader, names, name, &at(&path, name));
        names.open.push(name.clone());
        lets.push((name.clone(), value));
    }
    lets
}

fn note_name(reader: &mut Reader, names: &Names, name: &str, path: &str) {
    const TAKEN: [&str; 8] = ["in", LOGIN, "item", "index", "batch", "body", "status", "headers"];
    let is_known =
        TAKEN.contains(&name) || names.steps.iter().chain(&names.open).any(|known| known == name);
    if is_known || !is_word(name) {
        reader.error(path, format!("`{name}` cannot be a name here, or is one already"));
    }
}

fn read_steps(
    reader: &mut Reader,
    object: &Map<String, Value>,
    path: &str,
    (names, common, auth): (&mut Names, &Common, &Auth),
) -> Vec<Step> {
    let Some(written) = reader.object(object, path, "steps") else {
        let step = read_step(reader, (ONLY, object), path, (names, common, auth));
        names.open.extend(OF_STEP.map(str::to_owned));
        return step.into_iter().collect();
    };
    if object.contains_key("request") {
        reader.error(path, "only one of `request` and `steps` may be given");
    }
    let path = at(path, "steps");
    if written.is_empty() || written.len() > MAX_STEPS {
        reader.error(&path, format!("an operation has 1 to {MAX_STEPS} steps"));
    }
    let mut steps = Vec::new();
    for (name, step) in written.iter().take(MAX_STEPS) {
        let path = at(&path, name);
        let Value::Object(step) = step else {
            reader.error(&path, "a step is an object with `request`");
            continue;
        };
        reader.known(step, &path, &STEP_FIELDS);
        note_name(reader, names, name, &path);
        steps.extend(read_step(reader, (name, step), &path, (names, common, auth)));
        names.steps.push(name.clone());
    }
    steps
}

fn read_step(
    reader: &mut Reader,
    (name, step): (&str, &Map<String, Value>),
    path: &str,
    (names, common, auth): (&mut Names, &Common, &Auth),
) -> Option<Step> {
    let lets = if name == ONLY { Vec::new() } else { read_lets(reader, step, path, names) };
    let condition = read_if(reader, step, path, names);
    let own = given(step, "auth").and_then(|auth| read_auth(reader, auth, &at(path, "auth")));
    let auth = own.unwrap_or_else(|| auth.clone());
    let (repeat, inside) = Repeat::read(reader, step, path, names);
    let request = Request::read(reader, (step, path), &inside, common, &auth)?;
    Some(Step { name: name.to_owned(), auth, condition, lets, request, repeat })
}
