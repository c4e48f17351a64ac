//! `response`: ends the run with an answer.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::run::budget::within_budget;

const DATA: FieldSpec =
    FieldSpec::with_default("data", FieldType::Any, "null", "any JSON with references");
const STATUS: FieldSpec = FieldSpec::with_default(
    "status",
    FieldType::Any,
    "200",
    "an HTTP status from 200 to 599, or a reference to one; anything else reads as 200",
);
const HEADERS: FieldSpec = FieldSpec::new("headers", FieldType::Texts, "name to text");

const DETAILS: &str = "\
The first one to run wins: nothing new starts after it, open calls finish, and later errors change nothing. The run's
output is `{data, status, headers}`.";

const FIELDS: &[FieldSpec] = &[DATA, STATUS, HEADERS];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "response".into(),
        summary: "Ends the run with an answer.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[
                ("data", OutputType::Any),
                ("status", OutputType::Number),
                ("headers", OutputType::Object),
            ])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Gate,
        touches: Touches::Text(&["/data"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Response::read(fields))),
    }
}

const EXAMPLE: &str = "{ id: refuse, type: response, after: [check.bad], status: 422, data: { \
                       reason: <check.branch> } }";

#[derive(Debug)]
struct Response {
    data: Template,
    status: Option<Template>,
    headers: Vec<(String, Text)>,
}

impl Response {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            data: fields.template(&DATA).unwrap_or(Template::Literal(Value::Null)),
            status: fields.template(&STATUS),
            headers: fields.headers(&HEADERS),
        }
    }
}

impl Node for Response {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let status = match &self.status {
            Some(status) => valid_status(&status.render(scope)?).unwrap_or(200),
            None => 200,
        };
        within_budget(self.headers.iter().map(|(_, text)| text.weight(scope)).sum())?;
        let header = |(name, text): &(String, Text)| {
            Ok((name.clone(), Value::String(text.render_string(scope)?)))
        };
        let headers = self.headers.iter().map(header).collect::<Result<Map<_, _>, NodeError>>()?;
        let data = self.data.render(scope)?;
        Ok(Plan::Respond(json!({ "data": data, "status": status, "headers": headers })))
    }
}

/// 1xx is not a final answer.
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
            assert_eq!(
                output(yaml, json!({ "s": status })),
                json!({"data": status, "status": expected, "headers": {}})
            );
        }
        assert_eq!(
            output("nodes: [{ id: r, type: response }]", json!({})),
            json!({"data": null, "status": 200, "headers": {}})
        );
    }
}
