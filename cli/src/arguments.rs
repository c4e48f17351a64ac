//! The command line: what every command shares, and the list of commands.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::command::{completions, doctor, init, keys, publish, run, runs, secrets, serve, tail, validate};
use crate::output::Format;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the run did not succeed, a document has errors, or something else went wrong
  2  the command line or a file it names cannot be used
  3  the server refused
  4  the server cannot be reached

NO_COLOR is honoured, and a file .env in the current folder is read.";

/// Publishes AI workflows as HTTPS APIs. Without a command: serve.
#[derive(Debug, Parser)]
#[command(name = "flowgate", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the server is
    #[arg(long, global = true, env = "FLOWGATE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The API key; better given as FLOWGATE_KEY, since other users of a machine see its command lines
    #[arg(long, global = true, env = "FLOWGATE_KEY", hide_env_values = true)]
    pub key: Option<String>,
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    Serve(serve::Args),
    /// Write an example workflow to start from
    Init(init::Args),
    /// Check workflow files and show everything that is wrong with them
    Validate(validate::Args),
    /// Save a workflow file as draft and publish it as a new version
    Publish(publish::Args),
    /// Run a workflow and wait for its end
    Run(run::Args),
    /// List runs, or show what one run did and when
    Runs(runs::Args),
    /// Follow a run's events until it ends, or those of all runs of a workflow as they come
    Tail(tail::Args),
    /// Make, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Store, list and delete provider secrets
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Look for what is wrong with this machine's setup and the server, and say what to do
    Doctor(doctor::Args),
    /// Print the JSON Schema of workflow documents, for editors
    Schema,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Ends the process where they cannot be used.
pub(crate) fn parse() -> Arguments {
    parse_from(std::env::args_os().collect()).unwrap_or_else(|error| error.exit())
}

fn parse_from(mut given: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let arguments = Arguments::try_parse_from(&given)?;
    if arguments.command.is_some() {
        return Ok(arguments);
    }
    given.push("serve".into());
    Arguments::try_parse_from(given)
}

impl Arguments {
    pub(crate) fn into_parts(self) -> (Global, Command) {
        (self.global, self.command.expect("parse adds the command where none is given"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        parse_from(line.split(' ').map(OsString::from).collect()).map(|arguments| arguments.into_parts().1)
    }

    #[test]
    fn definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_server_starts() {
        assert!(matches!(parsed("flowgate"), Ok(Command::Serve(_))));
        assert!(matches!(parsed("flowgate -o json"), Ok(Command::Serve(_))));
        assert!(matches!(parsed("flowgate runs -o json"), Ok(Command::Runs(_))));
        assert!(parsed("flowgate nonsense").is_err());
    }

    #[test]
    fn streaming_and_detaching_exclude_each_other() {
        assert!(parsed("flowgate run story --stream").is_ok());
        assert!(parsed("flowgate run story --stream --async").is_err());
    }
}
