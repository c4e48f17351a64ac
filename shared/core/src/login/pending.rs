//! A login in a browser, between the page of the vendor and the way back.

use std::fmt;

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::credentials::Credentials;
use crate::clock::Entropy;
use crate::hash::sha256_hex;
use crate::seal::SealKey;
use crate::time::Timestamp;

/// A login that has begun. Single use, and found by a hash of its [`LoginState`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLogin {
    /// Of the secret.
    pub name: String,
    /// A [`BegunLogin`], sealed with a key that the [`LoginState`] alone gives.
    pub sealed: String,
    pub ends_at: Timestamp,
}

/// What is needed when the browser comes back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunLogin {
    /// Without tokens.
    pub credentials: Credentials,
    /// Proves to the vendor that whoever brings the code also began the login (RFC 7636). `None`:
    /// the vendor does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    pub redirect_uri: String,
    /// The key of the login that it replaces, and how often somebody had logged in: whoever logged
    /// in since, or stored the secret anew, is not overwritten.
    pub key_id: String,
    pub logins: u32,
}

/// The `state` that the browser carries to the vendor and back. Whoever has it can end the login,
/// so it is stored nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginState(String);

impl fmt::Debug for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginState([redacted])")
    }
}

impl LoginState {
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(random_text(entropy))
    }

    /// `None`: no state looks like this.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = BASE64_URL.decode(text).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES);
        is_one.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which the login is stored.
    pub fn hash(&self) -> String {
        sha256_hex(format!("login-state/{}", self.0).as_bytes())
    }

    pub fn seal(&self, entropy: &dyn Entropy, begun: &BegunLogin) -> Result<String> {
        self.key()?.seal(entropy, PURPOSE, &serde_json::to_string(begun)?)
    }

    pub fn open(&self, sealed: &str) -> Result<BegunLogin> {
        let text = self.key()?.unseal(PURPOSE, sealed)?;
        serde_json::from_str(&text).map_err(|_| anyhow!("a login that has begun cannot be read"))
    }

    fn key(&self) -> Result<SealKey> {
        SealKey::new(&Sha256::digest(format!("login-key/{}", self.0)))
    }
}

const PURPOSE: &str = "begun login";
const RANDOM_BYTES: usize = 32;

/// Returns a new verifier, and the challenge that the vendor is given first.
pub fn verifier_and_challenge(entropy: &dyn Entropy) -> (String, String) {
    let verifier = random_text(entropy);
    let challenge = BASE64_URL.encode(Sha256::digest(&verifier));
    (verifier, challenge)
}

fn random_text(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; RANDOM_BYTES];
    entropy.fill(&mut bytes);
    BASE64_URL.encode(bytes)
}
