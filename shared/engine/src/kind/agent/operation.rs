//! An operation of a connector as a tool.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use super::fields::{ALLOW, CONNECTOR, DESCRIPTION, LOGIN, ONCE, PARAMETERS, TOOL_NAME, WITH};
use super::tool::{ARGUMENTS, Answer, MAX_NAME, Target, Tool, is_name};
use crate::call::ModelTool;
use crate::compile::fields::Fields;
use crate::connector::{self, Shared};
use crate::schema::Schema;

/// The tool that an entry with `connector` describes.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Tool> {
    let written = fields.string(&CONNECTOR)?.to_owned();
    let operation = find(fields, &written)?;
    let name = read_name(fields, &operation);
    let description = fields.string(&DESCRIPTION).map(str::to_owned);
    if fields.is_given(&PARAMETERS) {
        let message = "`parameters` has no place beside `connector`: they are its fields";
        fields.error(&PARAMETERS.name, message);
    }
    let is_allowed = fields.string(&ALLOW).is_some();
    if !is_allowed && !operation.effect.is_allowed_unasked() {
        let message = format!(
            "`{written}` deletes, and a model would do so unasked; `allow: delete` says that it may"
        );
        fields.error_here(message);
    }
    let login = connector::read_login(fields, &operation, &LOGIN);
    let at_most_once = fields.boolean(&ONCE);
    let tool = read_fixed(fields, &operation, login, at_most_once);
    let parameters = Schema::compile(&tool.parameters).ok()?;
    let description = description.unwrap_or(tool.description);
    let target = Target::Node { parameters, node: tool.node, answer: Answer::Whole };
    Some(Tool { shown: ModelTool { name, description, parameters: tool.parameters }, target })
}

fn find(fields: &mut Fields<'_, '_>, written: &str) -> Option<Shared> {
    let found = fields.kind(written).and_then(|kind| kind.operation.clone());
    if found.is_none() {
        let hint = fields.like_operations(written);
        fields.error(&CONNECTOR.name, format!("there is no operation `{written}`{hint}"));
    }
    found
}

fn read_name(fields: &mut Fields<'_, '_>, operation: &Shared) -> String {
    let own = operation.full_name().replace('.', "_");
    let name = fields.string(&TOOL_NAME).map_or(own, str::to_owned);
    if name.len() > MAX_NAME || !is_name(&name) {
        let rule = format!("`name` has letters, digits, `_` and `-`, at most {MAX_NAME}");
        fields.error(&TOOL_NAME.name, rule);
    }
    name
}

fn read_fixed(
    fields: &mut Fields<'_, '_>,
    operation: &Shared,
    login: String,
    at_most_once: Option<bool>,
) -> connector::OperationTool {
    static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    let fixed = fields.object(&WITH).unwrap_or(&NOTHING);
    let path = fields.path_of(&WITH.name);
    let table = connector::fixed_fields(&Arc::clone(operation));
    let read =
        |fields: &mut Fields<'_, '_>| connector::read_tool(fields, operation, login, at_most_once);
    fields.inner_bound(&path, fixed, &table, ARGUMENTS, read)
}
