//! Lambda's queue poller: sends messages to the function in batches, and deletes the handled ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use winterbaume_sqs::types::Message;

use crate::face::Face;
use crate::invocation::Failure;
use crate::permissions::{Need, queue_arn};
use crate::pool::Pool;
use crate::queues::{Queues, REGION};

pub(crate) struct Mapping {
    /// The queue's name.
    pub(crate) queue: String,
    pub(crate) batch_size: usize,
    pub(crate) concurrency: usize,
    /// Whether the function reports which messages of a batch failed.
    pub(crate) partial: bool,
}

/// Polling finds messages whose visibility timeout or delay has ended.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// A message waits as long as its function takes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Refuses to poll if the function's role may not, as Lambda refuses to create the mapping.
pub(crate) fn check(mapping: &Mapping, pool: &Pool, face: &Face) -> anyhow::Result<()> {
    for action in ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"] {
        let need = Need { action: format!("sqs:{action}"), resource: queue_arn(&mapping.queue) };
        let folder = &pool.function.folder;
        anyhow::ensure!(
            face.permissions.allow(folder, &need),
            "the role of {folder} does not grant {} on {}",
            need.action,
            need.resource
        );
    }
    Ok(())
}

pub(crate) async fn poll(mapping: Mapping, pool: Arc<Pool>, face: Arc<Face>) {
    let mapping = Arc::new(mapping);
    let places = Arc::new(Semaphore::new(mapping.concurrency.min(pool.function.concurrency)));
    loop {
        let arrived = face.queues.arrived.notified();
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let batch = face.queues.receive(&mapping.queue, mapping.batch_size);
        if batch.is_empty() {
            drop(place);
            let _ = tokio::time::timeout(POLL_EVERY, arrived).await;
            continue;
        }
        let (mapping, pool, face) = (mapping.clone(), pool.clone(), face.clone());
        tokio::spawn(async move {
            let _place = place;
            take(&mapping, &pool, &face, &batch).await;
        });
    }
}

/// A failed message stays hidden until its visibility timeout. The queue then delivers it again, or
/// moves it to the dead letters.
async fn take(mapping: &Mapping, pool: &Arc<Pool>, face: &Face, batch: &[Message]) {
    let event = json!({
        "Records": batch.iter().map(|message| record(
            mapping, &face.queues, message
        )).collect::<Vec<_>>()
    });
    let Some(failed) = failed(mapping, pool, event, batch).await else { return };
    for message in batch.iter().filter(|message| !failed.contains(&message.message_id)) {
        face.queues.delete(&mapping.queue, message.receipt_handle.as_deref().unwrap_or_default());
    }
}

/// Returns the failed ids that the function reports. `None` means all of them.
async fn failed(
    mapping: &Mapping,
    pool: &Arc<Pool>,
    event: Value,
    batch: &[Message],
) -> Option<HashSet<String>> {
    let outcome = pool.invoke(Bytes::from(event.to_string()), PATIENCE).await.ok()?;
    let answer: Result<Bytes, Failure> = outcome.collect().await;
    let answer = answer.ok()?;
    if !mapping.partial {
        return Some(HashSet::new());
    }
    // An empty answer, or one in another form, means success of the whole batch. An unknown id
    // means failure.
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let mut failed = HashSet::new();
    for failure in answer["batchItemFailures"].as_array().into_iter().flatten() {
        let id = failure["itemIdentifier"]
            .as_str()
            .filter(|id| batch.iter().any(|message| message.message_id == *id))?;
        failed.insert(id.to_owned());
    }
    Some(failed)
}

fn record(mapping: &Mapping, queues: &Queues, message: &Message) -> Value {
    let attributes = message.message_attributes.iter().map(|(name, attribute)| {
        let value = json!({
            "stringValue": attribute.string_value,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": attribute.data_type,
        });
        (name.clone(), value)
    });
    json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": queues.system_attributes(message),
        "messageAttributes": attributes.collect::<Map<_, _>>(),
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn(&mapping.queue),
        "awsRegion": REGION,
    })
}
