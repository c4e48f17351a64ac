//! `flowgate runs`: the latest runs, or the timeline of one run; `replay` and `cancel` act on runs.

pub(super) mod timeline;

use std::process::ExitCode;

use anyhow::{Context, Result};
use console::style;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{cancel, replay};
use crate::answer::{Run, is_run_id};
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::{self, Failure};
use crate::output::{Output, duration, plain};
use crate::table;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// A workflow's id to list its runs, or a run's id to show it; default: runs of all workflows
    what: Option<String>,
    /// Only runs in this state
    #[arg(
        long,
        value_parser = ["pending", "running", "waiting", "succeeded", "failed", "cancelled"]
    )]
    status: Option<String>,
    /// The maximum number of runs
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Repeat a run, or many: each goes on from its failed node, or from the one named
    Replay(replay::Args),
    /// Cancel a run, or many
    Cancel(cancel::Args),
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    match &args.command {
        Some(Command::Replay(args)) => return replay::run(args, global, output).await,
        Some(Command::Cancel(args)) => return cancel::run(args, global, output).await,
        None => {}
    }
    let client = Client::new(global)?;
    match &args.what {
        Some(run) if is_run_id(run) => show(&client, run, output).await?,
        Some(workflow) => list(&runs_of(&client, workflow, args, output).await?, output)?,
        None => list(&all_runs(&client, args, output).await?, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Programs also get inputs and outputs.
async fn runs_of(
    client: &Client,
    workflow: &str,
    args: &Args,
    output: &Output,
) -> Result<Vec<Value>> {
    let limit = args.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(args.status.iter().map(|status| ("status", status.as_str())));
    query.extend(output.is_json().then_some(("include", "input,output")));
    let mut page = client.get(&["v1", "workflows", workflow, "runs"], &query).await?;
    serde_json::from_value(page["items"].take())
        .context("the server's answer is not a list of runs")
}

/// The latest runs of every workflow that the key may list.
async fn all_runs(client: &Client, args: &Args, output: &Output) -> Result<Vec<Value>> {
    let workflows = match client.all_items(&["v1", "workflows"], &[]).await {
        Err(error) if failure::is_forbidden(&error) => {
            return Err(
                Failure::Usage("this key may not list workflows: name one".to_owned()).into()
            );
        }
        workflows => workflows?,
    };
    let mut runs = Vec::new();
    for workflow in &workflows {
        runs.extend(
            runs_of(client, workflow["id"].as_str().unwrap_or_default(), args, output).await?,
        );
    }
    // Run ids sort by creation time.
    runs.sort_by(|left, right| right["id"].as_str().cmp(&left["id"].as_str()));
    runs.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    Ok(runs)
}

fn list(runs: &[Value], output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(&runs)?);
    }
    let rows =
        runs.iter().map(|run| Run::read(run).map(|run| row(&run))).collect::<Result<Vec<_>>>()?;
    Ok(table::print(output, &["ID", "WORKFLOW", "VERSION", "STATUS", "STARTED", "TOOK"], &rows)?)
}

fn row(run: &Run) -> Vec<String> {
    let started = table::moment(run.started_at.as_ref().unwrap_or(&run.created_at));
    let took = run.duration_ms.map_or("-".to_owned(), duration);
    let cell = |text: &str| plain(text).into_owned();
    vec![
        cell(&run.id),
        cell(&run.workflow_id),
        cell(&run.version),
        run.coloured_status().to_string(),
        started,
        took,
    ]
}

async fn show(client: &Client, id: &str, output: &Output) -> Result<()> {
    let answer = client.get(&["v1", "runs", id], &[]).await?;
    let trace = match client.get(&["v1", "runs", id, "trace"], &[]).await {
        // A caller's key may read the run, not what its nodes were given.
        Err(error) if failure::is_forbidden(&error) => Value::Null,
        trace => trace?,
    };
    if output.is_json() {
        return Ok(output.json(&json!({ "run": answer, "trace": trace }))?);
    }
    let run = Run::read(&answer)?;
    run.print_end(output);
    print_timeline(&trace, output)?;
    for (name, value) in [("input", &answer["input"]), ("output", &answer["output"])] {
        output.line(format!("\n{}", style(name).bold()))?;
        output.line(plain(&serde_json::to_string_pretty(value)?))?;
    }
    Ok(())
}

fn print_timeline(trace: &Value, output: &Output) -> Result<()> {
    if trace.is_null() {
        output.note("the key lacks the scope trace: no timeline of the nodes");
        return Ok(());
    }
    let nodes = Vec::<timeline::Node>::deserialize(&trace["nodes"])
        .context("could not read the trace in the server's answer")?;
    let width = if output.is_terminal { usize::from(console::Term::stdout().size().1) } else { 80 };
    output.line("")?;
    for line in timeline::lines(&nodes, width) {
        output.line(line)?;
    }
    Ok(())
}
