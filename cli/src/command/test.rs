//! `flowgate test`: runs workflows on the engine alone, with given inputs and answers, and compares
//! what they leave with what their cases expect.

mod cases;
mod drive;
mod expect;
mod given;
mod mocks;
mod perform;
mod reader;
mod report;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Kinds;
use serde_json::json;

use self::cases::Case;
use self::drive::Start;
use self::given::USED_UP;
use self::perform::{Machine, Performer};
use self::report::Verdict;
use super::validate;
use crate::failure::Failure;
use crate::library::Library;
use crate::output::Output;
use crate::problems::{self, Problem};

const EXIT_CODES: &str = "\
Exit codes:
  0  all cases passed
  1  some cases failed
  2  a file of cases, or a workflow that they run, has errors, or --only fits no case; no case ran";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Files of cases, YAML or JSON
    #[arg(required = true)]
    files: Vec<String>,
    /// Run only the cases whose name contains this
    #[arg(long)]
    only: Option<String>,
}

/// A file of cases, or a workflow, that has errors.
struct Unusable {
    file: String,
    text: String,
    problems: Vec<Problem>,
}

pub(crate) async fn run(args: &Args, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    let mut library = Library::new(kinds);
    let (mut cases, mut unusable) = (Vec::new(), Vec::new());
    for file in &args.files {
        let text = validate::read(file)?;
        match cases::read(Path::new(file), &text, &mut library) {
            Ok(read) => cases.extend(read),
            Err(problems) => unusable.push(Unusable { file: file.clone(), text, problems }),
        }
    }
    unusable.extend(library.broken.into_iter().map(|broken| Unusable {
        file: broken.file.display().to_string(),
        text: broken.text,
        problems: broken.problems,
    }));
    if !unusable.is_empty() {
        show_unusable(&unusable, output)?;
        return Ok(ExitCode::from(2));
    }
    let is_wanted = |case: &Case| args.only.as_ref().is_none_or(|part| case.name.contains(part));
    cases.retain(is_wanted);
    if let (true, Some(part)) = (cases.is_empty(), &args.only) {
        return Err(Failure::Usage(format!("no case's name contains `{part}`")).into());
    }
    run_all(&cases, output).await
}

async fn run_all(cases: &[Case], output: &Output) -> Result<ExitCode> {
    let machine = Machine::new().context("this program cannot find its own path")?;
    let mut verdicts = Vec::new();
    for case in cases {
        let verdict = judge(case, &machine).await;
        if !output.is_json() {
            report::show(&verdict, output)?;
        }
        verdicts.push(verdict);
    }
    report::sum_up(&verdicts, output)?;
    let all_passed = verdicts.iter().all(Verdict::has_passed);
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn judge<'c>(case: &'c Case, machine: &Machine) -> Verdict<'c> {
    let mut performer = Performer::new(machine, case.program.children.clone());
    let start = Start {
        program: &case.program,
        input: case.input.clone(),
        now: case.now,
        mocks: &case.mocks,
    };
    let mut ended = drive::run(start, &mut performer).await;
    let differences = case.expect.compare(&ended);
    if !case.expect.names(USED_UP) {
        ended.missing.append(&mut ended.used_up);
    }
    let mut seen = BTreeSet::new();
    ended.missing.retain(|missing| seen.insert(missing.clone()));
    Verdict { case, ended, differences }
}

fn show_unusable(unusable: &[Unusable], output: &Output) -> Result<()> {
    if output.is_json() {
        let files = unusable
            .iter()
            .map(|found| json!({ "file": found.file, "problems": found.problems }))
            .collect::<Vec<_>>();
        return Ok(output.json(&files)?);
    }
    for Unusable { file, text, problems } in unusable {
        problems::print(output, file, text, problems)?;
        output.line(format!("{file}: {}; no case ran", problems::count(problems)))?;
    }
    Ok(())
}
