//! Converts a run to its row and back.

use std::sync::Arc;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::lease::{Lease, OwnerToken};
use flowgate_core::run::{FinishedRun, Include, Mode, NewRun, RunRecord, RunState};
use serde::de::DeserializeOwned;

use crate::item::{Item, Key, due_of, due_shard, number, seconds, text, time};
use crate::table::Table;
use crate::write::Write;

/// True only for the owner of an open run: the run's end removes the owner from its row.
pub(crate) const HOLDS_LEASE: &str = "#fence = :fence AND #owner = :owner";

pub(crate) fn bind_lease(write: Write, lease: &Lease) -> Write {
    write.bind(":fence", number(lease.fence)).bind(":owner", text(&*lease.owner.0))
}

pub(crate) fn is_held_by(item: &Item, lease: &Lease) -> Result<bool> {
    Ok(item.find_number("fence")? == Some(lease.fence)
        && item.find_text("owner") == Some(&lease.owner.0))
}

/// A run has `due_at` exactly until it ends.
pub(crate) fn is_open(item: &Item) -> bool {
    item.has("due_at")
}

/// Returns the attributes of a [`RunRecord`]. Excludes the trace, which may be most of a row.
pub(crate) fn record_attributes(include: Include) -> String {
    let of_all = "#pk, #sk, #list_sk, #state, #mode, #fence, #owner, #due_at, #lease_until, \
                  #look_at, #cancel_requested, #barren_claims, #started_at, #asked, #answers, \
                  #kept_until, #wiped, #head, #end";
    let input = if include.input { ", #input" } else { "" };
    let output = if include.output { ", #output" } else { "" };
    format!("{of_all}{input}{output}")
}

/// Returns the attributes that never change after the first write.
pub(crate) fn new_row(run: &NewRun, stored: HeadAttributes) -> Item {
    let head_of = &run.head;
    Item::new(Key::of_run(&head_of.id))
        .with("list_pk", text(list_of(&head_of.workflow_uid, head_of.id.as_str())))
        .with("list_sk", text(head_of.id.as_str()))
        .with("created_at", time(head_of.created_at))
        .with_some("user", head_of.user.as_deref().map(text))
        .with("group", text(head_of.group().as_str()))
        .with("mode", text(mode_word(run.mode)))
        .with("fence", number(u8::from(run.owner.is_some())))
        .with("head", stored.head)
        .with_some("input", stored.input)
}

/// The list of a workflow's runs lies in 16 partitions of the index, by the last digit of their
/// ids, which is random: one takes about a thousand writes a second.
pub(crate) fn list_of(workflow_uid: &str, run: &str) -> String {
    format!("RUNS#{workflow_uid}#{}", last_digit(run))
}

pub(crate) fn last_digit(run: &str) -> &str {
    &run[run.floor_char_boundary(run.len().saturating_sub(1))..]
}

/// All of them, and the one where earlier releases kept the whole list.
pub(crate) fn lists_of(workflow_uid: &str) -> Vec<String> {
    let whole = format!("RUNS#{workflow_uid}");
    let parts = (0..16).map(|digit| format!("{whole}#{digit:x}"));
    parts.chain([whole.clone()]).collect()
}

pub(crate) fn open(row: Item, run: &NewRun) -> Item {
    let owned = run.owner.is_some();
    row.with("state", text(if owned { RunState::Running } else { RunState::Pending }.as_str()))
        .with_some("owner", run.owner.as_ref().map(|owner| text(&*owner.0)))
        .with("due_at", time(run.due_at))
        .with("look_at", time(run.due_at))
        .with("due_shard", due_shard(run.head.group().as_str(), run.head.id.as_str()))
        .with("barren_claims", number(0))
        .with_some("started_at", owned.then(|| time(run.head.created_at)))
}

/// Adds the end of a run that was never open.
pub(crate) fn ended(row: Item, run: &NewRun, end: &FinishedRun, stored: EndAttributes) -> Item {
    row.with("state", text(end.end.state.as_str()))
        .with("end", stored.end)
        .with_some("output", stored.output)
        .with("trace", stored.trace)
        .with_some("results", stored.results)
        .with("kept_until", time(end.expires_at))
        .with("expires_at", seconds(end.expires_at))
        .with_some("look_at", end.due_at.map(time))
        .with_some("due_shard", end.due_at.map(|_| due_shard("", run.head.id.as_str())))
}

/// True for a run without an open question.
pub(crate) const ASKS_NOTHING: &str = "(attribute_not_exists(#asked) OR #asked = #answers)";

/// Returns the write that ends a leased run.
pub(crate) fn finish_leased(lease: &Lease, end: &FinishedRun, stored: EndAttributes) -> Write {
    let due = if end.due_at.is_some() { ", #look_at = :look_at, #due_shard = :shard" } else { "" };
    let not_due = if end.due_at.is_some() { "" } else { ", #look_at, #due_shard" };
    let output = if stored.output.is_some() { ", #output = :output" } else { "" };
    let results = if stored.results.is_some() { ", #results = :results" } else { "" };
    let expression = format!(
        "SET #state = :state, #end = :end, #trace = :trace, #kept_until = :kept_until, #expires_at \
         = :expires_at{due}{output}{results} REMOVE #owner, #due_at, #lease_until, \
         #handed_over_by, #barren_claims{not_due}"
    );
    let write =
        bind_lease(Write::update(Key::of_run(&lease.run), expression).only_if(HOLDS_LEASE), lease)
            .bind(":state", text(end.end.state.as_str()))
            .bind(":end", stored.end)
            .bind(":trace", stored.trace)
            .bind(":kept_until", time(end.expires_at))
            .bind(":expires_at", seconds(end.expires_at));
    let write = match stored.output {
        Some(output) => write.bind(":output", output),
        None => write,
    };
    let write = match stored.results {
        Some(results) => write.bind(":results", results),
        None => write,
    };
    match end.due_at {
        Some(at) => {
            write.bind(":look_at", time(at)).bind(":shard", due_shard("", lease.run.as_str()))
        }
        None => write,
    }
}

pub(crate) struct HeadAttributes {
    pub(crate) head: AttributeValue,
    /// Set if the input is large; else it is in the head.
    pub(crate) input: Option<AttributeValue>,
}

pub(crate) struct EndAttributes {
    pub(crate) end: AttributeValue,
    /// Set if the output is large; else it is in the end.
    pub(crate) output: Option<AttributeValue>,
    pub(crate) trace: AttributeValue,
    /// Set if the run left results that are stored nowhere else.
    pub(crate) results: Option<AttributeValue>,
}

pub(crate) fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Attached => "attached",
        Mode::Detached => "detached",
    }
}

/// Parses a unit variant from its stored name.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::String(word.to_owned()))?)
}

impl Table {
    /// Returns the run of a row, and the bytes of its values. Reads no chunks of values that are
    /// not included.
    pub(crate) async fn record(&self, item: &Item, include: Include) -> Result<(RunRecord, usize)> {
        let input = item.0.get("input").filter(|_| include.input);
        let output = item.0.get("output").filter(|_| include.output);
        let stored = [Some(item.value("head")?), item.0.get("end"), input, output];
        let values = self.unpack(item.text("pk")?, stored).await?;
        let bytes = values.iter().flatten().map(String::len).sum();
        let [head, end, input, output] = values;
        let input = input.as_deref().map(serde_json::from_str).transpose()?;
        let head = include.head(serde_json::from_str(&head.unwrap_or_default())?, input);
        let output = output.as_deref().map(serde_json::from_str).transpose()?;
        let end = end
            .as_deref()
            .map(serde_json::from_str)
            .transpose()?
            .map(|end| include.end(end, output));
        let due_at = if is_open(item) { due_of(item)? } else { item.find_time("look_at")? };
        let record = RunRecord {
            head: Arc::new(head),
            state: from_word(item.text("state")?)?,
            mode: from_word(item.text("mode")?)?,
            fence: item.number("fence")?,
            owner: item.find_text("owner").map(|owner| OwnerToken(owner.into())),
            due_at,
            cancel_requested: item.flag("cancel_requested"),
            claims_without_progress: item.find_number("barren_claims")?.unwrap_or(0),
            started_at: end.as_ref().map(|end| end.started_at).or(item.find_time("started_at")?),
            asked: item.find_number("asked")?.unwrap_or(0),
            answers: item.find_number("answers")?.unwrap_or(0),
            end: end.map(Arc::new),
            wiped: item.flag("wiped"),
        };
        Ok((record, bytes))
    }
}
