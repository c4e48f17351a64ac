//! The program itself, so that tests can start it, kill it and run its JavaScript child.

fn main() -> std::process::ExitCode {
    flowgate::main()
}
