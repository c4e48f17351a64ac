//! The clients of one address rule. Authors' URLs and those of callers have different rules.

use std::sync::{Arc, OnceLock};

use flowgate_engine::call::CallError;

use super::address::AddressRule;
use super::{client, failed};

/// Builds its clients on first use, so that a start loads no trust roots it never needs.
pub(super) struct Way {
    pub(super) rule: Arc<AddressRule>,
    client: OnceLock<reqwest::Client>,
    models: OnceLock<genai::Client>,
}

impl Way {
    pub(super) fn new(rule: AddressRule) -> Self {
        Self { rule: Arc::new(rule), client: OnceLock::new(), models: OnceLock::new() }
    }

    pub(super) fn client(&self) -> Result<&reqwest::Client, CallError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = client::build(Arc::clone(&self.rule)).map_err(|error| {
            tracing::error!(error = format!("{error:?}"), "could not build the http client");
            failed("internal", "could not build the HTTP client")
        })?;
        Ok(self.client.get_or_init(|| built))
    }

    pub(super) fn models(&self) -> Result<&genai::Client, CallError> {
        if let Some(models) = self.models.get() {
            return Ok(models);
        }
        let built = genai::Client::builder().with_reqwest(self.client()?.clone()).build();
        let built = built.map_err(|error| failed("internal", error.to_string()))?;
        Ok(self.models.get_or_init(|| built))
    }
}
