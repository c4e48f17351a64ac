//! Signs and delivers webhooks. Reads the queue of deliveries.

use std::process::ExitCode;

use flowgate_lambda::starts::RunnerFunction;

fn main() -> ExitCode {
    flowgate_lambda::main(async || RunnerFunction::start().await?.deliveries().await)
}
