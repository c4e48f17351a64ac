//! Triggers: what callers send, or when a run starts.
//!
//! A webhook of n8n takes whatever a caller sends. Its body, query and path parameters are the
//! input as it is (`<api.input.x>`), without declared fields: every request that worked goes on
//! working.

use flowgate_engine::expr::reference::PathStep;
use serde_json::{Value, json};

use super::flow::{Flow, Out};
use super::http;
use super::items::{Item, Items};
use crate::json::{fields, filled, items, number, text};
use crate::text::shortened;

/// The characters of a file's name that are read: every node behind knows it.
const MAX_LABEL: usize = 200;

/// The triggers that start the workflow. One by hand counts only where there is no other.
pub(super) fn starts(flow: &mut Flow<'_, '_, '_>) -> Vec<usize> {
    let leads = |at: &usize| flow.graph.lines.iter().any(|line| line.from == *at);
    let own = flow.part.iter().copied();
    let found: Vec<usize> = own
        .filter(|at| flow.step(*at).is_trigger() && !flow.step(*at).disabled && leads(at))
        .collect();
    report_headers(flow);
    let by_hand = |at: &usize| {
        matches!(flow.step(*at).kind.as_str(), "manualTrigger" | "start" | "evaluationTrigger")
    };
    let others: Vec<usize> = found.iter().copied().filter(|at| !by_hand(at)).collect();
    let starts = if others.is_empty() { found.clone() } else { others };
    if starts.is_empty() {
        // Without a trigger, the steps that nothing leads to are the first ones.
        return flow
            .part
            .iter()
            .copied()
            .filter(|at| {
                let is_start = leads(at) || flow.step(*at).kind.contains("agent");
                is_start && !flow.graph.lines.iter().any(|line| line.to == *at)
            })
            .collect();
    }
    for at in found.iter().filter(|at| !starts.contains(at)) {
        let source = flow.step(*at).origin.id.clone();
        flow.draft.entry(&source).note("a run by hand needs no trigger");
    }
    starts
}

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let step = flow.current();
    let input = Item::Reference("api.input".to_owned());
    let (item, note) = match step.kind.as_str() {
        "webhook" => {
            webhook(flow);
            let fields = [
                ("body", input.clone()),
                ("query", input.clone()),
                ("params", input.clone()),
                ("headers", Item::fields([])),
            ];
            (Item::fields(fields), "what callers send is the input")
        }
        "manualTrigger" | "start" => (Item::fields([]), "the workflow's start"),
        "scheduleTrigger" | "cron" | "interval" => {
            schedule(flow);
            (Item::fields([]), "the workflow's schedule")
        }
        "errorTrigger" => {
            flow.approximated(
                "no workflow starts by another's failure: call this one for each, with what n8n \
                 says of it, `{ execution: { error, … }, workflow }`",
            );
            (input, "the failure is the input")
        }
        "mcpTrigger" | "workflowTrigger" | "n8nTrigger" => {
            flow.unsupported("no workflow starts by this");
            (input, "its event is the input")
        }
        "chatTrigger" | "manualChatTrigger" | "formTrigger" | "executeWorkflowTrigger" => {
            (input, "what callers send is the input")
        }
        kind => {
            let polls = step.parameters.contains_key("pollTimes");
            let how = if polls {
                "call the workflow for each"
            } else {
                "point the vendor's webhook at the workflow"
            };
            let note = format!("the event of `{kind}` is the input: {how}");
            flow.approximated(note);
            (input, "its event is the input")
        }
    };
    report_login(flow);
    let source = flow.current().origin.id.clone();
    flow.draft.entry(&source).note(note);
    let file = file_of(flow);
    let items = Items::one(item).with_file(file);
    vec![Out { items, after: Vec::new() }]
}

/// The file of a form, of a chat, or of a request.
fn file_of(flow: &mut Flow<'_, '_, '_>) -> Option<String> {
    let parameters = flow.current().parameters;
    let list = items(fields(parameters.get("formFields")).get("values"));
    let is_file = |one: &&Value| text(one.get("fieldType")) == "file";
    if let Some(one) = list.iter().find(is_file) {
        let path = [PathStep::Field(shortened(&text(one.get("fieldLabel")), MAX_LABEL))];
        return Some(crate::text::reference("api.input", &path));
    }
    let options = fields(parameters.get("options"));
    let path = match flow.current().kind.as_str() {
        "webhook" => {
            let name = filled(options.get("binaryPropertyName")).unwrap_or("data");
            vec![PathStep::Field(shortened(name, MAX_LABEL))]
        }
        "chatTrigger" => vec![PathStep::Field("files".to_owned()), PathStep::Item(0)],
        _ => return None,
    };
    let file = crate::text::reference("api.input", &path);
    if flow.part.iter().any(|at| http::takes_file(flow.step(*at))) {
        flow.approximated(format!("a file that is sent is `{file}`"));
    }
    Some(file)
}

/// The path becomes the workflow's id, so that callers find it under the same last part.
fn webhook(flow: &mut Flow<'_, '_, '_>) {
    let parameters = flow.current().parameters;
    let path = filled(parameters.get("path")).filter(|path| !path.starts_with('='));
    if let Some(path) = path.filter(|_| flow.draft.id.is_empty()) {
        flow.draft.id = path.trim_matches('/').to_owned();
    }
    let method = filled(parameters.get("httpMethod")).unwrap_or("GET").to_owned();
    if method != "POST" {
        flow.approximated(format!("it took {method}; a run is started with POST"));
    }
}

/// Who may call, which n8n checks in its own way.
fn report_login(flow: &mut Flow<'_, '_, '_>) {
    let checks = text(flow.current().parameters.get("authentication"));
    let is_called = ["webhook", "chatTrigger", "formTrigger", "mcpTrigger"];
    if is_called.contains(&flow.current().kind.as_str()) && !matches!(checks.as_str(), "" | "none")
    {
        flow.approximated("callers need a key of this server, not that of n8n");
    }
}

/// Headers of a call are no part of the input: a webhook whose headers are read says so.
fn report_headers(flow: &mut Flow<'_, '_, '_>) {
    let reads = |at: &usize| {
        let whole = Value::Object(flow.step(*at).parameters.clone()).to_string();
        let forms = ["json.headers", "json['headers'", "json[\\\"headers"];
        forms.iter().any(|form| whole.contains(form))
    };
    if !flow.part.iter().any(reads) {
        return;
    }
    for at in flow.part.clone() {
        let step = flow.step(at);
        if step.kind == "webhook" && !step.disabled {
            let entry = flow.draft.entry(&step.origin.id);
            entry.approximated("the headers of a call are not known: what reads them reads null");
        }
    }
}

fn schedule(flow: &mut Flow<'_, '_, '_>) {
    let parameters = flow.current().parameters;
    let mut found: Vec<String> = Vec::new();
    for rule in items(fields(parameters.get("rule")).get("interval")) {
        if let Some(note) = coarser(rule) {
            flow.approximated(note);
        }
        found.extend(by_rule(rule));
    }
    for rule in items(fields(parameters.get("triggerTimes")).get("item")) {
        found.extend(by_time(rule));
    }
    if found.is_empty() {
        let unit = filled(parameters.get("unit")).unwrap_or("hours");
        let every = number(parameters.get("interval")).unwrap_or(1.0).max(1.0) as u64;
        found.push(match unit {
            "seconds" => "* * * * *".to_owned(),
            "minutes" => format!("*/{} * * * *", every.min(59)),
            _ if parameters.contains_key("interval") => format!("0 */{} * * *", every.min(23)),
            _ => "0 0 * * *".to_owned(),
        });
    }
    let mut list = items(flow.draft.settings.get("schedule")).to_vec();
    for cron in found {
        if cron.split_whitespace().count() == 5 {
            list.push(match flow.graph.timezone {
                Some(timezone) => json!({ "cron": cron, "timezone": timezone }),
                None => json!({ "cron": cron }),
            });
        } else {
            flow.approximated(format!("the time `{cron}` is no cron of five fields: left out"));
        }
    }
    list.truncate(10);
    if flow.graph.timezone.is_none() {
        flow.approximated("its times are in UTC: the file names no timezone");
    }
    if !list.is_empty() {
        flow.draft.settings.insert("schedule".to_owned(), Value::Array(list));
    }
}

/// What a cron of five fields cannot say of a rule.
fn coarser(rule: &Value) -> Option<&'static str> {
    let every = |name: &str| number(rule.get(name)).unwrap_or(1.0);
    match text(rule.get("field")).as_str() {
        "seconds" => Some("it runs each minute: a schedule knows no seconds"),
        "minutes" if every("minutesInterval") > 59.0 => Some("it runs each 59 minutes at most"),
        "weeks" if every("weeksInterval") > 1.0 => Some("it runs each week"),
        "cronExpression" if text(rule.get("expression")).split_whitespace().count() == 6 => {
            Some("the seconds of its cron are left out")
        }
        _ => None,
    }
}

fn by_rule(rule: &Value) -> Option<String> {
    let get =
        |name: &str, or: f64, max: f64| number(rule.get(name)).unwrap_or(or).clamp(0.0, max) as u64;
    let every = |name: &str, max: f64| {
        let n = number(rule.get(name)).unwrap_or(1.0).clamp(1.0, max) as u64;
        if n == 1 { "*".to_owned() } else { format!("*/{n}") }
    };
    let (minute, hour) = (get("triggerAtMinute", 0.0, 59.0), get("triggerAtHour", 0.0, 23.0));
    Some(match text(rule.get("field")).as_str() {
        "seconds" => "* * * * *".to_owned(),
        "minutes" => {
            let minutes =
                number(rule.get("minutesInterval")).unwrap_or(5.0).clamp(1.0, 59.0) as u64;
            format!("*/{minutes} * * * *")
        }
        "hours" => format!("{minute} {} * * *", every("hoursInterval", 23.0)),
        "weeks" => {
            let days: Vec<String> =
                items(rule.get("triggerAtDay")).iter().map(|day| text(Some(day))).collect();
            let days = if days.is_empty() { "0".to_owned() } else { days.join(",") };
            format!("{minute} {hour} * * {days}")
        }
        "months" => {
            let day = get("triggerAtDayOfMonth", 1.0, 31.0).max(1);
            format!("{minute} {hour} {day} {} *", every("monthsInterval", 12.0))
        }
        "cronExpression" => {
            let cron = filled(rule.get("expression"))?.trim_start_matches('=').trim().to_owned();
            match cron.split_whitespace().count() {
                6 => cron.split_whitespace().skip(1).collect::<Vec<_>>().join(" "),
                _ => cron,
            }
        }
        _ => format!("{minute} {hour} {} * *", every("daysInterval", 31.0)),
    })
}

fn by_time(rule: &Value) -> Option<String> {
    let get =
        |name: &str, or: f64, max: f64| number(rule.get(name)).unwrap_or(or).clamp(0.0, max) as u64;
    let (minute, hour) = (get("minute", 0.0, 59.0), get("hour", 14.0, 23.0));
    Some(match text(rule.get("mode")).as_str() {
        "everyMinute" => "* * * * *".to_owned(),
        "everyHour" => format!("{minute} * * * *"),
        "everyWeek" => format!("{minute} {hour} * * {}", get("weekday", 1.0, 7.0)),
        "everyMonth" => format!("{minute} {hour} {} * *", get("dayOfMonth", 1.0, 31.0).max(1)),
        "everyX" => {
            let n = get("value", 2.0, 59.0).max(1);
            if text(rule.get("unit")) == "minutes" {
                format!("*/{n} * * * *")
            } else {
                format!("0 */{} * * *", n.min(23))
            }
        }
        "custom" => {
            let cron = filled(rule.get("cronExpression"))?;
            let parts: Vec<&str> = cron.split_whitespace().collect();
            parts[parts.len().saturating_sub(5)..].join(" ")
        }
        _ => format!("{minute} {hour} * * *"),
    })
}
