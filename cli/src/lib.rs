//! `flowgate`: serves workflows on this machine, and talks to any Flowgate server over HTTP.

mod arguments;
mod environment;
mod allocator;
mod command;
pub mod server;
mod client;
mod answer;
mod selection;
mod time;
mod job;
mod follow;
mod sse;
mod failure;
mod output;
mod table;
mod problems;
mod no_secrets;
mod library;
mod consent;
mod text_diff;

use std::process::ExitCode;

use flowgate_engine::Kinds;

/// Runs the program, with the standard kinds of nodes.
pub fn main() -> ExitCode {
    main_with(Kinds::standard().clone())
}

/// Runs the program with these kinds of nodes and no others, for programs that bring their own.
/// The first line may turn this process into the child that runs code.
pub fn main_with(kinds: Kinds) -> ExitCode {
    flowgate_child::main_if_asked();
    let environment = environment::load();
    let arguments = arguments::parse();
    if arguments.is_serve() {
        allocator::settle();
    }
    let output = output::Output::new(arguments.global.format());
    if let Err(warning) = environment {
        output.warn(&warning);
    }
    let result = command::run(arguments, kinds, &output);
    result.unwrap_or_else(|error| failure::report(&error, &output))
}
