//! `flowgate validate`: shows every problem of workflow files, without a server.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use flowgate_api::RESERVED_INPUT_NAMES;
use flowgate_engine::document::{Document, MAX_DOCUMENT_BYTES};
use flowgate_engine::{CompileOptions, Kinds, Workflow};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;
use crate::problems::{self, Problem, Severity};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Workflow files, YAML or JSON; - for standard input
    #[arg(required = true)]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    let mut sound = true;
    let mut found: Vec<Value> = Vec::new();
    for file in &args.files {
        let text = read(file)?;
        let problems = check(&text, kinds);
        sound &= !problems::has_errors(&problems);
        if output.is_json() {
            found.push(json!({ "file": file, "problems": problems }));
        } else {
            problems::print(output, file, &text, &problems)?;
            let summary = if problems.is_empty() {
                "no problems".to_owned()
            } else {
                problems::count(&problems)
            };
            output.line(format!("{file}: {summary}"))?;
        }
    }
    if output.is_json() {
        output.json(&found)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads a workflow file that the command line names; `-` is standard input.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    if file == "-" { read_from(file, std::io::stdin()) } else { read_file(Path::new(file)) }
}

pub(crate) fn read_file(file: &Path) -> Result<String, Failure> {
    let shown = file.to_string_lossy();
    let opened = File::open(file)
        .map_err(|error| Failure::Usage(format!("{shown} cannot be read: {error}")))?;
    read_from(&shown, opened)
}

/// Reading one byte past the limit shows that the file is too long.
fn read_from(file: &str, source: impl Read) -> Result<String, Failure> {
    let unusable =
        |error: std::io::Error| Failure::Usage(format!("{file} cannot be read: {error}"));
    let mut text = Vec::new();
    source.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut text).map_err(unusable)?;
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Failure::Usage(format!(
            "{file} is longer than a workflow document may be ({MAX_DOCUMENT_BYTES} bytes)"
        )));
    }
    String::from_utf8(text).map_err(|_| Failure::Usage(format!("{file} is not UTF-8 text")))
}

pub(crate) fn check(text: &str, kinds: &Kinds) -> Vec<Problem> {
    match Document::parse(text) {
        Ok(document) => {
            let options = CompileOptions {
                kinds: kinds.clone(),
                reserved_input_names: RESERVED_INPUT_NAMES,
                is_published: false,
                ..CompileOptions::default()
            };
            let (_, problems) = Workflow::compile_with(&document, &options);
            problems.into_iter().map(Problem::from).collect()
        }
        Err(error) => {
            let (line, column) = (Some(error.line), Some(error.column));
            vec![Problem {
                severity: Severity::Error,
                path: String::new(),
                line,
                column,
                message: error.message,
            }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_line_and_column() {
        let problems = check(
            "nodes:\n  - { id: a, type: template, template: x }\n  - id: b\n    type: tempate\n",
            Kinds::standard(),
        );
        assert!(problems::has_errors(&problems), "{problems:?}");
        assert_eq!(
            problems
                .iter()
                .find(|problem| problem.path == "/nodes/1/type")
                .map(|problem| (problem.line, problem.column)),
            Some((Some(4), Some(11)))
        );
    }

    #[test]
    fn text_that_is_no_document_is_one_problem() {
        let problems = check("nodes: [", Kinds::standard());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].line.is_some());
    }
}
