//! Performs the calls of knowledge: checks whose a store is and what its vectors are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_core::hash::sha256_hex;
use flowgate_core::knowledge::{
    Committed, MAX_DIMENSIONS, Match, Part, Source, StoreHead, StoreId, normalized,
};
use flowgate_core::run::RunHead;
use flowgate_engine::call::{EmbeddedChunk, KnowledgeCall, KnowledgeRequest};
use flowgate_engine::{CallError, CallOutput, CallResult};
use serde_json::{Value, json};

use crate::call_site::CallSite;
use crate::platform::App;

impl App {
    /// Performs a call of knowledge for the run. Safe to repeat. `Err`: the store failed.
    pub async fn use_knowledge(
        &self,
        site: CallSite<'_>,
        call: &KnowledgeCall,
    ) -> anyhow::Result<CallResult> {
        let head = site.head;
        let store = match call.shared {
            true => StoreId::shared(&call.store),
            false => StoreId::of_workflow(site.uid(), &call.store),
        };
        let version = version_of(head, site.place);
        let outcome = match &call.request {
            KnowledgeRequest::Put { model, number, chunks } => {
                self.put_part(site, &store, model, version, (*number, chunks)).await?
            }
            KnowledgeRequest::Commit { source, parts, chunks } => {
                let (user, name) = (head.user.clone(), source.clone());
                let source = Source { name, version, parts: *parts, chunks: *chunks, user };
                self.commit_source(site, &store, source).await?
            }
            KnowledgeRequest::Delete { source } => match self.may_write(site, &store).await? {
                Err(error) => Err(error),
                Ok(()) => {
                    let deleted = self.ports.knowledge.delete_source(&store, source).await?;
                    Ok(json!({ "deleted": deleted }))
                }
            },
            KnowledgeRequest::Search { model, vector, top, min_score } => {
                self.search_store(&store, model, vector, (*top, *min_score)).await?
            }
        };
        Ok(match outcome {
            Ok(value) => {
                CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
            }
            Err(error) => CallResult::Failed(error),
        })
    }

    async fn put_part(
        &self,
        site: CallSite<'_>,
        store: &StoreId,
        model: &str,
        version: String,
        (number, chunks): (usize, &[EmbeddedChunk]),
    ) -> anyhow::Result<Result<Value, CallError>> {
        if let Err(error) = self.may_write(site, store).await? {
            return Ok(Err(error));
        }
        let vectors: Result<Vec<_>, _> =
            chunks.iter().map(|chunk| decoded(&chunk.vector)).collect();
        let vectors = match vectors {
            Ok(vectors) => vectors,
            Err(error) => return Ok(Err(error)),
        };
        let Some(first) = vectors.first() else { return Ok(Ok(json!({}))) };
        let new = StoreHead {
            workflow_uid: site.uid().to_owned(),
            model: model.to_owned(),
            dimensions: first.len(),
        };
        let stored = self.ports.knowledge.begin(store, new).await?;
        if let Some(error) = vectors.iter().find_map(|vector| misfit(&stored, model, vector.len()))
        {
            return Ok(Err(error));
        }
        let chunks = chunks.iter().map(|chunk| chunk.chunk.clone()).collect();
        let part = Part { version, number, user: site.head.user.clone(), chunks, vectors };
        self.ports.knowledge.put(store, part).await?;
        Ok(Ok(json!({})))
    }

    async fn commit_source(
        &self,
        site: CallSite<'_>,
        store: &StoreId,
        source: Source,
    ) -> anyhow::Result<Result<Value, CallError>> {
        if let Err(error) = self.may_write(site, store).await? {
            return Ok(Err(error));
        }
        if source.chunks == 0 {
            self.ports.knowledge.delete_source(store, &source.name).await?;
            return Ok(Ok(json!({ "total": null })));
        }
        Ok(match self.ports.knowledge.commit(store, source).await? {
            Committed::Committed { total } => Ok(json!({ "total": total })),
            Committed::Full { max } => {
                Err(failed("store_full", format!("a store holds at most {max} chunks")))
            }
            Committed::Deleted => {
                let message = "what the node had put was deleted before it was the source";
                Err(failed("source_deleted", message))
            }
        })
    }

    /// Unsaved runs leave nothing, and a shared store takes only from its own workflow.
    async fn may_write(
        &self,
        site: CallSite<'_>,
        store: &StoreId,
    ) -> anyhow::Result<Result<(), CallError>> {
        if !site.head.save {
            let message = "a run that is not saved cannot change what a store keeps";
            return Ok(Err(failed("not_saved", message)));
        }
        let stored = self.ports.knowledge.head(store).await?;
        let is_ours = stored.is_none_or(|stored| stored.workflow_uid == site.uid());
        let message = "the shared store belongs to another workflow, which alone adds and deletes";
        Ok(if is_ours { Ok(()) } else { Err(failed("store_of_another_workflow", message)) })
    }

    async fn search_store(
        &self,
        store: &StoreId,
        model: &str,
        vector: &str,
        (top, min_score): (usize, Option<f64>),
    ) -> anyhow::Result<Result<Value, CallError>> {
        let vector = match decoded(vector) {
            Ok(vector) => vector,
            Err(error) => return Ok(Err(error)),
        };
        let Some(stored) = self.ports.knowledge.head(store).await? else {
            return Ok(Ok(json!({ "matches": [] })));
        };
        if let Some(error) = misfit(&stored, model, vector.len()) {
            return Ok(Err(error));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a score has few digits")]
        let min_score = min_score.map(|score| score as f32);
        let found = self.ports.knowledge.search(store, &vector, top, min_score).await?;
        Ok(Ok(json!({ "matches": found.into_iter().map(shown).collect::<Vec<_>>() })))
    }
}

/// One adding of a source: the node of the run, whatever its call.
fn version_of(head: &RunHead, place: &str) -> String {
    let node = place.rsplit_once('/').map_or(place, |(node, _)| node);
    sha256_hex(format!("{}/{node}", head.id).as_bytes())
}

fn shown(found: Match) -> Value {
    let Match { source, score, chunk } = found;
    let score = (f64::from(score) * 10_000.0).round() / 10_000.0;
    json!({ "text": chunk.text, "score": score, "source": source, "metadata": chunk.metadata })
}

fn misfit(stored: &StoreHead, model: &str, dimensions: usize) -> Option<CallError> {
    let StoreHead { model: own, dimensions: expected, .. } = stored;
    if own != model {
        let message = format!("the store's vectors are of {own:?}, not of {model:?}");
        return Some(failed("model_mismatch", message));
    }
    (dimensions != *expected).then(|| {
        let message =
            format!("the store's vectors have {expected} dimensions, and this one {dimensions}");
        failed("dimension_mismatch", message)
    })
}

fn decoded(vector: &str) -> Result<Vec<f32>, CallError> {
    let broken = || failed("invalid_vector", "the model returned no vector that has a direction");
    let bytes = STANDARD.decode(vector).map_err(|_| broken())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || numbers.is_empty() || numbers.len() > MAX_DIMENSIONS {
        let message = format!("a vector has 1 to {MAX_DIMENSIONS} dimensions");
        return Err(failed("invalid_vector", message));
    }
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    normalized(&numbers).ok_or_else(broken)
}

fn failed(code: &str, message: impl Into<String>) -> CallError {
    CallError { code: code.to_owned(), message: message.into(), ..CallError::default() }
}
