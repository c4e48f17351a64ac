//! A file of cases, checked as a whole before any of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowgate_core::time::Timestamp;
use flowgate_engine::Document;
use flowgate_engine::input::{InputRules, Undeclared};
use serde_json::{Map, Value};

use super::expect::Expect;
use super::mocks::{self, ByNode};
use super::reader::{Reader, below};
use crate::library::{Library, Program};
use crate::problems::{Problem, Severity};

const FILE_FIELDS: &[&str] = &["workflow", "now", "mocks", "cases"];
const CASE_FIELDS: &[&str] = &["name", "workflow", "input", "now", "mocks", "expect"];
/// 2026-01-01T00:00:00Z: cases give the same today and tomorrow.
const NOW: Timestamp = Timestamp(1_767_225_600_000);
/// As callers of the native API.
const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

pub(super) struct Case {
    pub name: String,
    pub file: PathBuf,
    pub program: Program,
    pub input: Arc<Value>,
    pub now: Timestamp,
    pub mocks: ByNode,
    pub expect: Expect,
}

/// Reads the cases, or returns every problem of the file.
pub(super) fn read(
    file: &Path,
    text: &str,
    library: &mut Library<'_>,
) -> Result<Vec<Case>, Vec<Problem>> {
    let document = Document::parse(text).map_err(|error| {
        let (line, column) = (Some(error.line), Some(error.column));
        let (severity, path, message) = (Severity::Error, String::new(), error.message);
        vec![Problem { severity, path, line, column, message }]
    })?;
    let mut reader = Reader::new(&document);
    let root = Value::Object(document.root().clone());
    let cases = read_file(&mut reader, file, &root, library);
    if reader.problems.is_empty() {
        return Ok(cases);
    }
    Err(reader.in_order())
}

fn read_file(
    reader: &mut Reader<'_>,
    file: &Path,
    root: &Value,
    library: &mut Library<'_>,
) -> Vec<Case> {
    let Some(fields) = reader.object(root, "", FILE_FIELDS) else { return Vec::new() };
    let Some(written) = fields.get("cases") else {
        reader.error("", "`cases` is missing: a list of {name, input, mocks, expect}");
        return Vec::new();
    };
    let written = reader.list(written, "/cases");
    if written.is_empty() {
        reader.error("/cases", "there is no case");
    }
    let mut shared = Shared {
        folder: file.parent().unwrap_or(Path::new("")),
        workflow: reader.text(fields, "workflow", ""),
        now: now(reader, fields, ""),
        mocks: fields.get("mocks").and_then(|mocks| reader.map(mocks, "/mocks")),
        used: BTreeSet::new(),
        has_program: false,
    };
    let mut names = BTreeMap::new();
    let mut cases = Vec::new();
    for (index, case) in written.iter().enumerate() {
        let path = format!("/cases/{index}");
        let Some(case) = shared.case(reader, case, &path, library) else { continue };
        if let Some(other) = names.insert(case.name.clone(), index) {
            let name = &case.name;
            reader.error(&below(&path, "name"), format!("case {other} is called `{name}`, too"));
        }
        cases.push(case);
    }
    for name in shared.mocks.into_iter().flat_map(Map::keys) {
        if shared.has_program && !shared.used.contains(name) {
            reader.error(&below("/mocks", name), format!("no case has a node `{name}`"));
        }
    }
    cases
}

/// What the file says for all its cases.
struct Shared<'f> {
    folder: &'f Path,
    workflow: Option<String>,
    now: Option<Timestamp>,
    /// For those cases whose workflow has such a node.
    mocks: Option<&'f Map<String, Value>>,
    /// The names of those that some case has.
    used: BTreeSet<String>,
    /// Some case has a workflow.
    has_program: bool,
}

impl Shared<'_> {
    fn case(
        &mut self,
        reader: &mut Reader<'_>,
        case: &Value,
        path: &str,
        library: &mut Library<'_>,
    ) -> Option<Case> {
        let fields = reader.object(case, path, CASE_FIELDS)?;
        let name = reader.text(fields, "name", path);
        if !fields.contains_key("name") {
            reader.error(path, "`name` is missing");
        }
        let now = now(reader, fields, path).or(self.now).unwrap_or(NOW);
        let (file, program) = self.program(reader, fields, path, library)?;
        let input = input(reader, fields, path, &program);
        let mocks = self.mocks(reader, fields, path, &program);
        let Some(expect) = fields.get("expect") else {
            reader.error(path, "`expect` is missing: what the run must leave");
            return None;
        };
        let expect = Expect::read(reader, expect, &below(path, "expect"), &program)?;
        Some(Case { name: name?, file, input: Arc::new(input?), program, now, mocks, expect })
    }

    fn program(
        &self,
        reader: &mut Reader<'_>,
        fields: &Map<String, Value>,
        path: &str,
        library: &mut Library<'_>,
    ) -> Option<(PathBuf, Program)> {
        let own = reader.text(fields, "workflow", path);
        let place = if own.is_some() { below(path, "workflow") } else { "/workflow".to_owned() };
        let Some(named) = own.or_else(|| self.workflow.clone()) else {
            reader.error(path, "`workflow` is missing: its file, here or for all cases");
            return None;
        };
        let file = self.folder.join(named);
        match library.program(&file) {
            Ok(program) => program.map(|program| (file, program)),
            Err(message) => {
                reader.error(&place, message);
                None
            }
        }
    }

    /// Those of the file, then the case's own.
    fn mocks(
        &mut self,
        reader: &mut Reader<'_>,
        fields: &Map<String, Value>,
        path: &str,
        program: &Program,
    ) -> ByNode {
        let own = |(name, mock): (&String, &Value)| {
            mocks::has(name, program).then(|| (name.clone(), mock.clone()))
        };
        let shared: Map<String, Value> = self.mocks.into_iter().flatten().filter_map(own).collect();
        self.has_program = true;
        self.used.extend(shared.keys().cloned());
        let mut all = mocks::read(reader, &shared, "/mocks", program);
        let path = below(path, "mocks");
        if let Some(own) = fields.get("mocks").and_then(|own| reader.map(own, &path)) {
            all.extend(mocks::read(reader, own, &path, program));
        }
        all
    }
}

fn now(reader: &mut Reader<'_>, fields: &Map<String, Value>, path: &str) -> Option<Timestamp> {
    let text = reader.text(fields, "now", path)?;
    let time = Timestamp::parse_rfc3339(&text);
    if time.is_none() {
        reader.error(&below(path, "now"), "must be a time, such as 2026-01-31T08:15:00Z");
    }
    time
}

/// Without an input the fields' example values.
fn input(
    reader: &mut Reader<'_>,
    fields: &Map<String, Value>,
    path: &str,
    program: &Program,
) -> Option<Value> {
    let given = fields.get("input").cloned();
    let given = given.unwrap_or_else(|| program.workflow.sample_input());
    let accepted = program.workflow.accept_input(given, RULES);
    accepted
        .map_err(|wrong| {
            for wrong in wrong {
                let place = format!("{path}/input{}", wrong.pointer);
                reader.error(&place, wrong.message);
            }
        })
        .ok()
}
