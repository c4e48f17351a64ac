//! Who calls, and what they may do.

use std::sync::Arc;

use flowgate_core::hash::hex;
use flowgate_core::key::{KeyRecord, Scope, WorkflowScope};
use flowgate_core::limit::KeyLimits;
use flowgate_core::secret::hmac_sha256;
use subtle::ConstantTimeEq;

use crate::credential::PresentedKey;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// Somebody whose credential was checked.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The operator's own credential: everything.
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

    /// For the audit.
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

    /// The key's id and what it may start, where that is limited.
    pub(crate) fn limits(&self) -> Option<(&str, KeyLimits)> {
        match self {
            Self::Admin => None,
            Self::Key(key) => key.limits.map(|limits| (key.id.as_str(), limits)),
        }
    }

    /// The one workflow that the key names, if it names just one.
    pub fn only_workflow(&self) -> Option<&str> {
        match self {
            Self::Key(key) => match &key.workflows {
                WorkflowScope::Only(ids) if ids.len() == 1 => ids.first().map(String::as_str),
                _ => None,
            },
            Self::Admin => None,
        }
    }

    /// The scope, on this workflow. One that the key does not name is not found, whether or not it exists.
    pub fn require(&self, scope: Scope, workflow_id: &str, what: What) -> Result<()> {
        if !self.knows(workflow_id) {
            return Err(Error::NotFound(what));
        }
        self.require_scope(scope)
    }

    /// The scope on the platform as a whole: what belongs to no single workflow.
    pub fn require_platform(&self, scope: Scope) -> Result<()> {
        match self {
            Self::Key(key) if key.workflows != WorkflowScope::All => Err(Error::Forbidden(scope)),
            _ => self.require_scope(scope),
        }
    }

    /// The scope alone, for what is then narrowed to the workflows that the key knows.
    pub(crate) fn require_scope(&self, scope: Scope) -> Result<()> {
        match self {
            Self::Key(key) if !key.scopes.contains(&scope) && !key.scopes.contains(&Scope::Admin) => Err(Error::Forbidden(scope)),
            _ => Ok(()),
        }
    }
}

impl App {
    /// The caller that a credential belongs to. A key with a bad checksum is refused without a read; an unknown one costs the time of a known one.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller> {
        let Some(presented) = PresentedKey::parse(presented) else {
            return if self.is_admin(presented)? { Ok(Caller::Admin) } else { Err(Error::Unauthorized) };
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
        // Equal lengths for the comparison, whatever is presented.
        let (expected, presented) = (hmac_sha256(&pepper, expected.as_bytes()), hmac_sha256(&pepper, presented.as_bytes()));
        Ok(expected.ct_eq(&presented).into())
    }

    async fn cached_key(&self, id: &str) -> Result<Option<Arc<KeyRecord>>> {
        let now = self.now();
        if let Some(key) = self.key_cache.fresh(id, now) {
            return Ok(key);
        }
        let key = self.ports.keys.read(id).await?.map(Arc::new);
        self.key_cache.keep(id, key.clone(), now);
        Ok(key)
    }

    /// At most once a minute, beside the request: a use that goes unnoted harms nobody.
    fn touch(&self, key: &KeyRecord) {
        let now = self.now();
        if self.key_cache.is_touch_due(&key.id, now) {
            let (keys, id) = (self.ports.keys.clone(), key.id.clone());
            self.in_background(async move {
                if let Err(error) = keys.touch(&id, now).await {
                    tracing::debug!(key.id = id, error = format!("{error:#}"), "last use of a key was not noted");
                }
            });
        }
    }
}
