//! Drives detached runs to their end. Reads the queue of runs.

use std::process::ExitCode;

use flowgate_lambda::starts::{RunFunction, child_main_if_asked};

fn main() -> ExitCode {
    // Ends here where this process is the JavaScript child of another.
    child_main_if_asked();
    flowgate_lambda::main(async || RunFunction::start().await?.runs().await)
}
