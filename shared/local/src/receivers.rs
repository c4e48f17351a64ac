//! Receivers of webhooks that fail.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::group::Group;
use flowgate_core::receiver::{Failing, Receivers};
use flowgate_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use crate::Local;

#[async_trait]
impl Receivers for Local {
    async fn failing(&self, workflow_uid: &str, receiver: &Group) -> Result<Option<Failing>> {
        let (uid, receiver) = (workflow_uid.to_owned(), receiver.clone());
        self.query(move |connection| {
            let sql = "SELECT since, disabled_at FROM failing_receivers WHERE workflow_uid = ?1 \
                       AND receiver = ?2";
            let mut select = connection.prepare_cached(sql)?;
            Ok(select.query_row(params![uid, receiver.as_str()], failing).optional()?)
        })
        .await
    }

    async fn note_failure(
        &self,
        workflow_uid: &str,
        receiver: &Group,
        now: Timestamp,
    ) -> Result<Failing> {
        let (uid, receiver) = (workflow_uid.to_owned(), receiver.clone());
        self.write(move |connection| {
            let sql = "INSERT INTO failing_receivers (workflow_uid, receiver, since)
                VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET since = since
                RETURNING since, disabled_at";
            let mut insert = connection.prepare_cached(sql)?;
            Ok(insert.query_row(params![uid, receiver.as_str(), now.0], failing)?)
        })
        .await
    }

    async fn disable(&self, workflow_uid: &str, receiver: &Group, now: Timestamp) -> Result<bool> {
        let (uid, receiver) = (workflow_uid.to_owned(), receiver.clone());
        self.write(move |connection| {
            let sql = "UPDATE failing_receivers SET disabled_at = ?3 WHERE workflow_uid = ?1 AND \
                       receiver = ?2 AND disabled_at IS NULL";
            let mut update = connection.prepare_cached(sql)?;
            Ok(update.execute(params![uid, receiver.as_str(), now.0])? == 1)
        })
        .await
    }

    async fn enable(&self, workflow_uid: &str, receiver: &Group) -> Result<()> {
        let (uid, receiver) = (workflow_uid.to_owned(), receiver.clone());
        self.write(move |connection| {
            let sql = "DELETE FROM failing_receivers WHERE workflow_uid = ?1 AND receiver = ?2";
            connection.prepare_cached(sql)?.execute(params![uid, receiver.as_str()])?;
            Ok(())
        })
        .await
    }

    async fn all_failing(&self, workflow_uid: &str) -> Result<Vec<(Group, Failing)>> {
        let uid = workflow_uid.to_owned();
        self.query(move |connection| {
            let sql = "SELECT since, disabled_at, receiver FROM failing_receivers WHERE \
                       workflow_uid = ?1 ORDER BY receiver";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map([uid], |row| {
                Ok((Group::new(row.get::<_, String>(2)?), failing(row)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn failing(row: &Row<'_>) -> rusqlite::Result<Failing> {
    let disabled_at: Option<i64> = row.get(1)?;
    Ok(Failing { since: Timestamp(row.get(0)?), disabled_at: disabled_at.map(Timestamp) })
}
