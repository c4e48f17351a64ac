//! Sends again what is due: lost messages, runs whose owner has died, webhooks whose time has come. Every minute.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowgate_lambda::main(flowgate_lambda::sweeps)
}
