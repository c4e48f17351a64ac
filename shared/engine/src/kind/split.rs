//! `split`: cuts a text into parts.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::setting::{self, Setting, integer};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};
use crate::run::budget::within_budget;
use crate::weight::Weight;

const HOW: &[&str] = &["separator", "length"];
const MAX_LENGTH: u64 = 4_000_000;

const TEXT: FieldSpec = FieldSpec::new("text", FieldType::Text, "the text").required();
const SEPARATOR: FieldSpec = FieldSpec::new(
    "separator",
    FieldType::Text,
    "stands between the parts, and in none of them; not empty. A line break is `\"\\n\"`",
)
.one_of(HOW);
const LENGTH: FieldSpec =
    FieldSpec::new("length", FieldType::IntegerRef(1, MAX_LENGTH), "of each part, in characters")
        .one_of(HOW);
const OVERLAP: FieldSpec = FieldSpec::with_default(
    "overlap",
    FieldType::IntegerRef(0, MAX_LENGTH),
    "0",
    "how many characters a part repeats of the one before; less than `length`",
);
const TRIM: FieldSpec = FieldSpec::with_default(
    "trim",
    FieldType::Boolean,
    "false",
    "`true`: parts lose white space at both ends, and empty parts are left out",
);

const FIELDS: &[FieldSpec] = &[TEXT, SEPARATOR, LENGTH, OVERLAP, TRIM];

const DETAILS: &str = "\
`parts` are texts, `count` is their number. A text without the separator is one part, and so is
a text that is not longer than `length`; an empty text has no parts. Characters are those of
Unicode, and none is cut. The last part by `length` may be shorter than the others.

```yaml
- { id: lines, type: split, text: <api.notes>, separator: \"\\n\", trim: true }
```";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "split".into(),
        summary: "Cuts a text into parts.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[("parts", OutputType::List), ("count", OutputType::Number)])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/text"]),
        example: "{ id: chunks, type: split, text: <page.data>, length: 2000, overlap: 200 }"
            .into(),
        read: Arc::new(|fields| Box::new(Split::read(fields))),
    }
}

#[derive(Debug)]
struct Split {
    text: Text,
    how: How,
    trim: bool,
}

#[derive(Debug)]
enum How {
    Separator(Text),
    Length { length: Option<Setting<u64>>, overlap: Option<Setting<u64>> },
}

impl Split {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let text = fields.text(&TEXT).unwrap_or_default();
        let length = integer(fields, &LENGTH);
        let overlap = integer(fields, &OVERLAP);
        if let (Some(Setting::Fixed(length)), Some(Setting::Fixed(overlap))) = (&length, &overlap)
            && overlap >= length
        {
            fields.error(&OVERLAP.name, "`overlap` is less than `length`");
        }
        if overlap.is_some() && !fields.is_given(&LENGTH) {
            fields.warning(&OVERLAP.name, "`overlap` has no effect without `length`");
        }
        let how = match fields.text(&SEPARATOR) {
            Some(separator) => How::Separator(separator),
            None => How::Length { length, overlap },
        };
        Self { text, how, trim: fields.boolean(&TRIM).unwrap_or(false) }
    }
}

impl Node for Split {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let text = self.text.render_string(scope)?;
        let separator = match &self.how {
            How::Separator(separator) => separator.render_string(scope)?,
            How::Length { .. } => String::new(),
        };
        let parts = match &self.how {
            How::Separator(_) => by_separator(&text, &separator)?,
            How::Length { length, overlap } => {
                let length = size(length.as_ref(), &LENGTH, scope)?;
                let length = length.ok_or_else(|| invalid("`length` is null"))?;
                let overlap = size(overlap.as_ref(), &OVERLAP, scope)?.unwrap_or(0);
                by_length(&text, length, overlap)?
            }
        };
        let parts: Vec<Value> = match self.trim {
            true => parts.map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect(),
            false => parts.map(Value::from).collect(),
        };
        let count = parts.len();
        let fields =
            [("parts".to_owned(), Value::Array(parts)), ("count".to_owned(), json!(count))];
        Ok(Plan::done(Value::Object(Map::from_iter(fields))))
    }
}

fn size(
    setting: Option<&Setting<u64>>,
    spec: &FieldSpec,
    scope: &Scope<'_>,
) -> Result<Option<usize>, NodeError> {
    let size = setting::read(setting, spec, scope)?;
    Ok(size.and_then(|size| usize::try_from(size).ok()))
}

fn invalid(message: &str) -> NodeError {
    NodeError::new("invalid_field", message)
}

type Parts<'t> = Box<dyn Iterator<Item = &'t str> + 't>;

fn by_separator<'t>(text: &'t str, separator: &'t str) -> Result<Parts<'t>, NodeError> {
    if separator.is_empty() {
        return Err(invalid("`separator` is empty; `length` cuts without one"));
    }
    if text.is_empty() {
        return Ok(Box::new(std::iter::empty()));
    }
    check(text.matches(separator).count() + 1, text.len())?;
    Ok(Box::new(text.split(separator)))
}

fn by_length(text: &str, length: usize, overlap: usize) -> Result<Parts<'_>, NodeError> {
    let step = length.checked_sub(overlap).filter(|step| *step > 0);
    let step = step.ok_or_else(|| invalid("`overlap` is less than `length`"))?;
    let characters = text.chars().count();
    let count = characters.saturating_sub(overlap).div_ceil(step).max(1);
    // Where each character begins, and the end.
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let bytes = move |index: usize| {
        let start = index * step;
        starts[start]..starts[start.saturating_add(length).min(characters)]
    };
    let count = count.min(characters);
    check(count, (0..count).map(|index| bytes(index).len()).sum())?;
    Ok(Box::new((0..count).map(move |index| &text[bytes(index)])))
}

/// Counts the parts before they are made.
fn check(parts: usize, bytes: usize) -> Result<(), NodeError> {
    let Weight { json, memory } = Weight::of_text("");
    let json = bytes.saturating_add(parts.saturating_mul(json + 1));
    within_budget(Weight { json, memory: bytes.saturating_add(parts.saturating_mul(memory)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::{error, output};
    use crate::{Document, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "x", "type": "split", "text": "<api.input.t>" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    fn check(fields: Value, text: &str, expected: &[&str]) {
        let expected = json!({ "parts": expected, "count": expected.len() });
        let given = output(&yaml(&fields), json!({ "t": text, "n": 3 }));
        assert_eq!(given, expected, "{fields} {text}");
    }

    #[test]
    fn texts_are_cut_at_separators() {
        check(json!({"separator": ","}), "a,b,,c", &["a", "b", "", "c"]);
        check(json!({"separator": ","}), "a", &["a"]);
        check(json!({"separator": ","}), "", &[]);
        check(json!({"separator": ","}), ",", &["", ""]);
        check(json!({"separator": "é"}), "aéb", &["a", "b"]);
        check(json!({"separator": "\n\n", "trim": true}), " a \n\n\n\n b", &["a", "b"]);
        check(json!({"separator": "<api.input.n>"}), "a3b", &["a", "b"]);
    }

    #[test]
    fn texts_are_cut_by_length() {
        check(json!({"length": 2}), "abcde", &["ab", "cd", "e"]);
        check(json!({"length": 2}), "abcd", &["ab", "cd"]);
        check(json!({"length": 9}), "abc", &["abc"]);
        check(json!({"length": 2}), "", &[]);
        check(json!({"length": "<api.input.n>", "overlap": 1}), "abcdefg", &["abc", "cde", "efg"]);
        check(json!({"length": 3, "overlap": 1}), "abcdef", &["abc", "cde", "ef"]);
        check(json!({"length": 3, "overlap": 2}), "ab", &["ab"]);
        check(json!({"length": 1}), "é😀ü", &["é", "😀", "ü"]);
        check(json!({"length": 2, "trim": true}), "a   b", &["a", "b"]);
    }

    /// Each part but the last has the length, and without what they repeat they are the text.
    #[test]
    fn parts_put_together_are_the_text() {
        let text: String = "aé😀bcü".chars().cycle().take(97).collect();
        for length in 1..20 {
            for overlap in 0..length {
                let fields = json!({"length": length, "overlap": overlap});
                let given = output(&yaml(&fields), json!({ "t": text }));
                let parts = given["parts"].as_array().unwrap();
                let parts = parts.iter().map(|part| part.as_str().unwrap());
                let whole: String = parts
                    .enumerate()
                    .map(|(n, part)| match n {
                        0 => part.to_owned(),
                        _ => part.chars().skip(overlap).collect(),
                    })
                    .collect();
                assert_eq!(whole, text, "{fields}");
            }
        }
    }

    #[test]
    fn parts_are_counted_before_they_are_made() {
        let fails = |fields: Value, text: String, code: &str| {
            let failure = error(&yaml(&fields), json!({ "t": text, "n": null }));
            assert_eq!(failure.code, code, "{fields} {}", failure.message);
        };
        assert!(by_separator(&",".repeat(3_000_000), ",").is_err());
        assert!(by_length(&"x".repeat(3_000_000), 1, 0).is_err());
        assert!(by_length(&"x".repeat(100_000), 2_000, 1_999).is_err());
        fails(json!({"separator": ","}), ",".repeat(3_000_000), "value_too_large");
        fails(json!({"length": 1}), "x".repeat(3_000_000), "value_too_large");
        fails(json!({"length": 2000, "overlap": 1999}), "x".repeat(100_000), "value_too_large");
        fails(json!({"separator": "<api.input.n>"}), "x".into(), "invalid_field");
        fails(json!({"length": "<api.input.n>"}), "x".into(), "invalid_field");
        fails(json!({"length": 2, "overlap": "<api.input.t>"}), "2".into(), "invalid_field");
    }

    #[test]
    fn fields_are_checked() {
        let problems = |fields: Value| -> Vec<String> {
            let (_, problems) = Workflow::compile(&Document::parse(&yaml(&fields)).unwrap());
            problems.into_iter().map(|problem| problem.message).collect()
        };
        let one = "one of `separator` and `length` is needed";
        assert_eq!(problems(json!({})), [one]);
        assert_eq!(problems(json!({"separator": ",", "length": 1})), [one]);
        let small = "`overlap` is less than `length`";
        assert_eq!(problems(json!({"length": 2, "overlap": 2})), [small]);
        let without = "`overlap` has no effect without `length`";
        assert_eq!(problems(json!({"separator": ",", "overlap": 2})), [without]);
    }
}
