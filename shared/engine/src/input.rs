//! The `input` section: what a run accepts as input. A check reports all problems together.

mod coerce;

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::AskedField;
use crate::compile::fields::Fields;
use crate::compile::settings::INPUT;
use crate::field::{FieldSpec, FieldType};
use crate::json::push_segment;
use crate::problem::did_you_mean;
use crate::schema::{Misfit, Schema};

const MAX_FIELDS: usize = 200;

pub(crate) const NAME: FieldSpec =
    FieldSpec::new("name", FieldType::Words, "the name that callers use; not `input`").required();
pub(crate) const TYPE: FieldSpec = FieldSpec::with_default(
    "type",
    FieldType::OneOf(&InputType::NAMES),
    "string",
    "`string`, `number`, `boolean`, `object`, `array`, `file`",
);
pub(crate) const DESCRIPTION: FieldSpec =
    FieldSpec::new("description", FieldType::Words, "for callers");
const DEFAULT: FieldSpec = FieldSpec::new(
    "default",
    FieldType::Any,
    "makes the field optional; `null` is a value, and as a default it lets callers send `null`",
);
const VALUE: FieldSpec = FieldSpec::new(
    "value",
    FieldType::Any,
    "an example, sent when the workflow is tried out without input",
);
pub(crate) const SCHEMA: FieldSpec = FieldSpec::new(
    "schema",
    FieldType::JsonSchema,
    "a JSON Schema that the value must match; at most 256 KiB",
);

/// The fields of an entry of the `input` section.
pub(crate) const FIELDS: &[FieldSpec] = &[NAME, TYPE, DESCRIPTION, DEFAULT, VALUE, SCHEMA];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRules {
    pub undeclared: Undeclared,
    /// Converts as Sim does: numbers and booleans to text, text to numbers, booleans, objects and
    /// arrays; `null` stands for the default.
    pub coerce: bool,
}

/// What happens to keys that no field declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undeclared {
    Refuse,
    /// They stay readable under `<api.input>`.
    Keep,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputProblem {
    /// JSON pointer into the input.
    pub pointer: String,
    pub message: String,
}

#[derive(Debug)]
pub struct InputField {
    pub name: String,
    pub kind: InputType,
    pub description: String,
    /// With a default the field is optional. A default of `null` also lets callers send `null`.
    pub default: Option<Value>,
    /// Sent when the workflow is tried out without input.
    pub value: Option<Value>,
    /// As written.
    pub schema: Option<Value>,
    checked: Option<Schema>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    String,
    Number,
    Boolean,
    Object,
    Array,
    /// An address or `data:` URL, an object that describes a file, or a list of such objects.
    File,
}

#[derive(Debug)]
pub(crate) enum InputSection {
    /// No `input` section: any object is accepted.
    Any,
    Fields(Vec<InputField>),
}

impl InputSection {
    pub(crate) fn read(root: &mut Fields<'_, '_>) -> Self {
        let Some(list) = root.list(&INPUT) else { return Self::Any };
        if list.len() > MAX_FIELDS {
            root.error("input", format!("at most {MAX_FIELDS} fields"));
        }
        let mut seen = HashSet::new();
        let mut declared = Vec::new();
        for (index, field) in list.iter().take(MAX_FIELDS).enumerate() {
            let Value::Object(object) = field else {
                let message = format!(
                    "field {index} must be an object such as {{ name: text, type: string }}"
                );
                root.error("input", message);
                continue;
            };
            let path = format!("/input/{index}");
            declared.push(root.inner(&path, object, FIELDS, |fields| {
                let field = InputField::read(fields);
                if !seen.insert(field.name.clone()) {
                    fields.error_here(format!("the field `{}` is declared twice", field.name));
                }
                field
            }));
        }
        Self::Fields(declared)
    }

    pub(crate) fn fields(&self) -> &[InputField] {
        match self {
            Self::Any => &[],
            Self::Fields(fields) => fields,
        }
    }

    pub(crate) fn is_declared(&self) -> bool {
        matches!(self, Self::Fields(_))
    }

    pub(crate) fn sample(&self) -> Value {
        let sample = |field: &InputField| {
            field
                .value
                .clone()
                .or_else(|| field.default.clone())
                .map(|value| (field.name.clone(), value))
        };
        Value::Object(self.fields().iter().filter_map(sample).collect())
    }

    pub(crate) fn accept(
        &self,
        input: Value,
        rules: InputRules,
    ) -> Result<Value, Vec<InputProblem>> {
        let Value::Object(mut input) = input else {
            return Err(vec![InputProblem {
                pointer: String::new(),
                message: format!("input must be an object, not {}", kind_of(&input)),
            }]);
        };
        let Self::Fields(fields) = self else { return Ok(Value::Object(input)) };
        let mut problems = Vec::new();
        for field in fields {
            field.accept(&mut input, rules.coerce, &mut problems);
        }
        if rules.undeclared == Undeclared::Refuse {
            refuse_undeclared(fields, &input, &mut problems);
        }
        if problems.is_empty() { Ok(Value::Object(input)) } else { Err(problems) }
    }
}

fn refuse_undeclared(
    fields: &[InputField],
    input: &Map<String, Value>,
    problems: &mut Vec<InputProblem>,
) {
    let undeclared = input.keys().filter(|name| fields.iter().all(|field| field.name != **name));
    for name in undeclared.take(MAX_FIELDS) {
        let hint = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
        problems.push(InputProblem {
            pointer: pointer(name),
            message: format!("is not an input of this workflow{hint}"),
        });
    }
}

fn pointer(name: &str) -> String {
    let mut pointer = String::new();
    push_segment(&mut pointer, name);
    pointer
}

impl InputField {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let mut field = Self::declared(fields);
        check_name(&field.name, fields);
        field.default = fields.get_with_null(&DEFAULT).cloned();
        field.value = fields.get(&VALUE).cloned();
        for (key, given) in [("default", &field.default), ("value", &field.value)] {
            let misfit =
                given.as_ref().and_then(|given| field.misfit(given, "").into_iter().next());
            if let Some(misfit) = misfit {
                fields.error(key, format!("`{key}` {}", misfit.message));
            }
        }
        field
    }

    /// Reads name, type, description and schema.
    pub(crate) fn declared(fields: &mut Fields<'_, '_>) -> Self {
        let name = fields.string(&NAME).unwrap_or_default().to_owned();
        let kind = fields.string(&TYPE).and_then(InputType::named).unwrap_or(InputType::String);
        let description = fields.string(&DESCRIPTION).unwrap_or_default().to_owned();
        let schema = fields.get(&SCHEMA).cloned();
        let checked = schema.as_ref().and_then(|schema| {
            Schema::compile(schema).map_err(|message| fields.error("schema", message)).ok()
        });
        Self { name, kind, description, default: None, value: None, schema, checked }
    }

    /// A field of an answer. Its schema was checked when the workflow was published.
    pub(crate) fn asked(field: &AskedField) -> Self {
        let AskedField { name, kind, description, value, schema } = field.clone();
        let checked = schema.as_ref().and_then(|schema| Schema::compile(schema).ok());
        Self { name, kind, description, default: value, value: None, schema, checked }
    }

    fn accept(
        &self,
        input: &mut Map<String, Value>,
        coerce: bool,
        problems: &mut Vec<InputProblem>,
    ) {
        let is_left_out = |value: &Value| coerce && value.is_null();
        let given = input.get_mut(&self.name).filter(|value| !is_left_out(value));
        let Some(value) = given else {
            match &self.default {
                Some(default) => drop(input.insert(self.name.clone(), default.clone())),
                None => problems.push(InputProblem {
                    pointer: pointer(&self.name),
                    message: "is missing".to_owned(),
                }),
            }
            return;
        };
        if let Some(coerced) = coerce.then(|| coerce::coerced(self.kind, value)).flatten() {
            *value = coerced;
        }
        problems.extend(self.misfit(value, &pointer(&self.name)));
    }

    /// Returns why the value is invalid for this field; messages start with a verb.
    fn misfit(&self, value: &Value, pointer: &str) -> Vec<InputProblem> {
        if value.is_null() && self.default.as_ref().is_some_and(Value::is_null) {
            return Vec::new();
        }
        if !self.kind.accepts(value) {
            let message = format!("must be {}, not {}", self.kind, kind_of(value));
            return vec![InputProblem { pointer: pointer.to_owned(), message }];
        }
        let misfits = self.checked.as_ref().map_or_else(Vec::new, |schema| schema.misfits(value));
        let problem = |misfit: Misfit| InputProblem {
            pointer: format!("{pointer}{}", misfit.pointer),
            message: format!("does not fit its schema: {}", misfit.reason),
        };
        misfits.into_iter().map(problem).collect()
    }
}

fn check_name(name: &str, fields: &mut Fields<'_, '_>) {
    if name == "input" {
        fields.error("name", "a field cannot be called `input`: <api.input> is the whole input");
    } else if name.chars().count() > 64 {
        fields.error("name", "a field's name has at most 64 characters");
    } else if fields.compiler.options.reserved_input_names.contains(&name) {
        fields.warning(
            "name",
            format!(
                "`{name}` is also a control key of some callers' requests, which then cannot send \
                 this field at the top level"
            ),
        );
    }
}

impl InputType {
    pub const NAMES: [&'static str; 6] = ["string", "number", "boolean", "object", "array", "file"];

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            "file" => Self::File,
            _ => return None,
        })
    }

    /// Returns the word that authors write.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
            Self::File => "file",
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::File => match value {
                Value::String(_) | Value::Object(_) => true,
                Value::Array(files) => {
                    files.iter().all(|file| file.is_object() || file.is_string())
                }
                _ => false,
            },
        }
    }
}

/// The type with its article, for messages.
impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::File => "a file (a URL, an object that describes it, or a list of them)",
        })
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
