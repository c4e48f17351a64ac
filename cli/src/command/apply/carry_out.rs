//! Publishes what a plan says. If a step fails, those before it are taken back.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use flowgate_core::workflow::{document_hash, etag};
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde_json::{Value, json};

use super::Args;
use super::plan::{Orphan, Plan, Step};
use super::remote::{self, MARK, Remote, State, Version, is_refused, media};
use crate::client::Client;
use crate::failure::Failure;

/// A workflow that has changed.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    pub id: String,
    /// `None`: it was deleted.
    pub version: Option<String>,
}

/// Somebody changed a workflow after the plan was made.
#[derive(Debug, thiserror::Error)]
#[error("{0}: it has changed since the plan was made")]
pub(super) struct Raced(String);

/// What a step has made so far. If the server has something else, somebody else made that.
struct Made<'p> {
    step: &'p Step,
    state: State,
    is_published: bool,
}

/// Saves all drafts before any of them is published: most refusals come with them.
pub(super) async fn carry_out(client: &Client, plan: &Plan, args: &Args) -> Result<Vec<Done>> {
    let (mut made, mut done) = (Vec::new(), Vec::new());
    match perform(client, plan, args, &mut made, &mut done).await {
        Ok(()) => Ok(done),
        // What is deleted does not come back.
        Err(error) if done.iter().any(|done| done.version.is_none()) => {
            Err(error.context("what was done before it stays"))
        }
        Err(error) => Err(taken_back(client, &made, error).await),
    }
}

async fn perform<'p>(
    client: &Client,
    plan: &'p Plan,
    args: &Args,
    made: &mut Vec<Made<'p>>,
    done: &mut Vec<Done>,
) -> Result<()> {
    for step in plan.changes() {
        let saved = save(client, step).await;
        if saved.as_ref().is_err_and(|error| !is_answered(error)) {
            // It may be saved nonetheless: taking back looks.
            made.push(as_saved(step));
        }
        made.push(saved?);
    }
    let notes = args.notes.as_ref().map_or(MARK.to_owned(), |notes| format!("{MARK}: {notes}"));
    for made in made {
        let id = &made.step.id;
        require(client, id, Some(&made.state)).await?;
        let version = publish(client, id, &notes, &made.state.etag).await;
        let version = version.map_err(|error| refused(id, error))?;
        made.state.active_version = Some(version.clone());
        made.is_published = true;
        done.push(Done { id: id.clone(), version: Some(version) });
    }
    for Orphan { id, state, .. } in &plan.without_file {
        require(client, id, Some(state)).await?;
        if let Err(error) = delete(client, id, &state.etag).await {
            let is_there = is_answered(&error) || State::read(client, id).await?.is_some();
            if is_there {
                return Err(unless_raced(error, &format!("{id} is not deleted")));
            }
        }
        done.push(Done { id: id.clone(), version: None });
    }
    Ok(())
}

/// Whether the server has answered, and so done nothing. After a 502 to 504 of a gateway, it may
/// have.
fn is_answered(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(Failure::Refused(refusal)) => refusal.status < 500,
        _ => error.is::<Raced>(),
    }
}

/// Fails if the workflow is not as it should be.
async fn require(client: &Client, id: &str, expected: Option<&State>) -> Result<()> {
    match State::read(client, id).await?.as_ref() == expected {
        true => Ok(()),
        false => Err(Raced(id.to_owned()).into()),
    }
}

/// What a save makes, if it was done and its answer was lost.
fn as_saved(step: &Step) -> Made<'_> {
    let active_version = step.remote.as_ref().and_then(|remote| remote.state().active_version);
    let etag = etag(&document_hash(&step.text)).to_owned();
    Made { step, state: State { etag, active_version }, is_published: false }
}

/// Saves a draft, unless somebody has since.
async fn save<'p>(client: &Client, step: &'p Step) -> Result<Made<'p>> {
    let before = step.remote.as_ref().map(Remote::state);
    let etag = before.as_ref().map(|state| &*state.etag);
    let saved = put(client, &step.id, &step.text, etag).await;
    let etag = saved.map_err(|error| unless_raced(error, &format!("{} is not saved", step.id)))?;
    let active_version = before.and_then(|state| state.active_version);
    Ok(Made { step, state: State { etag, active_version }, is_published: false })
}

/// Replaces the draft with this ETag, or makes a new workflow, and returns the new draft's.
async fn put(client: &Client, id: &str, text: &str, etag: Option<&str>) -> Result<String> {
    let request = client.request(Method::PUT, &["v1", "workflows", id], &[]);
    let request = request.header(CONTENT_TYPE, media(text)).body(text.to_owned());
    let request = match etag {
        Some(etag) => only_if(request, etag),
        None => request.header(IF_NONE_MATCH, "*"),
    };
    remote::etag(&unless_changed(client, id, request).await?)
}

/// Publishes the draft with this ETag.
async fn publish(client: &Client, id: &str, notes: &str, etag: &str) -> Result<String> {
    let request = client.request(Method::POST, &["v1", "workflows", id, "versions"], &[]);
    let publication = if notes.is_empty() { json!({}) } else { json!({ "notes": notes }) };
    let request = only_if(request, etag).json(&publication);
    let published = unless_changed(client, id, request).await?;
    Ok(published["version"].as_str().unwrap_or_default().to_owned())
}

/// Deletes the workflow whose draft has this ETag.
async fn delete(client: &Client, id: &str, etag: &str) -> Result<()> {
    let request = client.request(Method::DELETE, &["v1", "workflows", id], &[]);
    unless_changed(client, id, only_if(request, etag)).await.map(drop)
}

fn only_if(request: RequestBuilder, etag: &str) -> RequestBuilder {
    request.header(IF_MATCH, format!("\"{etag}\""))
}

async fn unless_changed(client: &Client, id: &str, request: RequestBuilder) -> Result<Value> {
    client.json(request).await.map_err(|error| match is_refused(&error, 412) {
        true => Raced(id.to_owned()).into(),
        false => error,
    })
}

fn unless_raced(error: anyhow::Error, context: &str) -> anyhow::Error {
    if error.is::<Raced>() { error } else { error.context(context.to_owned()) }
}

/// Names the errors of a document that the server does not publish.
fn refused(id: &str, error: anyhow::Error) -> anyhow::Error {
    if error.is::<Raced>() {
        return error;
    }
    let mut message = format!("{id} is not published: {error:#}");
    if let Some(Failure::Refused(refusal)) = error.downcast_ref() {
        let problems = refusal.problem["problems"].as_array().into_iter().flatten();
        for problem in problems.filter(|problem| problem["severity"] == "error") {
            let text = |name: &str| problem[name].as_str().unwrap_or_default();
            let _ = write!(message, "\n  {} {}", text("path"), text("message"));
        }
    }
    anyhow!(message)
}

/// Puts back what was there, and adds to the error what could not be.
async fn taken_back(client: &Client, made: &[Made<'_>], error: anyhow::Error) -> anyhow::Error {
    let mut left = Vec::new();
    for made in made.iter().rev() {
        if let Err(why) = take_back(client, made).await {
            left.push(match why.is::<Raced>() {
                true => format!("{why:#}"),
                false => format!("{}: {why:#}", made.step.id),
            });
        }
    }
    match left.is_empty() {
        true => error.context("nothing is changed"),
        false => error.context(format!("could not be taken back: {}", left.join("; "))),
    }
}

/// Leaves alone what others have made since.
async fn take_back(client: &Client, made: &Made<'_>) -> Result<()> {
    let Made { step: Step { id, remote, .. }, state, is_published } = made;
    let Some(now) = State::read(client, id).await? else { return Ok(()) };
    if remote.as_ref().is_some_and(|remote| remote.state() == now) {
        return Ok(());
    }
    let is_ours = now == *state;
    let active = remote.as_ref().and_then(|remote| remote.active.as_ref());
    match (remote, active) {
        (None, _) if is_ours => return delete(client, id, &state.etag).await,
        (Some(remote), Some(active)) if is_ours && *is_published => {
            return restore(client, id, remote, active, &state.etag).await;
        }
        // The draft is somebody else's, but callers run what apply has published.
        (_, Some(active)) if *is_published && now.active_version == state.active_version => {
            roll_back(client, id, &active.version).await?;
        }
        (_, None) if *is_published && now.active_version == state.active_version => {
            let path = ["v1", "workflows", id, "active"];
            client.json(client.request(Method::DELETE, &path, &[])).await?;
        }
        _ => {}
    }
    match remote {
        Some(remote) if is_ours => {
            put(client, id, &remote.draft, Some(&state.etag)).await.map(drop)
        }
        _ => Err(Raced(id.clone()).into()),
    }
}

/// Publishes the earlier document again, with its notes: after a rollback the next apply would
/// find a conflict. Where there was one, there is one again.
async fn restore(
    client: &Client,
    id: &str,
    remote: &Remote,
    active: &Version,
    etag: &str,
) -> Result<()> {
    let was_newest = remote.newest.as_ref().is_some_and(|newest| newest.version == active.version);
    let mut etag = etag.to_owned();
    if was_newest {
        etag = put(client, id, &active.document, Some(&etag)).await?;
    }
    if !was_newest || publish(client, id, &active.notes, &etag).await.is_err() {
        roll_back(client, id, &active.version).await?;
    }
    put(client, id, &remote.draft, Some(&etag)).await.map(drop)
}

async fn roll_back(client: &Client, id: &str, version: &str) -> Result<()> {
    let request = client.request(Method::POST, &["v1", "workflows", id, "rollback"], &[]);
    client.json(request.json(&json!({ "version": version }))).await?;
    Ok(())
}
