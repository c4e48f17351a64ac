//! `flowgate tail`: a run's events as they come, from its first one on, or those of all runs of a workflow.

mod workflow;

use std::process::ExitCode;

use anyhow::Result;

use crate::answer::{Run, is_run_id};
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;
use crate::follow::{Follower, Told};
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run's id: that run, until it ends. A workflow's id: its runs that go on or begin, until ctrl-c
    what: String,
    /// Only what came after the event with this id, of one run
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<String>,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match &args.after {
        _ if is_run_id(&args.what) => follow_run(&client, args, output).await,
        Some(_) => Err(Failure::Usage("--after goes with a run's id".to_owned()).into()),
        None => workflow::follow(&client, &args.what, output).await,
    }
}

async fn follow_run(client: &Client, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut events = Follower::attach(client, &args.what, args.after.clone()).await?;
    let mut lines = Lines::default();
    loop {
        let told = events.next().await?;
        if output.is_json() {
            output.json_line(&told)?;
        } else {
            output.piece(&lines.of(&told))?;
        }
        if told.event == "run.finished" {
            let run = Run::read(&told.data)?;
            if !output.is_json() {
                run.tell_end(output);
            }
            return Ok(run.exit_code());
        }
    }
}

/// Events take a line each; between them stands what nodes say.
#[derive(Default)]
struct Lines {
    speaker: Option<String>,
}

impl Lines {
    fn of(&mut self, told: &Told) -> String {
        let field = |name: &str| told.data[name].as_str().unwrap_or_default();
        let node = field("node");
        if told.event == "chunk" {
            let goes_on = self.speaker.as_deref() == Some(node);
            let end = if goes_on { String::new() } else { self.end_of_speech() };
            self.speaker = Some(node.to_owned());
            return end + &plain(field("text"));
        }
        let detail = match told.event.as_str() {
            "node.started" => format!("{node} ({})", field("kind")),
            "node.finished" => format!(
                "{node} {}{}",
                field("status"),
                told.data["error"]["message"].as_str().map_or(String::new(), |message| format!(": {message}"))
            ),
            "run.finished" => field("status").to_owned(),
            "run.started" => field("workflow_id").to_owned(),
            _ => node.to_owned(),
        };
        self.end_of_speech() + &plain(&format!("{:<14} {detail}\n", told.event))
    }

    fn end_of_speech(&mut self) -> String {
        self.speaker.take().map_or(String::new(), |_| "\n".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(event: &str, data: Value) -> Told {
        Told { event: event.to_owned(), id: None, data }
    }

    #[test]
    fn speech_stands_between_lines() {
        let mut lines = Lines::default();
        let shown: String = [
            told("node.started", json!({ "node": "draft", "kind": "agent" })),
            told("chunk", json!({ "node": "draft", "text": "Once " })),
            told("chunk", json!({ "node": "draft", "text": "upon" })),
            told("node.finished", json!({ "node": "draft", "status": "failed", "error": { "message": "cut" } })),
            told("run.finished", json!({ "status": "failed" })),
        ]
        .iter()
        .map(|told| lines.of(told))
        .collect();
        assert_eq!(shown, "node.started   draft (agent)\nOnce upon\nnode.finished  draft failed: cut\nrun.finished   failed\n");
    }
}
