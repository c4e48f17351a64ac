//! `flowgate erase`: deletes a run, or the runs of a user.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Subcommand;
use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete a run that has ended, with its deliveries, events and trace
    Run {
        /// The run's id
        id: String,
    },
    /// Delete every run of a user, and wait until it is done
    User {
        /// The user that its runs were started with
        user: String,
    },
}

const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: &Command, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match command {
        Command::Run { id } => {
            client.json(client.request(Method::DELETE, &["v1", "runs", id], &[])).await?;
            output.note(format!("{id} is deleted"));
        }
        Command::User { user } => erase_user(&client, user, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn erase_user(client: &Client, user: &str, output: &Output) -> Result<()> {
    let erase = client.request(Method::DELETE, &["v1", "users", user, "runs"], &[]);
    let mut job = client.json(erase).await?;
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    output.note(format!("{id} deletes them, also if this command is stopped"));
    while job["ended_at"].is_null() {
        SystemClock.sleep(POLL_INTERVAL).await;
        job = client.get(&["v1", "jobs", &id], &[]).await?;
    }
    if output.is_json() {
        return Ok(output.json(&job)?);
    }
    Ok(output.line(format!("{} runs are deleted", job["deleted"]))?)
}
