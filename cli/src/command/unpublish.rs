//! `flowgate unpublish`: takes a workflow's endpoint down.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let path = ["v1", "workflows", &args.id, "active"];
    client.json(client.request(Method::DELETE, &path, &[])).await?;
    let id = plain(&args.id);
    output.note(format!("{id} takes no more runs; runs in flight go on to their end"));
    Ok(ExitCode::SUCCESS)
}
