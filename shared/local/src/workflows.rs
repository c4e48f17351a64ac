//! Workflows, their drafts and their immutable versions.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::job::Job;
use flowgate_core::lease::Written;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::schedule::{NewSchedule, Schedule};
use flowgate_core::secret::SigningPin;
use flowgate_core::time::Timestamp;
use flowgate_core::workflow::{
    Draft, DraftSaved, Identity, NewVersion, RollbackTargets, SetActive, UseOfSecrets, VersionInfo,
    VersionPublished, VersionRecord, WorkflowDeleted, WorkflowRecord, Workflows, version_name,
    version_number,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::jobs::JobValues;
use crate::page::{Listed, page};
use crate::run_values::stored;
use crate::schedules;

#[async_trait]
impl Workflows for Local {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>> {
        let id = id.to_owned();
        self.query(move |connection| select(connection, &id)?.map(WorkflowRow::record).transpose())
            .await
    }

    async fn list(&self, request: PageRequest) -> Result<Page<WorkflowRecord>> {
        self.query(move |connection| {
            let mut select = connection
                .prepare_cached(&format!("{} WHERE id > ?1 ORDER BY id", WorkflowRow::SELECT))?;
            let rows = select.query([request.cursor.as_deref().unwrap_or("")])?;
            page(&request, rows, |row| {
                let row = WorkflowRow::read(row)?;
                Ok(Listed { bytes: row.draft.len(), cursor: row.id.clone(), item: row.record()? })
            })
        })
        .await
    }

    async fn identities(&self, request: PageRequest) -> Result<Page<Identity>> {
        self.query(move |connection| {
            let mut select = connection
                .prepare_cached("SELECT id, uid FROM workflows WHERE id > ?1 ORDER BY id")?;
            let rows = select.query([request.cursor.as_deref().unwrap_or("")])?;
            page(&request, rows, |row| {
                let item = Identity { id: row.get(0)?, uid: row.get(1)? };
                Ok(Listed { bytes: 0, cursor: item.id.clone(), item })
            })
        })
        .await
    }

    async fn save_draft(
        &self,
        id: &str,
        draft: Draft,
        uid_if_new: &str,
        signing: SigningPin,
        if_match: Option<&str>,
    ) -> Result<DraftSaved> {
        let (id, uid, if_match) =
            (id.to_owned(), uid_if_new.to_owned(), if_match.map(str::to_owned));
        let signing = serde_json::to_string(&signing)?;
        let text = serde_json::to_string(&draft)?;
        let saved = self.write(move |connection| {
            let stored = select_etag(connection, &id)?;
            // If the stored draft is this very one, the write is the retry of one that was applied.
            if if_match.is_some() && stored != if_match && stored.as_deref() != Some(&draft.etag) {
                return Ok(None);
            }
            let mut upsert = connection.prepare_cached(
                "INSERT INTO workflows (id, uid, created_at, signing, draft)
                VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (id) DO UPDATE SET draft = excluded.draft",
            )?;
            upsert.execute(params![id, uid, draft.saved_at.0, signing, text])?;
            select(connection, &id)
        });
        Ok(match saved.await? {
            Some(row) => DraftSaved::Saved(Box::new(row.record()?)),
            None => DraftSaved::Stale,
        })
    }

    async fn create(
        &self,
        id: &str,
        draft: Draft,
        uid: &str,
        signing: SigningPin,
    ) -> Result<Option<WorkflowRecord>> {
        let (id, uid) = (id.to_owned(), uid.to_owned());
        let signing = serde_json::to_string(&signing)?;
        let text = serde_json::to_string(&draft)?;
        let row = self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO workflows (id, uid, created_at, signing, draft)
                VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
            )?;
            insert.execute(params![id, uid, draft.saved_at.0, signing, text])?;
            // A row of this uid is that of a write that was applied and is tried again.
            Ok(select(connection, &id)?.filter(|row| row.uid == uid))
        });
        row.await?.map(WorkflowRow::record).transpose()
    }

    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionPublished>> {
        let id = id.to_owned();
        self.write(move |connection| {
            let Some(endpoint) = Endpoint::select(connection, &id)? else { return Ok(None) };
            publish(connection, &endpoint, version.clone()).map(Some)
        })
        .await
    }

    async fn set_active(
        &self,
        id: &str,
        version: Option<&str>,
        at: Timestamp,
        schedules: Vec<NewSchedule>,
    ) -> Result<SetActive> {
        let (id, version) = (id.to_owned(), version.map(str::to_owned));
        self.write(move |connection| {
            let Some(endpoint) = Endpoint::select(connection, &id)? else {
                return Ok(SetActive::UnknownWorkflow);
            };
            let mut known = connection
                .prepare_cached("SELECT 1 FROM versions WHERE uid = ?1 AND version = ?2")?;
            if version.is_some() && !known.exists(params![endpoint.uid, version])? {
                return Ok(SetActive::UnknownVersion);
            }
            endpoint.point(connection, version.as_deref(), at, schedules.clone())?;
            Ok(SetActive::Done)
        })
        .await
    }

    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>> {
        let (uid, version) = (uid.to_owned(), version.to_owned());
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT version, hash, notes, published_at, use_of_secrets, name, document \
                 FROM versions WHERE uid = ?1 AND version = ?2",
            )?;
            let read = |row: &Row<'_>| {
                Ok(VersionRecord {
                    info: version_info(row)?,
                    name: row.get(5)?,
                    document: row.get::<_, String>(6)?.into(),
                })
            };
            Ok(select.query_row([uid, version], read).optional()?)
        })
        .await
    }

    async fn versions(&self, uid: &str, request: PageRequest) -> Result<Page<VersionInfo>> {
        let uid = uid.to_owned();
        self.query(move |connection| {
            let sql = "SELECT version, hash, notes, published_at, use_of_secrets FROM versions \
                       WHERE uid = ?1 AND number < ?2 ORDER BY number DESC";
            let before = request
                .cursor
                .as_deref()
                .and_then(version_number)
                .and_then(|number| i64::try_from(number).ok())
                .unwrap_or(i64::MAX);
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query(params![uid, before])?;
            page(&request, rows, |row| {
                let item = version_info(row)?;
                Ok(Listed {
                    bytes: item.notes.as_deref().map_or(0, str::len),
                    cursor: item.version.clone(),
                    item,
                })
            })
        })
        .await
    }

    async fn rotate_signing(
        &self,
        id: &str,
        pin: SigningPin,
        overlap_until: Timestamp,
    ) -> Result<bool> {
        let id = id.to_owned();
        self.write(move |connection| {
            let Some(row) = select(connection, &id)? else { return Ok(false) };
            let current: SigningPin = serde_json::from_str(&row.signing)?;
            if current == pin {
                // The retry of a rotation that was applied must not lose the previous pin.
                return Ok(true);
            }
            let before = serde_json::to_string(&(current, overlap_until))?;
            let mut update = connection.prepare_cached(
                "UPDATE workflows SET signing = ?2, signing_before = ?3 WHERE id = ?1",
            )?;
            update.execute(params![id, serde_json::to_string(&pin)?, before])?;
            Ok(true)
        })
        .await
    }

    async fn set_public(&self, id: &str, key: Option<&str>, was: Option<&str>) -> Result<bool> {
        let (id, key, was) = (id.to_owned(), key.map(str::to_owned), was.map(str::to_owned));
        self.write(move |connection| {
            // One that has the key already: the retry of a write that was applied.
            let mut update = connection.prepare_cached(
                "UPDATE workflows SET public_as = ?2 WHERE id = ?1 AND (?3 IS NULL OR public_as = \
                 ?3 OR public_as IS ?2)",
            )?;
            Ok(update.execute(params![id, key, was])? == 1)
        })
        .await
    }

    async fn public_as(&self, key: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let (key, after) = (key.to_owned(), after.to_owned());
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM workflows WHERE public_as = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let ids = select.query_map(params![key, after, stored(limit)], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn delete(
        &self,
        id: &str,
        uid: &str,
        if_match: Option<&str>,
        job: Job,
    ) -> Result<WorkflowDeleted> {
        let (id, uid, job) = (id.to_owned(), uid.to_owned(), JobValues::new(&job)?);
        let if_match = if_match.map(str::to_owned);
        self.write(move |connection| {
            let stored = select(connection, &id)?.filter(|row| row.uid == uid);
            if stored.is_none() {
                return Ok(WorkflowDeleted::Unknown);
            }
            if if_match.is_some() && select_etag(connection, &id)? != if_match {
                return Ok(WorkflowDeleted::Stale);
            }
            let mut delete =
                connection.prepare_cached("DELETE FROM workflows WHERE id = ?1 AND uid = ?2")?;
            delete.execute([&id, &uid])?;
            let mut delete = connection.prepare_cached("DELETE FROM schedules WHERE uid = ?1")?;
            delete.execute([&uid])?;
            job.insert(connection)?;
            Ok(WorkflowDeleted::Done)
        })
        .await
    }

    async fn schedules(&self, uid: &str) -> Result<Vec<Schedule>> {
        self.schedules_of(uid).await
    }

    async fn save_schedule(&self, next: &Schedule, sweep_at: Option<Timestamp>) -> Result<Written> {
        self.store_schedule(next, sweep_at).await
    }

    async fn delete_versions(&self, uid: &str, limit: usize) -> Result<usize> {
        let uid = uid.to_owned();
        self.erase(move |connection| {
            let mut delete = connection.prepare_cached(
                "DELETE FROM versions WHERE rowid IN (SELECT rowid FROM versions WHERE uid = ?1 \
                 LIMIT ?2)",
            )?;
            Ok(delete.execute(params![uid, stored(limit)])?)
        })
        .await
    }
}

/// Where callers are sent, and where they were sent before.
struct Endpoint {
    id: String,
    uid: String,
    active: Option<String>,
    targets: RollbackTargets,
}

impl Endpoint {
    fn select(connection: &Connection, id: &str) -> Result<Option<Self>> {
        let mut select = connection.prepare_cached(
            "SELECT uid, active_version, rollback_targets FROM workflows WHERE id = ?1",
        )?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
        let Some((uid, active, targets)) = select.query_row([id], read).optional()? else {
            return Ok(None);
        };
        Ok(Some(Self { id: id.to_owned(), uid, active, targets: serde_json::from_str(&targets)? }))
    }

    fn active_info(&self, connection: &Connection) -> Result<Option<VersionInfo>> {
        let mut select = connection.prepare_cached(
            "SELECT version, hash, notes, published_at, use_of_secrets FROM versions \
             WHERE uid = ?1 AND version = ?2",
        )?;
        Ok(select.query_row(params![self.uid, self.active], version_info).optional()?)
    }

    fn point(
        &self,
        connection: &Connection,
        version: Option<&str>,
        at: Timestamp,
        schedules: Vec<NewSchedule>,
    ) -> Result<()> {
        let targets = self.targets.clone().after_move(self.active.as_deref(), version);
        let mut update = connection.prepare_cached(
            "UPDATE workflows SET active_version = ?2, activated_at = ?3, rollback_targets = ?4 \
             WHERE id = ?1",
        )?;
        update.execute(params![self.id, version, at.0, serde_json::to_string(&targets)?])?;
        let of = (self.uid.as_str(), self.id.as_str(), version.unwrap_or_default());
        schedules::replace(connection, of, schedules)
    }
}

fn publish(
    connection: &Connection,
    endpoint: &Endpoint,
    new: NewVersion,
) -> Result<VersionPublished> {
    if let Some(active) = endpoint.active_info(connection)?.filter(|active| active.is_same_as(&new))
    {
        return Ok(VersionPublished::Unchanged(active));
    }
    let uid = &endpoint.uid;
    let mut select = connection
        .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM versions WHERE uid = ?1")?;
    let number: i64 = select.query_row([uid], |row| row.get(0))?;
    let info = VersionInfo {
        version: version_name(number.try_into()?),
        hash: new.hash,
        notes: new.notes,
        published_at: new.at,
        use_of_secrets: new.use_of_secrets,
    };
    let mut insert = connection.prepare_cached(
        "INSERT INTO versions (uid, number, version, hash, notes, published_at, name, document, \
         use_of_secrets) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        uid,
        number,
        info.version,
        info.hash,
        info.notes,
        new.at.0,
        new.name,
        new.document,
        serde_json::to_string(&info.use_of_secrets)?,
    ])?;
    endpoint.point(connection, Some(&info.version), new.at, new.schedules)?;
    Ok(VersionPublished::New(info))
}

fn version_info(row: &Row<'_>) -> rusqlite::Result<VersionInfo> {
    Ok(VersionInfo {
        version: row.get(0)?,
        hash: row.get(1)?,
        notes: row.get(2)?,
        published_at: Timestamp(row.get(3)?),
        use_of_secrets: use_of_secrets(&row.get::<_, String>(4)?)?,
    })
}

fn use_of_secrets(stored: &str) -> rusqlite::Result<UseOfSecrets> {
    serde_json::from_str(stored)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(error)))
}

fn select_etag(connection: &Connection, id: &str) -> Result<Option<String>> {
    let mut select =
        connection.prepare_cached("SELECT draft ->> '$.etag' FROM workflows WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
}

fn select(connection: &Connection, id: &str) -> Result<Option<WorkflowRow>> {
    let mut select =
        connection.prepare_cached(&format!("{} WHERE id = ?1", WorkflowRow::SELECT))?;
    Ok(select.query_row([id], WorkflowRow::read).optional()?)
}

struct WorkflowRow {
    id: String,
    uid: String,
    active_version: Option<String>,
    activated_at: Option<i64>,
    created_at: i64,
    signing: String,
    signing_before: Option<String>,
    draft: String,
    rollback_targets: String,
    public_as: Option<String>,
}

impl WorkflowRow {
    const SELECT: &str = "
        SELECT id, uid, active_version, activated_at, created_at, signing, signing_before, draft,
        rollback_targets, public_as FROM workflows";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            uid: row.get(1)?,
            active_version: row.get(2)?,
            activated_at: row.get(3)?,
            created_at: row.get(4)?,
            signing: row.get(5)?,
            signing_before: row.get(6)?,
            draft: row.get(7)?,
            rollback_targets: row.get(8)?,
            public_as: row.get(9)?,
        })
    }

    fn record(self) -> Result<WorkflowRecord> {
        Ok(WorkflowRecord {
            id: self.id,
            uid: self.uid,
            draft: serde_json::from_str(&self.draft)?,
            active_version: self.active_version,
            activated_at: self.activated_at.map(Timestamp),
            rollback_targets: serde_json::from_str(&self.rollback_targets)?,
            created_at: Timestamp(self.created_at),
            signing: serde_json::from_str(&self.signing)?,
            signing_before: self.signing_before.as_deref().map(serde_json::from_str).transpose()?,
            public_as: self.public_as,
        })
    }
}
