//! What starts the workflow: its input and its schedule.

use std::collections::BTreeMap;

use flowgate_engine::expr::reference::{PathStep, normalise};
use serde_json::{Map, Value, json};

use super::Flow;
use super::block::Block;
use super::leaves::Leaves;
use super::references::{Found, scan, typed};
use crate::json::{number, text};
use crate::text::reference;

const MAX_FIELDS: usize = 200;
const MAX_NAME: usize = 64;
/// Settings whose value is a list.
const LISTS: [&str; 3] = ["collection", "forEachItems", "distribution"];

/// How the input is read.
#[derive(Default)]
pub(super) struct Input {
    /// The workflow takes any object.
    is_any: bool,
}

impl Input {
    /// Writes a reference to a trigger.
    pub(super) fn path(&self, kind: &str, path: &[PathStep]) -> Option<String> {
        let is_input = |step: &PathStep| matches!(step, PathStep::Field(name) if name == "input");
        let hides_input = matches!(kind, "api_trigger" | "input_trigger");
        let path = match path.split_first() {
            Some((first, rest)) if hides_input && is_input(first) => rest,
            _ => path,
        };
        let input = PathStep::Field("input".to_owned());
        let needs_input = self.is_any || path.is_empty();
        let steps = needs_input.then_some(input).into_iter().chain(path.iter().cloned());
        Some(reference("api", &steps.collect::<Vec<_>>()))
    }
}

impl Flow<'_, '_> {
    /// Triggers become the input section and the schedule.
    pub(super) fn read_input(&mut self) {
        let triggers: Vec<&Block<'_>> =
            self.blocks.iter().filter(|block| block.is_trigger && block.is_enabled).collect();
        if triggers.is_empty() {
            return self.input.is_any = true;
        }
        if triggers.len() > 1 {
            let note = "the file has several triggers: a run starts what comes after each of them";
            triggers.iter().for_each(|trigger| self.draft.entry(trigger.id).approximated(note));
        }
        let mut declared = BTreeMap::new();
        for trigger in &triggers {
            self.trigger(trigger, &mut declared);
        }
        let undeclared = self.undeclared(&declared);
        let is_usable = |name: &String| name != "input" && name.len() <= MAX_NAME;
        let names = declared.keys().chain(undeclared.keys());
        let is_empty = declared.is_empty() && undeclared.is_empty();
        let is_small = declared.len() + undeclared.len() <= MAX_FIELDS;
        if self.input.is_any || is_empty || !is_small || !names.into_iter().all(is_usable) {
            self.input.is_any = true;
            return;
        }
        for (name, kind) in undeclared {
            let note = format!("`{name}` is read, but not declared: callers may send it");
            self.draft.entry(triggers[0].id).approximated(note);
            declared.insert(name.clone(), field(&name, kind, Some(Value::Null)));
        }
        let is_scheduled = self.draft.settings.contains_key("schedule");
        for mut field in declared.into_values() {
            if is_scheduled && field.get("default").is_none() {
                field["default"] = Value::Null;
            }
            self.draft.input.get_or_insert_default().push(field);
        }
    }

    fn trigger(&mut self, block: &Block<'_>, declared: &mut BTreeMap<String, Value>) {
        let entry = self.draft.entry(block.id);
        match block.kind() {
            "schedule" => self.schedule(block),
            "chat_trigger" => {
                entry.note("the workflow's input: `input`, `conversationId` and `files`");
                self.input.is_any = true;
            }
            "start_trigger" | "starter" | "api_trigger" | "input_trigger" | "manual_trigger" => {
                entry.note("the workflow's input");
            }
            "generic_webhook" => {
                entry.note("the workflow starts by a call, whose body is its input");
                self.input.is_any = true;
            }
            kind => {
                entry.approximated(format!(
                    "nothing here waits for events of `{kind}`: start the workflow with the event \
                     as its input"
                ));
                self.input.is_any = true;
            }
        }
        for format in block.list("inputFormat") {
            let name = text(format.get("name"));
            if !name.trim().is_empty() {
                let kind = input_type(&text(format.get("type")));
                let default = default(format.get("value"), kind);
                declared.entry(name.clone()).or_insert_with(|| field(&name, kind, default));
            }
        }
    }

    /// Fields that texts read of a trigger although none declares them, with their types.
    fn undeclared(&self, declared: &BTreeMap<String, Value>) -> BTreeMap<String, &'static str> {
        let mut found = BTreeMap::new();
        for block in self.blocks.iter().filter(|block| block.is_enabled) {
            for (name, value) in &block.values {
                self.note_reads(name, value, &mut found);
            }
        }
        for subflow in self.subflows.values() {
            subflow.iter().for_each(|(name, value)| self.note_reads(name, value, &mut found));
        }
        found.retain(|name, _| !declared.contains_key(name));
        found
    }

    fn note_reads(&self, name: &str, value: &Value, found: &mut BTreeMap<String, &'static str>) {
        match value {
            Value::String(text) => {
                for (trigger, field) in self.reads_of_input(text) {
                    let is_list = LISTS.contains(&name) && text.trim().ends_with('>');
                    let kind = match (is_list, field.as_str()) {
                        (true, _) => "array",
                        (_, "files") if trigger == "start_trigger" => "file",
                        _ => "string",
                    };
                    found.entry(field).or_insert(kind);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.note_reads("", item, found)),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| self.note_reads(name, field, found));
            }
            _ => {}
        }
    }

    /// The kind of the trigger and the first field of each reference to one.
    fn reads_of_input(&self, text: &str) -> Vec<(&str, String)> {
        let read = |part: Found<'_>| {
            let Found::Reference { head, path, .. } = part else { return None };
            let at = *self.by_name.get(&normalise(head))?;
            if !matches!(self.leaves[at], Leaves::Input) {
                return None;
            }
            let kind = self.blocks[at].kind();
            let hides_input = matches!(kind, "api_trigger" | "input_trigger");
            let mut names = path.into_iter().map(|step| match step {
                PathStep::Field(name) => name,
                PathStep::Item(_) => "input".to_owned(),
            });
            let first = names.next()?;
            let first = if hides_input && first == "input" { names.next()? } else { first };
            Some((kind, first))
        };
        scan(text).into_iter().filter_map(read).collect()
    }

    fn schedule(&mut self, block: &Block<'_>) {
        let zone = block.text("timezone");
        let zone = if zone.trim().is_empty() { "UTC".to_owned() } else { zone };
        match cron(block) {
            Some(cron) => {
                let schedule = json!([{ "cron": cron, "timezone": zone }]);
                self.draft.settings.insert("schedule".to_owned(), schedule);
                self.draft.entry(block.id).note("the workflow's schedule");
            }
            None => {
                let note = "its times cannot be written as a schedule: add one by hand";
                self.draft.entry(block.id).unsupported(note);
            }
        }
    }
}

fn field(name: &str, kind: &str, default: Option<Value>) -> Value {
    let mut field =
        Map::from_iter([("name".to_owned(), name.into()), ("type".to_owned(), kind.into())]);
    if let Some(default) = default {
        field.insert("default".to_owned(), default);
    }
    field.into()
}

fn input_type(kind: &str) -> &'static str {
    match kind {
        "number" => "number",
        "boolean" => "boolean",
        "object" | "json" => "object",
        "array" => "array",
        "files" | "file[]" | "file" => "file",
        _ => "string",
    }
}

/// A value of the right type; an empty one is none.
fn default(value: Option<&Value>, kind: &str) -> Option<Value> {
    let value = typed(value, kind);
    let fits = match kind {
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.as_str().is_some_and(|text| !text.is_empty()),
        _ => false,
    };
    fits.then_some(value)
}

fn cron(block: &Block<'_>) -> Option<String> {
    let at = |name: &str| {
        let text = block.text(name);
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u8, u8) = (hour.trim().parse().ok()?, minute.trim().parse().ok()?);
        (hour < 24 && minute < 60).then_some((hour, minute))
    };
    let whole = |name: &str, max: f64| {
        number(block.value(name)).filter(|n| (0.0..=max).contains(n)).map(|n| n as u32)
    };
    match block.text("scheduleType").as_str() {
        "minutes" => every(whole("minutesInterval", 1_440.0).unwrap_or(15)),
        "hourly" => Some(format!("{} * * * *", whole("hourlyMinute", 59.0).unwrap_or(0))),
        "daily" | "" => {
            let (hour, minute) = at("dailyTime").unwrap_or((9, 0));
            Some(format!("{minute} {hour} * * *"))
        }
        "weekly" => {
            let (hour, minute) = at("weeklyDayTime").unwrap_or((9, 0));
            let day = block.text("weeklyDay").to_lowercase();
            let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
            let day = days.iter().position(|name| day.starts_with(name)).unwrap_or(1);
            Some(format!("{minute} {hour} * * {day}"))
        }
        "monthly" => {
            let (hour, minute) = at("monthlyTime").unwrap_or((9, 0));
            let day = whole("monthlyDay", 31.0).filter(|day| *day > 0).unwrap_or(1);
            Some(format!("{minute} {hour} {day} * *"))
        }
        "custom" => {
            let cron = block.text("cronExpression");
            let fields: Vec<&str> = cron.split_whitespace().collect();
            (fields.len() == 5).then(|| fields.join(" "))
        }
        _ => None,
    }
}

/// Every so many minutes, as far as cron can say so.
fn every(minutes: u32) -> Option<String> {
    match minutes {
        1..60 => Some(format!("*/{minutes} * * * *")),
        60 => Some("0 * * * *".to_owned()),
        _ if minutes.is_multiple_of(60) && minutes < 1_440 => {
            Some(format!("0 */{} * * *", minutes / 60))
        }
        1_440 => Some("0 0 * * *".to_owned()),
        _ => None,
    }
}
