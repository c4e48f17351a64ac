//! `approval`: asks a person, and goes on with the answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::webhook::{WEBHOOK_FIELDS, Webhook};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned, Price, Role,
    Touches,
};
use crate::call::{Action, AskCall, AskedField, Question};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::input::{self, InputField};
use crate::json::push_segment;

const MESSAGE: FieldSpec =
    FieldSpec::new("message", FieldType::Text, "what is asked, in plain text").required();
const ASKED: FieldSpec = FieldSpec::new(
    "fields",
    FieldType::Items(std::borrow::Cow::Borrowed(ASKED_FIELDS)),
    "what an answer may hold; without it, any object",
);
const VALUE: FieldSpec = FieldSpec::new(
    "value",
    FieldType::Any,
    "what the person sees first and may change; with references",
);
const TIMEOUT: FieldSpec = FieldSpec::with_default(
    "timeout",
    FieldType::Duration("1s", "30d"),
    "7d",
    "how long an answer is awaited",
);

const NOTIFIED: FieldSpec = FieldSpec::new(
    "webhook",
    FieldType::Fields(std::borrow::Cow::Borrowed(WEBHOOK_FIELDS)),
    "called when the question is asked, with the link for its answer",
);

const ASKED_FIELDS: &[FieldSpec] =
    &[input::NAME, input::TYPE, input::DESCRIPTION, VALUE, input::SCHEMA];
const MAX_FIELDS: usize = 50;
/// Questions are stored with their run.
const MAX_QUESTION_BYTES: usize = 64 << 10;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

const DETAILS: &str = "\
The run is stored meanwhile, as for `wait`; its waiting callers are answered at once. `GET
/v1/runs/{id}/questions` lists what is asked, each with a link to a page that shows the message
and the fields; `webhook` sends the same question and link to another server, such as a
chat. `POST /v1/runs/{id}/resume` answers too. The first answer counts. It leaves
`{approved, data, by, at}`: `after: [check.approved]` and `after: [check.rejected]` follow it,
and `data` holds the fields. A field that the answer leaves out keeps its `value`. Without an
answer in time the node fails as `timeout`.";

const APPROVED: &str = "approved";
const REJECTED: &str = "rejected";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "approval".into(),
        summary: "Asks a person, and goes on with the answer.".into(),
        details: DETAILS.into(),
        fields: const { &[MESSAGE, ASKED, TIMEOUT, NOTIFIED] }.into(),
        outputs: |_| {
            OutputFields::only(&[
                ("approved", OutputType::Any),
                ("data", OutputType::Object),
                ("by", OutputType::Text),
                ("at", OutputType::Text),
            ])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::People,
        touches: Touches::Text(&["/message"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Approval::read(fields))),
    }
}

const EXAMPLE: &str = "{ id: check, type: approval, message: \"Send this?\", fields: [ { name: \
                       text, value: <draft.content> } ], timeout: 2d }";

#[derive(Debug)]
struct Approval {
    message: Text,
    fields: Option<Vec<(AskedField, Option<Template>)>>,
    timeout: Duration,
    webhook: Option<Webhook>,
}

impl Approval {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            message: fields.text(&MESSAGE).unwrap_or_default(),
            fields: fields.is_given(&ASKED).then(|| read_fields(fields)),
            timeout: fields.duration(&TIMEOUT).unwrap_or(DEFAULT_TIMEOUT),
            webhook: fields.inner_object(&NOTIFIED, WEBHOOK_FIELDS, Webhook::read),
        }
    }

    fn ask(&self, scope: &Scope<'_>) -> Result<AskCall, NodeError> {
        let message = self.message.render_string(scope)?;
        let asked = |(field, value): &(AskedField, Option<Template>)| {
            let value = value.as_ref().map(|value| value.render(scope)).transpose()?;
            // A value that is missing is no value of its field.
            let value = value.filter(|value| !value.is_null());
            Ok::<_, NodeError>(AskedField { value, ..field.clone() })
        };
        let fields = self.fields.as_ref();
        let fields = fields.map(|fields| fields.iter().map(asked).collect()).transpose()?;
        let question = Question { message, fields };
        if serde_json::to_string(&question).is_ok_and(|text| text.len() > MAX_QUESTION_BYTES) {
            let message = format!("a question takes at most {MAX_QUESTION_BYTES} bytes");
            return Err(NodeError::new("value_too_large", message));
        }
        // Its body has the link, which nobody knows before the question is stored.
        let webhook = self.webhook.as_ref().map(|webhook| webhook.render(scope, Value::Null));
        Ok(AskCall { question, timeout: self.timeout, webhook: webhook.transpose()? })
    }
}

impl Node for Approval {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let Some(answer) = done.value("question")? else {
            let ask = Action::Ask(self.ask(scope)?);
            return Ok(Plan::Perform(vec![Planned::call("question", ask, Price::Free)]));
        };
        let is_approved = answer["approved"] == Value::Bool(true);
        Ok(Plan::Branch { taken: Some(usize::from(!is_approved)), output: Value::clone(&answer) })
    }

    fn branches(&self) -> Vec<&str> {
        vec![APPROVED, REJECTED]
    }

    fn branch_of(&self, output: &Value) -> Result<Option<usize>, (&'static str, String)> {
        match output.get("approved") {
            Some(Value::Bool(is_approved)) => Ok(Some(usize::from(!is_approved))),
            _ => Err(("approved", "must be true or false".to_owned())),
        }
    }
}

fn read_fields(fields: &mut Fields<'_, '_>) -> Vec<(AskedField, Option<Template>)> {
    let list = fields.list(&ASKED).unwrap_or_default();
    if list.len() > MAX_FIELDS {
        fields.error(&ASKED.name, format!("at most {MAX_FIELDS} fields"));
    }
    let mut read: Vec<(AskedField, Option<Template>)> = Vec::new();
    for (index, item) in list.iter().take(MAX_FIELDS).enumerate() {
        let Value::Object(object) = item else {
            fields.error(&ASKED.name, format!("field {index} must be an object"));
            continue;
        };
        let field = read_field(fields, index, object);
        if read.iter().any(|(known, _)| known.name == field.0.name) {
            let name = &field.0.name;
            fields.error(&ASKED.name, format!("the field `{name}` is declared twice"));
        }
        read.push(field);
    }
    read
}

fn read_field<'d>(
    fields: &mut Fields<'_, 'd>,
    index: usize,
    object: &'d Map<String, Value>,
) -> (AskedField, Option<Template>) {
    let mut path = fields.path_of(&ASKED.name);
    push_segment(&mut path, &index.to_string());
    fields.inner(&path, object, ASKED_FIELDS, |fields| {
        let InputField { name, kind, description, schema, .. } = InputField::declared(fields);
        let value = fields.template(&VALUE);
        (AskedField { name, kind, description, value: None, schema }, value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::{CallOutput, CallResult};
    use crate::run::tests::{advance, compile, drive, error, only_call, start};

    const YAML: &str = "
nodes:
  - id: ok
    type: approval
    message: Send <api.input.t>?
    timeout: 2d
    fields:
      - { name: text, value: <api.input.t> }
      - { name: n, type: number, value: <api.input.gone> }
  - { id: yes, type: template, template: \"sent <ok.data.text>\", after: [ok.approved] }
  - { id: no, type: template, template: dropped, after: [ok.rejected] }
output: { yes: <yes.content>, no: <no.content> }";

    #[test]
    fn a_question_shows_values_and_an_answer_may_change_them() {
        let call = only_call(YAML, json!({ "t": "hi" }));
        let Action::Ask(ask) = call.action else { panic!() };
        assert_eq!(
            serde_json::to_value(&ask).unwrap(),
            json!({
                "question": {
                    "message": "Send hi?",
                    "fields": [
                        { "name": "text", "type": "string", "value": "hi" },
                        { "name": "n", "type": "number" },
                    ],
                },
                "timeout_ms": 172_800_000,
            })
        );
        let accept = |data: Value| ask.question.accept(data, false);
        assert_eq!(accept(json!({ "n": 1 })).unwrap(), json!({ "n": 1, "text": "hi" }));
        assert_eq!(accept(json!({ "n": 1, "text": "x" })).unwrap(), json!({ "n": 1, "text": "x" }));
        for wrong in [json!({}), json!({ "n": "1" }), json!({ "n": 1, "m": 1 }), json!([])] {
            assert!(accept(wrong.clone()).is_err(), "{wrong}");
        }
        let form = ask.question.accept(json!({ "n": "1.5", "text": "x" }), true).unwrap();
        assert_eq!(form["n"], 1.5);
    }

    #[test]
    fn the_answer_takes_a_branch() {
        for (approved, expected) in [
            (true, json!({ "yes": "sent x", "no": null })),
            (false, json!({ "yes": null, "no": "dropped" })),
        ] {
            let mut run = start(&compile(YAML), json!({ "t": "hi" }));
            let (_, calls) = advance(&mut run);
            let value =
                json!({ "approved": approved, "data": { "text": "x" }, "by": "b", "at": "t" });
            let output = CallOutput { value, tokens: None, cost_nano_usd: None };
            run.complete(&calls[0].0, CallResult::Succeeded(output), 7);
            advance(&mut run);
            assert_eq!(crate::run::tests::output_of(&run).unwrap(), expected);
        }
    }

    #[test]
    fn a_run_asks_a_bounded_number_of_questions() {
        let yaml = "nodes: [{ id: l, type: loop, for: 200, \
                    nodes: [{ id: a, type: approval, message: ok? }], result: 1 }]";
        let mut run = start(&compile(yaml), json!({}));
        let mut asked = 0;
        drive(&mut run, |_, _| {
            asked += 1;
            let value = json!({ "approved": true, "data": {}, "by": "b", "at": "t" });
            CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
        });
        assert_eq!(asked, 100);
        assert_eq!(crate::run::tests::output_of(&run), Err("too_many_questions".to_owned()));
    }

    #[test]
    fn a_question_is_bounded() {
        let large = json!({ "t": "x".repeat(MAX_QUESTION_BYTES) });
        assert_eq!(error(YAML, large).code, "value_too_large");
    }
}
