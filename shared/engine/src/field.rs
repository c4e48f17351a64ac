//! The fields of the document's objects, one table per object. The parser, the JSON Schema,
//! `docs/kinds.md` and did-you-mean read the same entries.

use std::borrow::Cow;

use serde_json::Value;

use crate::call::Status;
use crate::document::parse_duration;
use crate::expr::marked::Marked;
use crate::workflow::MAX_ITERATIONS;

/// One field of a node, of a section, or of an object inside them.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldSpec {
    pub name: Cow<'static, str>,
    pub field_type: FieldType,
    pub required: Required,
    /// The default, as the docs show it; empty if it needs no mention.
    pub default: Cow<'static, str>,
    pub secrets: Secrets,
    /// One line for authors, in Markdown.
    pub help: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    No,
    Yes,
    /// At least one of these fields.
    AnyOf(&'static [&'static str]),
    /// Exactly one of these fields.
    OneOf(&'static [&'static str]),
    /// One of these fields, or none.
    AtMostOneOf(&'static [&'static str]),
}

/// Whether a field may contain `{{NAME}}`. Only `outbound` fills secrets in, so only outgoing
/// fields may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    Allowed,
    Refused,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    /// Any JSON, with references in its texts.
    Any,
    /// Plain text, without references.
    Words,
    /// JavaScript or CEL, in which references are variables.
    Code,
    /// Text with references. A number or boolean counts as its text.
    Text,
    Boolean,
    Integer(u64, u64),
    Number(f64, f64),
    /// A number, or a reference to one; the bounds hold for both.
    NumberRef(f64, f64),
    /// A whole number, or a reference to one.
    IntegerRef(u64, u64),
    /// The bounds as authors write them.
    Duration(&'static str, &'static str),
    Object,
    /// An object with these fields and no others.
    Fields(Cow<'static, [FieldSpec]>),
    List,
    /// A list of objects with these fields and no others.
    Items(Cow<'static, [FieldSpec]>),
    /// Such a list, or a reference to one.
    ItemsRef(Cow<'static, [FieldSpec]>),
    /// A list of texts.
    TextList,
    /// Name to text.
    Texts,
    OneOf(&'static [&'static str]),
    /// An HTTP method, in any case.
    Method(&'static [&'static str]),
    /// HTTP statuses: `any`, or numbers and classes such as `4xx`.
    Statuses,
    /// Node ids with their branches.
    After,
    /// The list that a loop iterates over.
    Each,
    /// The number of iterations of a loop.
    Count,
    JsonSchema,
    /// The `id` of a node.
    Id,
    /// The `type` of a node.
    Kind,
    Nodes,
    /// `fail`, `continue` or `{ default: value }`.
    OnError,
    /// Known, and refused; the field's help says why.
    Nothing,
}

impl FieldSpec {
    pub const fn new(name: &'static str, field_type: FieldType, help: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            field_type,
            required: Required::No,
            default: Cow::Borrowed(""),
            secrets: Secrets::Refused,
            help: Cow::Borrowed(help),
        }
    }

    /// Like [`Self::new`], with a default.
    pub const fn with_default(
        name: &'static str,
        field_type: FieldType,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            field_type,
            required: Required::No,
            default: Cow::Borrowed(default),
            secrets: Secrets::Refused,
            help: Cow::Borrowed(help),
        }
    }

    pub const fn required(mut self) -> Self {
        self.required = Required::Yes;
        self
    }

    pub const fn any_of(mut self, names: &'static [&'static str]) -> Self {
        self.required = Required::AnyOf(names);
        self
    }

    pub const fn one_of(mut self, names: &'static [&'static str]) -> Self {
        self.required = Required::OneOf(names);
        self
    }

    pub const fn at_most_one_of(mut self, names: &'static [&'static str]) -> Self {
        self.required = Required::AtMostOneOf(names);
        self
    }

    pub const fn with_secrets(mut self) -> Self {
        self.secrets = Secrets::Allowed;
        self
    }

    /// Fields whose absence the outline of the document reports itself.
    pub(crate) fn is_structural(&self) -> bool {
        matches!(self.field_type, FieldType::Id | FieldType::Kind | FieldType::Nodes)
    }
}

/// The least or greatest value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Integer(u64),
    Number(f64),
    /// As authors write it.
    Duration(&'static str),
}

impl FieldType {
    /// Returns the name that programs know the type by.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Words => "words",
            Self::Code => "code",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Integer(..) => "integer",
            Self::Number(..) => "number",
            Self::NumberRef(..) => "number_ref",
            Self::IntegerRef(..) => "integer_ref",
            Self::Duration(..) => "duration",
            Self::Object => "object",
            Self::Fields(_) => "fields",
            Self::List => "list",
            Self::Items(_) => "items",
            Self::ItemsRef(_) => "items_ref",
            Self::TextList => "text_list",
            Self::Texts => "texts",
            Self::OneOf(_) => "one_of",
            Self::Method(_) => "method",
            Self::Statuses => "statuses",
            Self::After => "after",
            Self::Each => "each",
            Self::Count => "count",
            Self::JsonSchema => "json_schema",
            Self::Id => "id",
            Self::Kind => "kind",
            Self::Nodes => "nodes",
            Self::OnError => "on_error",
            Self::Nothing => "nothing",
        }
    }

    /// Returns what the field may be, if that is a few words.
    pub fn values(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::OneOf(names) | Self::Method(names) => Some(names),
            _ => None,
        }
    }

    pub fn bounds(&self) -> Option<(Bound, Bound)> {
        match *self {
            Self::Integer(min, max) | Self::IntegerRef(min, max) => {
                Some((Bound::Integer(min), Bound::Integer(max)))
            }
            Self::Number(min, max) | Self::NumberRef(min, max) => {
                Some((Bound::Number(min), Bound::Number(max)))
            }
            Self::Duration(min, max) => Some((Bound::Duration(min), Bound::Duration(max))),
            Self::Count => Some((Bound::Integer(0), Bound::Integer(MAX_ITERATIONS as u64))),
            _ => None,
        }
    }

    /// Returns the fields of the object, or of each object of the list.
    pub fn fields(&self) -> Option<&[FieldSpec]> {
        match self {
            Self::Fields(fields) | Self::Items(fields) | Self::ItemsRef(fields) => Some(fields),
            _ => None,
        }
    }

    /// Returns why a value does not have this type, as text that follows the field's name.
    pub(crate) fn misfit(&self, value: &Value) -> Option<String> {
        let fits = match self {
            Self::Words | Self::Code | Self::Id | Self::Kind => value.is_string(),
            Self::Text => {
                let is_plain = value.is_string() || value.is_number() || value.is_boolean();
                is_plain || Marked::in_text(value).is_some()
            }
            Self::Boolean => value.is_boolean(),
            Self::Integer(min, max) => {
                value.as_u64().is_some_and(|number| (min..=max).contains(&&number))
            }
            Self::Number(min, max) => {
                value.as_f64().is_some_and(|number| (min..=max).contains(&&number))
            }
            Self::NumberRef(min, max) => {
                value.as_f64().map_or(value.is_string(), |number| (min..=max).contains(&&number))
            }
            Self::IntegerRef(min, max) => {
                let number = value.as_u64();
                number.map_or(value.is_string(), |number| (min..=max).contains(&&number))
            }
            Self::Duration(min, max) => {
                let bounds = parse_duration(min)..=parse_duration(max);
                let duration = value.as_str().and_then(parse_duration);
                duration.is_some_and(|duration| bounds.contains(&Some(duration)))
            }
            Self::Object | Self::Fields(_) | Self::Texts => value.is_object(),
            Self::List | Self::Items(_) | Self::Nodes => value.is_array(),
            Self::OneOf(names) => value.as_str().is_some_and(|name| names.contains(&name)),
            Self::Method(names) => {
                let method = value.as_str().map(str::to_ascii_uppercase);
                method.is_some_and(|method| names.contains(&method.as_str()))
            }
            Self::Statuses => statuses(value).is_some(),
            Self::After => {
                let entries = value.as_array();
                value.is_string()
                    || entries.is_some_and(|entries| entries.iter().all(Value::is_string))
            }
            Self::Each | Self::ItemsRef(_) => value.is_array() || value.is_string(),
            Self::TextList => {
                let items = value.as_array();
                items
                    .is_some_and(|items| items.iter().all(|item| Self::Text.misfit(item).is_none()))
            }
            Self::Count => {
                let count = value.as_u64();
                value.is_string() || count.is_some_and(|count| count <= MAX_ITERATIONS as u64)
            }
            Self::OnError => match value {
                Value::Object(fields) => fields.len() == 1 && fields.contains_key("default"),
                _ => matches!(value.as_str(), Some("fail" | "continue")),
            },
            // Checked where it is compiled.
            Self::JsonSchema | Self::Any => true,
            Self::Nothing => false,
        };
        (!fits).then(|| self.expected(value))
    }

    pub(crate) fn expected(&self, value: &Value) -> String {
        match self {
            Self::Words | Self::Code | Self::Id | Self::Kind => {
                format!("must be text{}", quote_hint(value))
            }
            Self::OneOf(_) | Self::Method(_) if !value.is_string() => {
                format!("must be text{}", quote_hint(value))
            }
            Self::OneOf(names) | Self::Method(names) => {
                format!("must be one of {}", names.join(", "))
            }
            Self::Text => "must be text".to_owned(),
            Self::Boolean => "must be true or false".to_owned(),
            Self::Integer(min, max) => format!("must be a whole number from {min} to {max}"),
            Self::Number(min, max) => format!("must be a number from {min} to {max}"),
            Self::IntegerRef(min, max) => {
                format!("must be a whole number from {min} to {max}, or a reference to one")
            }
            Self::NumberRef(min, max) => {
                format!("must be a number from {min} to {max}, or a reference to one")
            }
            Self::TextList => "must be a list of texts".to_owned(),
            Self::Duration(min, max) => {
                format!("must be a duration such as \"90s\" or \"10m\", from {min} to {max}")
            }
            Self::Object | Self::Fields(_) | Self::Texts => "must be an object".to_owned(),
            Self::List | Self::Items(_) | Self::Nodes => "must be a list".to_owned(),
            Self::Statuses => "is `any`, or a list of statuses such as `[2xx, 404]`".to_owned(),
            Self::After => {
                "is a list of node ids, such as `[draft, check.yes, fetch.error]`".to_owned()
            }
            Self::Each | Self::ItemsRef(_) => "is a list or a reference to one".to_owned(),
            Self::Count => {
                format!("is a whole number up to {MAX_ITERATIONS}, or a reference to one")
            }
            Self::OnError => {
                "must be one of `fail`, `continue` and `{ default: value }`".to_owned()
            }
            Self::Nothing => "has no place here".to_owned(),
            Self::JsonSchema | Self::Any => String::new(),
        }
    }
}

/// Reads `any`, one status, or a list of them; `None` if it is something else.
pub(crate) fn statuses(value: &Value) -> Option<Vec<Status>> {
    let status = |value: &Value| match value {
        Value::String(text) => Status::parse(text),
        Value::Number(number) => Status::parse(&number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) => list.iter().map(status).collect(),
        single => status(single).map(|status| vec![status]),
    }
}

fn quote_hint(value: &Value) -> &'static str {
    if value.is_number() || value.is_boolean() { "; put it in quotes" } else { "" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misfit_says_what_is_wanted() {
        let check = |field_type: FieldType, value: Value, expected: Option<&str>| {
            assert_eq!(field_type.misfit(&value).as_deref(), expected, "{field_type:?}");
        };
        check(FieldType::Text, json!(7), None);
        check(FieldType::Text, json!([]), Some("must be text"));
        check(FieldType::Words, json!(true), Some("must be text; put it in quotes"));
        check(FieldType::Number(0.0, 2.0), json!(1), None);
        check(FieldType::Number(0.0, 2.0), json!(2.5), Some("must be a number from 0 to 2"));
        check(FieldType::Duration("1s", "7d"), json!("1h30m"), None);
        let wanted = "must be a duration such as \"90s\" or \"10m\", from 1s to 7d";
        check(FieldType::Duration("1s", "7d"), json!("8d"), Some(wanted));
        check(FieldType::Method(&["GET", "PUT"]), json!("get"), None);
        check(FieldType::Method(&["GET", "PUT"]), json!("FETCH"), Some("must be one of GET, PUT"));
        check(FieldType::OneOf(&["a", "b"]), json!(1), Some("must be text; put it in quotes"));
        let wanted = "is a whole number up to 1000, or a reference to one";
        check(FieldType::Count, json!(1_001), Some(wanted));
        check(FieldType::Statuses, json!("any"), None);
        check(FieldType::Statuses, json!(404), None);
        check(FieldType::Statuses, json!(["2xx", 404, "410"]), None);
        let wanted = "is `any`, or a list of statuses such as `[2xx, 404]`";
        for wrong in [json!([]), json!(["2xx", "x"]), json!(99), json!(200.5), json!({})] {
            check(FieldType::Statuses, wrong, Some(wanted));
        }
        let wanted = "is a list of node ids, such as `[draft, check.yes, fetch.error]`";
        check(FieldType::After, json!(["a", 1]), Some(wanted));
    }
}
