//! `flowgate doctor`: what is configured, what works, and how to fix what does not.

mod credential;
mod folder;
mod machine;
mod server;

use std::process::ExitCode;

use anyhow::Result;
use console::style;
use serde::Serialize;
use serde_json::json;

use super::serve;
use crate::arguments::Global;
use crate::output::{Output, plain};

/// Takes the options of `serve`: they name its folder and say what its workflows may call.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warning,
    Problem,
}

#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    level: Level,
    message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, level: Level::Ok, message: message.into(), advice: None }
    }

    fn warning(about: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, level: Level::Warning, message: message.into(), advice: Some(advice.into()) }
    }

    fn problem(about: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, level: Level::Problem, message: message.into(), advice: Some(advice.into()) }
    }
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let mut findings = vec![
        Finding::ok("version", env!("CARGO_PKG_VERSION")),
        Finding::ok("url", shown_url(&global.url)),
    ];
    findings.push(credential::form(global.key.as_deref()));
    findings.extend(credential::admin());
    findings.extend(server::check(global).await);
    findings.extend(folder::check(&args.serve.data));
    findings.push(machine::outbound(&args.serve));
    findings.push(machine::javascript(&args.serve).await);
    let is_well = findings.iter().all(|finding| finding.level != Level::Problem);
    if output.is_json() {
        output.json(&json!({ "ok": is_well, "findings": findings }))?;
    } else {
        findings.iter().try_for_each(|finding| print(finding, output))?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves out a password in the URL.
fn shown_url(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return url.to_owned() };
    let _ = (url.set_username(""), url.set_password(None));
    url.as_str().trim_end_matches('/').to_owned()
}

fn print(finding: &Finding, output: &Output) -> std::io::Result<()> {
    // Padded before it is coloured: colour codes would count as width.
    let level = match finding.level {
        Level::Ok => style("ok     ").green(),
        Level::Warning => style("warning").yellow().bold(),
        Level::Problem => style("problem").red().bold(),
    };
    output.line(format!("{level}  {:<12}  {}", finding.about, plain(&finding.message)))?;
    match &finding.advice {
        Some(advice) => output.line(format!("{:23}{}", "", plain(advice))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        assert_eq!(shown_url("https://ada:secret@x.example/prod/"), "https://x.example/prod");
        assert_eq!(shown_url("nonsense"), "nonsense");
    }
}
