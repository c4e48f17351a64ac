//! House rules that no compiler holds: who may depend on whom, how long files get, what must not stand in them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::{Path, PathBuf};

use flowgate_engine::document::Document;
use flowgate_engine::{Severity, Workflow};

/// Each package with those of ours that it may depend on. What is missing here is the architecture.
const ARROWS: [(&str, &[&str]); 14] = [
    ("shared/engine", &[]),
    ("shared/app", &["flowgate-engine"]),
    ("shared/api", &["flowgate-app", "flowgate-engine"]),
    ("shared/local", &["flowgate-app", "flowgate-engine"]),
    ("shared/aws", &["flowgate-app", "flowgate-engine"]),
    ("functions/invoke", &["flowgate-api", "flowgate-app", "flowgate-aws"]),
    ("functions/run-status", &["flowgate-api", "flowgate-aws"]),
    ("functions/keys", &["flowgate-api", "flowgate-aws"]),
    ("functions/workflows", &["flowgate-api", "flowgate-aws"]),
    ("functions/worker", &["flowgate-app", "flowgate-aws"]),
    ("functions/webhook", &["flowgate-aws"]),
    ("functions/sweeper", &["flowgate-aws"]),
    ("cli", &["flowgate-api", "flowgate-app", "flowgate-engine", "flowgate-local"]),
    ("tests", &["flowgate-api", "flowgate-app", "flowgate-aws", "flowgate-engine", "flowgate-local"]),
];
/// The engine is pure: none of these can be reached from it.
const NOT_IN_THE_ENGINE: [&str; 6] = ["tokio", "async-trait", "reqwest", "getrandom", "uuid", "jiff"];

const MOST_LINES: usize = 500;
const LONGEST_FUNCTION: usize = 80;
/// Names that say nothing about what is inside.
const VAGUE_MODULES: [&str; 6] = ["utils", "common", "helpers", "types", "models", "services"];

#[test]
fn packages_depend_on_what_the_table_allows() {
    for (package, allowed) in ARROWS {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        for dependency in dependencies(&manifest) {
            let is_ours = dependency.starts_with("flowgate-");
            assert!(!is_ours || allowed.contains(&dependency.as_str()), "{package} must not depend on {dependency}");
            let is_pure = package != "shared/engine" || !NOT_IN_THE_ENGINE.contains(&dependency.as_str());
            assert!(is_pure, "the engine must not depend on {dependency}");
        }
    }
}

/// What only stores and reads links no HTTP client, no model provider, no JavaScript: all of it is behind one feature.
#[test]
fn only_what_runs_or_delivers_can_call_out() {
    let may = ["functions/invoke", "functions/worker", "functions/webhook"];
    for (package, _) in ARROWS.into_iter().filter(|(package, _)| package.starts_with("functions/")) {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert_eq!(manifest.contains("\"outbound\""), may.contains(&package), "{package}");
    }
}

#[test]
fn every_package_is_in_the_table() {
    let manifest = read(&root().join("Cargo.toml"));
    let members = manifest.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, ARROWS.map(|(package, _)| package));
}

#[test]
fn source_files_say_what_they_are_for_and_stay_short() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            broken.push(format!("{file}: its first line is a `//!` sentence on what it is for"));
        }
        let lines = without_tests(&text).lines().count();
        if lines > MOST_LINES {
            broken.push(format!("{file}: {lines} lines without its tests, at most {MOST_LINES}"));
        }
        broken.extend(
            long_functions(&text).map(|(line, length)| format!("{file}:{line}: a function of {length} lines, at most {LONGEST_FUNCTION}")),
        );
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_is_silenced_and_nothing_is_vague() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start())) {
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                broken.push(format!("{file}:{number}: `expect` with a reason, not `allow`"));
            }
            let module = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").strip_prefix("mod ");
            let name = module.and_then(|rest| rest.split([';', ' ', '{']).next());
            if name.is_some_and(|name| VAGUE_MODULES.contains(&name)) {
                broken.push(format!("{file}:{number}: a module's name says what is inside"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn texts_are_clean_and_speak_of_nothing_outside_the_repository() {
    // Put together here, so that this file does not hold them.
    let elsewhere = [concat!("../", "shared/"), concat!("/work", "/"), concat!("/root", "/"), concat!("/home", "/")];
    let mut broken = Vec::new();
    for (file, text) in texts() {
        for (index, line) in text.lines().enumerate() {
            if line.ends_with([' ', '\t']) {
                broken.push(format!("{file}:{}: white space at the end", index + 1));
            }
            if elsewhere.iter().any(|place| line.contains(place)) {
                broken.push(format!("{file}:{}: a place outside the repository", index + 1));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            broken.push(format!("{file}: no line break at the end"));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn examples_have_no_problems() {
    let examples = files(&root().join("examples"), &["yaml", "json"]);
    assert!(examples.len() >= 8);
    for example in examples {
        check_workflow(&example.display().to_string(), &read(&example));
    }
}

/// A block that begins with a top-level field is a whole workflow; one that begins with `- ` is a list of nodes.
#[test]
fn workflows_in_the_docs_can_be_published() {
    let guide = root().join("docs/workflow.md");
    let text = read(&guide);
    let blocks: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let first = block.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        if !first.starts_with(['-', ' ']) {
            check_workflow(&format!("{}:\n{block}", guide.display()), block);
        }
    }
}

#[test]
fn every_node_kind_is_documented() {
    let guide = read(&root().join("docs/workflow.md"));
    let kinds = files(&root().join("shared/engine/src/node"), &["rs"]);
    let names = kinds.iter().filter_map(|file| file.file_stem()?.to_str()).filter(|name| !matches!(*name, "embedded" | "fields" | "tests"));
    let missing: Vec<&str> = names.filter(|name| *name != "input" && !guide.contains(&format!("\n### `{name}`"))).collect();
    assert!(missing.is_empty(), "docs/workflow.md has no section on {missing:?}");
}

/// An alarm on what nobody counts would be silent for ever.
#[test]
fn alarms_and_the_dashboard_watch_what_is_counted() {
    let word = |text: &str| text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let counted: Vec<String> = read(&root().join("shared/app/src/metric.rs")).split("metric.").skip(1).map(word).collect();
    let watched = read(&root().join("infra/observability.yaml"));
    let alarms = watched.split("Namespace: Flowgate").skip(1).filter_map(|rest| rest.split("MetricName: ").nth(1)).map(word);
    let pictures = watched.lines().filter(|line| line.contains("[\"Flowgate\"")).flat_map(|line| line.split("[\"").skip(1));
    // `...` and `.`: the name before it, of another function.
    let pictures = pictures.filter(|row| !row.starts_with("...")).filter_map(|row| row.split('"').nth(2)).map(word);
    let names: Vec<String> = alarms.chain(pictures).filter(|name| !name.is_empty()).collect();
    assert!(names.len() >= 15, "{names:?}");
    let unknown: Vec<&String> = names.iter().filter(|name| !counted.contains(name)).collect();
    assert!(unknown.is_empty(), "shared/app/src/metric.rs counts no {unknown:?}");
}

fn check_workflow(place: &str, text: &str) {
    let document = Document::parse(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (_, problems) = Workflow::compile(&document);
    let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{place}: {errors:#?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Names under `[dependencies]` and `[build-dependencies]`; what tests alone use is theirs.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if matches!(section, "[dependencies]" | "[build-dependencies]") {
            names.extend(line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned));
        }
    }
    names
}

/// What the product is made of, without files that hold tests alone.
fn sources() -> Vec<(String, String)> {
    let folders = ARROWS.iter().filter(|(package, _)| *package != "tests").map(|(package, _)| root().join(package).join("src"));
    let is_product = |file: &PathBuf| !file.iter().any(|part| part == "tests" || part == "tests.rs");
    folders.flat_map(|folder| files(&folder, &["rs"])).filter(is_product).map(named).collect()
}

fn texts() -> Vec<(String, String)> {
    let known = ["rs", "md", "toml", "yaml", "yml", "http", "run", "editorconfig", "gitattributes", "gitignore"];
    files(&root(), &known).into_iter().map(named).collect()
}

fn named(file: PathBuf) -> (String, String) {
    let text = read(&file);
    (file.strip_prefix(root()).unwrap().display().to_string(), text)
}

/// All files below a folder with one of these endings, or of these names.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = entry.path();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | ".git" | ".flowgate" | ".aws-sam") {
                found.extend(files(&path, endings));
            }
        } else if name.rsplit('.').next().is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Line and length of each function that is too long. Formatted code closes a function where its line began.
fn long_functions(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let lines: Vec<&str> = without_tests(text).lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let words = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
        if !(words.starts_with("fn ") || words.starts_with("async fn ")) {
            continue;
        }
        let end = format!("{indent}}}");
        let length = lines[start..].iter().position(|line| *line == end).map_or(1, |offset| offset + 1);
        if length > LONGEST_FUNCTION && !line.ends_with(';') && !line.ends_with('}') {
            long.push((start + 1, length));
        }
    }
    long.into_iter()
}
