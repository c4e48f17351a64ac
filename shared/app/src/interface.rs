//! A workflow as its callers see it: the version that they run, or for authors the draft.

use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::run::DRAFT;
use flowgate_engine::Workflow;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// A version, or a draft, that could run.
pub struct Described {
    pub id: String,
    /// `draft` for a draft.
    pub version: String,
    pub workflow: Arc<Workflow>,
}

/// Each of them is enough: it shows nothing that a caller or an author does not know already.
const EITHER: [Scope; 3] = [Scope::Read, Scope::Run, Scope::Author];

impl App {
    /// Returns the named version; without one the active version, and for authors of a workflow
    /// that is not published the draft.
    pub async fn described(
        &self,
        caller: &Caller,
        id: &str,
        version: Option<&str>,
    ) -> Result<Described> {
        let enough = EITHER.into_iter().find(|scope| caller.has(*scope));
        caller.require(enough.unwrap_or(Scope::Read), id, What::Workflow)?;
        let published = match version {
            Some(DRAFT) => return self.described_draft(caller, id).await,
            version => self.published(id, version).await,
        };
        match published {
            Ok(published) => Ok(Described {
                id: published.id.clone(),
                version: published.version.clone(),
                workflow: published.workflow.clone(),
            }),
            Err(Error::NotPublished) if version.is_none() && caller.has(Scope::Author) => {
                self.described_draft(caller, id).await
            }
            Err(error) => Err(error),
        }
    }

    async fn described_draft(&self, caller: &Caller, id: &str) -> Result<Described> {
        let (draft, _) = self.draft(caller, id).await?;
        Ok(Described { id: draft.id, version: draft.version, workflow: draft.workflow })
    }
}
