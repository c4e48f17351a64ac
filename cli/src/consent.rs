//! A question before what cannot be taken back.

use std::io::IsTerminal;

use anyhow::{Context, Result, bail};

use crate::failure::Failure;

/// Asks the person at the terminal. Fails without a yes.
pub(crate) fn require(command: &str, question: &str) -> Result<()> {
    let terminal = console::Term::stderr();
    if !std::io::stdin().is_terminal() || !terminal.is_term() {
        let message = format!("without a terminal, {command} needs --yes");
        return Err(Failure::Usage(message).into());
    }
    let question = format!("{question} [y/N] ");
    terminal.write_str(&question).context("could not write to the terminal")?;
    let answer = terminal.read_line().context("could not read the answer")?;
    if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        bail!("nothing is changed");
    }
    Ok(())
}
