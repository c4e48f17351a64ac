//! A change of the API that breaks its callers stands in CHANGELOG.md: `docs/openapi.json` is
//! compared with the document of the last release.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

mod operations;
mod schemas;
mod rules;

use self::schemas::Comparison;

/// What no longer works for a caller who knows the old document, each with its place.
fn breaks(old: &Value, new: &Value) -> BTreeSet<(String, String)> {
    let mut comparison = Comparison::new(old, new);
    operations::compare(&mut comparison);
    comparison.finish()
}

/// The entries of the unreleased part that say that they break something.
fn admitted(changelog: &str) -> String {
    let unreleased = changelog.split("\n## ").find(|part| part.starts_with("Unreleased"));
    let entries = unreleased.unwrap_or_default().split("\n- ");
    entries.filter(|entry| entry.contains("**Breaking")).collect::<Vec<_>>().join("\n")
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn what_breaks_callers_stands_in_the_changelog() {
    let document = |path: &str| serde_json::from_str::<Value>(&read(path)).unwrap();
    let found = breaks(&document("docs/openapi.released.json"), &document("docs/openapi.json"));
    let admitted = admitted(&read("CHANGELOG.md"));
    let silent: Vec<_> = found
        .iter()
        .filter(|(place, _)| !admitted.contains(&format!("`{place}`")))
        .map(|(place, what)| format!("`{place}`: {what}"))
        .collect();
    assert!(
        silent.is_empty(),
        "these break callers of the last release. Avoid them, or name each place, in backticks as \
         here, in an entry of CHANGELOG.md that contains \"**Breaking\":\n{}",
        silent.join("\n")
    );
}

#[test]
fn an_entry_admits_only_while_it_is_unreleased() {
    let changelog = "# Log\n\n## Unreleased\n\n- Good: `a`.\n- **Breaking**: `b`\n  and `c`.\n\
                     - `d`.\n\n## 1.0.0\n\n- **Breaking**: `e`.\n";
    let admitted = admitted(changelog);
    for (place, is_admitted) in [("a", false), ("b", true), ("c", true), ("d", false), ("e", false)]
    {
        assert_eq!(admitted.contains(&format!("`{place}`")), is_admitted, "{place}: {admitted}");
    }
}
