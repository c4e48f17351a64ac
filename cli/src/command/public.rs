//! `flowgate public`: lets callers without a key run a workflow, on behalf of one.

use std::process::ExitCode;

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::client::Client;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
    /// The id of the key that callers without one are: the part between fg_ and the next _
    #[arg(long = "as", value_name = "KEY ID", conflicts_with = "off")]
    key_id: Option<String>,
    /// Refuse callers without a key again
    #[arg(long)]
    off: bool,
}

/// Without an option it says how things are.
pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let path = ["v1", "workflows", &args.id, "public"];
    if args.off {
        client.json(client.request(Method::DELETE, &path, &[])).await?;
        output.note(format!("{} needs a key again", plain(&args.id)));
        return Ok(ExitCode::SUCCESS);
    }
    let public = match &args.key_id {
        Some(key_id) => {
            let request = client.request(Method::PUT, &path, &[]);
            client.json(request.json(&json!({ "key_id": key_id }))).await?
        }
        None => client.json(client.request(Method::GET, &path[..3], &[])).await?["public"].take(),
    };
    match output.is_json() {
        true => output.json(&public)?,
        false => output.line(state(&args.id, &public))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn state(id: &str, public: &Value) -> String {
    let id = plain(id);
    let Some(key_id) = public["key_id"].as_str().map(plain) else {
        return format!("{id} needs a key");
    };
    match public["open"].as_bool() {
        Some(true) => format!("{id} runs without a key, on behalf of {key_id}"),
        _ => format!(
            "{id} is to run without a key, on behalf of {key_id}, but cannot now: it must be \
             published, the key valid and allowed to run it, and the server allow it \
             (--public-workflows)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_one_of_three() {
        assert_eq!(state("w", &Value::Null), "w needs a key");
        let open = json!({ "key_id": "abc", "open": true });
        assert_eq!(state("w", &open), "w runs without a key, on behalf of abc");
        let closed = json!({ "key_id": "abc", "open": false });
        assert!(state("w", &closed).contains("but cannot now"));
    }
}
