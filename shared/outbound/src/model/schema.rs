//! Checks a model's answer against a JSON Schema.

use flowgate_engine::call::CallError;
use flowgate_engine::schema::{Misfit, Schema};
use serde_json::{Map, Value};

use super::{failed, retryable};

/// Returns the answer's fields. A mismatch is retryable: the model may get it right next time.
pub(super) fn fields(content: &str, schema: &Value) -> Result<Map<String, Value>, CallError> {
    let schema = Schema::compile(schema)
        .map_err(|error| failed("invalid_schema", format!("the schema cannot be used: {error}")))?;
    let answer = flowgate_engine::json::parse(without_fence(content).as_bytes());
    let answer = answer.map_err(|error| mismatch(&format!("is not JSON: {error}")))?;
    if let Some(misfit) = schema.misfits(&answer).first() {
        let at = if misfit.pointer.is_empty() { "" } else { " at " };
        let Misfit { pointer, reason } = misfit;
        return Err(mismatch(&format!("does not fit the schema{at}{pointer}: {reason}")));
    }
    match answer {
        Value::Object(fields) => Ok(fields),
        _ => Err(mismatch("is not an object")),
    }
}

fn mismatch(what: &str) -> CallError {
    retryable("schema_mismatch", format!("the model's answer {what}"))
}

/// Some models put JSON into a Markdown fence even when asked not to.
fn without_fence(content: &str) -> &str {
    let content = content.trim();
    let Some(fenced) = content.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return content;
    };
    fenced.strip_prefix("json").unwrap_or(fenced).trim()
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
            fields(content, &schema)
                .map(Value::Object)
                .map_err(|error| format!("{}: {}", error.code, error.message))
        };
        assert_eq!(check("{\"n\": 3}"), Ok(json!({"n": 3})));
        assert_eq!(check("```json\n{\"n\": 3}\n```"), Ok(json!({"n": 3})));
        let wrong_type = "schema_mismatch: the model's answer does not fit the schema at /n: value \
                          is not of type \"integer\"";
        assert_eq!(check("{\"n\": \"x\"}").unwrap_err(), wrong_type);
        assert!(
            check("I think 3")
                .unwrap_err()
                .starts_with("schema_mismatch: the model's answer is not JSON")
        );
        assert!(fields("[1]", &json!({})).unwrap_err().message.contains("is not an object"));
    }

    #[test]
    fn a_schema_reaches_for_nothing_outside() {
        let error = fields("{}", &json!({"$ref": "https://example.com/schema.json"})).unwrap_err();
        assert_eq!(error.code, "invalid_schema");
        assert_eq!(fields("{}", &json!({"type": 3})).unwrap_err().code, "invalid_schema");
    }
}
