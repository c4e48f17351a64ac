//! `html`: takes values out of HTML by CSS selectors, or its text.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, ReadCall, Reading, Selector, Source};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};

const HOW: &[&str] = &["select", "as"];
const MAX_SELECTORS: usize = 100;

const HTML: FieldSpec = FieldSpec::new("html", FieldType::Text, "the HTML").required();
const SELECT: FieldSpec = FieldSpec::new(
    "select",
    FieldType::Object,
    "name to a CSS selector, or to `{ selector, attribute, all, html }`",
)
.one_of(HOW);
const AS: FieldSpec = FieldSpec::new(
    "as",
    FieldType::OneOf(&["text", "markdown"]),
    "the whole text, instead of `select`",
)
.one_of(HOW);

const SELECTOR: FieldSpec = FieldSpec::new("selector", FieldType::Text, "CSS").required();
const ATTRIBUTE: FieldSpec = FieldSpec::new(
    "attribute",
    FieldType::Text,
    "takes this attribute of the element, not its text",
);
const ALL: FieldSpec =
    FieldSpec::with_default("all", FieldType::Boolean, "false", "takes a list of all matches");
const INNER: FieldSpec =
    FieldSpec::with_default("html", FieldType::Boolean, "false", "takes the HTML inside it");
const ENTRY: &[FieldSpec] = &[SELECTOR, ATTRIBUTE, ALL, INNER];

const DETAILS: &str = "\
With `select` the output is `data`, an object with the names of `select`. A value is the text of
the first match, with single spaces between its words, or `null` without a match; with `all` a
list of all matches. With `as` the output is `text`, without scripts and styles.

```yaml
- id: shop
  type: html
  html: <page.data>
  select:
    title: h1
    prices: { selector: \".price\", all: true }
    picture: { selector: \"img.main\", attribute: src }
```

What is no CSS selector is the failure `invalid_selector`. HTML is read as browsers do, so no
tag is wrong; it is at most 512 elements deep (`document_too_large`).";

const FIELDS: &[FieldSpec] = &[HTML, SELECT, AS];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "html".into(),
        summary: "Takes values out of HTML by CSS selectors, or its text.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |node| match node.get(&*SELECT.name).is_some_and(|select| !select.is_null()) {
            true => OutputFields::only(&[("data", OutputType::Object)]),
            false => OutputFields::only(&[("text", OutputType::Text)]),
        },
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(60),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/html"]),
        example: "{ id: shop, type: html, html: <page.data>, select: { title: h1 } }".into(),
        read: Arc::new(|fields| Box::new(Html::read(fields))),
    }
}

#[derive(Debug)]
struct Html {
    html: Text,
    select: Vec<Entry>,
    markdown: bool,
}

#[derive(Debug)]
struct Entry {
    name: String,
    selector: Text,
    attribute: Option<Text>,
    all: bool,
    html: bool,
}

impl Html {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let html = fields.text(&HTML).unwrap_or_default();
        let written = fields.object(&SELECT);
        if written.is_some_and(Map::is_empty) {
            fields.error(&SELECT.name, "`select` is empty");
        }
        if written.is_some_and(|written| written.len() > MAX_SELECTORS) {
            let message = format!("`select` has at most {MAX_SELECTORS} names");
            fields.error(&SELECT.name, message);
        }
        let written = written.into_iter().flatten().take(MAX_SELECTORS);
        let select = written.filter_map(|(name, entry)| Entry::read(fields, name, entry));
        let select = select.collect();
        Self { html, select, markdown: fields.string(&AS) == Some("markdown") }
    }
}

impl Entry {
    fn read<'d>(fields: &mut Fields<'_, 'd>, name: &str, written: &'d Value) -> Option<Self> {
        let path = format!("{}/{}", fields.path_of(&SELECT.name), escaped(name));
        match written {
            Value::Object(object) if object.contains_key(&*SELECTOR.name) => {
                Some(fields.inner(&path, object, ENTRY, |fields| Self {
                    name: name.to_owned(),
                    selector: fields.text(&SELECTOR).unwrap_or_default(),
                    attribute: fields.text(&ATTRIBUTE),
                    all: fields.boolean(&ALL) == Some(true),
                    html: fields.boolean(&INNER) == Some(true),
                }))
            }
            Value::String(text) if !text.trim().is_empty() => {
                let selector = fields.plain_text(text, &path);
                let name = name.to_owned();
                Some(Self { name, selector, attribute: None, all: false, html: false })
            }
            _ => {
                let message = format!("`{name}` is a CSS selector, or an object with `selector`");
                fields.error_at(&path, message);
                None
            }
        }
    }

    fn selector(&self, scope: &Scope<'_>) -> Result<Selector, NodeError> {
        let attribute = self.attribute.as_ref().map(|name| name.render_string(scope));
        Ok(Selector {
            name: self.name.clone(),
            selector: self.selector.render_string(scope)?,
            attribute: attribute.transpose()?.filter(|name| !name.is_empty()),
            html: self.html,
            all: self.all,
        })
    }
}

/// A name as a segment of a JSON pointer.
fn escaped(name: &str) -> Cow<'_, str> {
    match name.contains(['~', '/']) {
        true => name.replace('~', "~0").replace('/', "~1").into(),
        false => name.into(),
    }
}

impl Node for Html {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("html")? {
            return Ok(Plan::Done(output));
        }
        let reading = match self.select.is_empty() {
            true => Reading::Html { markdown: self.markdown },
            false => {
                let selectors = self.select.iter().map(|entry| entry.selector(scope));
                Reading::Select(selectors.collect::<Result<_, _>>()?)
            }
        };
        let call = ReadCall { source: Source::Text(self.html.render_string(scope)?), reading };
        Ok(Plan::Perform(vec![Planned::call("html", Action::Read(call), Price::Free)]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::only_call;
    use crate::{Document, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "h", "type": "html", "html": "<api.input.h>" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    #[test]
    fn selectors_are_rendered() {
        let select = json!({
            "title": "h1", "x": {"selector": "a.<api.input.c>", "attribute": "href", "all": true}
        });
        let input = json!({"h": "<b>", "c": "k"});
        let action = only_call(&yaml(&json!({ "select": select })), input).action;
        let expected = json!({
            "kind": "read", "source": {"text": "<b>"},
            "reading": {"select": [
                {"name": "title", "selector": "h1"},
                {"name": "x", "selector": "a.k", "attribute": "href", "all": true}
            ]}
        });
        assert_eq!(serde_json::to_value(&action).unwrap(), expected);
        let action = only_call(&yaml(&json!({"as": "markdown"})), json!({"h": ""})).action;
        let reading = &serde_json::to_value(&action).unwrap()["reading"];
        assert_eq!(*reading, json!({"html": {"markdown": true}}));
    }

    #[test]
    fn all_wrong_fields_are_reported_with_their_places() {
        let problems = |fields: Value| {
            let (_, problems) = Workflow::compile(&Document::parse(&yaml(&fields)).unwrap());
            problems.into_iter().map(|one| (one.path, one.message)).collect::<Vec<_>>()
        };
        assert_eq!(problems(json!({}))[0].1, "one of `select` and `as` is needed");
        assert_eq!(problems(json!({"select": {}}))[0].1, "`select` is empty");
        let wrong = json!({"select": {
            "a": 1, "b/c": {"css": "x"}, "d": {"selector": "p", "al": true}, "e": "", "f": "p"
        }});
        let problems = problems(wrong);
        let places: Vec<&str> = problems.iter().map(|(path, _)| path.as_str()).collect();
        let select = "/nodes/0/select";
        let expected = ["a", "b~1c", "d/al", "e"].map(|name| format!("{select}/{name}"));
        assert_eq!(places, expected, "{problems:?}");
    }
}
