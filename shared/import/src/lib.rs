//! Turns workflow files of other systems into workflow documents, with a report of what became of
//! each of their steps. Pure: no file, no network, no clock.

mod report;
mod content;
mod system;
mod draft;
mod ids;
mod text;
mod edges;
mod reach;
mod secrets;
mod keys;
mod stored;
mod stub;
mod json;
mod js;
pub mod yaml;
mod sim;
mod aiflow;
mod gptbots;
mod dify;
mod n8n;

use flowgate_engine::{Problem, Severity};
use serde_json::Value;

pub use report::{Entry, Outcome, Report};
pub use secrets::{FoundSecret, HiddenValue};
pub use system::System;

use content::Content;
use draft::Draft;
use secrets::Secrets;

/// The largest file: what an HTTP request may carry. A larger one is refused unread.
pub const MAX_FILE_BYTES: usize = 4 << 20;
/// The most steps of one source workflow, notes included. A document has fewer, but some steps
/// become a part of others.
pub(crate) const MAX_STEPS: usize = 1_000;
pub(crate) const MAX_LINES: usize = 4_000;
/// A file may hold several workflows.
const MAX_WORKFLOWS: usize = 50;
const MAX_PROBLEMS: usize = 100;

/// What the caller knows beside the file's content.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Names a workflow whose file has no name; mostly the file's own name.
    pub name: Option<String>,
    /// Secrets that are stored already. One that is found in the file gets another name.
    pub taken_secrets: Vec<String>,
    /// Stands at the end of every name of a secret, so that two imports at once find different
    /// ones.
    pub secret_suffix: String,
}

/// A file that was read.
#[derive(Debug)]
pub struct Import {
    pub system: System,
    pub workflows: Vec<Imported>,
    pub report: Report,
    pub secrets: Vec<FoundSecret>,
}

#[derive(Debug, Clone)]
pub struct Imported {
    /// Valid as a workflow's id: the source's own where it can be, so that its callers' paths go on
    /// working.
    pub id: String,
    pub name: String,
    pub document: Value,
}

/// Reads a file of any system that is known. Returns all problems that keep it from being imported;
/// steps without a counterpart are none, the report lists them.
pub fn import(content: &[u8], options: &Options) -> Result<Import, Vec<Problem>> {
    let content = Content::read(content).map_err(|problem| vec![problem])?;
    let (system, root) = system::detect(&content)?;
    let mut importing = Importing::new(options);
    system.read(&root, &mut importing);
    importing.finish(system)
}

/// Returns whether the value is a workflow of Sim's: an export, or a bare state.
pub fn is_of_sim(value: &Value) -> bool {
    sim::is_sim(value)
}

/// Returns an id for a workflow: the wanted one if it can be one, else one that resembles it or the
/// name.
pub fn workflow_id(wanted: &str, name: &str) -> String {
    ids::workflow_id(wanted, name, |_| false)
}

/// A place in the file: a value, and its JSON pointer.
#[derive(Debug, Clone)]
pub(crate) struct Root<'a> {
    pub value: &'a Value,
    pub path: String,
}

/// What has been read so far.
#[derive(Debug)]
pub(crate) struct Importing<'a> {
    pub options: &'a Options,
    pub secrets: Secrets,
    problems: Vec<Problem>,
    workflows: Vec<Imported>,
    entries: Vec<Entry>,
}

impl<'a> Importing<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            secrets: Secrets::avoiding(&options.taken_secrets, &options.secret_suffix),
            problems: Vec::new(),
            workflows: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Reports what keeps the file from being imported.
    pub(crate) fn problem(&mut self, path: &str, message: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem(path, message));
        }
    }

    /// Reports a workflow that is too large to be read at all.
    pub(crate) fn is_small_enough(&mut self, path: &str, steps: usize, lines: usize) -> bool {
        if steps > MAX_STEPS {
            self.problem(path, format!("{steps} steps; at most {MAX_STEPS} can be imported"));
        }
        if lines > MAX_LINES {
            self.problem(path, format!("{lines} connections; at most {MAX_LINES} can be imported"));
        }
        steps <= MAX_STEPS && lines <= MAX_LINES
    }

    /// Adds a workflow that was read as a whole.
    pub(crate) fn add(&mut self, draft: Draft) {
        if self.workflows.len() == MAX_WORKFLOWS {
            return self.problem("", format!("a file may hold {MAX_WORKFLOWS} workflows"));
        }
        let wanted = draft.id.clone();
        let (document, entries, problems) = draft.finish(&mut self.secrets);
        self.problems.extend(problems);
        self.problems.truncate(MAX_PROBLEMS);
        let name = document.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = ids::workflow_id(&wanted, &name, |id| self.workflows.iter().any(|w| w.id == id));
        self.entries.extend(entries.into_iter().map(|entry| entry.of_workflow(&id)));
        self.workflows.push(Imported { id, name, document });
    }

    fn finish(mut self, system: System) -> Result<Import, Vec<Problem>> {
        if self.workflows.is_empty() && self.problems.is_empty() {
            self.problem("", "the file holds no workflow");
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let report = Report::of(system, self.entries);
        Ok(Import { system, workflows: self.workflows, report, secrets: self.secrets.found() })
    }
}

fn problem(path: &str, message: impl Into<String>) -> Problem {
    Problem {
        severity: Severity::Error,
        path: path.to_owned(),
        line: None,
        column: None,
        message: message.into(),
    }
}
