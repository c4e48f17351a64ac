//! Examples, workflows in the docs, kinds of nodes, and metrics of alarms.

use flowgate_engine::document::Document;
use flowgate_engine::{Severity, Workflow};

use super::{files, read, root};

#[test]
fn examples_have_no_problems() {
    let folder = root().join("examples");
    let examples = files(&folder, &["yaml", "json"]);
    assert!(examples.len() >= 8);
    for example in examples.iter().filter(|example| !example.starts_with(folder.join("cases"))) {
        check_workflow(&example.display().to_string(), &read(example));
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

/// A test that was renamed proves nothing to the reader who looks for it.
#[test]
fn files_that_the_promises_name_exist() {
    for page in ["SECURITY.md", "docs/promises.md", "ARCHITECTURE.md"] {
        let text = read(&root().join(page));
        let quoted = text.split('`').skip(1).step_by(2);
        let paths =
            quoted.filter(|text| ["tests/", "shared/"].iter().any(|at| text.starts_with(at)));
        let plain = paths.filter(|path| !path.contains([' ', '<', '*', '{']));
        let missing: Vec<&str> = plain.filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{page} names what is not there: {missing:?}");
    }
}

fn check_workflow(place: &str, text: &str) {
    let document = Document::parse(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (_, problems) = Workflow::compile(&document);
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{place}: {errors:#?}");
}
