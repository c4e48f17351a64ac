//! `wait`: pauses the run until a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned, Price, Role,
    Touches,
};
use crate::call::{Action, WaitCall};
use crate::compile::fields::Fields;
use crate::document::parse_duration;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};

const LENGTH: [&str; 2] = ["for", "until"];
const FOR: FieldSpec = FieldSpec::new(
    "for",
    FieldType::Text,
    "how long: `10s`, `1h30m`, `7d`, or a reference to such a text or to seconds; at most `30d`",
)
.one_of(&LENGTH);
const UNTIL: FieldSpec = FieldSpec::new(
    "until",
    FieldType::Text,
    "a time such as `2026-12-24T18:00:00Z`, or a reference to one; what has passed is no wait",
)
.one_of(&LENGTH);

const DETAILS: &str = "\
A run that only waits is stored, and takes neither memory nor a connection: its state is
`waiting`, and its waiting callers are answered as if their wait was over, unless the time ends
sooner. It survives crashes and deployments. The time counts from the end of the last call before
it, and does not count towards the run's own deadline; all waits of a run together take at most
30 days.";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "wait".into(),
        summary: "Pauses until a time.".into(),
        details: DETAILS.into(),
        fields: const { &[FOR, UNTIL] }.into(),
        outputs: |_| OutputFields::only(&[("until", OutputType::Text)]),
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::People,
        touches: Touches::Text(&["/for", "/until"]),
        example: "{ id: cool_down, type: wait, for: 10m, after: [draft] }".into(),
        read: Arc::new(|fields| Box::new(Wait::read(fields))),
    }
}

#[derive(Debug)]
enum Wait {
    For(Text),
    Until(Text),
}

impl Wait {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        if let Some(until) = fields.text(&UNTIL) {
            return Self::Until(until);
        }
        let text = fields.text(&FOR).unwrap_or_default();
        if let Some(literal) = text.literal().map(Value::String)
            && let Err(error) = length(&literal)
        {
            fields.error(&FOR.name, error.message);
        }
        Self::For(text)
    }
}

impl Node for Wait {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("wait")? {
            return Ok(Plan::Done(output));
        }
        let wait = match self {
            Self::For(text) => length(&text.render(scope)?)?,
            Self::Until(text) => WaitCall::Until(text.render_string(scope)?),
        };
        Ok(Plan::Perform(vec![Planned::call("wait", Action::Wait(wait), Price::Free)]))
    }
}

/// Reads a duration, or seconds.
fn length(value: &Value) -> Result<WaitCall, NodeError> {
    let text = value.as_str();
    let seconds = value.as_f64().or_else(|| text?.trim().parse().ok());
    let duration = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => text.and_then(parse_duration),
    };
    let duration = duration.ok_or_else(|| {
        NodeError::new("invalid_wait", "`for` must be a duration such as \"90s\" or \"10m\"")
    })?;
    WaitCall::lasting(duration)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::{error, only_call};

    fn wait(field: &str, value: Value) -> Value {
        let yaml = format!("nodes: [{{ id: w, type: wait, {field}: <api.input.x> }}]");
        serde_json::to_value(only_call(&yaml, json!({ "x": value })).action).unwrap()
    }

    #[test]
    fn a_length_is_a_duration_or_seconds() {
        for (value, ms) in
            [(json!("1h30m"), 5_400_000), (json!(1.5), 1_500), (json!("30d"), 2_592_000_000_u64)]
        {
            assert_eq!(wait("for", value), json!({ "kind": "wait", "for_ms": ms }));
        }
        let until = json!("2026-12-24T18:00:00Z");
        assert_eq!(wait("until", until.clone()), json!({ "kind": "wait", "until": until }));
    }

    #[test]
    fn a_length_that_is_none_fails() {
        for value in [json!("soon"), json!(-1), json!(null), json!("31d"), json!(1e300)] {
            let yaml = "nodes: [{ id: w, type: wait, for: <api.input.x> }]";
            assert_eq!(error(yaml, json!({ "x": value })).code, "invalid_wait", "{value}");
        }
    }
}
