//! Sends due work again: lost messages, runs whose owner died, webhooks to retry. Every minute.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowgate_lambda::main(flowgate_lambda::sweeps)
}
