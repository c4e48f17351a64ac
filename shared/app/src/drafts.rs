//! Drafts that run: they are pinned in the run, since no version has them.

use std::sync::Arc;

use flowgate_core::key::Scope;
use flowgate_core::run::{DRAFT, RunHead, TriedDraft};
use flowgate_core::secret::SecretUser;
use flowgate_core::workflow::document_hash;
use flowgate_engine::Workflow;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflows::Published;

impl App {
    /// Returns the saved draft, ready to run with the rights of whoever runs it.
    pub async fn draft(&self, caller: &Caller, id: &str) -> Result<(Published, TriedDraft)> {
        caller.require(Scope::Author, id, What::Workflow)?;
        let record = self.stored_workflow(id).await?;
        let document = record.draft.document;
        let published_by = caller.publisher();
        let user = SecretUser { workflow_id: id.to_owned(), published_by };
        let (_, workflow) = self.sound(caller, document.clone(), &user).await?;
        Self::require_children(caller, &workflow)?;
        let published = Published {
            id: record.id,
            uid: record.uid,
            version: DRAFT.to_owned(),
            signing: record.signing,
            published_by,
            workflow: Arc::new(workflow),
        };
        Ok((published, TriedDraft { hash: document_hash(&document), document }))
    }

    /// Returns the workflow of a run: its version, or the draft that it tries. `None` if that is
    /// gone.
    pub async fn workflow_of(&self, head: &RunHead) -> Result<Option<Arc<Workflow>>> {
        match &head.draft {
            None => self.compiled(&head.workflow_uid, &head.version).await,
            Some(draft) if draft.document.is_empty() => Ok(None),
            Some(draft) => self.pinned(head, draft).await.map(Some),
        }
    }

    async fn pinned(&self, head: &RunHead, draft: &TriedDraft) -> Result<Arc<Workflow>> {
        let uid = &head.workflow_uid;
        if let Some(workflow) = self.workflow_cache.draft(uid, &draft.hash) {
            return Ok(workflow);
        }
        if document_hash(&draft.document) != draft.hash {
            let error = anyhow::anyhow!("the draft of a run is not the one that was pinned");
            return Err(Error::Internal(error));
        }
        let workflow = self.compiled_anew(uid, DRAFT, draft.document.clone()).await?;
        self.workflow_cache.keep_draft(uid, &draft.hash, workflow.clone());
        Ok(workflow)
    }
}
