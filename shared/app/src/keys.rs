//! API keys: shown once, stored as a hash, scoped, expiring, rotated, revoked.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::error::{Error, FieldProblem, Result, What};
use crate::limits::KeyLimits;
use crate::platform::App;
use crate::ports::{Entropy, Page, PageRequest};
use crate::secrets::hmac_sha256;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Run,
    Read,
    Cancel,
    Author,
    Admin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowScope {
    All,
    Only(BTreeSet<String>),
}

/// A key as it is stored: no part of it gives the key back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The 12 characters between `fg_` and the secret.
    pub id: String,
    pub name: String,
    pub workflows: WorkflowScope,
    pub scopes: BTreeSet<Scope>,
    /// HMAC-SHA256 of the secret under the pepper of this version, hex.
    pub hash: String,
    pub pepper: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimits>,
    /// Set by revocation (at once) and rotation (after the overlap).
    pub ends_at: Option<Timestamp>,
    pub rotated_from: Option<String>,
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// The key that did it, or `admin`.
    pub actor: String,
    /// `key.created`, `key.revoked`; of a rotation `key.rotated` for the new key and `key.ends` for the old one.
    pub action: String,
    pub key_id: String,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Run, Self::Read, Self::Cancel, Self::Author, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Read => "read",
            Self::Cancel => "cancel",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl KeyRecord {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        [self.expires_at, self.ends_at].into_iter().flatten().all(|end| now < end)
    }
}

/// `fg_<id12>_<secret43>_<crc6>` taken apart, its checksum right.
pub(crate) struct PresentedKey<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (body, checksum) = text.rsplit_once('_')?;
        let (id, secret) = body.strip_prefix("fg_")?.split_once('_')?;
        let good = id.len() == 12 && secret.len() == 43 && is_base62(id) && is_base62(secret) && checksum == self::checksum(body);
        good.then_some(Self { id, secret })
    }
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// `N` base62 characters without bias: bytes past the last multiple of 62 are thrown away.
fn random_base62(entropy: &dyn Entropy, length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        entropy.fill(&mut bytes);
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(BASE62[(byte % 62) as usize]));
        text.extend(fair.take(length - text.len()));
    }
    text
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a key may be made with.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    pub name: String,
    pub workflows: WorkflowScope,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: Option<Timestamp>,
    pub limits: Option<KeyLimits>,
}

/// A key as it is shown once.
#[derive(Debug)]
pub struct IssuedKey {
    pub key: secrecy::SecretString,
    pub record: KeyRecord,
}

const LONGEST_NAME: usize = 200;
const MOST_REQUESTS: u32 = 1_000_000;
/// A store may keep all of them in one item, which it writes for each that comes and goes.
const MOST_RUNS_AT_ONCE: u32 = 200;
const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

impl App {
    pub async fn create_key(&self, caller: &Caller, request: KeyRequest) -> Result<IssuedKey> {
        caller.require_platform(Scope::Admin)?;
        check_request(&request, self.now())?;
        self.issue_key(caller, request, None, "key.created").await
    }

    pub async fn list_keys(&self, caller: &Caller, page: PageRequest) -> Result<Page<KeyRecord>> {
        caller.require_platform(Scope::Admin)?;
        Ok(self.ports.keys.list(page).await?)
    }

    /// Felt at once in this process, within 5 s in others.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_platform(Scope::Admin)?;
        let known = self.ports.keys.end(id, self.now(), self.audit(caller, "key.revoked", id)).await?;
        self.forget_key(id);
        if known { Ok(()) } else { Err(Error::NotFound(What::Key)) }
    }

    /// A new key with the old one's rights; the old one works on for `overlap`.
    pub async fn rotate_key(&self, caller: &Caller, id: &str, overlap: Duration) -> Result<IssuedKey> {
        caller.require_platform(Scope::Admin)?;
        if overlap > LONGEST_OVERLAP {
            return Err(Error::bad_field("/overlap_seconds", "must be at most 604800 (7 days)"));
        }
        let old = self.ports.keys.read(id).await?.filter(|key| key.is_live(self.now())).ok_or(Error::NotFound(What::Key))?;
        let request =
            KeyRequest { name: old.name, workflows: old.workflows, scopes: old.scopes, expires_at: old.expires_at, limits: old.limits };
        let issued = self.issue_key(caller, request, Some(old.id), "key.rotated").await?;
        self.ports.keys.end(id, self.now() + overlap, self.audit(caller, "key.ends", id)).await?;
        self.forget_key(id);
        Ok(issued)
    }

    async fn issue_key(&self, caller: &Caller, request: KeyRequest, rotated_from: Option<String>, action: &str) -> Result<IssuedKey> {
        let (id, secret) = (random_base62(&*self.ports.entropy, 12), random_base62(&*self.ports.entropy, 43));
        let (pepper, pepper_key) = self.keyring.pepper()?;
        let record = KeyRecord {
            id: id.clone(),
            name: request.name,
            workflows: request.workflows,
            scopes: request.scopes,
            hash: hex(&hmac_sha256(&pepper_key, secret.as_bytes())),
            pepper,
            created_at: self.now(),
            expires_at: request.expires_at,
            limits: request.limits,
            ends_at: None,
            rotated_from,
            last_used_at: None,
        };
        self.ports.keys.create(record.clone(), self.audit(caller, action, &id)).await?;
        let body = format!("fg_{id}_{secret}");
        let key = format!("{body}_{}", checksum(&body));
        Ok(IssuedKey { key: key.into(), record })
    }

    fn audit(&self, caller: &Caller, action: &str, key_id: &str) -> AuditEntry {
        AuditEntry { at: self.now(), actor: caller.name().to_owned(), action: action.to_owned(), key_id: key_id.to_owned() }
    }
}

fn check_request(request: &KeyRequest, now: Timestamp) -> Result<()> {
    let mut problems = Vec::new();
    let mut problem =
        |pointer: &str, message: &str| problems.push(FieldProblem { pointer: pointer.to_owned(), message: message.to_owned() });
    if request.name.trim().is_empty() || request.name.len() > LONGEST_NAME {
        problem("/name", "must have 1 to 200 characters");
    }
    if request.scopes.is_empty() {
        problem("/scopes", "must name at least one of run, read, cancel, author, admin");
    }
    if matches!(&request.workflows, WorkflowScope::Only(ids) if ids.is_empty()) {
        problem("/workflows", "must be \"*\" or name at least one workflow");
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        problem("/expires_at", "is past");
    }
    if let Some(KeyLimits { rate, concurrent_runs }) = request.limits {
        let bounds = [
            ("/limits/requests_per_minute", Some(rate.requests_per_minute), MOST_REQUESTS),
            ("/limits/burst", Some(rate.burst), MOST_REQUESTS),
            ("/limits/concurrent_runs", concurrent_runs, MOST_RUNS_AT_ONCE),
        ];
        for (pointer, number, most) in bounds {
            if number.is_some_and(|number| !(1..=most).contains(&number)) {
                problem(pointer, &format!("must be 1 to {most}"));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_apart_only_with_its_checksum() {
        let body = format!("fg_{}_{}", "a".repeat(12), "B".repeat(43));
        let key = format!("{body}_{}", checksum(&body));
        assert_eq!(PresentedKey::parse(&key).unwrap().id, "aaaaaaaaaaaa");
        for bad in [key.replacen('B', "C", 1), body, "fg_".into(), String::new(), format!("{key}x"), key.to_uppercase()] {
            assert!(PresentedKey::parse(&bad).is_none(), "{bad}");
        }
    }
}
