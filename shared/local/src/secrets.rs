//! Provider secrets and the keyring, stored in plain text: the file's mode protects them from other
//! users.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, Secrets};
use flowgate_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

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

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        let (name, value) = (name.to_owned(), secret.value.clone());
        let rule = serde_json::to_string(&secret.rule)?;
        self.write(move |connection| {
            let mut upsert = connection.prepare_cached(
                "INSERT OR REPLACE INTO secrets (name, value, updated_at, rule) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            upsert.execute(params![name, value, now.0, rule])?;
            Ok(())
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        let name = name.to_owned();
        let stored = self.query(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT value, rule FROM secrets WHERE name = ?1")?;
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
            Ok(select.query_row([name], read).optional()?)
        });
        let Some((value, rule)) = stored.await? else { return Ok(None) };
        Ok(Some(SecretRecord { value, rule: serde_json::from_str(&rule)? }))
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.query(move |connection| {
            let mut select = connection
                .prepare_cached("SELECT name, updated_at, rule FROM secrets ORDER BY name")?;
            let rows = select.query_map([], |row| {
                Ok((row.get(0)?, Timestamp(row.get(1)?), row.get::<_, String>(2)?))
            })?;
            let info = |row: rusqlite::Result<(String, Timestamp, String)>| {
                let (name, updated_at, rule) = row?;
                Ok(SecretInfo { name, updated_at, rule: serde_json::from_str(&rule)? })
            };
            rows.map(info).collect()
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
