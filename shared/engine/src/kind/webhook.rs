//! `webhook`: tells another server, signed and retried by the platform, beside the run.
//!
//! | field | |
//! |---|---|
//! | `url` | where; references and secrets allowed |
//! | `method` | `POST` (default), `GET`, `PUT`, `PATCH`, `DELETE` |
//! | `headers` | name to text |
//! | `body` | any JSON with references; no secrets |
//! | `signature` | sent as `AI_FLOW_SIGNATURE`, beside our own signature |
//!
//! The run does not wait for the delivery, and its failure never changes the run. Leaves `{delivery_id, data}`.
//!
//! ```yaml
//! - { id: notify, type: webhook, url: "https://example.com/hook", body: { story: <draft.content> } }
//! ```

use serde_json::Value;

use super::fields::{Fields, Secrets};
use super::http::render_texts;
use super::{NodeError, Plan};
use crate::call::{Action, WebhookCall};
use crate::run::Reader;
use crate::template::{Template, Text};

pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

#[derive(Debug)]
pub(crate) struct Webhook {
    url: Text,
    method: String,
    headers: Vec<(String, Text)>,
    body: Template,
    signature: Option<Text>,
}

impl Webhook {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.required_text("url", Secrets::Allowed),
            method: fields.method("POST", &METHODS),
            headers: fields.headers(Secrets::Allowed),
            body: fields.template("body", Secrets::Refused).unwrap_or(Template::Literal(Value::Null)),
            signature: fields.text("signature", Secrets::Allowed),
        }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Perform(Action::Webhook(WebhookCall {
            url: self.url.render_outgoing(reader)?,
            method: self.method.clone(),
            headers: render_texts(&self.headers, reader)?,
            body: self.body.render(reader)?,
            signature: self.signature.as_ref().map(|signature| signature.render_outgoing(reader)).transpose()?,
        })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::run::tests::only_call;

    #[test]
    fn body_and_signature_are_rendered() {
        let yaml = "nodes: [{ id: w, type: webhook, url: 'https://x/', body: { n: <api.input.n> }, signature: 's-{{SIG}}' }]";
        assert_eq!(
            serde_json::to_value(only_call(yaml, json!({"n": 1})).action).unwrap(),
            json!({"kind": "webhook", "url": "https://x/", "method": "POST", "body": {"n": 1}, "signature": "s-{{SIG}}"})
        );
    }
}
