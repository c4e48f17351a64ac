//! `flowgate snippets`: a program that calls a workflow, to copy and run.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::arguments::Global;
use crate::client::Client;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    workflow: String,
    /// The language
    #[arg(
        long,
        default_value = "curl",
        value_parser = ["curl", "python", "typescript", "rust", "go"],
    )]
    lang: String,
    /// Wait for the end, start and ask, follow the events, or receive webhooks
    #[arg(long, default_value = "wait", value_parser = ["wait", "async", "stream", "webhook"])]
    mode: String,
    /// Instead of the active version; draft for the saved draft
    #[arg(long)]
    version: Option<String>,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let mut query = vec![("lang", args.lang.as_str()), ("mode", args.mode.as_str())];
    query.extend(args.version.as_deref().map(|version| ("version", version)));
    let path = ["v1", "workflows", &args.workflow, "snippets"];
    let found = Client::new(global)?.get(&path, &query).await?;
    let snippet = &found["items"][0];
    if output.is_json() {
        output.json(snippet)?;
        return Ok(ExitCode::SUCCESS);
    }
    let code = snippet["code"].as_str().context("the server sent no program")?;
    output.piece(code)?;
    if let Some(install) = snippet["install"].as_str() {
        output.note(format!("It needs: {install}"));
    }
    Ok(ExitCode::SUCCESS)
}
