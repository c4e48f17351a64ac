//! Workflows of n8n, imported and run to their end: code runs in a child, other calls have canned
//! answers. What comes out is what n8n answers for the same file.
//!
//! The names of the cases to run may be given as arguments, by a part of each.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

mod ai;
mod child;
mod codes;
mod drive;
mod flows;
mod hostile;
mod items;
mod lists;
mod loops;

use std::panic;
use std::process::ExitCode;

type Case = (&'static str, fn());

fn main() -> ExitCode {
    flowgate_child::main_if_asked();
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let groups: [&[Case]; 7] = [
        flows::CASES,
        items::CASES,
        lists::CASES,
        loops::CASES,
        codes::CASES,
        ai::CASES,
        hostile::CASES,
    ];
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    let cases = groups.into_iter().flatten().filter(|(name, _)| is_wanted(name));
    let failed: Vec<&str> = cases
        .filter(|(_, case)| panic::catch_unwind(case).is_err())
        .map(|(name, _)| *name)
        .collect();
    for name in &failed {
        eprintln!("failed: {name}");
    }
    ExitCode::from(u8::from(!failed.is_empty()))
}
