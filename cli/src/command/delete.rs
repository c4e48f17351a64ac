//! `flowgate delete`: deletes a workflow, after a question.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use reqwest::Method;

use crate::arguments::Global;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's id
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: &Args, global: &Global, output: &Output) -> Result<ExitCode> {
    let client = Client::new(global)?;
    let id = plain(&args.id);
    if !args.yes {
        require_consent(&id)?;
    }
    client.json(client.request(Method::DELETE, &["v1", "workflows", &args.id], &[])).await?;
    output.note(format!("{id} is deleted"));
    Ok(ExitCode::SUCCESS)
}

fn require_consent(id: &str) -> Result<()> {
    let terminal = console::Term::stderr();
    if !std::io::stdin().is_terminal() || !terminal.is_term() {
        return Err(Failure::Usage("without a terminal, delete needs --yes".to_owned()).into());
    }
    let question = format!("Delete {id} for good? Its runs go in 14 days. [y/N] ");
    terminal.write_str(&question).context("could not write to the terminal")?;
    let answer = terminal.read_line().context("could not read the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        bail!("nothing is deleted");
    }
    Ok(())
}
