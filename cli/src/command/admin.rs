//! `flowgate admin`: the operator's own credential.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::{Output, plain};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replace the admin credential, print the new one, and end the old one
    Rotate,
}

/// Prints only the credential on standard output, so that a script can read it.
pub(crate) async fn run(command: &Command, global: &Global, output: &Output) -> Result<ExitCode> {
    let Command::Rotate = command;
    let client = Client::new(global)?;
    let rotate = client.request(Method::POST, &["v1", "admin", "rotate"], &[]);
    let answer = client.json(rotate).await?;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        output.line(plain(answer["key"].as_str().unwrap_or_default()))?;
        output.note("keep it now: it is not shown again, and the old one has ended");
    }
    Ok(ExitCode::SUCCESS)
}
