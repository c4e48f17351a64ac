//! The command line: options that all commands share, and the list of commands.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::command::{
    admin, apply, cancel, completions, connectors, delete, doctor, erase, import, init, keyring,
    keys, public, publish, replay, rollback, run, runs, secrets, serve, snippets, stats, tail,
    test, unpublish, validate, versions,
};
use crate::output::Format;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the run did not succeed, a document has errors, or something else went wrong
  2  the command line is invalid, or a file it names cannot be read
  3  the server refused the request
  4  the server cannot be reached

Flowgate reads .env in the current folder, and honours NO_COLOR.";

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
    /// The API key; prefer FLOWGATE_KEY, since other users of the machine can see command lines
    #[arg(long, global = true, env = "FLOWGATE_KEY", hide_env_values = true)]
    pub key: Option<String>,
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// The same as -o json
    #[arg(long, global = true, conflicts_with = "output")]
    pub json: bool,
}

impl Global {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    Serve(serve::Args),
    /// Write an example workflow to start from
    Init(init::Args),
    /// Check workflow files and show every problem
    Validate(validate::Args),
    /// Run workflows with given inputs and answers, and compare what they leave; without a server
    Test(test::Args),
    /// Turn workflow files of other systems into workflow documents
    Import(import::Args),
    /// Save a workflow file as the draft and publish it as a new version
    Publish(publish::Args),
    /// Publish a folder of workflow files: show the plan, then make the server match it
    Apply(apply::Args),
    /// List workflows with the version that callers run, and their latest runs
    List,
    /// List the versions of a workflow, newest first
    Versions(versions::Args),
    /// Point a workflow's endpoint at an earlier version
    Rollback(rollback::Args),
    /// Take a workflow's endpoint down; its versions and draft stay
    Unpublish(unpublish::Args),
    /// Let callers without a key run a workflow, on behalf of one
    Public(public::Args),
    /// Delete a workflow; its versions and runs follow after some weeks
    Delete(delete::Args),
    /// Run a workflow and wait for its end
    Run(run::Args),
    /// List runs, or show the timeline of one run
    Runs(runs::Args),
    /// Cancel a run, or many; the same as `runs cancel`
    Cancel(cancel::Args),
    /// Repeat a run, or many; the same as `runs replay`
    Replay(replay::Args),
    /// Sum up runs that have ended: counts, times, tokens and costs
    Stats(stats::Args),
    /// Follow the events of a run until it ends, or of all runs of a workflow
    Tail(tail::Args),
    /// Print a program that calls a workflow
    Snippets(snippets::Args),
    /// Create, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Rotate the keyring
    #[command(subcommand)]
    Keyring(keyring::Command),
    /// Rotate the admin credential
    #[command(subcommand)]
    Admin(admin::Command),
    /// Delete a run, or the runs of a user
    #[command(subcommand)]
    Erase(erase::Command),
    /// Store, list and delete provider secrets
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Check this machine's setup and the server, and suggest fixes
    Doctor(doctor::Args),
    /// List the connectors and their operations, or explain one
    Connectors(connectors::Args),
    /// Print the JSON Schema of workflow documents, for editors
    Schema,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Ends the process if the command line is invalid.
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
    pub(crate) fn is_serve(&self) -> bool {
        matches!(self.command, Some(Command::Serve(_)))
    }

    pub(crate) fn into_parts(self) -> (Global, Command) {
        (self.global, self.command.expect("parse adds the command where none is given"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        parse_from(line.split(' ').map(OsString::from).collect())
            .map(|arguments| arguments.into_parts().1)
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
