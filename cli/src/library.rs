//! Workflows as files, with their children beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowgate_api::RESERVED_INPUT_NAMES;
use flowgate_engine::child::{Child, ChildName, Children, MAX_CHILD_DEPTH, MAX_CHILDREN};
use flowgate_engine::{CompileOptions, Document, Kinds, Workflow};

use crate::command::validate;
use crate::problems::{self, Problem};

/// A workflow with the children that its nodes name.
#[derive(Clone)]
pub(crate) struct Program {
    pub workflow: Arc<Workflow>,
    pub children: Children,
}

/// A file that does not compile.
pub(crate) struct Broken {
    pub file: PathBuf,
    pub text: String,
    pub problems: Vec<Problem>,
}

pub(crate) struct Library<'k> {
    kinds: &'k Kinds,
    programs: BTreeMap<PathBuf, Option<Program>>,
    /// Each file once.
    pub broken: Vec<Broken>,
}

impl<'k> Library<'k> {
    pub(crate) fn new(kinds: &'k Kinds) -> Self {
        Self { kinds, programs: BTreeMap::new(), broken: Vec::new() }
    }

    /// Returns the program of a file, or why it cannot be read. `None`: it is among the broken.
    pub(crate) fn program(&mut self, file: &Path) -> Result<Option<Program>, String> {
        if let Some(known) = self.programs.get(file) {
            return Ok(known.clone());
        }
        let text = validate::read_file(file).map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut found = Found { folder, children: BTreeMap::new(), entered: BTreeSet::new() };
        let compiled = self.compile(file, &text, &mut found, 0);
        let program = compiled.map(|workflow| {
            let child = |(name, workflow)| Child { name, workflow };
            let children = found.children.into_iter().map(child).collect::<Vec<_>>();
            Program { workflow, children: Children(children.into()) }
        });
        self.programs.insert(file.to_owned(), program.clone());
        Ok(program)
    }

    /// Compiles a workflow after its children, whose outputs it may read.
    fn compile(
        &mut self,
        file: &Path,
        text: &str,
        found: &mut Found<'_>,
        depth: usize,
    ) -> Option<Arc<Workflow>> {
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(_) => return self.note_broken(file, text, validate::check(text, self.kinds)),
        };
        let mut options = CompileOptions {
            kinds: self.kinds.clone(),
            reserved_input_names: RESERVED_INPUT_NAMES,
            ..CompileOptions::default()
        };
        let (workflow, problems) = Workflow::compile_with(&document, &options);
        let Some(workflow) = workflow else {
            return self.note_broken(file, text, problems.into_iter().map(Problem::from).collect());
        };
        let names: Vec<ChildName> = workflow.child_names().into_iter().cloned().collect();
        if names.is_empty() {
            return Some(Arc::new(workflow));
        }
        let mut known = BTreeMap::new();
        for name in names {
            if let Some(child) = self.child(&name, found, depth + 1) {
                known.insert(name, child.output_fields().clone());
            }
        }
        options.children = Arc::new(known);
        let (workflow, problems) = Workflow::compile_with(&document, &options);
        match workflow {
            Some(workflow) => Some(Arc::new(workflow)),
            None => self.note_broken(file, text, problems.into_iter().map(Problem::from).collect()),
        }
    }

    /// A child without a file is none: its node may be mocked.
    fn child(
        &mut self,
        name: &ChildName,
        found: &mut Found<'_>,
        depth: usize,
    ) -> Option<Arc<Workflow>> {
        if let Some(known) = found.children.get(name) {
            return Some(Arc::clone(known));
        }
        let may_enter = depth <= MAX_CHILD_DEPTH && found.children.len() < MAX_CHILDREN;
        if !may_enter || !found.entered.insert(name.clone()) {
            return None;
        }
        let (file, text) = found.file_of(&name.workflow)?;
        let child = self.compile(&file, &text, found, depth)?;
        found.children.insert(name.clone(), Arc::clone(&child));
        Some(child)
    }

    fn note_broken<T>(&mut self, file: &Path, text: &str, found: Vec<Problem>) -> Option<T> {
        let is_new = self.broken.iter().all(|broken| broken.file != file);
        if is_new && problems::has_errors(&found) {
            let (file, text) = (file.to_owned(), text.to_owned());
            self.broken.push(Broken { file, text, problems: found });
        }
        None
    }
}

/// The children of one program.
struct Found<'f> {
    folder: &'f Path,
    children: BTreeMap<ChildName, Arc<Workflow>>,
    /// Those that were looked at; one in a circle is looked at once.
    entered: BTreeSet<ChildName>,
}

impl Found<'_> {
    fn file_of(&self, id: &str) -> Option<(PathBuf, String)> {
        ["yaml", "yml", "json"].into_iter().find_map(|extension| {
            let file = self.folder.join(format!("{id}.{extension}"));
            let text = validate::read_file(&file).ok()?;
            Some((file, text))
        })
    }
}
