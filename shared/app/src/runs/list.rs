//! Lists runs: of one workflow, or of all that a key reads.

use flowgate_core::key::Scope;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{RunFilter, RunRecord};
use flowgate_core::time::Timestamp;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// Runs on a page.
pub const MAX_PAGE: usize = 100;

/// What a list of runs is asked for.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// `None`: those of all workflows that the caller reads.
    pub workflow: Option<String>,
    pub filter: RunFilter,
    /// Only runs with this text in their id, user, error, input or output, in any case.
    pub text: Option<String>,
}

/// A page of runs.
#[derive(Debug)]
pub struct FoundRuns {
    pub page: Page<RunRecord>,
    /// Of a search for a text.
    pub searched: Option<Searched>,
}

/// How far back a page has searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// Through every run.
    All,
    /// Through the runs that were created at this time or later.
    BackTo(Timestamp),
}

impl App {
    pub async fn list_runs(
        &self,
        caller: &Caller,
        workflow_id: &str,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>> {
        caller.require(Scope::Read, workflow_id, What::Workflow)?;
        let workflow = self.cached_workflow(workflow_id).await?;
        let page = PageRequest { limit: page.limit.clamp(1, MAX_PAGE), ..page };
        Ok(self.ports.runs.list(&workflow.uid, filter, page).await?)
    }

    /// Lists runs of one workflow or of all, and searches them for a text.
    pub async fn find_runs(
        &self,
        caller: &Caller,
        query: RunQuery,
        page: PageRequest,
    ) -> Result<FoundRuns> {
        let RunQuery { workflow, filter, text } = query;
        let uids = self.readable_uids(caller, Scope::Read, workflow.as_deref()).await?;
        // Which key started a run is more than `read` shows.
        if filter.selection.key.is_some() && !caller.has(Scope::Trace) {
            return Err(Error::Forbidden(Scope::Trace));
        }
        let page = PageRequest { limit: page.limit.clamp(1, MAX_PAGE), ..page };
        match text {
            Some(text) => self.search_runs(caller, &uids, filter, (&text, page)).await,
            None => {
                let page = self.runs_of(&uids, filter, page).await?;
                Ok(FoundRuns { page, searched: None })
            }
        }
    }

    /// A workflow's own list has indexes that the list over several has not.
    pub(crate) async fn runs_of(
        &self,
        uids: &[String],
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>> {
        Ok(match uids {
            [] => Page { items: Vec::new(), next_cursor: None },
            [only] => self.ports.runs.list(only, filter, page).await?,
            uids => self.ports.runs.list_of(uids, filter, page).await?,
        })
    }
}
