//! `replace`: replaces what occurs in a text.

use std::sync::Arc;

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::NFA;
use regex_automata::util::interpolate;
use regex_automata::{Anchored, Input};
use serde_json::json;

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Part, Text};
use crate::field::{FieldSpec, FieldType};
use crate::pattern::{self, find_all};
use crate::run::budget::within_budget;
use crate::weight::Weight;

const WHAT: &[&str] = &["find", "pattern"];
/// Groups are found by a second look at each match: states times bytes.
const MAX_GROUP_WORK: usize = 50_000_000;

const TEXT: FieldSpec = FieldSpec::new("text", FieldType::Text, "the text").required();
const FIND: FieldSpec =
    FieldSpec::new("find", FieldType::Text, "a text, taken literally; not empty").one_of(WHAT);
const PATTERN: FieldSpec =
    FieldSpec::new("pattern", FieldType::Text, "a regular expression, such as `\\s+`").one_of(WHAT);
const WITH: FieldSpec = FieldSpec::with_default(
    "with",
    FieldType::Text,
    "\"\"",
    "what stands in its place; with `pattern`, `$1` and `${name}` are groups of the match",
);

const FIELDS: &[FieldSpec] = &[TEXT, FIND, PATTERN, WITH];

const DETAILS: &str = "\
`content` is the new text, `count` how often something was replaced. A regular expression has no
look-around and no references to its own groups; `(?i)` ignores case, `(?m)` lets `^` and `$`
match at lines, `(?s)` lets `.` match line breaks. One that takes too long for its text fails as
`pattern_too_costly`. A `$` that is none of a group is written `$$`; what a reference gives in
`with` is never read for groups.

```yaml
- id: names
  type: replace
  text: <api.text>
  pattern: \"(?P<last>\\\\w+), (?P<first>\\\\w+)\"
  with: \"${first} ${last}\"
```";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "replace".into(),
        summary: "Replaces what occurs in a text.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[("content", OutputType::Text), ("count", OutputType::Number)])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/find", "/pattern"]),
        example: r#"{ id: line, type: replace, text: <page.data>, pattern: "\\s+", with: " " }"#
            .into(),
        read: Arc::new(|fields| Box::new(Replace::read(fields))),
    }
}

#[derive(Debug)]
struct Replace {
    text: Text,
    what: What,
    with: Text,
}

#[derive(Debug)]
enum What {
    Literal(Text),
    Pattern(Text),
}

impl Replace {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let pattern = fields.text(&PATTERN);
        if let Some(Text { parts }) = &pattern
            && let [Part::Text(written)] = parts.as_slice()
            && let Err(why) = pattern::compile(written)
        {
            fields.error(&PATTERN.name, format!("`pattern`: {why}"));
        }
        let what = match (fields.text(&FIND), pattern) {
            (None, Some(pattern)) => What::Pattern(pattern),
            (find, _) => What::Literal(find.unwrap_or_default()),
        };
        let with = fields.text(&WITH).unwrap_or_default();
        Self { text: fields.text(&TEXT).unwrap_or_default(), what, with }
    }
}

impl Node for Replace {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let text = self.text.render_string(scope)?;
        let (content, count) = match &self.what {
            What::Literal(find) => {
                let (find, with) = (find.render_string(scope)?, self.with.render_string(scope)?);
                literally(&text, &find, &with)?
            }
            What::Pattern(pattern) => {
                let pattern = pattern.render_string(scope)?;
                by_pattern(&text, &pattern, &replacement(&self.with, scope)?)?
            }
        };
        Ok(Plan::done(json!({ "content": content, "count": count })))
    }

    fn is_slow(&self) -> bool {
        matches!(self.what, What::Pattern(_))
    }
}

fn literally(text: &str, find: &str, with: &str) -> Result<(String, usize), NodeError> {
    if find.is_empty() {
        return Err(NodeError::new("invalid_field", "`find` is empty"));
    }
    let count = text.matches(find).count();
    check_length(text.len() - count * find.len() + count.saturating_mul(with.len()))?;
    Ok((text.replace(find, with), count))
}

/// Counted before the text is made.
fn check_length(bytes: usize) -> Result<(), NodeError> {
    within_budget(Weight { json: bytes, memory: bytes })
}

/// A part of what stands in the place of a match.
enum Piece {
    /// The author's text, in which `$1` is a group.
    Written(String),
    /// What a reference gives, as it is.
    Given(String),
}

fn replacement(with: &Text, scope: &Scope<'_>) -> Result<Vec<Piece>, NodeError> {
    let piece = |part: &Part| match part {
        Part::Text(text) => Ok(Piece::Written(text.clone())),
        given => Text { parts: vec![given.clone()] }.render_string(scope).map(Piece::Given),
    };
    with.parts.iter().map(piece).collect()
}

fn by_pattern(text: &str, pattern: &str, with: &[Piece]) -> Result<(String, usize), NodeError> {
    let invalid = |why| NodeError::new("invalid_pattern", format!("`pattern`: {why}"));
    let nfa = pattern::compile(pattern).map_err(invalid)?;
    let matches = find_all(&nfa, text).map_err(|_| too_costly())?;
    let mut groups = Groups::new(pattern, &nfa, with)?;
    let mut content = String::new();
    let mut at = 0;
    for (start, end) in &matches {
        content.push_str(&text[at..*start]);
        groups.push(&mut content, text, *start..*end)?;
        check_length(content.len())?;
        at = *end;
    }
    content.push_str(&text[at..]);
    Ok((content, matches.len()))
}

fn too_costly() -> NodeError {
    NodeError::new("pattern_too_costly", "the text is too long for such a pattern")
}

struct Groups<'w> {
    regex: Regex,
    states: usize,
    with: &'w [Piece],
    has_groups: bool,
    left: usize,
}

impl<'w> Groups<'w> {
    fn new(pattern: &str, nfa: &NFA, with: &'w [Piece]) -> Result<Self, NodeError> {
        let regex = Regex::new(pattern)
            .map_err(|error| NodeError::new("invalid_pattern", format!("`pattern`: {error}")))?;
        let has_groups = with
            .iter()
            .any(|piece| matches!(piece, Piece::Written(written) if written.contains('$')));
        let states = nfa.states().len();
        Ok(Self { regex, states, with, has_groups, left: MAX_GROUP_WORK })
    }

    /// Appends what stands in the place of a match.
    fn push(
        &mut self,
        content: &mut String,
        text: &str,
        found: std::ops::Range<usize>,
    ) -> Result<(), NodeError> {
        let mut captures = self.regex.create_captures();
        if self.has_groups {
            let work = self.states.saturating_mul(found.len() + 1);
            self.left = self.left.checked_sub(work).ok_or_else(too_costly)?;
            let input = Input::new(text).span(found).anchored(Anchored::Yes);
            self.regex.search_captures(&input, &mut captures);
        }
        for piece in self.with {
            match piece {
                Piece::Given(given) => content.push_str(given),
                Piece::Written(written) => {
                    let names = captures.group_info();
                    let append = |index: usize, content: &mut String| {
                        let group = captures.get_group(index);
                        content.push_str(group.map_or("", |span| &text[span.range()]));
                    };
                    let index = |name: &str| names.to_index(regex_automata::PatternID::ZERO, name);
                    interpolate::string(written, append, index, content);
                }
            }
            check_length(content.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::run::tests::{error, output};
    use crate::{Document, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "x", "type": "replace", "text": "<api.input.t>" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    fn check(fields: Value, text: &str, content: &str, count: usize) {
        let given = output(&yaml(&fields), json!({ "t": text, "r": "$0$$", "p": "b+" }));
        assert_eq!(given, json!({ "content": content, "count": count }), "{fields} {text}");
    }

    fn fails(fields: Value, text: &str, code: &str) {
        let failure = error(&yaml(&fields), json!({ "t": text, "w": "x".repeat(10_000) }));
        assert_eq!(failure.code, code, "{fields}: {}", failure.message);
    }

    #[test]
    fn texts_are_replaced_literally() {
        check(json!({"find": "a.", "with": "$1"}), "a.ab a.", "$1ab $1", 2);
        check(json!({"find": "é"}), "éxé", "x", 2);
        check(json!({"find": "<api.input.p>", "with": "<api.input.r>"}), "ab+", "a$0$$", 1);
        check(json!({"find": "z", "with": "y"}), "a", "a", 0);
        fails(json!({"find": "<api.input.gone>"}), "a", "invalid_field");
    }

    #[test]
    fn patterns_are_replaced_with_groups() {
        check(json!({"pattern": "\\s+", "with": " "}), "a \n b\t", "a b ", 2);
        check(
            json!({"pattern": "(\\w+), (?P<f>\\w+)", "with": "${f} $1!"}),
            "Doe, Jo",
            "Jo Doe!",
            1,
        );
        check(json!({"pattern": "b", "with": "$$5 $9"}), "abc", "a$5 c", 1);
        check(json!({"pattern": "(?i)É"}), "éaÉ", "a", 2);
        check(json!({"pattern": "x*", "with": "-"}), "axb", "-a-b-", 3);
        check(json!({"pattern": "\\bb", "with": "<$0>"}), "ab b", "ab <b>", 1);
        check(json!({"pattern": "<api.input.p>", "with": "[$0]"}), "abbc", "a[bb]c", 1);
        // What a reference gives is never read for groups.
        check(json!({"pattern": "b", "with": "<api.input.r>$0"}), "abc", "a$0$$bc", 1);
    }

    #[test]
    fn costs_and_sizes_are_bounded() {
        let square = json!({"pattern": "(?s)a.*b|a", "with": "x"});
        fails(square, &"a".repeat(100_000), "pattern_too_costly");
        let groups = json!({"pattern": "(?s)(\\w{50}|.)+", "with": "$1"});
        fails(groups, &"a ".repeat(100_000), "pattern_too_costly");
        fails(json!({"find": "a", "with": "<api.input.w>"}), &"a".repeat(500), "value_too_large");
        fails(
            json!({"pattern": "a", "with": "<api.input.w>"}),
            &"a".repeat(500),
            "value_too_large",
        );
        let doubled = json!({"pattern": "(?s).+", "with": "$0$0$0$0$0"});
        fails(doubled, &"a".repeat(900_000), "value_too_large");
        fails(json!({"pattern": "<api.input.t>"}), "(", "invalid_pattern");
        fails(json!({"pattern": "<api.input.t>"}), "(\\w{100}){100}", "invalid_pattern");
    }

    #[test]
    fn fields_are_checked() {
        let problems = |fields: Value| -> Vec<String> {
            let (_, problems) = Workflow::compile(&Document::parse(&yaml(&fields)).unwrap());
            problems.into_iter().map(|problem| problem.message).collect()
        };
        assert_eq!(problems(json!({"with": "x"})), ["one of `find` and `pattern` is needed"]);
        let wrong = problems(json!({"pattern": "(a"}));
        assert!(wrong[0].starts_with("`pattern`: not a regular expression"), "{wrong:?}");
        assert_eq!(problems(json!({"pattern": "a(?=b)"})).len(), 1);
    }
}
