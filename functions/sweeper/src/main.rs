//! Sends again what is due: lost messages, runs whose owner has died, webhooks whose time has come. Every minute.

use std::process::ExitCode;

use flowgate_aws::lambda;

fn main() -> ExitCode {
    lambda::main(lambda::sweeps)
}
