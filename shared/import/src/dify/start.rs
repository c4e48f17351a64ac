//! What starts a workflow: its input, its schedule, and what a conversation keeps.

use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use crate::draft::{Branch, Node};
use crate::json::{fields, filled, is_true, items, number, text};
use crate::text::Text;

const SESSION: &str = "<api.conversation_id>";
const MAX_FIELDS: usize = 190;

/// The name of an input. Requests have a field `input` already.
pub(super) fn input_name(name: &str) -> &str {
    if name == "input" { "input_value" } else { name }
}

impl Flow<'_, '_, '_> {
    pub(super) fn start(&mut self, step: &Step<'_>) {
        match step.kind() {
            "start" => self.fields(step, "variables"),
            "trigger-webhook" => {
                self.fields(step, "body");
                for part in ["headers", "params"] {
                    if !step.list(part).is_empty() {
                        let note = format!("the {part} of the request are fields of the input now");
                        self.draft.entry(step.id()).approximated(note);
                        self.fields(step, part);
                    }
                }
            }
            "trigger-schedule" => self.schedule(step),
            other => {
                let note = format!("nothing starts it: `{other}` has no counterpart");
                self.draft.entry(step.id()).unsupported(note);
            }
        }
        self.draft.entry(step.id()).note("the input of the workflow");
    }

    fn fields(&mut self, step: &Step<'_>, list: &str) {
        for variable in step.list(list) {
            let named = filled(variable.get("variable")).or_else(|| filled(variable.get("name")));
            let Some(name) = named else { continue };
            let input = self.draft.input.get_or_insert_default();
            let is_there = input.iter().any(|field| field["name"] == input_name(name));
            if name.len() > 64 || is_there || input.len() >= MAX_FIELDS {
                let note = format!("the input `{name}` cannot be one, or is there already");
                self.draft.entry(step.id()).unsupported(note);
                continue;
            }
            input.push(field(input_name(name), fields(Some(variable))));
            if input_name(name) != name {
                let note = format!("callers send `{name}` as `{}` now", input_name(name));
                self.draft.entry(step.id()).approximated(note);
            }
        }
    }

    fn schedule(&mut self, step: &Step<'_>) {
        let cron = step.text("cron_expression");
        let visual = step.object("visual_config");
        let cron = match cron.trim().is_empty() {
            true => visual_cron(&step.text("frequency"), visual),
            false => Some(cron),
        };
        let Some(cron) = cron else {
            let note = "its schedule could not be read";
            return self.draft.entry(step.id()).unsupported(note);
        };
        let mut schedule = Map::from_iter([("cron".to_owned(), cron.into())]);
        if let Some(timezone) = filled(step.data.get("timezone")) {
            schedule.insert("timezone".to_owned(), timezone.into());
        }
        let schedules = self.draft.settings.entry("schedule").or_insert_with(|| json!([]));
        if let Value::Array(schedules) = schedules {
            schedules.push(schedule.into());
        }
        self.draft.entry(step.id()).note("the schedule of the workflow");
    }

    /// Adds the fields that Dify gives to every run, and what hangs on them.
    pub(super) fn input(&mut self) {
        if self.is_chat || !self.draft.variables.is_empty() {
            self.given.insert("conversation_id");
        }
        if self.is_chat {
            self.given.insert("query");
        }
        if self.has_helper("dialogue_count") {
            self.keep_count();
        }
        let own = [
            ("query", json!({ "name": "query", "type": "string" })),
            ("conversation_id", optional("conversation_id", "string", json!(""))),
            ("files", optional("files", "file", json!([]))),
            ("user_id", optional("user_id", "string", json!(""))),
        ];
        for (name, field) in own.into_iter().filter(|(name, _)| self.given.contains(name)) {
            let input = self.draft.input.get_or_insert_default();
            if !input.iter().any(|known| known["name"] == name) {
                input.push(field);
            }
        }
    }

    fn keep_count(&mut self) {
        let variable = json!({ "name": "dialogue_count", "value": 0, "session": SESSION });
        self.draft.variables.push(variable);
        self.given.insert("conversation_id");
        let counted = self.helper("dialogue_count", Node::new("", ""));
        let node = Node::new("", "variables")
            .with("set", json!({ "dialogue_count": format!("<{counted}.result>") }));
        let kept = self.helper("dialogue_count_kept", node);
        self.draft.edge(&counted, Branch::Success, &kept);
    }

    /// Declares what a conversation keeps.
    pub(super) fn declare_conversation(&mut self, variables: &[Value]) {
        for variable in variables.iter().take(MAX_FIELDS) {
            let Some(name) = filled(variable.get("name")) else { continue };
            let value = variable.get("value").cloned().unwrap_or_default();
            let value = self.draft.json(&value, &mut |text| Text::literal(text));
            let declared = json!({ "name": name, "value": value, "session": SESSION });
            self.draft.variables.push(declared);
        }
    }
}

fn optional(name: &str, kind: &str, default: Value) -> Value {
    json!({ "name": name, "type": kind, "default": default })
}

/// A field of the input. One that is not required has a default, as in Dify.
fn field(name: &str, variable: &Map<String, Value>) -> Value {
    let (kind, empty) = match text(variable.get("type")).as_str() {
        "number" | "integer" => ("number", Value::Null),
        "checkbox" | "boolean" => ("boolean", json!(false)),
        "file" => ("file", Value::Null),
        "file-list" | "array[file]" => ("file", json!([])),
        "json_object" | "json" | "object" => ("object", Value::Null),
        kind if kind.starts_with("array") => ("array", json!([])),
        _ => ("string", json!("")),
    };
    let mut field =
        Map::from_iter([("name".to_owned(), name.into()), ("type".to_owned(), kind.into())]);
    let label = filled(variable.get("label")).filter(|label| *label != name);
    if let Some(label) = label.or_else(|| filled(variable.get("description"))) {
        field.insert("description".to_owned(), label.into());
    }
    let schema = (kind == "string").then(|| schema(variable)).filter(|schema| !schema.is_empty());
    let default = match variable.get("default").filter(|value| !value.is_null()) {
        Some(default) => typed(kind, default),
        None => None,
    };
    let default = default.filter(|default| !is_blank(default));
    let is_required = is_true(variable.get("required"));
    if let Some(default) = default.clone().or_else(|| (!is_required).then_some(empty)) {
        field.insert("default".to_owned(), default);
    }
    if let Some(schema) = schema {
        let allowed = fits(&schema, field.get("default"));
        field.insert("schema".to_owned(), allowed.into());
    }
    field.into()
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

/// A default as the field's type has it; nothing if it does not fit.
fn typed(kind: &str, default: &Value) -> Option<Value> {
    match kind {
        "string" => Some(text(Some(default)).into()),
        "number" => match default {
            Value::Number(_) => Some(default.clone()),
            _ => number(Some(default)).map(|number| json!(number)),
        },
        "boolean" => Some(is_true(Some(default)).into()),
        "object" => match default {
            Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object),
            other => Some(other.clone()).filter(Value::is_object),
        },
        "array" => Some(default.clone()).filter(Value::is_array),
        _ => None,
    }
}

fn schema(variable: &Map<String, Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    let options: Vec<&str> =
        items(variable.get("options")).iter().filter_map(Value::as_str).collect();
    if text(variable.get("type")) == "select" && !options.is_empty() {
        schema.insert("enum".to_owned(), json!(options));
    }
    let length = number(variable.get("max_length")).filter(|length| *length >= 1.0);
    if let Some(length) = length.filter(|_| text(variable.get("type")) != "select") {
        schema.insert("maxLength".to_owned(), (length as u64).into());
    }
    schema
}

/// Lets the default be one of the options.
fn fits(schema: &Map<String, Value>, default: Option<&Value>) -> Map<String, Value> {
    let mut schema = schema.clone();
    if let (Some(Value::Array(options)), Some(default)) = (schema.get_mut("enum"), default)
        && !options.contains(default)
    {
        options.push(default.clone());
    }
    let length = default.and_then(Value::as_str).map(|text| text.chars().count() as u64);
    let max = schema.get("maxLength").and_then(Value::as_u64);
    if length.zip(max).is_some_and(|(length, max)| length > max) {
        schema.remove("maxLength");
    }
    schema
}

/// The cron expression of a schedule that was clicked together.
fn visual_cron(frequency: &str, visual: &Map<String, Value>) -> Option<String> {
    let written = text(visual.get("time")).to_ascii_uppercase();
    let (clock, is_pm) = match written.strip_suffix("PM") {
        Some(clock) => (clock, true),
        None => (written.strip_suffix("AM").unwrap_or(&written), false),
    };
    let (hour, minute) = clock.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let is_twelve = written.ends_with('M') && hour == 12;
    let hour = if is_twelve { 0 } else { hour } + if is_pm { 12 } else { 0 };
    let list = |name: &str| {
        let items = items(visual.get(name)).iter().map(|item| text(Some(item)));
        let items: Vec<String> = items.map(|item| item.to_ascii_uppercase()).collect();
        (!items.is_empty()).then(|| items.join(","))
    };
    Some(match frequency {
        "hourly" => {
            let minute = number(visual.get("on_minute")).unwrap_or(0.0).clamp(0.0, 59.0) as u32;
            format!("{minute} * * * *")
        }
        "daily" => format!("{minute} {hour} * * *"),
        "weekly" => format!("{minute} {hour} * * {}", list("weekdays")?),
        "monthly" => format!("{minute} {hour} {} * *", list("monthly_days")?),
        _ => return None,
    })
}
