//! The results that an ended run left in one piece: a deflated list, since nobody queries it.

use std::io::{Read, Write};

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flowgate_core::run::Checkpoint;
use rusqlite::{Connection, OptionalExtension};

use crate::row::Key;

/// More than a run may keep.
const MAX_BYTES: u64 = 256 << 20;

/// Returns `None` for no results.
pub(crate) fn pack(results: &[Checkpoint]) -> Result<Option<Vec<u8>>> {
    if results.is_empty() {
        return Ok(None);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(results)?)?;
    Ok(Some(encoder.finish()?))
}

pub(crate) fn select(connection: &Connection, run: Key) -> Result<Vec<Checkpoint>> {
    let sql = "SELECT value FROM run_values WHERE run = ?1 AND name = 'results'";
    let packed: Option<Vec<u8>> =
        connection.prepare_cached(sql)?.query_row([run], |row| row.get(0)).optional()?;
    let Some(packed) = packed else { return Ok(Vec::new()) };
    let mut json = Vec::new();
    DeflateDecoder::new(&*packed).take(MAX_BYTES).read_to_end(&mut json)?;
    ensure!((json.len() as u64) < MAX_BYTES, "the results of a run are too large");
    Ok(serde_json::from_slice(&json)?)
}
