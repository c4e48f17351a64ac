//! `flowgate runs replay`: repeats a run, or many runs of a workflow.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Map, Value, json};

use crate::arguments::Global;
use crate::client::Client;
use crate::command::run::{read_input, report_end, wait};
use crate::failure::Failure;
use crate::follow::Follower;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["run", "workflow"]))]
pub(crate) struct Args {
    /// The run's id
    run: Option<String>,
    /// Instead of one run: those of this workflow, by a job
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// Make this node anew, and what depends on it
    #[arg(long, value_name = "NODE")]
    from: Option<String>,
    /// Make everything anew, and take nothing over
    #[arg(long, conflicts_with_all = ["from", "workflow"])]
    all: bool,
    /// Another input: JSON, @file, or - for standard input
    #[arg(long, short, conflicts_with = "workflow")]
    input: Option<String>,
    /// Another version, or `draft`
    #[arg(long = "version", value_name = "VERSION")]
    pinned: Option<String>,
    /// With --workflow: only runs in this state
    #[arg(long, requires = "workflow", value_parser = ["succeeded", "failed", "cancelled"])]
    status: Option<String>,
    /// The same as --status failed
    #[arg(long, requires = "workflow", conflicts_with = "status")]
    failed: bool,
    /// With --workflow: only runs that failed with this code
    #[arg(long, requires = "workflow", value_name = "CODE")]
    code: Option<String>,
    /// With --workflow: only runs that failed at this node
    #[arg(long, requires = "workflow", value_name = "NODE")]
    node: Option<String>,
    /// With --workflow: only runs of this user
    #[arg(long, requires = "workflow", value_name = "USER")]
    user: Option<String>,
    /// With --workflow: only runs created since, such as 2026-01-31T08:00:00Z, 90m, 24h or 7d
    #[arg(long, requires = "workflow", value_name = "TIME")]
    since: Option<String>,
    /// With --workflow: only runs created before
    #[arg(long, requires = "workflow", value_name = "TIME")]
    before: Option<String>,
    /// Print the id of the run, or job, and do not wait for it
    #[arg(long = "async")]
    detach: bool,
}

const POLL_INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match (&args.run, &args.workflow) {
        (Some(run), _) => one(&client, run, args, output).await,
        (None, Some(workflow)) => many(&client, workflow, args, output).await,
        (None, None) => Err(Failure::Usage("name a run, or a --workflow".to_owned()).into()),
    }
}

async fn one(client: &Client, run: &str, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut body = how(args);
    if args.all {
        body.insert("all".to_owned(), json!(true));
    }
    if let Some(input) = &args.input {
        body.insert("input".to_owned(), read_input(input)?);
    }
    let request = client.request(Method::POST, &["v1", "runs", run, "replay"], &[]).json(&body);
    if args.detach {
        let answer = client.json(request.header("prefer", "respond-async")).await?;
        return print_id(&answer, output);
    }
    let answer = client.send(request.header(ACCEPT, "text/event-stream")).await?;
    let run = wait(&mut Follower::of_start(client, answer)).await?;
    report_end(&run, false, output)
}

async fn many(client: &Client, workflow: &str, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut body = how(args);
    let now = SystemClock.now();
    let state = args.status.as_deref().or(args.failed.then_some("failed"));
    body.extend(state.map(|state| ("state".to_owned(), json!(state))));
    for (name, given) in [("code", &args.code), ("node", &args.node), ("user", &args.user)] {
        body.extend(given.as_ref().map(|given| (name.to_owned(), json!(given))));
    }
    for (name, given) in [("created_from", &args.since), ("created_before", &args.before)] {
        if let Some(given) = given {
            body.insert(name.to_owned(), json!(time(given, now)?.to_string()));
        }
    }
    let path = ["v1", "workflows", workflow, "runs", "replay"];
    let job = client.json(client.request(Method::POST, &path, &[]).json(&body)).await?;
    if args.detach {
        return print_id(&job, output);
    }
    let job = until_done(client, job, output).await?;
    if output.is_json() {
        output.json(&job)?;
    } else {
        let (done, failed) = (&job["progress"]["done"], &job["progress"]["failed"]);
        output.line(format!("{done} runs have begun again, {failed} could not"))?;
        if let Some(why) = job["progress"]["last_failure"].as_str() {
            output.note(format!("the last of these: {}", plain(why)));
        }
    }
    let is_complete = job["progress"]["failed"] == 0 && job["status"] == "done";
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn how(args: &Args) -> Map<String, Value> {
    let given = [("from", &args.from), ("version", &args.pinned)];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    given.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn print_id(answer: &Value, output: &Output) -> Result<ExitCode> {
    if output.is_json() {
        output.json(answer)?;
    } else {
        let id = answer["id"].as_str().context("the server's answer has no id")?;
        output.line(plain(id))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn until_done(client: &Client, mut job: Value, output: &Output) -> Result<Value> {
    let id = job["id"].as_str().context("the server's answer has no id")?.to_owned();
    output.note(format!("{} begins them, also if this command is stopped", plain(&id)));
    let style = "{spinner} {bar:30} {pos}/{len} · {elapsed} · {msg}";
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    while job["ended_at"].is_null() {
        SystemClock.sleep(POLL_INTERVAL).await;
        job = client.get(&["v1", "jobs", &id], &[]).await?;
        let count = |name: &str| job["progress"][name].as_u64().unwrap_or_default();
        bar.set_length(count("total"));
        bar.set_position(count("done") + count("failed"));
        bar.set_message(format!("{} could not", count("failed")));
    }
    bar.finish_and_clear();
    Ok(job)
}

/// A time, or how long ago.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Ok(time);
    }
    let seconds = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let ago = seconds.into_iter().find_map(|(unit, seconds)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds * 1_000).filter(|ago| *ago >= 0)
    });
    let at = ago.and_then(|ago| now.millis().checked_sub(ago)).map(Timestamp);
    at.ok_or_else(|| {
        Failure::Usage(format!("`{text}` is no time such as 2026-01-31T08:00:00Z, 90m, 24h or 7d"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_points_or_how_long_ago() {
        let now = Timestamp(1_000_000_000);
        let at = |text: &str| time(text, now).ok().map(Timestamp::millis);
        assert_eq!(at("90s"), Some(1_000_000_000 - 90_000));
        assert_eq!(at("2h"), Some(1_000_000_000 - 7_200_000));
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1_000));
        for wrong in ["", "h", "-1h", "1w", "yesterday", "99999999999999999999d"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
