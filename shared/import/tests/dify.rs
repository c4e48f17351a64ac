//! Real apps of Dify: each becomes a document that compiles, and its report says what differs.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::fmt::Write;
use std::path::Path;

use flowgate_engine::{Document, Severity, Workflow};
use flowgate_import::{Import, Options, import};

/// Imports a file. Panics where a document of it would not compile.
fn imported(name: &str) -> Import {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dify").join(name);
    let imported = import(&std::fs::read(path).unwrap(), &Options::default());
    let imported = imported.unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    for workflow in &imported.workflows {
        let document = Document::parse(&workflow.document.to_string()).unwrap();
        let (_, problems) = Workflow::compile(&document);
        let is_error = |problem: &flowgate_engine::Problem| problem.severity == Severity::Error;
        let errors: Vec<_> = problems.into_iter().filter(is_error).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{:#}", workflow.document);
    }
    imported
}

/// The report, a line for each step and each note.
fn report(imported: &Import) -> String {
    let report = &imported.report;
    let mut text = format!(
        "{}: {} mapped, {} approximated, {} unsupported\n",
        imported.workflows[0].id, report.mapped, report.approximated, report.unsupported
    );
    for entry in &report.entries {
        let became = entry.became.join(", ");
        writeln!(text, "{:?} {} {} -> {became}", entry.outcome, entry.kind, entry.node).unwrap();
        entry.notes.iter().for_each(|note| writeln!(text, "    {note}").unwrap());
    }
    let secrets: Vec<&str> = imported.secrets.iter().map(|secret| secret.name.as_str()).collect();
    writeln!(text, "secrets: {secrets:?}").unwrap();
    text
}

#[test]
fn every_sample_compiles_and_its_report_says_what_differs() {
    for name in [
        "agent-with-tools-chat",
        "course-outline-iteration",
        "memory-chat-variables",
        "search-and-summarize-chat",
        "text-to-card-http",
        "translate-with-review",
    ] {
        let imported = imported(&format!("{name}.dsl"));
        insta::assert_snapshot!(name, report(&imported));
    }
}

#[test]
fn a_key_of_a_file_is_a_secret_and_in_no_document() {
    let imported = imported("text-to-card-http.dsl");
    let secret = &imported.secrets[0];
    assert_eq!(secret.hosts, ["api.imgrender.cn"]);
    assert_eq!(secret.value.reveal(), "REPLACE_WITH_KEY");
    let document = imported.workflows[0].document.to_string();
    assert!(!document.contains("REPLACE_WITH_KEY"), "{document}");
    assert!(document.contains(&format!("{{{{{}}}}}", secret.name)), "{document}");
}
