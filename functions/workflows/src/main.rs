//! Drafts, versions, and which of them callers run. HTTP.

use std::process::ExitCode;

use flowgate_aws::lambda;

fn main() -> ExitCode {
    lambda::main(|function| function.whole(flowgate_api::workflows))
}
