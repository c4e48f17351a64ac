//! Messages from SQS, each handled by itself. A broken message is dropped and logged. A message
//! that failed returns to the queue.

use anyhow::{Result, bail};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use flowgate_app::metric;
use flowgate_app::work::Message;
use futures_util::future::join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument;

use super::RunnerFunction;
use crate::served;

/// What the functions of a queue do.
#[derive(Clone, Copy)]
enum Work {
    Runs,
    Deliveries,
}

impl RunnerFunction {
    pub async fn runs(self) -> Result<()> {
        self.messages(Work::Runs).await
    }

    pub async fn deliveries(self) -> Result<()> {
        self.messages(Work::Deliveries).await
    }

    async fn messages(self, work: Work) -> Result<()> {
        let function = &self;
        served(lambda_runtime::run(service_fn(|event| function.batch(work, event))).await)
    }

    async fn batch(
        &self,
        work: Work,
        event: LambdaEvent<Value>,
    ) -> Result<SqsBatchResponse, lambda_runtime::Error> {
        let batch: SqsEvent = serde_json::from_value(event.payload)?;
        let traceparent =
            batch.records.first().and_then(|message| attribute(message, "traceparent"));
        self.function.begin(&event.context, traceparent);
        let comes_back =
            join_all(batch.records.iter().map(|message| self.comes_back(work, message))).await;
        self.function.app.idle().await;
        let mut response = SqsBatchResponse::default();
        for (message, _) in
            batch.records.into_iter().zip(comes_back).filter(|(_, comes_back)| *comes_back)
        {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
        Ok(response)
    }

    async fn comes_back(&self, work: Work, message: &SqsMessage) -> bool {
        let (id, body) = (
            message.message_id.as_deref().unwrap_or_default(),
            message.body.as_deref().unwrap_or_default(),
        );
        let span = tracing::info_span!(
            "message",
            message.id = id,
            trace.parent = attribute(message, "traceparent")
        );
        let done = async {
            match read(body) {
                Read::Message(message) => self.done(work, message).await,
                Read::OfAnotherRelease(kind) => {
                    metric::bad_message();
                    bail!("this release does not know messages of type {kind}");
                }
                Read::Broken => {
                    metric::bad_message();
                    // Nothing is lost: every message has a due row behind it.
                    tracing::error!(message.bytes = body.len(), "dropped a broken message");
                    Ok(())
                }
            }
        };
        let Err(error) = done.instrument(span).await else { return false };
        metric::message_given_back();
        tracing::warn!(
            message.id = id,
            error = format!("{error:#}"),
            "could not handle a message; it returns to the queue"
        );
        true
    }

    async fn done(&self, work: Work, message: Message) -> Result<()> {
        match (work, message) {
            (Work::Runs, Message::RunV1 { run }) => self.runner.work(&run).await,
            (Work::Runs, Message::JobV1 { job }) => self.runner.work_on_job(&job).await,
            (Work::Runs, Message::FileV1 { file }) => self.runner.app.collect_file(&file).await,
            (Work::Runs, Message::ScheduleV1 { uid, schedule, tick }) => {
                self.runner.tick(&uid, schedule, tick).await
            }
            (Work::Runs, Message::MetricsV1 { at, swept }) => {
                self.runner.app.report_swept(at, swept).await;
                Ok(())
            }
            (Work::Deliveries, Message::WebhookV1 { delivery }) => {
                self.runner.deliver(&delivery).await
            }
            (_, message) => bail!("{message:?} is in the wrong queue"),
        }
    }
}

enum Read {
    Message(Message),
    /// A deployment is in progress, or was rolled back.
    OfAnotherRelease(String),
    Broken,
}

const KINDS: [&str; 6] = ["RunV1", "WebhookV1", "JobV1", "FileV1", "ScheduleV1", "MetricsV1"];

fn read(body: &str) -> Read {
    let Ok(value) = serde_json::from_str::<Value>(body) else { return Read::Broken };
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    match (serde_json::from_value(value), kind) {
        (Ok(message), _) => Read::Message(message),
        (Err(_), Some(kind)) if !KINDS.contains(&kind.as_str()) => Read::OfAnotherRelease(kind),
        (Err(_), _) => Read::Broken,
    }
}

fn attribute(message: &SqsMessage, name: &str) -> Option<String> {
    message.message_attributes.get(name)?.string_value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_message_is_not_a_message() {
        let run = format!(r#"{{"type":"RunV1","run":"run_{}"}}"#, "0".repeat(32));
        assert!(matches!(read(&run), Read::Message(Message::RunV1 { .. })));
        assert!(matches!(
            read(r#"{"type":"RunV2","run":"x"}"#),
            Read::OfAnotherRelease(kind) if kind == "RunV2"
        ));
        for broken in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"RunV1"}"#,
            r#"{"type":"WebhookV1","delivery":3}"#,
        ] {
            assert!(matches!(read(broken), Read::Broken), "{broken}");
        }
    }
}
