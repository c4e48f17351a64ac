//! `http`: sends a request to another server.

use std::sync::Arc;
use std::time::Duration;

use super::{
    CallLimits, Done, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned, Price,
    Role,
};
use crate::call::{Action, HttpCall, Rendered};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::run::budget::within_budget;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

const URL: FieldSpec =
    FieldSpec::new("url", FieldType::Text, "the address").required().with_secrets();
const METHOD: FieldSpec =
    FieldSpec::with_default("method", FieldType::Method(&METHODS), "GET", "the HTTP method");
const QUERY: FieldSpec =
    FieldSpec::new("query", FieldType::Texts, "name to text, added to the address").with_secrets();
const HEADERS: FieldSpec =
    FieldSpec::new("headers", FieldType::Texts, "name to text").with_secrets();
const BODY: FieldSpec = FieldSpec::new(
    "body",
    FieldType::Any,
    "text is sent as it is, anything else as JSON with its content type",
)
.with_secrets();

const DETAILS: &str = "\
`data` is JSON if the answer's content type says so, else text; names in `headers` are lower case.

A status of 400 or above is the failure `http_status`. Redirects are not followed: a 3xx is an answer like any other.
Answers may have at most 4 MiB. [Some addresses](operations.md#what-may-be-called) and
[some headers](operations.md#what-may-be-called) are refused.";

const FIELDS: &[FieldSpec] = &[URL, METHOD, QUERY, HEADERS, BODY];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "http".into(),
        summary: "Sends a request to another server.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[
                ("data", OutputType::Any),
                ("status", OutputType::Number),
                ("headers", OutputType::Object),
            ])
        },
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(300),
            max_timeout: Duration::from_secs(600),
        }),
        role: Role::Step,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Http::read(fields))),
    }
}

const EXAMPLE: &str = r#"{ id: user, type: http, url: "https://example.com/users/<api.id>", headers: { authorization: "Bearer {{TOKEN}}" } }"#;

#[derive(Debug)]
struct Http {
    method: String,
    url: Text,
    query: Vec<(String, Text)>,
    headers: Vec<(String, Text)>,
    body: Option<Template>,
}

impl Http {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.url(&URL).unwrap_or_default(),
            method: fields.method(&METHOD),
            query: fields.texts(&QUERY),
            headers: fields.request_headers(&HEADERS),
            body: fields.template(&BODY),
        }
    }
}

impl Node for Http {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("request")? {
            return Ok(Plan::Done(output));
        }
        let request = HttpCall {
            method: self.method.clone(),
            url: self.url.render_url(scope)?,
            query: render_texts(&self.query, scope)?,
            headers: render_texts(&self.headers, scope)?,
            body: self.body.as_ref().map(|body| body.render_outgoing(scope)).transpose()?,
        };
        Ok(Plan::Perform(vec![Planned::call("request", Action::Http(request), Price::Free)]))
    }
}

pub(crate) fn render_texts(
    texts: &[(String, Text)],
    scope: &Scope<'_>,
) -> Result<Vec<(String, Rendered)>, NodeError> {
    within_budget(texts.iter().map(|(_, text)| text.weight(scope)).sum())?;
    texts.iter().map(|(name, text)| Ok((name.clone(), text.render_outgoing(scope)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::run::tests::{error, only_call};

    #[test]
    fn everything_is_rendered() {
        let yaml = "
nodes:
  - id: h
    type: http
    method: post
    url: 'https://x/<api.input.id>?k={{KEY}}'
    query: { q: <api.input.q>, n: 5, none: <api.input.gone>, object: <api.input.o> }
    headers: { X-A: 'a <api.input.id>' }
    body: { q: <api.input.q>, list: [<api.input.o>, '{{B}}'], plain: { x: 1 } }
    timeout: 7s
    at_most_once: true
";
        let call = only_call(yaml, json!({"id": 7, "q": true, "o": {"a": [1]}}));
        assert_eq!((call.timeout.as_secs(), call.at_most_once), (7, true));
        assert_eq!(
            serde_json::to_value(&call.action).unwrap(),
            json!({
                "kind": "http", "method": "POST", "url": "https://x/7?k={{KEY}}",
                "query": [["q", "true"], ["n", "5"], ["none", ""], ["object", "{\"a\":[1]}"]],
                "headers": [["X-A", "a 7"]],
                "body": {"q": true, "list": [{"a": [1]}, "{{B}}"], "plain": {"x": 1}}
            })
        );
    }

    #[test]
    fn texts_may_be_marked() {
        let yaml = "
nodes:
  - id: h
    type: http
    url: { raw: 'https://x/<api.input.id>{{KEY}}' }
    query: { q: { raw: '<api.input.q>' }, t: { text: '<api.input.id>' } }
    headers: { X-A: { raw: '{{KEY}}' } }
    body: { $raw: '{{KEY}}' }
";
        let call = only_call(yaml, json!({"id": 7}));
        assert_eq!(
            serde_json::to_value(&call.action).unwrap(),
            json!({
                "kind": "http", "method": "GET", "url": "https://x/<api.input.id>{{KEY}}",
                "query": [["q", "<api.input.q>"], ["t", "7"]],
                "headers": [["X-A", "{{KEY}}"]], "body": "{{KEY}}"
            })
        );
    }

    #[test]
    fn what_goes_out_has_a_budget() {
        let yaml = "nodes: [{ id: h, type: http, url: 'http://x/', body: ['<api.input.x>', \
                    '<api.input.x>'] }]";
        assert_eq!(error(yaml, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
        let spread =
            "nodes: [{ id: h, type: http, url: 'http://x/<api.input.x>', body: '<api.input.x>' }]";
        assert_eq!(error(spread, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
    }
}
