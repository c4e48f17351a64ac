//! API keys (hashes, never keys) and their audit log.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::key::{AuditEntry, KeyRecord, Keys, LastRefused};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::time::Timestamp;
use futures_util::FutureExt;

use crate::Aws;
use crate::item::{Item, Key, seconds, text, time};
use crate::page::{Listed, Listing};
use crate::table::Query;
use crate::write::{Refusal, Write};

/// The list of keys in the index, and the partition of the audit log.
const LIST: &str = "KEYS";
const AUDIT: &str = "AUDIT";
const MAX_ENTRIES: usize = 1000;
/// DynamoDB's limit for a sort key, in bytes.
const MAX_SORT_KEY: usize = 1024;

#[async_trait]
impl Keys for Aws {
    async fn create(&self, key: KeyRecord, audit: AuditEntry) -> Result<()> {
        let item = Item::new(key_of(&key.id))
            .with("list_pk", text(LIST))
            .with("list_sk", text(place(key.created_at, &key.id)))
            .with("record", text(serde_json::to_string(&key)?))
            .with_some("ends_at", key.ends_at.map(time))
            .with_some("last_used_at", key.last_used_at.map(time));
        let mut writes = vec![Write::put(item).if_absent(), Write::put(entry(&audit))];
        writes.extend(key.origins.iter().map(|origin| Write::put(Item::new(origin_key(origin)))));
        // Refused: the retry of a write that was applied.
        self.table().write_all(&writes).await?;
        Ok(())
    }

    async fn read(&self, id: &str) -> Result<Option<KeyRecord>> {
        self.table().get(key_of(id), None).await?.as_ref().map(record).transpose()
    }

    async fn list(&self, request: PageRequest) -> Result<Page<KeyRecord>> {
        let start = request
            .cursor
            .as_deref()
            .and_then(|cursor| Some((cursor.to_owned(), key_of(id_in(cursor)?))));
        let read = |item: Item| {
            async move {
                let (bytes, cursor) =
                    (item.text("record")?.len(), item.text("list_sk")?.to_owned());
                Ok(Some(Listed { item: record(&item)?, bytes, cursor }))
            }
            .boxed()
        };
        self.list_page(Listing::of(LIST, start), request.limit, read).await
    }

    async fn end(&self, id: &str, at: Timestamp, audit: AuditEntry) -> Result<bool> {
        let end = Write::update(key_of(id), "SET #ends_at = :at")
            .only_if("attribute_exists(#pk) AND (attribute_not_exists(#ends_at) OR #ends_at > :at)")
            .bind(":at", time(at));
        let entry = Write::put(entry(&audit));
        match self.table().write_all(&[end, entry.clone()]).await?.first_refused()? {
            None => Ok(true),
            Some(Refusal(None)) => Ok(false),
            // The earlier end stays; the audit entry is still written.
            Some(Refusal(Some(_))) => self.table().write(&entry).await.map(|_| true),
        }
    }

    async fn rename(&self, id: &str, name: &str, audit: AuditEntry) -> Result<bool> {
        let rename = Write::update(key_of(id), "SET #name = :name")
            .only_if("attribute_exists(#pk)")
            .bind(":name", text(name));
        let written = self.table().write_all(&[rename, Write::put(entry(&audit))]).await?;
        Ok(written.first_refused()?.is_none())
    }

    async fn lists_origin(&self, origin: &str) -> Result<bool> {
        Ok(self.table().get(origin_key(origin), None).await?.is_some())
    }

    async fn touch(&self, id: &str, at: Timestamp) -> Result<()> {
        let touch = Write::update(key_of(id), "SET #last_used_at = :at").only_if(
            "attribute_exists(#pk) AND (attribute_not_exists(#last_used_at) OR \
             #last_used_at < :at)",
        );
        self.table().write(&touch.bind(":at", time(at))).await?;
        Ok(())
    }

    async fn note_refusal(&self, id: &str, refused: &LastRefused) -> Result<()> {
        let expression = "SET #refused_at = :at, #refused_code = :code";
        let note = Write::update(key_of(id), expression).only_if(
            "attribute_exists(#pk) AND (attribute_not_exists(#refused_at) OR #refused_at < :at)",
        );
        let note = note.bind(":at", time(refused.at)).bind(":code", text(&refused.code));
        self.table().write(&note).await?;
        Ok(())
    }

    async fn note(&self, audit: AuditEntry) -> Result<()> {
        self.table().write(&Write::put(entry(&audit))).await?;
        Ok(())
    }

    async fn audit(&self, request: PageRequest) -> Result<Page<AuditEntry>> {
        let limit = request.limit.clamp(1, MAX_ENTRIES);
        let after = request
            .cursor
            .filter(|cursor| id_in(cursor).is_some())
            .map(|cursor| Key::new(AUDIT, cursor).attributes());
        // Reads one more than fits to learn whether there is another page.
        let mut query =
            Query { backward: true, limit: Some(limit + 1), after, ..Query::beginning(AUDIT, "") };
        let mut items = Vec::new();
        while items.len() <= limit {
            let found = self.table().query(&query).await?;
            items.extend(found.items);
            match found.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor =
            items.last().filter(|_| more).and_then(|item| item.find_text("sk")).map(str::to_owned);
        Ok(Page { items: items.iter().map(audit_entry).collect::<Result<_>>()?, next_cursor })
    }
}

fn key_of(id: &str) -> Key {
    Key::new(format!("KEY#{id}"), "KEY")
}

/// A row for each origin that a key was created with.
fn origin_key(origin: &str) -> Key {
    Key::new(format!("ORIGIN#{origin}"), "ORIGIN")
}

/// Returns a sort key that orders by time.
fn place(at: Timestamp, rest: &str) -> String {
    format!("{:020}#{rest}", at.millis().max(0))
}

/// Returns the id in a sort key of [`place`]; `None` for any other text.
fn id_in(place: &str) -> Option<&str> {
    let (digits, id) = place.split_once('#')?;
    let is_place = digits.len() == 20
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !id.is_empty()
        && place.len() <= MAX_SORT_KEY;
    is_place.then_some(id)
}

/// Idempotent: the key is derived from the entry, so retries of a change write it once.
fn entry(audit: &AuditEntry) -> Item {
    let sk = place(audit.at, &format!("{}#{}#{}", audit.key_id, audit.action, audit.actor));
    Item::new(Key::new(AUDIT, sk))
        .with("at", time(audit.at))
        .with("actor", text(&audit.actor))
        .with("action", text(&audit.action))
        .with("key_id", text(&audit.key_id))
        .with("kept_until", time(audit.expires_at))
        .with("expires_at", seconds(audit.expires_at))
}

fn audit_entry(item: &Item) -> Result<AuditEntry> {
    let at = item.time("at")?;
    Ok(AuditEntry {
        at,
        // An entry of an earlier release stays.
        expires_at: item.find_time("kept_until")?.unwrap_or(Timestamp(i64::MAX)),
        actor: item.text("actor")?.to_owned(),
        action: item.text("action")?.to_owned(),
        key_id: item.text("key_id")?.to_owned(),
    })
}

/// What changes during a key's life has its own attributes; `record` never changes.
fn record(item: &Item) -> Result<KeyRecord> {
    let mut key: KeyRecord = serde_json::from_str(item.text("record")?)?;
    key.ends_at = item.find_time("ends_at")?;
    key.last_used_at = item.find_time("last_used_at")?;
    if let Some(name) = item.find_text("name") {
        key.name = name.to_owned();
    }
    let refused = item.find_time("refused_at")?.zip(item.find_text("refused_code"));
    key.last_refused = refused.map(|(at, code)| LastRefused { at, code: code.to_owned() });
    Ok(key)
}
