//! Questions to people, as requests that a client puts to them, and what it answers.
//! <https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation>

use flowgate_app::runs::{Asked, PersonsAnswer};
use flowgate_engine::call::{AskedField, Question};
use flowgate_engine::input::InputType;
use serde_json::{Map, Value, json};

use super::abilities::Abilities;

/// Before the key of a request to open a page. What a client answers to it is only that the page
/// was opened: the answer to the question comes from the page.
const PAGE: &str = "page:";
/// The formats that a form can ask for.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

/// Returns the questions that the client can put to a person, by their keys. A node asks once, so
/// its path is a key that no other question of the run ever has.
pub(super) fn requests(asked: &[Asked], client: Abilities) -> Map<String, Value> {
    asked.iter().filter_map(|asked| request(asked, client)).collect()
}

fn request(asked: &Asked, client: Abilities) -> Option<(String, Value)> {
    // Who gets no link may not answer.
    let link = asked.link.as_deref()?;
    let open = &asked.question.question;
    let message = &open.question.message;
    let form = form_of(&open.question).filter(|_| client.forms);
    let (key, params) = match form {
        Some(schema) => {
            let form = json!({ "mode": "form", "message": message, "requestedSchema": schema });
            (open.node.clone(), form)
        }
        None if client.pages => {
            let page = json!({ "mode": "url", "message": message, "url": link });
            (format!("{PAGE}{}", open.node), page)
        }
        None => return None,
    };
    Some((key, json!({ "method": "elicitation/create", "params": params })))
}

/// Forms have flat fields only. Of any other, the value that was shown stands; `None`: there is
/// none.
fn form_of(question: &Question) -> Option<Value> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in question.fields.iter().flatten() {
        match (property(field), &field.value) {
            (Some(property), value) => {
                if value.is_none() {
                    required.push(field.name.as_str());
                }
                properties.insert(field.name.clone(), property);
            }
            (None, Some(_)) => {}
            (None, None) => return None,
        }
    }
    Some(json!({ "type": "object", "properties": properties, "required": required }))
}

/// With the keywords that forms know; the answer is checked against all.
fn property(field: &AskedField) -> Option<Value> {
    let schema = field.schema.as_ref().and_then(Value::as_object);
    let of_schema = |keyword: &str| schema.and_then(|schema| schema.get(keyword));
    let is_whole = of_schema("type").is_some_and(|name| name == "integer");
    let (kind, keywords): (_, &[&str]) = match field.kind {
        InputType::String => ("string", &["title", "minLength", "maxLength", "enum", "format"]),
        InputType::Number if is_whole => ("integer", &["title", "minimum", "maximum"]),
        InputType::Number => ("number", &["title", "minimum", "maximum"]),
        InputType::Boolean => ("boolean", &["title"]),
        InputType::Object | InputType::Array | InputType::File => return None,
    };
    let mut property = Map::from_iter([("type".to_owned(), kind.into())]);
    for keyword in keywords {
        if let Some(value) = of_schema(keyword).filter(|value| is_known(keyword, value)) {
            property.insert((*keyword).to_owned(), value.clone());
        }
    }
    if !field.description.is_empty() {
        property.insert("description".to_owned(), field.description.as_str().into());
    }
    if let Some(value) = field.value.as_ref().filter(|value| !value.is_null()) {
        property.insert("default".to_owned(), value.clone());
    }
    Some(property.into())
}

fn is_known(keyword: &str, value: &Value) -> bool {
    match keyword {
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        "enum" => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        _ => true,
    }
}

/// What a client says came of a form.
#[derive(Debug)]
pub(super) enum Response {
    Answer(PersonsAnswer),
    /// The person closed the form: the question stays open.
    Dismissed,
}

impl Response {
    /// `Err`: what is wrong with it.
    pub(super) fn read(response: &Value) -> Result<Self, &'static str> {
        let approved = match response.get("action").and_then(Value::as_str) {
            Some("accept") => true,
            Some("decline") => false,
            Some("cancel") => return Ok(Self::Dismissed),
            _ => return Err("`action` must be accept, decline or cancel"),
        };
        let data = match response.get("content").filter(|_| approved) {
            None | Some(Value::Null) => Value::Null,
            Some(Value::Object(content)) => content.clone().into(),
            Some(_) => return Err("`content` must be an object"),
        };
        Ok(Self::Answer(PersonsAnswer { approved, data, is_form: false }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(
        name: &str,
        kind: InputType,
        value: Option<Value>,
        schema: Option<Value>,
    ) -> AskedField {
        AskedField { name: name.to_owned(), kind, description: String::new(), value, schema }
    }

    fn form(fields: Option<Vec<AskedField>>) -> Option<Value> {
        form_of(&Question { message: "?".to_owned(), fields })
    }

    #[test]
    fn a_form_has_what_forms_can_have() {
        let schema = json!({ "minLength": 2, "pattern": "x", "format": "email", "enum": ["a@b"] });
        let whole = json!({ "type": "integer", "maximum": 5 });
        let fields = vec![
            field("to", InputType::String, None, Some(schema)),
            field("n", InputType::Number, Some(json!(3)), Some(whole)),
            field("now", InputType::Boolean, Some(Value::Null), Some(json!({ "minimum": 1 }))),
            field("more", InputType::Object, Some(json!({})), None),
        ];
        assert_eq!(
            form(Some(fields)).unwrap(),
            json!({
                "type": "object",
                "properties": {
                    "to": { "type": "string", "minLength": 2, "format": "email", "enum": ["a@b"] },
                    "n": { "type": "integer", "maximum": 5, "default": 3 },
                    "now": { "type": "boolean" },
                },
                "required": ["to"],
            })
        );
        let any = json!({ "type": "object", "properties": {}, "required": [] });
        assert_eq!((form(None), form(Some(Vec::new()))), (Some(any.clone()), Some(any)));
    }

    #[test]
    fn what_no_form_can_ask_for_is_no_form() {
        for kind in [InputType::Object, InputType::Array, InputType::File] {
            assert_eq!(form(Some(vec![field("x", kind, None, None)])), None, "{kind:?}");
        }
        let odd = json!({ "format": "ipv4", "enum": [1], "title": "X" });
        let form = form(Some(vec![field("x", InputType::String, None, Some(odd))])).unwrap();
        assert_eq!(form["properties"]["x"], json!({ "type": "string", "title": "X" }));
    }

    #[test]
    fn a_response_approves_rejects_or_decides_nothing() {
        let read = |response: Value| match Response::read(&response) {
            Ok(Response::Answer(answer)) => Ok(Some((answer.approved, answer.data))),
            Ok(Response::Dismissed) => Ok(None),
            Err(why) => Err(why),
        };
        let content = json!({ "a": 1 });
        let accept = json!({ "action": "accept", "content": content });
        assert_eq!(read(accept), Ok(Some((true, content.clone()))));
        assert_eq!(read(json!({ "action": "accept" })), Ok(Some((true, Value::Null))));
        let decline = json!({ "action": "decline", "content": content });
        assert_eq!(read(decline), Ok(Some((false, Value::Null))), "a rejection needs no fields");
        assert_eq!(read(json!({ "action": "cancel" })), Ok(None));
        for wrong in [json!({}), json!("accept"), json!({ "action": "Accept" }), json!(null)] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(read(json!({ "action": "accept", "content": [1] })).is_err());
    }
}
