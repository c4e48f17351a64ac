//! Lists runs by conditions that no store lists by, and finds one run over all workflows.

use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{RunFilter, RunRecord};
use flowgate_engine::json::size;

use crate::access::Caller;
use crate::answer::output;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::readable::MAX_LISTED;

/// Runs that a page looks at.
const MAX_LOOKED_AT: usize = 1_000;
/// Those that it reads at a time, with their outputs: megabytes each, perhaps.
const AT_A_TIME: usize = 50;
/// Reads of a page. One that skips many runs may return few.
const MAX_READS: usize = 40;
/// Bytes of outputs that a page keeps.
const MAX_KEPT: usize = 16 << 20;
/// Workflows in which an id is looked for that a caller chose: each costs a read.
const MAX_SEARCHED: usize = 25;

impl App {
    /// Lists the runs that `is_meant` accepts, of these workflows, or of all that the caller reads.
    /// Workflows that it does not know are passed over. A page looks at a bounded number of runs:
    /// it may be short, even empty, and not be the last.
    pub async fn sift_runs(
        &self,
        caller: &Caller,
        workflows: &[String],
        filter: RunFilter,
        page: PageRequest,
        is_meant: impl Fn(&RunRecord) -> bool + Send + Sync,
    ) -> Result<Page<RunRecord>> {
        let uids = self.uids_of(caller, workflows).await?;
        let (mut items, mut kept, mut looked_at) = (Vec::new(), 0, 0);
        let mut cursor = page.cursor;
        for _ in 0..MAX_READS {
            let request = PageRequest { limit: AT_A_TIME, cursor: cursor.take() };
            let found = self.runs_of(&uids, filter.clone(), request).await?;
            cursor = found.next_cursor;
            let mut runs = found.items.into_iter().peekable();
            while let Some(run) = runs.next() {
                looked_at += 1;
                let id = run.head.id.to_string();
                if is_meant(&run) {
                    kept += size(output(&run));
                    items.push(run);
                }
                if items.len() >= page.limit || kept >= MAX_KEPT || looked_at >= MAX_LOOKED_AT {
                    let next_cursor = if runs.peek().is_some() { Some(id) } else { cursor };
                    return Ok(Page { items, next_cursor });
                }
            }
            if cursor.is_none() {
                break;
            }
        }
        Ok(Page { items, next_cursor: cursor })
    }

    /// Returns the run with this id: its own, or the one that its caller chose. The latter is found
    /// only by callers who read few workflows.
    pub async fn find_run(&self, caller: &Caller, scope: Scope, id: &str) -> Result<RunRecord> {
        if RunId::parse(id).is_some() {
            return self.run_for(caller, scope, id).await;
        }
        let readable = match self.readable(caller, scope, None, MAX_SEARCHED).await {
            Err(Error::BadInput(_)) => Vec::new(),
            readable => readable?,
        };
        for workflow in readable {
            match self.run_of_workflow(caller, scope, &workflow.id, id).await {
                Err(Error::NotFound(_)) => {}
                found => return found,
            }
        }
        Err(Error::NotFound(What::Run))
    }

    async fn uids_of(&self, caller: &Caller, workflows: &[String]) -> Result<Vec<String>> {
        if workflows.is_empty() {
            return self.readable_uids(caller, Scope::Read, None).await;
        }
        caller.require_scope(Scope::Read)?;
        let mut uids = Vec::new();
        for id in workflows.iter().take(MAX_LISTED) {
            match self.readable_uids(caller, Scope::Read, Some(id)).await {
                Err(Error::NotFound(_)) => {}
                found => uids.extend(found?),
            }
        }
        uids.sort();
        uids.dedup();
        Ok(uids)
    }
}
