//! `flowgate secrets login`: begins a login, and waits until somebody has made it in a browser.

use std::time::{Duration, Instant};

use anyhow::Result;
use flowgate_core::clock::Clock as _;
use flowgate_core::system::SystemClock;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Rule, ask_for};
use crate::client::Client;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name that workflows use as {{NAME}}; of a connector, NAME_TOKEN in capitals
    name: String,
    /// The connector whose login it is, such as slack or gmail
    #[arg(long, required_unless_present = "token_url")]
    connector: Option<String>,
    /// The id that the vendor gave your application; its secret is asked for
    #[arg(long)]
    client_id: String,
    /// What the login may do, with blanks between; else what the connector asks for
    #[arg(long)]
    scope: Option<String>,
    /// The vendor's page, if it is not the connector's
    #[arg(long, value_name = "URL")]
    authorize_url: Option<String>,
    /// Where the vendor gives tokens, if it is not the connector's
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    #[command(flatten)]
    rule: Rule,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// As long as the server keeps a login that has begun.
const MAX_WAIT: Duration = Duration::from_secs(600);

pub(super) async fn run(args: &Args, client: &Client, output: &Output) -> Result<()> {
    let secret = ask_for(&format!("the client's secret for {} (empty: none)", args.name))?;
    let path = ["v1", "secrets", &args.name];
    let before = logged_in_at(client, &path).await.unwrap_or_default();
    let (hosts, workflows) = args.rule.resolve(client, &args.name).await?;
    let mut body = Map::from_iter([
        ("client_id".to_owned(), json!(args.client_id)),
        ("hosts".to_owned(), hosts),
        ("workflows".to_owned(), workflows),
    ]);
    let given = [
        ("connector", &args.connector),
        ("scope", &args.scope),
        ("authorize_url", &args.authorize_url),
        ("token_url", &args.token_url),
        ("client_secret", &Some(secret).filter(|secret| !secret.is_empty())),
    ];
    for (name, value) in given {
        body.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    let begin = client.request(Method::POST, &["v1", "secrets", &args.name, "login"], &[]);
    let begun = client.json(begin.json(&Value::Object(body))).await?;
    let text = |field: &str| plain(begun[field].as_str().unwrap_or_default()).into_owned();
    output.note(format!("The vendor must know this address: {}", text("redirect_uri")));
    output.line(format!("Open this address and log in:\n{}", text("url")))?;
    wait(client, &path, &before).await?;
    output.note(format!("{} is logged in", plain(&args.name)));
    Ok(())
}

async fn wait(client: &Client, path: &[&str], before: &Value) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < MAX_WAIT {
        SystemClock.sleep(LOOK_EVERY).await;
        let now = logged_in_at(client, path).await?;
        if !now.is_null() && now != *before {
            return Ok(());
        }
    }
    anyhow::bail!("nobody logged in within 10 minutes")
}

async fn logged_in_at(client: &Client, path: &[&str]) -> Result<Value> {
    let secret = client.json(client.request(Method::GET, path, &[])).await?;
    Ok(secret["login"]["logged_in_at"].clone())
}

/// What the list says of a login.
pub(super) fn state(login: &Value) -> &'static str {
    match login {
        Value::Null => "-",
        login if !login["expired_at"].is_null() => "expired",
        login if login["logged_in_at"].is_null() => "nobody yet",
        _ => "logged in",
    }
}
