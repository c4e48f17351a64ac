//! `function`: runs JavaScript.
//!
//! | field | |
//! |---|---|
//! | `code` | the body of a function; what it returns is the result |
//! | `timeout` | at most `60s`, default `30s` |
//!
//! A reference in the code is a variable that holds the value (`<api.n> * 2`), never text put into the code; so it does not
//! belong inside quotes. `api` is the whole input. Secrets cannot be used in code. Leaves `{result, stdout}`.
//!
//! ```yaml
//! - { id: double, type: function, code: "return <api.n> * 2" }
//! ```

use serde_json::Map;

use super::embedded::Embedded;
use super::fields::Fields;
use super::{NodeError, Plan};
use crate::call::{Action, CodeCall};
use crate::run::Reader;

#[derive(Debug)]
pub(crate) struct Function {
    code: Embedded,
    /// Bound only where the code speaks of it: it may be large.
    binds_api: bool,
}

impl Function {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        fields.require("code");
        let code = Embedded::read(fields, "code");
        Self { binds_api: code.code.contains("api"), code }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        let mut variables: Map<_, _> = self.code.read_variables(reader)?.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        if self.binds_api {
            variables.insert("api".into(), reader.input().clone());
        }
        Ok(Plan::Perform(Action::Code(CodeCall { code: self.code.code.clone(), variables, now_ms: reader.started_at_ms() })))
    }
}
