//! Sessions.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::session::{Saved, Session, SessionKey, Sessions, WriteMark};
use flowgate_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::Local;
use crate::run_values::stored;

#[async_trait]
impl Sessions for Local {
    async fn read(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Session>> {
        let key = key.clone();
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT session, expires_at FROM sessions WHERE uid = ?1 AND id = ?2 AND \
                 expires_at > ?3",
            )?;
            let row = select
                .query_row(params![key.workflow_uid, key.id, now.0], |row| {
                    Ok((row.get::<_, String>(0)?, row.get(1)?))
                })
                .optional()?;
            let Some((text, expires_at)) = row else { return Ok(None) };
            let session: Session = serde_json::from_str(&text)?;
            Ok(Some(Session { expires_at: Timestamp(expires_at), ..session }))
        })
        .await
    }

    async fn save(
        &self,
        key: &SessionKey,
        session: &Session,
        mark: &WriteMark,
        now: Timestamp,
    ) -> Result<Saved> {
        let (key, mark) = (key.clone(), mark.0.clone());
        let text = serde_json::to_string(session)?;
        let (user, revision) = (session.owner.user.clone(), stored(session.revision));
        let expires_at = session.expires_at.0;
        self.write(move |connection| {
            let SessionKey { workflow_uid: uid, id } = &key;
            let mut marked = connection.prepare_cached(
                "SELECT 1 FROM session_writes WHERE uid = ?1 AND id = ?2 AND mark = ?3",
            )?;
            if marked.exists(params![uid, id, mark])? {
                return Ok(Saved::Already);
            }
            let mut select = connection.prepare_cached(
                "SELECT revision, expires_at FROM sessions WHERE uid = ?1 AND id = ?2",
            )?;
            let found: Option<(i64, i64)> = select
                .query_row(params![uid, id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let before = found.filter(|(_, expires_at)| *expires_at > now.0);
            if before.map_or(0, |(revision, _)| revision) != revision - 1 {
                return Ok(Saved::Conflict);
            }
            let mut put = connection.prepare_cached(
                "INSERT OR REPLACE INTO sessions (uid, id, user, revision, expires_at, session) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            put.execute(params![uid, id, user, revision, expires_at, text])?;
            let mut note = connection.prepare_cached(
                "INSERT INTO session_writes (uid, id, mark, at) VALUES (?1, ?2, ?3, ?4)",
            )?;
            note.execute(params![uid, id, mark, now.0])?;
            Ok(Saved::Saved)
        })
        .await
    }

    async fn extend(&self, key: &SessionKey, until: Timestamp) -> Result<()> {
        let key = key.clone();
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE sessions SET expires_at = max(expires_at, ?3) WHERE uid = ?1 AND id = ?2",
            )?;
            update.execute(params![key.workflow_uid, key.id, until.0])?;
            Ok(())
        })
        .await
    }

    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize> {
        let (uid, user) = (uid.to_owned(), user.map(str::to_owned));
        self.erase(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM sessions WHERE uid = ?1 AND (?2 IS NULL OR user = ?2) LIMIT ?3",
            )?;
            let ids: Vec<String> = select
                .query_map(params![uid, user, stored(limit)], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for id in &ids {
                for sql in [
                    "DELETE FROM sessions WHERE uid = ?1 AND id = ?2",
                    "DELETE FROM session_writes WHERE uid = ?1 AND id = ?2",
                ] {
                    connection.prepare_cached(sql)?.execute(params![uid, id])?;
                }
            }
            Ok(ids.len())
        })
        .await
    }
}
