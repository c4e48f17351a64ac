//! `output`: what the run gives back.
//!
//! Usually written as the workflow's `output` section; a node of this kind does the same in the middle of a graph. The
//! outputs of all output nodes that ran are merged, the section last. It leaves its `values` behind.
//!
//! | field | |
//! |---|---|
//! | `values` | name to template; a template that is one reference keeps its JSON type |
//!
//! ```yaml
//! - { id: answer, type: output, values: { story: <draft.content>, words: 80 } }
//! ```

use serde_json::{Map, Value};

use super::fields::{Fields, Secrets};
use super::{Leaves, NodeError, Plan};
use crate::run::Reader;
use crate::template::Template;
use crate::workflow::Compiler;

#[derive(Debug)]
pub(crate) struct Output {
    values: Template,
}

impl Output {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        fields.require("values");
        fields.object("values");
        Self { values: fields.template("values", Secrets::Refused).unwrap_or_else(empty) }
    }

    /// The `output` section is the object of values itself.
    pub(crate) fn read_section(compiler: &mut Compiler<'_>, values: &Map<String, Value>) -> Self {
        Self { values: compiler.template(&Value::Object(values.clone()), "/output", 0, Secrets::Refused) }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        self.values.render(reader).map(Plan::Done)
    }
}

fn empty() -> Template {
    Template::Literal(Value::Object(Map::new()))
}

pub(crate) fn leaves(node: &Map<String, Value>) -> Leaves {
    node.get("values").and_then(Value::as_object).map_or(Leaves::Anything, section_leaves)
}

pub(crate) fn section_leaves(values: &Map<String, Value>) -> Leaves {
    Leaves::Only(values.keys().cloned().collect())
}
