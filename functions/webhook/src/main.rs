//! Signs and delivers webhooks. The queue of deliveries.

use std::process::ExitCode;

use flowgate_aws::lambda;

fn main() -> ExitCode {
    lambda::main(lambda::Function::deliveries)
}
