//! Jobs of the server over many runs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::client::Client;
use crate::output::{Output, plain};

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Waits for the job and says what came of it: `runs`, such as "runs are cancelled", are done.
pub(crate) async fn wait(
    client: &Client,
    job: Value,
    runs: &str,
    output: &Output,
) -> Result<ExitCode> {
    let job = until_done(client, job, output).await?;
    let progress = &job["progress"];
    if output.is_json() {
        output.json(&job)?;
    } else {
        output.line(format!("{} {runs}, {} could not", progress["done"], progress["failed"]))?;
        if let Some(why) = progress["last_failure"].as_str() {
            output.note(format!("the last of these: {}", plain(why)));
        }
    }
    let is_complete = progress["failed"] == 0 && job["status"] == "done";
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn until_done(client: &Client, mut job: Value, output: &Output) -> Result<Value> {
    let id = job["id"].as_str().context("the server's answer has no id")?.to_owned();
    output.note(format!("{} goes on, also if this command is stopped", plain(&id)));
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

/// Prints the id of a run or job that was accepted.
pub(crate) fn print_id(answer: &Value, output: &Output) -> Result<ExitCode> {
    if output.is_json() {
        output.json(answer)?;
    } else {
        let id = answer["id"].as_str().context("the server's answer has no id")?;
        output.line(plain(id))?;
    }
    Ok(ExitCode::SUCCESS)
}
