//! An input to begin with: a value for each field that a caller must send.

use flowgate_engine::Workflow;
use flowgate_engine::input::{InputField, InputType};
use serde_json::{Map, Value, json};

/// The fields without a default, and those for which the author gives a value to try out.
pub(super) fn input(workflow: &Workflow) -> Value {
    let fields = workflow.input_fields().iter();
    let asked = fields.filter(|field| field.default.is_none() || field.value.is_some());
    Value::Object(asked.map(|field| (field.name.clone(), value(field))).collect())
}

fn value(field: &InputField) -> Value {
    let of_author = || field.value.clone();
    let of_schema = || of_schema(field.schema.as_ref()?);
    of_author().or_else(of_schema).unwrap_or_else(|| of_type(field.kind))
}

/// What the author's JSON Schema suggests.
fn of_schema(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema.get(name)?.as_array()?.first();
    let suggested = first("examples").or_else(|| schema.get("default"));
    let allowed = suggested.or_else(|| schema.get("const")).or_else(|| first("enum"));
    if let Some(value) = allowed {
        return Some(value.clone());
    }
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let known = names.filter_map(|name| Some((name.to_owned(), of_part(properties.get(name)?))));
    Some(Value::Object(known.collect()))
}

fn of_part(schema: &Value) -> Value {
    of_schema(schema).unwrap_or_else(|| match schema.get("type").and_then(Value::as_str) {
        Some("number" | "integer") => json!(1),
        Some("boolean") => json!(true),
        Some("object") => Value::Object(Map::new()),
        Some("array") => json!([]),
        _ => json!("text"),
    })
}

fn of_type(kind: InputType) -> Value {
    match kind {
        InputType::String => json!("text"),
        InputType::Number => json!(1),
        InputType::Boolean => json!(true),
        InputType::Object => json!({}),
        InputType::Array => json!([]),
        InputType::File => json!("https://example.com/file.pdf"),
    }
}

#[cfg(test)]
mod tests {
    use flowgate_engine::Document;

    use super::*;

    #[test]
    fn each_required_field_has_a_value_that_fits() {
        let text = r#"
input:
  - { name: text }
  - { name: n, type: number, value: 7 }
  - { name: optional, default: x }
  - { name: tried, default: x, value: y }
  - { name: choice, schema: { enum: [b, a] } }
  - name: who
    type: object
    schema: { properties: { age: { type: integer }, x: {} }, required: [age] }
  - { name: doc, type: file }
nodes: [{ id: t, type: template, template: x }]
"#;
        let document = Document::parse(text).unwrap();
        let workflow = Workflow::compile(&document).0.unwrap();
        let expected = json!({
            "text": "text", "n": 7, "tried": "y", "choice": "b", "who": { "age": 1 },
            "doc": "https://example.com/file.pdf"
        });
        assert_eq!(input(&workflow), expected);
    }
}
