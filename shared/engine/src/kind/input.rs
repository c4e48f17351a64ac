//! The workflow's `input` section, as the node `api`, which authors do not write among the nodes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::expr::reference::PathStep;
use crate::expr::scope::Scope;
use crate::problem::did_you_mean;

/// Not in the list of kinds: authors write the section instead.
pub(crate) fn spec() -> KindSpec {
    KindSpec {
        name: "input".into(),
        summary: "The run's input.".into(),
        details: "".into(),
        fields: [].as_slice().into(),
        outputs,
        call: None,
        role: Role::Input,
        operation: None,
        group: Group::Gate,
        touches: Touches::Nothing,
        example: "".into(),
        read: Arc::new(|_| Box::new(Input)),
    }
}

#[derive(Debug)]
pub(crate) struct Input;

impl Node for Input {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::Done(Arc::clone(scope.input_shared())))
    }
}

/// The declared fields, read from the whole document; any field if none is declared.
pub(crate) fn outputs(root: &Map<String, Value>) -> OutputFields {
    let Some(Value::Array(fields)) = root.get("input") else { return OutputFields::Any };
    OutputFields::Only(fields.iter().filter_map(output).collect())
}

/// `null` is refused unless it is the default.
fn output(field: &Value) -> Option<OutputField> {
    let output_type = match field.get("type").map_or("string", |name| name.as_str().unwrap_or("")) {
        "string" => OutputType::Text,
        "number" => OutputType::Number,
        "object" => OutputType::Object,
        "array" => OutputType::List,
        _ => OutputType::Any,
    };
    let output = OutputField::new(field.get("name")?.as_str()?.to_owned(), output_type);
    let is_nullable = field.get("default").is_some_and(Value::is_null);
    Some(if is_nullable { output.nullable() } else { output })
}

/// Resolves an author's path to a path into the input.
pub(crate) fn path(outputs: &OutputFields, path: &[PathStep]) -> Result<Vec<PathStep>, String> {
    let PathStep::Field(first) = &path[0] else {
        return Err("the input is an object, not a list".into());
    };
    match outputs {
        _ if first == "input" => Ok(path[1..].to_vec()),
        OutputFields::Any => Err(format!(
            "the workflow has no `input` section; write <api.input.{first}>, or declare the field"
        )),
        OutputFields::Only(_) if outputs.names().any(|name| name == first) => Ok(path.to_vec()),
        OutputFields::Only(_) => {
            let hint = did_you_mean(first, outputs.names());
            Err(format!("the input has no field `{first}`{hint}"))
        }
    }
}
