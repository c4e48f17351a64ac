//! Starts runs in every dialect, and waits, streams, or accepts. HTTP, streamed.

use std::process::ExitCode;

use flowgate_lambda::starts::RunnerFunction;

fn main() -> ExitCode {
    flowgate_lambda::main(async || {
        RunnerFunction::start().await?.streamed(flowgate_api::invoke).await
    })
}
