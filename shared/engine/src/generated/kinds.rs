//! Generates `docs/kinds.md`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::field::{FieldSpec, FieldType, Required, Secrets};
use crate::kind::{CallLimits, KindSpec, Kinds, OutputField, OutputFields, OutputType};
use crate::problem::listed;

const HEAD: &str = "\
# Kinds of nodes

Generated from the code: `FLOWGATE_RENEW=1 cargo test -p flowgate-engine generated` rewrites this page.

[The workflow document](workflow.md) says what every node may have (`id`, `after`, `retry` …) and how references and
secrets work. A field takes references unless it says otherwise. Secrets are allowed only in the fields that say so.
";

pub fn page(kinds: &Kinds) -> String {
    let mut page = HEAD.to_owned();
    let names = kinds.plain().map(|kind| &kind.name);
    let links: Vec<String> = names.map(|name| format!("[`{name}`](#{name})")).collect();
    let _ = writeln!(page, "\n{}", links.join(" · "));
    for kind in kinds.plain() {
        section(&mut page, kind);
    }
    page
}

pub(super) fn section(page: &mut String, kind: &KindSpec) {
    let _ = writeln!(page, "\n## `{}`\n\n{}\n", kind.name, kind.summary);
    let _ = writeln!(page, "| field | | default |\n|---|---|---|");
    for spec in kind.fields.iter().filter(|spec| spec.field_type != FieldType::Nothing) {
        let help = help(spec).replace('|', "\\|");
        let default = shown_default(&spec.default);
        let _ = writeln!(page, "| `{}` | {help} | {default} |", spec.name);
    }
    if let Some(CallLimits { default_timeout, max_timeout }) = kind.call {
        let (max, default) = (shown_duration(max_timeout), shown_duration(default_timeout));
        let _ = writeln!(page, "| `timeout` | of one attempt, at most `{max}` | `{default}` |");
    }
    let _ = writeln!(page, "\n{}", outputs(kind));
    if !kind.details.is_empty() {
        let _ = writeln!(page, "\n{}", kind.details);
    }
    let example = kind.example.replace('\n', "\n  ");
    let _ = writeln!(page, "\n```yaml\n- {example}\n```");
}

/// Renders a value as code, words as plain text.
fn shown_default(default: &str) -> String {
    let is_words = default.is_empty() || default.contains([' ', '`', '\'']);
    if is_words { default.to_owned() } else { format!("`{default}`") }
}

fn help(spec: &FieldSpec) -> String {
    let mut help = spec.help.clone().into_owned();
    match &spec.field_type {
        FieldType::OneOf(names) | FieldType::Method(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let _ = write!(help, ": {}", names.join(", "));
        }
        FieldType::Integer(min, max) | FieldType::IntegerRef(min, max) => {
            let _ = write!(help, "; {min} to {max}");
        }
        FieldType::Number(min, max) | FieldType::NumberRef(min, max) => {
            let _ = write!(help, "; {min} to {max}");
        }
        FieldType::Duration(min, max) => {
            let _ = write!(help, "; `{min}` to `{max}`");
        }
        FieldType::Words => help.push_str("; no references"),
        _ => {}
    }
    if spec.secrets == Secrets::Allowed {
        help.push_str("; secrets allowed");
    }
    match spec.required {
        Required::No => {}
        Required::Yes => help.push_str("; required"),
        Required::AnyOf(names) => {
            let _ = write!(help, "; `{}` is required", names.join("` or `"));
        }
        Required::OneOf(names) => {
            let _ = write!(help, "; exactly one of {} is required", listed(names));
        }
        Required::AtMostOneOf(names) => {
            let _ = write!(help, "; only one of `{}`", names.join("`, `"));
        }
    }
    help
}

fn outputs(kind: &KindSpec) -> String {
    let field = |field: &OutputField| {
        let output_type = match field.output_type {
            OutputType::Any => "any JSON",
            OutputType::Text => "text",
            OutputType::Number => "a number",
            OutputType::Object => "an object",
            OutputType::List => "a list",
        };
        let or_null = if field.nullable { " or `null`" } else { "" };
        format!("`{}` ({output_type}{or_null})", field.name)
    };
    match kind.outputs_of(&serde_json::Map::new()) {
        OutputFields::Any => "Output: the fields that the author names.".to_owned(),
        OutputFields::Only(fields) if fields.is_empty() => "No output.".to_owned(),
        OutputFields::Only(fields) => {
            format!("Output: {}.", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

fn shown_duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 60 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}
