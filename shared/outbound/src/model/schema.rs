//! Finds the JSON in a model's answer, and checks it against the author's schema.

use flowgate_engine::call::CallError;
use flowgate_engine::schema::{Misfit, Schema};
use serde_json::{Map, Value};

use super::{failed, retryable};

/// References of a schema that are followed one after the other.
const MAX_REFERENCES: usize = 16;

/// Returns the answer's fields. A mismatch is retryable: the model may get it right next time.
pub(super) fn read(
    content: &str,
    written: &Value,
    is_cut: bool,
) -> Result<Map<String, Value>, CallError> {
    let schema = Schema::compile(written)
        .map_err(|error| failed("invalid_schema", format!("the schema cannot be used: {error}")))?;
    let mismatch = |what: String| {
        let why = if is_cut { ": it was cut off at max_tokens" } else { "" };
        retryable("schema_mismatch", format!("gave an answer that {what}{why}"))
    };
    let mut answer = find_json(content).map_err(|why| mismatch(format!("is not JSON: {why}")))?;
    let mut misfits = schema.misfits(&answer);
    if !misfits.is_empty() {
        drop_nulls(&mut answer, written, written);
        misfits = schema.misfits(&answer);
    }
    if let Some(Misfit { pointer, reason }) = misfits.first() {
        let at = if pointer.is_empty() { "" } else { " at " };
        return Err(mismatch(format!("does not fit the schema{at}{pointer}: {reason}")));
    }
    match answer {
        Value::Object(fields) => Ok(fields),
        _ => Err(mismatch("is not an object".to_owned())),
    }
}

/// Models think aloud before the JSON, put it into a Markdown fence, or introduce it with a
/// sentence, even when asked not to.
fn find_json(content: &str) -> Result<Value, String> {
    let parse = |text: &str| flowgate_engine::json::parse(text.as_bytes());
    let said = without_thoughts(content).trim();
    let whole = match parse(said) {
        Ok(answer) => return Ok(answer),
        Err(error) => error.to_string(),
    };
    let between = |start: &str, end: &str| {
        let from = said.find(start)?;
        let to = said.rfind(end)? + end.len();
        said.get(from..to)
    };
    let fenced = between("```", "```").map(|text| text.trim_matches('`').trim());
    let fenced = fenced.map(|text| text.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    let found = [fenced, between("{", "}")].into_iter().flatten();
    found.filter_map(|text| parse(text).ok()).find(Value::is_object).ok_or(whole)
}

fn without_thoughts(content: &str) -> &str {
    let is_thinking = content.trim_start().starts_with("<think>");
    match content.split_once("</think>") {
        Some((_, said)) if is_thinking => said,
        // It never came to an answer.
        None if is_thinking => "",
        _ => content,
    }
}

/// Drops the nulls that stand for absent properties: in strict mode a model cannot leave one out.
fn drop_nulls(value: &mut Value, schema: &Value, root: &Value) {
    let schema = resolved(schema, root);
    if let Some(option) = fitting_option(value, schema, root) {
        drop_nulls(value, option, root);
    }
    match value {
        Value::Object(fields) => {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required =
                |name: &String| required.is_some_and(|names| names.iter().any(|n| n == name));
            let property = |name: &String| schema.pointer("/properties")?.get(name);
            fields.retain(|name, field| {
                !(field.is_null() && !is_required(name) && property(name).is_some())
            });
            for (name, field) in fields {
                if let Some(schema) = property(name) {
                    drop_nulls(field, schema, root);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls(item, schema, root));
            }
        }
        _ => {}
    }
}

/// The first option of an `anyOf` that describes values such as this one.
fn fitting_option<'a>(value: &Value, schema: &'a Value, root: &'a Value) -> Option<&'a Value> {
    let options = schema.get("anyOf")?.as_array()?;
    options.iter().map(|option| resolved(option, root)).find(|option| match value {
        Value::Object(fields) => {
            let required = option.get("required").and_then(Value::as_array);
            let has = |name: &Value| name.as_str().is_some_and(|name| fields.contains_key(name));
            option.get("properties").is_some() && required.is_none_or(|names| names.iter().all(has))
        }
        Value::Array(_) => option.get("items").is_some(),
        _ => false,
    })
}

fn resolved<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    for _ in 0..MAX_REFERENCES {
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_fits_or_says_why_not() {
        let schema =
            json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
        let check = |content: &str| {
            read(content, &schema, false)
                .map(Value::Object)
                .map_err(|error| format!("{}: {}", error.code, error.message))
        };
        assert_eq!(check("{\"n\": 3}"), Ok(json!({"n": 3})));
        assert_eq!(check("```json\n{\"n\": 3}\n```"), Ok(json!({"n": 3})));
        assert_eq!(check("Sure:\n```json\n{\"n\": 3}\n```\nDone."), Ok(json!({"n": 3})));
        assert_eq!(check("<think>{\"n\": 1}?</think>\n{\"n\": 3}"), Ok(json!({"n": 3})));
        assert_eq!(check("Here it is: {\"n\": 3} as asked"), Ok(json!({"n": 3})));
        let wrong_type = "schema_mismatch: gave an answer that does not fit the schema at /n: \
                          value is not of type \"integer\"";
        assert_eq!(check("{\"n\": \"x\"}").unwrap_err(), wrong_type);
        assert!(
            check("I think 3")
                .unwrap_err()
                .starts_with("schema_mismatch: gave an answer that is not JSON")
        );
        assert!(read("[1]", &json!({}), false).unwrap_err().message.contains("is not an object"));
    }

    #[test]
    fn a_schema_reaches_for_nothing_outside() {
        let error =
            read("{}", &json!({"$ref": "https://example.com/schema.json"}), false).unwrap_err();
        assert_eq!(error.code, "invalid_schema");
        assert_eq!(read("{}", &json!({"type": 3}), false).unwrap_err().code, "invalid_schema");
    }

    #[test]
    fn a_null_may_stand_for_an_absent_property() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "b": {"type": ["string", "null"]},
                "list": {"type": "array", "items": {"$ref": "#/$defs/item"}}
            },
            "required": ["list"],
            "$defs": {"item": {"type": "object", "properties": {"n": {"type": "number"}}}}
        });
        let check = |answer: Value| read(&answer.to_string(), &schema, false).map(Value::Object);
        assert_eq!(check(json!({"b": null, "list": []})), Ok(json!({"b": null, "list": []})));
        assert_eq!(
            check(json!({"a": null, "list": [{"n": null}, {"n": 1}]})),
            Ok(json!({"list": [{}, {"n": 1}]}))
        );
        assert_eq!(check(json!({"list": null})).unwrap_err().code, "schema_mismatch");
    }

    #[test]
    fn nulls_are_dropped_in_options_too() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"anyOf": [
                {"type": "object", "properties": {"r": {"type": "number"},
                    "label": {"type": "string"}}, "required": ["r"]},
                {"type": "null"}
            ]}},
            "required": ["a"]
        });
        let check = |answer: Value| read(&answer.to_string(), &schema, false).map(Value::Object);
        let answer = json!({"a": {"r": 1, "label": null}});
        assert_eq!(check(answer), Ok(json!({"a": {"r": 1}})));
        assert_eq!(check(json!({"a": null})), Ok(json!({"a": null})));
    }

    #[test]
    fn thoughts_without_an_end_are_no_answer() {
        let thought = "<think>Maybe {\"n\": 1}? No, because";
        let error = read(thought, &json!({"type": "object"}), true).unwrap_err();
        assert_eq!(error.code, "schema_mismatch");
    }

    #[test]
    fn an_answer_that_was_cut_says_so() {
        let error = read("{\"n\": [1, 2", &json!({"type": "object"}), true).unwrap_err();
        assert!(error.message.ends_with("cut off at max_tokens"), "{}", error.message);
    }
}
