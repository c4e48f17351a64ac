//! Provider secrets and the keyring, sealed with the folder's master key.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::login_key::LoginKey;
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, SecretValue, Secrets};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::sealing::{OF_KEYRING, of_secret};

#[async_trait]
impl Secrets for Local {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        let key = &self.inner.sealing.key;
        let created = key.seal(OF_KEYRING, &serde_json::to_string(&create)?)?;
        let kept: String = self
            .write(move |connection| {
                connection.execute(
                    "INSERT OR IGNORE INTO keyring (only, keyring) VALUES (1, ?1)",
                    [&created],
                )?;
                Ok(connection.query_row("SELECT keyring FROM keyring", [], |row| row.get(0))?)
            })
            .await?;
        Ok(serde_json::from_str(&key.unseal(OF_KEYRING, &kept)?)?)
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        let (key, next) = (self.inner.sealing.key.clone(), next.clone());
        self.erase(move |connection| {
            let stored: String =
                connection.query_row("SELECT keyring FROM keyring", [], |row| row.get(0))?;
            let stored: Keyring = serde_json::from_str(&key.unseal(OF_KEYRING, &stored)?)?;
            if stored.generation + 1 != next.generation {
                // The retry of a write that was applied is a success.
                return Ok(stored == next);
            }
            let sealed = key.seal(OF_KEYRING, &serde_json::to_string(&next)?)?;
            connection.execute("UPDATE keyring SET keyring = ?1", [sealed])?;
            Ok(true)
        })
        .await
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        let login = secret.value.login();
        let text = match &secret.value {
            SecretValue::Plain(text) => text,
            SecretValue::Login(key) => key.as_str(),
        };
        let sealed = self.inner.sealing.key.seal(&of_secret(name), text)?;
        let rule = serde_json::to_string(&secret.rule)?;
        let name = name.to_owned();
        self.erase(move |connection| {
            let mut upsert = connection.prepare_cached(
                "INSERT OR REPLACE INTO secrets (name, value, updated_at, rule, login) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            upsert.execute(params![name, sealed, now.0, rule, login])?;
            Ok(())
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        let (of, name) = (of_secret(name), name.to_owned());
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT value, rule, login IS NOT NULL FROM secrets WHERE name = ?1",
            )?;
            let read = |row: &Row<'_>| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
            };
            Ok(select.query_row([name], read).optional()?)
        };
        let Some((sealed, rule, is_login)) = self.query(select).await? else { return Ok(None) };
        let text = self.inner.sealing.key.unseal(&of, &sealed)?;
        let value = match is_login {
            true => SecretValue::Login(LoginKey::parse(&text)?),
            false => SecretValue::Plain(text),
        };
        Ok(Some(SecretRecord { value, rule: serde_json::from_str(&rule)? }))
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT name, updated_at, rule, login FROM secrets ORDER BY name",
            )?;
            let mut rows = select.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let rule: String = row.get(2)?;
                found.push(SecretInfo {
                    name: row.get(0)?,
                    updated_at: Timestamp(row.get(1)?),
                    rule: serde_json::from_str(&rule)?,
                    login: row.get(3)?,
                });
            }
            Ok(found)
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.erase(move |connection| {
            Ok(connection
                .prepare_cached("DELETE FROM secrets WHERE name = ?1")?
                .execute([&name])?
                == 1)
        })
        .await
    }
}
