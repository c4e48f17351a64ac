//! What a field of the document may hold. By it the compiler judges a field, and the JSON Schema of the document is made of it.

use serde_json::Value;

use crate::document::parse_duration;
use crate::workflow::MAX_ITERATIONS;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Any JSON.
    Any,
    /// Text as it stands.
    Words,
    /// Text with references; a number or boolean is taken as it is written.
    Text,
    Boolean,
    Integer(u64, u64),
    Number(f64, f64),
    /// The bounds as authors write them.
    Duration(&'static str, &'static str),
    Object,
    List,
    /// Name to text.
    Texts,
    OneOf(&'static [&'static str]),
    /// An HTTP method, in any case.
    Method(&'static [&'static str]),
    /// Node ids with their handles.
    After,
    /// What a loop goes through.
    Each,
    /// How often a loop runs.
    Count,
    JsonSchema,
    /// Of a node.
    Id,
    /// The `type` of a node of this kind.
    Kind(&'static str),
    Nodes,
    /// Known, and refused with a message of its own.
    Nothing,
}

impl Shape {
    /// What keeps a value from having this shape, in words that go on after the field's name.
    pub(crate) fn misfit(self, value: &Value) -> Option<String> {
        let fits = match self {
            Self::Words | Self::Id | Self::Kind(_) => value.is_string(),
            Self::Text => value.is_string() || value.is_number() || value.is_boolean(),
            Self::Boolean => value.is_boolean(),
            Self::Integer(least, most) => value.as_u64().is_some_and(|number| (least..=most).contains(&number)),
            Self::Number(least, most) => value.as_f64().is_some_and(|number| (least..=most).contains(&number)),
            Self::Duration(least, most) => {
                let bounds = parse_duration(least)..=parse_duration(most);
                value.as_str().and_then(parse_duration).is_some_and(|duration| bounds.contains(&Some(duration)))
            }
            Self::Object | Self::Texts => value.is_object(),
            Self::List | Self::Nodes => value.is_array(),
            Self::OneOf(names) => value.as_str().is_some_and(|name| names.contains(&name)),
            Self::Method(names) => value.as_str().is_some_and(|name| names.contains(&name.to_ascii_uppercase().as_str())),
            Self::After => value.is_string() || value.as_array().is_some_and(|entries| entries.iter().all(Value::is_string)),
            Self::Each => value.is_array() || value.is_string(),
            Self::Count => value.is_string() || value.as_u64().is_some_and(|count| count <= MAX_ITERATIONS as u64),
            // Judged with its contents, by what compiles it.
            Self::JsonSchema | Self::Any => true,
            Self::Nothing => false,
        };
        (!fits).then(|| self.expected(value))
    }

    fn expected(self, value: &Value) -> String {
        match self {
            Self::Words | Self::Id | Self::Kind(_) => format!("must be text{}", quote_hint(value)),
            Self::OneOf(_) | Self::Method(_) if !value.is_string() => format!("must be text{}", quote_hint(value)),
            Self::OneOf(names) | Self::Method(names) => format!("must be one of {}", names.join(", ")),
            Self::Text => "must be text".to_owned(),
            Self::Boolean => "must be true or false".to_owned(),
            Self::Integer(least, most) => format!("must be a whole number from {least} to {most}"),
            Self::Number(least, most) => format!("must be a number from {least} to {most}"),
            Self::Duration(least, most) => format!("must be a duration such as \"90s\" or \"10m\", from {least} to {most}"),
            Self::Object | Self::Texts => "must be an object".to_owned(),
            Self::List | Self::Nodes => "must be a list".to_owned(),
            Self::After => "is a list of node ids, such as `[draft, check.yes, fetch.error]`".to_owned(),
            Self::Each => "is a list or a reference to one".to_owned(),
            Self::Count => format!("is a whole number up to {MAX_ITERATIONS}, or a reference to one"),
            Self::Nothing => "has no place here".to_owned(),
            Self::JsonSchema | Self::Any => String::new(),
        }
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
        let check = |shape: Shape, value: Value, expected: Option<&str>| assert_eq!(shape.misfit(&value).as_deref(), expected, "{shape:?}");
        check(Shape::Text, json!(7), None);
        check(Shape::Text, json!([]), Some("must be text"));
        check(Shape::Words, json!(true), Some("must be text; put it in quotes"));
        check(Shape::Number(0.0, 2.0), json!(1), None);
        check(Shape::Number(0.0, 2.0), json!(2.5), Some("must be a number from 0 to 2"));
        check(Shape::Duration("1s", "7d"), json!("1h30m"), None);
        check(Shape::Duration("1s", "7d"), json!("8d"), Some("must be a duration such as \"90s\" or \"10m\", from 1s to 7d"));
        check(Shape::Method(&["GET", "PUT"]), json!("get"), None);
        check(Shape::Method(&["GET", "PUT"]), json!("FETCH"), Some("must be one of GET, PUT"));
        check(Shape::OneOf(&["a", "b"]), json!(1), Some("must be text; put it in quotes"));
        check(Shape::Count, json!(1_001), Some("is a whole number up to 1000, or a reference to one"));
        check(Shape::After, json!(["a", 1]), Some("is a list of node ids, such as `[draft, check.yes, fetch.error]`"));
    }
}
