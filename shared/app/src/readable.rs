//! The workflows that a list over several covers.

use flowgate_core::key::Scope;
use flowgate_core::page::PageRequest;
use flowgate_core::workflow::Identity;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// Workflows of a list over all. On AWS a page asks for the list of each.
pub(crate) const MAX_LISTED: usize = 500;
const PER_PAGE: usize = 500;

impl App {
    /// Returns the workflow `only`, or else all that the caller may use with the scope: at most
    /// `max`.
    pub(crate) async fn readable(
        &self,
        caller: &Caller,
        scope: Scope,
        only: Option<&str>,
        max: usize,
    ) -> Result<Vec<Identity>> {
        caller.require_scope(scope)?;
        if let Some(id) = only {
            caller.require(scope, id, What::Workflow)?;
            let uid = self.cached_workflow(id).await?.uid.clone();
            return Ok(vec![Identity { id: id.to_owned(), uid }]);
        }
        let found = match caller.known_workflows() {
            Some(ids) => self.existing(ids, max).await?,
            None => self.all_workflows(max).await?,
        };
        if found.len() > max {
            let message = format!("name a `workflow`: the key reads more than {max}");
            return Err(Error::bad_field("", message));
        }
        // A token for one run lists nothing.
        let is_readable =
            |found: &Identity| caller.require(scope, &found.id, What::Workflow).is_ok();
        Ok(found.into_iter().filter(is_readable).collect())
    }

    /// The same as the uids of their lists.
    pub(crate) async fn readable_uids(
        &self,
        caller: &Caller,
        scope: Scope,
        only: Option<&str>,
    ) -> Result<Vec<String>> {
        let readable = self.readable(caller, scope, only, MAX_LISTED).await?;
        Ok(readable.into_iter().map(|workflow| workflow.uid).collect())
    }

    /// A key may name workflows that do not exist yet, or no more.
    async fn existing(&self, ids: Vec<&str>, max: usize) -> Result<Vec<Identity>> {
        let mut found = Vec::new();
        for id in ids {
            match self.cached_workflow(id).await {
                Ok(record) => {
                    found.push(Identity { id: id.to_owned(), uid: record.uid.clone() });
                }
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
            if found.len() > max {
                break;
            }
        }
        Ok(found)
    }

    async fn all_workflows(&self, max: usize) -> Result<Vec<Identity>> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: PER_PAGE, cursor };
            let page = self.ports.workflows.identities(page).await?;
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || found.len() > max {
                return Ok(found);
            }
        }
    }
}
