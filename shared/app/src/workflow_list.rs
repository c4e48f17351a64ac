//! The list of workflows: which of them a caller may see, and how each of them does.

use flowgate_core::key::Scope;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{RunFilter, RunRecord};
use flowgate_core::workflow::{WorkflowRecord, etag, version_name, version_number};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::access::Caller;
use crate::error::Result;
use crate::platform::App;

/// Which workflows are listed, and with what.
#[derive(Debug, Clone, Default)]
pub struct WorkflowsWanted {
    /// A part of the id or the name, in any case.
    pub text: Option<String>,
    /// With the run that started last.
    pub with_last_run: bool,
}

/// A workflow as a list shows it.
pub struct ListedWorkflow {
    pub record: WorkflowRecord,
    /// The draft is not what callers run.
    pub draft_ahead: bool,
    /// `None` also if nobody asked.
    pub last_run: Option<RunRecord>,
}

/// A page that matches nothing is followed by the next one at once, at most so often.
const MAX_PAGES: usize = 10;
/// How many workflows are looked into at a time.
const AT_A_TIME: usize = 8;

impl App {
    /// Lists the workflows that the key may see. A page may have fewer items than were asked for,
    /// and is the last one only without a cursor.
    pub async fn list_workflows(
        &self,
        caller: &Caller,
        wanted: &WorkflowsWanted,
        page: PageRequest,
    ) -> Result<Page<ListedWorkflow>> {
        caller.require_scope(Scope::Author)?;
        if wanted.with_last_run {
            caller.require_scope(Scope::Read)?;
        }
        let found = self.matching_workflows(caller, wanted, page).await?;
        let items = stream::iter(found.items)
            .map(|record| self.listed(record, wanted.with_last_run))
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        Ok(Page { items, next_cursor: found.next_cursor })
    }

    async fn matching_workflows(
        &self,
        caller: &Caller,
        wanted: &WorkflowsWanted,
        mut page: PageRequest,
    ) -> Result<Page<WorkflowRecord>> {
        let text = wanted.text.as_ref().map(|text| text.to_lowercase());
        let matches = |record: &WorkflowRecord| {
            let has = |text: &String| {
                record.id.to_lowercase().contains(text)
                    || record.draft.name.to_lowercase().contains(text)
            };
            caller.knows(&record.id) && text.as_ref().is_none_or(has)
        };
        for _ in 1..MAX_PAGES {
            let mut listed = self.ports.workflows.list(page.clone()).await?;
            listed.items.retain(matches);
            if !listed.items.is_empty() || listed.next_cursor.is_none() {
                return Ok(listed);
            }
            page.cursor = listed.next_cursor;
        }
        let mut listed = self.ports.workflows.list(page).await?;
        listed.items.retain(matches);
        Ok(listed)
    }

    async fn listed(&self, record: WorkflowRecord, with_last_run: bool) -> Result<ListedWorkflow> {
        let draft_ahead = self.is_draft_ahead(&record).await?;
        let last_run = match with_last_run {
            true => {
                let newest = PageRequest { limit: 1, cursor: None };
                let runs = self.ports.runs.list(&record.uid, RunFilter::default(), newest).await?;
                runs.items.into_iter().next()
            }
            false => None,
        };
        Ok(ListedWorkflow { record, draft_ahead, last_run })
    }

    /// Compares hashes, so that no document is read.
    async fn is_draft_ahead(&self, record: &WorkflowRecord) -> Result<bool> {
        let Some(active) = &record.active_version else { return Ok(true) };
        let Some(hash) = self.hash_of_version(&record.uid, active).await? else { return Ok(true) };
        Ok(etag(&hash) != record.draft.etag)
    }

    /// Versions never change, so a process reads each hash once.
    async fn hash_of_version(&self, uid: &str, version: &str) -> Result<Option<String>> {
        if let Some(hash) = self.workflow_cache.hash(uid, version) {
            return Ok(Some(hash));
        }
        let Some(number) = version_number(version) else { return Ok(None) };
        // A page of versions begins below its cursor.
        let above = Some(version_name(number.saturating_add(1)));
        let page = PageRequest { limit: 1, cursor: above };
        let found = self.ports.workflows.versions(uid, page).await?;
        let found = found.items.into_iter().find(|info| info.version == version);
        let hash = found.map(|info| info.hash);
        if let Some(hash) = &hash {
            self.workflow_cache.keep_hash(uid, version, hash);
        }
        Ok(hash)
    }
}
