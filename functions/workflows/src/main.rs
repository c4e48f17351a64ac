//! Drafts, versions, and the active version. HTTP.

use std::process::ExitCode;

use flowgate_lambda::Function;

fn main() -> ExitCode {
    flowgate_lambda::main(async || Function::start().await?.buffered(flowgate_api::workflows).await)
}
