//! Blocks as they stand in the file.

use std::collections::HashMap;

use flowgate_engine::json::push_segment;
use serde_json::{Map, Value};

use crate::Importing;
use crate::draft::Origin;
use crate::json::{fields, filled, is_true, items, text};

pub(super) struct Block<'a> {
    pub id: &'a str,
    pub origin: Origin,
    pub fields: &'a Map<String, Value>,
    /// The settings that have a value.
    pub values: HashMap<&'a str, &'a Value>,
    /// The id of the loop or parallel around it.
    pub parent: Option<&'a str>,
    pub is_enabled: bool,
    /// It starts the workflow.
    pub is_trigger: bool,
}

const TRIGGERS: [&str; 9] = [
    "start_trigger",
    "starter",
    "api_trigger",
    "input_trigger",
    "chat_trigger",
    "manual_trigger",
    "schedule",
    "generic_webhook",
    "rss",
];

/// Reports blocks without a type, and those inside of what is no block.
pub(super) fn read_blocks<'a>(
    blocks: &'a Map<String, Value>,
    path: &str,
    importing: &mut Importing<'_>,
) -> Vec<Block<'a>> {
    let mut read = Vec::new();
    for (id, block) in blocks {
        let mut place = format!("{path}/blocks");
        push_segment(&mut place, id);
        let own = fields(Some(block));
        let Some(kind) = filled(own.get("type")) else {
            importing.problem(&place, "a block needs a `type`");
            continue;
        };
        let parent = own.get("data").and_then(|data| filled(data.get("parentId")));
        let parent = parent.or_else(|| filled(own.get("parentId")));
        if let Some(parent) = parent.filter(|parent| !blocks.contains_key(*parent)) {
            importing.problem(&place, format!("no block has the id `{parent}`"));
        }
        let name = filled(own.get("name")).unwrap_or(id).to_owned();
        let origin = Origin { id: id.clone(), name, kind: kind.to_owned(), path: place };
        let is_trigger = TRIGGERS.contains(&kind) || is_true(own.get("triggerMode"));
        let is_enabled = own.get("enabled") != Some(&Value::Bool(false));
        let values = values(own);
        read.push(Block { id, origin, fields: own, values, parent, is_enabled, is_trigger });
    }
    read
}

/// `subBlocks` hold `{id, type, value}`; the older `inputs` hold the values themselves.
fn values(block: &Map<String, Value>) -> HashMap<&str, &Value> {
    let sub = fields(block.get("subBlocks")).iter();
    let sub = sub.filter_map(|(name, field)| Some((name.as_str(), field.get("value")?)));
    let inputs = fields(block.get("inputs")).iter().map(|(name, value)| (name.as_str(), value));
    sub.chain(inputs).filter(|(_, value)| !value.is_null()).collect()
}

impl Block<'_> {
    pub(super) fn kind(&self) -> &str {
        &self.origin.kind
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).copied()
    }

    /// A setting as text; objects and lists as JSON.
    pub(super) fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
            value => text(value),
        }
    }

    /// A setting that is a list, or the text of one.
    pub(super) fn list(&self, name: &str) -> Vec<Value> {
        match self.value(name).map(parsed) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// The rows of a table: `[{ cells: { Key, Value } }]`, or an object.
    pub(super) fn rows(&self, name: &str) -> Vec<(String, String)> {
        let shown = |value: Option<&Value>| match value {
            Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
            value => text(value),
        };
        let rows: Vec<(String, String)> = match self.value(name).map(parsed) {
            Some(Value::Object(fields)) => {
                fields.iter().map(|(name, value)| (name.clone(), shown(Some(value)))).collect()
            }
            Some(list @ Value::Array(_)) => items(Some(&list))
                .iter()
                .map(|row| {
                    let cells = row.get("cells").unwrap_or(row);
                    let cell =
                        |names: [&str; 2]| shown(names.iter().find_map(|name| cells.get(*name)));
                    (cell(["Key", "key"]), cell(["Value", "value"]))
                })
                .collect(),
            _ => Vec::new(),
        };
        rows.into_iter().filter(|(name, _)| !name.trim().is_empty()).collect()
    }
}

/// A value, or the JSON that a text holds.
pub(super) fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            flowgate_engine::json::parse(text.as_bytes()).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}
