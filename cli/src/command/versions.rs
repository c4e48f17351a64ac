//! `flowgate versions`: the versions of a workflow.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::Output;
use crate::table::{self, cell, moment};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let path = ["v1", "workflows", &args.id, "versions"];
    let versions = client.all_items(&path, &[("limit", "100")]).await?;
    if output.is_json() {
        output.json(&versions)?;
    } else {
        let rows: Vec<Vec<String>> = versions.iter().map(row).collect();
        table::print(output, &["VERSION", "ACTIVE", "PUBLISHED", "BY", "NOTES"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(version: &Value) -> Vec<String> {
    let active = if version["active"] == true { "yes" } else { "-" };
    let published = moment(version["published_at"].as_str().unwrap_or_default());
    let (by, notes) = (cell(&version["published_by"]), cell(&version["notes"]));
    vec![cell(&version["version"]), active.to_owned(), published, by, notes]
}
