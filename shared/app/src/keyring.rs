//! The keyring as this process holds it, and its rotation.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::key::{AuditEntry, Scope};
use flowgate_core::secret::{Keyring, SigningPin};
use secrecy::SecretString;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::platform::App;

/// An entry that is not known may have been added elsewhere. Reads happen at most this often, so
/// that a record with a version that never was cannot cause a read per request.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// After a rotation elsewhere, the earlier admin credential ends here within this time.
const ADMIN_KEY_AGE: Duration = Duration::from_secs(10);
const MAX_ROTATIONS_LOST: usize = 5;

/// The versions that are used from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyringVersions {
    pub pepper: u32,
    pub master: u32,
    pub seal: u32,
}

impl App {
    pub(crate) async fn keyring(&self) -> Result<Arc<Keyring>> {
        self.keyring_with(|_| true).await
    }

    /// The keyring as the store gave it last, if it did.
    fn known_keyring(&self) -> Option<Arc<Keyring>> {
        let held = self.keyring.held();
        held.read_at.map(|_| held.ring)
    }

    /// Returns a keyring that `has` what is needed. Reads the stored one again if the known one has
    /// not. If neither has, the answer is "try again": it may not be readable yet.
    async fn keyring_with(&self, has: impl Fn(&Keyring) -> bool) -> Result<Arc<Keyring>> {
        if let Some(known) = self.known_keyring().filter(|ring| has(ring)) {
            return Ok(known);
        }
        self.reload(RELOAD_INTERVAL, &has).await?;
        if let Some(known) = self.known_keyring().filter(|ring| has(ring)) {
            return Ok(known);
        }
        tracing::warn!("an entry of the keyring is missing that a stored record needs");
        Err(Error::Overloaded { retry_after: RELOAD_INTERVAL })
    }

    /// Reads the stored keyring unless it was read less than `interval` ago, or has `enough` once
    /// it is this caller's turn.
    async fn reload(&self, interval: Duration, enough: impl Fn(&Keyring) -> bool) -> Result<()> {
        let _turn = self.keyring.reading.lock().await;
        let (held, now) = (self.keyring.held(), self.now());
        // A clock that was set back makes no read wait.
        let is_enough = |read_at| enough(&held.ring) || now >= read_at && now < read_at + interval;
        if held.read_at.is_some_and(is_enough) {
            return Ok(());
        }
        match self.ports.secrets.keyring(Keyring::clone(&held.ring)).await {
            Ok(ring) => self.keyring.keep(ring, now),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "could not read the keyring");
                return Err(Error::Overloaded { retry_after: RELOAD_INTERVAL });
            }
        }
        Ok(())
    }

    /// Returns the pepper of the version.
    pub(crate) async fn pepper_of(&self, version: u32) -> Result<Vec<u8>> {
        let ring = self.keyring_with(|ring| ring.peppers.contains_key(&version)).await?;
        Ok(ring.pepper_of(version)?)
    }

    /// Returns the 32 bytes that sign a workflow's webhooks.
    pub async fn signing_key(&self, workflow_uid: &str, pin: SigningPin) -> Result<Vec<u8>> {
        let ring = self.keyring_with(|ring| ring.masters.contains_key(&pin.master)).await?;
        Ok(ring.signing_key(workflow_uid, pin)?)
    }

    /// Encrypts a caller's header value for storage.
    pub async fn seal(&self, text: &str) -> Result<String> {
        Ok(self.keyring().await?.seal(&*self.ports.entropy, text)?)
    }

    pub async fn unseal(&self, sealed: &str) -> Result<String> {
        Ok(self.keyring_with(|ring| ring.can_unseal(sealed)).await?.unseal(sealed)?)
    }

    /// Returns the operator's credential, as it is stored now or was a moment ago.
    pub(crate) async fn admin_credential(&self) -> Result<String> {
        if let Some(given) = &self.settings.admin_key {
            return Ok(given.clone());
        }
        self.reload(ADMIN_KEY_AGE, |_| false).await?;
        Ok(self.keyring().await?.bootstrap_token.clone())
    }

    /// Adds an entry of each kind to the keyring. What was hashed, signed or sealed before stays
    /// with its entry.
    pub async fn rotate_keyring(&self, caller: &Caller) -> Result<KeyringVersions> {
        caller.require_platform(Scope::Admin)?;
        let ring = self.replace_keyring(|ring| ring.rotated(&*self.ports.entropy)).await?;
        self.note(caller, "keyring.rotated", "keyring").await?;
        Ok(KeyringVersions {
            pepper: ring.pepper()?.0,
            master: ring.newest_master()?,
            seal: ring.newest_seal(),
        })
    }

    /// Replaces the operator's credential. Only its holder may: a key with the scope `admin` can
    /// neither read it nor lock its holder out.
    pub async fn rotate_admin(&self, caller: &Caller) -> Result<SecretString> {
        let Caller::Admin = caller else { return Err(Error::Forbidden(Scope::Admin)) };
        if self.settings.admin_key.is_some() {
            let message = "the admin credential is FLOWGATE_ADMIN_KEY: set another one there";
            return Err(Error::bad_field("", message));
        }
        let ring = self.replace_keyring(|ring| ring.with_new_token(&*self.ports.entropy)).await?;
        self.note(caller, "admin.rotated", "admin").await?;
        Ok(ring.bootstrap_token.clone().into())
    }

    async fn replace_keyring(&self, change: impl Fn(&Keyring) -> Keyring) -> Result<Arc<Keyring>> {
        for _ in 0..MAX_ROTATIONS_LOST {
            self.reload(Duration::ZERO, |_| false).await?;
            let next = change(&*self.keyring().await?);
            if self.ports.secrets.replace_keyring(&next).await? {
                self.keyring.keep(next, self.now());
                return self.keyring().await;
            }
        }
        // Others rotate it at the same time.
        Err(Error::Overloaded { retry_after: RELOAD_INTERVAL })
    }

    async fn note(&self, caller: &Caller, action: &str, of: &str) -> Result<()> {
        let entry: AuditEntry = self.audit(caller, action, of);
        Ok(self.ports.keys.note(entry).await?)
    }
}
