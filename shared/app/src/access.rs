//! Authentication and authorization of callers.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::hash::hex;
use flowgate_core::key::{KeyRecord, Scope, WorkflowScope};
use flowgate_core::limit::KeyLimits;
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;
use subtle::ConstantTimeEq;

use crate::credential::PresentedKey;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// After a key could not be read.
const KEY_RETRY: Duration = Duration::from_secs(2);

/// An authenticated caller.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The operator's own credential. May do everything.
    Admin,
    Key(Arc<KeyRecord>),
}

impl Caller {
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Admin => None,
            Self::Key(key) => Some(&key.id),
        }
    }

    /// Returns the actor's name for the audit log.
    pub(crate) fn name(&self) -> &str {
        self.key_id().unwrap_or("admin")
    }

    pub fn knows(&self, workflow_id: &str) -> bool {
        match self {
            Self::Admin => true,
            Self::Key(key) => match &key.workflows {
                WorkflowScope::All => true,
                WorkflowScope::Only(ids) => ids.contains(workflow_id),
            },
        }
    }

    /// Returns the key's id and its limits, if it has any.
    pub(crate) fn limits(&self) -> Option<(&str, KeyLimits)> {
        match self {
            Self::Admin => None,
            Self::Key(key) => key.limits.map(|limits| (key.id.as_str(), limits)),
        }
    }

    /// Returns the key's workflow if it names exactly one.
    pub fn only_workflow(&self) -> Option<&str> {
        match self {
            Self::Key(key) => match &key.workflows {
                WorkflowScope::Only(ids) if ids.len() == 1 => ids.first().map(String::as_str),
                _ => None,
            },
            Self::Admin => None,
        }
    }

    /// Requires the scope on this workflow. A workflow that the key does not cover is `NotFound`,
    /// whether or not it exists.
    pub fn require(&self, scope: Scope, workflow_id: &str, what: What) -> Result<()> {
        if !self.knows(workflow_id) {
            return Err(Error::NotFound(what));
        }
        self.require_scope(scope)
    }

    /// Requires the scope on the whole platform, for what belongs to no single workflow.
    pub fn require_platform(&self, scope: Scope) -> Result<()> {
        match self {
            Self::Key(key) if key.workflows != WorkflowScope::All => Err(Error::Forbidden(scope)),
            _ => self.require_scope(scope),
        }
    }

    /// Requires the scope alone; the result must then be narrowed to the key's workflows.
    pub(crate) fn require_scope(&self, scope: Scope) -> Result<()> {
        match self {
            Self::Key(key)
                if !key.scopes.contains(&scope) && !key.scopes.contains(&Scope::Admin) =>
            {
                Err(Error::Forbidden(scope))
            }
            _ => Ok(()),
        }
    }
}

impl App {
    /// Returns the caller that the credential belongs to. Refuses a key with a bad checksum without
    /// a read. An unknown key takes as long as a known one.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller> {
        let Some(presented) = PresentedKey::parse(presented) else {
            return if self.is_admin(presented)? {
                Ok(Caller::Admin)
            } else {
                Err(Error::Unauthorized)
            };
        };
        let key = self.cached_key(presented.id).await?;
        let (pepper, expected) = match &key {
            Some(key) => (self.keyring.pepper_of(key.pepper)?, key.hash.clone()),
            None => (self.keyring.pepper()?.1, String::new()),
        };
        let hash = hex(&hmac_sha256(&pepper, presented.secret.as_bytes()));
        let matches = bool::from(hash.as_bytes().ct_eq(expected.as_bytes()));
        match key {
            Some(key) if matches && key.is_live(self.now()) => {
                self.touch(&key);
                Ok(Caller::Key(key))
            }
            _ => Err(Error::Unauthorized),
        }
    }

    fn is_admin(&self, presented: &str) -> Result<bool> {
        let expected = self.settings.admin_key.as_deref().unwrap_or(&self.keyring.bootstrap_token);
        let (_, pepper) = self.keyring.pepper()?;
        // Hashed, so that both sides of the comparison have the same length.
        let (expected, presented) =
            (hmac_sha256(&pepper, expected.as_bytes()), hmac_sha256(&pepper, presented.as_bytes()));
        Ok(expected.ct_eq(&presented).into())
    }

    async fn cached_key(&self, id: &str) -> Result<Option<Arc<KeyRecord>>> {
        let now = self.now();
        if let Some(key) = self.key_cache.fresh(id, now) {
            return Ok(key);
        }
        match self.ports.keys.read(id).await {
            Ok(read) => {
                let key = read.map(Arc::new);
                self.key_cache.keep(id, key.clone(), now);
                Ok(key)
            }
            Err(error) => self.key_without_store(id, now, error).map(Some),
        }
    }

    /// While the store fails, a key that was valid a moment ago still is, and no other key is
    /// called wrong: nobody knows.
    fn key_without_store(
        &self,
        id: &str,
        now: Timestamp,
        error: anyhow::Error,
    ) -> Result<Arc<KeyRecord>> {
        if let Some(key) = self.key_cache.lately_valid(id, now) {
            return Ok(key);
        }
        match Error::from(error) {
            Error::Internal(cause) => {
                tracing::error!(error = format!("{cause:#}"), "could not read a key");
                Err(Error::Overloaded { retry_after: KEY_RETRY })
            }
            overloaded => Err(overloaded),
        }
    }

    /// Stores the time of use in the background, at most once a minute. Losing one does no harm.
    fn touch(&self, key: &KeyRecord) {
        let now = self.now();
        if self.key_cache.is_touch_due(&key.id, now) {
            let (keys, id) = (self.ports.keys.clone(), key.id.clone());
            self.in_background(async move {
                if let Err(error) = keys.touch(&id, now).await {
                    tracing::debug!(
                        key.id = id,
                        error = format!("{error:#}"),
                        "could not store a key's last use"
                    );
                }
            });
        }
    }
}
