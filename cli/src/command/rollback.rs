//! `flowgate rollback`: makes an earlier version the one that callers run.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::Output;
use crate::table::cell;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
    /// The version to go back to; default: the one that was active before
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let body = args.to.as_ref().map_or(json!({}), |version| json!({ "version": version }));
    let path = ["v1", "workflows", &args.id, "rollback"];
    let answer = client.json(client.request(Method::POST, &path, &[]).json(&body)).await?;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        let (id, version) = (cell(&answer["workflow_id"]), cell(&answer["version"]));
        output.line(format!("callers of {id} run {version} from now on"))?;
    }
    Ok(ExitCode::SUCCESS)
}
