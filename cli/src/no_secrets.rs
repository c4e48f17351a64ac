//! For calls that no run of a server makes: they have no secrets.

use async_trait::async_trait;
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, Secrets};
use flowgate_core::time::Timestamp;

/// A store without secrets.
pub(crate) struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn keyring(&self, create: Keyring) -> anyhow::Result<Keyring> {
        Ok(create)
    }

    async fn replace_keyring(&self, _: &Keyring) -> anyhow::Result<bool> {
        Ok(false)
    }

    async fn put(&self, _: &str, _: &SecretRecord, _: Timestamp) -> anyhow::Result<()> {
        anyhow::bail!("nothing is stored here")
    }

    async fn get(&self, _: &str) -> anyhow::Result<Option<SecretRecord>> {
        Ok(None)
    }

    async fn list(&self) -> anyhow::Result<Vec<SecretInfo>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> anyhow::Result<bool> {
        Ok(false)
    }
}
