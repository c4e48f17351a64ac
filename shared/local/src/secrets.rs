//! Provider secrets and the keyring, stored in plain text: the file's mode protects them from other
//! users.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::secret::{Keyring, SecretInfo, Secrets};
use flowgate_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::Local;

#[async_trait]
impl Secrets for Local {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        let created = serde_json::to_string(&create)?;
        let kept: String = self
            .write(move |connection| {
                connection.execute(
                    "INSERT OR IGNORE INTO keyring (only, keyring) VALUES (1, ?1)",
                    [created],
                )?;
                Ok(connection.query_row("SELECT keyring FROM keyring", [], |row| row.get(0))?)
            })
            .await?;
        Ok(serde_json::from_str(&kept)?)
    }

    async fn put(&self, name: &str, value: &str, now: Timestamp) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(move |connection| {
            let mut upsert = connection.prepare_cached(
                "INSERT OR REPLACE INTO secrets (name, value, updated_at) VALUES (?1, ?2, ?3)",
            )?;
            upsert.execute(params![name, value, now.0])?;
            Ok(())
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.query(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT value FROM secrets WHERE name = ?1")?;
            Ok(select.query_row([name], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.query(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT name, updated_at FROM secrets ORDER BY name")?;
            let infos = select.query_map([], |row| {
                Ok(SecretInfo { name: row.get(0)?, updated_at: Timestamp(row.get(1)?) })
            })?;
            Ok(infos.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |connection| {
            Ok(connection.prepare_cached("DELETE FROM secrets WHERE name = ?1")?.execute([name])?
                == 1)
        })
        .await
    }
}
