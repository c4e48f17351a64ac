//! Jobs that erase.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::job::{Job, JobId, Jobs, Times};
use flowgate_core::lease::Written;
use flowgate_core::page::{Page, PageRequest};
use futures_util::FutureExt;

use crate::Aws;
use crate::item::{Item, Key, due_shard, number, seconds, text, time};
use crate::page::{Listed, Listing};
use crate::write::{Outcome, Write};

/// The list of the jobs that have not ended.
const LIST: &str = "JOBS";

#[async_trait]
impl Jobs for Aws {
    async fn create(&self, job: Job) -> Result<()> {
        // Refused: it exists already.
        self.table().write(&Write::put(job_item(&job)?).if_absent()).await?;
        Ok(())
    }

    async fn read(&self, id: &JobId) -> Result<Option<Job>> {
        let Some(item) = self.table().get(key_of_job(id), None).await? else { return Ok(None) };
        self.kept(item)?.as_ref().map(job).transpose()
    }

    async fn save(&self, next: &Job, times: Times) -> Result<Written> {
        let item = job_item(next)?
            .with_some("look_at", times.sweep_at.map(time))
            .with_some("kept_until", times.expires_at.map(time))
            .with_some("expires_at", times.expires_at.map(seconds));
        let write = Write::put(item)
            .only_if("#revision = :before")
            .bind(":before", number(next.revision.saturating_sub(1)));
        match self.table().write(&write).await? {
            Outcome::Done(_) => Ok(Written::Written),
            // Refused because it was applied before: success.
            Outcome::Refused(Some(stored)) if job(&stored)? == *next => Ok(Written::Written),
            Outcome::Refused(_) => Ok(Written::Lost),
        }
    }

    async fn open(&self, request: PageRequest) -> Result<Page<Job>> {
        let after = request.cursor.as_deref().and_then(JobId::parse);
        let start = after.map(|id| (id.as_str().to_owned(), key_of_job(&id)));
        let read = |item: Item| {
            async move {
                let job = job(&item)?;
                let (bytes, cursor) = (item.text("job")?.len(), job.id.as_str().to_owned());
                Ok(job.due_at.is_some().then_some(Listed { item: job, bytes, cursor }))
            }
            .boxed()
        };
        self.list_page(Listing::of(LIST, start), request.limit, read).await
    }
}

pub(crate) fn key_of_job(id: &JobId) -> Key {
    Key::new(format!("JOB#{}", id.as_str()), "JOB")
}

/// Due and listed until it has ended.
pub(crate) fn job_item(job: &Job) -> Result<Item> {
    let id = job.id.as_str();
    let listed = job.due_at.map(|_| ());
    Ok(Item::new(key_of_job(&job.id))
        .with("job", text(serde_json::to_string(job)?))
        .with("revision", number(job.revision))
        .with_some("due_at", job.due_at.map(time))
        .with_some("look_at", job.due_at.map(time))
        .with_some("due_shard", listed.map(|()| due_shard("", id)))
        .with_some("list_pk", listed.map(|()| text(LIST)))
        .with_some("list_sk", listed.map(|()| text(id))))
}

fn job(item: &Item) -> Result<Job> {
    Ok(serde_json::from_str(item.text("job")?)?)
}
