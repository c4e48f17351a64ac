//! House rules that the compiler cannot check: dependencies, lengths, and words to avoid.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use flowgate_engine::document::Document;
use flowgate_engine::{Severity, Workflow};

/// Each package, and which of our packages it may depend on. Missing arrows are the architecture.
const ARROWS: [(&str, &[&str]); 18] = [
    ("shared/engine", &[]),
    ("shared/core", &["engine"]),
    ("shared/outbound", &["core", "engine"]),
    ("shared/app", &["core", "engine"]),
    ("shared/runner", &["app", "outbound", "engine"]),
    ("shared/api", &["app", "runner", "engine"]),
    ("shared/local", &["core", "engine"]),
    ("shared/aws", &["core", "engine"]),
    ("shared/lambda", &["app", "aws", "runner"]),
    ("functions/invoke", &["api", "lambda"]),
    ("functions/run-status", &["api", "lambda"]),
    ("functions/keys", &["api", "lambda"]),
    ("functions/workflows", &["api", "lambda"]),
    ("functions/worker", &["lambda"]),
    ("functions/webhook", &["lambda"]),
    ("functions/sweeper", &["lambda"]),
    ("cli", &["engine", "core", "outbound", "app", "runner", "api", "local"]),
    ("tests", &["engine", "core", "outbound", "app", "runner", "api", "local", "aws", "lambda"]),
];
/// The engine is pure: it reaches none of these.
const NOT_IN_THE_ENGINE: [&str; 6] =
    ["tokio", "async-trait", "reqwest", "getrandom", "uuid", "jiff"];
/// Only `outbound` calls out. Others reach it through `runner`, behind the feature `starts`.
const CALLS_OUT: [&str; 3] = ["reqwest", "genai", "rquickjs"];
/// These have no features, so they are the same in every build.
const WITHOUT_FEATURES: [&str; 4] =
    ["shared/core", "shared/app", "shared/outbound", "shared/runner"];
/// Files of these packages refer to each other in one direction.
const WITHOUT_CIRCLES: [&str; 2] = ["shared/core", "shared/app"];

const MAX_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 80;
const MAX_LINE_COLUMNS: usize = 100;
/// Some long strings and tables may stay wider.
const MAX_WIDE_LINES: usize = 4_000;
/// "Returns", "sends", "reports" say more than these. A few uses in plain English may stay.
const VAGUE_VERBS: [&str; 6] = ["told", "tell", "tells", "telling", "teller", "untold"];
const MAX_VAGUE_LINES: usize = 400;
/// Limits are `MAX_…`, `MIN_…` or `…_LIMIT`.
const OLD_LIMITS: [&str; 4] = ["MOST_", "LONGEST_", "LARGEST_", "SHORTEST_"];
const MAX_OLD_LIMITS: usize = 60;
/// File names that say nothing about the content.
const VAGUE_MODULES: [&str; 6] = ["utils", "common", "helpers", "types", "models", "services"];

#[test]
fn packages_depend_on_what_the_table_allows() {
    for (package, allowed) in ARROWS {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        for dependency in dependencies(&manifest) {
            let ours = dependency.strip_prefix("flowgate-");
            assert!(
                ours.is_none_or(|ours| allowed.contains(&ours)),
                "{package} must not depend on {dependency}"
            );
            let is_pure =
                package != "shared/engine" || !NOT_IN_THE_ENGINE.contains(&dependency.as_str());
            assert!(is_pure, "the engine must not depend on {dependency}");
            let may_call_out = matches!(package, "shared/outbound" | "cli" | "tests")
                || !CALLS_OUT.contains(&dependency.as_str());
            assert!(
                may_call_out,
                "{package} must not depend on {dependency}: only outbound calls out"
            );
        }
    }
}

/// Packages that only store and read link no HTTP client, model provider or JavaScript: one feature
/// holds all of them.
#[test]
fn only_what_runs_or_delivers_can_call_out() {
    let may = ["functions/invoke", "functions/worker", "functions/webhook"];
    for (package, _) in ARROWS.into_iter().filter(|(package, _)| package.starts_with("functions/"))
    {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert_eq!(manifest.contains("\"starts\""), may.contains(&package), "{package}");
    }
    for package in ["shared/api", "shared/lambda"] {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert!(
            manifest.contains("flowgate-runner = { workspace = true, optional = true }"),
            "{package}"
        );
        assert!(!manifest.contains("\ndefault = "), "{package}: `starts` is asked for");
    }
}

#[test]
fn features_change_nothing_in_what_everybody_shares() {
    for package in WITHOUT_FEATURES {
        assert!(
            !read(&root().join(package).join("Cargo.toml")).contains("[features]"),
            "{package} has features"
        );
        for (file, text) in files(&root().join(package).join("src"), &["rs"]).into_iter().map(named)
        {
            assert!(
                !text.contains("cfg(feature") && !text.contains("(feature ="),
                "{file}: code behind a feature"
            );
            assert!(!text.contains("#![expect(dead_code"), "{file}: nothing is dead as a whole");
        }
    }
}

/// What differs between the APIs is data of the start.
#[test]
fn nothing_below_the_api_asks_which_api_a_run_came_from() {
    for package in [
        "shared/core",
        "shared/app",
        "shared/outbound",
        "shared/runner",
        "shared/local",
        "shared/aws",
    ] {
        for (file, text) in files(&root().join(package).join("src"), &["rs"]).into_iter().map(named)
        {
            let asks = ["Dialect::Gptbots", "Dialect::Sim", "Dialect::AiFlow", ".dialect =="]
                .into_iter()
                .find(|asks| text.contains(asks));
            assert!(asks.is_none(), "{file}: `{}`", asks.unwrap_or_default());
        }
    }
}

#[test]
fn files_name_each_other_in_one_direction() {
    for package in WITHOUT_CIRCLES {
        let folder = root().join(package).join("src");
        let modules: HashMap<String, HashSet<String>> = files(&folder, &["rs"])
            .into_iter()
            .filter_map(|file| Some((module_of(file.strip_prefix(&folder).ok()?)?, read(&file))))
            .map(|(module, text)| (module.clone(), named_modules(&module, without_tests(&text))))
            .collect();
        let circle = modules.keys().find_map(|module| way_back(&modules, module));
        assert!(circle.is_none(), "{package}: {}", circle.unwrap_or_default().join(" -> "));
    }
}

#[test]
fn a_circle_of_files_is_found() {
    let names = |module: &str, text: &str| named_modules(module, text);
    assert_eq!(
        names("a", "use crate::b::{C, d::E};\nuse super::f;"),
        ["b::C", "b::d::E", "f"].map(str::to_owned).into()
    );
    assert_eq!(names("a", "mod b;\npub use b::C;\nmod d;"), ["a::b"].map(str::to_owned).into());
    assert_eq!(
        names("a::b", "fn f() { crate::c::d(); super::e() }"),
        ["c::d", "a::e"].map(str::to_owned).into()
    );
    let modules = [
        ("a", "use crate::b::X;"),
        ("b", "use crate::{c, d};"),
        ("c", "use crate::a::Y;"),
        ("d", ""),
    ];
    let modules = modules.map(|(module, text)| (module.to_owned(), names(module, text))).into();
    assert_eq!(way_back(&modules, "b").unwrap(), ["b", "c", "a", "b"]);
    assert!(way_back(&modules, "d").is_none());
}

#[test]
fn every_package_is_in_the_table() {
    let manifest = read(&root().join("Cargo.toml"));
    let members =
        manifest.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
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
    assert!(
        old.len() <= MAX_OLD_LIMITS,
        "{} of at most {MAX_OLD_LIMITS}:\n{}",
        old.len(),
        old.join("\n")
    );
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

#[test]
fn examples_have_no_problems() {
    let examples = files(&root().join("examples"), &["yaml", "json"]);
    assert!(examples.len() >= 8);
    for example in examples {
        check_workflow(&example.display().to_string(), &read(&example));
    }
}

/// A block that begins with a top-level field is a whole workflow. One that begins with `- ` is a
/// list of nodes.
#[test]
fn workflows_in_the_docs_can_be_published() {
    let guide = root().join("docs/workflow.md");
    let text = read(&guide);
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
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
    let guide = read(&root().join("docs/kinds.md"));
    let list = read(&root().join("shared/engine/src/kind.rs"));
    let list = list.split("BUILT_IN").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let names = list
        .lines()
        .filter_map(|line| Some(line.trim().strip_suffix("::spec,")?.trim_start_matches("r#")));
    let missing: Vec<&str> =
        names.filter(|name| !guide.contains(&format!("\n## `{name}`"))).collect();
    assert!(missing.is_empty(), "docs/kinds.md has no section on {missing:?}");
}

/// An alarm on a metric that nobody counts would stay silent for ever.
#[test]
fn alarms_and_the_dashboard_watch_what_is_counted() {
    let word =
        |text: &str| text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let counted: Vec<String> =
        read(&root().join("shared/app/src/metric.rs")).split("metric.").skip(1).map(word).collect();
    let watched = read(&root().join("infra/observability.yaml"));
    let alarms = watched
        .split("Namespace: Flowgate")
        .skip(1)
        .filter_map(|rest| rest.split("MetricName: ").nth(1))
        .map(word);
    let pictures = watched
        .lines()
        .filter(|line| line.contains("[\"Flowgate\""))
        .flat_map(|line| line.split("[\"").skip(1));
    // `...` and `.` repeat the name before, for another function.
    let pictures = pictures
        .filter(|row| !row.starts_with("..."))
        .filter_map(|row| row.split('"').nth(2))
        .map(word);
    let names: Vec<String> = alarms.chain(pictures).filter(|name| !name.is_empty()).collect();
    assert!(names.len() >= 15, "{names:?}");
    let unknown: Vec<&String> = names.iter().filter(|name| !counted.contains(name)).collect();
    assert!(unknown.is_empty(), "shared/app/src/metric.rs counts no {unknown:?}");
}

fn check_workflow(place: &str, text: &str) {
    let document = Document::parse(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (_, problems) = Workflow::compile(&document);
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{place}: {errors:#?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns the names under `[dependencies]` and `[build-dependencies]`, without dev-dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if matches!(section, "[dependencies]" | "[build-dependencies]") {
            names.extend(
                line.split(['.', ' ', '='])
                    .next()
                    .filter(|name| !name.is_empty() && !name.starts_with('#'))
                    .map(str::to_owned),
            );
        }
    }
    names
}

/// Returns the module path of a file: `runs/read.rs` is `runs::read`. `lib.rs` only lists the
/// others.
fn module_of(file: &Path) -> Option<String> {
    let module = file
        .with_extension("")
        .iter()
        .filter_map(|part| part.to_str())
        .collect::<Vec<_>>()
        .join("::");
    (module != "lib").then_some(module)
}

/// Returns the paths after `crate::`, `super::`, `self::` and the file's own modules, from the
/// root.
fn named_modules(module: &str, text: &str) -> HashSet<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let starts = [("crate::", ""), ("super::", parent), ("self::", module)];
    let mut names = HashSet::new();
    for (start, base) in starts {
        for rest in code.split(start).skip(1) {
            let base = if base.is_empty() { String::new() } else { format!("{base}::") };
            names.extend(paths(rest).into_iter().map(|path| format!("{base}{path}")));
        }
    }
    let children = code.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    names.extend(
        children
            .filter(|child| code.contains(&format!("{child}::")))
            .map(|child| format!("{module}::{child}")),
    );
    names
}

/// Splits `b::{C, d::E}` into `b::C` and `b::d::E`.
fn paths(text: &str) -> Vec<String> {
    let end = text
        .find(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | ':')))
        .unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let Some(inner) = rest.strip_prefix('{').filter(|_| path.is_empty() || path.ends_with("::"))
    else {
        return vec![path.trim_end_matches(':').to_owned()];
    };
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, sign) in inner.char_indices() {
        let is_end = depth == 0 && matches!(sign, ',' | '}');
        if is_end {
            found.extend(
                paths(inner[begin..at].trim()).into_iter().map(|inner| format!("{path}{inner}")),
            );
            begin = at + 1;
        }
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// Returns the shortest path from a file through its references back to itself.
fn way_back(modules: &HashMap<String, HashSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = HashSet::new();
    while let Some(way) = ways.pop_front() {
        let mut next: Vec<_> =
            modules[way.last()?].iter().filter_map(|path| file_of(modules, path)).collect();
        next.sort();
        for module in next.into_iter().filter(|module| Some(module) != way.last()) {
            let further = [way.clone(), vec![module.clone()]].concat();
            if module == start {
                return Some(further);
            }
            if seen.insert(module) {
                ways.push_back(further);
            }
        }
    }
    None
}

/// Returns the file that a path leads into.
fn file_of(modules: &HashMap<String, HashSet<String>>, path: &str) -> Option<String> {
    let mut path = path;
    while !modules.contains_key(path) {
        path = path.rsplit_once("::")?.0;
    }
    Some(path.to_owned())
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
        let end = format!("{indent}}}");
        let length =
            lines[start..].iter().position(|line| *line == end).map_or(1, |offset| offset + 1);
        if length > MAX_FUNCTION_LINES && !line.ends_with(';') && !line.ends_with('}') {
            long.push((start + 1, length));
        }
    }
    long.into_iter()
}
