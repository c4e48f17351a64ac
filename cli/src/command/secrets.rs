//! `flowgate secrets`: provider credentials. They can be written but never read back.

mod login;

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, plain};
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store a secret; prompts for its value, or reads it from standard input
    Set {
        /// The name that workflows use as {{NAME}}
        name: String,
        #[command(flatten)]
        rule: Rule,
    },
    /// Log in at a vendor with a browser: the secret becomes an access token, which is renewed
    Login(login::Args),
    /// List the names of secrets
    List,
    /// Delete a secret
    Delete { name: String },
}

/// Where a secret may go, and for whom. Without these options a stored secret keeps its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Rule {
    /// A host that it may be sent to, such as api.example.com; repeat it for more. Without any:
    /// the host that stands in the author's URL
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// A workflow that may use it, or "*" for all; repeat it for more. Without any: versions that
    /// the operator or a key for all workflows has published
    #[arg(long = "workflow", value_name = "ID")]
    workflows: Vec<String>,
}

/// The server accepts up to 16 KiB.
const MAX_SECRET_BYTES: u64 = 16 * 1024;

pub(crate) async fn run(command: &Command, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    match command {
        Command::Set { name, rule } => {
            let value = ask(name)?;
            let (hosts, workflows) = rule.resolve(&client, name).await?;
            let secret = json!({ "value": value, "hosts": hosts, "workflows": workflows });
            let request = client.request(Method::PUT, &["v1", "secrets", name], &[]);
            client.json(request.json(&secret)).await?;
            output.note(format!("{} is stored", plain(name)));
        }
        Command::Login(args) => login::run(args, &client, output).await?,
        Command::List => list(&client, output).await?,
        Command::Delete { name } => {
            client.json(client.request(Method::DELETE, &["v1", "secrets", name], &[])).await?;
            output.note(format!("{} is deleted", plain(name)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Rule {
    /// Returns `hosts` and `workflows` as the server takes them. A new value of a stored secret
    /// must not widen where it goes.
    async fn resolve(&self, client: &Client, name: &str) -> Result<(Value, Value)> {
        let workflows = match self.workflows.as_slice() {
            [all] if all == "*" => json!("*"),
            ids => json!(ids),
        };
        if !self.hosts.is_empty() && !self.workflows.is_empty() {
            return Ok((json!(self.hosts), workflows));
        }
        let secrets = client.all_items(&["v1", "secrets"], &[]).await?;
        let stored = secrets.into_iter().find(|secret| secret["name"] == name).unwrap_or_default();
        let kept = |field: &str, given: Value| {
            if given == json!([]) { stored[field].clone() } else { given }
        };
        Ok((kept("hosts", json!(self.hosts)), kept("workflows", workflows)))
    }
}

fn ask(name: &str) -> Result<String> {
    let value = ask_for(name)?;
    if value.is_empty() || value.len() as u64 > MAX_SECRET_BYTES {
        return Err(Failure::Usage(format!("a secret has 1 to {MAX_SECRET_BYTES} bytes")).into());
    }
    Ok(value)
}

/// Never takes the value from the command line: shell history and process lists would show it.
fn ask_for(name: &str) -> Result<String> {
    let value = if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal
            .write_str(&format!("{}: ", plain(name)))
            .context("could not write to the terminal")?;
        terminal.read_secure_line().context("could not read the value")?
    } else {
        let mut value = String::new();
        std::io::stdin()
            .take(MAX_SECRET_BYTES + 2)
            .read_to_string(&mut value)
            .context("could not read the value")?;
        value.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok(value)
}

async fn list(client: &Client, output: &Output) -> Result<()> {
    let secrets = client.all_items(&["v1", "secrets"], &[]).await?;
    if output.is_json() {
        return Ok(output.json(&secrets)?);
    }
    let cell =
        |secret: &Value, field: &str| plain(secret[field].as_str().unwrap_or("-")).into_owned();
    let names = |value: &Value, otherwise: &str| match value {
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().filter_map(Value::as_str);
            plain(&items.collect::<Vec<_>>().join(" ")).into_owned()
        }
        Value::String(all) => plain(all).into_owned(),
        _ => otherwise.to_owned(),
    };
    let rows: Vec<Vec<String>> = secrets
        .iter()
        .map(|secret| {
            vec![
                cell(secret, "name"),
                cell(secret, "updated_at"),
                names(&secret["hosts"], "as written"),
                names(&secret["workflows"], "the operator's"),
                login::state(&secret["login"]).to_owned(),
            ]
        })
        .collect();
    Ok(table::print(output, &["NAME", "UPDATED", "HOSTS", "WORKFLOWS", "LOGIN"], &rows)?)
}
