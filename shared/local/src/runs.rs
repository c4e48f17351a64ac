//! Runs, their checkpoints, events and traces.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_app::idempotency::{Claim, IdempotencyKey, IdempotencyRow};
use flowgate_app::ports::{
    CancelRequest, Claimed, Created, Ending, Finished, Heartbeat, NewRun, Page, PageRequest, RunFilter, Runs, StartMark, Written,
};
use flowgate_app::run::{Checkpoint, Event, EventId, Held, Mode, OwnerToken, RunId, RunRecord, Trace};
use flowgate_app::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Local;
use crate::deliveries::DeliveryValues;
use crate::page::{Listed, page};
use crate::row::{Key, RunRow, from_word, run_id, run_key};

#[async_trait]
impl Runs for Local {
    async fn create(&self, run: NewRun) -> Result<Created> {
        let run = RunValues::new(run)?;
        self.write(move |connection| {
            if let Some(earlier) = run.claim_idempotency(connection)? {
                return Ok(Created::Repeated(earlier));
            }
            run.insert_open(connection)?;
            Ok(Created::Created)
        })
        .await
    }

    async fn create_ended(&self, run: NewRun, end: Ending) -> Result<Created> {
        let run = RunValues::new(run)?;
        let end = EndValues::new(end)?;
        self.write(move |connection| {
            if let Some(earlier) = run.claim_idempotency(connection)? {
                return Ok(Created::Repeated(earlier));
            }
            run.insert_ended(connection, &end)?;
            end.insert_parts(connection, run.key)?;
            Ok(Created::Created)
        })
        .await
    }

    async fn claim(&self, run: &RunId, owner: &OwnerToken, now: Timestamp, lease_until: Timestamp) -> Result<Claimed> {
        let key = run_key(run)?;
        let token = owner.clone();
        let row = match self.write(move |connection| take(connection, key, &token, now, lease_until)).await? {
            Taken::Ours(row) => row.record()?,
            Taken::Held => return Ok(Claimed::Held),
            Taken::Ended => return Ok(Claimed::Ended),
            Taken::Unknown => return Ok(Claimed::Unknown),
        };
        let held = Held { run: run.clone(), fence: row.fence, owner: owner.clone() };
        Ok(Claimed::Ours(held, Box::new(row)))
    }

    async fn heartbeat(&self, held: &Held, lease_until: Timestamp) -> Result<Heartbeat> {
        let held = HeldValues::new(held)?;
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE open_runs SET due_at = ?4, look_at = ?4 WHERE run = ?1 AND fence = ?2 AND owner = ?3 RETURNING cancel_requested",
            )?;
            let kept = update.query_row(params![held.key, held.fence, held.owner.0, lease_until.0], |row| row.get(0)).optional()?;
            Ok(kept.map_or(Heartbeat::Lost, |cancel_requested| Heartbeat::Kept { cancel_requested }))
        })
        .await
    }

    async fn checkpoint(&self, held: &Held, checkpoint: Checkpoint, events: Vec<Event>) -> Result<Written> {
        let held = HeldValues::new(held)?;
        let checkpoint = CheckpointValues::new(&checkpoint)?;
        let events = EventValues::new(&events)?;
        self.write(move |connection| {
            if !held.holds(connection)? {
                return Ok(Written::Lost);
            }
            if checkpoint.insert(connection, held.key)? {
                let sql = "UPDATE open_runs SET barren_claims = 0 WHERE run = ?1 AND barren_claims > 0";
                connection.prepare_cached(sql)?.execute([held.key])?;
            }
            events.insert(connection, held.key)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn mark_started(&self, held: &Held, place: &str) -> Result<StartMark> {
        let held = HeldValues::new(held)?;
        let place = place.to_owned();
        self.write(move |connection| {
            if !held.holds(connection)? {
                return Ok(StartMark::Lost);
            }
            let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO started_calls (run, place, owner) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![held.key, place, held.owner.0])?;
            let mut select = connection.prepare_cached("SELECT owner = ?3 FROM started_calls WHERE run = ?1 AND place = ?2")?;
            let ours = select.query_row(params![held.key, place, held.owner.0], |row| row.get(0))?;
            Ok(if ours { StartMark::Marked } else { StartMark::AlreadyStarted })
        })
        .await
    }

    async fn append_events(&self, held: &Held, events: Vec<Event>) -> Result<Written> {
        let held = HeldValues::new(held)?;
        let events = EventValues::new(&events)?;
        self.write(move |connection| {
            if !held.holds(connection)? {
                return Ok(Written::Lost);
            }
            events.insert(connection, held.key)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn hand_over(&self, held: &Held, checkpoints: Vec<Checkpoint>, events: Vec<Event>, due_at: Timestamp) -> Result<Written> {
        let held = HeldValues::new(held)?;
        let checkpoints = checkpoints.iter().map(CheckpointValues::new).collect::<Result<Vec<_>>>()?;
        let events = EventValues::new(&events)?;
        self.write(move |connection| {
            if !held.holds(connection)? {
                return held.has_handed_over(connection);
            }
            let mut new_checkpoint = false;
            for checkpoint in &checkpoints {
                new_checkpoint |= checkpoint.insert(connection, held.key)?;
            }
            events.insert(connection, held.key)?;
            let mut update = connection.prepare_cached(
                "UPDATE open_runs SET detached = 1, owner = NULL, handed_over_by = owner, due_at = ?2, look_at = ?2,
                    barren_claims = iif(?3, 0, max(barren_claims - 1, 0)) WHERE run = ?1",
            )?;
            update.execute(params![held.key, due_at.0, new_checkpoint])?;
            Ok(Written::Written)
        })
        .await
    }

    async fn finish(&self, held: &Held, end: Ending) -> Result<Finished> {
        let held = HeldValues::new(held)?;
        let end = EndValues::new(end)?;
        let earlier = self.write(move |connection| {
            if !held.holds(connection)? {
                return Ok(Some(select_run(connection, held.key)?));
            }
            held.end(connection, &end)?;
            end.insert_parts(connection, held.key)?;
            Ok(None)
        });
        let Some(refused_by) = earlier.await? else { return Ok(Finished::Finished) };
        let record = refused_by.map(RunRow::record).transpose()?;
        Ok(record.filter(|record| record.state.has_ended()).map_or(Finished::Lost, |record| Finished::Already(Box::new(record))))
    }

    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest> {
        let key = run_key(run)?;
        self.write(move |connection| {
            let mut update = connection
                .prepare_cached("UPDATE open_runs SET cancel_requested = 1 WHERE run = ?1 RETURNING owner IS NULL OR due_at <= ?2")?;
            if let Some(free) = update.query_row(params![key, now.0], |row| row.get(0)).optional()? {
                return Ok(if free { CancelRequest::Unowned } else { CancelRequest::Requested });
            }
            let mut select = connection.prepare_cached("SELECT state FROM runs WHERE id = ?1")?;
            let state = select.query_row([key], |row| row.get(0)).optional()?;
            state.map_or(Ok(CancelRequest::Unknown), |state| Ok(CancelRequest::Already(from_word(state)?)))
        })
        .await
    }

    async fn wipe(&self, run: &RunId) -> Result<()> {
        let key = run_key(run)?;
        self.write(move |connection| wipe(connection, key)).await
    }

    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>> {
        let key = run_key(run)?;
        self.query(move |connection| select_run(connection, key)?.map(RunRow::record).transpose()).await
    }

    async fn checkpoints(&self, run: &RunId) -> Result<Vec<Checkpoint>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached("SELECT checkpoint FROM checkpoints WHERE run = ?1 ORDER BY ordinal, rowid")?;
            let texts = select.query_map([key], |row| row.get::<_, String>(0))?;
            texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
        })
        .await
    }

    async fn started(&self, run: &RunId) -> Result<Vec<String>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached("SELECT place FROM started_calls WHERE run = ?1 ORDER BY place")?;
            Ok(select.query_map([key], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn events(&self, run: &RunId, after: Option<EventId>, limit: usize) -> Result<Vec<Event>> {
        let key = run_key(run)?;
        let after = after.unwrap_or(EventId { fence: 0, n: 0 });
        self.query(move |connection| {
            let mut select = connection
                .prepare_cached("SELECT event FROM events WHERE run = ?1 AND (fence, n) > (?2, ?3) ORDER BY fence, n LIMIT ?4")?;
            let texts =
                select.query_map(params![key, stored(after.fence), stored(after.n), stored(limit)], |row| row.get::<_, String>(0))?;
            texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
        })
        .await
    }

    async fn trace(&self, run: &RunId) -> Result<Option<Trace>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached("SELECT trace FROM runs WHERE id = ?1")?;
            let text: Option<String> = select.query_row([key], |row| row.get(0)).optional()?.flatten();
            Ok(text.as_deref().map(serde_json::from_str).transpose()?)
        })
        .await
    }

    async fn list(&self, workflow_uid: &str, filter: RunFilter, request: PageRequest) -> Result<Page<RunRecord>> {
        let workflow_uid = workflow_uid.to_owned();
        self.query(move |connection| list(connection, &workflow_uid, &filter, &request)).await
    }

    async fn idempotency(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Claim>> {
        let key = key.clone();
        self.query(move |connection| select_claim(connection, &key, now)).await
    }
}

/// The largest number where a number is out of SQLite's range: none that is stored comes near.
fn stored(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A new run, ready to be bound: its JSON is made before the writer's turn.
struct RunValues {
    run: NewRun,
    key: Key,
    head: String,
}

impl RunValues {
    fn new(run: NewRun) -> Result<Self> {
        Ok(Self { key: run_key(&run.head.id)?, head: serde_json::to_string(&*run.head)?, run })
    }

    /// The run that took the idempotency key before this one; else the key is this run's.
    fn claim_idempotency(&self, connection: &Connection) -> Result<Option<Claim>> {
        let Some(IdempotencyRow { key, body_hash, expires_at }) = &self.run.idempotency else { return Ok(None) };
        if let Some(earlier) = select_claim(connection, key, self.run.head.created_at)? {
            // Its own row: this is the retry of a write that was applied.
            return Ok((earlier.run != self.run.head.id).then_some(earlier));
        }
        let mut insert = connection
            .prepare_cached("INSERT OR REPLACE INTO idempotency (scope, key, run, body_hash, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute(params![key.scope, key.key, self.key, body_hash, expires_at.0])?;
        Ok(None)
    }

    fn insert_open(&self, connection: &Connection) -> Result<()> {
        let head = &self.run.head;
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (id, workflow_uid, created_at, user, head) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
        )?;
        if insert.execute(params![self.key, head.workflow_uid, head.created_at.0, head.user, self.head])? == 0 {
            return Ok(());
        }
        let owned = self.run.owner.is_some();
        let mut insert = connection.prepare_cached(
            "INSERT INTO open_runs (run, state, detached, fence, owner, due_at, look_at, started_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
        )?;
        insert.execute(params![
            self.key,
            if owned { "running" } else { "pending" },
            self.is_detached(),
            i64::from(owned),
            self.run.owner.as_ref().map(|owner| &*owner.0),
            self.run.due_at.0,
            owned.then_some(head.created_at.0),
        ])?;
        Ok(())
    }

    fn insert_ended(&self, connection: &Connection, end: &EndValues) -> Result<()> {
        let head = &self.run.head;
        let mut insert = connection.prepare_cached(
            "INSERT INTO runs (id, workflow_uid, created_at, user, head, state, detached, fence, cancel_requested, look_at, expires_at, ending, trace)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO NOTHING",
        )?;
        insert.execute(params![
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
        ])?;
        Ok(())
    }

    fn is_detached(&self) -> bool {
        self.run.mode == Mode::Detached
    }
}

struct EndValues {
    state: &'static str,
    ending: String,
    trace: String,
    events: EventValues,
    deliveries: Vec<DeliveryValues>,
    expires_at: Timestamp,
    due_at: Option<Timestamp>,
}

impl EndValues {
    fn new(end: Ending) -> Result<Self> {
        anyhow::ensure!(end.end.state.has_ended(), "a run cannot end as {}", end.end.state.as_str());
        Ok(Self {
            state: end.end.state.as_str(),
            ending: serde_json::to_string(&*end.end)?,
            trace: serde_json::to_string(&end.trace)?,
            events: EventValues::new(&end.events)?,
            deliveries: end.deliveries.into_iter().map(DeliveryValues::new).collect::<Result<_>>()?,
            expires_at: end.expires_at,
            due_at: end.due_at,
        })
    }

    fn insert_parts(&self, connection: &Connection, run: Key) -> Result<()> {
        self.events.insert(connection, run)?;
        for delivery in &self.deliveries {
            delivery.insert(connection)?;
        }
        Ok(())
    }
}

/// What an owner shows with every write.
struct HeldValues {
    key: Key,
    fence: i64,
    owner: OwnerToken,
}

impl HeldValues {
    fn new(held: &Held) -> Result<Self> {
        Ok(Self { key: run_key(&held.run)?, fence: held.fence.try_into()?, owner: held.owner.clone() })
    }

    fn holds(&self, connection: &Connection) -> Result<bool> {
        let mut select = connection.prepare_cached("SELECT 1 FROM open_runs WHERE run = ?1 AND fence = ?2 AND owner = ?3")?;
        Ok(select.exists(params![self.key, self.fence, self.owner.0])?)
    }

    /// A hand-over that is refused because it was applied before is a success.
    fn has_handed_over(&self, connection: &Connection) -> Result<Written> {
        let mut select = connection.prepare_cached("SELECT 1 FROM open_runs WHERE run = ?1 AND handed_over_by = ?2")?;
        Ok(if select.exists(params![self.key, self.owner.0])? { Written::Written } else { Written::Lost })
    }

    fn end(&self, connection: &Connection, end: &EndValues) -> Result<()> {
        let mut update = connection.prepare_cached(
            "UPDATE runs SET state = ?2, expires_at = ?3, look_at = ?4, ending = ?5, trace = ?6, detached = open_runs.detached,
                fence = open_runs.fence, cancel_requested = open_runs.cancel_requested
            FROM open_runs WHERE runs.id = ?1 AND open_runs.run = ?1",
        )?;
        update.execute(params![self.key, end.state, end.expires_at.0, end.due_at.map(|at| at.0), end.ending, end.trace])?;
        connection.prepare_cached("DELETE FROM open_runs WHERE run = ?1")?.execute([self.key])?;
        Ok(())
    }
}

struct CheckpointValues {
    place: String,
    ordinal: i64,
    checkpoint: String,
}

impl CheckpointValues {
    fn new(checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self { place: checkpoint.place.clone(), ordinal: stored(checkpoint.order), checkpoint: serde_json::to_string(checkpoint)? })
    }

    /// `false`: the place has a result already, and keeps it.
    fn insert(&self, connection: &Connection, run: Key) -> Result<bool> {
        let sql = "INSERT INTO checkpoints (run, place, ordinal, checkpoint) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (run, place) DO NOTHING";
        Ok(connection.prepare_cached(sql)?.execute(params![run, self.place, self.ordinal, self.checkpoint])? == 1)
    }
}

struct EventValues(Vec<(EventId, String)>);

impl EventValues {
    fn new(events: &[Event]) -> Result<Self> {
        Ok(Self(events.iter().map(|event| Ok((event.id, serde_json::to_string(event)?))).collect::<Result<_>>()?))
    }

    fn insert(&self, connection: &Connection, run: Key) -> Result<()> {
        for (id, event) in &self.0 {
            let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO events (run, fence, n, event) VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![run, stored(id.fence), stored(id.n), event])?;
        }
        Ok(())
    }
}

enum Taken {
    Ours(RunRow),
    Held,
    Ended,
    Unknown,
}

/// A claim that is ours already takes effect once: neither the fence nor the count of claims moves again.
fn take(connection: &Connection, key: Key, owner: &OwnerToken, now: Timestamp, lease_until: Timestamp) -> Result<Taken> {
    let mut update = connection.prepare_cached(
        "UPDATE open_runs SET state = 'running', fence = fence + (owner IS NOT ?2), barren_claims = barren_claims + (owner IS NOT ?2),
            owner = ?2, due_at = ?4, look_at = ?4, started_at = coalesce(started_at, ?3)
        WHERE run = ?1 AND (owner IS NULL OR owner = ?2 OR due_at <= ?3)",
    )?;
    let taken = update.execute(params![key, owner.0, now.0, lease_until.0])? == 1;
    if taken {
        return Ok(Taken::Ours(select_run(connection, key)?.ok_or_else(|| anyhow!("an open run has no row"))?));
    }
    let mut select = connection.prepare_cached("SELECT state IS NOT NULL FROM runs WHERE id = ?1")?;
    Ok(match select.query_row([key], |row| row.get(0)).optional()? {
        Some(true) => Taken::Ended,
        Some(false) => Taken::Held,
        None => Taken::Unknown,
    })
}

/// Only of a run that has ended: an owner still needs what a run in flight has.
fn wipe(connection: &Connection, key: Key) -> Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE runs SET wiped = 1, look_at = NULL, trace = NULL, ending = json_set(ending, '$.output', NULL),
            head = json_set(head, '$.input', NULL, '$.input_as_sent', NULL)
        WHERE id = ?1 AND ending IS NOT NULL",
    )?;
    if update.execute([key])? == 0 {
        return Ok(());
    }
    for sql in [
        "DELETE FROM checkpoints WHERE run = ?1",
        "DELETE FROM started_calls WHERE run = ?1",
        "DELETE FROM events WHERE run = ?1",
        // Without its body a delivery cannot go out again.
        "UPDATE deliveries SET wiped = 1, due_at = NULL, look_at = NULL, request = json_set(request, '$.body', '') WHERE run = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([key])?;
    }
    Ok(())
}

fn select_run(connection: &Connection, key: Key) -> Result<Option<RunRow>> {
    let mut select = connection.prepare_cached(&format!("{} WHERE runs.id = ?1", RunRow::SELECT))?;
    Ok(select.query_row([key], RunRow::read).optional()?)
}

fn select_claim(connection: &Connection, key: &IdempotencyKey, now: Timestamp) -> Result<Option<Claim>> {
    let mut select =
        connection.prepare_cached("SELECT run, body_hash FROM idempotency WHERE scope = ?1 AND key = ?2 AND expires_at > ?3")?;
    let found: Option<(Key, String)> =
        select.query_row(params![key.scope, key.key, now.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(run, body_hash)| Ok(Claim { run: run_id(run)?, body_hash })).transpose()
}

fn list(connection: &Connection, workflow_uid: &str, filter: &RunFilter, request: &PageRequest) -> Result<Page<RunRecord>> {
    let before = request.cursor.as_deref().and_then(RunId::parse).map_or(Ok([0xff; 16]), |run| run_key(&run))?;
    let mut select = connection.prepare_cached(&format!(
        "{} WHERE workflow_uid = ?1 AND id < ?2
            AND (?3 IS NULL OR coalesce(open_runs.state, runs.state) = ?3) AND (?4 IS NULL OR user = ?4)
            AND (?5 IS NULL OR created_at >= ?5) AND (?6 IS NULL OR created_at < ?6)
        ORDER BY id DESC",
        RunRow::SELECT
    ))?;
    let rows = select.query(params![
        workflow_uid,
        before,
        filter.state.map(|state| state.as_str()),
        filter.user,
        filter.created_from.map(|from| from.0),
        filter.created_before.map(|before| before.0),
    ])?;
    page(request, rows, |row| {
        let row = RunRow::read(row)?;
        let bytes = row.bytes();
        let item = row.record()?;
        Ok(Listed { cursor: item.head.id.to_string(), item, bytes })
    })
}
