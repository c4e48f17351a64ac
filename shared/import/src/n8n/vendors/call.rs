//! Makes a node of a row of the tables.

use flowgate_engine::connector::{Operation, find};
use flowgate_engine::expr::reference::readable;
use serde_json::{Map, Value, json};

use super::super::flow::Flow;
use super::super::http::secret_of;
use super::reader::Reader;
use super::table::{Login, Row, Vendor};
use crate::json::{fields, filled, is_true, items, text};
use crate::text::{Part, Text};

pub(super) type Fields = Map<String, Value>;

/// A node in the making.
pub(super) struct Call {
    /// An operation of a connector, or `http`.
    pub kind: &'static str,
    pub fields: Fields,
    pub leaves: &'static str,
    /// Whether it goes where the tables say, and not the file.
    pub has_own_host: bool,
}

pub(super) fn read(flow: &mut Flow<'_, '_, '_>, vendor: &'static Vendor) -> Result<Call, String> {
    let mut call = filled_in(flow, vendor, true)?;
    if let Some(operation) = operation(call.kind) {
        require(flow, &mut call, operation)?;
    }
    Ok(call)
}

/// A tool's fields that the file leaves empty are the model's to fill in.
pub(super) fn read_tool(
    flow: &mut Flow<'_, '_, '_>,
    vendor: &'static Vendor,
) -> Result<Call, String> {
    filled_in(flow, vendor, false)
}

pub(super) fn operation(name: &str) -> Option<&'static Operation> {
    let connector = find(name.split_once('.')?.0)?;
    let mut operations = connector.operations.iter();
    operations.find(|operation| operation.full_name() == name).map(AsRef::as_ref)
}

fn filled_in(
    flow: &mut Flow<'_, '_, '_>,
    vendor: &'static Vendor,
    is_node: bool,
) -> Result<Call, String> {
    let (resource, operation) = wanted(flow, vendor.kind);
    let found = vendor.row(resource.as_deref(), operation.as_deref());
    let row = found.ok_or("no connector has this operation")?;
    let mut reader = Reader::new(flow);
    let mut call = match row.target.split_once(' ') {
        Some((method, url)) => request(&mut reader, vendor, row, method, url)?,
        None => {
            let fields = fields_of(&mut reader, vendor, row, is_node)?;
            // A connector's hosts may be the file's choice: its login is judged by them.
            Call { kind: row.target, fields, leaves: row.leaves, has_own_host: false }
        }
    };
    reader.report_unread();
    if !row.note.is_empty() {
        flow.approximated(row.note);
    }
    if row.fields.contains("=#limit") && is_true(flow.current().parameters.get("returnAll")) {
        take_all(flow, &mut call);
    }
    match self::operation(call.kind) {
        Some(operation) => fit(flow, &mut call, operation),
        None => with_login(flow, &mut call, vendor.login),
    }
    Ok(call)
}

/// What the file asks for; some vendors say it by other parameters, too.
fn wanted(flow: &Flow<'_, '_, '_>, kind: &str) -> (Option<String>, Option<String>) {
    let step = flow.current();
    let given = |name: &str| filled(step.parameters.get(name)).map(str::to_owned);
    let (resource, operation) = (given("resource"), given("operation"));
    let updates = fields(step.parameters.get("updateFields"));
    match kind {
        "discord"
            if step.version < 2.0 || given("authentication").as_deref() == Some("webhook") =>
        {
            (Some("webhook".to_owned()), None)
        }
        "facebookGraphApi" => (None, Some(given("httpRequestMethod").unwrap_or("GET".to_owned()))),
        "reddit" if given("location").as_deref() == Some("allReddit") => {
            (resource, Some("searchAll".to_owned()))
        }
        "github" if step.parameters.get("asBinaryProperty") == Some(&json!(false)) => {
            (resource, Some("getJson".to_owned()))
        }
        "jira" if updates.len() == 1 && updates.contains_key("statusId") => {
            (resource, Some("transition".to_owned()))
        }
        "airtable"
            if operation.as_deref() == Some("update") && finds_by_column(step.parameters) =>
        {
            (resource, Some("updateBy".to_owned()))
        }
        "googleDrive"
            if matches!(operation.as_deref(), Some("deleteFile" | "deleteFolder"))
                && is_true(fields(step.parameters.get("options")).get("deletePermanently")) =>
        {
            (resource, operation.map(|operation| format!("{operation}ForGood")))
        }
        "googleDrive" | "airtable" if step.version < 2.0 => {
            (resource, operation.map(|operation| older(kind, operation)))
        }
        "googleSheets" if step.version < 4.0 => {
            (resource, operation.map(|operation| older(kind, operation)))
        }
        _ => (resource, operation),
    }
}

/// Whether Airtable's record is found by a column, and not by its id.
fn finds_by_column(parameters: &Fields) -> bool {
    let on = fields(parameters.get("columns")).get("matchingColumns");
    items(on).iter().any(|name| name != "id")
}

/// Operations that had another name in the first version of a node.
fn older(kind: &str, operation: String) -> String {
    match (kind, operation.as_str()) {
        ("googleDrive", "delete") => "deleteFileForGood".to_owned(),
        ("googleSheets", "lookup") => "read".to_owned(),
        ("airtable", "append") => "create".to_owned(),
        ("airtable", "delete") => "deleteRecord".to_owned(),
        ("airtable", "list") => "search".to_owned(),
        _ => operation,
    }
}

fn fields_of(
    reader: &mut Reader<'_, '_, '_, '_>,
    vendor: &Vendor,
    row: &Row,
    is_node: bool,
) -> Result<Fields, String> {
    let mut made = Map::new();
    for pair in row.fields.split_whitespace() {
        let (field, source) = pair.split_once('=').unwrap_or((pair, pair));
        let value = sourced(reader, vendor, source)?;
        let name = field.trim_end_matches('!');
        if !is_empty(&value) {
            put(&mut made, name, value);
        } else if field.ends_with('!') && is_node {
            return Err(format!("`{source}` is empty in the file"));
        }
    }
    Ok(made)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || *value == json!("")
}

fn put(into: &mut Fields, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        into.insert(path.to_owned(), value);
        return;
    };
    if let Value::Object(inner) = into.entry(first).or_insert_with(|| json!({})) {
        put(inner, rest, value);
    }
}

/// The value of the first source that there is.
fn sourced(
    reader: &mut Reader<'_, '_, '_, '_>,
    vendor: &Vendor,
    sources: &str,
) -> Result<Value, String> {
    for source in sources.split('|') {
        let value = match source.split_at_checked(1) {
            Some(("'", literal)) => {
                serde_json::from_str(literal).unwrap_or_else(|_| Value::String(literal.to_owned()))
            }
            Some(("#", "limit")) => reader.limit(),
            Some(("#", "item")) => reader.flow.here.items.item.json(),
            Some(("#", "file")) => {
                let file = reader.flow.here.items.file.as_ref();
                let file = file.ok_or("no file of a node before it is known")?;
                format!("<{file}>").into()
            }
            Some(("#", name)) => (vendor.special)(reader, name)?,
            _ => reader.value(source),
        };
        if !is_empty(&value) {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn request(
    reader: &mut Reader<'_, '_, '_, '_>,
    vendor: &Vendor,
    row: &Row,
    method: &str,
    url: &str,
) -> Result<Call, String> {
    let host = own_host(url);
    let url = address(reader, vendor, url)?;
    let has_own_host = url.as_str().is_some_and(|url| url.starts_with(&host));
    let mut made = fields_of(reader, vendor, row, true)?;
    for place in ["query", "headers", "form"] {
        if let Some(Value::Object(own)) = made.get_mut(place) {
            own.values_mut().for_each(as_text);
        }
    }
    if let Some(Value::Object(parts)) = made.remove("multipart") {
        let parts: Vec<Value> = parts.into_iter().map(|part| part_of(reader, part)).collect();
        made.insert("multipart".to_owned(), parts.into());
    }
    made.insert("url".to_owned(), url);
    if method != "GET" {
        made.insert("method".to_owned(), method.into());
    }
    Ok(Call { kind: "http", fields: made, leaves: row.leaves, has_own_host })
}

/// `https://x.com/` of a row's address. Of `{hostUrl|'x.com}`, which the file may set, it is the
/// literal; another host in braces is never one.
fn own_host(url: &str) -> String {
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    let default = host.split_once("|'").map(|(_, default)| default.trim_end_matches('}'));
    format!("https://{}/", default.unwrap_or(host))
}

/// Fields of forms and addresses are texts.
fn as_text(value: &mut Value) {
    if value.is_number() || value.is_boolean() || value.is_array() {
        *value = value.to_string().into();
    }
}

fn part_of(reader: &Reader<'_, '_, '_, '_>, (name, value): (String, Value)) -> Value {
    let file = reader.flow.here.items.file.as_ref().map(|file| format!("<{file}>"));
    let mut value = value;
    as_text(&mut value);
    match file.is_some_and(|file| value == file) {
        true => json!({ "name": name, "file": value }),
        false => json!({ "name": name, "value": value }),
    }
}

/// An address with values in it. `{/x}` is left out with its slash where there is no value.
fn address(
    reader: &mut Reader<'_, '_, '_, '_>,
    vendor: &Vendor,
    url: &str,
) -> Result<Value, String> {
    let mut whole = Text::default();
    let mut rest = url;
    while let Some((before, inner)) = rest.split_once('{') {
        whole.push(Part::Literal(before.to_owned()));
        let Some((source, after)) = inner.split_once('}') else { break };
        rest = after;
        if let Some(secret) = source.strip_prefix('{') {
            whole.push(Part::Secret(secret.to_owned()));
            rest = after.trim_start_matches('}');
            continue;
        }
        let (slash, source) = match source.strip_prefix('/') {
            Some(source) => ("/", source),
            None => ("", source),
        };
        let value = piece(reader, vendor, source)?;
        if !value.is_empty() {
            whole.push(Part::Literal(slash.to_owned()));
            whole.append(value);
        } else if slash.is_empty() {
            return Err(format!("`{}` is empty in the file", source.trim_start_matches('#')));
        }
    }
    whole.push(Part::Literal(rest.to_owned()));
    Ok(reader.flow.draft.text(&whole))
}

/// A value as a part of an address.
fn piece(
    reader: &mut Reader<'_, '_, '_, '_>,
    vendor: &Vendor,
    source: &str,
) -> Result<Text, String> {
    if !source.starts_with('#') && !source.contains('|') {
        return Ok(reader.text(source));
    }
    let value = text(Some(&sourced(reader, vendor, source)?));
    let reference = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    Ok(match reference.filter(|reference| !reference.contains(['<', '>'])) {
        Some(reference) => Text(vec![Part::Reference(reference.to_owned())]),
        None => Text::literal(value),
    })
}

fn with_login(flow: &mut Flow<'_, '_, '_>, call: &mut Call, login: Option<Login>) {
    let Some(login) = login else { return };
    let name = secret_of(flow, login.credential);
    let value = format!("{}{{{{{name}}}}}", login.before);
    let (place, field) = match login.place.strip_prefix('?') {
        Some(field) => ("query", field),
        None => ("headers", login.place),
    };
    put(&mut call.fields, &format!("{place}.{field}"), value.into());
}

/// n8n reads all there is; an operation as many as it can, and a request one page.
fn take_all(flow: &mut Flow<'_, '_, '_>, call: &mut Call) {
    let limit = operation(call.kind)
        .and_then(|operation| operation.fields.get("properties")?.get("limit")?.get("maximum"));
    match limit {
        Some(limit) => {
            call.fields.insert("limit".to_owned(), limit.clone());
            flow.approximated(format!("at most {limit} are read, where n8n reads all"));
        }
        None => flow.approximated("only the first page is read, where n8n reads all"),
    }
}

/// Takes out what the operation has no field for, and says so; a number in quotes is one.
fn fit(flow: &mut Flow<'_, '_, '_>, call: &mut Call, operation: &Operation) {
    let properties = fields(operation.fields.get("properties"));
    let names: Vec<String> = call.fields.keys().cloned().collect();
    for name in names {
        if let Some(property) = properties.get(&name) {
            call.fields.entry(&name).and_modify(|value| as_type(value, property));
            if call.fields.get(&name).is_some_and(|value| is_no_id(value, property)) {
                call.fields.remove(&name);
                let value = format!("YOUR_{}", name.to_uppercase());
                flow.approximated(format!("`{name}` is no id: put yours in for `{value}`"));
                call.fields.insert(name, value.into());
            }
        } else if !operation.settings.iter().any(|one| one.name == name) && name != "login" {
            call.fields.remove(&name);
            flow.approximated(format!("`{}` has no field `{name}`", call.kind));
        }
    }
}

/// Authors write words of their own where people put an id.
fn is_no_id(value: &Value, property: &Value) -> bool {
    let is_id = property.get("pattern").and_then(Value::as_str) == Some("^[A-Za-z0-9_-]+$");
    let literal = value.get("$raw").unwrap_or(value).as_str();
    let is_literal = |text: &&str| value.is_object() || readable(text).is_empty();
    let is_other =
        |text: &str| text.chars().any(|c| !c.is_ascii_alphanumeric() && !"_-".contains(c));
    is_id && literal.filter(is_literal).is_some_and(is_other)
}

fn as_type(value: &mut Value, property: &Value) {
    let is = |kind: &str| match property.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|own| own == kind),
        own => own.and_then(Value::as_str) == Some(kind),
    };
    let read = match value {
        Value::String(text) if is("integer") && !is("string") => text.trim().parse().ok(),
        Value::String(text) if is("array") && !is("string") && !text.starts_with('<') => {
            let list = text.split(',').map(|one| one.trim().into()).collect();
            Some(Value::Array(list))
        }
        Value::Number(number) if is("string") && !is("integer") => Some(number.to_string().into()),
        _ => None,
    };
    if let Some(read) = read {
        *value = read;
    }
}

/// What a vendor's operation must know and the file leaves empty. An address stands there by a
/// name in capitals, for people to fill in; a text that n8n sends empty is sent empty.
fn require(
    flow: &mut Flow<'_, '_, '_>,
    call: &mut Call,
    operation: &Operation,
) -> Result<(), String> {
    let required = items(operation.fields.get("required")).iter().filter_map(Value::as_str);
    for name in required {
        if call.fields.contains_key(name) {
            continue;
        }
        let empty = format!("`{name}` is empty in the file");
        let property = operation.fields.get("properties").and_then(|all| all.get(name));
        if flow.current().parameters.is_empty() {
            return Err("the file holds none of its settings".to_owned());
        }
        let value = stand_in(name, property.unwrap_or(&Value::Null)).ok_or(empty.clone())?;
        flow.approximated(match value.as_str() {
            "" => empty,
            value => format!("the file names no `{name}`: put yours in the place of `{value}`"),
        });
        call.fields.insert(name.to_owned(), value.into());
    }
    Ok(())
}

/// Fields that say what is sent or stored, not where.
const CONTENT: [&str; 9] =
    ["text", "subject", "title", "content", "summary", "body", "message", "jql", "folder_name"];

fn stand_in(name: &str, property: &Value) -> Option<String> {
    let is_text = match property.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        kind => kind.and_then(Value::as_str) == Some("string"),
    };
    match name {
        _ if !is_text || property.get("enum").is_some() => None,
        name if CONTENT.contains(&name) => property.get("minLength").is_none().then(String::new),
        "start" | "end" => None,
        "to" => Some("you@example.com".to_owned()),
        name => Some(format!("YOUR_{}", name.to_uppercase())),
    }
}
