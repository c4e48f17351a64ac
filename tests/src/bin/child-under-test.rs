//! `flowgate-child` as this package builds it: the tests need no other package's executable.

#[global_allocator]
static ALLOCATOR: flowgate_child::Allocator = flowgate_child::Allocator;

fn main() -> std::process::ExitCode {
    flowgate_child::main()
}
