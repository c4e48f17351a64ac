//! What a service account signs instead of a refresh token (RFC 7523), as Google asks for it.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flowgate_core::login::ServiceAccount;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::CallError;
use serde_json::json;

use super::super::failed;

/// The most that Google takes.
const LASTS: Duration = Duration::from_secs(3_600);

/// Returns a JSON Web Token, signed RS256.
pub(super) fn signed(account: &ServiceAccount, now: Timestamp) -> Result<String, CallError> {
    let key = key_of(&account.private_key).ok_or_else(unusable)?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = &account.private_key_id {
        header["kid"] = id.as_str().into();
    }
    let issued = now.0 / 1000;
    let mut claims = json!({
        "iss": account.client_email,
        "scope": account.scope,
        "aud": account.token_url,
        "iat": issued,
        "exp": (now + LASTS).0 / 1000,
    });
    if let Some(subject) = &account.subject {
        claims["sub"] = subject.as_str().into();
    }
    let encoded = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let text = format!(
        "{}.{}",
        encoded(header.to_string().as_bytes()),
        encoded(claims.to_string().as_bytes())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| unusable())?;
    Ok(format!("{text}.{}", encoded(&signature)))
}

/// Reads PKCS #8 in PEM.
fn key_of(pem: &str) -> Option<RsaKeyPair> {
    let body = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?;
    let body = body.split("-----END PRIVATE KEY-----").next()?;
    let body: String = body.split_whitespace().collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(body).ok()?).ok()
}

fn unusable() -> CallError {
    failed("login_refused", "the private key of the service account cannot be used")
}
