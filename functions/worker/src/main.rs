//! Takes detached runs to their end. The queue of runs.

use std::process::ExitCode;

use flowgate_aws::lambda::{self, Function};

fn main() -> ExitCode {
    flowgate_app::outbound::child_main_if_asked();
    lambda::main(async || Function::start().await?.runs().await)
}
