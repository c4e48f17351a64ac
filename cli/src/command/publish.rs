//! `flowgate publish`: saves a file as the draft and publishes it as a version.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_app::workflows::is_workflow_id;
use flowgate_engine::Workflow;
use flowgate_engine::document::Document;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::validate;
use crate::arguments::Global;
use crate::client::Client;
use crate::failure::{Failure, Refusal};
use crate::output::{Output, plain};
use crate::problems::{self, Problem};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A workflow file, YAML or JSON; - for standard input
    file: String,
    /// The workflow's id; default: the file's name without its extension
    #[arg(long)]
    id: Option<String>,
    /// What is new in this version
    #[arg(long)]
    notes: Option<String>,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let id = id(args)?;
    let text = validate::read(&args.file)?;
    let problems = save(&client, &id, &text, args, output).await?;
    let body = args.notes.as_ref().map_or(json!({}), |notes| json!({ "notes": notes }));
    let response = client
        .send(client.request(Method::POST, &["v1", "workflows", &id, "versions"], &[]).json(&body))
        .await?;
    let is_new = response.status() == StatusCode::CREATED;
    let mut published = client.read_json(response).await?;
    let endpoint = client.url(&["v1", "workflows", &id, "runs"], &[]);
    if output.is_json() {
        (published["endpoint"], published["problems"]) =
            (json!(endpoint.as_str()), json!(problems));
        output.json(&published)?;
    } else {
        let version = plain(published["version"].as_str().unwrap_or_default());
        let done = if is_new {
            format!("published {id} {version}")
        } else {
            format!("unchanged: {id} {version} is this document")
        };
        output.line(format!("{done}\n\n{endpoint}\n\n{}", curl(endpoint.as_str(), &text)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn id(args: &Args) -> Result<String, Failure> {
    let stem = Path::new(&args.file).file_stem().and_then(|stem| stem.to_str());
    let id = args.id.as_deref().or(stem).unwrap_or_default();
    if is_workflow_id(id) {
        Ok(id.to_owned())
    } else {
        Err(Failure::Usage(format!(
            "`{id}` cannot be a workflow's id (a letter or digit, then up to 63 letters, digits, - \
             or _); give one with --id"
        )))
    }
}

/// Saves the draft and shows its problems. A draft with errors is not published.
async fn save(
    client: &Client,
    id: &str,
    text: &str,
    args: &Args,
    output: &Output,
) -> Result<Vec<Problem>> {
    let media =
        if text.trim_start().starts_with('{') { "application/json" } else { "application/yaml" };
    let request = client
        .request(Method::PUT, &["v1", "workflows", id], &[])
        .header(CONTENT_TYPE, media)
        .body(text.to_owned());
    let saved = client.json(request).await;
    let (problems, refusal) = match &saved {
        Ok(saved) => (read_problems(saved)?, None),
        Err(error) => match error.downcast_ref::<Failure>() {
            Some(Failure::Refused(refusal)) if refusal.status == 422 => {
                (read_problems(&refusal.problem)?, Some(refusal))
            }
            _ => return saved.map(|_| Vec::new()),
        },
    };
    if !output.is_json() {
        problems::print(output, &args.file, text, &problems)?;
    }
    if refusal.is_none() && !problems::has_errors(&problems) {
        return Ok(problems);
    }
    let detail = format!("{} has {}; nothing was published", args.file, problems::count(&problems));
    let problem = json!({ "detail": detail, "problems": problems });
    Err(Failure::Refused(Refusal { status: 422, problem }).into())
}

fn read_problems(answer: &Value) -> Result<Vec<Problem>> {
    answer
        .get("problems")
        .map_or(Ok(Vec::new()), Vec::deserialize)
        .context("could not read the problems in the server's answer")
}

/// A line to paste into a shell where FLOWGATE_KEY holds the key.
fn curl(endpoint: &str, text: &str) -> String {
    let workflow = Document::parse(text).ok().and_then(|document| Workflow::compile(&document).0);
    let input = workflow.map_or(json!({}), |workflow| workflow.sample_input());
    let body = json!({ "input": input }).to_string().replace('\'', r"'\''");
    format!(
        "curl -s {endpoint} -H \"Authorization: Bearer $FLOWGATE_KEY\" -H 'Content-Type: \
         application/json' -d '{body}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(file: &str, id: Option<&str>) -> Result<String, Failure> {
        super::id(&Args { file: file.to_owned(), id: id.map(str::to_owned), notes: None })
    }

    #[test]
    fn the_id_is_the_file_s_name_unless_one_is_given() {
        assert_eq!(id_of("flows/greeting.yaml", None).unwrap(), "greeting");
        assert_eq!(id_of("-", Some("a")).unwrap(), "a");
        for (file, id) in
            [("-", None), ("my flow.yaml", None), ("a.yaml", Some("")), ("a.yaml", Some("../x"))]
        {
            assert!(id_of(file, id).is_err(), "{file} {id:?}");
        }
    }

    #[test]
    fn the_line_to_paste_quotes_what_the_author_wrote() {
        let text = "input: [{ name: who, value: it's me }]\n\
                    nodes: [{ id: t, type: template, template: <api.who> }]\n\
                    output: { a: <t.content> }";
        let line = curl("http://x/v1/workflows/a/runs", text);
        assert!(line.ends_with(r#"-d '{"input":{"who":"it'\''s me"}}'"#), "{line}");
    }
}
