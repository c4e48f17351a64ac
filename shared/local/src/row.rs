//! How ids, enums and runs are stored in the tables.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::delivery::DeliveryId;
use flowgate_core::file::FileId;
use flowgate_core::id::RunId;
use flowgate_core::job::JobId;
use flowgate_core::lease::OwnerToken;
use flowgate_core::run::{Include, Mode, RunRecord};
use flowgate_core::time::Timestamp;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An id's hex digits as bytes. Keys sort as the ids do.
pub(crate) type Key = [u8; 16];

pub(crate) fn run_key(id: &RunId) -> Result<Key> {
    key(id.as_str(), "run_")
}

pub(crate) fn delivery_key(id: &DeliveryId) -> Result<Key> {
    key(id.as_str(), "whd_")
}

pub(crate) fn job_key(id: &JobId) -> Result<Key> {
    key(id.as_str(), "job_")
}

pub(crate) fn job_id(key: Key) -> Result<JobId> {
    JobId::parse(&format!("job_{:032x}", u128::from_be_bytes(key))).context("not the key of a job")
}

pub(crate) fn file_key(id: &FileId) -> Result<Key> {
    key(id.as_str(), "file_")
}

pub(crate) fn file_id(key: Key) -> FileId {
    FileId::new(key)
}

fn key(id: &str, prefix: &str) -> Result<Key> {
    let digits = id
        .strip_prefix(prefix)
        .filter(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let digits = digits.with_context(|| format!("{id:?} is not an id of this kind"))?;
    Ok(u128::from_str_radix(digits, 16)?.to_be_bytes())
}

pub(crate) fn run_id(key: Key) -> Result<RunId> {
    RunId::parse(&format!("run_{:032x}", u128::from_be_bytes(key))).context("not the key of a run")
}

pub(crate) fn delivery_id(key: Key) -> Result<DeliveryId> {
    DeliveryId::parse(&format!("whd_{:032x}", u128::from_be_bytes(key)))
        .context("not the key of a delivery")
}

/// Parses a unit variant from its stored name.
pub(crate) fn from_word<T: DeserializeOwned>(word: String) -> Result<T> {
    Ok(serde_json::from_value(Value::String(word))?)
}

/// A run as its rows hold it. Converted to a record outside the writer's thread, since parsing JSON
/// takes time.
pub(crate) struct RunRow {
    head: String,
    ending: Option<String>,
    input: Option<String>,
    output: Option<String>,
    wiped: bool,
    state: String,
    detached: bool,
    fence: i64,
    owner: Option<String>,
    due_at: Option<i64>,
    cancel_requested: bool,
    claims_without_progress: i64,
    started_at: Option<i64>,
    asked: i64,
    answers: i64,
}

impl RunRow {
    /// Append a condition on `runs` or `open_runs`.
    pub(crate) fn select(include: Include) -> String {
        let beside = |included: bool, name: &str| {
            let select = format!(
                "(SELECT value FROM run_values WHERE run_values.run = runs.id AND name = '{name}')"
            );
            if included { select } else { "NULL".to_owned() }
        };
        format!(
            "SELECT head, ending, wiped, coalesce(open_runs.state, runs.state),
            coalesce(open_runs.detached, runs.detached),
            coalesce(open_runs.fence, runs.fence), owner, coalesce(due_at, runs.look_at),
            coalesce(open_runs.cancel_requested, runs.cancel_requested),
            coalesce(barren_claims, 0), started_at, coalesce(asked, 0), coalesce(answers, 0), {}, {}
        FROM runs LEFT JOIN open_runs ON open_runs.run = runs.id",
            beside(include.input, "input"),
            beside(include.output, "output")
        )
    }

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            head: row.get(0)?,
            ending: row.get(1)?,
            wiped: row.get(2)?,
            state: row.get(3)?,
            detached: row.get(4)?,
            fence: row.get(5)?,
            owner: row.get(6)?,
            due_at: row.get(7)?,
            cancel_requested: row.get(8)?,
            claims_without_progress: row.get(9)?,
            started_at: row.get(10)?,
            asked: row.get(11)?,
            answers: row.get(12)?,
            input: row.get(13)?,
            output: row.get(14)?,
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        let others = [&self.ending, &self.input, &self.output].into_iter().flatten();
        self.head.len() + others.map(String::len).sum::<usize>()
    }

    /// `include` must be that of the select.
    pub(crate) fn record(self, include: Include) -> Result<RunRecord> {
        let input = self.input.as_deref().map(serde_json::from_str).transpose()?;
        let output = self.output.as_deref().map(serde_json::from_str).transpose()?;
        let end = self
            .ending
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?
            .map(|end| include.end(end, output));
        let started_at = self.started_at.map(Timestamp).or(end.as_ref().map(|end| end.started_at));
        Ok(RunRecord {
            head: Arc::new(include.head(serde_json::from_str(&self.head)?, input)),
            state: from_word(self.state)?,
            mode: if self.detached { Mode::Detached } else { Mode::Attached },
            fence: self.fence.try_into()?,
            owner: self.owner.map(|owner| OwnerToken(owner.into())),
            due_at: self.due_at.map(Timestamp),
            cancel_requested: self.cancel_requested,
            claims_without_progress: self.claims_without_progress.try_into()?,
            started_at,
            asked: self.asked.try_into()?,
            answers: self.answers.try_into()?,
            end: end.map(Arc::new),
            wiped: self.wiped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_and_sort_as_they_do() {
        let ids = [
            "run_00000000000000000000000000000000",
            "run_0000000000000000000000000000000a",
            "run_ffffffffffffffffffffffffffffffff",
        ];
        let keys: Vec<Key> =
            ids.iter().map(|id| run_key(&RunId::parse(id).unwrap()).unwrap()).collect();
        assert!(keys.is_sorted());
        for (id, key) in ids.iter().zip(keys) {
            assert_eq!(run_id(key).unwrap().as_str(), *id);
        }
    }

    /// An id that was deserialized rather than parsed may be any text.
    #[test]
    fn what_is_no_id_is_an_error() {
        for text in [
            "",
            "run_",
            "run_+0000000000000000000000000000000",
            "run_ä000000000000000000000000000000",
            "whd_00000000000000000000000000000000",
        ] {
            let id: RunId = serde_json::from_value(Value::String(text.into())).unwrap();
            assert!(run_key(&id).is_err(), "{text}");
        }
    }
}
