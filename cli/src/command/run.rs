//! `flowgate run`: starts a run, then waits for it, streams it, or leaves it running.

mod progress;

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Workflow;
use flowgate_engine::document::Document;
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::answer::Run;
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;
use crate::follow::Follower;
use crate::output::{Output, plain};
use progress::Progress;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    workflow: String,
    /// The input: JSON, @file, or - for standard input; default: the fields' example values
    #[arg(long, short)]
    input: Option<String>,
    /// Print the text of models as it arrives; with -o json every event
    #[arg(long, conflicts_with = "detach")]
    stream: bool,
    /// Print the run's id and do not wait for it
    #[arg(long = "async")]
    detach: bool,
    /// Run this version instead of the active one; `draft`: the saved draft
    #[arg(long = "version", value_name = "VERSION")]
    pinned: Option<String>,
    /// Run only what this node needs, and end with its output
    #[arg(long, value_name = "NODE")]
    until: Option<String>,
    /// Give this node's output instead of running it: JSON, @file, or a text for its `content`
    #[arg(long = "pin", value_name = "NODE=OUTPUT")]
    pins: Vec<String>,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let input = match &args.input {
        Some(given) => read_input(given)?,
        None => sample_input(&client, &args.workflow).await?,
    };
    let query: Vec<(&str, &str)> =
        args.pinned.iter().map(|version| ("version", version.as_str())).collect();
    let start = client
        .request(Method::POST, &["v1", "workflows", &args.workflow, "runs"], &query)
        .json(&body(args, input)?);
    if args.detach {
        return detach(&client, start, output).await;
    }
    let answer = client.send(start.header(ACCEPT, "text/event-stream")).await?;
    let mut events = Follower::of_start(&client, answer);
    let (run, is_printed) = match (args.stream, output.is_json()) {
        (true, true) => (print_events(&mut events, output).await?, true),
        (true, false) => print_chunks(&mut events, output).await?,
        (false, _) => (wait(&mut events).await?, false),
    };
    report_end(&run, is_printed, output)
}

fn body(args: &Args, input: Value) -> Result<Value, Failure> {
    let mut body = json!({ "input": input });
    if let Some(until) = &args.until {
        body["until"] = json!(until);
    }
    for pin in &args.pins {
        let (node, output) = pin.split_once('=').ok_or_else(|| {
            Failure::Usage(format!(
                "`{pin}` is not a node and its output, as in a={{\"content\": \"x\"}} or a=x"
            ))
        })?;
        let is_text = !output.starts_with(['{', '[', '@']) && output != "-";
        body["pins"][node] =
            if is_text { json!({ "content": output }) } else { read_input(output)? };
    }
    Ok(body)
}

pub(super) fn read_input(given: &str) -> Result<Value, Failure> {
    let unusable = |error: std::io::Error| {
        Failure::Usage(format!("the input {given} cannot be read: {error}"))
    };
    let mut text = Vec::new();
    match given.strip_prefix('@') {
        Some(file) => text = std::fs::read(file).map_err(unusable)?,
        None if given == "-" => drop(std::io::stdin().read_to_end(&mut text).map_err(unusable)?),
        None => text.extend_from_slice(given.as_bytes()),
    }
    flowgate_engine::json::parse(&text)
        .map_err(|error| Failure::Usage(format!("the input is not JSON: {error}")))
}

/// Builds an input from the example values in the workflow's document.
async fn sample_input(client: &Client, workflow: &str) -> Result<Value> {
    let give_it = |why: &str| Failure::Usage(format!("{why}: give the input with --input"));
    let answer = match client.get(&["v1", "workflows", workflow], &[]).await {
        Err(error)
            if matches!(
                error.downcast_ref(),
                Some(Failure::Refused(refusal)) if refusal.status == 403
            ) =>
        {
            return Err(give_it("this key may not read the workflow's document").into());
        }
        answer => answer?,
    };
    let document = answer["document"].as_str().context("the server's answer has no document")?;
    let workflow =
        Document::parse(document).ok().and_then(|document| Workflow::compile(&document).0);
    Ok(workflow.ok_or_else(|| give_it("the workflow's draft has errors"))?.sample_input())
}

async fn detach(client: &Client, start: RequestBuilder, output: &Output) -> Result<ExitCode> {
    let answer = client.json(start.header("prefer", "respond-async")).await?;
    let run = Run::read(&answer)?;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        output.line(&run.id)?;
        output.note(format!("{}; follow it with: flowgate tail {}", run.coloured_status(), run.id));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn wait(events: &mut Follower) -> Result<Value> {
    let mut progress = Progress::start();
    loop {
        let event = events.next().await?;
        if event.name == "run.finished" {
            progress.end();
            return Ok(event.data);
        }
        progress.show(&event);
    }
}

async fn print_events(events: &mut Follower, output: &Output) -> Result<Value> {
    loop {
        let event = events.next().await?;
        output.json_line(&event)?;
        if event.name == "run.finished" {
            return Ok(event.data);
        }
    }
}

/// Returns the run, and whether any text was printed.
async fn print_chunks(events: &mut Follower, output: &Output) -> Result<(Value, bool)> {
    let mut speaker: Option<String> = None;
    loop {
        let event = events.next().await?;
        let node = event.data["node"].as_str().unwrap_or_default();
        match event.name.as_str() {
            "chunk" => {
                if speaker.as_deref().is_some_and(|before| before != node) {
                    output.piece("\n\n")?;
                }
                speaker = Some(node.to_owned());
                output.piece(event.data["text"].as_str().unwrap_or_default())?;
            }
            "node.reset" => output.note(format!("\n[{} starts again]", plain(node))),
            "run.finished" => {
                if speaker.is_some() {
                    output.piece("\n")?;
                }
                return Ok((event.data, speaker.is_some()));
            }
            _ => {}
        }
    }
}

pub(super) fn report_end(answer: &Value, is_printed: bool, output: &Output) -> Result<ExitCode> {
    let run = Run::read(answer)?;
    if output.is_json() {
        if !is_printed {
            output.json(answer)?;
        }
        return Ok(run.exit_code());
    }
    let has_output =
        !run.output.is_null() && (run.status == "succeeded" || run.output != json!({}));
    if has_output && !is_printed {
        output.json(&run.output)?;
    }
    run.print_end(output);
    Ok(run.exit_code())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn body_of(pin: &str) -> Result<Value, Failure> {
        let line = ["run", "story", "--until", "end", "--pin", pin];
        body(&Line::parse_from(line).args, json!({}))
    }

    #[test]
    fn a_pin_is_json_or_a_text() {
        let pins = |pin: &str| body_of(pin).unwrap()["pins"].clone();
        assert_eq!(pins("a={\"data\":1}"), json!({ "a": { "data": 1 } }));
        assert_eq!(pins("a=x=y"), json!({ "a": { "content": "x=y" } }));
        for bad in ["a", "a={", "a=@/no/such/file"] {
            assert!(matches!(body_of(bad), Err(Failure::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn input_is_text_or_a_file() {
        let file = std::env::temp_dir().join(format!("flowgate-input-{}.json", std::process::id()));
        std::fs::write(&file, "{\"a\": [1]}").unwrap();
        assert_eq!(read_input(&format!("@{}", file.display())).unwrap(), json!({ "a": [1] }));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read_input("{}").unwrap(), json!({}));
        for bad in ["", "{", "@/no/such/file", "{\"a\":1,\"a\":2}"] {
            assert!(matches!(read_input(bad), Err(Failure::Usage(_))), "{bad}");
        }
    }
}
