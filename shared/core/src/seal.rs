//! Sealed text: encrypted and authenticated (ChaCha20-Poly1305), bound to what it is for.

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

use crate::clock::Entropy;

const NONCE: usize = 12;

/// A key that seals text.
#[derive(Clone)]
pub struct SealKey(ChaCha20Poly1305);

impl SealKey {
    pub const BYTES: usize = 32;

    pub fn new(key: &[u8]) -> Result<Self> {
        let cipher = ChaCha20Poly1305::new_from_slice(key)
            .map_err(|_| anyhow!("a sealing key does not have {} bytes", Self::BYTES))?;
        Ok(Self(cipher))
    }

    /// Returns base64 of nonce and ciphertext. Unsealing needs the same `purpose`, so that a sealed
    /// value cannot stand in another's place.
    pub fn seal(&self, entropy: &dyn Entropy, purpose: &str, text: &str) -> Result<String> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: purpose.as_bytes() };
        let sealed =
            self.0.encrypt(&nonce.into(), payload).map_err(|_| anyhow!("could not seal"))?;
        Ok(BASE64.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub fn unseal(&self, purpose: &str, sealed: &str) -> Result<String> {
        let bytes = BASE64.decode(sealed).context("a sealed value is not base64")?;
        let (nonce, ciphertext) =
            bytes.split_first_chunk::<NONCE>().context("a sealed value is too short")?;
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        let text = self
            .0
            .decrypt(&(*nonce).into(), payload)
            .map_err(|_| anyhow!("a sealed value was sealed with another key, or changed"))?;
        String::from_utf8(text).context("a sealed value is not text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    #[test]
    fn only_the_same_key_and_purpose_unseal() {
        let key = SealKey::new(&[1; 32]).unwrap();
        let sealed = key.seal(&SystemEntropy, "secret/A", "ä value").unwrap();
        assert!(!sealed.contains("value"));
        assert_ne!(sealed, key.seal(&SystemEntropy, "secret/A", "ä value").unwrap());
        assert_eq!(key.unseal("secret/A", &sealed).unwrap(), "ä value");
        assert!(key.unseal("secret/B", &sealed).is_err());
        assert!(SealKey::new(&[2; 32]).unwrap().unseal("secret/A", &sealed).is_err());
        for wrong in ["", "AAAA", "not base64!", &sealed[..sealed.len() - 4]] {
            assert!(key.unseal("secret/A", wrong).is_err(), "{wrong}");
        }
        assert!(SealKey::new(&[1; 31]).is_err());
    }
}
