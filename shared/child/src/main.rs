//! `flowgate-child`, the second executable.

#[global_allocator]
static ALLOCATOR: flowgate_child::Allocator = flowgate_child::Allocator;

fn main() -> std::process::ExitCode {
    flowgate_child::main()
}
