//! Reads, lists and cancels runs in every dialect, and streams their events. HTTP, streamed.

use std::process::ExitCode;

use flowgate_lambda::Function;

fn main() -> ExitCode {
    flowgate_lambda::main(async || {
        Function::start().await?.streamed(flowgate_api::run_status).await
    })
}
