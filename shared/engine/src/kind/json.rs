//! `json`: reads, takes apart and puts together JSON.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::list::pick_fields;
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::compile::fields::Fields;
use crate::expr::reference::{PathStep, parse_path};
use crate::expr::scope::{Scope, follow};
use crate::expr::template::{Part, Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::json;

const FROM: &[&str] = &["parse", "value", "merge"];

const PARSE: FieldSpec = FieldSpec::new(
    "parse",
    FieldType::Text,
    "text that is JSON; a Markdown fence around it is taken off",
)
.one_of(FROM);
const VALUE: FieldSpec = FieldSpec::new("value", FieldType::Any, "any JSON").one_of(FROM);
const MERGE: FieldSpec = FieldSpec::new(
    "merge",
    FieldType::Each,
    "a list of objects, which become one; where a field occurs twice, the later one counts",
)
.one_of(FROM);
const DEEP: FieldSpec = FieldSpec::with_default(
    "deep",
    FieldType::Boolean,
    "false",
    "`true`: `merge` merges objects inside the objects, too",
);
const PATH: FieldSpec = FieldSpec::new(
    "path",
    FieldType::Text,
    "takes what lies there, as in a reference: `items[0].name`, `[\"First Name\"]`; `null` if \
     nothing does",
);
const PICK: FieldSpec = FieldSpec::new(
    "pick",
    FieldType::TextList,
    "the fields of the object that stay, in this order; a missing one is `null`",
);
const AS: FieldSpec = FieldSpec::with_default(
    "as",
    FieldType::OneOf(&["value", "text"]),
    "value",
    "`text` writes the value as compact JSON",
);

const FIELDS: &[FieldSpec] = &[PARSE, VALUE, MERGE, DEEP, PATH, PICK, AS];

const DETAILS: &str = "\
What is given is done in the order of the table. Text that is no JSON fails as `invalid_json`,
and so does JSON that is ambiguous: an object that has a name twice. At most 100,000 values, 64
levels deep. In `merge`, `null` counts as an empty object.

```yaml
- { id: settings, type: json, merge: [<api.defaults>, <api.changes>], deep: true }
- { id: body, type: json, value: { user: <api.name> }, as: text }
```";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "json".into(),
        summary: "Reads, takes apart and puts together JSON.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::Only(vec![OutputField::new("value", OutputType::Any).nullable()])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/parse", "/value", "/merge"]),
        example: "{ id: first, type: json, parse: <draft.content>, path: \"items[0].name\" }"
            .into(),
        read: Arc::new(|fields| Box::new(Json::read(fields))),
    }
}

#[derive(Debug)]
struct Json {
    from: From,
    path: Option<Text>,
    pick: Option<Vec<Text>>,
    as_text: bool,
}

#[derive(Debug)]
enum From {
    Text(Text),
    Value(Template),
    Merged { objects: Template, deep: bool },
}

impl Json {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let deep = fields.boolean(&DEEP).unwrap_or(false);
        let (value, objects) = (fields.template(&VALUE), fields.template(&MERGE));
        if deep && !fields.is_given(&MERGE) {
            fields.warning(&DEEP.name, "`deep` has no effect without `merge`");
        }
        let path = fields.text(&PATH);
        if let Some(Text { parts }) = &path
            && let [Part::Text(written)] = parts.as_slice()
            && let Err(error) = steps(written)
        {
            fields.error(&PATH.name, error.message);
        }
        let from = match (fields.text(&PARSE), value, objects) {
            (Some(text), ..) => From::Text(text),
            (None, Some(value), _) => From::Value(value),
            (None, None, objects) => {
                let objects = objects.unwrap_or(Template::Literal(Value::Null));
                From::Merged { objects, deep }
            }
        };
        let pick = fields.is_given(&PICK).then(|| fields.text_list(&PICK));
        Self { from, path, pick, as_text: fields.string(&AS) == Some("text") }
    }
}

impl Node for Json {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let mut value = match &self.from {
            From::Text(text) => parse(&text.render_string(scope)?)?,
            From::Value(value) => value.render(scope)?,
            From::Merged { objects, deep } => merge(objects.render(scope)?, *deep)?,
        };
        if let Some(path) = &self.path {
            let steps = steps(&path.render_string(scope)?)?;
            value = follow(&value, &steps).cloned().unwrap_or_default();
        }
        if let Some(names) = &self.pick {
            value = pick(value, names, scope)?;
        }
        if self.as_text {
            value = Value::String(value.to_string());
        }
        Ok(Plan::done(Value::Object(Map::from_iter([("value".to_owned(), value)]))))
    }
}

fn parse(text: &str) -> Result<Value, NodeError> {
    let text = without_fence(text.trim_start_matches('\u{feff}').trim());
    let value = json::parse(text.as_bytes());
    value.map_err(|error| NodeError::new("invalid_json", format!("`parse`: {error}")))
}

/// Models put JSON between fences; a word after the first one names the language.
fn without_fence(text: &str) -> &str {
    let inner = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    let Some((language, inner)) = inner.and_then(|inner| inner.split_once('\n')) else {
        return text;
    };
    if language.trim().chars().all(char::is_alphanumeric) { inner.trim() } else { text }
}

fn steps(path: &str) -> Result<Vec<PathStep>, NodeError> {
    let path = path.trim();
    let path = match path.starts_with(['.', '[']) || path.is_empty() {
        true => path.to_owned(),
        false => format!(".{path}"),
    };
    parse_path(&path).ok_or_else(|| {
        let message = "`path` must be written as in a reference, such as `items[0].name` or \
                       `[\"First Name\"]`";
        NodeError::new("invalid_path", message)
    })
}

fn pick(value: Value, names: &[Text], scope: &Scope<'_>) -> Result<Value, NodeError> {
    let names: Result<Vec<String>, NodeError> =
        names.iter().map(|name| name.render_string(scope)).collect();
    pick_fields(value, &names?)
        .ok_or_else(|| NodeError::new("not_an_object", "`pick` needs an object"))
}

fn merge(objects: Value, deep: bool) -> Result<Value, NodeError> {
    let objects = match objects {
        Value::Array(objects) => objects,
        Value::Null => Vec::new(),
        _ => return Err(NodeError::new("not_a_list", "`merge` must be a list of objects")),
    };
    let mut merged = Map::new();
    for (index, object) in objects.into_iter().enumerate() {
        match object {
            Value::Object(fields) => merge_into(&mut merged, fields, deep),
            Value::Null => {}
            _ => {
                let message = format!("`merge`: item {index} is no object");
                return Err(NodeError::new("not_an_object", message));
            }
        }
    }
    Ok(Value::Object(merged))
}

/// As deep as values are: JSON from outside has at most 64 levels.
fn merge_into(merged: &mut Map<String, Value>, fields: Map<String, Value>, deep: bool) {
    for (name, field) in fields {
        match (merged.get_mut(&name), field) {
            (Some(Value::Object(inner)), Value::Object(field)) if deep => {
                merge_into(inner, field, deep);
            }
            (_, field) => {
                merged.insert(name, field);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::{error, output};
    use crate::{Document, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "x", "type": "json" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    fn check(fields: Value, input: Value, expected: Value) {
        let expected = json!({ "value": expected }).to_string();
        assert_eq!(output(&yaml(&fields), input).to_string(), expected, "{fields}");
    }

    fn fails(fields: Value, input: Value, code: &str) -> String {
        let failure = error(&yaml(&fields), input);
        assert_eq!(failure.code, code, "{fields}: {}", failure.message);
        failure.message
    }

    #[test]
    fn text_is_parsed() {
        let parse = |text: &str, expected: Value| {
            check(json!({"parse": "<api.input.t>"}), json!({ "t": text }), expected);
        };
        parse("{\"a\": [1, 2.50, \"é\"]}", json!({"a": [1, 2.5, "é"]}));
        parse("  null\n", json!(null));
        parse("```json\n{\"a\": 1}\n```", json!({"a": 1}));
        parse("```\n[1]\n```\n", json!([1]));
        parse("\u{feff}\"```x```\"", json!("```x```"));
        let fails = |text: &str| {
            fails(json!({"parse": "<api.input.t>"}), json!({ "t": text }), "invalid_json")
        };
        assert!(fails("{\"a\": 1, \"a\": 2}").contains("given twice"));
        assert!(fails("{\"a\": }").contains("line 1, column 7"));
        assert!(fails(&"[".repeat(70)).contains("nested deeper"));
        assert!(fails(&format!("[{}0]", "0,".repeat(100_000))).contains("more than 100000"));
        for wrong in ["", "```json\n", "``````", "Sure: {}", "{} {}"] {
            fails(wrong);
        }
        // A value that is no text is its JSON.
        check(json!({"parse": "<api.input.o>"}), json!({"o": {"a": 1}}), json!({"a": 1}));
    }

    #[test]
    fn paths_are_read() {
        let value = json!({"a": [{"b c": 1}, {"d": null}], "n": 0});
        let path = |path: &str, expected: Value| {
            let fields = json!({"value": "<api.input.v>", "path": "<api.input.p>"});
            check(fields, json!({ "v": value, "p": path }), expected);
        };
        path("", value.clone());
        path("a[0][\"b c\"]", json!(1));
        path(".a[0]['b c']", json!(1));
        path("a[1].d", json!(null));
        path("a[9].d.e", json!(null));
        path("n.x", json!(null));
        for wrong in ["a b", "a..b", "a[", "a[x]", "$.a", "a.b "] {
            let fields = json!({"value": 1, "path": "<api.input.p>"});
            if wrong != "a.b " && wrong != "$.a" {
                fails(fields, json!({ "p": wrong }), "invalid_path");
            }
        }
        let problems = |written: &str| {
            let document = yaml(&json!({"value": 1, "path": written}));
            let (_, problems) = Workflow::compile(&Document::parse(&document).unwrap());
            problems.len()
        };
        assert_eq!((problems("a b"), problems("a[0].b")), (1, 0));
    }

    #[test]
    fn objects_are_merged_and_picked() {
        let merge = |deep: bool, expected: Value| {
            let list = json!([
                {"a": {"x": 1, "y": 1}, "b": [1]}, null, {"b": [2], "a": {"y": 2}}, "<api.input.o>"
            ]);
            let fields = json!({ "merge": list, "deep": deep });
            check(fields, json!({"o": {"c": null}}), expected);
        };
        merge(false, json!({"a": {"y": 2}, "b": [2], "c": null}));
        merge(true, json!({"a": {"x": 1, "y": 2}, "b": [2], "c": null}));
        check(json!({"merge": "<api.input.l>"}), json!({"l": [{"a": 1}]}), json!({"a": 1}));
        check(json!({"merge": "<api.input.l>"}), json!({}), json!({}));
        fails(json!({"merge": "<api.input.l>"}), json!({"l": 1}), "not_a_list");
        fails(json!({"merge": [{}, "x"]}), json!({}), "not_an_object");
        let object = json!({"value": {"a": 1, "b": 2}, "pick": ["b", "gone", "a"]});
        check(object, json!({}), json!({"b": 2, "gone": null, "a": 1}));
        fails(json!({"value": [1], "pick": ["a"]}), json!({}), "not_an_object");
    }

    #[test]
    fn values_become_text() {
        let text = json!({"value": {"a": ["<api.input.s>"]}, "as": "text"});
        check(text, json!({"s": "\"é\n"}), json!("{\"a\":[\"\\\"é\\n\"]}"));
        let large = json!({"value": ["<api.input.s>"], "as": "text"});
        fails(large, json!({"s": "\"".repeat(1_900_000)}), "value_too_large");
    }

    #[test]
    fn fields_are_checked() {
        let problems = |fields: Value| -> Vec<String> {
            let (_, problems) = Workflow::compile(&Document::parse(&yaml(&fields)).unwrap());
            problems.into_iter().map(|problem| problem.message).collect()
        };
        let one = "one of `parse`, `value` and `merge` is needed";
        assert_eq!(problems(json!({})), [one]);
        assert_eq!(problems(json!({"parse": "1", "value": 1})), [one]);
        let deep = "`deep` has no effect without `merge`";
        assert_eq!(problems(json!({"value": 1, "deep": true})), [deep]);
    }
}
