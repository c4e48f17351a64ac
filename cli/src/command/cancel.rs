//! `flowgate cancel`: ends a run early, or many.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use crate::answer::Run;
use crate::arguments::Global;
use crate::client::Client;
use crate::job;
use crate::output::{Output, plain};
use crate::selection::{Selection, given};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Selection,
    /// Only runs in this state; default: all that have not ended
    #[arg(long, conflicts_with = "runs", value_parser = ["pending", "running", "waiting"])]
    status: Option<String>,
    /// Print the id of the job, and do not wait for it
    #[arg(long = "async")]
    detach: bool,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match args.which.runs.as_slice() {
        [run] => one(&client, run, output).await,
        _ => many(&client, args, output).await,
    }
}

async fn one(client: &Client, run: &str, output: &Output) -> Result<ExitCode> {
    let cancel = client.request(Method::POST, &["v1", "runs", run, "cancel"], &[]);
    let answer = client.json(cancel).await?;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        let run = Run::read(&answer)?;
        let end = if run.status == "cancelled" { "is cancelled" } else { "will end soon" };
        output.note(format!("{} {end}", plain(&run.id)));
    }
    Ok(ExitCode::SUCCESS)
}

async fn many(client: &Client, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut body = args.which.body();
    body.extend(given([
        ("workflow", args.which.workflow.as_ref().map(|id| json!(id))),
        ("status", args.status.as_ref().map(|status| json!(status))),
    ]));
    let cancel = client.request(Method::POST, &["v1", "runs", "cancel"], &[]).json(&body);
    let job = client.json(cancel).await?;
    if args.detach {
        return job::print_id(&job, output);
    }
    job::wait(client, job, "runs are cancelled", output).await
}
