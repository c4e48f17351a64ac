//! What applying a folder would change, and why it may not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Args;
use super::folder::{File, Folder, Unusable};
use super::remote::{self, Remote, State};
use crate::client::Client;
use crate::failure;
use crate::problems::Problem;

pub(super) struct Plan {
    /// In the order in which they are published.
    pub steps: Vec<Step>,
    /// Workflows to delete: apply has published them, and they have no file any more.
    pub without_file: Vec<Orphan>,
    /// The secrets that the server lacks, with the workflows that use them.
    pub missing: BTreeMap<String, Vec<String>>,
    /// The key may not see which secrets there are.
    pub secrets_are_hidden: bool,
    /// Files that this server does not take.
    pub invalid: Vec<Unusable>,
}

pub(super) struct Step {
    pub id: String,
    pub text: String,
    pub action: Action,
    /// What was there.
    pub remote: Option<Remote>,
    /// What differs from the active version.
    pub nodes: Nodes,
}

/// A workflow that has no file any more.
#[derive(Serialize)]
pub(super) struct Orphan {
    pub id: String,
    /// What others have changed there.
    pub conflict: Option<String>,
    /// As it was when the plan was made.
    #[serde(skip)]
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(super) enum Action {
    Create,
    Change,
    Same,
    /// Others have changed what is there.
    Conflict {
        why: String,
    },
}

/// The ids of nodes that differ.
#[derive(Debug, Default, Serialize)]
pub(super) struct Nodes {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

impl Plan {
    pub(super) async fn make(client: &Client, folder: &Folder, args: &Args) -> Result<Self> {
        let (mut steps, mut invalid) = (Vec::new(), Vec::new());
        for file in &folder.files {
            let remote = remote::read(client, &file.id).await?;
            let action = action(file, remote.as_ref(), args.overwrite);
            let (mut problems, mut nodes) = (Vec::new(), Nodes::default());
            if action != Action::Same {
                let known = remote.as_ref().map(|_| &*file.id);
                let found = remote::validate(client, known, &file.text).await?;
                problems = problems_of(&found)?;
                nodes = Nodes::of(&found["outline"], known.is_some());
            }
            // The server knows its own versions of the children, not those of the folder.
            if !file.children.iter().any(|child| folder.has(child)) {
                invalid.extend(file.unusable(problems));
            }
            let (id, text) = (file.id.clone(), file.text.clone());
            steps.push(Step { id, text, action, remote, nodes });
        }
        let stored = stored_secrets(client).await?;
        let without_file = match args.prune {
            true => remote::ours(client, |id| folder.has(id)).await?,
            false => Vec::new(),
        };
        let orphan = |(id, remote)| Orphan::new(id, &remote, args.overwrite);
        let without_file = without_file.into_iter().map(orphan).collect();
        Ok(Self {
            missing: missing(folder, stored.as_ref()),
            secrets_are_hidden: stored.is_none(),
            without_file,
            steps,
            invalid,
        })
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &Step> {
        let changes = |step: &&Step| matches!(step.action, Action::Create | Action::Change);
        self.steps.iter().filter(changes)
    }

    pub(super) fn has_changes(&self) -> bool {
        self.changes().next().is_some() || !self.without_file.is_empty()
    }

    pub(super) fn has_conflicts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Conflict { .. }))
            || self.without_file.iter().any(|orphan| orphan.conflict.is_some())
    }
}

impl Orphan {
    fn new(id: String, remote: &Remote, overwrite: bool) -> Self {
        let conflict = conflict(None, remote).filter(|_| !overwrite);
        Self { id, conflict, state: remote.state() }
    }
}

fn action(file: &File, remote: Option<&Remote>, overwrite: bool) -> Action {
    let Some(remote) = remote else { return Action::Create };
    let active = remote.active.as_ref().map(|active| &*active.document);
    if active == Some(&*file.text) && remote.draft == file.text {
        return Action::Same;
    }
    match conflict(Some(&file.text), remote).filter(|_| !overwrite) {
        Some(why) => Action::Conflict { why },
        None => Action::Change,
    }
}

/// Returns what is on the server that apply has not made, and that is not the file's text.
fn conflict(text: Option<&str>, remote: &Remote) -> Option<String> {
    let by = |who: &Option<String>| {
        who.as_ref().map_or(String::new(), |key| format!(" (by the key {key})"))
    };
    let active = remote.active.as_ref();
    let is_published = active.is_some_and(|active| active.document == remote.draft);
    if !is_published && text != Some(&*remote.draft) && !is_draft_of_newest(remote) {
        let by = by(&remote.draft_saved_by);
        return Some(format!("the draft has changes that are not published{by}"));
    }
    match (active, &remote.newest) {
        (None, None) => None,
        (None, Some(newest)) => {
            Some(format!("the endpoint was taken down; {} was its newest version", newest.version))
        }
        (Some(active), _) if text == Some(&*active.document) => None,
        (Some(active), Some(newest)) if active.version != newest.version => Some(format!(
            "callers run {}, although {} is newer: somebody rolled back",
            active.version, newest.version
        )),
        (Some(active), _) if !active.is_ours() => Some(format!(
            "version {} was not published by apply{}",
            active.version,
            by(&active.published_by)
        )),
        _ => None,
    }
}

/// After a rollback the draft is still what the newest version was made from.
fn is_draft_of_newest(remote: &Remote) -> bool {
    remote.newest.as_ref().is_some_and(|newest| newest.document == remote.draft)
}

fn problems_of(answer: &Value) -> Result<Vec<Problem>> {
    let problems = answer.get("problems").map_or(Ok(Vec::new()), Vec::deserialize);
    problems.context("could not read the problems in the server's answer")
}

impl Nodes {
    /// In a workflow that is new, every node is.
    fn of(outline: &Value, is_known: bool) -> Self {
        let mut nodes = Self::default();
        for node in outline["nodes"].as_array().into_iter().flatten() {
            let id = node["id"].as_str().unwrap_or_default().to_owned();
            match node["change"].as_str() {
                Some("added") => nodes.added.push(id),
                Some(_) => nodes.changed.push(id),
                None if !is_known => nodes.added.push(id),
                None => {}
            }
        }
        let removed = outline["removed"].as_array().into_iter().flatten();
        nodes.removed = removed.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        nodes
    }
}

/// `None`: the key may not list them.
async fn stored_secrets(client: &Client) -> Result<Option<BTreeSet<String>>> {
    let stored = match client.get(&["v1", "secrets"], &[]).await {
        Err(error) if failure::is_forbidden(&error) => return Ok(None),
        stored => stored?,
    };
    let items = stored["items"].as_array().into_iter().flatten();
    Ok(Some(items.filter_map(|item| item["name"].as_str().map(str::to_owned)).collect()))
}

fn missing(folder: &Folder, stored: Option<&BTreeSet<String>>) -> BTreeMap<String, Vec<String>> {
    let mut missing = BTreeMap::<String, Vec<String>>::new();
    let Some(stored) = stored else { return missing };
    for file in &folder.files {
        for name in file.secrets.difference(stored) {
            missing.entry(name.clone()).or_default().push(file.id.clone());
        }
    }
    missing
}

#[cfg(test)]
mod tests;
