//! Knowledge: vectors as 8-bit numbers in the items of a store, all of which a search reads once.

mod loaded;

use anyhow::{Context, Result};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::hash::sha256_hex;
use flowgate_core::knowledge::{
    Best, Chunked, Committed, Knowledge, Match, Part, Source, StoreHead, StoreId,
};

use crate::Aws;
use crate::item::{Item, Key, number, text};
use crate::table::Query;
use crate::value::{inline, unpack_inline};
use crate::write::{AllOutcome, Outcome, Write};
pub(crate) use loaded::Stores;
use loaded::{Loaded, packed};

const STORE: &str = "STORE";
const SOURCE: &str = "SRC#";
const VECTORS: &str = "P#";
const TEXTS: &str = "T#";
/// The version of a source that was deleted.
const GONE: &str = "-";
/// All vectors of a store are read and held by a function.
const MAX_CHUNKS: usize = 5_000;
/// Concurrent commits to one store.
const MAX_TRIES: usize = 20;

#[async_trait]
impl Knowledge for Aws {
    async fn head(&self, store: &StoreId) -> Result<Option<StoreHead>> {
        let Some(item) = self.table().get(row_of(store), None).await? else { return Ok(None) };
        Ok(Some(serde_json::from_str(item.text("head")?)?))
    }

    async fn begin(&self, store: &StoreId, head: StoreHead) -> Result<StoreHead> {
        let item = Item::new(row_of(store))
            .with("head", text(serde_json::to_string(&head)?))
            .with("chunks", number(0))
            .with("revision", number(0))
            .with("list_pk", text(list_of(&head.workflow_uid)))
            .with("list_sk", text(&store.0));
        match self.table().write(&Write::put(item).if_absent()).await? {
            Outcome::Done(_) => Ok(head),
            Outcome::Refused(stored) => {
                let stored = stored.context("a store that was there is gone")?;
                Ok(serde_json::from_str(stored.text("head")?)?)
            }
        }
    }

    /// Texts first: a part that has vectors has its texts.
    async fn put(&self, store: &StoreId, part: Part) -> Result<()> {
        let place = format!("{}#{:04}", part.version, part.number);
        let of_user = |item: Item| item.with_some("user", part.user.as_ref().map(text));
        let texts = Item::new(Key::new(partition(store), format!("{TEXTS}{place}")))
            .with("chunks", inline(serde_json::to_string(&part.chunks)?));
        let vectors = Item::new(Key::new(partition(store), format!("{VECTORS}{place}")))
            .with("vectors", packed(&part.vectors));
        // Refused: it was put before.
        self.table().write(&Write::put(of_user(texts)).if_absent()).await?;
        self.table().write(&Write::put(of_user(vectors)).if_absent()).await?;
        Ok(())
    }

    async fn commit(&self, store: &StoreId, source: Source) -> Result<Committed> {
        for _ in 0..MAX_TRIES {
            let row = self.table().get(row_of(store), None).await?.context("no such store")?;
            let (total, revision): (usize, u64) = (row.number("chunks")?, row.number("revision")?);
            let before = self.table().get(key_of_source(store, &source.name), None).await?;
            let version = before.as_ref().map(|before| before.text("version")).transpose()?;
            if version == Some(source.version.as_str()) {
                return Ok(Committed::Committed { total });
            }
            let replaced: usize =
                before.as_ref().map_or(Ok(0), |before| before.number("chunks"))?;
            let after = total.saturating_sub(replaced) + source.chunks;
            if after > MAX_CHUNKS {
                self.delete_parts(store, &source.version).await?;
                return Ok(Committed::Full { max: MAX_CHUNKS });
            }
            if self.part_count(store, &source.version).await? < source.parts {
                return Ok(match version {
                    None | Some(GONE) => Committed::Deleted,
                    Some(_) => Committed::Committed { total },
                });
            }
            let put = Write::put(item_of_source(store, &source));
            let put = match version {
                None => put.if_absent(),
                Some(version) => put.only_if("#version = :before").bind(":before", text(version)),
            };
            let mut writes = vec![counted(store, after, revision), put];
            writes.extend(version.filter(|version| *version != GONE).map(|old| ended(store, old)));
            if let AllOutcome::Done = self.table().write_all(&writes).await? {
                if let Some(version) = version {
                    self.delete_parts(store, version).await?;
                }
                return Ok(Committed::Committed { total: after });
            }
        }
        anyhow::bail!("other runs write to the store all the time")
    }

    async fn delete_source(&self, store: &StoreId, source: &str) -> Result<usize> {
        for _ in 0..MAX_TRIES {
            let key = key_of_source(store, source);
            let Some(found) = self.table().get(key.clone(), None).await? else { return Ok(0) };
            let (version, chunks) = (found.text("version")?, found.number::<usize>("chunks")?);
            if version == GONE {
                return Ok(0);
            }
            let row = self.table().get(row_of(store), None).await?.context("no such store")?;
            let after = row.number::<usize>("chunks")?.saturating_sub(chunks);
            // The row stays: a later delete could hit a source that was added since.
            let gone = "SET #version = :gone, #chunks = :none REMOVE #source, #user";
            let delete = Write::update(key, gone)
                .only_if("#version = :before")
                .bind(":gone", text(GONE))
                .bind(":none", number(0))
                .bind(":before", text(version));
            let count = counted(store, after, row.number("revision")?);
            let writes = [count, delete, ended(store, version)];
            if let AllOutcome::Done = self.table().write_all(&writes).await? {
                self.delete_parts(store, version).await?;
                return Ok(chunks);
            }
        }
        anyhow::bail!("other runs write to the store all the time")
    }

    async fn search(
        &self,
        store: &StoreId,
        vector: &[f32],
        top: usize,
        min_score: Option<f32>,
    ) -> Result<Vec<Match>> {
        let Some(loaded) = self.loaded(store).await? else { return Ok(Vec::new()) };
        let mut best = Best::new(top, min_score);
        loaded.offer_all(vector, &mut best);
        let mut found = Vec::new();
        for (score, (part, index)) in best.into_found() {
            let part = &loaded.parts[part];
            let key = Key::new(partition(store), format!("{TEXTS}{}", part.place));
            // The source may have been replaced meanwhile.
            let Some(item) = self.table().get(key, None).await? else { continue };
            let chunks: Vec<Chunked> =
                serde_json::from_str(&unpack_inline(item.value("chunks")?)?)?;
            let chunk = chunks.into_iter().nth(index).context("a vector has its text")?;
            found.push(Match { source: part.source.clone(), score, chunk });
        }
        Ok(found)
    }

    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize> {
        let query = Query {
            index: Some("list"),
            condition: "#list_pk = :list".to_owned(),
            attributes: Some("#pk, #sk"),
            ..Query::default()
        };
        let mut touched = 0;
        for row in self.table().query_all(query.bind(":list", text(list_of(uid)))).await? {
            let Key { pk, .. } = row.key()?;
            let id = StoreId(pk.trim_start_matches("KNOWLEDGE#").to_owned());
            touched += match user {
                Some(user) => usize::from(self.erase_user(&id, user).await?),
                None => {
                    let keys = self.keys_in(&pk).await?;
                    let (row, parts): (Vec<_>, Vec<_>) =
                        keys.into_iter().partition(|key| key.sk == STORE);
                    self.table().delete_all(parts).await?;
                    self.table().delete_all(row).await?;
                    1
                }
            };
            if touched == limit {
                break;
            }
        }
        Ok(touched)
    }
}

impl Aws {
    /// Of a version that was replaced, the first part does not count.
    async fn part_count(&self, store: &StoreId, version: &str) -> Result<usize> {
        let query = Query::beginning(&partition(store), &format!("{VECTORS}{version}#"));
        let query = Query {
            attributes: Some("#pk"),
            filter: Some("attribute_not_exists(#ended)".to_owned()),
            ..query
        };
        Ok(self.table().query_all(query).await?.len())
    }

    async fn delete_parts(&self, store: &StoreId, version: &str) -> Result<()> {
        for kind in [VECTORS, TEXTS] {
            let query = Query::beginning(&partition(store), &format!("{kind}{version}#"));
            let query = Query { attributes: Some("#pk, #sk"), ..query };
            let found = self.table().query_all(query).await?;
            let keys = found.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
            self.table().delete_all(keys).await?;
        }
        Ok(())
    }

    /// Returns whether there was anything of the user.
    async fn erase_user(&self, store: &StoreId, user: &str) -> Result<bool> {
        let query = Query::beginning(&partition(store), "");
        let query = Query {
            attributes: Some("#pk, #sk, #source"),
            filter: Some("#user = :user".to_owned()),
            ..query
        };
        let found = self.table().query_all(query.bind(":user", text(user))).await?;
        for source in found.iter().filter_map(|item| item.find_text("source")) {
            self.delete_source(store, source).await?;
        }
        let keys = found.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        let parts: Vec<Key> = keys.into_iter().filter(|key| !key.sk.starts_with(SOURCE)).collect();
        self.table().delete_all(parts).await?;
        Ok(!found.is_empty())
    }

    /// Returns the vectors of the store as they are now. Reads them once per revision.
    async fn loaded(&self, store: &StoreId) -> Result<Option<std::sync::Arc<Loaded>>> {
        let Some(row) = self.table().get(row_of(store), None).await? else { return Ok(None) };
        let revision = row.number("revision")?;
        if let Some(loaded) = self.inner.stores.get(store, revision) {
            return Ok(Some(loaded));
        }
        let pk = partition(store);
        let sources = self.table().query_all(Query::beginning(&pk, SOURCE)).await?;
        let vectors = self.table().query_all(Query::beginning(&pk, VECTORS)).await?;
        let loaded = std::sync::Arc::new(Loaded::read(&sources, &vectors)?);
        self.inner.stores.keep(store, revision, &loaded);
        Ok(Some(loaded))
    }
}

fn partition(store: &StoreId) -> String {
    format!("KNOWLEDGE#{}", store.0)
}

fn row_of(store: &StoreId) -> Key {
    Key::new(partition(store), STORE)
}

fn list_of(uid: &str) -> String {
    format!("KNOWLEDGE#{uid}")
}

fn key_of_source(store: &StoreId, source: &str) -> Key {
    Key::new(partition(store), format!("{SOURCE}{}", sha256_hex(source.as_bytes())))
}

fn item_of_source(store: &StoreId, source: &Source) -> Item {
    Item::new(key_of_source(store, &source.name))
        .with("source", text(&source.name))
        .with("version", text(&source.version))
        .with("chunks", number(source.chunks))
        .with_some("user", source.user.as_ref().map(text))
}

/// Part of the write that replaces or deletes a version: its parts are deleted only afterwards, and
/// a commit that is repeated in between must not find them whole.
fn ended(store: &StoreId, version: &str) -> Write {
    let first = Key::new(partition(store), format!("{VECTORS}{version}#0000"));
    Write::update(first, "SET #ended = :ended").bind(":ended", AttributeValue::Bool(true))
}

/// Each change of a store has a revision of its own.
fn counted(store: &StoreId, chunks: usize, before: u64) -> Write {
    Write::update(row_of(store), "SET #chunks = :chunks, #revision = :next")
        .only_if("#revision = :before")
        .bind(":chunks", number(chunks))
        .bind(":next", number(before + 1))
        .bind(":before", number(before))
}
