//! Which key a workflow is public on behalf of: an attribute of its row, and a row of the key that
//! finds the workflow.

use anyhow::{Result, anyhow};

use crate::Aws;
use crate::item::{Item, Key, text};
use crate::table::Query;
use crate::workflows;
use crate::write::Write;

impl Aws {
    pub(crate) async fn store_public(
        &self,
        id: &str,
        key: Option<&str>,
        was: Option<&str>,
    ) -> Result<bool> {
        let mut tries = self.table().tries();
        loop {
            let attributes = Some("#uid, #public_as");
            let Some(row) = self.table().get(workflows::key_of(id), attributes).await? else {
                return Ok(false);
            };
            let before = row.find_text("public_as");
            if before == key {
                // Or the retry of a write that was applied.
                return Ok(true);
            }
            if was.is_some() && before != was {
                return Ok(false);
            }
            let mut writes = vec![changed(id, &row, key)?];
            writes.extend(before.map(|before| Write::delete(row_of(before, id))));
            writes.extend(key.map(|key| Write::put(Item::new(row_of(key, id)))));
            if self.table().write_all(&writes).await?.first_refused()?.is_none() {
                return Ok(true);
            }
            tries.pause(anyhow!("concurrent changes of the workflow kept winning")).await?;
        }
    }

    pub(crate) async fn public_on_behalf_of(
        &self,
        key: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        let after = (!after.is_empty()).then(|| row_of(key, after).attributes());
        let query = Query { limit: Some(limit), after, ..Query::beginning(&partition_of(key), "") };
        let found = self.table().query(&query).await?;
        found.items.iter().map(|item| item.text("sk").map(str::to_owned)).collect()
    }
}

fn changed(id: &str, row: &Item, key: Option<&str>) -> Result<Write> {
    let write = match key {
        Some(key) => {
            Write::update(workflows::key_of(id), "SET #public_as = :key").bind(":key", text(key))
        }
        None => Write::update(workflows::key_of(id), "REMOVE #public_as"),
    };
    let unchanged = unchanged(row);
    let write = write.only_if(format!("#uid = :uid AND {unchanged}"));
    Ok(bound(write, row).bind(":uid", row.value("uid")?.clone()))
}

/// The condition that the workflow is public on behalf of the same key as in this row, whose value
/// [`bound`] adds.
pub(crate) fn unchanged(row: &Item) -> &'static str {
    match row.has("public_as") {
        true => "#public_as = :was_public_as",
        false => "attribute_not_exists(#public_as)",
    }
}

pub(crate) fn bound(write: Write, row: &Item) -> Write {
    match row.0.get("public_as") {
        Some(key) => write.bind(":was_public_as", key.clone()),
        None => write,
    }
}

/// Returns the write that deletes the key's row, with that of the workflow.
pub(crate) fn deleting(id: &str, row: &Item) -> Option<Write> {
    row.find_text("public_as").map(|key| Write::delete(row_of(key, id)))
}

fn partition_of(key: &str) -> String {
    format!("PUBLIC#{key}")
}

fn row_of(key: &str, id: &str) -> Key {
    Key::new(partition_of(key), id)
}
