//! Signs and delivers webhooks. The queue of deliveries.

use std::process::ExitCode;

use flowgate_aws::lambda::{self, Function};

fn main() -> ExitCode {
    lambda::main(async || Function::start().await?.deliveries().await)
}
