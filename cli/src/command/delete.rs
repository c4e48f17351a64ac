//! `flowgate delete`: deletes a workflow, after a question.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::consent;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let id = plain(&args.id);
    if !args.yes {
        let question = format!("Delete {id} for good? Its runs go in 14 days.");
        consent::require("delete", &question)?;
    }
    client.json(client.request(Method::DELETE, &["v1", "workflows", &args.id], &[])).await?;
    output.note(format!("{id} is deleted"));
    Ok(ExitCode::SUCCESS)
}
