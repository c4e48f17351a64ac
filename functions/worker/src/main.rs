//! Takes detached runs to their end. The queue of runs.

use std::process::ExitCode;

use flowgate_aws::lambda;

fn main() -> ExitCode {
    flowgate_app::outbound::child_main_if_asked();
    lambda::main(lambda::Function::runs)
}
