//! SQS: winterbaume's queues behind the JSON protocol. Tests can inspect them and wait for
//! messages.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use axum::http::HeaderValue;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use winterbaume_sqs::state::{SqsError, SqsState};
use winterbaume_sqs::types::{Message, MessageAttribute};

use crate::answer::{Answer, ok, refused};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "123456789012";

/// The limit for a message, or for all messages of a batch together.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
const MAX_DELAY_SECONDS: i64 = 900;
const MAX_VISIBILITY_SECONDS: i64 = 43_200;

pub(crate) struct Queues {
    /// The prefix of the queues' URLs.
    url: String,
    state: Mutex<SqsState>,
    /// The `AWSTraceHeader` of messages, by message id: winterbaume drops it.
    traces: Mutex<HashMap<String, String>>,
    /// Notified when a message may have become visible.
    pub(crate) arrived: Notify,
}

#[derive(Debug)]
pub(crate) struct Refusal {
    kind: &'static str,
    message: String,
}

type Answered = Result<Value, Refusal>;

impl Queues {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            state: Mutex::default(),
            traces: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Creates a queue and returns its URL.
    pub(crate) fn create(
        &self,
        name: &str,
        attributes: &HashMap<String, String>,
    ) -> anyhow::Result<String> {
        self.lock().create_queue(name, REGION, ACCOUNT, attributes, None)?;
        Ok(self.url_of(name))
    }

    pub(crate) fn url_of(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url)
    }

    pub(crate) fn answer(&self, action: &str, request: &Value) -> Answer {
        match self.perform(action, request) {
            Ok(body) => ok(&body),
            Err(refusal) => refusal_answer(&refusal),
        }
    }

    pub(crate) fn receive(&self, queue: &str, most: usize) -> Vec<Message> {
        self.lock().receive_message(queue, most, None).unwrap_or_default()
    }

    pub(crate) fn delete(&self, queue: &str, receipt_handle: &str) {
        let _ = self.lock().delete_message(queue, receipt_handle);
    }

    pub(crate) fn send(&self, queue: &str, body: &str) -> anyhow::Result<String> {
        let sent = self.lock().send_message(queue, body, None, HashMap::new(), None, None)?;
        self.arrived.notify_waiters();
        Ok(sent.message_id)
    }

    /// Returns every queue's messages, received or not.
    pub(crate) fn snapshot(&self) -> Value {
        let now = now_ms();
        let state = self.lock();
        let queues = state.queues.iter().map(|(name, queue)| {
            let messages: Vec<Value> =
                queue.messages.iter().map(|message| described(message, now)).collect();
            (name.clone(), json!({ "count": messages.len(), "messages": messages }))
        });
        Value::Object(queues.collect())
    }

    fn perform(&self, action: &str, request: &Value) -> Answered {
        let queue = queue_name(request);
        match action {
            "SendMessage" => self.send_message(&queue, request),
            "SendMessageBatch" => self.batch(request, |entry| self.send_message(&queue, entry)),
            "ReceiveMessage" => self.receive_message(&queue, request),
            "DeleteMessage" => self.delete_message(&queue, request),
            "DeleteMessageBatch" => self.batch(request, |entry| self.delete_message(&queue, entry)),
            "ChangeMessageVisibility" => self.change_visibility(&queue, request),
            "ChangeMessageVisibilityBatch" => {
                self.batch(request, |entry| self.change_visibility(&queue, entry))
            }
            "GetQueueAttributes" => {
                Ok(json!({ "Attributes": self.lock().get_queue_attributes(&queue)? }))
            }
            "GetQueueUrl" => self.queue_url(&text(request, "QueueName")),
            "PurgeQueue" => {
                self.lock().purge_queue(&queue).map(|()| json!({})).map_err(Refusal::from)
            }
            _ => Err(Refusal::new("InvalidAction", format!("the double has no {action}"))),
        }
    }

    fn send_message(&self, queue: &str, request: &Value) -> Answered {
        let body = text(request, "MessageBody");
        if body.is_empty() || body.len() > MAX_MESSAGE_BYTES {
            return Err(Refusal::new("InvalidParameterValue", "a message has 1 byte to 1 MiB"));
        }
        let delay = within(request, "DelaySeconds", MAX_DELAY_SECONDS)?;
        let sent =
            self.lock().send_message(queue, &body, delay, attributes(request), None, None)?;
        if let Some(trace) =
            request["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str()
        {
            self.traces().insert(sent.message_id.clone(), trace.to_owned());
        }
        self.arrived.notify_waiters();
        Ok(json!({ "MessageId": sent.message_id, "MD5OfMessageBody": sent.body_md5 }))
    }

    fn receive_message(&self, queue: &str, request: &Value) -> Answered {
        let most = request["MaxNumberOfMessages"].as_u64().unwrap_or(1).clamp(1, 10) as usize;
        let visibility = within(request, "VisibilityTimeout", MAX_VISIBILITY_SECONDS)?;
        let messages = self.lock().receive_message(queue, most, visibility)?;
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| received(message, self.system_attributes(message)))
            .collect();
        Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
    }

    fn delete_message(&self, queue: &str, request: &Value) -> Answered {
        self.lock().delete_message(queue, &text(request, "ReceiptHandle"))?;
        Ok(json!({}))
    }

    fn change_visibility(&self, queue: &str, request: &Value) -> Answered {
        let seconds = within(request, "VisibilityTimeout", MAX_VISIBILITY_SECONDS)?;
        self.lock().change_message_visibility(
            queue,
            &text(request, "ReceiptHandle"),
            seconds.unwrap_or_default(),
        )?;
        self.arrived.notify_waiters();
        Ok(json!({}))
    }

    fn queue_url(&self, name: &str) -> Answered {
        self.lock().get_queue_url(name)?;
        Ok(json!({ "QueueUrl": self.url_of(name) }))
    }

    /// Handles each entry separately: a refused one does not affect the others. A missing queue
    /// refuses the whole batch.
    fn batch(&self, request: &Value, perform: impl Fn(&Value) -> Answered) -> Answered {
        let entries = request["Entries"].as_array().cloned().unwrap_or_default();
        if entries.is_empty() || entries.len() > 10 {
            return Err(Refusal::new(
                "TooManyEntriesInBatchRequest",
                "a batch has 1 to 10 entries",
            ));
        }
        self.lock().get_queue_url(&queue_name(request))?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in &entries {
            match perform(entry) {
                Ok(mut done) => {
                    done["Id"] = entry["Id"].clone();
                    successful.push(done);
                }
                Err(refusal) => {
                    failed.push(json!({
                        "Id": entry["Id"],
                        "SenderFault": true,
                        "Code": refusal.kind,
                        "Message": refusal.message
                    }));
                }
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    pub(crate) fn system_attributes(&self, message: &Message) -> Value {
        let received = message.approximate_first_receive_timestamp.unwrap_or_default();
        let mut attributes = json!({
            "SenderId": message.sender_id,
            "SentTimestamp": message.sent_timestamp.to_string(),
            "ApproximateReceiveCount": message.approximate_receive_count.to_string(),
            "ApproximateFirstReceiveTimestamp": received.to_string(),
        });
        if let Some(trace) = self.traces().get(&message.message_id) {
            attributes["AWSTraceHeader"] = json!(trace);
        }
        attributes
    }

    fn traces(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.traces.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lock(&self) -> MutexGuard<'_, SqsState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Refusal {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<SqsError> for Refusal {
    fn from(error: SqsError) -> Self {
        let kind = match error {
            SqsError::NonExistentQueue => "QueueDoesNotExist",
            SqsError::InvalidReceiptHandle { .. } => "ReceiptHandleIsInvalid",
            _ => "InvalidParameterValue",
        };
        Self::new(kind, error.to_string())
    }
}

/// SQS sends an error's old name in a header, for SDKs of the query protocol.
fn refusal_answer(refusal: &Refusal) -> Answer {
    let old_name = match refusal.kind {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue;Sender".to_owned(),
        "TooManyEntriesInBatchRequest" => {
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender".to_owned()
        }
        kind => format!("{kind};Sender"),
    };
    let mut answer = refused(&format!("com.amazonaws.sqs#{}", refusal.kind), &refusal.message);
    if let Ok(value) = HeaderValue::from_str(&old_name) {
        answer.headers_mut().insert("x-amzn-query-error", value);
    }
    answer
}

/// The last segment of the queue's URL.
pub(crate) fn queue_name(request: &Value) -> String {
    text(request, "QueueUrl").rsplit('/').next().unwrap_or_default().to_owned()
}

fn text(request: &Value, field: &str) -> String {
    request[field].as_str().unwrap_or_default().to_owned()
}

fn within(request: &Value, field: &str, most: i64) -> Result<Option<u32>, Refusal> {
    let Some(seconds) = request[field].as_i64() else { return Ok(None) };
    if !(0..=most).contains(&seconds) {
        return Err(Refusal::new(
            "InvalidParameterValue",
            format!("{field} is between 0 and {most}"),
        ));
    }
    Ok(u32::try_from(seconds).ok())
}

fn attributes(request: &Value) -> HashMap<String, MessageAttribute> {
    let none = Map::new();
    let given = request["MessageAttributes"].as_object().unwrap_or(&none);
    let attribute = |value: &Value| MessageAttribute {
        data_type: text(value, "DataType"),
        string_value: value["StringValue"].as_str().map(str::to_owned),
        binary_value: None,
    };
    given.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn received(message: &Message, system_attributes: Value) -> Value {
    let attributes = message.message_attributes.iter().map(|(name, attribute)| {
        (
            name.clone(),
            json!({ "DataType": attribute.data_type, "StringValue": attribute.string_value }),
        )
    });
    json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
        "Attributes": system_attributes,
        "MessageAttributes": attributes.collect::<Map<_, _>>(),
    })
}

fn described(message: &Message, now: i64) -> Value {
    json!({
        "id": message.message_id,
        "body": message.body,
        "received": message.approximate_receive_count,
        "visible_in_ms": (message.visible_at - now).max(0),
    })
}

pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
