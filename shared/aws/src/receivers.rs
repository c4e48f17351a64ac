//! Receivers of webhooks that fail.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::group::Group;
use flowgate_core::receiver::{Failing, Receivers};
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, time};
use crate::table::Query;
use crate::write::{Outcome, Write};

/// An enabled receiver keeps its row without these attributes until it expires: functions that
/// deliver may not delete rows.
#[async_trait]
impl Receivers for Aws {
    async fn failing(&self, workflow_uid: &str, receiver: &Group) -> Result<Option<Failing>> {
        let item = self.table().get(key(workflow_uid, receiver), None).await?;
        item.map_or(Ok(None), |item| failing(&item))
    }

    async fn note_failure(
        &self,
        workflow_uid: &str,
        receiver: &Group,
        now: Timestamp,
    ) -> Result<Failing> {
        let set = "SET #since = if_not_exists(#since, :now), #expires_at = :expires_at";
        let write = Write::update(key(workflow_uid, receiver), set)
            .bind(":now", time(now))
            .bind(":expires_at", self.parts_expire_at());
        let noted = match self.table().write(&write).await? {
            Outcome::Done(item) => failing(&item)?,
            Outcome::Refused(_) => None,
        };
        Ok(noted.unwrap_or(Failing { since: now, disabled_at: None }))
    }

    async fn disable(&self, workflow_uid: &str, receiver: &Group, now: Timestamp) -> Result<bool> {
        let write = Write::update(key(workflow_uid, receiver), "SET #disabled_at = :now")
            .only_if("attribute_exists(#since) AND attribute_not_exists(#disabled_at)")
            .bind(":now", time(now));
        Ok(matches!(self.table().write(&write).await?, Outcome::Done(_)))
    }

    async fn enable(&self, workflow_uid: &str, receiver: &Group) -> Result<()> {
        let write = Write::update(key(workflow_uid, receiver), "REMOVE #since, #disabled_at");
        // Refused: it does not fail.
        self.table().write(&write.only_if("attribute_exists(#since)")).await?;
        Ok(())
    }

    async fn all_failing(&self, workflow_uid: &str) -> Result<Vec<(Group, Failing)>> {
        let items = self.table().query_all(Query::beginning(&partition(workflow_uid), "")).await?;
        let mut found = Vec::new();
        for item in &items {
            if let Some(failing) = failing(item)? {
                found.push((Group::new(item.text("sk")?), failing));
            }
        }
        Ok(found)
    }
}

fn partition(workflow_uid: &str) -> String {
    format!("RECEIVERS#{workflow_uid}")
}

fn key(workflow_uid: &str, receiver: &Group) -> Key {
    Key::new(partition(workflow_uid), receiver.as_str())
}

fn failing(item: &Item) -> Result<Option<Failing>> {
    let Some(since) = item.find_time("since")? else { return Ok(None) };
    Ok(Some(Failing { since, disabled_at: item.find_time("disabled_at")? }))
}
