//! The page of a question, and the form that it sends.

use flowgate_app::Error;
use flowgate_app::run::{AskedQuestion, RunRecord};
use flowgate_app::runs::PersonsAnswer;
use flowgate_engine::call::AskedField;
use flowgate_engine::input::InputType;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::http::html::{escaped, message, page};

/// A field's own name might be `approved`.
const FIELD: &str = "field.";
const APPROVED: &str = "approved";

pub(super) fn question(record: &RunRecord, asked: &AskedQuestion) -> String {
    if record.state.has_ended() {
        return message("The run has ended.");
    }
    if asked.answer.is_some() {
        return message("This question was answered.");
    }
    let open = &asked.question;
    let fields = open.question.fields.iter().flatten().map(field).collect::<String>();
    page(
        &record.head.workflow_name,
        &format!(
            "<pre>{}</pre><form method=\"post\">{fields}<button name=\"{APPROVED}\" \
             value=\"true\">Approve</button><button name=\"{APPROVED}\" value=\"false\" \
             formnovalidate>Reject</button></form><p><small>Open until {}.</small></p>",
            escaped(&open.question.message),
            open.expires_at,
        ),
    )
}

fn field(field: &AskedField) -> String {
    let name = escaped(&field.name);
    let value = match &field.value {
        None => String::new(),
        Some(Value::String(text)) => escaped(text),
        Some(value) => escaped(&format!("{value:#}")),
    };
    let input = match field.kind {
        InputType::Number => format!(
            "<input id=\"{name}\" name=\"{FIELD}{name}\" value=\"{value}\" inputmode=\"decimal\">"
        ),
        InputType::Boolean => {
            let option = |text: &str| {
                let selected = if value == text { " selected" } else { "" };
                format!("<option{selected}>{text}</option>")
            };
            let options = format!("{}{}", option("true"), option("false"));
            format!("<select id=\"{name}\" name=\"{FIELD}{name}\">{options}</select>")
        }
        // A text area drops a first line break.
        InputType::String | InputType::Object | InputType::Array | InputType::File => {
            format!("<textarea id=\"{name}\" name=\"{FIELD}{name}\">\n{value}</textarea>")
        }
    };
    let description = escaped(&field.description);
    format!("<label for=\"{name}\">{name}</label><small>{description}</small>{input}")
}

/// Reads what the form sent. An empty field that had no value is left out.
pub(super) fn read_form(asked: &AskedQuestion, body: &[u8]) -> Result<PersonsAnswer, Error> {
    let mut data = Map::new();
    let mut approved = None;
    for (name, value) in form_urlencoded::parse(body) {
        if name == APPROVED {
            approved = Some(value == "true");
        } else if let Some(name) = name.strip_prefix(FIELD) {
            // Browsers send line breaks as CR LF.
            let value = value.replace("\r\n", "\n");
            data.insert(name.to_owned(), Value::String(value));
        }
    }
    for field in asked.question.question.fields.iter().flatten() {
        let is_empty = data.get(&field.name).is_some_and(|sent| sent == "");
        if is_empty && (field.kind != InputType::String || field.value.is_none()) {
            data.remove(&field.name);
        }
    }
    let approved = approved.ok_or_else(|| Error::bad_field("/approved", "is required"))?;
    let data = if approved { Value::Object(data) } else { Value::Null };
    Ok(PersonsAnswer { approved, data, is_form: true })
}
