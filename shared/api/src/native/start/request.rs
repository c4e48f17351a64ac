//! What a native start asks for.

use flowgate_app::Error;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::Dialect;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::part::PartRequest;
use flowgate_runner::start::{ResponseMode, StartRequest, WebhookRequest, WhenWaitEnds};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::fields::Fields;

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

/// A run to be started.
#[derive(Clone, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartRun {
    /// What the `input` of the workflow declares. An undeclared key is refused.
    #[schema(required = false)]
    input: Value,
    /// Your own name for who asked.
    #[schema(max_length = 256)]
    user: Option<String>,
    /// `false`: input, outputs, events and trace are wiped when the run has ended and its webhooks
    /// are delivered or given up. By default as the workflow says.
    save: Option<bool>,
    #[schema(required = false, max_items = 5)]
    webhooks: Vec<Webhook>,
    /// What the run may spend, beside the workflow's own budget.
    #[schema(required = false, value_type = Budget)]
    budget: SpendingLimit,
    /// For authors: only what this node needs runs, and its output is the run's.
    until: Option<String>,
    /// For authors: the outputs of nodes that do not run, by the node's id or name.
    #[schema(required = false, value_type = Object)]
    pins: Map<String, Value>,
}

/// What a run may spend on models. Checked before each call.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `SpendingLimit` reads the same fields")]
struct Budget {
    /// US dollars. A call whose price is not known is then refused.
    #[schema(minimum = 0)]
    max_cost_usd: Option<f64>,
    /// In and out, of all models.
    max_tokens: Option<u64>,
}

/// Called with the run, once it has ended.
#[derive(Clone, ToSchema)]
#[serde(deny_unknown_fields)]
struct Webhook {
    #[schema(format = "uri")]
    url: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    #[schema(required = false, default = "POST")]
    method: String,
    /// At most 50. Their values are encrypted at rest.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    headers: Vec<(String, String)>,
    #[schema(ignore)]
    pointer: String,
}

impl StartRun {
    pub(super) fn read(body: Value) -> Result<Self, Error> {
        let mut fields = Fields::of_body(body)?;
        let input = fields.take("input").unwrap_or_else(|| Value::Object(Map::new()));
        let (user, save) = (fields.take_string("user"), fields.take_bool("save"));
        let webhooks = fields.take_list("webhooks").unwrap_or_default();
        let webhooks = fields.each("webhooks", webhooks, Webhook::read);
        let budget = fields.take("budget").map(|budget| read_budget(&mut fields, &budget));
        let until = fields.take_string("until");
        let pins = fields.take_object("pins").unwrap_or_default();
        fields.finish()?;
        let budget = budget.unwrap_or_default();
        Ok(Self { input, user, save, webhooks, budget, until, pins })
    }

    pub(super) fn into_request(
        self,
        workflow_id: String,
        mode: ResponseMode,
    ) -> (StartRequest, PartRequest) {
        let part = PartRequest { until: self.until, pins: self.pins };
        let request = StartRequest {
            workflow_id,
            version: None,
            dialect: Dialect::Native,
            input: self.input,
            input_as_sent: None,
            rules: RULES,
            input_pointer: "/input",
            user: self.user,
            save: self.save,
            webhooks: self.webhooks.into_iter().map(Into::into).collect(),
            response_mode: mode,
            when_wait_ends: WhenWaitEnds::Detach,
            timeout: None,
            run_id: None,
            idempotency: None,
            spending_limit: self.budget,
        };
        (request, part)
    }
}

fn read_budget(fields: &mut Fields, budget: &Value) -> SpendingLimit {
    SpendingLimit::parse(budget).unwrap_or_else(|(name, message)| {
        match name.as_str() {
            "" => fields.problem("budget", message),
            name => fields.part_problem("budget", name, message),
        }
        SpendingLimit::default()
    })
}

impl Webhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let url = fields.require("url", Fields::take_string);
        let method = fields.take_string("method").unwrap_or_else(|| "POST".to_owned());
        let headers = fields.take_strings("headers").unwrap_or_default();
        let (method, pointer) = (method.to_ascii_uppercase(), fields.pointer().to_owned());
        Some(Self { url: url?, method, headers, pointer })
    }
}

impl From<Webhook> for WebhookRequest {
    fn from(Webhook { url, method, headers, pointer }: Webhook) -> Self {
        Self { pointer, url, method, headers, body: WebhookBody::Run }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_wrong_field() {
        let webhooks = json!([
            { "method": "post" }, { "url": "https://x", "headers": { "a": 1 }, "verb": "GET" }
        ]);
        let body = json!({ "inputs": {}, "user": 1, "webhooks": webhooks });
        let error = StartRun::read(body).map(|_| ()).unwrap_err();
        let Error::BadInput(problems) = error else { panic!("{error:?}") };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/user", "/webhooks/0/url", "/webhooks/1/headers/a", "/webhooks/1/verb", "/inputs"]
        );
    }

    #[test]
    fn an_empty_body_is_an_empty_input() {
        let request = StartRun::read(json!({})).unwrap();
        assert_eq!((request.input, request.webhooks.len(), request.save), (json!({}), 0, None));
    }
}
