//! `flowgate import --count`: how much of a folder's files could be imported. Writes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use flowgate_engine::Kinds;
use flowgate_import::{Import, Options, Outcome, yaml};
use serde::Serialize;

use super::{name, read};
use crate::command::validate;
use crate::output::{Output, plain};
use crate::problems::Severity;
use crate::table;

const MAX_FILES: usize = 100_000;
const MAX_DEPTH: usize = 32;
const ENDINGS: [&str; 5] = ["json", "yml", "yaml", "flow", "txt"];
const MAX_KINDS: usize = 30;

/// What became of the files of a folder.
#[derive(Default, Serialize)]
struct Count {
    systems: BTreeMap<String, OfSystem>,
    /// Files that no system knows, or that are broken, with the first problem of each, and folders
    /// that cannot be read.
    refused: Vec<RefusedFile>,
}

#[derive(Default, Serialize)]
struct OfSystem {
    files: usize,
    /// Files whose workflows are all whole.
    whole_files: usize,
    workflows: usize,
    /// Workflows that can be published and have no unsupported step.
    whole: usize,
    /// Workflows that can be published.
    publishable: usize,
    mapped: usize,
    approximated: usize,
    unsupported: usize,
    /// How many steps of each type are unsupported, the most first.
    missing: Vec<(String, usize)>,
}

#[derive(Serialize)]
struct RefusedFile {
    file: PathBuf,
    problem: String,
}

pub(super) fn run(folder: &Path, kinds: &Kinds, output: &Output) -> Result<ExitCode> {
    let (mut files, mut count) = (Vec::new(), Count::default());
    fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    find(folder, 0, &mut files, &mut count.refused);
    files.sort();
    for file in files {
        count.add(file, kinds);
    }
    for system in count.systems.values_mut() {
        system.missing.sort_by(|(left, more), (right, most)| most.cmp(more).then(left.cmp(right)));
        system.missing.truncate(MAX_KINDS);
    }
    if output.is_json() {
        output.json(&count)?
    } else {
        count.show(output)?
    }
    Ok(ExitCode::SUCCESS)
}

/// Links are not followed.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, refused: &mut Vec<RefusedFile>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = format!("the folder cannot be read: {error}");
            return refused.push(RefusedFile { file: folder.to_owned(), problem });
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(about) = path.symlink_metadata() else { continue };
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_wanted = ending.is_some_and(|ending| ENDINGS.contains(&ending));
        if about.is_dir() && depth < MAX_DEPTH {
            find(&path, depth + 1, files, refused);
        } else if about.is_file() && is_wanted && files.len() < MAX_FILES {
            files.push(path);
        }
    }
}

impl Count {
    fn add(&mut self, file: PathBuf, kinds: &Kinds) {
        let shown = file.to_string_lossy();
        let options = Options { name: Some(name(&shown).to_owned()), ..Options::default() };
        let read = read(&shown).map_err(|error| error.to_string());
        let import = read.and_then(|content| {
            flowgate_import::import(&content, &options).map_err(|problems| {
                problems.into_iter().next().map(|problem| problem.message).unwrap_or_default()
            })
        });
        match import {
            Ok(import) => {
                let system = import.system.to_string();
                self.systems.entry(system).or_default().add(import, kinds);
            }
            Err(problem) => self.refused.push(RefusedFile { file, problem }),
        }
    }

    fn show(&self, output: &Output) -> Result<()> {
        let rows: Vec<Vec<String>> =
            self.systems.iter().map(|(name, system)| system.row(name)).collect();
        let titles = [
            "SYSTEM",
            "FILES",
            "WHOLE FILES",
            "WORKFLOWS",
            "WHOLE",
            "PUBLISHABLE",
            "MAPPED",
            "APPROXIMATED",
            "UNSUPPORTED",
        ];
        table::print(output, &titles, &rows)?;
        for (name, system) in self.systems.iter().filter(|(_, of)| !of.missing.is_empty()) {
            let missing =
                system.missing.iter().map(|(kind, count)| format!("{} {count}", plain(kind)));
            output.line(format!("{name} lacks: {}", missing.collect::<Vec<_>>().join(", ")))?;
        }
        output.line(format!("{} files refused", self.refused.len()))?;
        Ok(())
    }
}

impl OfSystem {
    fn add(&mut self, import: Import, kinds: &Kinds) {
        let whole = self.whole;
        for workflow in &import.workflows {
            let problems = validate::check(&yaml::written(&workflow.document), kinds);
            if problems.iter().any(|problem| problem.severity == Severity::Error) {
                continue;
            }
            self.publishable += 1;
            let is_missing = |entry: &&flowgate_import::Entry| {
                entry.workflow == workflow.id && entry.outcome == Outcome::Unsupported
            };
            self.whole +=
                usize::from(!import.report.entries.iter().any(|entry| is_missing(&entry)));
        }
        self.files += 1;
        self.whole_files += usize::from(self.whole - whole == import.workflows.len());
        self.workflows += import.workflows.len();
        self.mapped += import.report.mapped;
        self.approximated += import.report.approximated;
        self.unsupported += import.report.unsupported;
        for entry in import.report.entries {
            if entry.outcome == Outcome::Unsupported {
                match self.missing.iter_mut().find(|(kind, _)| *kind == entry.kind) {
                    Some((_, count)) => *count += 1,
                    None => self.missing.push((entry.kind, 1)),
                }
            }
        }
    }

    fn row(&self, name: &str) -> Vec<String> {
        let share = |part: usize, all: usize| match all {
            0 => "0".to_owned(),
            all => format!("{part} ({} %)", part * 100 / all),
        };
        let mut row = vec![name.to_owned()];
        row.push(self.files.to_string());
        row.push(share(self.whole_files, self.files));
        row.push(self.workflows.to_string());
        row.push(share(self.whole, self.workflows));
        row.push(share(self.publishable, self.workflows));
        row.extend([self.mapped, self.approximated, self.unsupported].map(|n| n.to_string()));
        row
    }
}
