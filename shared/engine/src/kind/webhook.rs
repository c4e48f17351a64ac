//! `webhook`: calls another server; the platform signs and retries it independently of the run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::http::render_texts;
use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, WebhookCall};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

const URL: FieldSpec =
    FieldSpec::new("url", FieldType::Text, "the address").required().with_secrets();
const METHOD: FieldSpec =
    FieldSpec::with_default("method", FieldType::Method(&METHODS), "POST", "the HTTP method");
const HEADERS: FieldSpec =
    FieldSpec::new("headers", FieldType::Texts, "name to text").with_secrets();
const BODY: FieldSpec =
    FieldSpec::with_default("body", FieldType::Any, "null", "any JSON with references");
const SIGNATURE: FieldSpec = FieldSpec::new(
    "signature",
    FieldType::Text,
    "sent as `AI_FLOW_SIGNATURE`, in addition to our own signature",
)
.with_secrets();

const DETAILS: &str = "\
The delivery is signed, retried and logged independently: see [webhooks.md](webhooks.md). The run does not wait for it,
and its failure never changes the run. `data` is the body.";

const FIELDS: &[FieldSpec] = &[URL, METHOD, HEADERS, BODY, SIGNATURE];
/// The fields of a [`Webhook`].
pub(crate) const WEBHOOK_FIELDS: &[FieldSpec] = &[URL, METHOD, HEADERS, SIGNATURE];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "webhook".into(),
        summary:
            "Calls another server; the platform signs and retries it independently of the run."
                .into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[("delivery_id", OutputType::Text), ("data", OutputType::Any)])
        },
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Call,
        touches: Touches::Address { method: Some("POST") },
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Delivery::read(fields))),
    }
}

const EXAMPLE: &str = r#"{ id: notify, type: webhook, url: "https://example.com/hook", body: { story: <draft.content> } }"#;

/// Whom a webhook calls. URL, header values and signature may contain references and secrets.
#[derive(Debug)]
pub struct Webhook {
    pub method: String,
    url: Text,
    headers: Vec<(String, Text)>,
    signature: Option<Text>,
}

impl Webhook {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            url: fields.url(&URL).unwrap_or_default(),
            method: fields.method(&METHOD),
            headers: fields.request_headers(&HEADERS),
            signature: fields.text(&SIGNATURE),
        }
    }

    pub(crate) fn render(&self, scope: &Scope<'_>, body: Value) -> Result<WebhookCall, NodeError> {
        let signature = self.signature.as_ref();
        Ok(WebhookCall {
            url: self.url.render_url(scope)?,
            method: self.method.clone(),
            headers: render_texts(&self.headers, scope)?,
            body,
            signature: signature.map(|signature| signature.render_outgoing(scope)).transpose()?,
        })
    }
}

#[derive(Debug)]
struct Delivery {
    webhook: Webhook,
    body: Template,
}

impl Delivery {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            webhook: Webhook::read(fields),
            body: fields.template(&BODY).unwrap_or(Template::Literal(Value::Null)),
        }
    }
}

impl Node for Delivery {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("delivery")? {
            return Ok(Plan::Done(output));
        }
        let delivery = self.webhook.render(scope, self.body.render(scope)?)?;
        Ok(Plan::Perform(vec![Planned::call("delivery", Action::Webhook(delivery), Price::Free)]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::run::tests::only_call;

    #[test]
    fn a_header_that_is_null_stays_null() {
        let yaml = "nodes: [{ id: w, type: webhook, url: 'https://x/', \
                    headers: { a: <api.input.gone>, b: '' } }]";
        let crate::Action::Webhook(webhook) = only_call(yaml, json!({})).action else { panic!() };
        let nulls: Vec<_> = webhook.headers.iter().map(|(_, value)| value.is_null()).collect();
        assert_eq!(nulls, [true, false]);
        assert_eq!(
            serde_json::to_value(&webhook).unwrap()["headers"],
            json!([["a", ""], ["b", ""]]),
            "what is hashed, and so may not change under a run"
        );
    }

    #[test]
    fn body_and_signature_are_rendered() {
        let yaml = "nodes: [{ id: w, type: webhook, url: 'https://x/', body: { n: <api.input.n> }, \
                    signature: 's-{{SIG}}' }]";
        assert_eq!(
            serde_json::to_value(only_call(yaml, json!({"n": 1})).action).unwrap(),
            json!({
                "kind": "webhook",
                "url": "https://x/",
                "method": "POST",
                "body": {"n": 1},
                "signature": "s-{{SIG}}"
            })
        );
    }
}
