//! Jobs that erase.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::job::{Job, JobId, Jobs, Times};
use flowgate_core::lease::Written;
use flowgate_core::page::{Page, PageRequest};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Local;
use crate::page::{Listed, page};
use crate::row::{Key, job_key};

#[async_trait]
impl Jobs for Local {
    async fn create(&self, job: Job) -> Result<()> {
        let job = JobValues::new(&job)?;
        self.write(move |connection| job.insert(connection)).await
    }

    async fn read(&self, id: &JobId) -> Result<Option<Job>> {
        let key = job_key(id)?;
        self.query(move |connection| {
            let text: Option<String> = connection
                .prepare_cached("SELECT job FROM jobs WHERE id = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            Ok(text.as_deref().map(serde_json::from_str).transpose()?)
        })
        .await
    }

    async fn save(&self, job: &Job, times: Times) -> Result<Written> {
        let job = JobValues::new(job)?;
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE jobs SET job = ?2, revision = ?3, due_at = ?4, look_at = ?5, expires_at = \
                 ?6 WHERE id = ?1 AND revision = ?3 - 1",
            )?;
            let (sweep_at, expires_at) =
                (times.sweep_at.map(|at| at.0), times.expires_at.map(|at| at.0));
            let JobValues { key, text, revision, due_at } = &job;
            let written =
                update.execute(params![key, text, revision, due_at, sweep_at, expires_at])?;
            if written == 1 {
                return Ok(Written::Written);
            }
            // Refused because it was applied before: success.
            let mut select =
                connection.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1 AND job = ?2")?;
            let applied = select.exists(params![job.key, job.text])?;
            Ok(if applied { Written::Written } else { Written::Lost })
        })
        .await
    }

    async fn open(&self, request: PageRequest) -> Result<Page<Job>> {
        let after = request.cursor.as_deref().and_then(JobId::parse);
        let after = after.map(|id| job_key(&id)).transpose()?.unwrap_or_default();
        self.query(move |connection| {
            let sql = "SELECT job FROM jobs WHERE due_at IS NOT NULL AND id > ?1 ORDER BY id";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query([after])?;
            page(&request, rows, |row| {
                let text: String = row.get(0)?;
                let item: Job = serde_json::from_str(&text)?;
                Ok(Listed { bytes: text.len(), cursor: item.id.as_str().to_owned(), item })
            })
        })
        .await
    }
}

/// A job ready to be bound.
pub(crate) struct JobValues {
    key: Key,
    text: String,
    revision: i64,
    due_at: Option<i64>,
}

impl JobValues {
    pub(crate) fn new(job: &Job) -> Result<Self> {
        Ok(Self {
            key: job_key(&job.id)?,
            text: serde_json::to_string(job)?,
            revision: job.revision.try_into()?,
            due_at: job.due_at.map(|at| at.0),
        })
    }

    pub(crate) fn insert(&self, connection: &Connection) -> Result<()> {
        let mut insert = connection.prepare_cached(
            "INSERT INTO jobs (id, job, revision, due_at, look_at) VALUES (?1, ?2, ?3, ?4, ?4) ON \
             CONFLICT (id) DO NOTHING",
        )?;
        insert.execute(params![self.key, self.text, self.revision, self.due_at])?;
        Ok(())
    }
}
