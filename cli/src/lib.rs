//! `flowgate`: serves workflows on this machine, and works with a Flowgate server anywhere over HTTP.

mod arguments;
mod environment;
mod command;
pub mod server;
mod client;
mod answer;
mod follow;
mod sse;
mod failure;
mod output;
mod table;
mod problems;

use std::process::ExitCode;

use flowgate_engine::Kinds;

/// The program, with the kinds of nodes that come with it.
pub fn main() -> ExitCode {
    main_with(Kinds::standard().clone())
}

/// The program of somebody who brings kinds of their own: what it serves and checks may use these and no others.
/// Its first line may turn the process into the JavaScript child.
pub fn main_with(kinds: Kinds) -> ExitCode {
    flowgate_outbound::child_main_if_asked();
    let environment = environment::load();
    let arguments = arguments::parse();
    let output = output::Output::new(arguments.global.output);
    if let Err(warning) = environment {
        output.warn(&warning);
    }
    let result = command::run(arguments, kinds, &output);
    result.unwrap_or_else(|error| failure::report(&error, &output))
}
