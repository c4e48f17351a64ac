//! What a server has of a workflow.

use anyhow::{Context, Result};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{Failure, Refusal};

/// Begins the notes of the versions that apply has published.
pub(super) const MARK: &str = "flowgate apply";

/// A workflow on the server.
pub(super) struct Remote {
    pub etag: String,
    pub draft: String,
    pub draft_saved_by: Option<String>,
    /// The newest version; `None`: nothing was ever published.
    pub newest: Option<Version>,
    /// What callers run.
    pub active: Option<Version>,
}

/// What changes whenever somebody changes a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Of the draft.
    pub etag: String,
    pub active_version: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub version: String,
    pub document: String,
    pub notes: String,
    pub published_by: Option<String>,
}

impl Version {
    /// Whether apply has published it.
    pub(super) fn is_ours(&self) -> bool {
        is_marked(&self.notes)
    }
}

fn is_marked(notes: &str) -> bool {
    notes.strip_prefix(MARK).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

impl State {
    /// `None`: the server has no such workflow.
    pub(super) async fn read(client: &Client, id: &str) -> Result<Option<Self>> {
        found(client, id).await?.map(|found| Self::of(&found)).transpose()
    }

    fn of(found: &Value) -> Result<Self> {
        let active_version = found["active_version"].as_str().map(str::to_owned);
        Ok(Self { etag: etag(found)?, active_version })
    }
}

impl Remote {
    pub(super) fn state(&self) -> State {
        let active_version = self.active.as_ref().map(|active| active.version.clone());
        State { etag: self.etag.clone(), active_version }
    }
}

/// The ETag of the draft in an answer.
pub(super) fn etag(answer: &Value) -> Result<String> {
    let etag = answer["draft"]["etag"].as_str().map(str::to_owned);
    etag.context("the server's answer has no ETag")
}

async fn found(client: &Client, id: &str) -> Result<Option<Value>> {
    match client.get(&["v1", "workflows", id], &[]).await {
        Err(error) if is_refused(&error, 404) => Ok(None),
        found => found.map(Some),
    }
}

/// `None`: the server has no such workflow.
pub(super) async fn read(client: &Client, id: &str) -> Result<Option<Remote>> {
    let Some(found) = found(client, id).await? else { return Ok(None) };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let State { etag, active_version: active } = State::of(&found)?;
    let newest = newest(client, id).await?;
    let newest = match &newest {
        None => None,
        Some(version) => Some(self::version(client, id, version).await?),
    };
    let active = match (active, &newest) {
        (Some(active), Some(newest)) if newest.version == active => Some(newest.clone()),
        (Some(active), _) => Some(version(client, id, &active).await?),
        (None, _) => None,
    };
    Ok(Some(Remote {
        etag,
        draft: text(&found["document"]).context("the server's answer has no document")?,
        draft_saved_by: text(&found["draft"]["saved_by"]),
        newest,
        active,
    }))
}

async fn newest(client: &Client, id: &str) -> Result<Option<String>> {
    let page = client.get(&["v1", "workflows", id, "versions"], &[("limit", "1")]).await?;
    Ok(page["items"][0]["version"].as_str().map(str::to_owned))
}

async fn version(client: &Client, id: &str, version: &str) -> Result<Version> {
    let found = client.get(&["v1", "workflows", id, "versions", version], &[]).await?;
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    Ok(Version {
        version: version.to_owned(),
        document: text("document").context("the server's answer has no document")?,
        notes: text("notes").unwrap_or_default(),
        published_by: text("published_by"),
    })
}

/// Returns the workflows whose active version apply has published, by id.
pub(super) async fn ours(
    client: &Client,
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Remote)>> {
    let mut ours = Vec::new();
    for item in client.all_items(&["v1", "workflows"], &[("limit", "100")]).await? {
        let Some(id) = item["id"].as_str().filter(|id| !is_known(id)) else { continue };
        if item["active_version"].is_null() {
            continue;
        }
        let remote = read(client, id).await?;
        let is_ours = |remote: &Remote| remote.active.as_ref().is_some_and(Version::is_ours);
        ours.extend(remote.filter(is_ours).map(|remote| (id.to_owned(), remote)));
    }
    Ok(ours)
}

/// Says what is wrong with a document, and what differs from the active version.
pub(super) async fn validate(client: &Client, id: Option<&str>, text: &str) -> Result<Value> {
    let query: Vec<(&str, &str)> = id.iter().map(|id| ("workflow", *id)).collect();
    let request = client.request(Method::POST, &["v1", "workflows", "validate"], &query);
    let request = request.header(CONTENT_TYPE, media(text)).body(text.to_owned());
    match client.json(request).await {
        // A text that the server cannot read at all has problems, too.
        Err(error) if is_refused(&error, 422) => Ok(problem_of(error)),
        answer => answer,
    }
}

fn problem_of(error: anyhow::Error) -> Value {
    match error.downcast() {
        Ok(Failure::Refused(Refusal { problem, .. })) => problem,
        _ => json!({}),
    }
}

pub(super) fn media(text: &str) -> &'static str {
    if text.trim_start().starts_with('{') { "application/json" } else { "application/yaml" }
}

pub(super) fn is_refused(error: &anyhow::Error, status: u16) -> bool {
    matches!(
        error.downcast_ref(),
        Some(Failure::Refused(refusal)) if refusal.status == status
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_others_are_not_ours() {
        for (notes, ours) in [
            ("flowgate apply", true),
            ("flowgate apply: mends it", true),
            ("flowgate applying", false),
            ("by hand, not flowgate apply", false),
            ("", false),
        ] {
            assert_eq!(is_marked(notes), ours, "{notes}");
        }
    }
}
