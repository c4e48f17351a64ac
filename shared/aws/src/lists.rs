//! Lists of the runs of workflows: all, a user's, and those that failed with a code or at a node,
//! which small items point to.

use anyhow::{Context, Result};
use flowgate_core::id::RunId;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::run::{FinishedRun, RunEnd, RunFilter, RunHead, RunRecord, RunState, Selection};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use crate::Aws;
use crate::item::{Item, Key, seconds, text};
use crate::page::{Condition, Listed, Listing, Lists};
use crate::row::{last_digit, lists_of, record_attributes};

impl Aws {
    pub(crate) async fn list_runs(
        &self,
        workflow_uids: &[&str],
        filter: &RunFilter,
        request: PageRequest,
    ) -> Result<Page<RunRecord>> {
        let Some(ids) = filter.ids(request.cursor.as_deref()) else {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        };
        let sources = workflow_uids.iter().map(|uid| Source::of(uid, filter));
        let listing = |source: &Source, list: String| Listing {
            lists: source.lists,
            range: Some((ids.start().to_string(), ids.end().to_string())),
            filter: source.conditions.clone(),
            backward: !filter.oldest_first,
            attributes: Some(record_attributes(filter.include)),
            ..Listing::of(list, None)
        };
        let of_source = |mut source: Source| {
            let partitions = std::mem::take(&mut source.partitions);
            partitions.into_iter().map(|list| listing(&source, list)).collect::<Vec<_>>()
        };
        let listings = sources.flat_map(of_source).collect();
        let read = |item: Item| {
            async move {
                let Some(item) = self.kept(item)? else { return Ok(None) };
                let cursor = item.text("list_sk")?.to_owned();
                let (run, bytes) = self.table().record(&item, filter.include).await?;
                // An index may lag behind the row, and a pointer is written before it.
                Ok(filter.matches(&run).then_some(Listed { item: run, bytes, cursor }))
            }
            .boxed()
        };
        self.merged_page(listings, request.limit, read).await
    }

    /// Returns what to write before a run is created, so that its user's list finds it.
    pub(crate) fn user_pointer(&self, head: &RunHead) -> Option<Item> {
        let key = user_key(head)?;
        Some(Item::new(key).with("expires_at", self.parts_expire_at()))
    }
}

/// Where a page looks for its runs.
struct Source {
    lists: Lists,
    partitions: Vec<String>,
    conditions: Vec<Condition>,
}

impl Source {
    /// Takes the list that is likely the shortest.
    fn of(uid: &str, filter: &RunFilter) -> Self {
        let Selection { user, node, code, .. } = &filter.selection;
        match (user, node, code) {
            _ if filter.complete => Self::whole(uid, filter),
            (Some(user), ..) => Self {
                lists: Lists::Pointers,
                partitions: vec![user_list(uid, user)],
                conditions: Vec::new(),
            },
            (None, Some(node), code) => {
                let with_code = code.as_ref().map(|code| ("#code = :code", ":code", hash(code)));
                Self {
                    lists: Lists::Pointers,
                    partitions: failure_lists(uid, "node", node),
                    conditions: with_code
                        .map(|(condition, name, hash)| (condition, name, text(hash)))
                        .into_iter()
                        .collect(),
                }
            }
            (None, None, Some(code)) => Self {
                lists: Lists::Pointers,
                partitions: failure_lists(uid, "code", code),
                conditions: Vec::new(),
            },
            (None, None, None) => Self::whole(uid, filter),
        }
    }

    /// The list of all runs, with conditions on what of them its index holds.
    fn whole(uid: &str, filter: &RunFilter) -> Self {
        let state = filter.selection.only_state();
        let state = state.map(|state| ("#state = :state", ":state", text(state.as_str())));
        let user = filter.selection.user.as_deref();
        let user = user.map(|user| ("#user = :user", ":user", text(user)));
        let mut conditions: Vec<Condition> = [state, user].into_iter().flatten().collect();
        conditions.extend(filter.ended.into_iter().flat_map(without_others));
        Self { lists: Lists::Index, partitions: lists_of(uid), conditions }
    }
}

/// Excludes the states of runs that have ended, or of those that have not.
fn without_others(ended: bool) -> [Condition; 3] {
    if ended {
        [
            ("#state <> :pending", ":pending", text("pending")),
            ("#state <> :running", ":running", text("running")),
            ("#state <> :waiting", ":waiting", text("waiting")),
        ]
    } else {
        [
            ("#state <> :succeeded", ":succeeded", text("succeeded")),
            ("#state <> :failed", ":failed", text("failed")),
            ("#state <> :cancelled", ":cancelled", text("cancelled")),
        ]
    }
}

/// Returns what to write before the end of a failed run, so that the lists of its failure find it.
pub(crate) fn failure_pointers(run: &RunId, end: &FinishedRun) -> Vec<Item> {
    let pointer = |key| {
        let code = end.end.error.as_ref().map(|error| text(hash(&error.code)));
        Item::new(key).with_some("code", code).with("expires_at", seconds(end.expires_at))
    };
    failure_keys(&end.workflow_uid, run, &end.end).into_iter().map(pointer).collect()
}

/// Returns the keys of all that points to a run.
pub(crate) fn pointer_keys(head: &RunHead, end: &RunEnd) -> Vec<Key> {
    let failure = failure_keys(&head.workflow_uid, &head.id, end);
    user_key(head).into_iter().chain(failure).collect()
}

/// Returns the run that a pointer names, as its row's place in a list.
pub(crate) fn pointed_run(pointer: &Item) -> Result<Item> {
    let run = RunId::parse(pointer.text("sk")?).context("a pointer names no run")?;
    Ok(Item::new(Key::of_run(&run)).with("list_sk", text(run.as_str())))
}

fn user_key(head: &RunHead) -> Option<Key> {
    let user = head.user.as_deref()?;
    Some(Key::new(user_list(&head.workflow_uid, user), head.id.as_str()))
}

fn failure_keys(uid: &str, run: &RunId, end: &RunEnd) -> Vec<Key> {
    let Some(error) = end.error.as_ref().filter(|_| end.state == RunState::Failed) else {
        return Vec::new();
    };
    let values = [("code", Some(&error.code)), ("node", error.node.as_ref())];
    let key = |(by, value): (&str, Option<&String>)| {
        let list = failure_list(uid, by, value?);
        Some(Key::new(format!("{list}#{}", last_digit(run.as_str())), run.as_str()))
    };
    values.into_iter().filter_map(key).collect()
}

/// One partition: it takes about a thousand starts a second.
fn user_list(uid: &str, user: &str) -> String {
    format!("LIST#{uid}#user#{}", hash(user))
}

fn failure_list(uid: &str, by: &str, value: &str) -> String {
    format!("LIST#{uid}#{by}#{}", hash(value))
}

/// A workflow whose provider is down fails as often as it is called: these lie in 16 partitions, as
/// the list of its runs does.
fn failure_lists(uid: &str, by: &str, value: &str) -> Vec<String> {
    let list = failure_list(uid, by, value);
    (0..16).map(|digit| format!("{list}#{digit:x}")).collect()
}

/// Users, codes and nodes have any length and any characters.
fn hash(value: &str) -> String {
    Sha256::digest(value)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
