//! The program itself, for tests that start it, kill it or run its JavaScript child.

fn main() -> std::process::ExitCode {
    flowgate::main()
}
