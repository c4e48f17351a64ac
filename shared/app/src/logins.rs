//! Logins: secrets whose value is an access token. Stored with their tokens, or made in a browser.

use std::time::Duration;

use flowgate_core::key::Scope;
use flowgate_core::login::{
    BegunLogin, BodyForm, Change, ClientAuth, Credentials, Grant, Login, LoginInfo, LoginState,
    OAuth2, PendingLogin, verifier_and_challenge,
};
use flowgate_core::login_key::LoginKey;
use flowgate_core::secret::{SecretInfo, SecretRecord, SecretValue, SecretWorkflows};
use flowgate_core::time::Timestamp;
use flowgate_engine::connector::{self, Connector};
use url::Url;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::platform::App;
use crate::secret_checks::{check_name, check_text, check_url, rule_of};

/// How long a person may take on the vendor's page.
const MAX_LOGIN: Duration = Duration::from_secs(600);
const MAX_TEXT: usize = 4 * 1024;
const MAX_SAVES: usize = 20;

/// A client of a vendor, and where it gets its tokens: the URLs of a connector, unless it has its
/// own.
#[derive(Default)]
pub struct Client {
    pub connector: Option<String>,
    pub authorize_url: Option<String>,
    pub token_url: Option<String>,
    pub client_id: String,
    pub client_secret: Option<String>,
    pub client: Option<ClientAuth>,
    pub body: Option<BodyForm>,
    /// `None`: the connector's.
    pub scope: Option<String>,
    /// Whether the vendor knows RFC 7636. `None`: as the connector says; without one, it does.
    pub pkce: Option<bool>,
}

/// A login that begins in a browser.
pub struct NewLogin {
    pub client: Client,
    pub hosts: Vec<String>,
    pub workflows: SecretWorkflows,
}

/// Where the browser goes.
pub struct StartedLogin {
    pub url: String,
    /// To be entered at the vendor as an address that it may send people back to.
    pub redirect_uri: String,
    pub ends_at: Timestamp,
}

/// A login that a browser has brought back.
pub struct ReturnedLogin {
    /// Of the secret.
    pub name: String,
    pub begun: BegunLogin,
}

/// A secret to store.
pub(crate) enum NewRecord {
    Plain(SecretRecord),
    Login(Credentials),
}

/// A secret, and what may be shown of its login.
pub struct SeenSecret {
    pub info: SecretInfo,
    /// `None`: it is none.
    pub login: Option<LoginInfo>,
}

impl App {
    /// Returns all secrets. The rule of a login is the one that is stored with its tokens.
    pub(crate) async fn seen_secrets(&self) -> Result<Vec<SeenSecret>> {
        let secrets = self.ports.secrets.list().await?;
        let mut logins = Vec::new();
        if secrets.iter().any(|secret| secret.login.is_some()) {
            logins = self.ports.logins.list().await?;
        }
        let seen = |mut info: SecretInfo| {
            let is_its = |login: &&Login| {
                login.name == info.name && Some(&login.key_id) == info.login.as_ref()
            };
            let login = logins.iter().find(is_its).map(|login| login.info.clone());
            if let Some(login) = &login {
                info.rule = login.rule.clone();
            }
            SeenSecret { info, login }
        };
        Ok(secrets.into_iter().map(seen).collect())
    }

    /// Stores a secret: a login as the row of a new key first, then the key, which makes it count.
    /// However many do so at once, and wherever one of them breaks off, a key has its login.
    pub(crate) async fn store_secret(&self, name: &str, new: NewRecord) -> Result<()> {
        let before = self.stored_secret(name).await?;
        let record = match new {
            NewRecord::Plain(record) => record,
            NewRecord::Login(credentials) => self.store_login(name, credentials).await?,
        };
        self.ports.secrets.put(name, &record, self.now()).await?;
        self.remove_login(before).await
    }

    pub(crate) async fn stored_secret(&self, name: &str) -> Result<Option<SecretInfo>> {
        let secrets = self.ports.secrets.list().await?;
        Ok(secrets.into_iter().find(|secret| secret.name == name))
    }

    /// Removes a login whose key is no more.
    pub(crate) async fn remove_login(&self, secret: Option<SecretInfo>) -> Result<()> {
        let Some(SecretInfo { name, login: Some(key_id), .. }) = secret else { return Ok(()) };
        Ok(self.ports.logins.remove(&name, &key_id).await?)
    }

    async fn store_login(&self, name: &str, credentials: Credentials) -> Result<SecretRecord> {
        let key = LoginKey::random(&*self.ports.entropy);
        let login = Login::begun(self.change(&key), name, &credentials, None)?;
        self.ports.logins.save(&login).await?;
        Ok(SecretRecord { value: SecretValue::Login(key), rule: credentials.rule })
    }

    fn change<'a>(&'a self, key: &'a LoginKey) -> Change<'a> {
        Change { key, entropy: &*self.ports.entropy, now: self.now() }
    }

    /// Begins a login in a browser. What is stored under the name stays valid until its end.
    pub async fn begin_login(
        &self,
        caller: &Caller,
        name: &str,
        new: NewLogin,
    ) -> Result<StartedLogin> {
        caller.require_platform(Scope::Author)?;
        check_name(name)?;
        let rule = rule_of(&new.hosts, new.workflows)?;
        let client = new.client.resolve()?;
        let authorize_url = client.authorize_url()?;
        let credentials =
            Credentials { grant: Grant::OAuth2(client.oauth.clone()), rule, access: None };
        let replaced = self.login_to_replace(name, &credentials).await?;
        let state = LoginState::random(&*self.ports.entropy);
        let proof = client.pkce.then(|| verifier_and_challenge(&*self.ports.entropy));
        let redirect_uri = format!("{}/v1/oauth/callback", self.settings.public_url);
        let (verifier, challenge) = proof.unzip();
        let url = client.page(authorize_url, &redirect_uri, &state, challenge.as_deref());
        let begun = BegunLogin {
            credentials,
            verifier,
            redirect_uri: redirect_uri.clone(),
            key_id: replaced.key_id,
            logins: replaced.info.logins,
        };
        let sealed = state.seal(&*self.ports.entropy, &begun)?;
        let ends_at = self.now() + MAX_LOGIN;
        let pending = PendingLogin { name: name.to_owned(), sealed, ends_at };
        self.ports.logins.begin(&state.hash(), &pending, self.now()).await?;
        Ok(StartedLogin { url, redirect_uri, ends_at })
    }

    /// Returns the login of a `state` that a browser brought back, once.
    pub async fn returned_login(&self, state: &str) -> Result<Option<ReturnedLogin>> {
        let Some(state) = LoginState::parse(state) else { return Ok(None) };
        let pending = self.ports.logins.take(&state.hash(), self.now()).await?;
        let Some(PendingLogin { name, sealed, .. }) = pending else { return Ok(None) };
        Ok(Some(ReturnedLogin { name, begun: state.open(&sealed)? }))
    }

    /// Stores the tokens of a login that began in a browser. Returns `false` if its secret was
    /// deleted or stored anew since, or if somebody else has logged in: what they made stays.
    pub async fn end_login(&self, begun: &ReturnedLogin, new: &Credentials) -> Result<bool> {
        let ReturnedLogin { name, begun: BegunLogin { key_id, logins, .. } } = begun;
        let stored = self.ports.secrets.get(name).await?;
        let Some(SecretRecord { value: SecretValue::Login(key), .. }) = stored else {
            return Ok(false);
        };
        for _ in 0..MAX_SAVES {
            let before = self.ports.logins.find(name, key_id).await?;
            let Some(before) = before.filter(|it| key.id() == *key_id && it.info.logins == *logins)
            else {
                return Ok(false);
            };
            // Whoever renews the old tokens meanwhile is overwritten: these are newer.
            let login = Login::begun(self.change(&key), name, new, Some(&before))?;
            if self.ports.logins.save(&login).await? {
                return Ok(true);
            }
        }
        Err(anyhow::anyhow!("the login {name} was written by others {MAX_SAVES} times").into())
    }

    /// Returns the login that is stored, or stores one without tokens. A secret that is something
    /// else is not lost for a login that may never end.
    async fn login_to_replace(&self, name: &str, credentials: &Credentials) -> Result<Login> {
        for _ in 0..MAX_SAVES {
            match self.stored_secret(name).await? {
                None => self.store_secret(name, NewRecord::Login(credentials.clone())).await?,
                Some(SecretInfo { login: None, .. }) => return Err(Error::NoLogin),
                Some(SecretInfo { login: Some(key_id), .. }) => {
                    if let Some(login) = self.ports.logins.find(name, &key_id).await? {
                        return Ok(login);
                    }
                }
            }
        }
        Err(anyhow::anyhow!("the secret {name} was stored anew {MAX_SAVES} times").into())
    }
}

/// A client with everything that its connector adds.
struct ResolvedClient {
    authorize_url: Option<String>,
    authorize_params: Vec<(String, String)>,
    pkce: bool,
    /// What the person is asked for. A renewal asks for what it was given.
    scope: Option<String>,
    oauth: OAuth2,
}

impl Client {
    /// Returns what is stored of a client with a refresh token.
    pub fn grant(self, refresh_token: String) -> Result<Grant> {
        let scope = self.scope.clone();
        let oauth = self.resolve()?.oauth;
        check_text("refresh_token", &refresh_token, MAX_TEXT)?;
        Ok(Grant::OAuth2(OAuth2 { refresh_token: Some(refresh_token), scope, ..oauth }))
    }

    fn resolve(self) -> Result<ResolvedClient> {
        let known = self.connector.as_deref().map(oauth_of).transpose()?.unwrap_or_default();
        let filled = |own: Option<String>, theirs: &str| {
            own.or_else(|| (!theirs.is_empty()).then(|| theirs.to_owned()))
        };
        let token_url = filled(self.token_url, &known.token_url);
        let token_url = token_url.ok_or_else(|| {
            Error::bad_field("/token_url", "is required, or a `connector` that has one")
        })?;
        check_url("token_url", &token_url)?;
        check_text("client_id", &self.client_id, MAX_TEXT)?;
        if let Some(secret) = &self.client_secret {
            check_text("client_secret", secret, MAX_TEXT)?;
        }
        let (client, body) = match self.connector {
            Some(_) => (
                if known.client_in_body { ClientAuth::Body } else { ClientAuth::Basic },
                if known.is_json { BodyForm::Json } else { BodyForm::Form },
            ),
            None => Default::default(),
        };
        Ok(ResolvedClient {
            authorize_url: filled(self.authorize_url, &known.authorize_url),
            authorize_params: known.authorize_params,
            pkce: self.pkce.unwrap_or(self.connector.is_none() || known.pkce),
            scope: filled(self.scope, &known.scopes.join(" ")),
            oauth: OAuth2 {
                token_url,
                client_id: self.client_id,
                client_secret: self.client_secret,
                refresh_token: None,
                scope: None,
                client: self.client.unwrap_or(client),
                body: self.body.unwrap_or(body),
            },
        })
    }
}

impl ResolvedClient {
    fn authorize_url(&self) -> Result<Url> {
        let missing = || {
            let message = "is required, or a `connector` whose login is made in a browser";
            Error::bad_field("/authorize_url", message)
        };
        check_url("authorize_url", self.authorize_url.as_deref().ok_or_else(missing)?)
    }

    /// Returns the address of the vendor's page.
    fn page(
        &self,
        mut url: Url,
        redirect_uri: &str,
        state: &LoginState,
        challenge: Option<&str>,
    ) -> String {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &self.oauth.client_id);
        query.append_pair("redirect_uri", redirect_uri);
        query.append_pair("state", state.as_str());
        if let Some(scope) = &self.scope {
            query.append_pair("scope", scope);
        }
        if let Some(challenge) = challenge {
            query.append_pair("code_challenge", challenge);
            query.append_pair("code_challenge_method", "S256");
        }
        query.extend_pairs(&self.authorize_params);
        drop(query);
        url.into()
    }
}

fn oauth_of(name: &str) -> Result<connector::OAuth2> {
    let oauth = connector::find(name).and_then(Connector::oauth2);
    oauth.cloned().ok_or_else(|| Error::bad_field("/connector", "is not a connector with OAuth 2"))
}
