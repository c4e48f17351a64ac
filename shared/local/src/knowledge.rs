//! Knowledge: f32 vectors in blobs, which each search scans.

use anyhow::{Context, Result};
use async_trait::async_trait;
use flowgate_core::knowledge::{
    Best, Chunked, Committed, Knowledge, Match, Part, Source, StoreHead, StoreId, dot,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Local;
use crate::run_values::stored;

/// 50,000 vectors of 1,536 numbers are 300 MB, which a search reads.
const MAX_CHUNKS: i64 = 50_000;

#[async_trait]
impl Knowledge for Local {
    async fn head(&self, store: &StoreId) -> Result<Option<StoreHead>> {
        let id = store.0.clone();
        self.query(move |connection| read_head(connection, &id)).await
    }

    async fn begin(&self, store: &StoreId, head: StoreHead) -> Result<StoreHead> {
        let id = store.0.clone();
        let text = serde_json::to_string(&head)?;
        self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO knowledge_stores (id, uid, head, chunks) VALUES (?1, ?2, \
                 ?3, 0)",
            )?;
            insert.execute(params![id, head.workflow_uid, text])?;
            read_head(connection, &id)?.context("the store is there")
        })
        .await
    }

    async fn put(&self, store: &StoreId, part: Part) -> Result<()> {
        let id = store.0.clone();
        let chunks = serde_json::to_string(&part.chunks)?;
        let vectors: Vec<u8> =
            part.vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
        self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO knowledge_parts (store, version, number, user, vectors, \
                 chunks) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let Part { version, number, user, .. } = &part;
            insert.execute(params![id, version, stored(*number), user, vectors, chunks])?;
            Ok(())
        })
        .await
    }

    async fn commit(&self, store: &StoreId, source: Source) -> Result<Committed> {
        let id = store.0.clone();
        self.erase(move |connection| commit(connection, &id, &source)).await
    }

    async fn delete_source(&self, store: &StoreId, source: &str) -> Result<usize> {
        let (id, source) = (store.0.clone(), source.to_owned());
        self.erase(move |connection| {
            let Some((version, chunks)) = version_of(connection, &id, &source)? else {
                return Ok(0);
            };
            drop_source(connection, &id, &source, &version, chunks)?;
            Ok(usize::try_from(chunks)?)
        })
        .await
    }

    async fn search(
        &self,
        store: &StoreId,
        vector: &[f32],
        top: usize,
        min_score: Option<f32>,
    ) -> Result<Vec<Match>> {
        let (id, vector) = (store.0.clone(), vector.to_vec());
        let best = Best::new(top, min_score);
        self.search_long(move |connection| search(connection, &id, &vector, best)).await
    }

    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize> {
        let (uid, user) = (uid.to_owned(), user.map(str::to_owned));
        self.erase(move |connection| match &user {
            Some(user) => erase_user(connection, &uid, user, limit),
            None => delete_stores(connection, &uid, limit),
        })
        .await
    }
}

fn read_head(connection: &Connection, id: &str) -> Result<Option<StoreHead>> {
    let mut select =
        connection.prepare_cached("SELECT head FROM knowledge_stores WHERE id = ?1")?;
    let text: Option<String> = select.query_row([id], |row| row.get(0)).optional()?;
    Ok(text.as_deref().map(serde_json::from_str).transpose()?)
}

fn version_of(connection: &Connection, id: &str, source: &str) -> Result<Option<(String, i64)>> {
    let sql = "SELECT version, chunks FROM knowledge_sources WHERE store = ?1 AND source = ?2";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row(params![id, source], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn total(connection: &Connection, id: &str) -> Result<i64> {
    let mut select =
        connection.prepare_cached("SELECT chunks FROM knowledge_stores WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0))?)
}

fn commit(connection: &Connection, id: &str, source: &Source) -> Result<Committed> {
    let before = version_of(connection, id, &source.name)?;
    let now = total(connection, id)?;
    if before.as_ref().is_some_and(|(version, _)| *version == source.version) {
        return Ok(Committed::Committed { total: usize::try_from(now)? });
    }
    let chunks = stored(source.chunks);
    let after = now - before.as_ref().map_or(0, |(_, chunks)| *chunks) + chunks;
    if after > MAX_CHUNKS {
        let sql = "DELETE FROM knowledge_parts WHERE store = ?1 AND version = ?2";
        connection.prepare_cached(sql)?.execute(params![id, source.version])?;
        return Ok(Committed::Full { max: usize::try_from(MAX_CHUNKS)? });
    }
    if part_count(connection, id, &source.version)? < stored(source.parts) {
        return Ok(match before {
            Some(_) => Committed::Committed { total: usize::try_from(now)? },
            None => Committed::Deleted,
        });
    }
    if let Some((version, chunks)) = before {
        drop_source(connection, id, &source.name, &version, chunks)?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO knowledge_sources (store, source, version, chunks, user) VALUES (?1, ?2, ?3, \
         ?4, ?5)",
    )?;
    insert.execute(params![id, source.name, source.version, chunks, source.user])?;
    add_to_total(connection, id, chunks)?;
    Ok(Committed::Committed { total: usize::try_from(after)? })
}

fn part_count(connection: &Connection, id: &str, version: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM knowledge_parts WHERE store = ?1 AND version = ?2";
    Ok(connection.prepare_cached(sql)?.query_row(params![id, version], |row| row.get(0))?)
}

fn add_to_total(connection: &Connection, id: &str, chunks: i64) -> Result<()> {
    let sql = "UPDATE knowledge_stores SET chunks = chunks + ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![id, chunks])?;
    Ok(())
}

fn drop_source(
    connection: &Connection,
    id: &str,
    source: &str,
    version: &str,
    chunks: i64,
) -> Result<()> {
    let sql = "DELETE FROM knowledge_sources WHERE store = ?1 AND source = ?2";
    connection.prepare_cached(sql)?.execute(params![id, source])?;
    let sql = "DELETE FROM knowledge_parts WHERE store = ?1 AND version = ?2";
    connection.prepare_cached(sql)?.execute(params![id, version])?;
    add_to_total(connection, id, -chunks)
}

/// Reads the vectors alone, then the texts of the best.
fn search(
    connection: &Connection,
    id: &str,
    vector: &[f32],
    mut best: Best<(i64, usize, String)>,
) -> Result<Vec<Match>> {
    let mut select = connection.prepare_cached(
        "SELECT p.rowid, p.vectors, s.source FROM knowledge_sources s JOIN knowledge_parts p ON \
         p.store = s.store AND p.version = s.version WHERE s.store = ?1",
    )?;
    let mut rows = select.query([id])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        let part: i64 = row.get(0)?;
        let blob = row.get_ref(1)?.as_blob()?;
        let (words, _) = blob.as_chunks::<4>();
        numbers.clear();
        numbers.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
        let source = row.get_ref(2)?.as_str()?;
        for (index, stored) in numbers.chunks_exact(vector.len()).enumerate() {
            best.offer(dot(vector, stored), || (part, index, source.to_owned()));
        }
    }
    let mut texts =
        connection.prepare_cached("SELECT chunks FROM knowledge_parts WHERE rowid = ?1")?;
    let mut found = Vec::new();
    for (score, (part, index, source)) in best.into_found() {
        let text: String = texts.query_row([part], |row| row.get(0))?;
        let chunks: Vec<Chunked> = serde_json::from_str(&text)?;
        let chunk = chunks.into_iter().nth(index).context("a vector has its text")?;
        found.push(Match { source, score, chunk });
    }
    Ok(found)
}

fn erase_user(connection: &Connection, uid: &str, user: &str, limit: usize) -> Result<usize> {
    let mut select = connection.prepare_cached(
        "SELECT id FROM knowledge_stores s WHERE uid = ?1 AND EXISTS (SELECT 1 FROM \
         knowledge_parts p WHERE p.store = s.id AND p.user = ?2) LIMIT ?3",
    )?;
    let stores = ids(select.query_map(params![uid, user, stored(limit)], |row| row.get(0))?)?;
    for id in &stores {
        let mut select = connection.prepare_cached(
            "SELECT source, version, chunks FROM knowledge_sources WHERE store = ?1 AND user = ?2",
        )?;
        let sources: Vec<(String, String, i64)> = select
            .query_map(params![id, user], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (source, version, chunks) in sources {
            drop_source(connection, id, &source, &version, chunks)?;
        }
        let sql = "DELETE FROM knowledge_parts WHERE store = ?1 AND user = ?2";
        connection.prepare_cached(sql)?.execute(params![id, user])?;
    }
    Ok(stores.len())
}

fn delete_stores(connection: &Connection, uid: &str, limit: usize) -> Result<usize> {
    let mut select =
        connection.prepare_cached("SELECT id FROM knowledge_stores WHERE uid = ?1 LIMIT ?2")?;
    let stores = ids(select.query_map(params![uid, stored(limit)], |row| row.get(0))?)?;
    for id in &stores {
        for sql in [
            "DELETE FROM knowledge_parts WHERE store = ?1",
            "DELETE FROM knowledge_sources WHERE store = ?1",
            "DELETE FROM knowledge_stores WHERE id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([id])?;
        }
    }
    Ok(stores.len())
}

fn ids(rows: impl Iterator<Item = rusqlite::Result<String>>) -> Result<Vec<String>> {
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
