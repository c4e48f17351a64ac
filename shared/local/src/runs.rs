//! Runs, their checkpoints, events and traces.

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use flowgate_core::event::{Event, EventId, Trace};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{EarlierRun, IdempotencyKey};
use flowgate_core::lease::{Lease, OwnerToken, Written};
use flowgate_core::packed_trace;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{
    Answer, Answered, AskedQuestion, CancelRequest, Checkpoint, Claimed, Created, Deleted,
    Finished, FinishedRun, Heartbeat, Include, ListedQuestion, NewRun, OpenQuestion, PAGE_BYTES,
    Parked, Parking, RunFilter, RunProgress, RunRecord, Runs, StartMark,
};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::events::{self, EventValues};
use crate::questions::{self, ReleaseValues};
use crate::results;
use crate::retention::delete_run;
use crate::row::{Key, RunRow, from_word, run_key};
use crate::run_lists::{list, list_of};
use crate::run_values::{
    CheckpointValues, EndValues, LeaseValues, RunValues, select_claim, stored,
};
use crate::wipe::wipe;

#[async_trait]
impl Runs for Local {
    async fn create(&self, run: NewRun) -> Result<Created> {
        let run = RunValues::new(run)?;
        self.write(move |connection| {
            let created = run.claim(connection)?;
            if created == Created::Created {
                run.insert_open(connection)?;
            }
            Ok(created)
        })
        .await
    }

    async fn create_ended(&self, run: NewRun, end: FinishedRun) -> Result<Created> {
        let run = RunValues::new(run)?;
        let end = EndValues::new(end)?;
        self.write(move |connection| {
            let created = run.claim(connection)?;
            if created == Created::Created {
                // The retry of a write that was applied counts nothing.
                if run.insert_ended(connection, &end)? {
                    end.count(connection)?;
                }
                end.insert_parts(connection, run.key)?;
            }
            Ok(created)
        })
        .await
    }

    async fn claim(
        &self,
        run: &RunId,
        owner: &OwnerToken,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claimed> {
        let key = run_key(run)?;
        let token = owner.clone();
        let row = match self
            .write(move |connection| take(connection, key, &token, now, lease_until))
            .await?
        {
            Taken::Leased(row) => row.record(Include::ALL)?,
            Taken::LeasedByOther => return Ok(Claimed::LeasedByOther),
            Taken::Ended => return Ok(Claimed::Ended),
            Taken::Unknown => return Ok(Claimed::Unknown),
        };
        let lease = Lease { run: run.clone(), fence: row.fence, owner: owner.clone() };
        Ok(Claimed::Leased(lease, Box::new(row)))
    }

    async fn heartbeat(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat> {
        let lease = LeaseValues::new(lease)?;
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE open_runs SET due_at = ?4, look_at = ?4 WHERE run = ?1 AND fence = ?2 AND \
                 owner = ?3 RETURNING cancel_requested, answers",
            )?;
            let kept = |row: &Row<'_>| {
                let answers = u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
                Ok(Heartbeat::Kept { cancel_requested: row.get(0)?, answers })
            };
            let lease = params![lease.key, lease.fence, lease.owner.0, lease_until.0];
            Ok(update.query_row(lease, kept).optional()?.unwrap_or(Heartbeat::Lost))
        })
        .await
    }

    async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Checkpoint,
        events: Vec<Event>,
    ) -> Result<Written> {
        let lease = LeaseValues::new(lease)?;
        let checkpoint = CheckpointValues::new(&checkpoint)?;
        let events = EventValues::new(&events)?;
        self.write(move |connection| {
            if !lease.holds(connection)? {
                return Ok(Written::Lost);
            }
            if checkpoint.insert(connection, lease.key)? {
                let sql =
                    "UPDATE open_runs SET barren_claims = 0 WHERE run = ?1 AND barren_claims > 0";
                connection.prepare_cached(sql)?.execute([lease.key])?;
            }
            events.insert(connection, lease.key)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn mark_started(&self, lease: &Lease, place: &str) -> Result<StartMark> {
        let lease = LeaseValues::new(lease)?;
        let place = place.to_owned();
        self.write(move |connection| {
            if !lease.holds(connection)? {
                return Ok(StartMark::Lost);
            }
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO started_calls (run, place, owner) VALUES (?1, ?2, ?3)",
            )?;
            insert.execute(params![lease.key, place, lease.owner.0])?;
            let mut select = connection.prepare_cached(
                "SELECT owner = ?3 FROM started_calls WHERE run = ?1 AND place = ?2",
            )?;
            let ours =
                select.query_row(params![lease.key, place, lease.owner.0], |row| row.get(0))?;
            Ok(if ours { StartMark::Marked } else { StartMark::AlreadyStarted })
        })
        .await
    }

    async fn append_events(&self, lease: &Lease, events: Vec<Event>) -> Result<Written> {
        let lease = LeaseValues::new(lease)?;
        let events = EventValues::new(&events)?;
        self.write(move |connection| {
            if !lease.holds(connection)? {
                return Ok(Written::Lost);
            }
            events.insert(connection, lease.key)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn hand_over(
        &self,
        lease: &Lease,
        checkpoints: Vec<Checkpoint>,
        events: Vec<Event>,
        due_at: Timestamp,
    ) -> Result<Written> {
        let lease = LeaseValues::new(lease)?;
        let release = Parking { checkpoints, events, due_at, answers: 0 };
        let release = ReleaseValues::new(&release, false)?;
        self.write(move |connection| {
            if !lease.holds(connection)? {
                // A hand-over refused because it was applied before is a success.
                let is_ours = lease.has_handed_over(connection)?;
                return Ok(if is_ours { Written::Written } else { Written::Lost });
            }
            release.write(connection, lease.key)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn park(&self, lease: &Lease, parking: Parking) -> Result<Parked> {
        let lease = LeaseValues::new(lease)?;
        let release = ReleaseValues::new(&parking, true)?;
        let answers = parking.answers;
        self.write(move |connection| questions::park(connection, &lease, &release, answers)).await
    }

    async fn ask(&self, lease: &Lease, place: &str, question: OpenQuestion) -> Result<Written> {
        let lease = LeaseValues::new(lease)?;
        let (place, question) = (place.to_owned(), serde_json::to_string(&question)?);
        self.write(move |connection| {
            if !lease.holds(connection)? {
                return Ok(Written::Lost);
            }
            questions::ask(connection, lease.key, &place, &question)?;
            Ok(Written::Written)
        })
        .await
    }

    async fn answer(
        &self,
        run: &RunId,
        place: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Answered> {
        let (key, place) = (run_key(run)?, place.to_owned());
        let answer = serde_json::to_string(&answer)?;
        self.write(move |connection| questions::answer(connection, key, &place, &answer, now)).await
    }

    async fn questions(&self, run: &RunId) -> Result<Vec<AskedQuestion>> {
        let key = run_key(run)?;
        self.query(move |connection| questions::questions(connection, key)).await
    }

    async fn open_questions(
        &self,
        workflow_uids: &[String],
        request: PageRequest,
    ) -> Result<Page<ListedQuestion>> {
        let uids = serde_json::to_string(workflow_uids)?;
        self.query(move |connection| questions::open_questions(connection, &uids, &request)).await
    }

    async fn finish(&self, lease: &Lease, end: FinishedRun) -> Result<Finished> {
        let lease = LeaseValues::new(lease)?;
        let end = EndValues::new(end)?;
        let earlier = self.write(move |connection| {
            if !lease.holds(connection)? {
                return Ok(Some(select_run(connection, lease.key)?));
            }
            lease.end(connection, &end)?;
            end.count(connection)?;
            end.insert_parts(connection, lease.key)?;
            Ok(None)
        });
        let Some(refused_by) = earlier.await? else { return Ok(Finished::Finished) };
        let record = refused_by.map(|row| row.record(Include::ALL)).transpose()?;
        Ok(record
            .filter(|record| record.state.has_ended())
            .map_or(Finished::Lost, |record| Finished::Already(Box::new(record))))
    }

    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest> {
        let key = run_key(run)?;
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE open_runs SET cancel_requested = 1 WHERE run = ?1 RETURNING owner IS NULL \
                 OR due_at <= ?2",
            )?;
            if let Some(free) =
                update.query_row(params![key, now.0], |row| row.get(0)).optional()?
            {
                return Ok(if free { CancelRequest::Unowned } else { CancelRequest::Requested });
            }
            let mut select = connection.prepare_cached("SELECT state FROM runs WHERE id = ?1")?;
            let state = select.query_row([key], |row| row.get(0)).optional()?;
            state.map_or(Ok(CancelRequest::Unknown), |state| {
                Ok(CancelRequest::Already(from_word(state)?))
            })
        })
        .await
    }

    async fn wipe(&self, run: &RunId) -> Result<()> {
        let key = run_key(run)?;
        self.erase(move |connection| wipe(connection, key)).await
    }

    async fn delete(&self, run: &RunId) -> Result<Deleted> {
        let key = run_key(run)?;
        self.erase(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT ending IS NULL FROM runs WHERE id = ?1")?;
            match select.query_row([key], |row| row.get(0)).optional()? {
                None => return Ok(Deleted::Unknown),
                Some(true) => return Ok(Deleted::Open),
                Some(false) => {}
            }
            connection.prepare_cached("DELETE FROM idempotency WHERE run = ?1")?.execute([key])?;
            delete_run(connection, key)?;
            Ok(Deleted::Deleted)
        })
        .await
    }

    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            select_run(connection, key)?.map(|row| row.record(Include::ALL)).transpose()
        })
        .await
    }

    async fn progress(&self, run: &RunId) -> Result<Option<RunProgress>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT coalesce(open_runs.state, runs.state),
                coalesce(open_runs.cancel_requested, runs.cancel_requested)
                 FROM runs LEFT JOIN open_runs ON open_runs.run = runs.id WHERE runs.id = ?1",
            )?;
            let found = select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            found
                .map(|(state, cancel_requested)| {
                    Ok(RunProgress { state: from_word(state)?, cancel_requested })
                })
                .transpose()
        })
        .await
    }

    async fn checkpoints(&self, run: &RunId, after: Option<u64>) -> Result<Vec<Checkpoint>> {
        let key = run_key(run)?;
        let after = after.map_or(-1, stored);
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT checkpoint FROM checkpoints WHERE run = ?1 AND ordinal > ?2 ORDER BY \
                 ordinal, rowid",
            )?;
            let texts = select.query_map(params![key, after], |row| row.get::<_, String>(0))?;
            parsed_page(texts)
        })
        .await
    }

    async fn results(&self, run: &RunId) -> Result<Vec<Checkpoint>> {
        let key = run_key(run)?;
        self.query(move |connection| results::select(connection, key)).await
    }

    async fn started(&self, run: &RunId) -> Result<Vec<String>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection
                .prepare_cached("SELECT place FROM started_calls WHERE run = ?1 ORDER BY place")?;
            Ok(select.query_map([key], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn events(
        &self,
        run: &RunId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Event>> {
        let key = run_key(run)?;
        let after = after.unwrap_or(EventId { fence: 0, n: 0 });
        self.query(move |connection| events::select(connection, key, after, limit)).await
    }

    async fn trace(&self, run: &RunId) -> Result<Option<Trace>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached("SELECT trace FROM runs WHERE id = ?1")?;
            let text: Option<String> =
                select.query_row([key], |row| row.get(0)).optional()?.flatten();
            Ok(text.as_deref().map(packed_trace::unpack).transpose()?)
        })
        .await
    }

    async fn list(
        &self,
        workflow_uid: &str,
        filter: RunFilter,
        request: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let workflow_uid = workflow_uid.to_owned();
        self.query(move |connection| list(connection, &workflow_uid, &filter, &request)).await
    }

    async fn list_of(
        &self,
        workflow_uids: &[String],
        filter: RunFilter,
        request: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let uids = serde_json::to_string(workflow_uids)?;
        self.query(move |connection| list_of(connection, &uids, &filter, &request)).await
    }

    async fn idempotency(
        &self,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<EarlierRun>> {
        let key = key.clone();
        self.query(move |connection| select_claim(connection, &key, now)).await
    }
}

/// Parses rows until they are a page.
fn parsed_page<T: serde::de::DeserializeOwned>(
    texts: impl Iterator<Item = rusqlite::Result<String>>,
) -> Result<Vec<T>> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for text in texts {
        let text = text?;
        bytes += text.len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(serde_json::from_str(&text)?);
    }
    Ok(page)
}

enum Taken {
    Leased(Box<RunRow>),
    LeasedByOther,
    Ended,
    Unknown,
}

/// Repeating our own claim changes neither the fence nor the count of claims.
fn take(
    connection: &Connection,
    key: Key,
    owner: &OwnerToken,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Taken> {
    let mut update = connection.prepare_cached(
        "UPDATE open_runs SET state = 'running', fence = fence + (owner IS NOT ?2),
        barren_claims = barren_claims + (owner IS NOT ?2),
            owner = ?2, due_at = ?4, look_at = ?4, started_at = coalesce(started_at, ?3)
        WHERE run = ?1 AND (owner IS NULL OR owner = ?2 OR due_at <= ?3)",
    )?;
    let taken = update.execute(params![key, owner.0, now.0, lease_until.0])? == 1;
    if taken {
        let row = select_run(connection, key)?.ok_or_else(|| anyhow!("an open run has no row"))?;
        return Ok(Taken::Leased(Box::new(row)));
    }
    let mut select =
        connection.prepare_cached("SELECT state IS NOT NULL FROM runs WHERE id = ?1")?;
    Ok(match select.query_row([key], |row| row.get(0)).optional()? {
        Some(true) => Taken::Ended,
        Some(false) => Taken::LeasedByOther,
        None => Taken::Unknown,
    })
}

fn select_run(connection: &Connection, key: Key) -> Result<Option<RunRow>> {
    let mut select = connection
        .prepare_cached(&format!("{} WHERE runs.id = ?1", RunRow::select(Include::ALL)))?;
    Ok(select.query_row([key], RunRow::read).optional()?)
}

#[cfg(test)]
mod tests;
