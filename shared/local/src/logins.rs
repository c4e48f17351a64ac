//! Logins. What is secret of them arrives sealed.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::login::{Login, Logins, PendingLogin};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::run_values::stored;

#[async_trait]
impl Logins for Local {
    async fn find(&self, name: &str, key_id: &str) -> Result<Option<Login>> {
        let (name, key_id) = (name.to_owned(), key_id.to_owned());
        self.query(move |connection| login(connection, &name, &key_id)).await
    }

    async fn save(&self, next: &Login) -> Result<bool> {
        let next = next.clone();
        self.erase(move |connection| {
            let before = login(connection, &next.name, &next.key_id)?;
            if before.as_ref().map_or(0, |before| before.revision) + 1 != next.revision {
                // The retry of a write that was applied is a success.
                return Ok(before.as_ref() == Some(&next));
            }
            let mut put = connection.prepare_cached(
                "INSERT OR REPLACE INTO logins (name, key_id, revision, info, sealed, lease) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let info = serde_json::to_string(&next.info)?;
            let lease = next.lease.as_ref().map(serde_json::to_string).transpose()?;
            let (name, key_id, revision) = (&next.name, &next.key_id, stored(next.revision));
            put.execute(params![name, key_id, revision, info, next.sealed, lease])?;
            Ok(true)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Login>> {
        self.query(|connection| {
            let mut select = connection
                .prepare_cached("SELECT name, key_id, revision, info, sealed, lease FROM logins")?;
            let mut rows = select.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(found)
        })
        .await
    }

    async fn remove(&self, name: &str, key_id: &str) -> Result<()> {
        let (name, key_id) = (name.to_owned(), key_id.to_owned());
        self.erase(move |connection| {
            let mut delete =
                connection.prepare_cached("DELETE FROM logins WHERE name = ?1 AND key_id = ?2")?;
            delete.execute([&name, &key_id])?;
            Ok(())
        })
        .await
    }

    async fn begin(&self, state_hash: &str, pending: &PendingLogin, now: Timestamp) -> Result<()> {
        let (state, pending) = (state_hash.to_owned(), pending.clone());
        self.erase(move |connection| {
            connection
                .prepare_cached("DELETE FROM begun_logins WHERE ends_at <= ?1")?
                .execute([now.0])?;
            let mut put = connection.prepare_cached(
                "INSERT INTO begun_logins (state, name, sealed, ends_at) VALUES (?1, ?2, ?3, ?4)",
            )?;
            put.execute(params![state, pending.name, pending.sealed, pending.ends_at.0])?;
            Ok(())
        })
        .await
    }

    async fn take(&self, state_hash: &str, now: Timestamp) -> Result<Option<PendingLogin>> {
        let state = state_hash.to_owned();
        self.erase(move |connection| {
            let mut take = connection.prepare_cached(
                "DELETE FROM begun_logins WHERE state = ?1 RETURNING name, sealed, ends_at",
            )?;
            let read = |row: &Row<'_>| {
                let ends_at = Timestamp(row.get(2)?);
                Ok(PendingLogin { name: row.get(0)?, sealed: row.get(1)?, ends_at })
            };
            let taken = take.query_row([&state], read).optional()?;
            Ok(taken.filter(|pending| pending.ends_at > now))
        })
        .await
    }
}

fn login(connection: &Connection, name: &str, key_id: &str) -> Result<Option<Login>> {
    let mut select = connection.prepare_cached(
        "SELECT name, key_id, revision, info, sealed, lease FROM logins \
         WHERE name = ?1 AND key_id = ?2",
    )?;
    select.query([name, key_id])?.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Result<Login> {
    let lease: Option<String> = row.get(5)?;
    Ok(Login {
        name: row.get(0)?,
        key_id: row.get(1)?,
        revision: u64::try_from(row.get::<_, i64>(2)?)?,
        info: serde_json::from_str(&row.get::<_, String>(3)?)?,
        sealed: row.get(4)?,
        lease: lease.as_deref().map(serde_json::from_str).transpose()?,
    })
}
