//! Authentication and authorization of callers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use flowgate_core::hash::hex;
use flowgate_core::id::RunId;
use flowgate_core::key::{KeyRecord, LastRefused, Scope, WorkflowScope};
use flowgate_core::limit::KeyLimits;
use flowgate_core::secret::hmac_sha256;
use flowgate_core::session::{SessionOwner, SessionUser};
use flowgate_core::time::Timestamp;
use subtle::ConstantTimeEq;

use crate::credential::PresentedKey;
use crate::error::{Error, Result, What};
use crate::origin;
use crate::platform::App;
use crate::signed_token::{PresentedToken, Token};

/// The code of [`Error::Unauthorized`].
const UNAUTHORIZED: &str = "unauthorized";
/// After a key could not be read.
const KEY_RETRY: Duration = Duration::from_secs(2);

/// An authenticated caller.
#[derive(Debug, Clone)]
pub enum Caller {
    /// The operator's own credential. May do everything.
    Admin,
    Key(Arc<KeyRecord>),
    /// A short-lived token of either, for one workflow or one run.
    Token(Arc<Token>),
}

impl Caller {
    /// Returns the key, also of a token that a key made.
    fn key(&self) -> Option<&KeyRecord> {
        match self {
            Self::Admin => None,
            Self::Key(key) => Some(key),
            Self::Token(token) => token.key.as_deref(),
        }
    }

    pub fn key_id(&self) -> Option<&str> {
        self.key().map(|key| key.id.as_str())
    }

    /// Returns the first key of the caller's chain of rotations.
    pub(crate) fn first_key(&self) -> Option<&str> {
        self.key().map(KeyRecord::first)
    }

    /// Returns the actor's name for the audit log.
    pub(crate) fn name(&self) -> &str {
        self.key_id().unwrap_or("admin")
    }

    pub fn knows(&self, workflow_id: &str) -> bool {
        let of_key = self.key().is_none_or(|key| match &key.workflows {
            WorkflowScope::All => true,
            WorkflowScope::Only(ids) => ids.contains(workflow_id),
        });
        match self {
            Self::Token(token) => of_key && token.workflow_id == workflow_id,
            Self::Admin | Self::Key(_) => of_key,
        }
    }

    /// Returns the workflows that it knows; `None`: all of them.
    pub(crate) fn known_workflows(&self) -> Option<Vec<&str>> {
        let of_key = self.key().and_then(|key| match &key.workflows {
            WorkflowScope::All => None,
            WorkflowScope::Only(ids) => Some(ids.iter().map(String::as_str).collect()),
        });
        match self {
            Self::Token(token) => {
                let id = token.workflow_id.as_str();
                Some(if self.knows(id) { vec![id] } else { Vec::new() })
            }
            Self::Admin | Self::Key(_) => of_key,
        }
    }

    /// Returns the key's id and its limits, if it has any.
    pub(crate) fn limits(&self) -> Option<(&str, KeyLimits)> {
        let key = self.key()?;
        key.limits.map(|limits| (key.id.as_str(), limits))
    }

    /// Returns whether pages of this origin may read answers to this caller.
    pub fn lists_origin(&self, origin: &str) -> bool {
        self.key().is_some_and(|key| key.origins.contains(origin))
    }

    /// Returns the key's workflow if it names exactly one.
    pub fn only_workflow(&self) -> Option<&str> {
        match (self, self.key().map(|key| &key.workflows)) {
            (Self::Token(token), _) => Some(&token.workflow_id),
            (_, Some(WorkflowScope::Only(ids))) if ids.len() == 1 => {
                ids.first().map(String::as_str)
            }
            _ => None,
        }
    }

    /// Requires the scope on this workflow. A workflow that the key does not cover is `NotFound`,
    /// whether or not it exists; so is everything but its run to a token for one run.
    pub fn require(&self, scope: Scope, workflow_id: &str, what: What) -> Result<()> {
        self.require_known(workflow_id, what)?;
        match self {
            Self::Token(token) if token.run.is_some() => Err(Error::NotFound(what)),
            _ => self.require_scope(scope),
        }
    }

    /// Requires the scope on this run of the workflow.
    pub(crate) fn require_run(&self, scope: Scope, workflow_id: &str, run: &RunId) -> Result<()> {
        self.require_known(workflow_id, What::Run)?;
        match self {
            Self::Token(token) if token.run.as_ref().is_some_and(|only| only != run) => {
                Err(Error::NotFound(What::Run))
            }
            _ => self.require_scope(scope),
        }
    }

    pub(crate) fn require_known(&self, workflow_id: &str, what: What) -> Result<()> {
        if self.knows(workflow_id) { Ok(()) } else { Err(Error::NotFound(what)) }
    }

    /// Requires the scope on the whole platform, for what belongs to no single workflow.
    pub fn require_platform(&self, scope: Scope) -> Result<()> {
        match self {
            Self::Key(key) if key.workflows != WorkflowScope::All => Err(Error::Forbidden(scope)),
            Self::Token(_) => Err(Error::Forbidden(scope)),
            _ => self.require_scope(scope),
        }
    }

    /// Requires the scope alone; the result must then be narrowed to the key's workflows.
    pub(crate) fn require_scope(&self, scope: Scope) -> Result<()> {
        if self.has(scope) { Ok(()) } else { Err(Error::Forbidden(scope)) }
    }

    /// The one place that compares scopes with what an operation needs. A token has no more than
    /// its key has now.
    pub fn has(&self, scope: Scope) -> bool {
        let implied = |scopes: &BTreeSet<Scope>| scopes.iter().any(|own| own.implies(scope));
        let of_token = match self {
            Self::Token(token) => implied(&token.scopes),
            Self::Admin | Self::Key(_) => true,
        };
        of_token && self.key().is_none_or(|key| implied(&key.scopes))
    }
}

/// Returns on whose behalf the caller's runs use sessions; without a caller, those of a schedule.
/// `user`: the caller's own name for its end user.
pub fn session_user(caller: Option<&Caller>, user: Option<&str>) -> Box<SessionUser> {
    let key_id = caller.and_then(Caller::first_key).map(str::to_owned);
    let owner = SessionOwner { key_id, user: user.map(str::to_owned) };
    Box::new(SessionUser { owner, is_operator: matches!(caller, Some(Caller::Admin)) })
}

impl App {
    /// Returns the caller that the credential belongs to. Refuses a key with a bad checksum without
    /// a read. An unknown key takes as long as a known one.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller> {
        if let Some(token) = PresentedToken::parse(presented) {
            return Ok(Caller::Token(Arc::new(self.token(&token).await?)));
        }
        let Some(presented) = PresentedKey::parse(presented) else {
            return if self.is_admin(presented).await? {
                Ok(Caller::Admin)
            } else {
                Err(Error::Unauthorized)
            };
        };
        let key = self.cached_key(presented.id).await?;
        let (pepper, expected) = match &key {
            Some(key) => (self.pepper_of(key.pepper).await?, key.hash.clone()),
            None => (self.keyring().await?.pepper()?.1, String::new()),
        };
        let hash = hex(&hmac_sha256(&pepper, presented.secret.as_bytes()));
        let matches = bool::from(hash.as_bytes().ct_eq(expected.as_bytes()));
        let key = key.filter(|_| matches).ok_or(Error::Unauthorized)?;
        Ok(Caller::Key(self.admitted(key)?))
    }

    /// The key of a request whose credential is good. One that has ended is refused.
    pub(crate) fn admitted(&self, key: Arc<KeyRecord>) -> Result<Arc<KeyRecord>> {
        if !key.is_live(self.now()) {
            self.note_refusal(&key, UNAUTHORIZED);
            return Err(Error::Unauthorized);
        }
        self.touch(&key);
        Ok(key)
    }

    /// Notes on the caller's key what came of its request. `refused`: the code of the refusal.
    pub fn note_answer(&self, caller: &Caller, refused: Option<&'static str>) {
        let Some(key) = caller.key() else { return };
        match refused {
            Some(code) => self.note_refusal(key, code),
            None if self.key_cache.is_success_due(&key.id, self.now()) => self.store_use(key),
            None => {}
        }
    }

    async fn is_admin(&self, presented: &str) -> Result<bool> {
        let expected = self.admin_credential().await?;
        let (_, pepper) = self.keyring().await?.pepper()?;
        // Hashed, so that both sides of the comparison have the same length.
        let (expected, presented) =
            (hmac_sha256(&pepper, expected.as_bytes()), hmac_sha256(&pepper, presented.as_bytes()));
        Ok(expected.ct_eq(&presented).into())
    }

    /// The key with this id that is live.
    pub(crate) async fn live_key(&self, id: &str) -> Result<Arc<KeyRecord>> {
        let key = self.cached_key(id).await?.filter(|key| key.is_live(self.now()));
        let key = key.ok_or(Error::Unauthorized)?;
        self.touch(&key);
        Ok(key)
    }

    pub(crate) async fn cached_key(&self, id: &str) -> Result<Option<Arc<KeyRecord>>> {
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

    fn touch(&self, key: &KeyRecord) {
        if self.key_cache.is_touch_due(&key.id, self.now()) {
            self.store_use(key);
        }
    }

    /// Stores the time of use in the background. Losing one does no harm.
    fn store_use(&self, key: &KeyRecord) {
        let (keys, id, now) = (self.ports.keys.clone(), key.id.clone(), self.now());
        self.in_background(async move {
            if let Err(error) = keys.touch(&id, now).await {
                let error = format!("{error:#}");
                tracing::debug!(key.id = id, error, "could not store a key's last use");
            }
        });
    }

    /// Stores a refusal in the background, at most once a minute. Losing one does no harm.
    fn note_refusal(&self, key: &KeyRecord, code: &'static str) {
        let now = self.now();
        if !self.key_cache.is_refusal_due(&key.id, now) {
            return;
        }
        let (keys, id) = (self.ports.keys.clone(), key.id.clone());
        let refused = LastRefused { at: now, code: code.to_owned() };
        self.in_background(async move {
            if let Err(error) = keys.note_refusal(&id, &refused).await {
                let error = format!("{error:#}");
                tracing::debug!(key.id = id, error, "could not store a key's last refusal");
            }
        });
    }

    /// Returns whether the operator, or any key, lists the origin. A preflight has no key, so it
    /// cannot ask for more; the answer itself is shown only to the origins of its own key.
    pub async fn knows_origin(&self, asking: &str) -> anyhow::Result<bool> {
        if self.settings.allowed_origins.contains(asking) {
            return Ok(true);
        }
        if origin::parse(asking).is_none_or(|parsed| parsed != asking) {
            return Ok(false);
        }
        let now = self.now();
        if let Some(known) = self.origin_cache.fresh(asking, now) {
            return Ok(known);
        }
        let known = self.ports.keys.lists_origin(asking).await?;
        self.origin_cache.keep(asking, known, now);
        Ok(known)
    }
}
