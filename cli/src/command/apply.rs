//! `flowgate apply`: makes a server's workflows those of a folder, after its plan was shown.

mod carry_out;
mod environment;
mod folder;
mod plan;
mod remote;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use flowgate_engine::Kinds;

use self::carry_out::Raced;
use self::folder::Folder;
use self::plan::Plan;
use crate::arguments::Global;
use crate::client::Client;
use crate::consent;
use crate::failure::{self, Failure};
use crate::output::{Output, plain};

const EXIT_CODES: &str = "\
The folder has a file <id>.yaml (or .yml, .json) for each workflow. Files that are called cases,
*.cases, environments or *.schema are passed over. environments.yaml names the servers of --env:

  staging: { url: https://staging.example.com, key_env: STAGING_KEY }

The server must have nothing that apply has not made: a draft that is not published, or a version
that somebody published, rolled back or took down, is a conflict. Either every workflow is
published, or what was is taken back.

Exit codes:
  0  done, or nothing to do
  1  the server refused, cannot be reached, or something else went wrong
  2  the command line or a file is invalid; nothing was changed
  3  with --plan: there are changes
  4  a conflict; nothing was changed, or it is taken back, except what is named
  5  the server lacks a secret; nothing was changed";

#[derive(Debug, clap::Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The folder of workflow files
    folder: PathBuf,
    /// A server of the folder's environments.yaml; default: --url and --key
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Delete workflows that apply has published and that have no file any more
    #[arg(long)]
    prune: bool,
    /// Replace what others have changed on the server
    #[arg(long)]
    overwrite: bool,
    /// Go on where the server lacks a secret
    #[arg(long)]
    allow_missing_secrets: bool,
    /// What is new, for the versions' notes
    #[arg(long)]
    notes: Option<String>,
}

/// Why nothing is changed, with its exit code.
enum Stop {
    Pending = 3,
    Conflict = 4,
    MissingSecret = 5,
}

pub(crate) async fn run(
    args: &Args,
    global: &Global,
    kinds: &Kinds,
    output: &Output,
) -> Result<ExitCode> {
    let done = apply(args, global, kinds, output).await;
    done.or_else(|error| {
        let code = match error.downcast_ref() {
            _ if error.is::<Raced>() => ExitCode::from(Stop::Conflict as u8),
            Some(Failure::Refused(_) | Failure::Unreachable { .. }) => ExitCode::FAILURE,
            _ => return Err(error),
        };
        failure::report(&error, output);
        Ok(code)
    })
}

async fn apply(args: &Args, global: &Global, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    let folder = match Folder::read(&args.folder, kinds)? {
        Ok(folder) => folder,
        Err(unusable) => {
            show::invalid(&unusable, output)?;
            return Ok(ExitCode::from(2));
        }
    };
    let server = environment::find(&args.folder, args.env.as_deref(), global)?;
    let client = Client::new(&server)?;
    let plan = Plan::make(&client, &folder, args).await?;
    if !plan.invalid.is_empty() {
        show::invalid(&plan.invalid, output)?;
        return Ok(ExitCode::from(2));
    }
    let stop = stop(args, &plan);
    if !output.is_json() {
        show::plan(&plan, &server.url, args, output)?;
    }
    if stop.is_some() || !plan.has_changes() {
        show::end(&plan, &[], args, output)?;
        return Ok(stop.map_or(ExitCode::SUCCESS, |stop| ExitCode::from(stop as u8)));
    }
    if !args.yes {
        consent::require("apply", &format!("Apply this to {}?", plain(&server.url)))?;
    }
    let done = carry_out::carry_out(&client, &plan, args).await?;
    show::end(&plan, &done, args, output)?;
    Ok(ExitCode::SUCCESS)
}

fn stop(args: &Args, plan: &Plan) -> Option<Stop> {
    if plan.has_conflicts() {
        Some(Stop::Conflict)
    } else if !plan.missing.is_empty() && !args.allow_missing_secrets {
        Some(Stop::MissingSecret)
    } else if args.plan && plan.has_changes() {
        Some(Stop::Pending)
    } else {
        None
    }
}
