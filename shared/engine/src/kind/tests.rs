use std::collections::BTreeSet;

use super::*;
use crate::kind::node_fields;
use crate::{Document, Severity, Workflow};

#[test]
fn every_kind_is_declared_whole() {
    for kind in Kinds::standard().iter() {
        let name = &kind.name;
        assert!(kind.summary.ends_with('.'), "{name}: the summary is a sentence");
        let fields: BTreeSet<&str> = kind.fields.iter().map(|spec| &*spec.name).collect();
        assert_eq!(fields.len(), kind.fields.len(), "{name}: a field stands twice in the table");
        assert!(
            kind.fields.iter().all(|spec| !spec.help.is_empty()),
            "{name}: a field has no help"
        );
        if let Some(limits) = kind.call {
            let is_possible =
                (Duration::from_millis(1)..=limits.max_timeout).contains(&limits.default_timeout);
            assert!(is_possible, "{name}: the default timeout is beyond its limits");
        }
    }
}

#[test]
fn no_two_kinds_share_a_name() {
    let names: BTreeSet<&str> = Kinds::standard().names().collect();
    assert_eq!(names.len(), Kinds::standard().names().count());
}

/// What an example refers to need not be there; the example itself must be right.
#[test]
fn every_example_has_the_fields_of_its_kind() {
    for kind in Kinds::standard().iter() {
        let example = kind.example.replace('\n', "\n    ");
        let document = Document::parse(&format!("nodes:\n  - {example}")).unwrap();
        let node = &document.root()["nodes"][0];
        assert_eq!(node["type"], *kind.name, "{}", kind.name);
        let (_, problems) = Workflow::compile(&document);
        let is_about_fields =
            |message: &str| message.contains("field") || message.contains(" must ");
        let wrong: Vec<_> = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .filter(|problem| {
                is_about_fields(&problem.message) && !problem.message.contains("<api.")
            })
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", kind.name);
    }
}

#[test]
fn common_fields_are_read_by_one_table() {
    let names: Vec<&str> = node_fields::FIELDS.iter().map(|spec| &*spec.name).collect();
    assert_eq!(
        names,
        [
            "id",
            "type",
            "name",
            "description",
            "after",
            "retry",
            "timeout",
            "at_most_once",
            "on_error"
        ]
    );
}

#[test]
fn a_later_kind_goes_before_an_earlier_one_of_its_name() {
    let note = || KindSpec { summary: "Another note.".into(), ..note::spec() };
    let kinds = Kinds::standard().clone().with(note());
    assert_eq!(kinds.names().count(), Kinds::standard().names().count());
    assert_eq!(kinds.find("note").unwrap().summary, "Another note.");
}
