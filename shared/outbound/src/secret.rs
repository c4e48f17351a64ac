//! Provider secrets on their way out: read through the port, and filled only into requests to a
//! host that they may go to.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::clock::Clock;
use flowgate_core::secret::{SecretRecord, SecretRule, SecretUser, SecretValue, Secrets};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{CallError, Piece, Rendered};
use serde_json::Value;
use url::Url;

use super::assembled::{Assembled, GivenBy};
use super::login::{ANOTHER_KEY, Renewals};
use super::mask::Masks;
use super::way::Way;
use super::{Outbound, failed, retryable};

const KEPT_FOR: Duration = Duration::from_secs(60);

/// Keeps secrets for a minute. A missing secret is read again each time: it may be set at any
/// moment.
pub(super) struct SecretCache {
    port: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<String, (Timestamp, Arc<SecretRecord>)>>,
    /// Addresses of connectors that are not stored. Each of their calls asks for one.
    no_bases: Mutex<HashMap<String, Timestamp>>,
    pub(super) renewals: Option<Arc<Renewals>>,
}

/// A secret that may be filled in.
pub(super) struct Secret {
    /// Of a login, its access token.
    pub(super) value: String,
    pub(super) rule: SecretRule,
    is_login: bool,
}

impl SecretCache {
    pub(super) fn new(port: Arc<dyn Secrets>, clock: Arc<dyn Clock>) -> Self {
        Self { port, clock, found: Mutex::default(), no_bases: Mutex::default(), renewals: None }
    }

    pub(super) fn forget(&self, name: &str) {
        self.found().remove(name);
        self.no_bases().remove(name);
        self.renewals.iter().for_each(|renewals| renewals.forget(name));
    }

    /// Returns a secret if `user` may use it. Masks its value.
    pub(super) async fn get(
        &self,
        name: &str,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Option<Secret>, CallError> {
        self.get_but(name, None, user, masks).await
    }

    /// Returns an address that may be stored, and mostly is not: that is kept for a minute, too.
    pub(super) async fn base(
        &self,
        name: &str,
        user: &SecretUser,
    ) -> Result<Option<Secret>, CallError> {
        let now = self.clock.now();
        let looked_at = self.no_bases().get(name).copied();
        if looked_at.is_some_and(|at| now.since(at) < KEPT_FOR) {
            return Ok(None);
        }
        // Answers are full of links to their own server, which must stay whole.
        let found = self.get(name, user, &mut Masks::default()).await?;
        if found.is_none() {
            let mut no_bases = self.no_bases();
            // Documents may have any number of connectors of their own.
            no_bases.retain(|_, looked_at| now.since(*looked_at) < KEPT_FOR);
            no_bases.insert(name.to_owned(), now);
        }
        Ok(found)
    }

    fn no_bases(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.no_bases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Self::get`], but never an access token that a server has refused.
    async fn get_but(
        &self,
        name: &str,
        refused: Option<&str>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Option<Secret>, CallError> {
        let secret = self.filled(name, refused, user, masks).await;
        if secret.as_ref().is_err_and(|error| error.code == ANOTHER_KEY) {
            self.forget(name);
            return self.filled(name, refused, user, masks).await;
        }
        secret
    }

    async fn filled(
        &self,
        name: &str,
        refused: Option<&str>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Option<Secret>, CallError> {
        let Some(stored) = self.read(name).await? else { return Ok(None) };
        let secret = match &stored.value {
            SecretValue::Plain(text) => {
                Secret { value: text.clone(), rule: stored.rule.clone(), is_login: false }
            }
            // The rule that is stored with its tokens decides.
            SecretValue::Login(key) => {
                let renewals = self.renewals.as_ref().ok_or_else(|| unknown_secret(name))?;
                let login = renewals.access(name, key, refused).await?;
                login.credentials.secrets().for_each(|text| masks.add(text));
                let rule = login.credentials.rule.clone();
                Secret { value: login.token().to_owned(), rule, is_login: true }
            }
        };
        check_user(name, &secret.rule, user)?;
        masks.add(&secret.value);
        Ok(Some(secret))
    }

    async fn read(&self, name: &str) -> Result<Option<Arc<SecretRecord>>, CallError> {
        let now = self.clock.now();
        let kept = self.found().get(name).cloned();
        if let Some((at, secret)) = kept
            && now.since(at) < KEPT_FOR
        {
            return Ok(Some(secret));
        }
        let stored = self.port.get(name).await.map_err(|error| {
            tracing::error!(
                secret.name = name,
                error = format!("{error:#}"),
                "could not read a secret"
            );
            retryable("secrets_unavailable", "the secret store cannot be read now")
        })?;
        let stored = stored.map(Arc::new);
        match &stored {
            Some(secret) => self.found().insert(name.to_owned(), (now, secret.clone())),
            None => self.found().remove(name),
        };
        Ok(stored)
    }

    fn found(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, Arc<SecretRecord>)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose secrets may go to its URL. There is no other way to fill secrets in.
pub(super) struct Cleared<'a> {
    pub(super) url: Url,
    pub(super) way: &'a Way,
    pub(super) given_by: GivenBy,
    secrets: HashMap<String, Secret>,
}

fn check_user(name: &str, rule: &SecretRule, user: &SecretUser) -> Result<(), CallError> {
    if rule.allows_workflow(user) {
        return Ok(());
    }
    let workflow = &user.workflow_id;
    let message = format!("the workflow {workflow} may not use the secret {name}");
    Err(failed("refused_secret", message))
}

/// Access tokens of logins that a server has refused.
pub(super) type RefusedTokens = HashMap<String, String>;

impl Outbound {
    /// Reads the secrets of a request, and assembles and checks its URL. Fails if one of them may
    /// not be used, or may not go to that host.
    pub(super) async fn clear(
        &self,
        url: &[Piece],
        fields: impl IntoIterator<Item = &Rendered>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Cleared<'_>, CallError> {
        self.clear_for(url, fields, &[], &RefusedTokens::new(), (user, masks)).await
    }

    /// The same for a request that may go to these hosts alone, unless there are none. They are an
    /// author's: a secret that names no hosts goes to them, whoever gave the rest of the URL.
    pub(super) async fn clear_for(
        &self,
        url: &[Piece],
        fields: impl IntoIterator<Item = &Rendered>,
        hosts: &[String],
        refused: &RefusedTokens,
        (user, masks): (&SecretUser, &mut Masks),
    ) -> Result<Cleared<'_>, CallError> {
        let mut names: BTreeSet<&str> = url.iter().filter_map(secret_name).collect();
        for field in fields {
            add_names(field, &mut names);
        }
        let mut secrets = HashMap::new();
        for name in names {
            let refused = refused.get(name).map(String::as_str);
            let secret = self.secrets.get_but(name, refused, user, masks).await?;
            let secret = secret.ok_or_else(|| unknown_secret(name))?;
            secrets.insert(name.to_owned(), secret);
        }
        let assembled = Assembled::new(url, &|name| {
            secrets.get(name).map_or("", |secret| secret.value.as_str())
        })?;
        let given_by = assembled.given_by();
        let way = self.way(given_by);
        let url = assembled.check(&way.rule)?;
        check_among(hosts, &url)?;
        let cleared = Cleared { url, way, given_by, secrets };
        cleared.check_hosts(if hosts.is_empty() { given_by } else { GivenBy::Author })?;
        Ok(cleared)
    }
}

impl Cleared<'_> {
    /// Returns the access tokens of logins among its secrets.
    pub(super) fn tokens(&self) -> RefusedTokens {
        let logins = self.secrets.iter().filter(|(_, secret)| secret.is_login);
        logins.map(|(name, secret)| (name.clone(), secret.value.clone())).collect()
    }

    pub(super) fn fill(&self, field: &Rendered) -> Result<Value, CallError> {
        field.fill(&mut |name| {
            let secret = self.secrets.get(name).ok_or_else(|| unknown_secret(name))?;
            Ok(secret.value.clone())
        })
    }

    /// Fills in a field as text: a string as it is, null as empty text, everything else as JSON.
    pub(super) fn fill_text(&self, field: &Rendered) -> Result<String, CallError> {
        Ok(match self.fill(field)? {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    /// Fails unless every secret names the host: something else than the URL decides it.
    pub(super) fn check_named_hosts(&self) -> Result<(), CallError> {
        self.check_hosts(GivenBy::Value)
    }

    /// Fails unless every secret of the request names the host of a URL that an answer gave.
    pub(super) fn check_every_host(&self, url: &Url) -> Result<(), CallError> {
        self.secrets.keys().try_for_each(|name| self.check_named(name, url))
    }

    /// Fails unless every secret of the fields names the host of a URL that an answer gave.
    pub(super) fn check_hosts_of(&self, fields: &[&Rendered], url: &Url) -> Result<(), CallError> {
        let mut names = BTreeSet::new();
        fields.iter().for_each(|field| add_names(field, &mut names));
        names.into_iter().try_for_each(|name| self.check_named(name, url))
    }

    fn check_named(&self, name: &str, url: &Url) -> Result<(), CallError> {
        if self.secrets.get(name).is_some_and(|secret| secret.rule.names_host_of(url)) {
            return Ok(());
        }
        let message = format!(
            "the secret {name} may not be sent to another host that an answer names; name the host \
             in its `hosts`"
        );
        Err(failed("refused_secret", message))
    }

    /// A secret goes to the hosts that it names, else to the host that the author's URL names.
    fn check_hosts(&self, given_by: GivenBy) -> Result<(), CallError> {
        for (name, secret) in &self.secrets {
            let may_go = match secret.rule.hosts.is_empty() {
                true => given_by == GivenBy::Author,
                false => secret.rule.names_host_of(&self.url),
            };
            if !may_go {
                return Err(refused_host(name, &self.url, given_by));
            }
        }
        Ok(())
    }
}

/// Fails unless the URL leads to one of the hosts that a connector names, in `host` or `host:port`.
/// Without a port, any will do.
pub(super) fn check_among(hosts: &[String], url: &Url) -> Result<(), CallError> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_named = |named: &String| *named == host || *named == format!("{host}:{port}");
    if hosts.is_empty() || hosts.iter().any(is_named) {
        return Ok(());
    }
    let message = "the connector does not name the host that the request would go to";
    Err(failed("refused_host", message))
}

/// The message names the URL's host only if the author wrote it.
pub(super) fn refused_host(name: &str, url: &Url, given_by: GivenBy) -> CallError {
    let message = match given_by {
        GivenBy::Author => {
            let host = url.host_str().unwrap_or_default();
            format!("the secret {name} may not be sent to {host}; name the host in its `hosts`")
        }
        GivenBy::Value => format!(
            "the secret {name} may not be sent to a host that a reference decides; name the hosts \
             in its `hosts`"
        ),
    };
    failed("refused_secret", message)
}

pub(super) fn unknown_secret(name: &str) -> CallError {
    failed("unknown_secret", format!("there is no secret {name}"))
}

/// Returns whether a field holds a secret.
pub(super) fn has_secret(field: &Rendered) -> bool {
    let mut names = BTreeSet::new();
    add_names(field, &mut names);
    !names.is_empty()
}

fn add_names<'a>(field: &'a Rendered, names: &mut BTreeSet<&'a str>) {
    match field {
        Rendered::Json(_) => {}
        Rendered::Text(pieces) => names.extend(pieces.iter().filter_map(secret_name)),
        Rendered::Array(items) => items.iter().for_each(|item| add_names(item, names)),
        Rendered::Object(fields) => fields.iter().for_each(|(_, field)| add_names(field, names)),
    }
}

fn secret_name(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Text(_) | Piece::Value(_) => None,
        Piece::Secret(name) => Some(name),
    }
}
