//! `flowgate replay`: repeats a run, or many.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use crate::arguments::Global;
use crate::client::Client;
use crate::command::run::{read_input, report_end, wait};
use crate::failure::Failure;
use crate::follow::Follower;
use crate::job;
use crate::output::Output;
use crate::selection::{Selection, given};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Selection,
    /// Only runs that ended in this state
    #[arg(long, conflicts_with = "runs", value_parser = ["succeeded", "failed", "cancelled"])]
    status: Option<String>,
    /// The same as --status failed
    #[arg(long, conflicts_with_all = ["runs", "status"])]
    failed: bool,
    /// Only runs that failed with this code
    #[arg(long, conflicts_with = "runs", value_name = "CODE")]
    code: Option<String>,
    /// Only runs that failed at this node
    #[arg(long, conflicts_with = "runs", value_name = "NODE")]
    node: Option<String>,
    /// Make this node anew, and what depends on it
    #[arg(
        long,
        value_name = "NODE",
        conflicts_with_all = ["all_workflows", "of_version", "at_a_time"]
    )]
    from: Option<String>,
    /// Make everything anew, and take nothing over
    #[arg(long, conflicts_with = "from")]
    all: bool,
    /// Another input for one run: JSON, @file, or - for standard input
    #[arg(long, short, conflicts_with_all = ["workflow", "all_workflows"])]
    input: Option<String>,
    /// Another version, or `draft`
    #[arg(long = "version", value_name = "VERSION")]
    pinned: Option<String>,
    /// How many of a job's new runs go on at a time; default: as many as the key's limits allow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=40))]
    at_a_time: Option<u64>,
    /// Print the id of the run, or job, and do not wait for it
    #[arg(long = "async")]
    detach: bool,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match args.which.runs.as_slice() {
        [run] => one(&client, run, args, output).await,
        [_, ..] if args.input.is_some() || args.from.is_some() => {
            Err(Failure::Usage("--input and --from are for one run".to_owned()).into())
        }
        _ => many(&client, args, output).await,
    }
}

async fn one(client: &Client, run: &str, args: &Args, output: &Output) -> Result<ExitCode> {
    let body = given([
        ("from", text(args.from.as_ref())),
        ("version", text(args.pinned.as_ref())),
        ("all", args.all.then_some(json!(true))),
        ("input", args.input.as_deref().map(read_input).transpose()?),
    ]);
    let request = client.request(Method::POST, &["v1", "runs", run, "replay"], &[]).json(&body);
    if args.detach {
        let answer = client.json(request.header("prefer", "respond-async")).await?;
        return job::print_id(&answer, output);
    }
    let answer = client.send(request.header(ACCEPT, "text/event-stream")).await?;
    let run = wait(&mut Follower::of_start(client, answer)).await?;
    report_end(&run, false, output)
}

async fn many(client: &Client, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut body = args.which.body();
    body.extend(given([("code", text(args.code.as_ref())), ("node", text(args.node.as_ref()))]));
    let request = match (&args.from, &args.which.workflow) {
        (Some(node), Some(workflow)) => from_node(client, node, workflow, args, body),
        _ => anywhere(client, args, body),
    };
    let job = client.json(request).await?;
    if args.detach {
        return job::print_id(&job, output);
    }
    job::wait(client, job, "runs have begun again", output).await
}

fn anywhere(client: &Client, args: &Args, mut body: Map<String, Value>) -> RequestBuilder {
    body.extend(given([
        ("workflow", text(args.which.workflow.as_ref())),
        ("status", state(args)),
        ("from", args.all.then_some(json!("start"))),
        ("on_version", text(args.pinned.as_ref())),
        ("at_a_time", args.at_a_time.map(|number| json!(number))),
    ]));
    client.request(Method::POST, &["v1", "runs", "replay"], &[]).json(&body)
}

/// Only the route of a workflow accepts a node to go on from.
fn from_node(
    client: &Client,
    node: &str,
    workflow: &str,
    args: &Args,
    mut body: Map<String, Value>,
) -> RequestBuilder {
    body.extend(given([
        ("state", state(args)),
        ("from", Some(json!(node))),
        ("version", text(args.pinned.as_ref())),
    ]));
    let path = ["v1", "workflows", workflow, "runs", "replay"];
    client.request(Method::POST, &path, &[]).json(&body)
}

fn state(args: &Args) -> Option<Value> {
    text(args.status.as_ref()).or(args.failed.then_some(json!("failed")))
}

fn text(given: Option<&String>) -> Option<Value> {
    given.map(|text| json!(text))
}
