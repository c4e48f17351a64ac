//! The settings of a request that both APIs have. Those of sampling are the workflow's own, and
//! passed over; what would change the answer and is not there is refused.

use flowgate_app::Error;
use flowgate_app::error::FieldProblem;
use serde_json::{Map, Value};

use crate::http::fields::Fields;
use crate::openai::Refusal;

/// As the vendor bounds them.
const MAX_METADATA: usize = 16;
const MAX_METADATA_VALUE: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) stream: bool,
    pub(super) user: Option<String>,
    pub(super) save: Option<bool>,
    pub(super) metadata: Map<String, Value>,
    unsupported: Vec<FieldProblem>,
}

impl Settings {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let stream = fields.take_bool("stream").unwrap_or(false);
        let user = fields.take_string("user");
        // `true` keeps no more than the workflow does.
        let save = fields.take_bool("store").filter(|store| !store);
        let metadata = fields.take_object("metadata").unwrap_or_default();
        if metadata.len() > MAX_METADATA {
            fields.problem("metadata", format!("has more than {MAX_METADATA} entries"));
        }
        let fits = |value: &Value| {
            value.as_str().is_some_and(|text| text.chars().count() <= MAX_METADATA_VALUE)
        };
        for (name, _) in metadata.iter().filter(|(_, value)| !fits(value)) {
            let message = format!("must be a string of at most {MAX_METADATA_VALUE} characters");
            fields.part_problem("metadata", name, message);
        }
        Self { stream, user, save, metadata, unsupported: unsupported(fields) }
    }

    /// Refuses what is wrong, all of it at once.
    pub(super) fn check(&self, fields: Fields, more: Vec<FieldProblem>) -> Result<(), Refusal> {
        let mut problems = self.unsupported.clone();
        match fields.finish_with_rest() {
            Ok(_) => {}
            Err(Error::BadInput(wrong)) => problems.extend(wrong),
            Err(other) => return Err(other.into()),
        }
        problems.extend(more);
        match (problems.is_empty(), self.unsupported.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(Error::BadInput(problems).into()),
            (false, false) => Err(Refusal::Unsupported(problems)),
        }
    }
}

/// Settings that no workflow has, where they ask for something.
fn unsupported(fields: &mut Fields) -> Vec<FieldProblem> {
    const WHY: [(&str, &str); 10] = [
        ("tools", "is not supported: the tools of an agent are its workflow's"),
        ("functions", "is not supported: the tools of an agent are its workflow's"),
        ("n", "is not supported: a run has one answer"),
        ("logprobs", "is not supported"),
        ("top_logprobs", "is not supported"),
        ("audio", "is not supported"),
        ("modalities", "is not supported beyond text"),
        ("prompt", "is not supported: the workflow has its prompts"),
        ("conversation", "is not supported: use previous_response_id"),
        ("web_search_options", "is not supported: the tools of an agent are its workflow's"),
    ];
    let asked = |(name, why): (&str, &str)| {
        let value = fields.take(name).filter(|value| asks(name, value))?;
        drop(value);
        Some(FieldProblem { pointer: format!("/{name}"), message: why.to_owned() })
    };
    WHY.into_iter().filter_map(asked).collect()
}

fn asks(name: &str, value: &Value) -> bool {
    match (name, value) {
        (_, Value::Null | Value::Bool(false)) => false,
        ("n", value) => value.as_u64() != Some(1),
        ("modalities", Value::Array(all)) => all.iter().any(|one| one != "text"),
        (_, Value::Array(all)) => !all.is_empty(),
        (_, value) => value.as_u64() != Some(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: Value) -> Option<(&'static str, String)> {
        let mut fields = Fields::of_body(body).unwrap();
        let settings = Settings::read(&mut fields);
        match settings.check(fields, Vec::new()).err()? {
            Refusal::Unsupported(problems) => {
                Some(("unsupported", Error::BadInput(problems).to_string()))
            }
            Refusal::Of(error) => Some(("wrong", error.to_string())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_asks_for_nothing_is_passed_over() {
        for body in [
            json!({ "tools": [], "n": 1, "logprobs": false, "audio": null, "top_logprobs": 0 }),
            json!({ "modalities": ["text"], "temperature": 3, "seed": "x", "what": {} }),
            json!({ "store": true, "metadata": { "a": "b" }, "functions": null }),
        ] {
            assert_eq!(refused(body.clone()), None, "{body}");
        }
    }

    #[test]
    fn what_no_workflow_has_is_refused_with_all_that_is_wrong() {
        for body in [
            json!({ "tools": [{}] }),
            json!({ "n": 2 }),
            json!({ "n": "1" }),
            json!({ "logprobs": true }),
            json!({ "top_logprobs": 3 }),
            json!({ "audio": {} }),
            json!({ "modalities": ["text", "audio"] }),
            json!({ "prompt": { "id": "p" } }),
            json!({ "conversation": "c" }),
        ] {
            assert_eq!(refused(body.clone()).unwrap().0, "unsupported", "{body}");
        }
        let (kind, message) =
            refused(json!({ "n": 3, "tools": [1], "user": 1, "metadata": { "a": 1 } })).unwrap();
        assert_eq!(kind, "unsupported");
        for name in ["tools ", "n ", "user ", "metadata.a "] {
            assert!(message.contains(name), "{name}: {message}");
        }
        assert_eq!(refused(json!({ "stream": "yes" })).unwrap().0, "wrong");
    }
}
