//! Starts runs, in every dialect: waits with the caller, streams, or accepts. HTTP, streamed.

use std::process::ExitCode;

use flowgate_aws::lambda::{self, Function};

fn main() -> ExitCode {
    flowgate_app::outbound::child_main_if_asked();
    lambda::main(async || Function::start().await?.streamed(flowgate_api::invoke).await)
}
