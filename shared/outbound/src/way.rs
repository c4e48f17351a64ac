//! The client of one address rule. Authors' URLs and those of callers have different rules.

use std::sync::{Arc, OnceLock};

use flowgate_engine::call::CallError;

use super::address::AddressRule;
use super::{client, failed};

/// Builds its client on first use, so that a start loads no trust roots it never needs.
pub(super) struct Way {
    pub(super) rule: Arc<AddressRule>,
    client: OnceLock<reqwest::Client>,
}

impl Way {
    pub(super) fn new(rule: AddressRule) -> Self {
        Self { rule: Arc::new(rule), client: OnceLock::new() }
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
}
