//! Adds a source: cuts its text, has the pieces embedded, stores them, then makes them the source.

use serde_json::{Map, Value};

use super::chunk::chunks;
use super::fields::{METADATA, OVERLAP, SIZE, SOURCE, TEXT};
use super::{Knowledge, source_name, usage};
use crate::call::{Chunked, EmbeddedChunk, KnowledgeRequest};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::kind::{Done, NodeError, Plan, Planned};

const DEFAULT_SIZE: u64 = 1_000;
const DEFAULT_OVERLAP: u64 = 100;
/// The most pieces that one node adds.
const MAX_CHUNKS: usize = 1_000;
/// Pieces in one request, and in one part of the source; and their bytes.
const MAX_BATCH: usize = 32;
const MAX_BATCH_BYTES: usize = 128 << 10;
/// Requests that are open at the same time.
const MAX_OPEN: usize = 4;
const MAX_METADATA: usize = 2 << 10;

#[derive(Debug)]
pub(super) struct Add {
    text: Text,
    source: Text,
    metadata: Option<Template>,
    size: usize,
    overlap: usize,
}

impl Add {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let characters = |given: Option<u64>, default| {
            usize::try_from(given.unwrap_or(default)).unwrap_or(usize::MAX)
        };
        let size = characters(fields.integer(&SIZE), DEFAULT_SIZE);
        let given = fields.integer(&OVERLAP);
        let overlap = characters(given, DEFAULT_OVERLAP.min(size as u64 / 10));
        if overlap > size / 2 {
            fields.error(&OVERLAP.name, "`overlap` is at most half of `chunk_size`");
        }
        Self {
            text: fields.text(&TEXT).unwrap_or_default(),
            source: fields.text(&SOURCE).unwrap_or_default(),
            metadata: fields.object_template(&METADATA),
            size,
            overlap: overlap.min(size / 2),
        }
    }

    pub(super) fn plan(
        &self,
        knowledge: &Knowledge,
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Plan, NodeError> {
        let source = source_name(&self.source, scope)?;
        let batches = self.batches(scope)?;
        let missing = |name: fn(usize) -> String| -> Result<Vec<usize>, NodeError> {
            let mut missing = Vec::new();
            for number in 0..batches.len() {
                if done.value(&name(number))?.is_none() {
                    missing.push(number);
                }
            }
            missing.truncate(MAX_OPEN);
            Ok(missing)
        };
        let to_embed = missing(embed_name)?;
        if !to_embed.is_empty() {
            let call = |number: &usize| {
                let texts = batches[*number].clone();
                knowledge.embedder.call(embed_name(*number), texts, false, scope)
            };
            return Ok(Plan::Perform(to_embed.iter().map(call).collect::<Result<_, _>>()?));
        }
        let to_put = missing(put_name)?;
        if !to_put.is_empty() {
            let call =
                |number: &usize| self.put(knowledge, *number, &batches[*number], scope, done);
            return Ok(Plan::Perform(to_put.iter().map(call).collect::<Result<_, _>>()?));
        }
        let count = batches.iter().map(Vec::len).sum();
        let Some(committed) = done.value("commit")? else {
            let request = KnowledgeRequest::Commit { source, parts: batches.len(), chunks: count };
            return Ok(Plan::Perform(vec![knowledge.call("commit".to_owned(), request, scope)?]));
        };
        let mut output = Map::from_iter([
            ("source".to_owned(), source.into()),
            ("chunks".to_owned(), count.into()),
            ("total".to_owned(), committed["total"].clone()),
        ]);
        output.extend(usage(done, (0..batches.len()).map(embed_name)));
        Ok(Plan::done(Value::Object(output)))
    }

    fn put(
        &self,
        knowledge: &Knowledge,
        number: usize,
        texts: &[String],
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Planned, NodeError> {
        let embedded = done.value(&embed_name(number))?.unwrap_or_default();
        let vectors = embedded["vectors"].as_array().map_or(&[][..], Vec::as_slice);
        if vectors.len() != texts.len() {
            return Err(NodeError::internal("there is not one vector for each text"));
        }
        let metadata = self.metadata(scope)?;
        let chunk = |(text, vector): (&String, &Value)| EmbeddedChunk {
            chunk: Chunked { text: text.clone(), metadata: metadata.clone() },
            vector: vector.as_str().unwrap_or_default().to_owned(),
        };
        let chunks = texts.iter().zip(vectors).map(chunk).collect();
        let model = knowledge.embedder.model.render_string(scope)?;
        knowledge.call(put_name(number), KnowledgeRequest::Put { model, number, chunks }, scope)
    }

    fn metadata(&self, scope: &Scope<'_>) -> Result<Value, NodeError> {
        let Some(metadata) = &self.metadata else { return Ok(Value::Null) };
        let metadata = metadata.render(scope)?;
        if metadata.to_string().len() > MAX_METADATA {
            let message = format!("`metadata` takes at most {MAX_METADATA} bytes");
            return Err(NodeError::new("value_too_large", message));
        }
        Ok(metadata)
    }

    fn batches(&self, scope: &Scope<'_>) -> Result<Vec<Vec<String>>, NodeError> {
        let text = self.text.render_string(scope)?.replace("\r\n", "\n");
        let chunks = chunks(&text, self.size, self.overlap);
        if chunks.len() > MAX_CHUNKS {
            let message = format!(
                "the text has {} chunks, and a node adds at most {MAX_CHUNKS}: split it into \
                 several sources",
                chunks.len()
            );
            return Err(NodeError::new("too_many_chunks", message));
        }
        let mut batches: Vec<Vec<String>> = Vec::new();
        let mut bytes = 0;
        for chunk in chunks {
            let is_full = |batch: &Vec<String>| {
                batch.len() == MAX_BATCH || bytes + chunk.len() > MAX_BATCH_BYTES
            };
            if batches.last().is_none_or(is_full) {
                batches.push(Vec::new());
                bytes = 0;
            }
            bytes += chunk.len();
            if let Some(batch) = batches.last_mut() {
                batch.push(chunk);
            }
        }
        Ok(batches)
    }
}

fn embed_name(number: usize) -> String {
    format!("embed{number}")
}

fn put_name(number: usize) -> String {
    format!("put{number}")
}
