//! Deliveries that wait for their run's end: how callers ask for them, and what they come to.

use anyhow::Result;
use flowgate_app::delivery::{AfterAttempt, Delivery};
use flowgate_app::lease::{OwnerToken, Written};
use flowgate_app::pushes::Push;
use flowgate_app::run::RunHead;
use flowgate_app::work::Message;

use crate::Runner;
use crate::caller_webhook::WebhookRequest;
use crate::deliver::not_sent;

impl Runner {
    /// Stores a delivery that waits for the run's end. The webhook was checked. `keeps`: one of the
    /// same name that waits stays, and is returned.
    pub async fn push_at_end(
        &self,
        head: &RunHead,
        name: &str,
        webhook: WebhookRequest,
        keeps: bool,
    ) -> flowgate_app::Result<Delivery> {
        let body = webhook.body;
        let target = self.webhook_target(webhook).await?;
        self.app.push_at_end(head, name, (target, body), keeps).await
    }

    /// Returns a delivery as it is to be sent now; `None` if it waits or has nothing to send.
    pub(crate) async fn once_ended(
        &self,
        delivery: Delivery,
        owner: &OwnerToken,
    ) -> Result<Option<Delivery>> {
        let Some(at_end) = &delivery.request.at_end else { return Ok(Some(delivery)) };
        let (id, deliveries) = (&delivery.id, &self.app.ports.deliveries);
        match self.app.due_push(&delivery, at_end).await? {
            Push::Now(delivery) => Ok(Some(*delivery)),
            Push::Later(at) => {
                if deliveries.put_back(id, owner, at).await? == Written::Written {
                    let message = Message::WebhookV1 { delivery: id.clone() };
                    self.app.send_later(message, &delivery.receiver, at).await;
                }
                Ok(None)
            }
            Push::Never => {
                let attempt = not_sent(self.app.now(), "its run has nothing to send".to_owned());
                deliveries.record(id, owner, attempt, AfterAttempt::Exhausted).await?;
                self.app.wipe_if_unsaved(&delivery.run).await?;
                Ok(None)
            }
        }
    }
}
