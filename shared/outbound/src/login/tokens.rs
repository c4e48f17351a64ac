//! Asks a vendor's token URL (RFC 6749, 7523): for the first tokens of a login, and for new ones.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_core::clock::timeout;
use flowgate_core::login::{BodyForm, ClientAuth, Grant, OAuth2};
use flowgate_engine::call::CallError;
use http::{HeaderValue, StatusCode, header};
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::super::client::describe;
use super::super::{failed, retryable};
use super::{Renewals, assertion};

const MAX_TIME: Duration = Duration::from_secs(15);
const MAX_ANSWER: usize = 64 << 10;
const MAX_TOKEN: usize = 8 << 10;
const MAX_REASON: usize = 64;
/// What a service account's token lasts at Google, which is the most that may be asked for.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What vendors call a refresh token that is no longer valid; they will not take it another day.
const FINAL: [&str; 6] = [
    "invalid_grant",
    "invalid_refresh_token",
    "bad_refresh_token",
    "token_revoked",
    "token_expired",
    "account_inactive",
];

pub(in super::super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) lasts: Option<Duration>,
}

pub(super) enum NotRenewed {
    /// The vendor refuses for good; its own word for it.
    Ended(String),
    Failed(CallError),
}

/// The code that a browser brought back from the vendor's page.
pub struct Redeemed<'a> {
    pub code: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: Option<&'a str>,
}

impl From<CallError> for NotRenewed {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

impl Renewals {
    /// `None`: by the refresh token, or the key of the service account.
    pub(super) async fn ask_for_tokens(
        &self,
        grant: &Grant,
        redeemed: Option<&Redeemed<'_>>,
    ) -> Result<Tokens, NotRenewed> {
        let url = self.way.rule.check_url(grant.token_url()).map_err(|error| {
            failed("refused_address", format!("the token URL cannot be used: {error}"))
        })?;
        let client = self.way.client()?;
        let request = client.post(url).header(header::ACCEPT, "application/json");
        let request = match grant {
            Grant::OAuth2(oauth) => written(request, oauth, asked(oauth, redeemed)),
            Grant::ServiceAccount(account) => {
                let assertion = assertion::signed(account, self.clock.now())?;
                let fields = vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)];
                form(request, &fields)
            }
        };
        let ended = timeout(&*self.clock, MAX_TIME, answer(request)).await;
        let (status, body) = ended.unwrap_or_else(|| {
            Err(retryable("timeout", format!("no answer within {} s", MAX_TIME.as_secs())))
        })?;
        read(status, &body)
    }
}

fn asked(oauth: &OAuth2, redeemed: Option<&Redeemed<'_>>) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    match redeemed {
        Some(Redeemed { code, redirect_uri, verifier }) => {
            fields.push(("grant_type", "authorization_code".to_owned()));
            fields.push(("code", (*code).to_owned()));
            fields.push(("redirect_uri", (*redirect_uri).to_owned()));
            fields.extend(verifier.map(|verifier| ("code_verifier", verifier.to_owned())));
        }
        None => {
            fields.push(("grant_type", "refresh_token".to_owned()));
            fields.push(("refresh_token", oauth.refresh_token.clone().unwrap_or_default()));
            fields.extend(oauth.scope.clone().map(|scope| ("scope", scope)));
        }
    }
    fields
}

fn written(
    request: RequestBuilder,
    oauth: &OAuth2,
    mut fields: Vec<(&'static str, String)>,
) -> RequestBuilder {
    let request = match (oauth.client, &oauth.client_secret) {
        (ClientAuth::Basic, Some(secret)) => {
            request.header(header::AUTHORIZATION, basic(&oauth.client_id, secret))
        }
        (_, secret) => {
            fields.push(("client_id", oauth.client_id.clone()));
            fields.extend(secret.clone().map(|secret| ("client_secret", secret)));
            request
        }
    };
    match oauth.body {
        BodyForm::Form => form(request, &fields),
        BodyForm::Json => {
            let body: Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            let body = Value::Object(body).to_string();
            request.header(header::CONTENT_TYPE, "application/json").body(body)
        }
    }
}

fn form(request: RequestBuilder, fields: &[(&str, String)]) -> RequestBuilder {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// Id and secret are encoded before they are joined (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let login = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {login}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), CallError> {
    let mut response: Response = request.send().await.map_err(|error| describe(&error))?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| describe(&error))? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(failed("login_refused", "the token URL answered too much"));
        }
        body.extend_from_slice(&part);
    }
    Ok((response.status(), body))
}

/// Some vendors refuse with the status 200, and one that is not JSON says nothing at all.
fn read(status: StatusCode, body: &[u8]) -> Result<Tokens, NotRenewed> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if let Some(access) = text("access_token").filter(|token| is_token(token))
        && status.is_success()
        && answer.get("ok") != Some(&Value::Bool(false))
    {
        return Ok(Tokens {
            access: access.to_owned(),
            refresh: text("refresh_token").filter(|token| is_token(token)).map(str::to_owned),
            lasts: answer.get("expires_in").and_then(seconds),
        });
    }
    let reason = text("error").map(plain).unwrap_or_default();
    if FINAL.contains(&reason.as_str()) {
        return Err(NotRenewed::Ended(reason));
    }
    let said = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let message = format!("the token URL answered {}{said}", status.as_u16());
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let make = if may_pass { retryable } else { failed };
    Err(NotRenewed::Failed(make("login_refused", message)))
}

/// A token goes into a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number, or text that is one.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    let is_sound = seconds > 0.0 && seconds < 1e9;
    is_sound.then(|| Duration::from_secs_f64(seconds))
}

/// The vendor's word for an error, which is shown: no more than a word.
fn plain(text: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    text.chars().take(MAX_REASON).map(word).collect()
}
