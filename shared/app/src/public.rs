//! Public workflows: callers without a key run them, on behalf of one that is attached to the
//! workflow. They may do nothing else, whatever the key may.

use std::sync::Arc;

use flowgate_core::key::{KeyRecord, Scope};
use flowgate_core::workflow::WorkflowRecord;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::signed_token::Token;

/// The key of a public workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAs {
    pub key_id: String,
    /// Callers without a key can run the workflow now.
    pub is_open: bool,
}

const KEYS_PER_ROUND: usize = 100;

impl App {
    /// Lets callers without a key run the workflow on behalf of the key.
    pub async fn make_public(&self, caller: &Caller, id: &str, key_id: &str) -> Result<PublicAs> {
        // The key may be anybody's, and its owner pays.
        caller.require_platform(Scope::Admin)?;
        if !self.settings.public_workflows {
            return Err(Error::NoPublicWorkflows);
        }
        let before = self.stored_workflow(id).await?;
        self.attachable(id, key_id).await?;
        self.store_public(id, Some(key_id), None).await?;
        // A rotation that ended the key meanwhile may have looked too early to see the workflow.
        if let Err(error) = self.attachable(id, key_id).await {
            self.store_public(id, before.public_as.as_deref(), Some(key_id)).await?;
            return Err(error);
        }
        self.ports.keys.note(self.audit(caller, "key.attached", key_id)).await?;
        let record = WorkflowRecord { public_as: Some(key_id.to_owned()), ..before };
        let is_open = self.is_public(&record).await?;
        Ok(PublicAs { key_id: key_id.to_owned(), is_open })
    }

    /// Lets nobody run the workflow without a key any more.
    pub async fn make_private(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require(Scope::Author, id, What::Workflow)?;
        let Some(key_id) = self.stored_workflow(id).await?.public_as else { return Ok(()) };
        self.store_public(id, None, None).await?;
        Ok(self.ports.keys.note(self.audit(caller, "key.detached", &key_id)).await?)
    }

    /// Returns the key of a public workflow; `None` for one that is not.
    pub async fn public_as(&self, record: &WorkflowRecord) -> Result<Option<PublicAs>> {
        let Some(key_id) = record.public_as.clone() else { return Ok(None) };
        let is_open = self.is_public(record).await?;
        Ok(Some(PublicAs { key_id, is_open }))
    }

    /// Returns whether callers without a key can run the workflow now.
    pub async fn is_public(&self, record: &WorkflowRecord) -> Result<bool> {
        if !self.settings.public_workflows {
            return Ok(false);
        }
        match self.key_of_public(record).await {
            Ok(key) => Ok(key.is_live(self.now()) && may_run(key, &record.id)),
            Err(Error::Unauthorized) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the caller of a request without a credential to run this workflow: its key, for this
    /// alone. Whatever is missing is one error, so that nobody learns which workflows there are.
    pub async fn caller_without_key(&self, workflow_id: &str) -> Result<Caller> {
        if !self.settings.public_workflows {
            return Err(Error::Unauthorized);
        }
        let hidden = |error| match error {
            Error::NotFound(_) => Error::Unauthorized,
            other => other,
        };
        let record = self.cached_workflow(workflow_id).await.map_err(hidden)?;
        let mut key = self.key_of_public(&record).await?;
        if !key.is_live(self.now()) {
            // Another process may have rotated it since the workflow was read.
            let record = self.stored_workflow(workflow_id).await.map_err(hidden)?;
            key = self.key_of_public(&record).await?;
        }
        let key = self.admitted(key)?;
        if !may_run(key.clone(), workflow_id) {
            return Err(Error::Unauthorized);
        }
        Ok(Caller::Token(Arc::new(Token {
            key: Some(key),
            scopes: [Scope::Run].into(),
            workflow_id: workflow_id.to_owned(),
            run: None,
        })))
    }

    /// Gives workflows that are public on behalf of a key to the one that replaces it.
    pub(crate) async fn move_public(&self, from: &str, to: &str) -> Result<()> {
        let mut last = String::new();
        loop {
            let ids = self.ports.workflows.public_as(from, &last, KEYS_PER_ROUND).await?;
            let Some(newest) = ids.last().cloned() else { return Ok(()) };
            for id in &ids {
                self.store_public(id, Some(to), Some(from)).await?;
            }
            last = newest;
        }
    }

    async fn store_public(&self, id: &str, key: Option<&str>, was: Option<&str>) -> Result<()> {
        let stored = self.ports.workflows.set_public(id, key, was).await;
        self.workflow_cache.forget(id);
        // With `was`, somebody else's change came first and stands.
        if stored? || was.is_some() { Ok(()) } else { Err(Error::NotFound(What::Workflow)) }
    }

    /// Refuses a key on whose behalf the workflow could not be run, or not for long.
    async fn attachable(&self, id: &str, key_id: &str) -> Result<()> {
        let problem = |message: &str| Err(Error::bad_field("/key_id", message));
        let Some(key) = self.ports.keys.read(key_id).await? else {
            return problem("is not the id of a key");
        };
        if key.ends_at.is_some() || !key.is_live(self.now()) {
            return problem("is a key that was revoked or replaced, or has expired");
        }
        if !may_run(Arc::new(key), id) {
            return problem("is a key that may not run this workflow");
        }
        Ok(())
    }

    async fn key_of_public(&self, record: &WorkflowRecord) -> Result<Arc<KeyRecord>> {
        let is_published = record.active_version.is_some();
        let key_id = record.public_as.as_deref().filter(|_| is_published);
        self.cached_key(key_id.ok_or(Error::Unauthorized)?).await?.ok_or(Error::Unauthorized)
    }
}

fn may_run(key: Arc<KeyRecord>, workflow_id: &str) -> bool {
    Caller::Key(key).require(Scope::Run, workflow_id, What::Workflow).is_ok()
}
