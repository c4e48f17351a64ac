//! `flowgate keys`: API keys. A key is shown when it is created, and never again.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::client::Client;
use crate::output::{Output, plain};
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a key and print it
    Create(Create),
    /// List keys, without their secrets
    List,
    /// Create a key that replaces another, which expires after an overlap
    Rotate {
        /// The id of the key: the part between fg_ and the next _
        id: String,
        /// How long the old key still works, in seconds; default: a day
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Change a key's name
    Rename {
        /// The id of the key: the part between fg_ and the next _
        id: String,
        /// Its new name
        name: String,
    },
    /// End a key now
    Revoke {
        /// The id of the key
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// A name for the key
    name: String,
    /// A workflow that the key may use; repeat for several
    #[arg(
        long = "workflow",
        value_name = "ID",
        required_unless_present = "all_workflows",
        conflicts_with = "all_workflows"
    )]
    workflows: Vec<String>,
    /// The key may use every workflow, future ones included
    #[arg(long)]
    all_workflows: bool,
    /// What the key may do, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "run,read,cancel")]
    scopes: Vec<Scope>,
    /// When the key expires, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// How many runs the key may start per minute
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u32>,
    /// How many of them it may start in one burst; default: all of them
    #[arg(long, value_name = "N", requires = "requests_per_minute")]
    burst: Option<u32>,
    /// How many of its runs may be open at the same time
    #[arg(long, value_name = "N")]
    concurrent_runs: Option<u32>,
    /// Pages of this origin may read answers to the key in a browser, such as
    /// https://app.example.com; repeat for several
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Run,
    Read,
    /// What every node of a run was given and gave
    Trace,
    Cancel,
    Author,
    Admin,
}

pub(crate) async fn run(command: &Command, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match command {
        Command::Create(create) => print_key(
            &client
                .json(client.request(Method::POST, &["v1", "keys"], &[]).json(&body(create)))
                .await?,
            output,
        )?,
        Command::Rotate { id, overlap } => {
            let body = overlap.map_or(json!({}), |seconds| json!({ "overlap_seconds": seconds }));
            print_key(
                &client
                    .json(
                        client
                            .request(Method::POST, &["v1", "keys", id, "rotate"], &[])
                            .json(&body),
                    )
                    .await?,
                output,
            )?;
        }
        Command::Rename { id, name } => {
            let request = client.request(Method::PATCH, &["v1", "keys", id], &[]);
            let key = client.json(request.json(&json!({ "name": name }))).await?;
            match output.is_json() {
                true => output.json(&key)?,
                false => output.note(format!("{id} is now called {}", plain(name))),
            }
        }
        Command::Revoke { id } => {
            client.json(client.request(Method::DELETE, &["v1", "keys", id], &[])).await?;
            output.note(format!("{id} is revoked"));
        }
        Command::List => list(&client, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn body(create: &Create) -> Value {
    let workflows = if create.all_workflows { json!("*") } else { json!(create.workflows) };
    let mut body = json!({ "name": create.name, "workflows": workflows, "scopes": create.scopes });
    if let Some(end) = &create.expires_at {
        body["expires_at"] = json!(end);
    }
    if !create.origins.is_empty() {
        body["origins"] = json!(create.origins);
    }
    let limits = [
        ("requests_per_minute", create.requests_per_minute),
        ("burst", create.burst),
        ("concurrent_runs", create.concurrent_runs),
    ];
    for (name, limit) in limits {
        if let Some(limit) = limit {
            body["limits"][name] = json!(limit);
        }
    }
    body
}

/// Prints only the key on standard output, so that a script can read it.
fn print_key(answer: &Value, output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(answer)?);
    }
    output.line(plain(answer["key"].as_str().unwrap_or_default()))?;
    output.note("keep it now: it is not shown again");
    Ok(())
}

async fn list(client: &Client, output: &Output) -> Result<()> {
    let keys = client.all_items(&["v1", "keys"], &[]).await?;
    if output.is_json() {
        return Ok(output.json(&keys)?);
    }
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    Ok(table::print(output, &["ID", "NAME", "WORKFLOWS", "SCOPES", "ENDS", "LAST USED"], &rows)?)
}

fn row(key: &Value) -> Vec<String> {
    let words = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.as_str().unwrap_or("-").to_owned(),
    };
    let end = if key["ends_at"].is_string() { &key["ends_at"] } else { &key["expires_at"] };
    let cells =
        [&key["id"], &key["name"], &key["workflows"], &key["scopes"], end, &key["last_used_at"]];
    cells.into_iter().map(|cell| plain(&words(cell)).replace('\n', " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_workflows_or_all() {
        let create = |all_workflows| Create {
            name: "ci".into(),
            workflows: vec!["a".into()],
            all_workflows,
            scopes: vec![Scope::Run],
            expires_at: None,
            requests_per_minute: None,
            burst: None,
            concurrent_runs: None,
            origins: Vec::new(),
        };
        assert_eq!(
            body(&create(false)),
            json!({ "name": "ci", "workflows": ["a"], "scopes": ["run"] })
        );
        assert_eq!(body(&create(true))["workflows"], "*");
        let limited =
            Create { requests_per_minute: Some(60), concurrent_runs: Some(2), ..create(true) };
        assert_eq!(
            body(&limited)["limits"],
            json!({ "requests_per_minute": 60, "concurrent_runs": 2 })
        );
    }

    #[test]
    fn a_row_shows_what_is_there() {
        let key = json!({
            "id": "k",
            "name": "two\nlines",
            "workflows": "*",
            "scopes": ["run", "read"],
            "expires_at": null
        });
        assert_eq!(row(&key), ["k", "two lines", "*", "run, read", "-", "-"]);
    }
}
