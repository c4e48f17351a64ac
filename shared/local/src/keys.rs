//! API keys (hashes, never keys) and their audit log.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::key::{AuditEntry, KeyRecord, Keys, LastRefused};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::page::{Listed, page};

#[async_trait]
impl Keys for Local {
    async fn create(&self, key: KeyRecord, audit: AuditEntry) -> Result<()> {
        let record = serde_json::to_string(&key)?;
        self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO keys (id, ends_at, last_used_at, record) VALUES (?1, ?2, ?3, ?4) ON \
                 CONFLICT (id) DO NOTHING",
            )?;
            insert.execute(params![
                key.id,
                key.ends_at.map(|at| at.0),
                key.last_used_at.map(|at| at.0),
                record
            ])?;
            insert_audit(connection, &audit)
        })
        .await
    }

    async fn read(&self, id: &str) -> Result<Option<KeyRecord>> {
        let id = id.to_owned();
        self.query(move |connection| {
            let mut select =
                connection.prepare_cached(&format!("{SELECT} FROM keys WHERE id = ?1"))?;
            select.query_row([id], KeyRow::read).optional()?.map(KeyRow::record).transpose()
        })
        .await
    }

    async fn list(&self, request: PageRequest) -> Result<Page<KeyRecord>> {
        self.query(move |connection| {
            let sql = format!("{SELECT} FROM keys WHERE rowid > ?1 ORDER BY rowid");
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query([rowid_of(&request).unwrap_or(0)])?;
            page(&request, rows, |row| {
                let row = KeyRow::read(row)?;
                Ok(Listed {
                    bytes: row.record.len(),
                    cursor: row.rowid.to_string(),
                    item: row.record()?,
                })
            })
        })
        .await
    }

    async fn end(&self, id: &str, at: Timestamp, audit: AuditEntry) -> Result<bool> {
        let id = id.to_owned();
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE keys SET ends_at = min(coalesce(ends_at, ?2), ?2) WHERE id = ?1",
            )?;
            let known = update.execute(params![id, at.0])? == 1;
            if known {
                insert_audit(connection, &audit)?;
            }
            Ok(known)
        })
        .await
    }

    async fn rename(&self, id: &str, name: &str, audit: AuditEntry) -> Result<bool> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.write(move |connection| {
            let sql = "UPDATE keys SET name = ?2 WHERE id = ?1";
            let known = connection.prepare_cached(sql)?.execute(params![id, name])? == 1;
            if known {
                insert_audit(connection, &audit)?;
            }
            Ok(known)
        })
        .await
    }

    async fn lists_origin(&self, origin: &str) -> Result<bool> {
        let origin = origin.to_owned();
        self.query(move |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM keys, json_each(keys.record, '$.origins') \
                       WHERE json_each.value = ?1)";
            Ok(connection.prepare_cached(sql)?.query_row([origin], |row| row.get(0))?)
        })
        .await
    }

    async fn touch(&self, id: &str, at: Timestamp) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            let sql = "UPDATE keys SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL \
                       OR last_used_at < ?2)";
            connection.prepare_cached(sql)?.execute(params![id, at.0])?;
            Ok(())
        })
        .await
    }

    async fn note_refusal(&self, id: &str, refused: &LastRefused) -> Result<()> {
        let (id, LastRefused { at, code }) = (id.to_owned(), refused.clone());
        self.write(move |connection| {
            let sql = "UPDATE keys SET refused_at = ?2, refused_code = ?3 WHERE id = ?1 AND \
                       (refused_at IS NULL OR refused_at < ?2)";
            connection.prepare_cached(sql)?.execute(params![id, at.0, code])?;
            Ok(())
        })
        .await
    }

    async fn note(&self, audit: AuditEntry) -> Result<()> {
        self.write(move |connection| insert_audit(connection, &audit)).await
    }

    async fn audit(&self, request: PageRequest) -> Result<Page<AuditEntry>> {
        self.query(move |connection| {
            let sql = "SELECT rowid, at, actor, action, key_id, expires_at FROM key_audit \
                       WHERE rowid < ?1 ORDER BY rowid DESC";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query([rowid_of(&request).unwrap_or(i64::MAX)])?;
            page(&request, rows, |row| {
                let item = AuditEntry {
                    at: Timestamp(row.get(1)?),
                    actor: row.get(2)?,
                    action: row.get(3)?,
                    key_id: row.get(4)?,
                    expires_at: Timestamp(row.get(5)?),
                };
                Ok(Listed {
                    bytes: item.actor.len() + item.action.len(),
                    cursor: row.get::<_, i64>(0)?.to_string(),
                    item,
                })
            })
        })
        .await
    }
}

/// Returns `None` on the first page and for an unknown cursor.
fn rowid_of(request: &PageRequest) -> Option<i64> {
    request.cursor.as_deref()?.parse().ok()
}

/// Idempotent: retries of a change write its entry once.
fn insert_audit(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO key_audit (at, actor, action, key_id, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let AuditEntry { at, actor, action, key_id, expires_at } = entry;
    insert.execute(params![at.0, actor, action, key_id, expires_at.0])?;
    Ok(())
}

const SELECT: &str = "SELECT rowid, record, ends_at, last_used_at, name, refused_at, refused_code";

/// What changes during a key's life has its own columns; `record` never changes.
struct KeyRow {
    rowid: i64,
    record: String,
    ends_at: Option<i64>,
    last_used_at: Option<i64>,
    /// `None`: it has the name that it was created with.
    name: Option<String>,
    refused_at: Option<i64>,
    refused_code: Option<String>,
}

impl KeyRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            rowid: row.get(0)?,
            record: row.get(1)?,
            ends_at: row.get(2)?,
            last_used_at: row.get(3)?,
            name: row.get(4)?,
            refused_at: row.get(5)?,
            refused_code: row.get(6)?,
        })
    }

    fn record(self) -> Result<KeyRecord> {
        let mut key: KeyRecord = serde_json::from_str(&self.record)?;
        key.ends_at = self.ends_at.map(Timestamp);
        key.last_used_at = self.last_used_at.map(Timestamp);
        key.name = self.name.unwrap_or(key.name);
        let refused = self.refused_at.map(Timestamp).zip(self.refused_code);
        key.last_refused = refused.map(|(at, code)| LastRefused { at, code });
        Ok(key)
    }
}
