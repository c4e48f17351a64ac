//! `flowgate completions`: a script that completes our commands and options in a shell.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For bash: flowgate completions bash > ~/.local/share/bash-completion/completions/flowgate
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "flowgate", &mut script);
    output.line(String::from_utf8(script)?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
