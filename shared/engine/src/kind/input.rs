//! `input`: the workflow's `input` section, as the node `api`.
//!
//! It is not written among the nodes. `<api.x>` and `<api.input.x>` read a declared field, `<api.input>` the whole input;
//! without an `input` section only `<api.input…>` reads anything.
//!
//! ```yaml
//! input:
//!   - { name: character, type: string, description: Who the story is about }
//!   - { name: words, type: number, default: 80, value: 20 }
//! ```

use serde_json::{Map, Value};

use super::{Leaves, NodeError, Plan};
use crate::problem::did_you_mean;
use crate::run::Reader;
use crate::text::PathStep;

#[derive(Debug)]
pub(crate) struct Input;

impl Input {
    pub(super) fn plan(&self, _reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Input)
    }
}

/// The declared fields; anything where none are declared.
pub(crate) fn leaves(root: &Map<String, Value>) -> Leaves {
    let Some(Value::Array(fields)) = root.get("input") else { return Leaves::Anything };
    Leaves::Only(fields.iter().filter_map(|field| field.get("name")?.as_str().map(str::to_owned)).collect())
}

/// The path into the input that an author's path means.
pub(crate) fn path(leaves: &Leaves, path: &[PathStep]) -> Result<Vec<PathStep>, String> {
    let PathStep::Field(first) = &path[0] else { return Err("the input is an object, not a list".into()) };
    match leaves {
        _ if first == "input" => Ok(path[1..].to_vec()),
        Leaves::Anything => Err(format!("the workflow has no `input` section; write <api.input.{first}>, or declare the field")),
        Leaves::Only(names) if names.contains(first) => Ok(path.to_vec()),
        Leaves::Only(names) => Err(format!("the input has no field `{first}`{}", did_you_mean(first, names.iter().map(String::as_str)))),
    }
}
