//! API keys, provider secrets, signing secrets. HTTP.

use std::process::ExitCode;

use flowgate_aws::lambda;

fn main() -> ExitCode {
    lambda::main(|function| function.whole(flowgate_api::keys))
}
