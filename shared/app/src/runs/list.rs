//! Lists the runs of a workflow.

use flowgate_core::key::Scope;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{RunFilter, RunRecord};

use crate::access::Caller;
use crate::error::{Result, What};
use crate::platform::App;

/// Runs on a page.
pub const MAX_PAGE: usize = 100;

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
}
