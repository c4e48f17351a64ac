//! The operators of templates: a closed set of pure functions.

mod mail;
mod rich;
mod table;
mod text;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::read::{Condition, Names, Reader, at, given};
use super::template::{Template, Values, text_of};
use crate::file::FileRef;
use crate::kind::NodeError;
use crate::problem::did_you_mean;

/// What an operator does with its argument.
#[derive(Debug)]
pub(super) enum Operator {
    /// The first that is there.
    First(Vec<Template>),
    Map {
        over: Template,
        to: Template,
        only: Option<Condition>,
    },
    Pairs {
        over: Template,
        key: Template,
        value: Template,
    },
    When {
        condition: Condition,
        then: Template,
        otherwise: Option<Template>,
    },
    /// An id of the run and the node, the same for every attempt and after a crash.
    Key(KeyForm),
    /// A function of its filled-in argument.
    Of(Function, Template),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum KeyForm {
    Base32Hex,
    Hex24,
    Uuid,
}

type Function = fn(&Value, &Values<'_>) -> Result<Option<Value>, NodeError>;

const NAMES: [&str; 25] = [
    "$first",
    "$list",
    "$map",
    "$merge",
    "$pairs",
    "$join",
    "$json",
    "$size",
    "$slice",
    "$base64",
    "$base64_text",
    "$key",
    "$when",
    "$disposition",
    "$a1",
    "$columns",
    "$records",
    "$rows",
    "$match_rows",
    "$mime",
    "$mime_text",
    "$reply_subject",
    "$adf",
    "$notion_blocks",
    "$literal",
];

impl Operator {
    pub(super) fn read(
        reader: &mut Reader,
        name: &str,
        argument: &Value,
        path: &str,
        names: &Names,
    ) -> Template {
        let path = at(path, name);
        let operator = match name {
            "$literal" => return Template::Literal(argument.clone()),
            "$first" => Self::First(read_list(reader, argument, &path, names)),
            "$map" => read_map(reader, argument, &path, names),
            "$pairs" => read_pairs(reader, argument, &path, names),
            "$when" => match read_when(reader, argument, &path, names) {
                Some(operator) => operator,
                None => return Template::Literal(Value::Null),
            },
            "$key" => Self::Key(read_key(reader, argument, &path)),
            _ => match function(name) {
                Some(function) => {
                    Self::Of(function, Template::read(reader, argument, &path, names))
                }
                None => {
                    let hint = did_you_mean(name, NAMES);
                    reader.error(&path, format!("there is no operator `{name}`{hint}"));
                    return Template::Literal(Value::Null);
                }
            },
        };
        Template::Operator(Box::new(operator))
    }

    pub(super) fn apply(&self, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
        match self {
            Self::First(choices) => {
                for choice in choices {
                    if let Some(value) = choice.fill(values)? {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            }
            Self::Map { over, to, only } => each(over, values, |values| match only {
                Some(only) if !only.holds(values)? => Ok(None),
                _ => to.fill(values),
            })
            .map(|mapped| mapped.map(Value::Array)),
            Self::Pairs { over, key, value } => {
                let pairs = each(over, values, |values| {
                    let (Some(key), Some(value)) = (key.fill_text(values)?, value.fill(values)?)
                    else {
                        return Ok(None);
                    };
                    Ok(Some(Value::Array(vec![key.into(), value])))
                })?;
                Ok(pairs.map(|pairs| Value::Object(pairs.into_iter().filter_map(pair).collect())))
            }
            Self::When { condition, then, otherwise } => match condition.holds(values)? {
                true => then.fill(values),
                false => otherwise.as_ref().map_or(Ok(None), |otherwise| otherwise.fill(values)),
            },
            Self::Key(form) => Ok(Some(key(*form, values).into())),
            Self::Of(function, argument) => match argument.fill(values)? {
                Some(argument) => function(&argument, values),
                None => Ok(None),
            },
        }
    }
}

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "$list" => |value, _| {
            Ok(Some(match value {
                Value::Array(_) => value.clone(),
                other => Value::Array(vec![other.clone()]),
            }))
        },
        "$merge" => merge,
        "$join" => text::join,
        "$json" => |value, values| {
            values.count_text(crate::json::size(value))?;
            Ok(Some(value.to_string().into()))
        },
        "$size" => |value, _| Ok(Some(size(value).into())),
        "$slice" => |value, _| Ok(slice(value)),
        "$base64" => text::base64,
        "$base64_text" => text::base64_text,
        "$disposition" => |value, _| Ok(Some(text::disposition(&text_of(value)).into())),
        "$a1" => |value, _| Ok(Some(table::a1(value).into())),
        "$columns" => |value, _| Ok(Some(table::columns(value))),
        "$records" => table::records,
        "$rows" => table::rows,
        "$match_rows" => table::match_rows,
        "$mime" => mail::mime,
        "$mime_text" => mail::mime_text,
        "$reply_subject" => |value, _| Ok(Some(mail::reply_subject(&text_of(value)).into())),
        "$adf" => |value, _| Ok(Some(rich::adf(&text_of(value)))),
        "$notion_blocks" => |value, _| Ok(Some(rich::notion_blocks(&text_of(value)))),
        _ => return None,
    })
}

fn pair(pair: Value) -> Option<(String, Value)> {
    let Value::Array(pair) = pair else { return None };
    let [Value::String(key), value] = <[Value; 2]>::try_from(pair).ok()? else { return None };
    Some((key, value))
}

const BYTES_OF_ROUND: usize = 64;

/// Fills something in for each item; the fields of an object count as `{name, value}`.
fn each(
    over: &Template,
    values: &Values<'_>,
    mut fill: impl FnMut(&Values<'_>) -> Result<Option<Value>, NodeError>,
) -> Result<Option<Vec<Value>>, NodeError> {
    let Some(over) = over.fill(values)? else { return Ok(None) };
    let mut filled = Vec::new();
    for (at, item) in items(over).into_iter().enumerate() {
        let index = Value::from(at);
        // A round takes time, also where it leaves nothing.
        values.count_text(BYTES_OF_ROUND)?;
        let inner = values.with(vec![("item", &item), ("index", &index)]);
        filled.extend(fill(&inner)?);
    }
    Ok(Some(filled))
}

/// The items of a list, the fields of an object, or the value alone.
pub(super) fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(fields) => {
            let pair = |(name, value)| serde_json::json!({ "name": name, "value": value });
            fields.into_iter().map(pair).collect()
        }
        other => vec![other],
    }
}

fn merge(value: &Value, _: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let mut merged = Map::new();
    for part in value.as_array().into_iter().flatten() {
        let Value::Object(part) = part else {
            return Err(NodeError::new("invalid_field", "only objects can be merged"));
        };
        merged.extend(part.clone());
    }
    Ok(Some(Value::Object(merged)))
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Object(_) => match FileRef::parse(value) {
            Ok(file) => usize::try_from(file.size).unwrap_or(usize::MAX),
            Err(_) => value.as_object().map_or(0, Map::len),
        },
        _ => 1,
    }
}

/// `{over, from?, to?}` → the items from one place to before another, counted from 0.
fn slice(value: &Value) -> Option<Value> {
    let place = |name: &str| usize::try_from(value.get(name)?.as_u64()?).ok();
    let over = value.get("over")?.as_array()?;
    let to = place("to").unwrap_or(usize::MAX).min(over.len());
    Some(over[place("from").unwrap_or(0).min(to)..to].into())
}

fn key(form: KeyForm, values: &Values<'_>) -> String {
    let mut hash = Sha256::new().chain_update("key\0").chain_update(values.seed);
    if let Some(index) = values.find("index") {
        hash.update(format!("\0{index}"));
    }
    let digest = hash.finalize();
    let hex = crate::run::hex(&digest[..16]);
    match form {
        KeyForm::Hex24 => hex[..24].to_owned(),
        KeyForm::Base32Hex => {
            const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
            digest[..26].iter().map(|byte| char::from(DIGITS[usize::from(byte & 31)])).collect()
        }
        KeyForm::Uuid => {
            let (time, rest) = (&hex[..12], &hex[13..16]);
            let variant = ["8", "9", "a", "b"][usize::from(digest[8] & 3)];
            let (clock, node) = (&hex[17..20], &hex[20..32]);
            format!("{}-{}-4{rest}-{variant}{clock}-{node}", &time[..8], &time[8..])
        }
    }
}

fn read_list(reader: &mut Reader, value: &Value, path: &str, names: &Names) -> Vec<Template> {
    let Value::Array(items) = value else {
        reader.error(path, "it takes a list");
        return Vec::new();
    };
    let items = items.iter().enumerate();
    items.map(|(at, item)| Template::read(reader, item, &format!("{path}/{at}"), names)).collect()
}

/// Reads the named arguments of an operator; those that it needs stand first.
fn arguments<'v>(
    reader: &mut Reader,
    value: &'v Value,
    path: &str,
    (needed, optional): (&[&str], &[&str]),
) -> Option<&'v Map<String, Value>> {
    let Value::Object(object) = value else {
        reader.error(path, format!("it takes an object with `{}`", needed.join("`, `")));
        return None;
    };
    reader.known(object, path, &[needed, optional].concat());
    for name in needed.iter().filter(|name| !object.contains_key(**name)) {
        reader.error(path, format!("`{name}` is missing"));
    }
    Some(object)
}

fn argument(
    reader: &mut Reader,
    object: Option<&Map<String, Value>>,
    path: &str,
    name: &str,
    names: &Names,
) -> Template {
    let value = object.and_then(|object| object.get(name)).unwrap_or(&Value::Null);
    Template::read(reader, value, &at(path, name), names)
}

fn read_map(reader: &mut Reader, value: &Value, path: &str, names: &Names) -> Operator {
    let object = arguments(reader, value, path, (&["over", "to"], &["if"]));
    let over = argument(reader, object, path, "over", names);
    let names = names.with(&["item", "index"]);
    let to = argument(reader, object, path, "to", &names);
    let only = object.and_then(|object| reader.text(object, path, "if"));
    let only = only.and_then(|only| reader.condition(only, &at(path, "if"), &names));
    Operator::Map { over, to, only }
}

fn read_pairs(reader: &mut Reader, value: &Value, path: &str, names: &Names) -> Operator {
    let object = arguments(reader, value, path, (&["over", "key", "value"], &[]));
    let over = argument(reader, object, path, "over", names);
    let names = names.with(&["item", "index"]);
    let key = argument(reader, object, path, "key", &names);
    Operator::Pairs { over, key, value: argument(reader, object, path, "value", &names) }
}

fn read_when(reader: &mut Reader, value: &Value, path: &str, names: &Names) -> Option<Operator> {
    let object = arguments(reader, value, path, (&["if", "then"], &["else"]))?;
    let condition = reader.text(object, path, "if")?;
    let condition = reader.condition(condition, &at(path, "if"), names)?;
    let then = argument(reader, Some(object), path, "then", names);
    let otherwise = given(object, "else")
        .map(|otherwise| Template::read(reader, otherwise, &at(path, "else"), names));
    Some(Operator::When { condition, then, otherwise })
}

fn read_key(reader: &mut Reader, value: &Value, path: &str) -> KeyForm {
    match value.as_str() {
        Some("base32hex") => KeyForm::Base32Hex,
        Some("hex24") => KeyForm::Hex24,
        Some("uuid") => KeyForm::Uuid,
        _ => {
            reader.error(path, "`$key` is one of base32hex, hex24, uuid");
            KeyForm::Uuid
        }
    }
}
