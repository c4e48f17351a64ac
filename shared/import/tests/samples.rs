//! Real files of other systems: all of them become documents that compile, with reports as in the
//! snapshots.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::path::{Path, PathBuf};

use flowgate_engine::{Document, Severity, Workflow};
use flowgate_import::{Import, Options, import};

const FOLDERS: [&str; 3] = ["aiflow", "n8n", "sim"];

fn samples() -> Vec<PathBuf> {
    let folders = FOLDERS.map(|of| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(of));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|name| name == "json")).collect();
    files.sort();
    files
}

fn errors(import: &Import) -> Vec<String> {
    let mut found = Vec::new();
    for workflow in &import.workflows {
        let document = Document::parse(&workflow.document.to_string()).unwrap();
        let (_, problems) = Workflow::compile(&document);
        let errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
        found.extend(errors.map(|problem| format!("{}: {}", problem.path, problem.message)));
    }
    found
}

#[test]
fn every_sample_compiles() {
    for file in samples() {
        let import = import(&std::fs::read(&file).unwrap(), &Options::default());
        let import = import.unwrap_or_else(|problems| panic!("{file:?}: {problems:#?}"));
        assert_eq!(errors(&import), [] as [String; 0], "{file:?}");
    }
}

#[test]
fn reports_say_what_became_of_each_step() {
    let mut reports = String::new();
    for file in samples() {
        let report = import(&std::fs::read(&file).unwrap(), &Options::default()).unwrap().report;
        let name = file.file_stem().unwrap().to_str().unwrap();
        reports.push_str(&format!(
            "{name} ({}): {} mapped, {} approximated, {} unsupported\n",
            report.system, report.mapped, report.approximated, report.unsupported
        ));
        for entry in report.entries {
            let (name, kind, became) = (entry.name, entry.kind, entry.became.join(", "));
            reports.push_str(&format!("  {name} ({kind}): {:?} [{became}]\n", entry.outcome));
            entry.notes.iter().for_each(|note| reports.push_str(&format!("    {note}\n")));
        }
    }
    insta::assert_snapshot!("reports", reports);
}

/// Files with a part of another one in the place of a part of theirs: whatever comes of it, the
/// import ends, without a panic.
#[test]
fn mutated_samples_are_imported_or_refused() {
    let texts: Vec<Vec<u8>> = samples().iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..400 {
        let mut value: serde_json::Value =
            serde_json::from_slice(&texts[random(texts.len())]).unwrap();
        for _ in 0..=random(4) {
            let odd = ["<start.x", "{{", "<a.b[9999999999999999999]>", "\u{0}\u{fffd}", "${x}"];
            let odd = serde_json::Value::from(odd[random(odd.len())]);
            let replaced =
                [odd, serde_json::Value::Null, 1e300.into(), serde_json::json!({ "$raw": [] })];
            let count = places(&value, &mut 0, usize::MAX).1;
            let wanted = random(count);
            if let Some(pointer) = places(&value, &mut 0, wanted).0 {
                *value.pointer_mut(&pointer).unwrap() = replaced[random(replaced.len())].clone();
            }
        }
        match import(value.to_string().as_bytes(), &Options::default()) {
            Ok(import) => {
                errors(&import);
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 0, "{read} {refused}");
}

/// The pointer of the value of that number, and how many there are.
fn places(value: &serde_json::Value, seen: &mut usize, wanted: usize) -> (Option<String>, usize) {
    let own = *seen;
    *seen += 1;
    if own == wanted {
        return (Some(String::new()), *seen);
    }
    let inner: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field))
            .collect(),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (name, inner) in inner {
        if let (Some(below), _) = places(inner, seen, wanted) {
            return (Some(format!("/{name}{below}")), *seen);
        }
    }
    (None, *seen)
}
