//! Why a command was not done, and the exit code that says so.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::output::{Output, plain};

/// What exit codes tell apart; everything else is an `anyhow::Error` and exits with 1.
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
    /// The answer's body: a problem (RFC 9457), or null where it was none.
    pub problem: Value,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = ["detail", "title"].into_iter().find_map(|field| self.problem[field].as_str()).unwrap_or("no reason was given");
        let fields = self.problem["errors"].as_array().filter(|fields| !fields.is_empty());
        // The detail tells the first fields only.
        match fields {
            None => write!(f, "refused ({}): {}", self.status, plain(told))?,
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

/// The end of a command that failed.
pub(crate) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    // Whoever read our output has seen enough.
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let failure = error.downcast_ref::<Failure>();
    let (name, code) = match failure {
        None => ("failed", 1),
        Some(Failure::Usage(_)) => ("usage", 2),
        Some(Failure::Refused(_)) => ("refused", 3),
        Some(Failure::Unreachable { .. }) => ("unreachable", 4),
    };
    let mut told = json!({ "kind": name, "message": format!("{error:#}") });
    if let Some(Failure::Refused(refusal)) = failure {
        (told["status"], told["problem"]) = (json!(refusal.status), refusal.problem.clone());
    }
    output.error(&told);
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_every_field_and_no_control_character() {
        let problem = json!({ "detail": "all of it", "errors": [{ "pointer": "/input/n", "message": "must be\u{1b}[2J a number" }] });
        assert_eq!(Refusal { status: 400, problem }.to_string(), "refused (400):\n  /input/n must be\u{fffd}[2J a number");
        let problem = json!({ "detail": "run not found" });
        assert_eq!(Refusal { status: 404, problem }.to_string(), "refused (404): run not found");
        assert_eq!(Refusal { status: 502, problem: Value::Null }.to_string(), "refused (502): no reason was given");
    }
}
