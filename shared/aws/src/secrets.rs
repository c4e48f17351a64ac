//! Provider secrets and the keyring, in Secrets Manager. The table holds the names and times of
//! provider secrets: the permission to list secrets would cover the whole account's.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use flowgate_core::login_key::LoginKey;
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, SecretRule, SecretValue, Secrets};
use flowgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::item::{Item, Key, text, time};
use crate::retry::{bounded, failed};
use crate::table::Query;
use crate::write::{Outcome, Write};

const NAMES: &str = "SECRETS";
/// The version that completes the keyring. A second writer is refused and reads what the first
/// wrote.
const COMPLETING_VERSION: &str = "flowgate-keyring-completed-0000000001";
/// A new version becomes readable a moment after it is written.
const READ_RETRY: Duration = Duration::from_millis(300);
const MAX_READS: usize = 5;

/// The keyring's secret as the deployment creates it, with only the token.
#[derive(Deserialize)]
struct Deployed {
    bootstrap_token: Option<String>,
}

/// A stored provider secret. JSON, since Secrets Manager refuses empty text and its console shows
/// this as a form.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The secret is a login, which is sealed with this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_key: Option<LoginKey>,
    /// Left out where a release that knows no rules can read the secret.
    #[serde(default, skip_serializing_if = "is_default")]
    rule: SecretRule,
}

impl From<SecretRecord> for Stored {
    fn from(SecretRecord { value, rule }: SecretRecord) -> Self {
        let (value, login_key) = match value {
            SecretValue::Plain(text) => (Some(text), None),
            SecretValue::Login(key) => (None, Some(key)),
        };
        Self { value, login_key, rule }
    }
}

/// Reads what is stored. A secret written by hand may be the plain value.
fn record(stored: String) -> SecretRecord {
    let read = serde_json::from_str(&stored).unwrap_or_default();
    match read {
        Stored { value: Some(text), login_key: None, rule } => {
            SecretRecord { value: SecretValue::Plain(text), rule }
        }
        Stored { value: None, login_key: Some(key), rule } => {
            SecretRecord { value: SecretValue::Login(key), rule }
        }
        _ => SecretRecord::from(stored.as_str()),
    }
}

fn is_default(rule: &SecretRule) -> bool {
    *rule == SecretRule::default()
}

#[async_trait]
impl Secrets for Aws {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        let stored = self
            .secret(&self.inner.config.keyring_secret)
            .await?
            .context("the keyring's secret does not exist or has no value")?;
        if let Ok(keyring) = serde_json::from_str(&stored) {
            return Ok(keyring);
        }
        // Drops the cause, which would show the secret's content.
        let deployed: Deployed = serde_json::from_str(&stored)
            .map_err(|_| anyhow!("the keyring's secret is not the JSON of a keyring"))?;
        if !self.inner.config.completes_keyring {
            bail!(
                "the keyring is not complete yet: the first request to the functions keys or \
                 workflows completes it"
            );
        }
        let bootstrap_token = deployed.bootstrap_token.unwrap_or(create.bootstrap_token);
        self.complete_keyring(&Keyring { bootstrap_token, ..create }).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        let id = &self.inner.config.keyring_secret;
        let request = self
            .inner
            .clients
            .secrets()
            .put_secret_value()
            .secret_id(id)
            .client_request_token(version_of_generation(next.generation));
        match request.secret_string(serde_json::to_string(next)?).send().await {
            Ok(_) => {}
            // Another rotation made this generation.
            Err(error) if error.code() == Some("ResourceExistsException") => return Ok(false),
            Err(error) => return Err(failed("PutSecretValue", error)),
        }
        for _ in 0..MAX_READS {
            let current = self.secret(id).await?;
            let current = current.and_then(|text| serde_json::from_str::<Keyring>(&text).ok());
            if current.is_some_and(|current| current.generation >= next.generation) {
                break;
            }
            self.inner.clock.sleep(READ_RETRY).await;
        }
        Ok(true)
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        let rule = serde_json::to_string(&secret.rule)?;
        let login = secret.value.login();
        let value = serde_json::to_string(&Stored::from(secret.clone()))?;
        let id = self.secret_id(name);
        bounded(&*self.inner.clock, "PutSecretValue", self.put_secret(&id, &value)).await?;
        let item = Item::new(Key::new(NAMES, name))
            .with("updated_at", time(now))
            .with("rule", text(rule))
            .with_some("login", login.map(text));
        self.table().write(&Write::put(item)).await?;
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        Ok(self.secret(&self.secret_id(name)).await?.map(record))
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        let items = self.table().query_all(Query::beginning(NAMES, "")).await?;
        items
            .iter()
            .map(|item| {
                let rule = item.find_text("rule").map(serde_json::from_str).transpose()?;
                Ok(SecretInfo {
                    name: item.text("sk")?.to_owned(),
                    updated_at: item.time("updated_at")?,
                    rule: rule.unwrap_or_default(),
                    login: item.find_text("login").map(str::to_owned),
                })
            })
            .collect()
    }

    /// Deletes the secret first: if the row stays, the name is still listed and can be deleted
    /// again.
    async fn delete(&self, name: &str) -> Result<bool> {
        let request = self
            .inner
            .clients
            .secrets()
            .delete_secret()
            .secret_id(self.secret_id(name))
            .force_delete_without_recovery(true);
        let deleted = async {
            match request.send().await {
                Ok(_) => Ok(()),
                Err(error) if is_absent(error.code()) => Ok(()),
                Err(error) => Err(failed("DeleteSecret", error)),
            }
        };
        bounded(&*self.inner.clock, "DeleteSecret", deleted).await?;
        // A forced delete succeeds for a missing secret too: only the row tells them apart.
        let row = self.table().write(&Write::delete(Key::new(NAMES, name))).await?;
        Ok(matches!(row, Outcome::Done(row) if row.has("updated_at")))
    }
}

impl Aws {
    fn secret_id(&self, name: &str) -> String {
        format!("{}{name}", self.inner.config.secret_prefix)
    }

    async fn secret(&self, id: &str) -> Result<Option<String>> {
        let request = self.inner.clients.secrets().get_secret_value().secret_id(id);
        let read = async {
            match request.send().await {
                Ok(secret) => Ok(secret.secret_string),
                Err(error) if is_absent(error.code()) => Ok(None),
                Err(error) => Err(failed("GetSecretValue", error)),
            }
        };
        bounded(&*self.inner.clock, "GetSecretValue", read).await
    }

    async fn complete_keyring(&self, keyring: &Keyring) -> Result<Keyring> {
        let id = &self.inner.config.keyring_secret;
        let request = self
            .inner
            .clients
            .secrets()
            .put_secret_value()
            .secret_id(id)
            .client_request_token(COMPLETING_VERSION);
        match request.secret_string(serde_json::to_string(keyring)?).send().await {
            Ok(_) => {}
            // Another first user won.
            Err(error) if error.code() == Some("ResourceExistsException") => {}
            Err(error) => return Err(failed("PutSecretValue", error)),
        }
        for _ in 0..MAX_READS {
            let current = self.secret(id).await?;
            if let Some(keyring) = current.and_then(|stored| serde_json::from_str(&stored).ok()) {
                return Ok(keyring);
            }
            self.inner.clock.sleep(READ_RETRY).await;
        }
        bail!(
            "the keyring was completed before and has been overwritten since: make its version \
             {COMPLETING_VERSION} the current one again"
        )
    }

    async fn put_secret(&self, id: &str, value: &str) -> Result<()> {
        let mut tries = self.table().tries();
        loop {
            let put = self
                .inner
                .clients
                .secrets()
                .put_secret_value()
                .secret_id(id)
                .secret_string(value)
                .send()
                .await;
            match put {
                Ok(_) => return Ok(()),
                Err(error) if is_absent(error.code()) => {}
                Err(error) => return Err(failed("PutSecretValue", error)),
            }
            let created = self
                .inner
                .clients
                .secrets()
                .create_secret()
                .name(id)
                .secret_string(value)
                .send()
                .await;
            match created {
                Ok(_) => return Ok(()),
                // Created by another meanwhile, or deleted a moment ago and not gone yet.
                Err(error)
                    if matches!(
                        error.code(),
                        Some("ResourceExistsException" | "InvalidRequestException")
                    ) =>
                {
                    tries.pause(failed("CreateSecret", error)).await?;
                }
                Err(error) => return Err(failed("CreateSecret", error)),
            }
        }
    }
}

/// A secret has one version of this name, so that of two concurrent rotations one is refused.
fn version_of_generation(generation: u32) -> String {
    format!("flowgate-keyring-generation-{generation:010}")
}

/// A secret that is being deleted counts as absent: it can be neither read nor written.
fn is_absent(code: Option<&str>) -> bool {
    matches!(code, Some("ResourceNotFoundException" | "InvalidRequestException"))
}
