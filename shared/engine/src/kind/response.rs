//! `response`: ends the run with an answer.
//!
//! | field | |
//! |---|---|
//! | `data` | any JSON with references |
//! | `status` | an HTTP status, or a reference to one; anything else reads as 200 |
//! | `headers` | name to text |
//!
//! The first one to run wins: nothing new starts after it, what runs finishes, and later errors change nothing. The run's
//! output is `{data, status, headers}`.
//!
//! ```yaml
//! - { id: refuse, type: response, after: [check.bad], status: 422, data: { reason: <check.branch> } }
//! ```

use serde_json::{Map, Value, json};

use super::fields::{Fields, Secrets};
use super::{NodeError, Plan};
use crate::run::Reader;
use crate::template::{Template, Text};

#[derive(Debug)]
pub(crate) struct Response {
    data: Template,
    status: Option<Template>,
    headers: Vec<(String, Text)>,
}

impl Response {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            data: fields.template("data", Secrets::Refused).unwrap_or(Template::Literal(Value::Null)),
            status: fields.template("status", Secrets::Refused),
            headers: fields.headers(Secrets::Refused),
        }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        let status = match &self.status {
            Some(status) => valid_status(&status.render(reader)?).unwrap_or(200),
            None => 200,
        };
        let headers = self.headers.iter().map(|(name, text)| Ok((name.clone(), Value::String(text.render_string(reader)?))));
        let headers = headers.collect::<Result<Map<_, _>, NodeError>>()?;
        Ok(Plan::Respond(json!({ "data": self.data.render(reader)?, "status": status, "headers": headers })))
    }
}

/// 1xx is no final answer.
fn valid_status(value: &Value) -> Option<u64> {
    let status = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (200..=599).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::output;

    #[test]
    fn the_status_is_valid_or_200() {
        let yaml = "nodes: [{ id: r, type: response, status: <api.input.s>, data: <api.input.s> }]";
        for (status, expected) in [
            (json!(404), 404),
            (json!("418"), 418),
            (json!(99), 200),
            (json!(101), 200),
            (json!(600), 200),
            (json!("x"), 200),
            (json!(null), 200),
            (json!(201.5), 200),
        ] {
            assert_eq!(output(yaml, json!({ "s": status })), json!({"data": status, "status": expected, "headers": {}}));
        }
        assert_eq!(output("nodes: [{ id: r, type: response }]", json!({})), json!({"data": null, "status": 200, "headers": {}}));
    }
}
