//! Webhook signing secrets, with which receivers verify a workflow's webhooks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_core::key::Scope;
use flowgate_core::secret::SigningPin;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// How long the old secret signs alongside the new one after a rotation.
const ROTATION_OVERLAP: Duration = Duration::from_secs(24 * 3600);

impl App {
    /// Returns the workflow's signing secrets (`whsec_…`), newest first.
    pub async fn signing_secrets(&self, caller: &Caller, workflow_id: &str) -> Result<Vec<String>> {
        let workflow = self.read_workflow(caller, workflow_id).await?;
        let mut secrets = Vec::new();
        for pin in workflow.live_pins(self.now()) {
            secrets.push(self.signing_secret(&workflow.uid, pin).await?);
        }
        Ok(secrets)
    }

    /// Issues a new secret for the workflow; the old one signs alongside it for a day.
    pub async fn rotate_signing_secret(
        &self,
        caller: &Caller,
        workflow_id: &str,
    ) -> Result<String> {
        caller.require(Scope::Author, workflow_id, What::Workflow)?;
        let workflow = self.read_workflow(caller, workflow_id).await?;
        let pin = SigningPin {
            master: self.keyring().await?.newest_master()?,
            epoch: workflow.signing.epoch + 1,
        };
        let known = self
            .ports
            .workflows
            .rotate_signing(workflow_id, pin, self.now() + ROTATION_OVERLAP)
            .await?;
        self.workflow_cache.forget(workflow_id);
        if known {
            self.signing_secret(&workflow.uid, pin).await
        } else {
            Err(Error::NotFound(What::Workflow))
        }
    }

    async fn signing_secret(&self, uid: &str, pin: SigningPin) -> Result<String> {
        Ok(format!("whsec_{}", BASE64.encode(self.signing_key(uid, pin).await?)))
    }
}
