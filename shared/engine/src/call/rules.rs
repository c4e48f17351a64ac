//! What an answer means by the rules of a connector: which answers are failures, and which say
//! that the login has expired.

use std::sync::Arc;

use serde_json::Value;

use super::CallError;
use crate::expr::cel::Rule;

/// The names that a rule reads.
pub(crate) const NAMES: [&str; 3] = ["status", "body", "headers"];
const MAX_CODE: usize = 64;
const MAX_MESSAGE_CHARS: usize = 500;

/// The rules of a connector, in order: the first that matches decides.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRules(pub(crate) Arc<[AnswerRule]>);

#[derive(Debug, PartialEq)]
pub(crate) struct AnswerRule {
    pub when: Rule,
    /// Text, or CEL that gives it.
    pub code: Said,
    pub message: Option<Said>,
    pub retry: Said,
    /// Seconds.
    pub retry_after: Option<Said>,
    /// Seconds since the epoch.
    pub retry_at: Option<Said>,
}

/// What the file says, or where the answer says it.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Literal(Value),
    Read(Rule),
}

/// The rule by which an answer says that the login is no longer valid, beside the status 401.
#[derive(Debug, Clone, PartialEq)]
pub struct Expired(pub(crate) Arc<Rule>);

impl Expired {
    /// `answer` is an output of a call, or what a failed one left: `{data, status, headers}`.
    pub fn is_said_by(&self, answer: &Value) -> bool {
        self.0.holds(&named(answer))
    }
}

impl AnswerRules {
    /// Returns the failure that an answer is; `failed` is what its status alone makes of it.
    /// `answer` is `{data, status, headers}`.
    pub fn judge(
        &self,
        answer: &Value,
        failed: Option<&CallError>,
        now_ms: i64,
    ) -> Option<CallError> {
        let named = named(answer);
        let rule = self.0.iter().find(|rule| rule.when.holds(&named))?;
        let status = answer.get("status").and_then(Value::as_u64).unwrap_or(0);
        let code = rule.code.value(&named).as_ref().map(code_of).unwrap_or_default();
        let code = if code.is_empty() { "vendor_error".to_owned() } else { code };
        let said = rule.message.as_ref().and_then(|said| said.value(&named));
        let message = match (said, failed) {
            (Some(said), _) => message_of(&said),
            (None, Some(failed)) => failed.message.clone(),
            (None, None) => format!("the vendor refused the request: {code}"),
        };
        let retryable = rule.retry.value(&named) == Some(Value::Bool(true));
        let is_busy = retryable && (status == 429 || code == "rate_limited");
        let asked = rule.wait_ms(&named, now_ms);
        let of_status = failed.and_then(|failed| failed.retry_after_ms);
        Some(CallError {
            code,
            message,
            retryable,
            nothing_happened: is_busy || failed.is_some_and(|failed| failed.nothing_happened),
            retry_after_ms: asked
                .or(of_status)
                .or_else(|| retry_after(answer))
                .filter(|_| retryable),
            output: Some(Box::new(answer.clone())),
            ..CallError::default()
        })
    }
}

impl AnswerRule {
    fn wait_ms(&self, named: &[(&str, &Value)], now_ms: i64) -> Option<u64> {
        let seconds = |said: &Option<Said>| number(&said.as_ref()?.value(named)?);
        let after = seconds(&self.retry_after).map(|seconds| seconds * 1000.0);
        #[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
        let until = seconds(&self.retry_at).map(|seconds| seconds * 1000.0 - now_ms as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        after.or(until).map(|ms| ms.max(0.0).ceil() as u64)
    }
}

impl Said {
    fn value(&self, named: &[(&str, &Value)]) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Read(rule) => rule.value(named).filter(|value| !value.is_null()),
        }
    }
}

fn named(answer: &Value) -> [(&'static str, &Value); 3] {
    let field = |name: &str| answer.get(name).unwrap_or(&Value::Null);
    [("status", field("status")), ("body", field("data")), ("headers", field("headers"))]
}

/// The header, in seconds; a date is left to the status.
fn retry_after(answer: &Value) -> Option<u64> {
    let seconds = answer.pointer("/headers/retry-after")?.as_str()?.trim().parse::<u64>().ok()?;
    Some(seconds.saturating_mul(1000))
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    number.is_finite().then_some(number)
}

/// A vendor's word as a code: lower case, and only what codes have.
fn code_of(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' => c.to_ascii_lowercase(),
        _ => '_',
    };
    text.trim().chars().take(MAX_CODE).map(plain).collect()
}

fn message_of(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}
