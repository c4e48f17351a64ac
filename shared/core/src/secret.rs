//! The keyring that signs, hashes and seals, provider secrets, and the port that stores both.

mod rule;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Entropy;
use crate::login_key::LoginKey;
use crate::seal::SealKey;
use crate::time::Timestamp;
pub use rule::{HostVerdict, Publisher, SecretHost, SecretRule, SecretUser, SecretWorkflows};

/// Stored as one secret. Entries are added, never changed, so that pinned versions keep working.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyring {
    /// Hash API keys. Version to base64 value.
    pub peppers: BTreeMap<u32, String>,
    /// Derive the webhook signing secrets. Version to base64 value.
    pub masters: BTreeMap<u32, String>,
    /// Encrypts header values from callers. Base64, 32 bytes. The first version.
    pub seal: String,
    /// The later versions of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seals: BTreeMap<u32, String>,
    /// The admin credential, if the operator gave none.
    pub bootstrap_token: String,
    /// How often it was rotated: a store replaces a keyring by the next generation alone.
    #[serde(default)]
    pub generation: u32,
}

/// The version of [`Keyring::seal`].
const FIRST_SEAL: u32 = 1;

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
        Self {
            peppers: BTreeMap::from([(1, new_entry(entropy))]),
            masters: BTreeMap::from([(1, new_entry(entropy))]),
            seal: new_entry(entropy),
            seals: BTreeMap::new(),
            bootstrap_token: new_token(entropy),
            generation: 0,
        }
    }

    /// A keyring without entries: it authenticates, signs and seals nothing.
    pub fn none() -> Self {
        Self {
            peppers: BTreeMap::new(),
            masters: BTreeMap::new(),
            seal: String::new(),
            seals: BTreeMap::new(),
            bootstrap_token: String::new(),
            generation: 0,
        }
    }

    /// Returns the next generation, with a new newest entry of each kind.
    #[must_use]
    pub fn rotated(&self, entropy: &dyn Entropy) -> Self {
        let mut next = Self { generation: self.generation + 1, ..self.clone() };
        let after = |newest: Option<&u32>| newest.copied().unwrap_or(0) + 1;
        next.peppers.insert(after(self.peppers.keys().last()), new_entry(entropy));
        next.masters.insert(after(self.masters.keys().last()), new_entry(entropy));
        next.seals.insert(self.newest_seal() + 1, new_entry(entropy));
        next
    }

    /// Returns the next generation, with another admin credential.
    #[must_use]
    pub fn with_new_token(&self, entropy: &dyn Entropy) -> Self {
        let generation = self.generation + 1;
        Self { generation, bootstrap_token: new_token(entropy), ..self.clone() }
    }

    pub fn newest_seal(&self) -> u32 {
        self.seals.keys().last().copied().unwrap_or(FIRST_SEAL)
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

    /// Encrypts a caller's value for storage: `<version>.<base64>`. The first version has no
    /// prefix.
    pub fn seal(&self, entropy: &dyn Entropy, text: &str) -> Result<String> {
        let version = self.newest_seal();
        let sealed = self.seal_key(version)?.seal(entropy, FOR_HEADERS, text)?;
        Ok(if version == FIRST_SEAL { sealed } else { format!("{version}.{sealed}") })
    }

    pub fn unseal(&self, sealed: &str) -> Result<String> {
        let (version, sealed) = seal_version(sealed)?;
        self.seal_key(version)?.unseal(FOR_HEADERS, sealed)
    }

    /// Whether it has the entry that the value was sealed with.
    pub fn can_unseal(&self, sealed: &str) -> bool {
        seal_version(sealed)
            .is_ok_and(|(version, _)| version == FIRST_SEAL || self.seals.contains_key(&version))
    }

    fn seal_key(&self, version: u32) -> Result<SealKey> {
        let entry = match version {
            FIRST_SEAL => Some(&self.seal),
            later => self.seals.get(&later),
        };
        let entry = entry.with_context(|| format!("the keyring has no seal {version}"))?;
        SealKey::new(&BASE64.decode(entry).context("a seal of the keyring is not base64")?)
    }
}

/// What the values of callers' headers are sealed for. Empty, as for the first of them.
const FOR_HEADERS: &str = "";

fn seal_version(sealed: &str) -> Result<(u32, &str)> {
    match sealed.split_once('.') {
        None => Ok((FIRST_SEAL, sealed)),
        Some((version, sealed)) => {
            Ok((version.parse().context("a sealed value has no version")?, sealed))
        }
    }
}

fn new_entry(entropy: &dyn Entropy) -> String {
    BASE64.encode(random(entropy))
}

fn new_token(entropy: &dyn Entropy) -> String {
    format!("admin_{}", BASE64_URL.encode(random(entropy)))
}

fn random(entropy: &dyn Entropy) -> [u8; 32] {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    bytes
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
    pub value: SecretValue,
    /// Of a login, the rule in its [`Credentials`](crate::login::Credentials) counts.
    pub rule: SecretRule,
}

#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    Plain(String),
    /// The secret is a login, stored apart and sealed with this key.
    Login(LoginKey),
}

impl SecretValue {
    /// Returns the id of a login's key.
    pub fn login(&self) -> Option<String> {
        match self {
            Self::Login(key) => Some(key.id()),
            Self::Plain(_) => None,
        }
    }
}

impl<T: Into<String>> From<T> for SecretValue {
    fn from(text: T) -> Self {
        Self::Plain(text.into())
    }
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
    /// The id of its key, if it is a login.
    pub login: Option<String>,
}

/// A secret without a rule of its own.
impl From<&str> for SecretRecord {
    fn from(value: &str) -> Self {
        Self { value: value.into(), rule: SecretRule::default() }
    }
}

/// Provider secrets, which authors write and only `outbound` reads, and the keyring.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Returns the stored keyring, or stores `create` on first use. Concurrent first users get the
    /// same one.
    async fn keyring(&self, create: Keyring) -> Result<Keyring>;
    /// Stores the keyring if the stored one is of the generation before it. `false`: it is of
    /// another one, and nothing was written.
    async fn replace_keyring(&self, next: &Keyring) -> Result<bool>;
    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()>;
    async fn get(&self, name: &str) -> Result<Option<SecretRecord>>;
    /// Returns names, times and rules, never values.
    async fn list(&self) -> Result<Vec<SecretInfo>>;
    async fn delete(&self, name: &str) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    #[test]
    fn a_rotation_adds_entries_and_keeps_what_is_pinned_to_the_old_ones() {
        let first = Keyring::generate(&SystemEntropy);
        let pin = SigningPin { master: 1, epoch: 3 };
        let sealed = first.seal(&SystemEntropy, "from the caller").unwrap();
        let second = first.rotated(&SystemEntropy).rotated(&SystemEntropy);
        assert_eq!(second.generation, 2);
        assert_eq!((second.pepper().unwrap().0, second.newest_master().unwrap()), (3, 3));
        assert_eq!(second.newest_seal(), 3);
        assert_eq!(second.pepper_of(1).unwrap(), first.pepper_of(1).unwrap());
        assert_eq!(second.signing_key("w", pin).unwrap(), first.signing_key("w", pin).unwrap());
        assert_eq!(second.bootstrap_token, first.bootstrap_token);

        assert_eq!(second.unseal(&sealed).unwrap(), "from the caller");
        let later = second.seal(&SystemEntropy, "later").unwrap();
        assert!(later.starts_with("3."), "{later}");
        assert_eq!(second.unseal(&later).unwrap(), "later");
        assert!(second.can_unseal(&later) && second.can_unseal(&sealed));
        assert!(!first.can_unseal(&later) && !first.can_unseal("x.y"));
        assert!(first.unseal(&later).unwrap_err().to_string().contains("no seal 3"));
    }

    #[test]
    fn a_keyring_of_an_earlier_release_is_read_and_a_new_one_reads_as_an_earlier_one() {
        let ring = Keyring::generate(&SystemEntropy);
        let mut stored = serde_json::to_value(&ring).unwrap();
        stored.as_object_mut().unwrap().remove("generation");
        assert!(serde_json::from_value::<Keyring>(stored).unwrap() == ring);
    }

    #[test]
    fn another_admin_credential_leaves_the_entries() {
        let first = Keyring::generate(&SystemEntropy);
        let next = first.with_new_token(&SystemEntropy);
        assert_ne!(next.bootstrap_token, first.bootstrap_token);
        assert!(next.bootstrap_token.len() >= 32 && next.generation == 1);
        let token = first.bootstrap_token.clone();
        assert!(Keyring { bootstrap_token: token, generation: 0, ..next } == first);
    }
}
