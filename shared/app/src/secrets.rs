//! Provider secrets: authors write them, only `outbound` reads them.

use flowgate_core::key::Scope;
use flowgate_core::login::{Credentials, Grant, ServiceAccount};
use flowgate_core::secret::{SecretRecord, SecretRule, SecretWorkflows};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::logins::{Client, NewRecord, SeenSecret};
use crate::platform::App;
use crate::secret_checks::{check_name, check_text, check_url, rule_of};

/// A secret that an author stores.
pub struct NewSecret {
    pub value: NewValue,
    /// The hosts that it may be sent to. If empty: the host that the author's URL names.
    pub hosts: Vec<String>,
    pub workflows: SecretWorkflows,
}

pub enum NewValue {
    Plain(String),
    Client { client: Client, refresh_token: String },
    ServiceAccount(ServiceAccount),
}

impl App {
    pub async fn put_secret(&self, caller: &Caller, name: &str, secret: NewSecret) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        check_name(name)?;
        let NewSecret { value, hosts, workflows } = secret;
        let rule = rule_of(&hosts, workflows)?;
        match value {
            NewValue::Plain(text) => self.put_plain(name, text, rule).await,
            NewValue::Client { client, refresh_token } => {
                let grant = within("oauth2", client.grant(refresh_token))?;
                self.put_login(name, grant, rule).await
            }
            NewValue::ServiceAccount(account) => {
                within("service_account", check_account(&account))?;
                self.put_login(name, Grant::ServiceAccount(account), rule).await
            }
        }
    }

    async fn put_plain(&self, name: &str, text: String, rule: SecretRule) -> Result<()> {
        if text.is_empty() || text.len() > MAX_SECRET {
            return Err(Error::bad_field("/value", format!("must have 1 to {MAX_SECRET} bytes")));
        }
        let record = SecretRecord { value: text.into(), rule };
        self.store_secret(name, NewRecord::Plain(record)).await
    }

    async fn put_login(&self, name: &str, grant: Grant, rule: SecretRule) -> Result<()> {
        let credentials = Credentials { grant, rule, access: None };
        self.store_secret(name, NewRecord::Login(credentials)).await
    }

    pub async fn list_secrets(&self, caller: &Caller) -> Result<Vec<SeenSecret>> {
        caller.require_platform(Scope::Author)?;
        self.seen_secrets().await
    }

    pub async fn delete_secret(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        let before = self.stored_secret(name).await?;
        let known = self.ports.secrets.delete(name).await?;
        self.remove_login(before).await?;
        if known { Ok(()) } else { Err(Error::NotFound(What::Secret)) }
    }
}

pub(crate) const MAX_SECRET: usize = 16 * 1024;

fn check_account(account: &ServiceAccount) -> Result<()> {
    check_url("token_url", &account.token_url)?;
    check_text("client_email", &account.client_email, MAX_SECRET)?;
    check_text("scope", &account.scope, MAX_SECRET)?;
    check_text("private_key", &account.private_key.replace('\r', ""), MAX_SECRET)
}

/// Names the problems of an object inside the body.
fn within<T>(field: &str, read: Result<T>) -> Result<T> {
    read.map_err(|error| match error {
        Error::BadInput(mut problems) => {
            for problem in &mut problems {
                problem.pointer = format!("/{field}{}", problem.pointer);
            }
            Error::BadInput(problems)
        }
        other => other,
    })
}
