//! Signs and delivers webhooks. Reads the queue of deliveries.

use std::process::ExitCode;

use flowgate_lambda::starts::RunFunction;

fn main() -> ExitCode {
    flowgate_lambda::main(async || RunFunction::start().await?.deliveries().await)
}
