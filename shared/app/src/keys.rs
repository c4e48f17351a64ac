//! API keys: shown once, stored as a hash, scoped, expiring, rotated, revoked.

use std::collections::BTreeSet;
use std::time::Duration;

use flowgate_core::budget::KeyBudget;
use flowgate_core::hash::hex;
use flowgate_core::key::{AuditEntry, KeyRecord, Scope, WorkflowScope};
use flowgate_core::limit::KeyLimits;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::secret::hmac_sha256;
use flowgate_core::time::Timestamp;

use crate::access::Caller;
use crate::budgets::KeyState;
use crate::credential::{random_base62, with_checksum};
use crate::error::{Error, FieldProblem, Result, What};
use crate::platform::App;

/// The properties of a new key.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    pub name: String,
    pub workflows: WorkflowScope,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: Option<Timestamp>,
    pub limits: Option<KeyLimits>,
    pub budget: Option<KeyBudget>,
    /// Canonical, as [`origin::parse`](crate::origin::parse) returns them.
    pub origins: BTreeSet<String>,
}

/// A new key, shown only once.
#[derive(Debug)]
pub struct IssuedKey {
    pub key: secrecy::SecretString,
    pub record: KeyRecord,
}

/// The key that a rotation replaces, and the first of its chain.
struct Before {
    id: String,
    first: String,
}

const MAX_NAME: usize = 200;
const NAME_RULE: &str = "must have 1 to 200 characters";
/// Pages of all keys that a page of a workflow's reads.
const KEY_PAGES: usize = 20;
const MAX_REQUESTS: u32 = 1_000_000;
/// A store may keep them all in one item, written at each start and end.
const MAX_CONCURRENT_RUNS: u32 = 200;
const MAX_ORIGINS: usize = 20;
const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

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

    /// Lists the keys that may use a workflow. A page looks at a bounded number of keys: it may be
    /// short, even empty, and not be the last.
    pub async fn list_keys_of(
        &self,
        caller: &Caller,
        workflow_id: &str,
        page: PageRequest,
    ) -> Result<Page<KeyRecord>> {
        caller.require_platform(Scope::Admin)?;
        self.cached_workflow(workflow_id).await?;
        let mut kept = Page { items: Vec::new(), next_cursor: page.cursor };
        for _ in 0..KEY_PAGES {
            let request =
                PageRequest { limit: page.limit - kept.items.len(), cursor: kept.next_cursor };
            let found = self.ports.keys.list(request).await?;
            let may_use = |key: &KeyRecord| match &key.workflows {
                WorkflowScope::All => true,
                WorkflowScope::Only(ids) => ids.contains(workflow_id),
            };
            kept.items.extend(found.items.into_iter().filter(may_use));
            kept.next_cursor = found.next_cursor;
            if kept.next_cursor.is_none() || kept.items.len() >= page.limit {
                break;
            }
        }
        Ok(kept)
    }

    /// Changes the name of a key, also of one that has ended.
    pub async fn rename_key(&self, caller: &Caller, id: &str, name: &str) -> Result<KeyState> {
        caller.require_platform(Scope::Admin)?;
        if !is_name(name) {
            return Err(Error::bad_field("/name", NAME_RULE));
        }
        let audit = self.audit(caller, "key.renamed", id);
        if !self.ports.keys.rename(id, name, audit).await? {
            return Err(Error::NotFound(What::Key));
        }
        self.read_key(caller, id).await
    }

    /// Takes effect immediately in this process, within 5 s in others.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_platform(Scope::Admin)?;
        let known =
            self.ports.keys.end(id, self.now(), self.audit(caller, "key.revoked", id)).await?;
        self.key_cache.forget(id);
        if known { Ok(()) } else { Err(Error::NotFound(What::Key)) }
    }

    /// Issues a new key with the old one's rights; the old one stays valid for `overlap`. What was
    /// public on behalf of the old one is so of the new one.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        id: &str,
        overlap: Duration,
    ) -> Result<IssuedKey> {
        caller.require_platform(Scope::Admin)?;
        if overlap > MAX_OVERLAP {
            return Err(Error::bad_field("/overlap_seconds", "must be at most 604800 (7 days)"));
        }
        let old = self
            .ports
            .keys
            .read(id)
            .await?
            .filter(|key| key.is_live(self.now()))
            .ok_or(Error::NotFound(What::Key))?;
        let request = KeyRequest {
            name: old.name,
            workflows: old.workflows,
            scopes: old.scopes,
            expires_at: old.expires_at,
            limits: old.limits,
            budget: old.budget.map(|budget| budget.inherited(&old.id)),
            origins: old.origins,
        };
        let before = Before { first: old.first.unwrap_or_else(|| old.id.clone()), id: old.id };
        let issued = self.issue_key(caller, request, Some(before), "key.rotated").await?;
        let new_id = &issued.record.id;
        self.move_public(id, new_id).await?;
        self.ports.keys.end(id, self.now() + overlap, self.audit(caller, "key.ends", id)).await?;
        self.key_cache.forget(id);
        // Those that were made public meanwhile. From now on the old key is refused there.
        self.move_public(id, new_id).await?;
        Ok(issued)
    }

    async fn issue_key(
        &self,
        caller: &Caller,
        request: KeyRequest,
        before: Option<Before>,
        action: &str,
    ) -> Result<IssuedKey> {
        let (id, secret) =
            (random_base62(&*self.ports.entropy, 12), random_base62(&*self.ports.entropy, 43));
        let (pepper, pepper_key) = self.keyring().await?.pepper()?;
        let (rotated_from, first) = before.map(|before| (before.id, before.first)).unzip();
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
            budget: request.budget,
            origins: request.origins,
            ends_at: None,
            rotated_from,
            first,
            last_used_at: None,
            last_refused: None,
        };
        self.ports.keys.create(record.clone(), self.audit(caller, action, &id)).await?;
        self.origin_cache.forget();
        Ok(IssuedKey { key: with_checksum(&id, &secret).into(), record })
    }

    pub(crate) fn audit(&self, caller: &Caller, action: &str, key_id: &str) -> AuditEntry {
        AuditEntry {
            at: self.now(),
            actor: caller.name().to_owned(),
            action: action.to_owned(),
            key_id: key_id.to_owned(),
            expires_at: self.now() + self.settings.audit_retention,
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_NAME
}

fn check_request(request: &KeyRequest, now: Timestamp) -> Result<()> {
    let mut problems = Vec::new();
    let mut problem = |pointer: &str, message: &str| {
        problems.push(FieldProblem { pointer: pointer.to_owned(), message: message.to_owned() })
    };
    if !is_name(&request.name) {
        problem("/name", NAME_RULE);
    }
    if request.scopes.is_empty() {
        problem("/scopes", "must name at least one of run, read, trace, cancel, author, admin");
    }
    if matches!(&request.workflows, WorkflowScope::Only(ids) if ids.is_empty()) {
        problem("/workflows", "must be \"*\" or name at least one workflow");
    }
    if request.origins.len() > MAX_ORIGINS {
        problem("/origins", &format!("must name at most {MAX_ORIGINS} origins"));
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        problem("/expires_at", "is past");
    }
    if let Some(KeyLimits { rate, concurrent_runs }) = request.limits {
        let bounds = [
            ("/limits/requests_per_minute", Some(rate.requests_per_minute), MAX_REQUESTS),
            ("/limits/burst", Some(rate.burst), MAX_REQUESTS),
            ("/limits/concurrent_runs", concurrent_runs, MAX_CONCURRENT_RUNS),
        ];
        for (pointer, number, max) in bounds {
            if number.is_some_and(|number| !(1..=max).contains(&number)) {
                problem(pointer, &format!("must be 1 to {max}"));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}
