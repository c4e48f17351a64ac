//! The workflows that a caller may run, page by page: what a protocol offers as its tools.

use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::workflow::WorkflowRecord;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflows::Published;

/// A page without a published workflow is followed by the next one at once, at most so often.
const MAX_PAGES: usize = 10;
/// How many workflows are read at a time.
const AT_A_TIME: usize = 8;

/// A list without pages names no more.
const MAX_CALLABLE: usize = 1_000;

impl App {
    /// Returns the active versions of workflows that the caller may run, in the order of their ids.
    /// A page may have fewer items than were asked for, and is the last one only without a cursor.
    pub async fn callable_workflows(
        &self,
        caller: &Caller,
        mut page: PageRequest,
    ) -> Result<Page<Arc<Published>>> {
        caller.require_scope(Scope::Run)?;
        let mut found = self.callable_page(caller, page.clone()).await?;
        for _ in 1..MAX_PAGES {
            if !found.items.is_empty() || found.next_cursor.is_none() {
                break;
            }
            page.cursor = found.next_cursor;
            found = self.callable_page(caller, page.clone()).await?;
        }
        Ok(found)
    }

    /// Returns the published workflows that the caller may run, at most 1,000: those
    /// that its key names, or else the first in the order of ids.
    pub async fn callable_records(&self, caller: &Caller) -> Result<Vec<WorkflowRecord>> {
        caller.require_scope(Scope::Run)?;
        let mut found = match caller.known_workflows() {
            Some(ids) => self.workflows_of(ids.into_iter().map(str::to_owned).collect()).await?,
            None => self.first_workflows().await?,
        };
        found.retain(is_published);
        Ok(found)
    }

    /// Returns a workflow that the caller may run once it is published.
    pub async fn callable_record(&self, caller: &Caller, id: &str) -> Result<Arc<WorkflowRecord>> {
        caller.require(Scope::Run, id, What::Workflow)?;
        self.cached_workflow(id).await
    }

    /// Refuses a workflow that does not exist, or that the caller does not know.
    pub async fn check_known(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_known(id, What::Workflow)?;
        self.cached_workflow(id).await.map(drop)
    }

    async fn workflows_of(&self, ids: Vec<String>) -> Result<Vec<WorkflowRecord>> {
        let ids = stream::iter(ids).take(MAX_CALLABLE);
        let records = ids.map(|id| async move { self.ports.workflows.read(&id).await });
        let records: Vec<_> = records.buffered(AT_A_TIME).try_collect().await?;
        Ok(records.into_iter().flatten().collect())
    }

    async fn first_workflows(&self) -> Result<Vec<WorkflowRecord>> {
        let (mut found, mut cursor) = (Vec::new(), None);
        while found.len() < MAX_CALLABLE {
            let page = PageRequest { limit: MAX_CALLABLE - found.len(), cursor };
            let listed = self.ports.workflows.list(page).await?;
            found.extend(listed.items.into_iter().filter(is_published));
            cursor = listed.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn callable_page(
        &self,
        caller: &Caller,
        page: PageRequest,
    ) -> Result<Page<Arc<Published>>> {
        let Page { items: mut ids, next_cursor } = match caller.known_workflows() {
            Some(known) => page_of(known, &page),
            None => self.ids_of_all(page).await?,
        };
        // A token for one run starts nothing.
        ids.retain(|id| caller.require(Scope::Run, id, What::Workflow).is_ok());
        let published: Vec<_> = stream::iter(ids)
            .map(|id| self.if_published(id))
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        Ok(Page { items: published.into_iter().flatten().collect(), next_cursor })
    }

    async fn ids_of_all(&self, page: PageRequest) -> Result<Page<String>> {
        let Page { items, next_cursor } = self.ports.workflows.identities(page).await?;
        Ok(Page { items: items.into_iter().map(|found| found.id).collect(), next_cursor })
    }

    /// A key may name workflows that do not exist.
    async fn if_published(&self, id: String) -> Result<Option<Arc<Published>>> {
        match self.published(&id, None).await {
            Ok(published) => Ok(Some(published)),
            Err(Error::NotFound(_) | Error::NotPublished) => Ok(None),
            // One that an earlier release stored, and that does not compile any more.
            Err(Error::Internal(error)) => {
                tracing::warn!(error = format!("{error:#}"), "a workflow is left out of a list");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_published(record: &WorkflowRecord) -> bool {
    record.active_version.is_some()
}

/// Of ids in any order, those after the cursor.
fn page_of(mut ids: Vec<&str>, page: &PageRequest) -> Page<String> {
    ids.sort_unstable();
    let after = |id: &&str| page.cursor.as_deref().is_none_or(|cursor| *id > cursor);
    let mut items: Vec<_> = ids.into_iter().filter(after).take(page.limit + 1).collect();
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    let next_cursor = items.last().filter(|_| has_more).map(|last| (*last).to_owned());
    Page { items: items.into_iter().map(str::to_owned).collect(), next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_ids_are_sorted_and_end() {
        let page = |cursor: Option<&str>| {
            let request = PageRequest { limit: 2, cursor: cursor.map(str::to_owned) };
            let page = page_of(vec!["d", "a", "c", "b"], &request);
            (page.items.join(""), page.next_cursor)
        };
        assert_eq!(page(None), ("ab".to_owned(), Some("b".to_owned())));
        assert_eq!(page(Some("b")), ("cd".to_owned(), None));
        assert_eq!(page(Some("bb")), ("cd".to_owned(), None), "a deleted one");
        assert_eq!(page(Some("d")), (String::new(), None));
    }
}
