//! Access tokens of logins: renewed before their end, by one process of the deployment at a time.
//!
//! A vendor may answer a renewal with a new refresh token and forget the old one, so a renewal is a
//! write: whoever holds the lease asks, and stores what it got before anybody uses it. That is
//! background work: neither a call that is abandoned nor a stop takes it along.

mod tokens;
mod assertion;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::background::Background;
use flowgate_core::clock::{Clock, Entropy};
use flowgate_core::lease::OwnerToken;
use flowgate_core::login::{AccessToken, Change, Credentials, Login, LoginKind, Logins};
use flowgate_core::login_key::LoginKey;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::CallError;
use tracing::{error, info, warn};

use super::way::Way;
use super::{Outbound, failed, retryable};
use tokens::{NotRenewed, Tokens};

pub use tokens::Redeemed;

/// What a renewal may take, with all tries to store it. Its owner is dead after that.
const LEASE: Duration = Duration::from_secs(90);
/// How long a call waits for another process that renews.
const MAX_WAIT: Duration = Duration::from_secs(20);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// How long a login is used without a look at the store, where it may have been renewed.
const KEPT_FOR: Duration = Duration::from_secs(60);
const FIRST_STORE_PAUSE: Duration = Duration::from_millis(200);
const MAX_STORE_PAUSE: Duration = Duration::from_secs(5);

/// The logins of a deployment, as one process sees them.
pub(super) struct Renewals {
    port: Arc<dyn Logins>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    way: Arc<Way>,
    background: Background,
    known: Mutex<HashMap<String, (Timestamp, Arc<Opened>)>>,
    /// The last token of each login that was refused, and since when.
    refused: Mutex<HashMap<String, (Timestamp, String)>>,
}

/// A login that was read.
pub(super) struct Opened {
    login: Login,
    pub(super) credentials: Credentials,
}

/// Whoever refuses one token after the other does so for another reason than their age.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(60);

/// What became of a write.
enum Stored {
    Done,
    /// Others leased it meanwhile, or ended it: the tokens in it are those that were renewed.
    Overtaken(u64),
    /// Somebody logged in anew, stored it anew, or deleted it.
    Replaced,
}

/// What to do with a login.
enum Next {
    Use,
    /// Its token can still be used meanwhile, or not.
    Renew {
        is_usable: bool,
    },
    Fail(CallError),
}

impl Outbound {
    /// Gets the first tokens of a login that began in a browser.
    pub async fn redeem(
        &self,
        begun: Credentials,
        redeemed: &Redeemed<'_>,
    ) -> Result<Credentials, CallError> {
        let renewals = self.secrets.renewals.as_ref();
        let renewals = renewals.ok_or_else(|| failed("internal", "logins are not kept here"))?;
        let since = self.clock.now();
        match renewals.ask_for_tokens(&begun.grant, Some(redeemed)).await {
            Ok(tokens) => Ok(tokens.join(begun, since)),
            Err(NotRenewed::Failed(error)) => Err(error),
            Err(NotRenewed::Ended(reason)) => {
                Err(failed("login_refused", format!("the token URL refused the code: {reason}")))
            }
        }
    }
}

impl Renewals {
    pub(super) fn new(
        port: Arc<dyn Logins>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        way: Arc<Way>,
        background: Background,
    ) -> Self {
        let (known, refused) = (Mutex::default(), Mutex::default());
        Self { port, clock, entropy, way, background, known, refused }
    }

    pub(super) fn forget(&self, name: &str) {
        self.known().remove(name);
    }

    /// Returns a login whose access token can be used, and is not the `refused` one.
    pub(super) async fn access(
        self: &Arc<Self>,
        name: &str,
        key: &LoginKey,
        refused: Option<&str>,
    ) -> Result<Arc<Opened>, CallError> {
        let refused = refused.filter(|token| self.may_be_old(name, token));
        if let Some(kept) = self.kept(name, &key.id())
            && matches!(kept.next(name, self.clock.now(), refused), Next::Use)
        {
            return Ok(kept);
        }
        let give_up_at = self.clock.now() + MAX_WAIT;
        let mut pause = FIRST_LOOK;
        loop {
            let opened = self.read(name, key).await?;
            let now = self.clock.now();
            let is_usable = match opened.next(name, now, refused) {
                Next::Use => return Ok(opened),
                Next::Fail(error) => return Err(error),
                Next::Renew { is_usable } => is_usable,
            };
            if !opened.login.is_leased(now) {
                match self.lease_and_renew(&opened, key).await? {
                    Some(Err(_)) if is_usable => return Ok(opened),
                    Some(renewed) => return renewed,
                    None => continue,
                }
            }
            if is_usable {
                return Ok(opened);
            }
            if now >= give_up_at {
                let message = format!("another process renews the login {name}, and has not ended");
                return Err(retryable("login_busy", message));
            }
            self.clock.sleep(pause).await;
            pause = MAX_PAUSE.min(pause * 2);
        }
    }

    /// Returns `None` if another process was faster.
    async fn lease_and_renew(
        self: &Arc<Self>,
        opened: &Opened,
        key: &LoginKey,
    ) -> Result<Option<Result<Arc<Opened>, CallError>>, CallError> {
        let until = self.clock.now() + LEASE;
        let leased = opened.login.leased(OwnerToken::random(&*self.entropy), until);
        if !self.port.save(&leased).await.map_err(|error| unreadable(&leased.name, &error))? {
            return Ok(None);
        }
        let (renewals, key) = (Arc::clone(self), key.clone());
        let credentials = opened.credentials.clone();
        let renewal = async move { renewals.renew(leased, credentials, key).await };
        let ended = self.background.spawn(renewal).await;
        Ok(Some(ended.unwrap_or_else(|_| Err(retryable("internal", "a renewal broke off")))))
    }

    async fn renew(
        &self,
        leased: Login,
        credentials: Credentials,
        key: LoginKey,
    ) -> Result<Arc<Opened>, CallError> {
        let name = leased.name.clone();
        let since = self.clock.now();
        let (next, result) = match self.ask_for_tokens(&credentials.grant, None).await {
            Ok(tokens) => {
                let credentials = tokens.join(credentials, since);
                let change = Change { key: &key, entropy: &*self.entropy, now: self.clock.now() };
                let next = leased.renewed(change, &credentials);
                (next.map_err(|error| unreadable(&name, &error))?, Ok(credentials))
            }
            // A clock that is wrong makes a service account's key look so.
            Err(NotRenewed::Ended(reason)) if credentials.grant.kind() != LoginKind::OAuth2 => {
                let message = format!("the token URL refused the service account: {reason}");
                (leased.released(), Err(failed("login_refused", message)))
            }
            Err(NotRenewed::Ended(reason)) => {
                let error = expired(&name, &reason);
                (leased.ended(self.clock.now(), reason), Err(error))
            }
            Err(NotRenewed::Failed(error)) => (leased.released(), Err(error)),
        };
        let next = self.store(next, &leased).await?;
        info!(secret.name = name, is_renewed = result.is_ok(), "a login was renewed");
        let opened = Arc::new(Opened { login: next, credentials: result? });
        self.keep(&name, &opened);
        Ok(opened)
    }

    /// What a vendor gave once is lost if it is not stored, so this tries until the lease ends. A
    /// process that was frozen for longer than its lease finds that another one has asked with the
    /// same old tokens: as long as those stand there, the new ones are stored over them.
    async fn store(&self, mut next: Login, leased: &Login) -> Result<Login, CallError> {
        let has_tokens = next.sealed != leased.sealed;
        let lease_ends = leased.lease.as_ref().map_or(self.clock.now(), |lease| lease.until);
        let mut pause = FIRST_STORE_PAUSE;
        loop {
            match self.try_to_store(&next, leased).await {
                Ok(Stored::Done) => return Ok(next),
                Ok(Stored::Overtaken(revision)) if has_tokens => next.revision = revision + 1,
                Ok(_) => return Err(changed(&next.name)),
                Err(error) => {
                    let error = format!("{error:#}");
                    warn!(secret.name = next.name, error, "could not store a login yet");
                    if self.clock.now() + pause >= lease_ends {
                        break;
                    }
                    self.clock.sleep(pause).await;
                    pause = MAX_STORE_PAUSE.min(pause * 2);
                }
            }
        }
        error!(secret.name = next.name, "could not store a login");
        Err(retryable("secrets_unavailable", "the store of logins cannot be written now"))
    }

    async fn try_to_store(&self, next: &Login, leased: &Login) -> anyhow::Result<Stored> {
        if self.port.save(next).await? {
            return Ok(Stored::Done);
        }
        let stored = self.port.find(&next.name, &next.key_id).await?;
        let same = stored.filter(|stored| stored.sealed == leased.sealed);
        Ok(same.map_or(Stored::Replaced, |stored| Stored::Overtaken(stored.revision)))
    }

    async fn read(&self, name: &str, key: &LoginKey) -> Result<Arc<Opened>, CallError> {
        let login = self.port.find(name, &key.id()).await;
        let login = login.map_err(|error| unreadable(name, &error))?;
        let login = login.ok_or_else(|| another_key(name))?;
        let credentials = login.open(key).map_err(|_| another_key(name))?;
        let opened = Arc::new(Opened { login, credentials });
        self.keep(name, &opened);
        Ok(opened)
    }

    /// Whether a refused token is worth a renewal: not one that has just replaced a refused one.
    fn may_be_old(&self, name: &str, token: &str) -> bool {
        let now = self.clock.now();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get(name) {
            Some((_, last)) if last == token => true,
            Some((since, _)) if now.since(*since) < BETWEEN_REFUSALS => false,
            _ => {
                refused.insert(name.to_owned(), (now, token.to_owned()));
                true
            }
        }
    }

    fn keep(&self, name: &str, opened: &Arc<Opened>) {
        self.known().insert(name.to_owned(), (self.clock.now(), Arc::clone(opened)));
    }

    fn kept(&self, name: &str, key_id: &str) -> Option<Arc<Opened>> {
        let now = self.clock.now();
        let (at, opened) = self.known().get(name).cloned()?;
        (now.since(at) < KEPT_FOR && opened.login.key_id == key_id).then_some(opened)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, Arc<Opened>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    pub(super) fn token(&self) -> &str {
        self.credentials.access.as_ref().map_or("", |access| &access.token)
    }

    fn next(&self, name: &str, now: Timestamp, refused: Option<&str>) -> Next {
        let access = self.credentials.access.as_ref();
        let access = access.filter(|access| Some(access.token.as_str()) != refused);
        let is_usable = access.is_some_and(|access| !access.has_ended(now));
        let is_due = access.and_then(AccessToken::renew_at).is_some_and(|at| at <= now);
        if is_usable && !is_due {
            return Next::Use;
        }
        if let Some(end) = &self.login.info.expired {
            let over = || Next::Fail(expired(name, &end.reason));
            return if is_usable { Next::Use } else { over() };
        }
        match self.credentials.grant.can_renew() {
            true => Next::Renew { is_usable },
            false if is_usable => Next::Use,
            false if self.credentials.access.is_some() => {
                Next::Fail(expired(name, "its access token has ended, and there is no other"))
            }
            false => Next::Fail(nobody(name)),
        }
    }
}

impl Tokens {
    /// A vendor that names no new refresh token keeps the old one.
    fn join(self, credentials: Credentials, since: Timestamp) -> Credentials {
        let ends_at = self.lasts.map(|lasts| since + lasts);
        let access = AccessToken { token: self.access, since, ends_at };
        let grant = match self.refresh {
            Some(refresh) => credentials.grant.with_refresh_token(refresh),
            None => credentials.grant,
        };
        Credentials { grant, access: Some(access), ..credentials }
    }
}

/// The login is over: somebody has to log in again.
fn expired(name: &str, reason: &str) -> CallError {
    failed("login_expired", format!("the login {name} has expired ({reason}): log in again"))
}

fn nobody(name: &str) -> CallError {
    failed("login_expired", format!("nobody has logged in as {name} yet"))
}

/// Somebody logged in anew, or deleted the login, while it was renewed.
fn changed(name: &str) -> CallError {
    retryable("login_busy", format!("the login {name} was changed while it was renewed"))
}

/// The login was stored anew, under a key that this process has not read yet.
pub(super) const ANOTHER_KEY: &str = "login_moved";

fn another_key(name: &str) -> CallError {
    retryable(ANOTHER_KEY, format!("the login {name} was stored anew"))
}

fn unreadable(name: &str, cause: &anyhow::Error) -> CallError {
    error!(secret.name = name, error = format!("{cause:#}"), "could not read or write a login");
    retryable("secrets_unavailable", "the store of logins cannot be read or written now")
}
