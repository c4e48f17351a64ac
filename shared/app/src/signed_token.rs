//! Tokens as callers send them, `fgt_<claims>.<signature>`. They are stored nowhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use flowgate_core::id::RunId;
use flowgate_core::key::{KeyRecord, Scope};
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};
use crate::platform::App;

/// What every token begins with.
pub const PREFIX: &str = "fgt_";
/// Longer than any that we make.
const MAX_TOKEN: usize = 2_048;

/// A good token, and its key as it is now.
#[derive(Debug)]
pub struct Token {
    /// `None`: the operator's own credential made it.
    pub(crate) key: Option<Arc<KeyRecord>>,
    pub(crate) scopes: BTreeSet<Scope>,
    pub(crate) workflow_id: String,
    /// `None`: it is for every run of the workflow.
    pub(crate) run: Option<RunId>,
}

/// What a token holds. It is signed, not encrypted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The id of its key; `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The version of the pepper from which its signing key is derived.
    pub(crate) pepper: u32,
    pub(crate) workflow: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunId>,
    pub(crate) scopes: BTreeSet<Scope>,
    pub(crate) expires_at: Timestamp,
}

/// A token whose form is good; its signature is still to be checked.
pub(crate) struct PresentedToken<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

impl<'a> PresentedToken<'a> {
    /// `None`: it is no token.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX).filter(|_| text.len() <= MAX_TOKEN)?;
        let (signed, signature) = rest.split_once('.')?;
        let claims = serde_json::from_slice(&BASE64_URL.decode(signed).ok()?).ok()?;
        Some(Self { signed, signature: BASE64_URL.decode(signature).ok()?, claims })
    }
}

impl App {
    /// Returns what the token allows. Its key is read as for a request of its own, so that a
    /// revocation ends its tokens too.
    pub(crate) async fn token(&self, presented: &PresentedToken<'_>) -> Result<Token> {
        let PresentedToken { signed, signature, claims } = presented;
        let expected =
            self.token_signature(claims, signed).await.map_err(|_| Error::Unauthorized)?;
        if !bool::from(expected.ct_eq(signature)) || claims.expires_at <= self.now() {
            return Err(Error::Unauthorized);
        }
        let key = match &claims.key {
            Some(id) => {
                let key = self.cached_key(id).await?.ok_or(Error::Unauthorized)?;
                Some(self.admitted(key)?)
            }
            None => None,
        };
        Ok(Token {
            key,
            scopes: claims.scopes.clone(),
            workflow_id: claims.workflow.clone(),
            run: claims.run.clone(),
        })
    }

    pub(crate) async fn sign_token(&self, claims: &Claims) -> Result<String> {
        let signed = BASE64_URL.encode(serde_json::to_vec(claims).map_err(anyhow::Error::from)?);
        let signature = BASE64_URL.encode(self.token_signature(claims, &signed).await?);
        Ok(format!("{PREFIX}{signed}.{signature}"))
    }

    /// The signing key of the operator's tokens is derived from the operator's credential too: they
    /// end when it changes.
    async fn token_signature(&self, claims: &Claims, signed: &str) -> Result<Vec<u8>> {
        let pepper = self.pepper_of(claims.pepper).await?;
        let key = match &claims.key {
            Some(_) => hmac_sha256(&pepper, b"token/key"),
            None => {
                let admin = format!("token/admin/{}", self.admin_credential().await?);
                hmac_sha256(&pepper, admin.as_bytes())
            }
        };
        Ok(hmac_sha256(&key, signed.as_bytes()))
    }
}
