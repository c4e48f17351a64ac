//! House rules that the compiler cannot check: dependencies, lengths, and words to avoid.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::fs;
use std::path::{Path, PathBuf};

mod circles;
mod documents;
mod packages;
mod supply;

/// Each package, and which of our packages it may depend on. Missing arrows are the architecture.
const ARROWS: [(&str, &[&str]); 23] = [
    ("shared/engine", &[]),
    ("shared/import", &["engine"]),
    ("shared/core", &["engine"]),
    ("shared/child-protocol", &[]),
    ("shared/child", &["child-protocol"]),
    ("shared/outbound", &["core", "engine", "child-protocol"]),
    ("shared/app", &["core", "engine", "import"]),
    ("shared/runner", &["app", "outbound", "engine"]),
    ("shared/api", &["app", "runner", "engine", "import"]),
    ("shared/web", &[]),
    ("shared/local", &["core"]),
    ("shared/aws", &["core"]),
    ("shared/lambda", &["app", "aws", "runner"]),
    ("functions/invoke", &["api", "lambda"]),
    ("functions/run-status", &["api", "lambda"]),
    ("functions/keys", &["api", "lambda"]),
    ("functions/workflows", &["api", "lambda"]),
    ("functions/worker", &["lambda"]),
    ("functions/webhook", &["lambda"]),
    ("functions/sweeper", &["lambda"]),
    ("functions/console", &["lambda", "web"]),
    (
        "cli",
        &["engine", "import", "core", "child", "outbound", "app", "runner", "api", "web", "local"],
    ),
    (
        "tests",
        &[
            "engine",
            "import",
            "core",
            "child-protocol",
            "child",
            "outbound",
            "app",
            "runner",
            "api",
            "web",
            "local",
            "aws",
            "lambda",
        ],
    ),
];
/// The engine is pure: it reaches none of these.
const NOT_IN_THE_ENGINE: [&str; 6] =
    ["tokio", "async-trait", "reqwest", "getrandom", "uuid", "jiff"];
/// Only `outbound` calls out. Others reach it through `runner`, behind the feature `starts`.
const CALLS_OUT: [&str; 1] = ["reqwest"];
/// Only the child runs untrusted code and reads untrusted documents, so no other program links what
/// does. Tests make documents.
const ONLY_OF_THE_CHILD: [&str; 11] = [
    "rquickjs",
    "monty",
    "monty-alloc",
    "pdf-inspector",
    "calamine",
    "csv",
    "quick-xml",
    "html5ever",
    "html5gum",
    "htmd",
    "zip",
];
/// These have no features, so they are the same in every build.
const WITHOUT_FEATURES: [&str; 4] =
    ["shared/core", "shared/app", "shared/outbound", "shared/runner"];
/// Files of these packages refer to each other in one direction.
const WITHOUT_CIRCLES: [&str; 2] = ["shared/core", "shared/app"];

const MAX_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 80;
const MAX_LINE_COLUMNS: usize = 100;
/// Some long strings and tables may stay wider.
const MAX_WIDE_LINES: usize = 50;
/// "Returns", "sends", "reports" say more than these. A few uses in plain English may stay.
const VAGUE_VERBS: [&str; 6] = ["told", "tell", "tells", "telling", "teller", "untold"];
const MAX_VAGUE_LINES: usize = 20;
/// Limits are `MAX_…`, `MIN_…` or `…_LIMIT`.
const OLD_LIMITS: [&str; 4] = ["MOST_", "LONGEST_", "LARGEST_", "SHORTEST_"];
/// File names that say nothing about the content.
const VAGUE_MODULES: [&str; 6] = ["utils", "common", "helpers", "types", "models", "services"];

#[test]
fn source_files_say_what_they_are_for_and_stay_short() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            broken.push(format!("{file}: its first line is a `//!` sentence on what it is for"));
        }
        let lines = without_tests(&text).lines().count();
        if lines > MAX_LINES {
            broken.push(format!("{file}: {lines} lines without its tests, at most {MAX_LINES}"));
        }
        broken.extend(long_functions(&text).map(|(line, length)| {
            format!("{file}:{line}: a function of {length} lines, at most {MAX_FUNCTION_LINES}")
        }));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_is_silenced_and_nothing_is_vague() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (number, line) in
            text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start()))
        {
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                broken.push(format!("{file}:{number}: `expect` with a reason, not `allow`"));
            }
            let module = line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub ")
                .strip_prefix("mod ");
            let name = module.and_then(|rest| rest.split([';', ' ', '{']).next());
            if name.is_some_and(|name| VAGUE_MODULES.contains(&name)) {
                broken.push(format!("{file}:{number}: name a module after its content"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn lines_fit_in_a_hundred_columns() {
    let is_wide = |line: &str| line.chars().count() > MAX_LINE_COLUMNS;
    let wide = lines(&["rs"], is_wide);
    assert!(
        wide.len() <= MAX_WIDE_LINES,
        "{} of at most {MAX_WIDE_LINES}:\n{}",
        wide.len(),
        wide.join("\n")
    );
}

#[test]
fn limits_are_named_max_or_min() {
    let is_old = |line: &str| {
        let line = line
            .trim_start()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        line.strip_prefix("const ")
            .is_some_and(|name| OLD_LIMITS.iter().any(|prefix| name.starts_with(prefix)))
    };
    let old = lines(&["rs"], is_old);
    assert!(old.is_empty(), "\n{}", old.join("\n"));
}

#[test]
fn texts_use_exact_verbs() {
    let is_vague = |line: &str| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| VAGUE_VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)))
    };
    let vague = lines(&["rs", "md", "yaml", "yml", "toml", "py", "mjs", "js"], is_vague);
    assert!(
        vague.len() <= MAX_VAGUE_LINES,
        "{} of at most {MAX_VAGUE_LINES}:\n{}",
        vague.len(),
        vague.join("\n")
    );
}

#[test]
fn texts_are_clean_and_speak_of_nothing_outside_the_repository() {
    // Joined here, so that this file does not contain them.
    let elsewhere = [
        concat!("../", "shared/"),
        concat!("/tmp", "/"),
        concat!("/work", "/"),
        concat!("/root", "/"),
        concat!("/home", "/"),
    ];
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the product's source files, without test files.
fn sources() -> Vec<(String, String)> {
    let folders = ARROWS
        .iter()
        .filter(|(package, _)| *package != "tests")
        .map(|(package, _)| root().join(package).join("src"));
    let is_product =
        |file: &PathBuf| !file.iter().any(|part| part == "tests" || part == "tests.rs");
    folders.flat_map(|folder| files(&folder, &["rs"])).filter(is_product).map(named).collect()
}

fn texts() -> Vec<(String, String)> {
    let known = [
        "rs",
        "md",
        "toml",
        "yaml",
        "yml",
        "http",
        "run",
        "editorconfig",
        "gitattributes",
        "gitignore",
    ];
    files(&root(), &known).into_iter().map(named).collect()
}

/// Returns the lines that match, each with its file and number.
fn lines(endings: &[&str], matches: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in files(&root(), endings).into_iter().map(named) {
        let matching = text.lines().enumerate().filter(|(_, line)| matches(line));
        found
            .extend(matching.map(|(index, line)| format!("{file}:{}: {}", index + 1, line.trim())));
    }
    found
}

fn named(file: PathBuf) -> (String, String) {
    let text = read(&file);
    (file.strip_prefix(root()).unwrap().display().to_string(), text)
}

/// Returns all files below a folder with one of these extensions or names.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = entry.path();
        if path.is_dir() {
            let others = ["target", ".git", ".flowgate", ".aws-sam", "node_modules", "dist"];
            if !others.contains(&name.as_str()) {
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

/// Returns line and length of each function that is too long. In formatted code, a function's
/// closing brace has the indentation of its first line.
fn long_functions(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let lines: Vec<&str> = without_tests(text).lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let words = line
            .trim_start()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        if !(words.starts_with("fn ") || words.starts_with("async fn ")) {
            continue;
        }
        // A declaration has no body of its own, and a body may stand on the same line.
        let head = lines[start..].iter().find(|line| line.ends_with(['{', ';', '}']));
        if head.is_none_or(|head| !head.ends_with('{')) {
            continue;
        }
        let end = format!("{indent}}}");
        let length =
            lines[start..].iter().position(|line| *line == end).map_or(1, |offset| offset + 1);
        if length > MAX_FUNCTION_LINES {
            long.push((start + 1, length));
        }
    }
    long.into_iter()
}
