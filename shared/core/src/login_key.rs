//! The key that seals one secret's login.

use std::fmt;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::clock::Entropy;
use crate::hash::sha256_hex;
use crate::seal::SealKey;

/// Stays where secrets are kept. The login itself may lie in a store that more programs read and
/// write.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginKey(String);

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginKey([redacted])")
    }
}

impl LoginKey {
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SealKey::BYTES];
        entropy.fill(&mut bytes);
        Self(BASE64.encode(bytes))
    }

    /// As a store of secrets keeps it.
    pub fn parse(text: &str) -> Result<Self> {
        SealKey::new(&BASE64.decode(text)?)?;
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names the login that it seals, and shows nothing of it.
    pub fn id(&self) -> String {
        sha256_hex(format!("login-id/{}", self.0).as_bytes())
    }

    /// Seals the login of the secret `name`: it opens under no other name.
    pub fn seal(&self, entropy: &dyn Entropy, name: &str, text: &str) -> Result<String> {
        self.cipher()?.seal(entropy, &purpose(name), text)
    }

    pub fn unseal(&self, name: &str, sealed: &str) -> Result<String> {
        self.cipher()?.unseal(&purpose(name), sealed)
    }

    fn cipher(&self) -> Result<SealKey> {
        SealKey::new(&BASE64.decode(&self.0)?)
    }
}

fn purpose(name: &str) -> String {
    format!("login/{name}")
}
