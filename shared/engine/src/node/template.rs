//! `template`: puts text together.
//!
//! | field | |
//! |---|---|
//! | `template` | text with references |
//!
//! Leaves `{content}`. A template that is exactly one reference keeps that value's JSON type.
//!
//! ```yaml
//! - { id: greeting, type: template, template: "Hello <api.name> x<api.n>" }
//! ```

use serde_json::json;

use super::fields::{Fields, Secrets};
use super::{NodeError, Plan};
use crate::run::Reader;
use crate::template::Text;

#[derive(Debug)]
pub(crate) struct Template {
    template: Text,
}

impl Template {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self { template: fields.required_text("template", Secrets::Refused) }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Done(json!({ "content": self.template.render(reader)? })))
    }
}
