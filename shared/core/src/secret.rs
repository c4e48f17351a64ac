//! The keyring that signs, hashes and seals, provider secrets, and the port that stores both.

mod rule;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Entropy;
use crate::time::Timestamp;
pub use rule::{HostVerdict, Publisher, SecretHost, SecretRule, SecretUser, SecretWorkflows};

/// Stored as one secret. Entries are added, never changed, so that pinned versions keep working.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyring {
    /// Hash API keys. Version to base64 value.
    pub peppers: BTreeMap<u32, String>,
    /// Derive the webhook signing secrets. Version to base64 value.
    pub masters: BTreeMap<u32, String>,
    /// Encrypts header values from callers. Base64, 32 bytes.
    pub seal: String,
    /// The first admin credential, if the operator gave none.
    pub bootstrap_token: String,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring([redacted])")
    }
}

/// What a workflow's signing secret is derived from, besides its uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningPin {
    pub master: u32,
    pub epoch: u32,
}

impl Keyring {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let secret = || {
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes);
            bytes
        };
        Self {
            peppers: BTreeMap::from([(1, BASE64.encode(secret()))]),
            masters: BTreeMap::from([(1, BASE64.encode(secret()))]),
            seal: BASE64.encode(secret()),
            bootstrap_token: format!("admin_{}", BASE64_URL.encode(secret())),
        }
    }

    /// Returns the newest pepper and its version.
    pub fn pepper(&self) -> Result<(u32, Vec<u8>)> {
        let (version, pepper) =
            self.peppers.last_key_value().context("the keyring has no pepper")?;
        Ok((*version, BASE64.decode(pepper).context("a pepper of the keyring is not base64")?))
    }

    pub fn pepper_of(&self, version: u32) -> Result<Vec<u8>> {
        let pepper = self
            .peppers
            .get(&version)
            .with_context(|| format!("the keyring has no pepper {version}"))?;
        BASE64.decode(pepper).context("a pepper of the keyring is not base64")
    }

    /// Returns the version that a workflow created or rotated now is pinned to.
    pub fn newest_master(&self) -> Result<u32> {
        Ok(*self.masters.last_key_value().context("the keyring has no master secret")?.0)
    }

    /// Returns the 32 bytes that sign a workflow's webhooks.
    pub fn signing_key(&self, workflow_uid: &str, pin: SigningPin) -> Result<Vec<u8>> {
        let master = self
            .masters
            .get(&pin.master)
            .with_context(|| format!("the keyring has no master secret {}", pin.master))?;
        let master =
            BASE64.decode(master).context("a master secret of the keyring is not base64")?;
        Ok(hmac_sha256(&master, format!("signing/{workflow_uid}/{}", pin.epoch).as_bytes()))
    }

    /// Encrypts a caller's value for storage: base64 of nonce and ciphertext.
    pub fn seal(&self, entropy: &dyn Entropy, text: &str) -> Result<String> {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce);
        let sealed = self
            .cipher()?
            .encrypt(&nonce.into(), text.as_bytes())
            .map_err(|_| anyhow!("could not seal"))?;
        Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub fn unseal(&self, sealed: &str) -> Result<String> {
        let bytes = BASE64.decode(sealed).context("a sealed value is not base64")?;
        let (nonce, ciphertext) =
            bytes.split_first_chunk::<12>().context("a sealed value is too short")?;
        let text = self
            .cipher()?
            .decrypt(&(*nonce).into(), ciphertext)
            .map_err(|_| anyhow!("a sealed value was not sealed with this keyring"))?;
        String::from_utf8(text).context("a sealed value is not text")
    }

    fn cipher(&self) -> Result<ChaCha20Poly1305> {
        let key = BASE64.decode(&self.seal).context("the keyring's seal is not base64")?;
        ChaCha20Poly1305::new_from_slice(&key)
            .map_err(|_| anyhow!("the keyring's seal does not have 32 bytes"))
    }
}

pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// A provider secret as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRecord {
    pub value: String,
    pub rule: SecretRule,
}

impl std::fmt::Debug for SecretRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretRecord([redacted], {:?})", self.rule)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretInfo {
    pub name: String,
    pub updated_at: Timestamp,
    pub rule: SecretRule,
}

/// Provider secrets, which authors write and only `outbound` reads, and the keyring.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Returns the stored keyring, or stores `create` on first use. Concurrent first users get the
    /// same one.
    async fn keyring(&self, create: Keyring) -> Result<Keyring>;
    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()>;
    async fn get(&self, name: &str) -> Result<Option<SecretRecord>>;
    /// Returns names, times and rules, never values.
    async fn list(&self) -> Result<Vec<SecretInfo>>;
    async fn delete(&self, name: &str) -> Result<bool>;
}
