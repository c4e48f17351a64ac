//! Logins: secrets whose value is an access token that is renewed, and the port that stores them.

mod grant;
mod credentials;
mod pending;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Entropy;
use crate::lease::OwnerToken;
use crate::login_key::LoginKey;
use crate::secret::SecretRule;
use crate::time::Timestamp;
pub use credentials::{AccessToken, Credentials};
pub use grant::{BodyForm, ClientAuth, Grant, LoginKind, OAuth2, ServiceAccount};
pub use pending::{BegunLogin, LoginState, PendingLogin, verifier_and_challenge};

/// A login as it is stored: one row, so that tokens and all that belongs to them change at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Of the secret.
    pub name: String,
    /// [Of the key](LoginKey::id) that seals it. A secret that is stored anew has another key, and
    /// so another row: its key alone says which one counts, and nobody who still has the key
    /// before writes over it.
    pub key_id: String,
    /// Counts its writes. [`Logins::save`] applies the next one alone.
    pub revision: u64,
    pub info: LoginInfo,
    /// [`Credentials`], sealed with the key that the secret of this name holds. Equal text means
    /// the same tokens: sealing them again gives another text.
    pub sealed: String,
    /// Whoever renews it.
    pub lease: Option<RenewalLease>,
}

/// What may be shown of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginInfo {
    pub kind: LoginKind,
    /// Host and port of the token URL.
    pub token_host: String,
    /// A copy of that in the [`Credentials`], which decides.
    #[serde(default)]
    pub rule: SecretRule,
    /// How often somebody has logged in under its key.
    #[serde(default)]
    pub logins: u32,
    /// When somebody logged in; `None`: nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<Timestamp>,
    /// `None`: there is no access token yet, or it says no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_ends_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<Expired>,
}

/// The vendor refuses the login for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    pub at: Timestamp,
    /// The vendor's own code, such as `invalid_grant`.
    pub reason: String,
}

/// The right to ask the vendor for new tokens. Once it has ended, its owner is taken for dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalLease {
    pub owner: OwnerToken,
    pub until: Timestamp,
}

/// Logins. Every write is a compare-and-set, so that of all processes one renews.
#[async_trait]
pub trait Logins: Send + Sync {
    /// Returns the login that this key seals, as every write before left it.
    async fn find(&self, name: &str, key_id: &str) -> Result<Option<Login>>;
    /// Stores the login if the stored one has the revision before it (none is stored: 0). The retry
    /// of a write that was applied is a success, unless another came after it.
    async fn save(&self, login: &Login) -> Result<bool>;
    async fn list(&self) -> Result<Vec<Login>>;
    /// Deletes the login that this key seals, until it is in no file.
    async fn remove(&self, name: &str, key_id: &str) -> Result<()>;
    /// Stores a login that has begun in a browser.
    async fn begin(&self, state_hash: &str, pending: &PendingLogin, now: Timestamp) -> Result<()>;
    /// Returns a login that has begun, once: then it is gone. One whose time is over is absent.
    async fn take(&self, state_hash: &str, now: Timestamp) -> Result<Option<PendingLogin>>;
}

/// What a change of a login's tokens needs.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub key: &'a LoginKey,
    pub entropy: &'a dyn Entropy,
    pub now: Timestamp,
}

impl Change<'_> {
    fn seal(self, name: &str, credentials: &Credentials) -> Result<String> {
        self.key.seal(self.entropy, name, &serde_json::to_string(credentials)?)
    }
}

impl Login {
    /// Somebody logged in, or stored what a login needs. `before` is the stored one.
    pub fn begun(
        change: Change<'_>,
        name: &str,
        credentials: &Credentials,
        before: Option<&Self>,
    ) -> Result<Self> {
        let is_logged_in = credentials.is_logged_in();
        let logins = before.map_or(0, |before| before.info.logins) + u32::from(is_logged_in);
        let logged_in_at = is_logged_in.then_some(change.now);
        Ok(Self {
            name: name.to_owned(),
            key_id: change.key.id(),
            revision: before.map_or(0, |before| before.revision) + 1,
            info: LoginInfo { logins, logged_in_at, ..info(credentials) },
            sealed: change.seal(name, credentials)?,
            lease: None,
        })
    }

    pub fn open(&self, key: &LoginKey) -> Result<Credentials> {
        let text = key.unseal(&self.name, &self.sealed)?;
        // Drops the cause, which could show a part of the text.
        serde_json::from_str(&text).map_err(|_| anyhow!("a login cannot be read"))
    }

    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.until > now)
    }

    /// The next write of it: `owner` may ask the vendor until then.
    #[must_use]
    pub fn leased(&self, owner: OwnerToken, until: Timestamp) -> Self {
        Self { lease: Some(RenewalLease { owner, until }), ..self.released() }
    }

    /// The next write of it, which leaves its tokens as they are.
    #[must_use]
    pub fn released(&self) -> Self {
        Self { revision: self.revision + 1, lease: None, ..self.clone() }
    }

    /// The next write of it, with new tokens. The vendor honoured the login: it has not expired.
    pub fn renewed(&self, change: Change<'_>, credentials: &Credentials) -> Result<Self> {
        let renewed_at = Some(change.now);
        let LoginInfo { logins, logged_in_at, .. } = self.info;
        let info = LoginInfo { logins, logged_in_at, renewed_at, ..info(credentials) };
        Ok(Self { info, sealed: change.seal(&self.name, credentials)?, ..self.released() })
    }

    /// The next write of it: the vendor refuses it for good.
    #[must_use]
    pub fn ended(&self, at: Timestamp, reason: String) -> Self {
        let info = LoginInfo { expired: Some(Expired { at, reason }), ..self.info.clone() };
        Self { info, ..self.released() }
    }
}

fn info(credentials: &Credentials) -> LoginInfo {
    LoginInfo {
        kind: credentials.grant.kind(),
        token_host: credentials.grant.token_host(),
        rule: credentials.rule.clone(),
        logins: 0,
        logged_in_at: None,
        renewed_at: None,
        access_ends_at: credentials.access.as_ref().and_then(|access| access.ends_at),
        expired: None,
    }
}

#[cfg(test)]
mod tests;
