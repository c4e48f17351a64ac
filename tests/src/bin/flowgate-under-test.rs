//! The program with the kind of the tests, for tests that start it or kill it.

fn main() -> std::process::ExitCode {
    flowgate::main_with(flowgate_tests::several::kinds())
}
