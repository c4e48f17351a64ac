//! The SQS queues that carry work to the worker and to the webhook function.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};

use crate::Aws;
use crate::retry::failed;

/// The maximum delay of an SQS message.
const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

#[async_trait]
impl Queue for Aws {
    async fn send(&self, message: Message) -> Result<()> {
        self.send_in(message, Duration::ZERO).await
    }

    /// Sends nothing beyond the maximum delay: the due row covers it.
    async fn send_later(&self, message: Message, at: Timestamp) -> Result<()> {
        let delay = at.since(self.now());
        if delay > MAX_DELAY {
            return Ok(());
        }
        self.send_in(message, delay).await
    }
}

impl Aws {
    async fn send_in(&self, message: Message, delay: Duration) -> Result<()> {
        let queue = match message {
            Message::RunV1 { .. } | Message::JobV1 { .. } => &self.inner.config.run_queue_url,
            Message::WebhookV1 { .. } => &self.inner.config.webhook_queue_url,
        };
        let trace = self.inner.trace.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = self
            .inner
            .clients
            .sqs()
            .send_message()
            .queue_url(queue)
            .message_body(serde_json::to_string(&message)?);
        if let Some(traceparent) = trace.traceparent {
            let traceparent = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(traceparent)
                .build()?;
            request = request.message_attributes("traceparent", traceparent);
        }
        if let Some(xray) = trace.xray {
            let xray = MessageSystemAttributeValue::builder()
                .data_type("String")
                .string_value(xray)
                .build()?;
            request = request.message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                xray,
            );
        }
        if !delay.is_zero() {
            request = request.delay_seconds(whole_seconds(delay));
        }
        request.send().await.map_err(|error| failed("SendMessage", error))?;
        Ok(())
    }
}

/// Rounds up, so that no message arrives early.
fn whole_seconds(delay: Duration) -> i32 {
    let up = delay.as_millis().div_ceil(1000);
    i32::try_from(up).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_rounded_up() {
        assert_eq!(
            [1, 1000, 1001, 900_000].map(|millis| whole_seconds(Duration::from_millis(millis))),
            [1, 1, 2, 900]
        );
    }
}
