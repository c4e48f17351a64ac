//! The fields that every node may have.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{KindSpec, OutputFields};
use crate::compile::fields::Fields;
use crate::field::{FieldSpec, FieldType};
use crate::json::push_segment;
use crate::problem::did_you_mean;
use crate::workflow::{CallSettings, OnError, Retry};

const ID: FieldSpec = FieldSpec::new(
    "id",
    FieldType::Id,
    "the name by which other nodes refer to it: a letter or digit, then up to 63 letters, digits, \
     `-` or `_`",
)
.required();
const TYPE: FieldSpec = FieldSpec::new("type", FieldType::Kind, "the kind").required();
const NAME: FieldSpec =
    FieldSpec::new("name", FieldType::Words, "for people; references may also use it");
const DESCRIPTION: FieldSpec = FieldSpec::new("description", FieldType::Words, "for people");
pub(crate) const AFTER: FieldSpec = FieldSpec::new(
    "after",
    FieldType::After,
    "what it waits for besides the nodes it refers to: node ids, `x.branch` for a branch of a \
     condition, `x.error` for a failure",
);
const RETRY: FieldSpec = FieldSpec::new(
    "retry",
    FieldType::Fields(Cow::Borrowed(RETRY_FIELDS)),
    "`{ max_attempts: 3, backoff: 1s }`: of each call; a server's `Retry-After` is honoured up to \
     `5m`",
);
const MAX_ATTEMPTS: FieldSpec = FieldSpec::new(
    "max_attempts",
    FieldType::Integer(1, 10),
    "the maximum number of attempts of a call",
)
.required();
const BACKOFF: FieldSpec = FieldSpec::with_default(
    "backoff",
    FieldType::Duration("0s", "60s"),
    "1s",
    "the first pause, which doubles up to a minute",
);
const RETRY_FIELDS: &[FieldSpec] = &[MAX_ATTEMPTS, BACKOFF];
const TIMEOUT: FieldSpec =
    FieldSpec::new("timeout", FieldType::Duration("1ms", "10m"), "of one attempt, such as `90s`");
const AT_MOST_ONCE: FieldSpec = FieldSpec::with_default(
    "at_most_once",
    FieldType::Boolean,
    "false",
    "`true`: a call that was open when the server died fails the node as `interrupted` instead of \
     being sent again; `retry` then applies only to failures that prove that the call had no \
     effect",
);

pub(crate) const ON_ERROR: FieldSpec = FieldSpec::with_default(
    "on_error",
    FieldType::OnError,
    "fail",
    "what a failure means: `fail`, `continue` (the run goes on; `<x.error>` and `<x.code>` say \
     why, other fields are empty) or `{ default: value }` (the run goes on with this output)",
);

/// In the order of the docs.
pub const FIELDS: &[FieldSpec] =
    &[ID, TYPE, NAME, DESCRIPTION, AFTER, RETRY, TIMEOUT, AT_MOST_ONCE, ON_ERROR];

/// Fields that have an effect only on kinds that make calls.
pub(crate) const CALL_FIELDS: [&str; 3] = ["retry", "timeout", "at_most_once"];

/// Returns how the node's calls are made; `None` if its kind makes none.
pub(crate) fn read(fields: &mut Fields<'_, '_>, kind: &KindSpec) -> Option<CallSettings> {
    fields.string(&NAME);
    fields.string(&DESCRIPTION);
    let retry = fields.object(&RETRY);
    let timeout = fields.duration(&TIMEOUT);
    let is_repeated_badly = || kind.operation.as_ref().is_some_and(|it| !it.may_repeat());
    let at_most_once = fields.boolean(&AT_MOST_ONCE).unwrap_or_else(is_repeated_badly);
    let Some(limits) = kind.call else {
        let present = [retry.is_some(), timeout.is_some(), at_most_once];
        let is_own = |name: &str| kind.fields.iter().any(|field| field.name == name);
        let without_effect = CALL_FIELDS.iter().zip(present);
        for (name, _) in without_effect.filter(|(name, present)| *present && !is_own(name)) {
            let message = format!("`{name}` has no effect: a {} node makes no call", kind.name);
            fields.warning(name, message);
        }
        return None;
    };
    let timeout = timeout.unwrap_or(limits.default_timeout);
    if timeout > limits.max_timeout {
        let max = limits.max_timeout.as_secs();
        fields.error(&TIMEOUT.name, format!("a {} node takes at most {max} s", kind.name));
    }
    let retry = retry.map_or(Retry::NEVER, |retry| read_retry(fields, retry));
    Some(CallSettings { retry, timeout, at_most_once })
}

/// Reads what a failure of the node means. `outputs` are the fields that its kind leaves.
pub(crate) fn read_on_error(fields: &mut Fields<'_, '_>, outputs: &OutputFields) -> OnError {
    match fields.get(&ON_ERROR) {
        Some(Value::String(text)) if text == "continue" => OnError::Continue,
        Some(Value::Object(object)) => {
            let value = object.get("default").unwrap_or(&Value::Null);
            let mut path = fields.path_of(&ON_ERROR.name);
            push_segment(&mut path, "default");
            check_default(fields, value, outputs);
            let (body, secrets) = (fields.body, ON_ERROR.secrets);
            OnError::Default(fields.compiler.template(value, &path, body, secrets))
        }
        _ => OnError::Fail,
    }
}

/// References read fields of the default, so it must have those of the kind.
fn check_default(fields: &mut Fields<'_, '_>, value: &Value, outputs: &OutputFields) {
    let names: Vec<&str> = outputs.names().collect();
    let Value::Object(given) = value else {
        let example = names.first().unwrap_or(&"field");
        let message = format!("`default` is the node's output, such as `{{ {example}: … }}`");
        return fields.error(&ON_ERROR.name, message);
    };
    if *outputs == OutputFields::Any {
        return;
    }
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        let hint = did_you_mean(name, names.iter().copied());
        fields.error(&ON_ERROR.name, format!("`default` has no field `{name}`{hint}"));
    }
}

fn read_retry<'d>(fields: &mut Fields<'_, 'd>, object: &'d Map<String, Value>) -> Retry {
    let path = fields.path_of(&RETRY.name);
    fields.inner(&path, object, RETRY_FIELDS, |retry| {
        let max_attempts = retry.integer(&MAX_ATTEMPTS).unwrap_or(1);
        let backoff = retry.duration(&BACKOFF).unwrap_or(Duration::from_secs(1));
        Retry { max_attempts: u32::try_from(max_attempts).unwrap_or(1), backoff }
    })
}
