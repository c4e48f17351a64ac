//! Drives detached runs to their end. Reads the queue of runs.

use std::process::ExitCode;

use flowgate_lambda::starts::RunnerFunction;

fn main() -> ExitCode {
    flowgate_lambda::main(async || RunnerFunction::start().await?.runs().await)
}
