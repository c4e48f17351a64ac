//! For other kinds that call a provider: its address and key, under the same rules.

use super::{check_model, note_providers, written_provider};
use crate::call::{Rendered, RenderedUrl};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};
use crate::kind::NodeError;

pub(in crate::kind) const ADDRESS: FieldSpec = FieldSpec::with_default(
    "base_url",
    FieldType::Text,
    "the secret `<PROVIDER>_BASE_URL`, else the provider's address",
    "the provider's address",
)
.with_secrets();

pub(in crate::kind) const KEY: FieldSpec = FieldSpec::with_default(
    "api_key",
    FieldType::Text,
    "the secret `<PROVIDER>_API_KEY`",
    "the provider's key",
)
.with_secrets();

/// Where a node's calls go, and with which key.
#[derive(Debug)]
pub(in crate::kind) struct Connection {
    /// `provider/model`, or the provider alone.
    model: Text,
    base_url: Option<Text>,
    api_key: Option<Text>,
}

impl Connection {
    /// Reads the field of a model of one of the providers.
    pub(in crate::kind) fn read(
        fields: &mut Fields<'_, '_>,
        spec: &FieldSpec,
        known: &[&str],
    ) -> Self {
        let model = fields.text(spec).unwrap_or_default();
        let has_address = fields.is_given(&ADDRESS);
        if fields.is_given(spec) {
            check_model(fields, &spec.name, &model, has_address, known);
        }
        Self::of(fields, model)
    }

    /// The connection of a kind that knows one provider.
    pub(in crate::kind) fn to(fields: &mut Fields<'_, '_>, provider: &str) -> Self {
        Self::of(fields, Text::raw(&format!("{provider}/")))
    }

    fn of(fields: &mut Fields<'_, '_>, model: Text) -> Self {
        let base_url = fields.url(&ADDRESS);
        note_providers(fields, std::slice::from_ref(&model), base_url.as_ref());
        Self { model, base_url, api_key: fields.text(&KEY) }
    }

    /// The provider, if the author's text names it.
    pub(in crate::kind) fn provider(&self) -> Option<&str> {
        written_provider(&self.model)
    }

    pub(in crate::kind) fn has_own_url(&self) -> bool {
        self.base_url.is_some()
    }

    pub(in crate::kind) fn model(&self, scope: &Scope<'_>) -> Result<String, NodeError> {
        self.model.render_string(scope)
    }

    pub(in crate::kind) fn base_url(
        &self,
        scope: &Scope<'_>,
    ) -> Result<Option<RenderedUrl>, NodeError> {
        self.base_url.as_ref().map(|url| url.render_url(scope)).transpose()
    }

    pub(in crate::kind) fn api_key(
        &self,
        scope: &Scope<'_>,
    ) -> Result<Option<Rendered>, NodeError> {
        self.api_key.as_ref().map(|key| key.render_outgoing(scope)).transpose()
    }
}
