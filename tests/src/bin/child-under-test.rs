//! `flowgate-child` as this package builds it: the tests need no other package's executable.

fn main() -> std::process::ExitCode {
    flowgate_child::main()
}
