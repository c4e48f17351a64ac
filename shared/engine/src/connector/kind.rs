//! The kind of node that an operation of a connector is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Shared;
use super::template::LOGIN;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::kind::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, Plan, Role, Touches,
};
use crate::pattern;
use crate::problem::shortened;
use crate::url::Host;

const LIMITS: CallLimits =
    CallLimits { default_timeout: Duration::from_secs(120), max_timeout: Duration::from_secs(600) };

pub(crate) fn spec_of(operation: &Shared) -> KindSpec {
    let operation = Arc::clone(operation);
    let read = Arc::clone(&operation);
    KindSpec {
        name: operation.full_name().into(),
        summary: format!("{}.", operation.summary.trim_end_matches('.')).into(),
        details: operation.details.clone().into(),
        fields: field_specs(&operation).into(),
        // Never asked: `outputs_of` asks the operation.
        outputs: |_| OutputFields::Any,
        call: Some(LIMITS),
        role: Role::Step,
        group: Group::Call,
        touches: Touches::Nothing,
        example: example(&operation).into(),
        read: Arc::new(move |fields| Box::new(ConnectorNode::read(fields, &read))),
        operation: Some(operation),
    }
}

pub(super) fn field_specs(operation: &Shared) -> Vec<FieldSpec> {
    let mut specs: Vec<FieldSpec> = operation.settings.iter().map(setting_spec).collect();
    let required: BTreeSet<&str> = operation.required().collect();
    for (name, schema) in operation.properties() {
        specs.push(FieldSpec {
            name: Cow::Owned(name.clone()),
            required: match required.contains(name.as_str()) {
                true => crate::field::Required::Yes,
                false => crate::field::Required::No,
            },
            default: schema.get("default").map(super::template::text_of).unwrap_or_default().into(),
            help: help_of(schema).into(),
            ..FieldSpec::new("", type_of(schema), "")
        });
    }
    if operation.needs_login() {
        specs.push(login_spec(operation));
    }
    specs
}

fn setting_spec(setting: &super::Setting) -> FieldSpec {
    let help = match setting.help.is_empty() {
        true => "a part of the vendor's address".to_owned(),
        false => setting.help.clone(),
    };
    FieldSpec {
        name: Cow::Owned(setting.name.clone()),
        help: help.into(),
        ..FieldSpec::new("", FieldType::Words, "").required()
    }
}

fn login_spec(operation: &Shared) -> FieldSpec {
    FieldSpec {
        default: operation.default_login().into(),
        ..FieldSpec::new(LOGIN, FieldType::Words, "the name of the secret that is the login")
    }
}

fn type_of(schema: &Value) -> FieldType {
    let has_words = schema.get("enum").is_some();
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if !has_words => FieldType::Text,
        _ => FieldType::Any,
    }
}

/// What the schema says, in one line.
fn help_of(schema: &Value) -> String {
    let text = |name: &str| schema.get(name).and_then(Value::as_str);
    let mut help = text("description").unwrap_or_default().to_owned();
    let mut add = |more: String| {
        if !help.is_empty() {
            help.push_str("; ");
        }
        help.push_str(&more);
    };
    if let Some(Value::Array(words)) = schema.get("enum") {
        let words: Vec<String> =
            words.iter().map(|word| format!("`{}`", super::template::text_of(word))).collect();
        add(format!("one of {}", words.join(", ")));
    } else if text("format") == Some("file") {
        add("a file".to_owned());
    } else if let Some(kind) = text("type").filter(|kind| *kind != "string") {
        add(match kind {
            "integer" => "a whole number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => "a list".to_owned(),
            "object" => "an object".to_owned(),
            other => format!("a {other}"),
        });
    }
    if help.is_empty() { "text".to_owned() } else { help }
}

fn example(operation: &Shared) -> String {
    let mut node = Map::new();
    node.insert("id".to_owned(), "step".into());
    node.insert("type".to_owned(), operation.full_name().into());
    let with = operation.tries.first().map(|first| first.with.clone()).unwrap_or_default();
    node.extend(with);
    let yaml = |(name, value): (&String, &Value)| format!("{name}: {value}");
    node.iter().map(yaml).collect::<Vec<_>>().join("\n")
}

#[derive(Debug)]
pub(super) struct ConnectorNode {
    operation: Shared,
    fields: Vec<(String, Field)>,
    /// Settings as the author wrote them.
    settings: Map<String, Value>,
    login: String,
}

#[derive(Debug)]
enum Field {
    Text(Text),
    Any(Template),
}

impl ConnectorNode {
    fn read(fields: &mut Fields<'_, '_>, operation: &Shared) -> Self {
        let login = read_login(fields, operation, &login_spec(operation));
        Self::fixed(fields, operation, login)
    }

    /// Reads all fields but the login.
    pub(super) fn fixed(fields: &mut Fields<'_, '_>, operation: &Shared, login: String) -> Self {
        let mut read = Vec::new();
        for spec in field_specs(operation) {
            let is_own = operation.properties().any(|(name, _)| *name == spec.name);
            if !is_own || !fields.is_given(&spec) {
                continue;
            }
            let field = match spec.field_type {
                FieldType::Text => fields.text(&spec).map(Field::Text),
                _ => fields.template(&spec).map(Field::Any),
            };
            let Some(field) = field else { continue };
            check_literal(fields, operation, &spec.name, &field);
            read.push((spec.name.into_owned(), field));
        }
        let settings = read_settings(fields, operation);
        Self { operation: Arc::clone(operation), fields: read, settings, login }
    }

    /// The names of the fields that the author gives.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Plans the next calls. The author's fields stand before those that a model gives.
    pub(super) fn plan_with(
        &self,
        given: Option<&Map<String, Value>>,
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Plan, NodeError> {
        let fields = self.filled(given, scope)?;
        self.operation.plan(&fields, &self.login, &scope.key_seed(), done)
    }

    /// The fields as the operation's schema wants them, with the settings.
    fn filled(
        &self,
        given: Option<&Map<String, Value>>,
        scope: &Scope<'_>,
    ) -> Result<Value, NodeError> {
        let mut filled = Map::new();
        for (name, value) in given.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            filled.insert(name.clone(), value.clone());
        }
        for (name, field) in &self.fields {
            let value = match field {
                Field::Text(text) => text.render(scope)?,
                Field::Any(template) => template.render(scope)?,
            };
            if value.is_null() {
                filled.remove(name);
            } else {
                filled.insert(name.clone(), self.operation.fitted(name, value));
            }
        }
        let filled = Value::Object(self.operation.with_defaults(filled));
        if let Some(misfit) = self.operation.misfit(&filled) {
            return Err(NodeError::new("invalid_field", misfit));
        }
        let Value::Object(mut filled) = filled else { return Ok(Value::Null) };
        filled.extend(self.settings.clone());
        Ok(Value::Object(filled))
    }
}

impl Node for ConnectorNode {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        self.plan_with(None, scope, done)
    }
}

/// A field that nothing fills in is checked at once.
fn check_literal(fields: &mut Fields<'_, '_>, operation: &Shared, name: &str, field: &Field) {
    let value = match field {
        Field::Text(text) => text.literal().map(Value::from),
        Field::Any(Template::Literal(value)) => Some(value.clone()),
        Field::Any(_) => None,
    };
    let Some(value) = value else { return };
    if let Some(reason) = operation.misfit_of(name, &operation.fitted(name, value)) {
        fields.error(name, format!("`{name}`: {}", shortened(&reason)));
    }
}

fn read_settings(fields: &mut Fields<'_, '_>, operation: &Shared) -> Map<String, Value> {
    let mut settings = Map::new();
    for setting in &operation.settings {
        let Some(written) = fields.string(&setting_spec(setting)) else { continue };
        if pattern::is_match(&setting.pattern, written) != Ok(true) {
            let message = format!(
                "`{}` is a literal such as {}",
                setting.name,
                setting.pattern.trim_start_matches("^(?:").trim_end_matches(")$")
            );
            fields.error(&setting.name, message);
        }
        settings.insert(setting.name.clone(), written.into());
    }
    settings
}

/// Reads the name of the secret, and notes where it goes.
pub(crate) fn read_login(
    fields: &mut Fields<'_, '_>,
    operation: &Shared,
    spec: &FieldSpec,
) -> String {
    if !operation.needs_login() {
        return String::new();
    }
    let written = fields.string(spec).map(str::to_owned);
    let name = written.unwrap_or_else(|| operation.default_login());
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_of_name) {
        fields.error(LOGIN, "`login` is the bare name of a secret, such as SLACK_TOKEN");
        return name;
    }
    let host = operation.base().map_or(Host::InSecret, |base| Host::Written(base.to_owned()));
    fields.implicit_secret(name.clone(), host);
    name
}
