//! Drafts, versions, and which of them callers run. HTTP.

use std::process::ExitCode;

use flowgate_aws::lambda::{self, Function};

fn main() -> ExitCode {
    lambda::main(async || Function::start().await?.whole(flowgate_api::workflows).await)
}
