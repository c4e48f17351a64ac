//! `flowgate-child`, the second executable.

fn main() -> std::process::ExitCode {
    flowgate_child::main()
}
