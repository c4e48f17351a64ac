//! A folder of workflow files, all of them checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use flowgate_app::workflows::is_workflow_id;
use flowgate_engine::{Kinds, Workflow};

use crate::command::validate;
use crate::failure::Failure;
use crate::library::Library;
use crate::problems::{self, Problem};

const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];
/// What a folder may hold beside workflows.
const PASSED_OVER: &[&str] = &["cases", "environments", "schema"];
const MAX_FILES: usize = 500;

pub(super) struct Folder {
    /// Those that run others after them.
    pub files: Vec<File>,
}

/// A workflow's file.
pub(super) struct File {
    pub id: String,
    pub name: String,
    pub text: String,
    /// The secrets that it names or its providers' models need.
    pub secrets: BTreeSet<String>,
    /// The workflows that it runs.
    pub children: BTreeSet<String>,
}

/// A file with errors.
pub(crate) struct Unusable {
    pub file: String,
    pub text: String,
    pub problems: Vec<Problem>,
}

impl Folder {
    /// Reads the folder, or returns all files with errors.
    pub(super) fn read(folder: &Path, kinds: &Kinds) -> Result<Result<Self, Vec<Unusable>>> {
        let named = names(folder)?;
        let mut library = Library::new(kinds);
        let mut files = Vec::new();
        for (id, name) in named {
            let text = validate::read_file(Path::new(&name))?;
            let program = library.program(Path::new(&name)).map_err(Failure::Usage)?;
            files.extend(program.map(|program| File::new(id, name, text, &program.workflow)));
        }
        let unusable = |broken: crate::library::Broken| Unusable {
            file: broken.file.display().to_string(),
            text: broken.text,
            problems: broken.problems,
        };
        let broken: Vec<Unusable> = library.broken.into_iter().map(unusable).collect();
        if !broken.is_empty() {
            return Ok(Err(broken));
        }
        Ok(Ok(Self { files: in_order(files) }))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.files.iter().any(|file| file.id == id)
    }
}

impl File {
    fn new(id: String, name: String, text: String, workflow: &Workflow) -> Self {
        let children = workflow.child_names().into_iter().map(|child| child.workflow.clone());
        Self { id, name, text, secrets: workflow.secrets(), children: children.collect() }
    }

    pub(super) fn unusable(&self, problems: Vec<Problem>) -> Option<Unusable> {
        problems::has_errors(&problems).then(|| Unusable {
            file: self.name.clone(),
            text: self.text.clone(),
            problems,
        })
    }
}

/// Returns the ids and paths of the folder's workflow files, or everything that is wrong with their
/// names.
fn names(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let shown = folder.display();
    let unusable = |error: std::io::Error| Failure::Usage(format!("{shown}: {error}"));
    let (mut names, mut wrong) = (BTreeMap::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(unusable)? {
        let path = entry.map_err(unusable)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !path.is_file() || !extension.is_some_and(|known| EXTENSIONS.contains(&known)) {
            continue;
        }
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if PASSED_OVER.contains(&id.rsplit('.').next().unwrap_or_default()) {
            continue;
        }
        if !is_workflow_id(&id) {
            wrong.push(format!("{}: `{id}` cannot be a workflow's id", path.display()));
        } else if let Some(other) = names.insert(id.clone(), path.display().to_string()) {
            wrong.push(format!("{} and {other} have the same id", path.display()));
        }
    }
    if names.len() > MAX_FILES {
        wrong.push(format!("{shown} has {} workflows; at most {MAX_FILES}", names.len()));
    }
    if names.is_empty() && wrong.is_empty() {
        wrong.push(format!("{shown} has no workflow file, such as greeting.yaml"));
    }
    if wrong.is_empty() { Ok(names) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

/// Puts each workflow after those that it runs. A circle, which no server takes, stays as it is.
fn in_order(mut files: Vec<File>) -> Vec<File> {
    let mut ordered: Vec<File> = Vec::with_capacity(files.len());
    while !files.is_empty() {
        let waits = |file: &File| {
            files.iter().any(|other| other.id != file.id && file.children.contains(&other.id))
        };
        let next = files.iter().position(|file| !waits(file)).unwrap_or(0);
        ordered.push(files.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_first_and_a_circle_ends() {
        let file = |id: &str, children: &[&str]| File {
            id: id.to_owned(),
            name: String::new(),
            text: String::new(),
            secrets: BTreeSet::new(),
            children: children.iter().map(|child| (*child).to_owned()).collect(),
        };
        let ids =
            |files| -> Vec<String> { in_order(files).into_iter().map(|file| file.id).collect() };
        let files = vec![file("a", &["c", "elsewhere"]), file("b", &["a"]), file("c", &[])];
        assert_eq!(ids(files), ["c", "a", "b"]);
        assert_eq!(ids(vec![file("a", &["b"]), file("b", &["a"])]), ["a", "b"]);
    }
}
