//! Invalidates cached provider secrets that this process changes.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_app::secret::{Keyring, SecretInfo, SecretRecord, Secrets};
use flowgate_app::time::Timestamp;
use flowgate_outbound::Outbound;

/// The port, with changes applied to `Outbound`'s cache immediately.
pub(crate) struct Invalidating {
    pub(crate) port: Arc<dyn Secrets>,
    pub(crate) outbound: Arc<Outbound>,
}

#[async_trait]
impl Secrets for Invalidating {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        self.port.keyring(create).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        self.port.replace_keyring(next).await
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        self.port.put(name, secret, now).await?;
        self.outbound.forget_secret(name);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        self.port.get(name).await
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.port.list().await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        let known = self.port.delete(name).await?;
        self.outbound.forget_secret(name);
        Ok(known)
    }
}
