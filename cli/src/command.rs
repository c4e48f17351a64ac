//! The commands, one per file.

pub(crate) mod serve;
pub(crate) mod init;
pub(crate) mod validate;
pub(crate) mod test;
pub(crate) mod import;
pub(crate) mod publish;
pub(crate) mod apply;
pub(crate) mod list;
pub(crate) mod versions;
pub(crate) mod rollback;
pub(crate) mod unpublish;
pub(crate) mod public;
pub(crate) mod delete;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod cancel;
pub(crate) mod replay;
pub(crate) mod stats;
pub(crate) mod tail;
pub(crate) mod snippets;
pub(crate) mod keys;
pub(crate) mod keyring;
pub(crate) mod admin;
pub(crate) mod erase;
pub(crate) mod secrets;
pub(crate) mod doctor;
pub(crate) mod connectors;
pub(crate) mod schema;
pub(crate) mod openapi;
pub(crate) mod completions;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Kinds;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};
use crate::output::Output;

pub(crate) fn run(arguments: Arguments, kinds: Kinds, output: &Output) -> Result<ExitCode> {
    let (global, command) = arguments.into_parts();
    log_to_stderr(&command, output);
    let runtime = tokio::runtime::Runtime::new().context("could not start threads")?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(args, kinds).await,
            Command::Init(args) => init::run(&args, &kinds, output),
            Command::Validate(args) => validate::run(&args, &kinds, output),
            Command::Test(args) => test::run(&args, &kinds, output).await,
            Command::Import(args) => import::run(&args, &kinds, output),
            Command::Publish(args) => publish::run(&args, &global, output).await,
            Command::Apply(args) => apply::run(&args, &global, &kinds, output).await,
            Command::List => list::run(&global, output).await,
            Command::Versions(args) => versions::run(&args, &global, output).await,
            Command::Rollback(args) => rollback::run(&args, &global, output).await,
            Command::Unpublish(args) => unpublish::run(&args, &global, output).await,
            Command::Public(args) => public::run(&args, &global, output).await,
            Command::Delete(args) => delete::run(&args, &global, output).await,
            Command::Run(args) => run::run(&args, &global, output).await,
            Command::Runs(args) => runs::run(&args, &global, output).await,
            Command::Cancel(args) => cancel::run(&args, &global, output).await,
            Command::Replay(args) => replay::run(&args, &global, output).await,
            Command::Stats(args) => stats::run(&args, &global, output).await,
            Command::Tail(args) => tail::run(&args, &global, output).await,
            Command::Snippets(args) => snippets::run(&args, &global, output).await,
            Command::Keys(command) => keys::run(&command, &global, output).await,
            Command::Keyring(command) => keyring::run(&command, &global, output).await,
            Command::Admin(command) => admin::run(&command, &global, output).await,
            Command::Erase(command) => erase::run(&command, &global, output).await,
            Command::Secrets(command) => secrets::run(&command, &global, output).await,
            Command::Doctor(args) => doctor::run(&args, &global, output).await,
            Command::Connectors(args) => connectors::run(&args, &kinds, output),
            Command::Schema => schema::run(&kinds, output),
            Command::Openapi => openapi::run(output),
            Command::Completions(args) => completions::run(&args, output),
        }
    });
    runtime.shutdown_background();
    result
}

/// `RUST_LOG` sets what is logged; the default is what concerns an operator.
fn log_to_stderr(command: &Command, output: &Output) {
    let default = if matches!(command, Command::Test(_)) { "warn" } else { "warn,flowgate=info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if output.is_json() {
        log.json().init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal() && console::colors_enabled_stderr()).init();
    }
}
