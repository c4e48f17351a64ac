//! A document with another name or description, and otherwise as its author wrote it.

use flowgate_engine::document::Document;
use flowgate_import::yaml;
use serde_json::{Map, Value};

/// A field of a document's top, and its text from now on; `None`: it goes.
pub(super) type Change<'a> = (&'a str, Option<&'a str>);

/// Writes the lines of these fields anew and no other, unless the document has them in another way:
/// then all of it.
pub(super) fn edited(document: &str, changes: &[Change<'_>]) -> String {
    let Ok(parsed) = Document::parse(document) else { return document.to_owned() };
    let wanted = changed(parsed.root(), changes);
    if wanted == *parsed.root() {
        return document.to_owned();
    }
    let by_lines =
        changes.iter().fold(document.to_owned(), |text, change| with_line(&text, *change));
    let is_right = Document::parse(&by_lines).is_ok_and(|edited| *edited.root() == wanted);
    match is_right {
        true => by_lines,
        false if document.trim_start().starts_with('{') => format!("{:#}\n", Value::Object(wanted)),
        false => yaml::written(&Value::Object(wanted)),
    }
}

fn changed(root: &Map<String, Value>, changes: &[Change<'_>]) -> Map<String, Value> {
    let mut root = root.clone();
    for (field, text) in changes {
        match text {
            Some(text) => drop(root.insert((*field).to_owned(), (*text).into())),
            None => drop(root.shift_remove(*field)),
        }
    }
    root
}

/// In a block of YAML a field begins at the margin, and what it holds is further in.
fn with_line(document: &str, (field, text): Change<'_>) -> String {
    let line = text.map(|text| format!("{field}: {}\n", Value::from(text))).unwrap_or_default();
    let mut lines = document.split_inclusive('\n').peekable();
    let mut edited = String::with_capacity(document.len() + line.len());
    let is_of = |line: &str| line.strip_prefix(field).is_some_and(|rest| rest.starts_with(':'));
    while let Some(before) = lines.next_if(|line| !is_of(line)) {
        edited.push_str(before);
    }
    if lines.next().is_none() {
        let is_aside = |line: &&str| line.starts_with('#') || line.trim().is_empty();
        let head: String = document.split_inclusive('\n').take_while(is_aside).collect();
        return format!("{head}{line}{}", &document[head.len()..]);
    }
    edited.push_str(&line);
    let is_within = |line: &&str| line.starts_with([' ', '\t']) || line.trim().is_empty();
    while lines.next_if(is_within).is_some() {}
    edited.extend(lines);
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENAMED: Change<'_> = ("name", Some("B: \"new\""));

    #[test]
    fn what_else_the_author_wrote_stays() {
        let text = "# Mine.\n\nname: A # why\nnodes: [] # none\n";
        let expected = "# Mine.\n\nname: \"B: \\\"new\\\"\"\nnodes: [] # none\n";
        assert_eq!(edited(text, &[RENAMED]), expected);
        let text = "# Mine.\nnodes: []\nname: |\n  A\n\n  and more\n# End.\n";
        let expected = "# Mine.\nnodes: []\nname: \"B: \\\"new\\\"\"\n# End.\n";
        assert_eq!(edited(text, &[RENAMED]), expected);
        let added = edited("# Mine.\nnodes: []", &[("description", Some("x\ny"))]);
        assert_eq!(added, "# Mine.\ndescription: \"x\\ny\"\nnodes: []");
        let text = "name: A\ndescription: >\n  long\nnodes: []\n";
        assert_eq!(edited(text, &[("description", None)]), "name: A\nnodes: []\n");
    }

    #[test]
    fn what_changes_nothing_is_left_as_it_is() {
        for text in ["name:   A\nnodes: []", ": [", "{ \"name\": \"A\", \"nodes\": [] }"] {
            assert_eq!(edited(text, &[("name", Some("A")), ("description", None)]), text);
        }
    }

    #[test]
    fn any_other_form_is_written_anew_with_the_same_content() {
        for text in [
            "{ name: A, nodes: [] }",
            "{ \"nodes\": [],\n\"name\": \"A\" }",
            "\"name\": A\nnodes: []\n",
            "---\nname: A\nnodes: []\n",
            "nodes:\n- id: x\n  type: template\n  template: |\n    a\nname: A",
        ] {
            let before = Document::parse(text).unwrap();
            let changes = [RENAMED, ("description", Some("é\u{7}\n# no: comment\n"))];
            let after = edited(text, &changes);
            let parsed = Document::parse(&after).unwrap();
            assert_eq!(*parsed.root(), changed(before.root(), &changes), "{after}");
        }
    }
}
