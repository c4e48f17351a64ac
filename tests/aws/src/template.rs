//! A transformed template: its resources, with references, joins and conditions resolved.

use std::collections::HashMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use crate::queues::{ACCOUNT, REGION};

pub(crate) const STACK: &str = "double";

pub(crate) struct Template {
    document: Value,
    parameters: HashMap<String, Value>,
    /// The value of `Ref` for resources that the double created.
    references: HashMap<String, String>,
    /// The value of `Fn::GetAtt`, by `Resource.Attribute`.
    attributes: HashMap<String, String>,
}

impl Template {
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_str(text).context("the template is not JSON")?;
        let given = document["Parameters"].as_object().into_iter().flatten();
        let parameters =
            given.map(|(name, parameter)| (name.clone(), parameter["Default"].clone())).collect();
        Ok(Self { document, parameters, references: HashMap::new(), attributes: HashMap::new() })
    }

    /// Returns the resources of a kind whose conditions hold: logical id, properties, whole
    /// resource.
    pub(crate) fn resources(&self, kind: &str) -> anyhow::Result<Vec<(String, Value, Value)>> {
        let mut found = Vec::new();
        for (name, resource) in self.document["Resources"].as_object().into_iter().flatten() {
            let wanted = match resource["Condition"].as_str() {
                Some(condition) => self.condition(condition)?,
                None => true,
            };
            if resource["Type"] == kind && wanted {
                found.push((name.clone(), resource["Properties"].clone(), resource.clone()));
            }
        }
        Ok(found)
    }

    pub(crate) fn made(&mut self, resource: &str, reference: &str, attributes: &[(&str, &str)]) {
        self.references.insert(resource.to_owned(), reference.to_owned());
        for (attribute, value) in attributes {
            self.attributes.insert(format!("{resource}.{attribute}"), (*value).to_owned());
        }
    }

    /// Returns the value with every intrinsic function resolved.
    pub(crate) fn resolve(&self, value: &Value) -> anyhow::Result<Value> {
        match value {
            Value::Array(items) => {
                let items: anyhow::Result<Vec<Value>> =
                    items.iter().map(|item| self.resolve(item)).collect();
                Ok(Value::Array(items?.into_iter().filter(|item| !is_no_value(item)).collect()))
            }
            Value::Object(fields) => match intrinsic(fields) {
                Some((function, argument)) => self.intrinsic(function, argument),
                None => self.resolve_fields(fields),
            },
            plain => Ok(plain.clone()),
        }
    }

    /// Returns any scalar as text.
    pub(crate) fn text(&self, value: &Value) -> anyhow::Result<String> {
        Ok(match self.resolve(value)? {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    fn resolve_fields(&self, fields: &Map<String, Value>) -> anyhow::Result<Value> {
        let mut resolved = Map::new();
        for (name, field) in fields {
            let field = self.resolve(field)?;
            if !is_no_value(&field) {
                resolved.insert(name.clone(), field);
            }
        }
        Ok(Value::Object(resolved))
    }

    fn intrinsic(&self, function: &str, argument: &Value) -> anyhow::Result<Value> {
        match function {
            "Ref" => self.reference(argument.as_str().unwrap_or_default()),
            "Fn::GetAtt" => self.attribute(argument),
            "Fn::Sub" => self.substitute(argument),
            "Fn::Join" => {
                let items = self.resolve(&argument[1])?;
                let items: Vec<String> = items
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| self.text(item))
                    .collect::<anyhow::Result<_>>()?;
                Ok(json!(items.join(argument[0].as_str().unwrap_or_default())))
            }
            "Fn::Select" => {
                let index: usize = self.text(&argument[0])?.parse()?;
                Ok(self.resolve(&argument[1])?[index].clone())
            }
            "Fn::Split" => {
                let text = self.text(&argument[1])?;
                Ok(json!(text.split(argument[0].as_str().unwrap_or_default()).collect::<Vec<_>>()))
            }
            "Fn::If" => {
                let holds = self.condition(argument[0].as_str().unwrap_or_default())?;
                self.resolve(&argument[if holds { 1 } else { 2 }])
            }
            other => bail!("the double does not know {other}"),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(if value.is_null() { json!("") } else { value.clone() });
        }
        if let Some(value) = self.references.get(name) {
            return Ok(json!(value));
        }
        Ok(match name {
            "AWS::Region" => json!(REGION),
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Partition" => json!("aws"),
            "AWS::StackName" => json!(STACK),
            "AWS::StackId" => {
                json!(format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1"))
            }
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::NoValue" => json!({ "Ref": "AWS::NoValue" }),
            // The double does not implement this resource, so any name will do.
            other if !self.document["Resources"][other].is_null() => json!(other),
            other => bail!("nothing is called {other}"),
        })
    }

    fn attribute(&self, argument: &Value) -> anyhow::Result<Value> {
        let path = match argument {
            Value::Array(parts) => {
                parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
            }
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let resource = path.split('.').next().unwrap_or_default();
        if let Some(value) = self.attributes.get(&path) {
            return Ok(json!(value));
        }
        if self.document["Resources"][resource].is_null() {
            bail!("nothing is called {resource}");
        }
        Ok(json!(format!("arn:aws:double:{REGION}:{ACCOUNT}:{path}")))
    }

    fn substitute(&self, argument: &Value) -> anyhow::Result<Value> {
        let (text, own) = match argument {
            Value::Array(parts) => (parts[0].as_str().unwrap_or_default(), parts[1].clone()),
            other => (other.as_str().unwrap_or_default(), Value::Null),
        };
        let mut pieces = text.split("${");
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').context("${ without }")?;
            let value = if let Some(literal) = name.strip_prefix('!') {
                format!("${{{literal}}}")
            } else if !own[name].is_null() {
                self.text(&own[name])?
            } else if name.contains('.') {
                self.text(&self.attribute(&json!(name))?)?
            } else {
                self.text(&self.reference(name)?)?
            };
            whole.push_str(&value);
            whole.push_str(rest);
        }
        Ok(json!(whole))
    }

    fn condition(&self, name: &str) -> anyhow::Result<bool> {
        let condition = &self.document["Conditions"][name];
        anyhow::ensure!(!condition.is_null(), "no condition is called {name}");
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> anyhow::Result<bool> {
        let fields = condition.as_object().context("a condition is an object")?;
        let (function, argument) = fields.iter().next().context("an empty condition")?;
        let each = || {
            argument
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| self.holds(one))
                .collect::<anyhow::Result<Vec<bool>>>()
        };
        match function.as_str() {
            "Fn::Equals" => Ok(self.text(&argument[0])? == self.text(&argument[1])?),
            "Fn::Not" => Ok(!self.holds(&argument[0])?),
            "Fn::And" => Ok(each()?.iter().all(|one| *one)),
            "Fn::Or" => Ok(each()?.iter().any(|one| *one)),
            "Condition" => self.condition(argument.as_str().unwrap_or_default()),
            other => bail!("the double does not know the condition {other}"),
        }
    }
}

fn intrinsic(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = fields.iter().next().filter(|_| fields.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

fn is_no_value(value: &Value) -> bool {
    *value == json!({ "Ref": "AWS::NoValue" })
}
