//! Starts runs in every dialect, and waits, streams, or accepts. HTTP, streamed.

use std::process::ExitCode;

use flowgate_lambda::starts::{RunnerFunction, child_main_if_asked};

fn main() -> ExitCode {
    // Ends here where this process is the JavaScript child of another.
    child_main_if_asked();
    flowgate_lambda::main(async || {
        RunnerFunction::start().await?.streamed(flowgate_api::invoke).await
    })
}
