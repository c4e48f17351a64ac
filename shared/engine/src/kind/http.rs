//! `http`: asks another server.
//!
//! | field | |
//! |---|---|
//! | `url` | where; references and secrets allowed |
//! | `method` | `GET` (default), `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`, `OPTIONS` |
//! | `query`, `headers` | name to text |
//! | `body` | text goes out as it is, anything else as JSON |
//! | `timeout` | at most `10m`, default `5m` |
//!
//! Leaves `{data, status, headers}`; `data` is JSON where the answer says so, else text.
//!
//! ```yaml
//! - { id: user, type: http, url: "https://example.com/users/<api.id>", headers: { authorization: "Bearer {{TOKEN}}" } }
//! ```

use super::fields::{Fields, Secrets};
use super::{NodeError, Plan};
use crate::call::{Action, HttpCall, Rendered};
use crate::run::Reader;
use crate::template::{Template, Text};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

#[derive(Debug)]
pub(crate) struct Http {
    method: String,
    url: Text,
    query: Vec<(String, Text)>,
    headers: Vec<(String, Text)>,
    body: Option<Template>,
}

impl Http {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.required_text("url", Secrets::Allowed),
            method: fields.method("GET", &METHODS),
            query: fields.texts("query", Secrets::Allowed),
            headers: fields.headers(Secrets::Allowed),
            body: fields.template("body", Secrets::Allowed),
        }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Perform(Action::Http(HttpCall {
            method: self.method.clone(),
            url: self.url.render_outgoing(reader)?,
            query: render_texts(&self.query, reader)?,
            headers: render_texts(&self.headers, reader)?,
            body: self.body.as_ref().map(|body| body.render_outgoing(reader)).transpose()?,
        })))
    }
}

pub(crate) fn render_texts(texts: &[(String, Text)], reader: &Reader<'_>) -> Result<Vec<(String, Rendered)>, NodeError> {
    texts.iter().map(|(name, text)| Ok((name.clone(), text.render_outgoing(reader)?))).collect()
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
    fn what_goes_out_has_a_budget() {
        let yaml = "nodes: [{ id: h, type: http, url: 'http://x/', body: ['<api.input.x>', '<api.input.x>'] }]";
        assert_eq!(error(yaml, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
        let spread = "nodes: [{ id: h, type: http, url: 'http://x/<api.input.x>', body: '<api.input.x>' }]";
        assert_eq!(error(spread, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
    }
}
