//! `flowgate tail`: the events of a run from its first one on, or of all runs of a workflow.

mod workflow;

use std::process::ExitCode;

use anyhow::Result;

use crate::answer::{Run, is_run_id};
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;
use crate::follow::{Follower, StreamEvent};
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of a run to follow to its end, or of a workflow to follow its runs until ctrl-c
    what: String,
    /// Only events after the one with this id; needs a run's id
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<String>,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match &args.after {
        _ if is_run_id(&args.what) => follow_run(&client, args, output).await,
        Some(_) => Err(Failure::Usage("--after needs a run's id".to_owned()).into()),
        None => workflow::follow(&client, &args.what, output).await,
    }
}

async fn follow_run(client: &Client, args: &Args, output: &Output) -> Result<ExitCode> {
    let mut events = Follower::attach(client, &args.what, args.after.clone()).await?;
    let mut lines = Lines::default();
    loop {
        let event = events.next().await?;
        if output.is_json() {
            output.json_line(&event)?;
        } else {
            output.piece(&lines.of(&event))?;
        }
        if event.name == "run.finished" {
            let run = Run::read(&event.data)?;
            if !output.is_json() {
                run.print_end(output);
            }
            return Ok(run.exit_code());
        }
    }
}

/// Each event takes a line. The text of nodes appears between them.
#[derive(Default)]
struct Lines {
    speaker: Option<String>,
}

impl Lines {
    fn of(&mut self, event: &StreamEvent) -> String {
        let field = |name: &str| event.data[name].as_str().unwrap_or_default();
        let node = field("node");
        if event.name == "chunk" {
            let goes_on = self.speaker.as_deref() == Some(node);
            let end = if goes_on { String::new() } else { self.end_of_speech() };
            self.speaker = Some(node.to_owned());
            return end + &plain(field("text"));
        }
        let detail = match event.name.as_str() {
            "node.started" => format!("{node} ({})", field("kind")),
            "node.finished" => format!(
                "{node} {}{}",
                field("status"),
                event.data["error"]["message"]
                    .as_str()
                    .map_or(String::new(), |message| format!(": {message}"))
            ),
            "run.finished" => field("status").to_owned(),
            "run.started" => field("workflow_id").to_owned(),
            _ => node.to_owned(),
        };
        self.end_of_speech() + &plain(&format!("{:<14} {detail}\n", event.name))
    }

    fn end_of_speech(&mut self) -> String {
        self.speaker.take().map_or(String::new(), |_| "\n".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(name: &str, data: Value) -> StreamEvent {
        StreamEvent { name: name.to_owned(), id: None, data }
    }

    #[test]
    fn speech_stands_between_lines() {
        let mut lines = Lines::default();
        let shown: String = [
            event("node.started", json!({ "node": "draft", "kind": "agent" })),
            event("chunk", json!({ "node": "draft", "text": "Once " })),
            event("chunk", json!({ "node": "draft", "text": "upon" })),
            event(
                "node.finished",
                json!({ "node": "draft", "status": "failed", "error": { "message": "cut" } }),
            ),
            event("run.finished", json!({ "status": "failed" })),
        ]
        .iter()
        .map(|event| lines.of(event))
        .collect();
        assert_eq!(
            shown,
            "node.started   draft (agent)\n\
             Once upon\n\
             node.finished  draft failed: cut\n\
             run.finished   failed\n"
        );
    }
}
