//! Runs, their checkpoints, events and traces.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::event::{Event, EventId, Trace};
use flowgate_core::id::RunId;
use flowgate_core::idempotency::{EarlierRun, IdempotencyKey};
use flowgate_core::lease::{Lease, OwnerToken, Written};
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{
    Answer, Answered, AskedQuestion, CancelRequest, Checkpoint, Claimed, Created, Deleted,
    Finished, FinishedRun, Heartbeat, Include, ListedQuestion, NewRun, OpenQuestion, Parked,
    Parking, RunFilter, RunProgress, RunRecord, Runs, StartMark,
};
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, due_of, number, text, time};
use crate::lists::failure_pointers;
use crate::parts::{Part, PartsOutcome, chunk_keys_of, row_beside_parts, start_mark_key};
use crate::release::has_handed_over;
use crate::row::{
    ASKS_NOTHING, HOLDS_LEASE, bind_lease, ended, finish_leased, from_word, is_held_by, is_open,
    new_row, open, record_attributes,
};
use crate::run_values::{
    MAX_OPEN_HEAD, earlier_run, refused_create, unique_row_is_past, unique_row_key,
    unique_row_writes,
};
use crate::value::{MAX_ITEM_BYTES, inline};
use crate::write::{AllOutcome, Outcome, Refusal, Write};

#[async_trait]
impl Runs for Aws {
    async fn create(&self, run: NewRun) -> Result<Created> {
        let head = self.pack_head(&run.head, MAX_OPEN_HEAD)?;
        let row = open(new_row(&run, head.attributes), &run);
        let before = head.chunks.into_iter().chain(self.user_pointer(&run.head)).collect();
        self.create_row(&run, row, Vec::new(), before).await
    }

    async fn create_ended(&self, run: NewRun, end: FinishedRun) -> Result<Created> {
        let head = self.pack_head(&run.head, MAX_ITEM_BYTES)?;
        let values = self.pack_end(&run.head.id, "end", &end, head.bytes)?;
        let row = ended(new_row(&run, head.attributes), &run, &end, values.attributes);
        let mut before = [head.chunks, values.chunks].concat();
        before.extend(self.user_pointer(&run.head));
        before.extend(failure_pointers(&run.head.id, &end));
        let created = self.create_row(&run, row, values.parts, before).await?;
        if created == Created::Created {
            self.count(end.tally.as_ref()).await;
        }
        Ok(created)
    }

    async fn claim(
        &self,
        run: &RunId,
        owner: &OwnerToken,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claimed> {
        let write = Write::update(
            Key::of_run(run),
            "SET #state = :running, #fence = #fence + :one, #barren_claims = #barren_claims + \
             :one, #owner = :owner, #due_at = :until, #look_at = :until, #started_at = \
             if_not_exists(#started_at, :now) REMOVE #lease_until",
        )
        .only_if(
            "attribute_exists(#due_at) AND (attribute_not_exists(#owner) OR (#due_at <= :now AND \
             (attribute_not_exists(#lease_until) OR #lease_until <= :now) AND #owner <> :owner))",
        )
        .bind(":running", text("running"))
        .bind(":one", number(1))
        .bind(":owner", text(&*owner.0))
        .bind(":until", time(lease_until))
        .bind(":now", time(now));
        match self.table().write(&write).await? {
            Outcome::Done(item) => self.claimed(run, owner, item).await,
            Outcome::Refused(item) => self.refused_claim(run, owner, lease_until, item).await,
        }
    }

    async fn heartbeat(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat> {
        // In no index: an index's key would be written twice with each heartbeat.
        let write = Write::update(Key::of_run(&lease.run), "SET #lease_until = :until")
            .only_if(format!("{HOLDS_LEASE} AND #due_at <= :until"));
        let write = bind_lease(write, lease).bind(":until", time(lease_until));
        match self.table().write(&write).await? {
            Outcome::Done(item) => kept_lease(&item),
            Outcome::Refused(Some(item)) if is_held_by(&item, lease)? => {
                self.shorten_lease(lease, lease_until).await
            }
            Outcome::Refused(_) => Ok(Heartbeat::Lost),
        }
    }

    async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Checkpoint,
        events: Vec<Event>,
    ) -> Result<Written> {
        let checkpoint = self.checkpoint_part(lease, &checkpoint)?;
        let events = self.events_part(&lease.run, &events)?;
        let ours = chunk_keys_of(events.iter().chain([&checkpoint]))?;
        self.put_chunks(checkpoint.chunks).await?;
        let others = self.events_write(events).await?;
        let row = |new_checkpoint| row_beside_parts(lease, new_checkpoint);
        let outcome = self.write_parts(row, vec![checkpoint.write], &others).await?;
        self.written(outcome, lease, ours).await
    }

    async fn mark_started(&self, lease: &Lease, place: &str) -> Result<StartMark> {
        let mark = Item::new(start_mark_key(&lease.run, place))
            .with("place", inline(place.to_owned()))
            .with("owner", text(&*lease.owner.0))
            .with("expires_at", self.parts_expire_at());
        let mark = Write::put(mark)
            .only_if("attribute_not_exists(#pk) OR #owner = :owner")
            .bind(":owner", text(&*lease.owner.0));
        Ok(match self.table().write_all(&[row_beside_parts(lease, false), mark]).await? {
            AllOutcome::Done => StartMark::Marked,
            AllOutcome::Refused(refusals) if refusals.first().is_some_and(Option::is_some) => {
                StartMark::Lost
            }
            AllOutcome::Refused(_) => StartMark::AlreadyStarted,
        })
    }

    async fn append_events(&self, lease: &Lease, events: Vec<Event>) -> Result<Written> {
        let events = self.events_part(&lease.run, &events)?;
        let ours = chunk_keys_of(events.iter())?;
        let others = self.events_write(events).await?;
        let row = |_| row_beside_parts(lease, false);
        self.written(self.write_parts(row, Vec::new(), &others).await?, lease, ours).await
    }

    async fn hand_over(
        &self,
        lease: &Lease,
        checkpoints: Vec<Checkpoint>,
        events: Vec<Event>,
        due_at: Timestamp,
    ) -> Result<Written> {
        let parking = Parking { checkpoints, events, due_at, answers: 0 };
        Ok(match self.released(lease, parking, None).await? {
            None => Written::Written,
            Some(item) if has_handed_over(lease, item.as_ref()) => Written::Written,
            Some(_) => Written::Lost,
        })
    }

    async fn park(&self, lease: &Lease, parking: Parking) -> Result<Parked> {
        let answers = parking.answers;
        Ok(match self.released(lease, parking, Some(answers)).await? {
            None => Parked::Parked,
            Some(Some(item)) if is_held_by(&item, lease)? => Parked::Answered,
            Some(item) if has_handed_over(lease, item.as_ref()) => Parked::Parked,
            Some(_) => Parked::Lost,
        })
    }

    async fn ask(&self, lease: &Lease, place: &str, question: OpenQuestion) -> Result<Written> {
        self.put_question(lease, place, &question).await
    }

    async fn answer(
        &self,
        run: &RunId,
        place: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Answered> {
        self.put_answer(run, place, &answer, now).await
    }

    async fn questions(&self, run: &RunId) -> Result<Vec<AskedQuestion>> {
        self.read_questions(run).await
    }

    async fn open_questions(
        &self,
        workflow_uids: &[String],
        request: PageRequest,
    ) -> Result<Page<ListedQuestion>> {
        self.list_open_questions(workflow_uids, request).await
    }

    async fn finish(&self, lease: &Lease, end: FinishedRun) -> Result<Finished> {
        let values = self.pack_end(&lease.run, &lease.owner.0, &end, MAX_OPEN_HEAD)?;
        let ours = values.chunks.iter().map(Item::key).collect::<Result<_>>()?;
        // A pointer that stays after a refusal is harmless, and one that is missing is not.
        let pointers = failure_pointers(&lease.run, &end);
        self.put_chunks(values.chunks.into_iter().chain(pointers).collect()).await?;
        let row = finish_leased(lease, &end, values.attributes);
        let mut writes = vec![row.clone().only_if(format!("{HOLDS_LEASE} AND {ASKS_NOTHING}"))];
        writes.extend(values.parts);
        let mut refused = self.table().write_all(&writes).await?.first_refused()?;
        if let Some(Refusal(Some(item))) = &refused
            && is_held_by(item, lease)?
        {
            writes[0] = row;
            refused = self.finish_asking(&lease.run, writes).await?;
        }
        let Some(Refusal(item)) = refused else {
            self.count(end.tally.as_ref()).await;
            return Ok(Finished::Finished);
        };
        self.drop_refused(&lease.run, item.as_ref(), ours).await?;
        match item {
            Some(item) if !is_open(&item) => self.already(item).await,
            _ => Ok(Finished::Lost),
        }
    }

    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest> {
        let write = Write::update(Key::of_run(run), "SET #cancel_requested = :true")
            .only_if("attribute_exists(#due_at)");
        match self
            .table()
            .write(&write.bind(":true", aws_sdk_dynamodb::types::AttributeValue::Bool(true)))
            .await?
        {
            Outcome::Done(item) if !item.has("owner") || due_of(&item)? <= Some(now) => {
                Ok(CancelRequest::Unowned)
            }
            Outcome::Done(_) => Ok(CancelRequest::Requested),
            Outcome::Refused(item) => {
                let kept = item.map(|item| self.kept(item)).transpose()?.flatten();
                kept.map_or(Ok(CancelRequest::Unknown), |item| {
                    Ok(CancelRequest::Already(from_word(item.text("state")?)?))
                })
            }
        }
    }

    async fn wipe(&self, run: &RunId) -> Result<()> {
        self.wipe_run(run).await
    }

    async fn delete(&self, run: &RunId) -> Result<Deleted> {
        self.delete_run(run).await
    }

    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>> {
        let attributes = record_attributes(Include::ALL);
        let Some(item) = self.table().get(Key::of_run(run), Some(&attributes)).await? else {
            return Ok(None);
        };
        let Some(item) = self.kept(item)? else { return Ok(None) };
        Ok(Some(self.table().record(&item, Include::ALL).await?.0))
    }

    async fn progress(&self, run: &RunId) -> Result<Option<RunProgress>> {
        let attributes = Some("#state, #cancel_requested, #kept_until");
        let Some(item) = self.table().get(Key::of_run(run), attributes).await? else {
            return Ok(None);
        };
        let Some(item) = self.kept(item)? else { return Ok(None) };
        Ok(Some(RunProgress {
            state: from_word(item.text("state")?)?,
            cancel_requested: item.flag("cancel_requested"),
        }))
    }

    async fn checkpoints(&self, run: &RunId, after: Option<u64>) -> Result<Vec<Checkpoint>> {
        self.table().checkpoints(run, after).await
    }

    async fn results(&self, run: &RunId) -> Result<Vec<Checkpoint>> {
        let attributes = Some("#pk, #results, #kept_until");
        let Some(item) = self.table().get(Key::of_run(run), attributes).await? else {
            return Ok(Vec::new());
        };
        let Some(item) = self.kept(item)? else { return Ok(Vec::new()) };
        let [results] = self.table().unpack(item.text("pk")?, [item.0.get("results")]).await?;
        results.as_deref().map_or(Ok(Vec::new()), |text| Ok(serde_json::from_str(text)?))
    }

    async fn started(&self, run: &RunId) -> Result<Vec<String>> {
        self.table().started(run).await
    }

    async fn events(
        &self,
        run: &RunId,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Event>> {
        self.table().events(run, after.unwrap_or(EventId { fence: 0, n: 0 }), limit).await
    }

    async fn trace(&self, run: &RunId) -> Result<Option<Trace>> {
        let Some(item) =
            self.table().get(Key::of_run(run), Some("#pk, #trace, #kept_until")).await?
        else {
            return Ok(None);
        };
        let Some(item) = self.kept(item)? else { return Ok(None) };
        let [trace] = self.table().unpack(item.text("pk")?, [item.0.get("trace")]).await?;
        Ok(trace.as_deref().map(serde_json::from_str).transpose()?)
    }

    async fn list(
        &self,
        workflow_uid: &str,
        filter: RunFilter,
        request: PageRequest,
    ) -> Result<Page<RunRecord>> {
        self.list_runs(&[workflow_uid], &filter, request).await
    }

    async fn list_of(
        &self,
        workflow_uids: &[String],
        filter: RunFilter,
        request: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let uids: Vec<&str> = workflow_uids.iter().map(String::as_str).collect();
        self.list_runs(&uids, &filter, request).await
    }

    async fn idempotency(
        &self,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<EarlierRun>> {
        let Some(item) = self.table().get(unique_row_key(key), None).await? else {
            return Ok(None);
        };
        if unique_row_is_past(&item, now)? { Ok(None) } else { earlier_run(&item).map(Some) }
    }
}

/// Open questions that leave their list with the end of their run, in one transaction.
const MAX_UNLISTED: usize = 60;

impl Aws {
    /// Ends a run whose questions are open: they leave their list. What does not fit into the
    /// transaction follows it.
    async fn finish_asking(&self, run: &RunId, mut writes: Vec<Write>) -> Result<Option<Refusal>> {
        let mut open = self.pointers_of_open(run).await?;
        let rest = open.split_off(open.len().min(MAX_UNLISTED));
        writes.extend(open.into_iter().map(Write::delete));
        let refused = self.table().write_all(&writes).await?.first_refused()?;
        if refused.is_none() && !rest.is_empty() {
            self.table().delete_all(rest).await?;
        }
        Ok(refused)
    }

    async fn create_row(
        &self,
        run: &NewRun,
        row: Item,
        parts: Vec<Write>,
        before: Vec<Item>,
    ) -> Result<Created> {
        let written = before.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        self.put_chunks(before).await?;
        let mut writes = vec![Write::put(row).if_absent()];
        writes.extend(unique_row_writes(run));
        writes.extend(parts);
        let created = match self.table().write_all(&writes).await? {
            AllOutcome::Done => Created::Created,
            AllOutcome::Refused(refusals) => refused_create(&run.unique_rows, refusals)?,
        };
        if created != Created::Created && !written.is_empty() {
            // The run was not created; without this its chunks would stay until they expire.
            self.table().delete_all(written).await?;
        }
        Ok(created)
    }

    async fn claimed(&self, run: &RunId, owner: &OwnerToken, item: Item) -> Result<Claimed> {
        let (record, _) = self.table().record(&item, Include::ALL).await?;
        let lease = Lease { run: run.clone(), fence: record.fence, owner: owner.clone() };
        Ok(Claimed::Leased(lease, Box::new(record)))
    }

    /// Repeating our own claim only moves the end of its lease.
    async fn refused_claim(
        &self,
        run: &RunId,
        owner: &OwnerToken,
        lease_until: Timestamp,
        item: Option<Item>,
    ) -> Result<Claimed> {
        let Some(item) = item.map(|item| self.kept(item)).transpose()?.flatten() else {
            return Ok(Claimed::Unknown);
        };
        if !is_open(&item) {
            return Ok(Claimed::Ended);
        }
        if item.find_text("owner") != Some(&owner.0) {
            return Ok(Claimed::LeasedByOther);
        }
        if due_of(&item)? == Some(lease_until) {
            return self.claimed(run, owner, item).await;
        }
        let lease = Lease { run: run.clone(), fence: item.number("fence")?, owner: owner.clone() };
        let write = Write::update(
            Key::of_run(run),
            "SET #due_at = :until, #look_at = :until REMOVE #lease_until",
        )
        .only_if(HOLDS_LEASE);
        match self
            .table()
            .write(&bind_lease(write, &lease).bind(":until", time(lease_until)))
            .await?
        {
            Outcome::Done(item) => self.claimed(run, owner, item).await,
            Outcome::Refused(_) => Ok(Claimed::LeasedByOther),
        }
    }

    pub(crate) async fn events_write(&self, events: Option<Part>) -> Result<Vec<Write>> {
        let Some(events) = events else { return Ok(Vec::new()) };
        self.put_chunks(events.chunks).await?;
        Ok(vec![events.write])
    }

    async fn written(
        &self,
        outcome: PartsOutcome,
        lease: &Lease,
        ours: Vec<Key>,
    ) -> Result<Written> {
        let PartsOutcome::Refused(item) = outcome else { return Ok(Written::Written) };
        self.drop_refused(&lease.run, item.as_ref(), ours).await?;
        Ok(Written::Lost)
    }

    /// For a lease that is to end before the time that its claim named, which is in the index.
    async fn shorten_lease(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat> {
        let write = Write::update(
            Key::of_run(&lease.run),
            "SET #due_at = :until, #look_at = :until REMOVE #lease_until",
        )
        .only_if(HOLDS_LEASE);
        match self
            .table()
            .write(&bind_lease(write, lease).bind(":until", time(lease_until)))
            .await?
        {
            Outcome::Done(item) => kept_lease(&item),
            Outcome::Refused(_) => Ok(Heartbeat::Lost),
        }
    }

    async fn already(&self, item: Item) -> Result<Finished> {
        let Some(item) = self.kept(item)? else { return Ok(Finished::Lost) };
        Ok(Finished::Already(Box::new(self.table().record(&item, Include::ALL).await?.0)))
    }
}

fn kept_lease(item: &Item) -> Result<Heartbeat> {
    Ok(Heartbeat::Kept {
        cancel_requested: item.flag("cancel_requested"),
        answers: item.find_number("answers")?.unwrap_or(0),
    })
}
