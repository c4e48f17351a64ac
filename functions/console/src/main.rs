//! The console's page and files, and what is at no other path. HTTP. It has no rights.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowgate_lambda::main(async || flowgate_lambda::pages(flowgate_web::answer).await)
}
