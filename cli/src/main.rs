//! `flowgate`, the program.

fn main() -> std::process::ExitCode {
    flowgate::main()
}
