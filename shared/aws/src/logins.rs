//! Logins: a row each. What is secret of them arrives sealed, with a key that Secrets Manager
//! holds.

use anyhow::{Context, Result};
use async_trait::async_trait;
use flowgate_core::login::{Login, Logins, PendingLogin};
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, number, seconds, text, time};
use crate::table::Query;
use crate::write::{Outcome, Write};

const LOGINS: &str = "LOGINS";

#[async_trait]
impl Logins for Aws {
    async fn find(&self, name: &str, key_id: &str) -> Result<Option<Login>> {
        self.table().get(key_of(name, key_id), None).await?.as_ref().map(login).transpose()
    }

    async fn save(&self, next: &Login) -> Result<bool> {
        let lease = next.lease.as_ref().map(serde_json::to_string).transpose()?;
        let put = Write::put(
            Item::new(key_of(&next.name, &next.key_id))
                .with("revision", number(next.revision))
                .with("info", text(serde_json::to_string(&next.info)?))
                .with("sealed", text(&next.sealed))
                .with_some("lease", lease.map(text)),
        );
        let put = match next.revision {
            1 => put.if_absent(),
            later => {
                put.only_if("#revision = :before").bind(":before", number(later.saturating_sub(1)))
            }
        };
        match self.table().write(&put).await? {
            Outcome::Done(_) => Ok(true),
            // The retry of a write that was applied is a success.
            Outcome::Refused(stored) => {
                Ok(stored.as_ref().map(login).transpose()?.as_ref() == Some(next))
            }
        }
    }

    async fn list(&self) -> Result<Vec<Login>> {
        let items = self.table().query_all(Query::beginning(LOGINS, "")).await?;
        items.iter().map(login).collect()
    }

    async fn remove(&self, name: &str, key_id: &str) -> Result<()> {
        self.table().write(&Write::delete(key_of(name, key_id))).await?;
        Ok(())
    }

    async fn begin(&self, state_hash: &str, pending: &PendingLogin, _: Timestamp) -> Result<()> {
        let item = Item::new(key_of_state(state_hash))
            .with("name", text(&pending.name))
            .with("sealed", text(&pending.sealed))
            .with("ends_at", time(pending.ends_at))
            .with("expires_at", seconds(pending.ends_at));
        // Refused: a retry of the write that was applied.
        self.table().write(&Write::put(item).if_absent()).await?;
        Ok(())
    }

    async fn take(&self, state_hash: &str, now: Timestamp) -> Result<Option<PendingLogin>> {
        let taken = self.table().write(&Write::delete(key_of_state(state_hash))).await?;
        let Outcome::Done(item) = taken else { return Ok(None) };
        if !item.has("sealed") {
            return Ok(None);
        }
        let pending = PendingLogin {
            name: item.text("name")?.to_owned(),
            sealed: item.text("sealed")?.to_owned(),
            ends_at: item.time("ends_at")?,
        };
        Ok(Some(pending).filter(|pending| pending.ends_at > now))
    }
}

fn key_of(name: &str, key_id: &str) -> Key {
    Key::new(LOGINS, format!("{name}#{key_id}"))
}

fn key_of_state(hash: &str) -> Key {
    Key::new(format!("LOGIN#{hash}"), "LOGIN")
}

fn login(item: &Item) -> Result<Login> {
    let lease = item.find_text("lease").map(serde_json::from_str).transpose()?;
    let key = item.text("sk")?.split_once('#');
    let (name, key_id) = key.context("the row of a login names no key")?;
    Ok(Login {
        name: name.to_owned(),
        key_id: key_id.to_owned(),
        revision: item.number("revision")?,
        info: serde_json::from_str(item.text("info")?)?,
        sealed: item.text("sealed")?.to_owned(),
        lease,
    })
}
