//! The fields of the server's answers that commands read. Programs get the whole answer.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::output::{Output, duration, plain};

#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub id: String,
    pub workflow_id: String,
    pub version: String,
    pub status: String,
    #[serde(default)]
    pub output: Value,
    pub error: Option<RunError>,
    pub usage: Option<Usage>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub duration_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RunError {
    pub code: String,
    pub message: String,
    pub node: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
}

impl Run {
    pub(crate) fn read(answer: &Value) -> Result<Self> {
        Self::deserialize(answer).context("the server's answer is not a run")
    }

    /// Prints status, time, version and cost on one line, and the error on the next.
    pub(crate) fn print_end(&self, output: &Output) {
        output.note(format!(
            "{} · {} {}{} · {}",
            self.coloured_status(),
            plain(&self.workflow_id),
            plain(&self.version),
            self.measures(),
            plain(&self.id)
        ));
        if let Some(error) = &self.error {
            let node =
                error.node.as_ref().map_or(String::new(), |node| format!("{}: ", plain(node)));
            output.note(format!(
                "{} {node}{} ({})",
                console::style("error:").for_stderr().red().bold(),
                plain(&error.message),
                plain(&error.code)
            ));
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.status == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub(crate) fn coloured_status(&self) -> console::StyledObject<String> {
        coloured(&self.status)
    }

    fn measures(&self) -> String {
        let time = self
            .duration_ms
            .map_or(String::new(), |milliseconds| format!(" · {}", duration(milliseconds)));
        let tokens =
            self.usage.as_ref().and_then(|usage| usage.tokens).filter(|tokens| *tokens > 0);
        let cost = self.usage.as_ref().and_then(|usage| usage.cost_nano_usd);
        let usage = tokens.map_or(String::new(), |tokens| match cost {
            Some(0) | None => format!(" · {tokens} tokens"),
            Some(nano) => format!(" · {tokens} tokens, {}", dollars(nano)),
        });
        time + &usage
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with six digits")]
pub(crate) fn dollars(nano: u64) -> String {
    format!("${:.6}", nano as f64 / 1e9)
}

/// A run's status, in its colour.
pub(crate) fn coloured(status: &str) -> console::StyledObject<String> {
    let text = console::style(plain(status).into_owned());
    match status {
        "succeeded" => text.green(),
        "failed" => text.red(),
        "cancelled" => text.yellow(),
        _ => text.cyan(),
    }
}

/// `run_` and 32 hex digits. No author would choose this as a workflow's id.
pub(crate) fn is_run_id(text: &str) -> bool {
    text.strip_prefix("run_").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_id() {
        assert!(is_run_id("run_0193a1b2c3d4e5f60718293a4b5c6d7e"));
        assert!(!is_run_id("run_story"));
        assert!(!is_run_id("story"));
    }
}
