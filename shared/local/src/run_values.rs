//! The values that a run's writes bind. Their JSON is rendered outside the writer's thread, which
//! only writes.

use std::sync::Arc;

use anyhow::Result;
use flowgate_core::idempotency::{EarlierRun, IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_core::lease::{Lease, OwnerToken};
use flowgate_core::packed_trace;
use flowgate_core::run::{Checkpoint, Created, FinishedRun, Mode, NewRun};
use flowgate_core::stats::Tally;
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::deliveries::DeliveryValues;
use crate::events::EventValues;
use crate::group::Group;
use crate::results;
use crate::row::{Key, run_id, run_key};

/// Saturates at SQLite's maximum; no stored number comes near it.
pub(crate) fn stored(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A new run.
pub(crate) struct RunValues {
    run: NewRun,
    pub(crate) key: Key,
    head: String,
    input: Option<String>,
}

impl RunValues {
    pub(crate) fn new(run: NewRun) -> Result<Self> {
        let (head, input) = run.head.split();
        let input = input.map(|input| serde_json::to_string(&input)).transpose()?;
        Ok(Self { key: run_key(&run.head.id)?, head: serde_json::to_string(&*head)?, input, run })
    }

    /// Writes the run's unique rows and returns `Created`; writes nothing if another run has one of
    /// them.
    pub(crate) fn claim(&self, connection: &Connection) -> Result<Created> {
        let UniqueRows { idempotency, run_id } = &self.run.unique_rows;
        if let Some(earlier) = self.claimed_before(connection, idempotency.as_ref())? {
            return Ok(Created::Repeated(earlier));
        }
        if self.claimed_before(connection, run_id.as_ref())?.is_some() {
            return Ok(Created::IdTaken);
        }
        for IdempotencyRow { key, body_hash, expires_at } in
            [idempotency, run_id].into_iter().flatten()
        {
            let mut insert = connection.prepare_cached(
                "INSERT OR REPLACE INTO idempotency (scope, key, run, body_hash, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            insert.execute(params![key.scope, key.key, self.key, body_hash, expires_at.0])?;
        }
        Ok(Created::Created)
    }

    /// Ignores the run's own row: then this is the retry of a write that was applied.
    fn claimed_before(
        &self,
        connection: &Connection,
        row: Option<&IdempotencyRow>,
    ) -> Result<Option<EarlierRun>> {
        let Some(row) = row else { return Ok(None) };
        let earlier = select_claim(connection, &row.key, self.run.head.created_at)?;
        Ok(earlier.filter(|earlier| earlier.run != self.run.head.id))
    }

    pub(crate) fn insert_open(&self, connection: &Connection) -> Result<()> {
        let head = &self.run.head;
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (id, workflow_uid, created_at, user, head, version, key_id) VALUES \
             (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        )?;
        if insert.execute(params![
            self.key,
            head.workflow_uid,
            head.created_at.0,
            head.user,
            self.head,
            head.version,
            head.key_id,
        ])? == 0
        {
            return Ok(());
        }
        let owned = self.run.owner.is_some();
        let mut insert = connection.prepare_cached(
            "INSERT INTO open_runs (run, state, detached, fence, owner, due_at, look_at, \
             started_at, work_group) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            self.key,
            if owned { "running" } else { "pending" },
            self.is_detached(),
            i64::from(owned),
            self.run.owner.as_ref().map(|owner| &*owner.0),
            self.run.due_at.0,
            owned.then_some(head.created_at.0),
            head.group().as_str(),
        ])?;
        insert_beside(connection, self.key, "input", self.input.as_deref())
    }

    /// Returns `false` if the run is stored already.
    pub(crate) fn insert_ended(&self, connection: &Connection, end: &EndValues) -> Result<bool> {
        let head = &self.run.head;
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (id, workflow_uid, created_at, user, head, state, detached, fence,
            cancel_requested, look_at, expires_at, ending, trace, version, key_id, error_code,
            error_node, duration_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
            ON CONFLICT (id) DO NOTHING",
        )?;
        let inserted = insert.execute(params![
            self.key,
            head.workflow_uid,
            head.created_at.0,
            head.user,
            self.head,
            end.state,
            self.is_detached(),
            i64::from(self.run.owner.is_some()),
            end.due_at.map(|at| at.0),
            end.expires_at.0,
            end.ending,
            end.trace,
            head.version,
            head.key_id,
            end.error_code,
            end.error_node,
            end.duration_ms,
        ])?;
        insert_beside(connection, self.key, "input", self.input.as_deref())?;
        Ok(inserted == 1)
    }

    fn is_detached(&self) -> bool {
        self.run.mode == Mode::Detached
    }
}

pub(crate) struct EndValues {
    state: &'static str,
    ending: String,
    error_code: Option<String>,
    error_node: Option<String>,
    duration_ms: i64,
    output: Option<String>,
    trace: String,
    /// Deflated.
    results: Option<Vec<u8>>,
    events: EventValues,
    deliveries: Vec<DeliveryValues>,
    expires_at: Timestamp,
    due_at: Option<Timestamp>,
    tally: Option<Arc<Tally>>,
}

impl EndValues {
    pub(crate) fn new(end: FinishedRun) -> Result<Self> {
        anyhow::ensure!(
            end.end.state.has_ended(),
            "a run cannot end as {}",
            end.end.state.as_str()
        );
        let (ending, output) = end.end.split();
        let (error_code, error_node) = match &ending.error {
            Some(error) => (Some(error.code.clone()), error.node.clone()),
            None => (None, None),
        };
        let output = output.map(serde_json::to_string).transpose()?;
        Ok(Self {
            state: end.end.state.as_str(),
            ending: serde_json::to_string(&*ending)?,
            error_code,
            error_node,
            duration_ms: ending.ended_at.0 - ending.started_at.0,
            output,
            trace: packed_trace::pack(end.trace)?,
            results: results::pack(&end.results)?,
            events: EventValues::new(&end.events)?,
            deliveries: end
                .deliveries
                .into_iter()
                .map(DeliveryValues::new)
                .collect::<Result<_>>()?,
            expires_at: end.expires_at,
            due_at: end.due_at,
            tally: end.tally.map(Arc::new),
        })
    }

    /// Adds the run to its workflow's rollup.
    pub(crate) fn count(&self, group: &Group<'_>) -> Result<()> {
        self.tally.as_ref().map_or(Ok(()), |tally| group.count(tally))
    }

    pub(crate) fn insert_parts(&self, connection: &Connection, run: Key) -> Result<()> {
        insert_beside(connection, run, "output", self.output.as_deref())?;
        insert_beside(connection, run, "results", self.results.as_deref())?;
        self.events.insert(connection, run)?;
        for delivery in &self.deliveries {
            delivery.insert(connection)?;
        }
        Ok(())
    }
}

/// Large values are stored in rows of their own.
fn insert_beside(
    connection: &Connection,
    run: Key,
    name: &str,
    value: Option<impl ToSql>,
) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO run_values (run, name, value) VALUES (?1, ?2, ?3)",
    )?;
    insert.execute(params![run, name, value])?;
    Ok(())
}

/// The lease that an owner presents with every write.
pub(crate) struct LeaseValues {
    pub(crate) key: Key,
    pub(crate) fence: i64,
    pub(crate) owner: OwnerToken,
}

impl LeaseValues {
    pub(crate) fn new(lease: &Lease) -> Result<Self> {
        Ok(Self {
            key: run_key(&lease.run)?,
            fence: lease.fence.try_into()?,
            owner: lease.owner.clone(),
        })
    }

    pub(crate) fn holds(&self, connection: &Connection) -> Result<bool> {
        let mut select = connection.prepare_cached(
            "SELECT 1 FROM open_runs WHERE run = ?1 AND fence = ?2 AND owner = ?3",
        )?;
        Ok(select.exists(params![self.key, self.fence, self.owner.0])?)
    }

    /// Returns whether the last release of the run was this owner's.
    pub(crate) fn has_handed_over(&self, connection: &Connection) -> Result<bool> {
        let mut select = connection
            .prepare_cached("SELECT 1 FROM open_runs WHERE run = ?1 AND handed_over_by = ?2")?;
        Ok(select.exists(params![self.key, self.owner.0])?)
    }

    pub(crate) fn end(&self, connection: &Connection, end: &EndValues) -> Result<()> {
        let mut update = connection.prepare_cached(
            "UPDATE runs SET state = ?2, expires_at = ?3, look_at = ?4, ending = ?5, trace = ?6,
            error_code = ?7, error_node = ?8, duration_ms = ?9, detached = open_runs.detached,
                fence = open_runs.fence, cancel_requested = open_runs.cancel_requested
            FROM open_runs WHERE runs.id = ?1 AND open_runs.run = ?1",
        )?;
        update.execute(params![
            self.key,
            end.state,
            end.expires_at.0,
            end.due_at.map(|at| at.0),
            end.ending,
            end.trace,
            end.error_code,
            end.error_node,
            end.duration_ms,
        ])?;
        connection.prepare_cached("DELETE FROM open_runs WHERE run = ?1")?.execute([self.key])?;
        let sql = "UPDATE questions SET open_since = NULL WHERE run = ?1 AND open_since NOT NULL";
        connection.prepare_cached(sql)?.execute([self.key])?;
        Ok(())
    }
}

pub(crate) struct CheckpointValues {
    place: String,
    ordinal: i64,
    checkpoint: String,
}

impl CheckpointValues {
    pub(crate) fn new(checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self {
            place: checkpoint.place.clone(),
            ordinal: stored(checkpoint.order),
            checkpoint: serde_json::to_string(checkpoint)?,
        })
    }

    /// Returns `false` if the place already has a result, which it keeps.
    pub(crate) fn insert(&self, connection: &Connection, run: Key) -> Result<bool> {
        let sql = "INSERT INTO checkpoints (run, place, ordinal, checkpoint) VALUES (?1, ?2, ?3, \
                   ?4) ON CONFLICT (run, place) DO NOTHING";
        Ok(connection.prepare_cached(sql)?.execute(params![
            run,
            self.place,
            self.ordinal,
            self.checkpoint
        ])? == 1)
    }
}

pub(crate) fn select_claim(
    connection: &Connection,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<EarlierRun>> {
    let mut select = connection.prepare_cached(
        "SELECT run, body_hash FROM idempotency WHERE scope = ?1 AND key = ?2 AND expires_at > ?3",
    )?;
    let found: Option<(Key, String)> = select
        .query_row(params![key.scope, key.key, now.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(run, body_hash)| Ok(EarlierRun { run: run_id(run)?, body_hash })).transpose()
}
