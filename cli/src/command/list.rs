//! `flowgate list`: the workflows, and what they do.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use crate::answer::coloured;
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::{self, Failure};
use crate::output::Output;
use crate::table::{self, cell, moment};

const PATH: [&str; 2] = ["v1", "workflows"];

pub(super) async fn run(global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let mut workflows = workflows(&client, output).await?;
    let counts = runs_of_a_day(&client, output).await?;
    for workflow in workflows.iter_mut().filter_map(Value::as_object_mut) {
        let runs = counts.as_ref().map(|counts| runs_in(counts, workflow.get("id")));
        workflow.insert("runs_24h".to_owned(), json!(runs));
    }
    if output.is_json() {
        output.json(&workflows)?;
    } else {
        let rows: Vec<Vec<String>> = workflows.iter().map(row).collect();
        table::print(output, &["ID", "NAME", "ACTIVE", "RUNS (24 H)", "LAST RUN"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn workflows(client: &Client, output: &Output) -> Result<Vec<Value>> {
    match client.all_items(&PATH, &[("limit", "100"), ("include", "last_run")]).await {
        // A key with the scope author may list them, but sees no runs without the scope read.
        Err(error) if failure::is_forbidden(&error) => {
            let workflows = client.all_items(&PATH, &[("limit", "100")]).await?;
            output.note("the key lacks the scope read: no runs");
            Ok(workflows)
        }
        workflows => workflows,
    }
}

/// Returns the sums by workflow; `None` if the key may not read them, or there are too many.
async fn runs_of_a_day(client: &Client, output: &Output) -> Result<Option<Vec<Value>>> {
    let sums = client.get(&["v1", "stats"], &[("by", "workflow"), ("step", "total")]).await;
    match sums {
        Ok(sums) => Ok(sums["items"].as_array().cloned()),
        Err(error) if failure::is_forbidden(&error) => Ok(None),
        Err(error) => match error.downcast_ref() {
            Some(Failure::Refused(refusal)) if refusal.status == 400 => {
                output.note(format!("runs are not counted: {refusal}"));
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

fn runs_in(counts: &[Value], id: Option<&Value>) -> u64 {
    let of_workflow = counts.iter().find(|item| item.get("name") == id);
    of_workflow.and_then(|item| item["runs"].as_u64()).unwrap_or_default()
}

fn row(workflow: &Value) -> Vec<String> {
    let runs = workflow["runs_24h"].as_u64().map_or("-".to_owned(), |runs| runs.to_string());
    let last = &workflow["last_run"];
    let last = match (last["status"].as_str(), last["created_at"].as_str()) {
        (Some(status), Some(at)) => format!("{} {}", coloured(status), moment(at)),
        _ => "-".to_owned(),
    };
    let active = cell(&workflow["active_version"]);
    vec![cell(&workflow["id"]), cell(&workflow["name"]), active, runs, last]
}
