//! Webhook deliveries.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::delivery::{
    AfterAttempt, Attempt, Deliveries, Delivery, DeliveryId, DeliveryState, MAX_LOGGED_ATTEMPTS,
};
use flowgate_core::group::Group;
use flowgate_core::id::RunId;
use flowgate_core::lease::{OwnerToken, Written};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::page::{Listed, page};
use crate::row::{Key, delivery_id, delivery_key, from_word, run_id, run_key};
use crate::run_values::stored;

#[async_trait]
impl Deliveries for Local {
    async fn put(&self, delivery: Delivery) -> Result<()> {
        let delivery = DeliveryValues::new(delivery)?;
        self.write(move |connection| delivery.insert(connection)).await
    }

    async fn claim(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>> {
        let key = delivery_key(id)?;
        let owner = owner.clone();
        let row = self.write(move |connection| {
            // While an attempt is in flight, `due_at` is when its claim ends.
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET owner = ?2, due_at = ?4, look_at = ?4
                WHERE id = ?1 AND state = 'pending' AND wiped = 0 AND (due_at <= ?3 OR owner = ?2)",
            )?;
            match update.execute(params![key, owner.0, now.0, until.0])? {
                0 => Ok(None),
                _ => select(connection, key),
            }
        });
        row.await?.map(DeliveryRow::delivery).transpose()
    }

    async fn record(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        attempt: Attempt,
        next: AfterAttempt,
    ) -> Result<Written> {
        let key = delivery_key(id)?;
        let owner = owner.clone();
        let wiped = serde_json::to_string(&attempt.wiped())?;
        let (attempt, max_logged) = (serde_json::to_string(&attempt)?, stored(MAX_LOGGED_ATTEMPTS));
        let (state, due_at) = match next {
            AfterAttempt::Delivered => (DeliveryState::Delivered, None),
            AfterAttempt::RetryAt(at) => (DeliveryState::Pending, Some(at.0)),
            AfterAttempt::Exhausted => (DeliveryState::Exhausted, None),
        };
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET state = ?3, due_at = iif(wiped, NULL, ?4),
                look_at = iif(wiped, NULL, ?4), owner = NULL,
                    recorded_by = owner, step = step + 1, attempts_made = attempts_made + 1,
                    attempts = json_insert(iif(json_array_length(attempts) < ?7, attempts,
                        json_remove(attempts, '$[0]')), '$[#]', json(iif(wiped, ?6, ?5)))
                WHERE id = ?1 AND owner = ?2",
            )?;
            let recorded = params![key, owner.0, word(state), due_at, attempt, wiped, max_logged];
            if update.execute(recorded)? == 1 {
                return Ok(Written::Written);
            }
            // Refused because it was applied before: success.
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM deliveries WHERE id = ?1 AND \
                recorded_by = ?2",
            )?;
            Ok(if select.exists(params![key, owner.0])? { Written::Written } else { Written::Lost })
        })
        .await
    }

    async fn put_back(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        at: Timestamp,
    ) -> Result<Written> {
        let (key, owner) = (delivery_key(id)?, owner.clone());
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET owner = NULL, due_at = iif(wiped, NULL, ?3),
                look_at = iif(wiped, NULL, ?3) WHERE id = ?1 AND owner = ?2",
            )?;
            let is_ours = update.execute(params![key, owner.0, at.0])? == 1;
            Ok(if is_ours { Written::Written } else { Written::Lost })
        })
        .await
    }

    async fn read(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        let key = delivery_key(id)?;
        self.query(move |connection| {
            select(connection, key)?.map(DeliveryRow::delivery).transpose()
        })
        .await
    }

    async fn list_of(
        &self,
        workflow_uids: &[String],
        state: Option<DeliveryState>,
        request: PageRequest,
    ) -> Result<Page<Delivery>> {
        let uids = serde_json::to_string(workflow_uids)?;
        self.query(move |connection| list_of(connection, &uids, state, &request)).await
    }

    async fn of_run(&self, run: &RunId) -> Result<Vec<Delivery>> {
        let key = run_key(run)?;
        self.query(move |connection| {
            let mut select = connection.prepare_cached(&format!(
                "{} WHERE run = ?1 ORDER BY rowid",
                DeliveryRow::SELECT
            ))?;
            select.query_map([key], DeliveryRow::read)?.map(|row| row?.delivery()).collect()
        })
        .await
    }

    async fn redeliver(&self, id: &DeliveryId, now: Timestamp) -> Result<Option<Delivery>> {
        let key = delivery_key(id)?;
        let row = self.write(move |connection| {
            // An attempt in flight keeps its claim, or two attempts would send the same bytes
            // concurrently.
            let mut update = connection.prepare_cached(
                "UPDATE deliveries SET state = 'pending', step = 0,
                    due_at = iif(owner IS NOT NULL AND due_at > ?2, due_at, ?2),
                    look_at = iif(owner IS NOT NULL AND due_at > ?2, due_at, ?2)
                WHERE id = ?1 AND wiped = 0",
            )?;
            match update.execute(params![key, now.0])? {
                0 => Ok(None),
                _ => select(connection, key),
            }
        });
        row.await?.map(DeliveryRow::delivery).transpose()
    }
}

/// A delivery ready to be bound: its JSON is rendered outside the writer's thread.
pub(crate) struct DeliveryValues {
    delivery: Delivery,
    key: Key,
    run: Key,
    signing: String,
    attempts: String,
    request: String,
}

impl DeliveryValues {
    pub(crate) fn new(delivery: Delivery) -> Result<Self> {
        Ok(Self {
            key: delivery_key(&delivery.id)?,
            run: run_key(&delivery.run)?,
            signing: serde_json::to_string(&delivery.signing)?,
            attempts: serde_json::to_string(&delivery.attempts)?,
            request: serde_json::to_string(&*delivery.request)?,
            delivery,
        })
    }

    /// Put-if-absent.
    pub(crate) fn insert(&self, connection: &Connection) -> Result<()> {
        let Delivery { workflow_id, workflow_uid, created_at, state, due_at, owner, step, .. } =
            &self.delivery;
        let mut insert = connection.prepare_cached(
            "INSERT INTO deliveries (id, run, workflow_id, workflow_uid, created_at, state,
            due_at, look_at, owner, step, signing, attempts, request, work_group)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
            ON CONFLICT (id) DO NOTHING",
        )?;
        insert.execute(params![
            self.key,
            self.run,
            workflow_id,
            workflow_uid,
            created_at.0,
            word(*state),
            due_at.map(|at| at.0),
            owner.as_ref().map(|owner| &*owner.0),
            step,
            self.signing,
            self.attempts,
            self.request,
            self.delivery.receiver.as_str(),
        ])?;
        Ok(())
    }
}

/// Entries of the index over all that a page reads.
const MAX_SCANNED: i64 = 50_000;
/// Later than every delivery.
const END: (i64, Key) = (i64::MAX, [255; 16]);

/// `uids` is a JSON array. Skips entries of an index, and no rows.
fn list_of(
    connection: &Connection,
    uids: &str,
    state: Option<DeliveryState>,
    request: &PageRequest,
) -> Result<Page<Delivery>> {
    let before = request.cursor.as_deref().and_then(place_of).unwrap_or(END);
    let mut select = connection.prepare_cached(
        "SELECT created_at, id FROM deliveries WHERE (created_at, id) < (?1, ?2)
        ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET ?3",
    )?;
    let place = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Key>(1)?));
    let frontier =
        select.query_row(params![before.0, before.1, MAX_SCANNED - 1], place).optional()?;
    let from = frontier.unwrap_or((i64::MIN, [0; 16]));
    let mut select = connection.prepare_cached(&format!(
        "{} WHERE id IN (
            SELECT id FROM deliveries INDEXED BY deliveries_over_all
            WHERE (created_at, id) < (?1, ?2) AND (created_at, id) >= (?3, ?4)
            AND workflow_uid IN (SELECT value FROM json_each(?5)) AND (?6 IS NULL OR state = ?6)
            ORDER BY created_at DESC, id DESC LIMIT ?7
        ) ORDER BY created_at DESC, id DESC",
        DeliveryRow::SELECT
    ))?;
    let limit = stored(request.limit.saturating_add(1));
    let bound = params![before.0, before.1, from.0, from.1, uids, state.map(word), limit];
    let mut found = page(request, select.query(bound)?, |row| {
        let row = DeliveryRow::read(row)?;
        let (bytes, cursor) =
            (row.request.len() + row.attempts.len(), cursor(row.created_at, row.id));
        Ok(Listed { item: row.delivery()?, bytes, cursor })
    })?;
    if found.next_cursor.is_none() {
        found.next_cursor = frontier.map(|(created_at, id)| cursor(created_at, id));
    }
    Ok(found)
}

fn cursor(created_at: i64, id: Key) -> String {
    format!("{created_at}#{:032x}", u128::from_be_bytes(id))
}

fn place_of(cursor: &str) -> Option<(i64, Key)> {
    let (created_at, id) = cursor.split_once('#')?;
    Some((created_at.parse().ok()?, u128::from_str_radix(id, 16).ok()?.to_be_bytes()))
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Exhausted => "exhausted",
    }
}

fn select(connection: &Connection, key: Key) -> Result<Option<DeliveryRow>> {
    let mut select =
        connection.prepare_cached(&format!("{} WHERE id = ?1", DeliveryRow::SELECT))?;
    Ok(select.query_row([key], DeliveryRow::read).optional()?)
}

struct DeliveryRow {
    id: Key,
    run: Key,
    workflow_id: String,
    workflow_uid: String,
    created_at: i64,
    state: String,
    due_at: Option<i64>,
    owner: Option<String>,
    step: u32,
    signing: String,
    attempts: String,
    request: String,
    receiver: String,
    attempts_made: u32,
}

impl DeliveryRow {
    const SELECT: &str = "SELECT id, run, workflow_id, workflow_uid, created_at, state, due_at, \
                          owner, step, signing, attempts, request, work_group, attempts_made FROM \
                          deliveries";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            run: row.get(1)?,
            workflow_id: row.get(2)?,
            workflow_uid: row.get(3)?,
            created_at: row.get(4)?,
            state: row.get(5)?,
            due_at: row.get(6)?,
            owner: row.get(7)?,
            step: row.get(8)?,
            signing: row.get(9)?,
            attempts: row.get(10)?,
            request: row.get(11)?,
            receiver: row.get(12)?,
            attempts_made: row.get(13)?,
        })
    }

    fn delivery(self) -> Result<Delivery> {
        Ok(Delivery {
            id: delivery_id(self.id)?,
            run: run_id(self.run)?,
            workflow_id: self.workflow_id,
            workflow_uid: self.workflow_uid,
            signing: serde_json::from_str(&self.signing)?,
            created_at: Timestamp(self.created_at),
            receiver: Group::new(self.receiver),
            request: Arc::new(serde_json::from_str(&self.request)?),
            state: from_word(self.state)?,
            due_at: self.due_at.map(Timestamp),
            owner: self.owner.map(|owner| OwnerToken(owner.into())),
            attempts: serde_json::from_str(&self.attempts)?,
            attempts_made: self.attempts_made,
            step: self.step,
        })
    }
}
