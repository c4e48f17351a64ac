//! The program with the kind of the tests, for tests that start it, kill it or run its JavaScript
//! child.

fn main() -> std::process::ExitCode {
    flowgate::main_with(flowgate_tests::several::kinds())
}
