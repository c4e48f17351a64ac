//! The program itself with the kind of the tests, so that tests can start it, kill it and run its JavaScript child.

fn main() -> std::process::ExitCode {
    flowgate::main_with(flowgate_tests::several::kinds())
}
