//! `flowgate keyring`: the entries that hash keys, derive signing secrets and seal header values.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a new entry of each kind; what was made with the earlier ones stays valid
    Rotate,
}

pub(crate) async fn run(command: &Command, global: &Global, output: &Output) -> Result<ExitCode> {
    let Command::Rotate = command;
    let client = Client::new(global)?;
    let rotate = client.request(Method::POST, &["v1", "keyring", "rotate"], &[]);
    let answer = client.json(rotate).await?;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        output.line(format!(
            "new keys use pepper {}, new signing secrets master {}, new webhooks seal {}",
            answer["pepper"], answer["master"], answer["seal"]
        ))?;
        output.note("keys, and signing secrets of workflows, keep theirs until they are rotated");
    }
    Ok(ExitCode::SUCCESS)
}
