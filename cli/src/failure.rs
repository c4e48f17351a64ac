//! Why a command failed, and the exit code for it.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::output::{Output, plain};

/// Failures with an exit code of their own. Any other error exits with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(Refusal),
    #[error("{url} cannot be reached: {cause}")]
    Unreachable { url: String, cause: String },
}

#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    /// The answer's body if it is a problem (RFC 9457), else null.
    pub problem: Value,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reason = ["detail", "title"]
            .into_iter()
            .find_map(|field| self.problem[field].as_str())
            .unwrap_or("no reason was given");
        let fields = self.problem["errors"].as_array().filter(|fields| !fields.is_empty());
        // The detail names only the first fields.
        match fields {
            None => write!(f, "refused ({}): {}", self.status, plain(reason))?,
            Some(_) => write!(f, "refused ({}):", self.status)?,
        }
        for field in fields.into_iter().flatten() {
            let part = |name: &str| plain(field[name].as_str().unwrap_or_default()).into_owned();
            write!(f, "\n  {} {}", part("pointer"), part("message"))?;
        }
        match (&self.problem["request_id"], self.status) {
            (Value::String(id), 500..) => write!(f, "\n  request id: {}", plain(id)),
            _ => Ok(()),
        }
    }
}

/// Whether the server refused because the key lacks a right.
pub(crate) fn is_forbidden(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failure::Refused(refusal)) if refusal.status == 403)
}

/// Prints the error and returns its exit code.
pub(crate) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    // The reader of our output has closed it.
    if error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    let failure = error.downcast_ref::<Failure>();
    let (name, code) = match failure {
        None => ("failed", 1),
        Some(Failure::Usage(_)) => ("usage", 2),
        Some(Failure::Refused(_)) => ("refused", 3),
        Some(Failure::Unreachable { .. }) => ("unreachable", 4),
    };
    let mut report = json!({ "kind": name, "message": format!("{error:#}") });
    if let Some(Failure::Refused(refusal)) = failure {
        (report["status"], report["problem"]) = (json!(refusal.status), refusal.problem.clone());
    }
    output.error(&report);
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_every_field_and_no_control_character() {
        let problem = json!({
            "detail": "all of it",
            "errors": [{ "pointer": "/input/n", "message": "must be\u{1b}[2J a number" }]
        });
        assert_eq!(
            Refusal { status: 400, problem }.to_string(),
            "refused (400):\n  /input/n must be\u{fffd}[2J a number"
        );
        let problem = json!({ "detail": "run not found" });
        assert_eq!(Refusal { status: 404, problem }.to_string(), "refused (404): run not found");
        assert_eq!(
            Refusal { status: 502, problem: Value::Null }.to_string(),
            "refused (502): no reason was given"
        );
    }
}
