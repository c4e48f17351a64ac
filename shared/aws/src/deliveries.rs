//! Webhook deliveries.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::delivery::{
    AfterAttempt, Attempt, Deliveries, Delivery, DeliveryId, DeliveryState, MAX_LOGGED_ATTEMPTS,
};
use flowgate_core::group::Group;
use flowgate_core::id::RunId;
use flowgate_core::lease::{OwnerToken, Written};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::time::Timestamp;
use futures_util::FutureExt;

use crate::Aws;
use crate::item::{Item, Key, due_shard, number, run_partition, text, time};
use crate::page::{Condition, Listed, Listing};
use crate::row::{from_word, last_digit};
use crate::table::{Query, Table};
use crate::value::{Packer, inline, unpack_inline};
use crate::write::{Outcome, Write};

/// A delivery's row also holds its log of attempts; a larger request is stored in separate items.
pub(crate) const MAX_INLINE_REQUEST: usize = 64_000;
/// Retries of a redelivery that races with concurrent attempts on the same row.
const MAX_RACES: usize = 8;

/// The items of a delivery.
pub(crate) struct DeliveryValues {
    pub(crate) item: Item,
    /// In the run's partition, so that a run's deliveries can be read consistently and in creation
    /// order.
    pub(crate) pointer: Item,
    pub(crate) chunks: Vec<Item>,
}

#[async_trait]
impl Deliveries for Aws {
    async fn put(&self, delivery: Delivery) -> Result<()> {
        let values = self.delivery_values(&delivery, 0)?;
        self.put_chunks(values.chunks).await?;
        // Refused: it exists already.
        self.table()
            .write_all(&[Write::put(values.item).if_absent(), Write::put(values.pointer)])
            .await?;
        Ok(())
    }

    async fn claim(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>> {
        // While an attempt is in flight, `due_at` is when its claim ends.
        let write = Write::update(
            Key::of_delivery(id),
            "SET #owner = :owner, #due_at = :until, #look_at = :until",
        )
        .only_if(
            "#state = :pending AND attribute_not_exists(#wiped) AND (#due_at <= :now OR #owner = \
             :owner)",
        )
        .bind(":owner", text(&*owner.0))
        .bind(":until", time(until))
        .bind(":pending", text(word(DeliveryState::Pending)))
        .bind(":now", time(now));
        match self.table().write(&write).await? {
            Outcome::Done(item) => Ok(Some(self.table().delivery(&item).await?)),
            Outcome::Refused(_) => Ok(None),
        }
    }

    async fn record(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        attempt: Attempt,
        next: AfterAttempt,
    ) -> Result<Written> {
        let write = recorded(id, owner, &next, Log::Append(logged(&attempt)?))
            .only_if("#owner = :owner AND attribute_not_exists(#wiped) AND size(#attempts) < :max")
            .bind(":max", number(MAX_LOGGED_ATTEMPTS));
        match self.table().write(&write).await? {
            Outcome::Done(_) => Ok(Written::Written),
            Outcome::Refused(Some(item)) if item.find_text("owner") == Some(&owner.0) => {
                self.record_replacing_log(id, owner, attempt, next, &item).await
            }
            Outcome::Refused(item) => Ok(recorded_before(owner, item)),
        }
    }

    async fn put_back(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        at: Timestamp,
    ) -> Result<Written> {
        let write = |due: &str, condition: &str| {
            Write::update(Key::of_delivery(id), due)
                .only_if(format!("#owner = :owner AND {condition}(#wiped)"))
                .bind(":owner", text(&*owner.0))
        };
        let due = "SET #due_at = :at, #look_at = :at REMOVE #owner";
        let due = write(due, "attribute_not_exists").bind(":at", time(at));
        // Without its body it cannot be sent again.
        let wiped = write("REMOVE #owner, #due_at, #look_at, #due_shard", "attribute_exists");
        for write in [due, wiped] {
            if let Outcome::Done(_) = self.table().write(&write).await? {
                return Ok(Written::Written);
            }
        }
        Ok(Written::Lost)
    }

    async fn read(&self, id: &DeliveryId) -> Result<Option<Delivery>> {
        match self.table().get(Key::of_delivery(id), None).await? {
            Some(item) => Ok(Some(self.table().delivery(&item).await?)),
            None => Ok(None),
        }
    }

    async fn list_of(
        &self,
        workflow_uids: &[String],
        state: Option<DeliveryState>,
        request: PageRequest,
    ) -> Result<Page<Delivery>> {
        let last = request.cursor.as_deref().map_or_else(|| "~".to_owned(), before);
        let filter: Vec<Condition> = state
            .map(|state| ("#state = :state", ":state", text(word(state))))
            .into_iter()
            .collect();
        let listing = |list: String| Listing {
            range: Some(("0".to_owned(), last.clone())),
            filter: filter.clone(),
            backward: true,
            ..Listing::of(list, None)
        };
        let listings = workflow_uids.iter().flat_map(|uid| lists_of(uid)).map(listing).collect();
        let read = |item: Item| {
            async move {
                let delivery = self.table().delivery(&item).await?;
                let bytes = delivery.request.body.len();
                let cursor = item.text("list_sk")?.to_owned();
                // An index may lag behind the row.
                let is_meant = state.is_none_or(|state| state == delivery.state);
                Ok(is_meant.then_some(Listed { item: delivery, bytes, cursor }))
            }
            .boxed()
        };
        self.merged_page(listings, request.limit, read).await
    }

    async fn of_run(&self, run: &RunId) -> Result<Vec<Delivery>> {
        let keys = self.table().delivery_keys(run).await?;
        let items =
            if keys.is_empty() { Vec::new() } else { self.table().get_all(&keys, None).await? };
        let mut deliveries = Vec::with_capacity(items.len());
        for item in &items {
            deliveries.push(self.table().delivery(item).await?);
        }
        Ok(deliveries)
    }

    async fn redeliver(&self, id: &DeliveryId, now: Timestamp) -> Result<Option<Delivery>> {
        for _ in 0..MAX_RACES {
            let item = match self.table().write(&redelivered_now(id, now)).await? {
                Outcome::Done(item) => item,
                Outcome::Refused(Some(item)) if !item.flag("wiped") => {
                    match self.table().write(&redelivered_after(id, now)).await? {
                        Outcome::Done(item) => item,
                        // The attempt in flight ended meanwhile.
                        Outcome::Refused(_) => continue,
                    }
                }
                Outcome::Refused(_) => return Ok(None),
            };
            return Ok(Some(self.table().delivery(&item).await?));
        }
        anyhow::bail!("the delivery kept changing")
    }
}

impl Aws {
    /// `index` distinguishes deliveries created at the same moment.
    pub(crate) fn delivery_values(
        &self,
        delivery: &Delivery,
        index: usize,
    ) -> Result<DeliveryValues> {
        let Delivery { id, run, created_at, due_at, .. } = delivery;
        let key = Key::of_delivery(id);
        let request = self
            .packer_of_delivery(id)
            .pack(serde_json::to_string(&*delivery.request)?, MAX_INLINE_REQUEST);
        let attempts = delivery.attempts.iter().map(logged).collect::<Result<_>>()?;
        let item = Item::new(key)
            .with("list_pk", text(list_of(&delivery.workflow_uid, id)))
            .with("list_sk", text(format!("{:020}#{}", created_at.millis().max(0), id.as_str())))
            .with("run", text(run.as_str()))
            .with("workflow_id", text(&delivery.workflow_id))
            .with("workflow_uid", text(&delivery.workflow_uid))
            .with("signing", text(serde_json::to_string(&delivery.signing)?))
            .with("created_at", time(*created_at))
            .with("group", text(delivery.receiver.as_str()))
            .with("request", request.attribute)
            .with("state", text(word(delivery.state)))
            .with_some("due_at", due_at.map(time))
            .with_some("look_at", due_at.map(time))
            .with_some(
                "due_shard",
                due_at.map(|_| due_shard(delivery.receiver.as_str(), id.as_str())),
            )
            .with_some("owner", delivery.owner.as_ref().map(|owner| text(&*owner.0)))
            .with("attempts", AttributeValue::L(attempts))
            .with("step", number(delivery.step))
            .with("expires_at", self.parts_expire_at());
        let sk = format!("WH#{:020}#{index:03}#{}", created_at.millis(), id.as_str());
        let pointer =
            Item::new(Key::new(run_partition(run), sk)).with("expires_at", self.parts_expire_at());
        Ok(DeliveryValues { item, pointer, chunks: request.chunks })
    }

    pub(crate) fn packer_of_delivery(&self, id: &DeliveryId) -> Packer {
        Packer {
            pk: Key::of_delivery(id).pk,
            salt: "request".to_owned(),
            expires_at: Some(self.parts_expire_at()),
        }
    }

    /// Records an attempt whose claim is ours, but whose delivery was wiped meanwhile or whose log
    /// is full.
    async fn record_replacing_log(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        attempt: Attempt,
        next: AfterAttempt,
        row: &Item,
    ) -> Result<Written> {
        let is_wiped = row.flag("wiped");
        let attempt = if is_wiped { attempt.wiped() } else { attempt };
        let mut log = attempts_of(row)?.to_vec();
        log.push(logged(&attempt)?);
        let dropped = log.len().saturating_sub(MAX_LOGGED_ATTEMPTS);
        let newest = log.split_off(dropped);
        // Without its body it cannot be sent again.
        let dated = if is_wiped { Dated::No } else { Dated::AsNext };
        let condition = format!(
            "#owner = :owner AND {}",
            if is_wiped { "attribute_exists(#wiped)" } else { "attribute_not_exists(#wiped)" }
        );
        let write = recorded_at(id, owner, &next, Log::Replace { newest, dropped }, dated)
            .only_if(condition);
        match self.table().write(&write).await? {
            Outcome::Done(_) => Ok(Written::Written),
            Outcome::Refused(Some(item)) if item.find_text("owner") == Some(&owner.0) => {
                anyhow::bail!("the delivery was wiped during the write")
            }
            Outcome::Refused(item) => Ok(recorded_before(owner, item)),
        }
    }
}

enum Log {
    Append(AttributeValue),
    Replace { newest: Vec<AttributeValue>, dropped: usize },
}

#[derive(Clone, Copy, PartialEq)]
enum Dated {
    AsNext,
    No,
}

/// The deliveries of a workflow, by the last digit of their ids: one partition of the index takes
/// about a thousand writes a second.
fn list_of(workflow_uid: &str, id: &DeliveryId) -> String {
    format!("DELIVERIES#{workflow_uid}#{}", last_digit(id.as_str()))
}

fn lists_of(workflow_uid: &str) -> impl Iterator<Item = String> {
    (0..16).map(move |digit| format!("DELIVERIES#{workflow_uid}#{digit:x}"))
}

/// Returns a place before `place`, and after every other that is before it. Places have one length.
fn before(place: &str) -> String {
    let mut before = place.to_owned();
    match before.pop().filter(char::is_ascii) {
        Some(last) if last > '0' => {
            before.push(char::from(last as u8 - 1));
            before.push('~');
        }
        _ => {}
    }
    if before.is_empty() { "0".to_owned() } else { before }
}

fn recorded(id: &DeliveryId, owner: &OwnerToken, next: &AfterAttempt, log: Log) -> Write {
    recorded_at(id, owner, next, log, Dated::AsNext)
}

fn recorded_at(
    id: &DeliveryId,
    owner: &OwnerToken,
    next: &AfterAttempt,
    log: Log,
    dated: Dated,
) -> Write {
    let (state, due_at) = match next {
        AfterAttempt::Delivered => (DeliveryState::Delivered, None),
        AfterAttempt::RetryAt(at) => (DeliveryState::Pending, Some(*at)),
        AfterAttempt::Exhausted => (DeliveryState::Exhausted, None),
    };
    let due_at = due_at.filter(|_| dated == Dated::AsNext);
    // How many attempts the log has dropped. Releases before this one did not count them.
    let (attempts, logged, unlogged) = match log {
        Log::Append(attempt) => ("list_append(#attempts, :logged)", vec![attempt], 0),
        Log::Replace { newest, dropped } => (":logged", newest, dropped),
    };
    let (due, not_due) = if due_at.is_some() {
        (", #due_at = :due_at, #look_at = :due_at", "")
    } else {
        ("", ", #due_at, #look_at, #due_shard")
    };
    let expression = format!(
        "SET #state = :state, #recorded_by = :owner, #step = #step + :one, #attempts = \
         {attempts}{due} REMOVE #owner{not_due} ADD #unlogged :unlogged"
    );
    let write = Write::update(Key::of_delivery(id), expression)
        .bind(":state", text(word(state)))
        .bind(":owner", text(&*owner.0))
        .bind(":one", number(1))
        .bind(":unlogged", number(unlogged))
        .bind(":logged", AttributeValue::L(logged));
    match due_at {
        Some(at) => write.bind(":due_at", time(at)),
        None => write,
    }
}

/// A write refused because it was applied before is a success.
fn recorded_before(owner: &OwnerToken, item: Option<Item>) -> Written {
    let by_us = item.is_some_and(|item| item.find_text("recorded_by") == Some(&owner.0));
    if by_us { Written::Written } else { Written::Lost }
}

fn redelivered_now(id: &DeliveryId, now: Timestamp) -> Write {
    Write::update(
        Key::of_delivery(id),
        "SET #state = :pending, #step = :none, #due_at = :now, #look_at = :now, \
         #due_shard = :shard",
    )
    .only_if(
        "attribute_exists(#pk) AND attribute_not_exists(#wiped) AND (attribute_not_exists(#owner) \
         OR #due_at <= :now)",
    )
    .bind(":pending", text(word(DeliveryState::Pending)))
    .bind(":none", number(0))
    .bind(":now", time(now))
    .bind(":shard", due_shard("", id.as_str()))
}

/// An attempt in flight keeps its claim, or two attempts would send the same bytes concurrently.
fn redelivered_after(id: &DeliveryId, now: Timestamp) -> Write {
    Write::update(
        Key::of_delivery(id),
        "SET #state = :pending, #step = :none, #look_at = #due_at, #due_shard = :shard",
    )
    .only_if("attribute_exists(#owner) AND attribute_not_exists(#wiped) AND #due_at > :now")
    .bind(":pending", text(word(DeliveryState::Pending)))
    .bind(":none", number(0))
    .bind(":now", time(now))
    .bind(":shard", due_shard("", id.as_str()))
}

/// An attempt as the log holds it.
pub(crate) fn logged(attempt: &Attempt) -> Result<AttributeValue> {
    Ok(inline(serde_json::to_string(attempt)?))
}

fn attempts_of(item: &Item) -> Result<&[AttributeValue]> {
    item.value("attempts")?
        .as_l()
        .map(Vec::as_slice)
        .map_err(|_| anyhow::anyhow!("a delivery's log is not a list"))
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Exhausted => "exhausted",
    }
}

impl Table {
    /// Returns the keys of a run's deliveries, in creation order.
    pub(crate) async fn delivery_keys(&self, run: &RunId) -> Result<Vec<Key>> {
        let pointers = self
            .query_all(Query {
                attributes: Some("#pk, #sk"),
                ..Query::beginning(&run_partition(run), "WH#")
            })
            .await?;
        let ids = pointers.iter().map(|pointer| Ok(Key::of_delivery(&pointed_at(pointer)?)));
        ids.collect()
    }

    pub(crate) async fn delivery(&self, item: &Item) -> Result<Delivery> {
        let pk = item.text("pk")?;
        let [request] = self.unpack(pk, [Some(item.value("request")?)]).await?;
        let attempts: Vec<Attempt> = attempts_of(item)?
            .iter()
            .map(|attempt| Ok(serde_json::from_str(&unpack_inline(attempt)?)?))
            .collect::<Result<_>>()?;
        let unlogged: u32 = item.find_number("unlogged")?.unwrap_or(0);
        Ok(Delivery {
            id: pk
                .strip_prefix("WH#")
                .and_then(DeliveryId::parse)
                .context("a delivery's row has no id")?,
            run: RunId::parse(item.text("run")?).context("a delivery names no run")?,
            workflow_id: item.text("workflow_id")?.to_owned(),
            workflow_uid: item.text("workflow_uid")?.to_owned(),
            signing: serde_json::from_str(item.text("signing")?)?,
            created_at: item.time("created_at")?,
            receiver: Group::new(item.find_text("group").unwrap_or_default()),
            request: Arc::new(serde_json::from_str(&request.unwrap_or_default())?),
            state: from_word(item.text("state")?)?,
            due_at: item.find_time("due_at")?,
            owner: item.find_text("owner").map(|owner| OwnerToken(owner.into())),
            attempts_made: unlogged.saturating_add(u32::try_from(attempts.len())?),
            attempts,
            step: item.number("step")?,
        })
    }
}

pub(crate) fn pointed_at(pointer: &Item) -> Result<DeliveryId> {
    let id = pointer.text("sk")?.rsplit('#').next().and_then(DeliveryId::parse);
    id.context("a run's row names no delivery")
}
