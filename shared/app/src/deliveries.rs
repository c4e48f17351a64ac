//! Lists a run's webhook deliveries and sends one again.

use flowgate_core::delivery::{Delivery, DeliveryId};
use flowgate_core::key::Scope;
use flowgate_core::run::RunHead;
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// A delivery as one caller sees it.
pub struct SeenDelivery {
    pub delivery: Delivery,
    /// The caller may see the URL and the receiver's answers: its own webhook's, or anyone's with
    /// the scope `trace`. Those of the author's webhooks are what a node was given and gave.
    pub in_full: bool,
}

impl SeenDelivery {
    fn new(caller: &Caller, delivery: Delivery, head: Option<&RunHead>) -> Self {
        let of_caller = |head: &RunHead| {
            (0..head.webhooks.len()).any(|index| DeliveryId::of_end(&head.id, index) == delivery.id)
        };
        let in_full = caller.has(Scope::Trace) || head.is_some_and(of_caller);
        Self { delivery, in_full }
    }
}

impl App {
    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<SeenDelivery>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        let deliveries = self.ports.deliveries.of_run(&record.head.id).await?;
        let seen = |delivery| SeenDelivery::new(caller, delivery, Some(&record.head));
        Ok(deliveries.into_iter().map(seen).collect())
    }

    /// Sends the same bytes again, from the start of the schedule.
    pub async fn redeliver(&self, caller: &Caller, id: &str) -> Result<SeenDelivery> {
        let id = DeliveryId::parse(id).ok_or(Error::NotFound(What::Delivery))?;
        let delivery =
            self.ports.deliveries.read(&id).await?.ok_or(Error::NotFound(What::Delivery))?;
        caller.require(Scope::Run, &delivery.workflow_id, What::Delivery)?;
        let again = self.ports.deliveries.redeliver(&id, self.now()).await?.ok_or(Error::Gone)?;
        self.send(Message::WebhookV1 { delivery: id }).await;
        let run = self.ports.runs.read(&again.run).await?;
        Ok(SeenDelivery::new(caller, again, run.as_ref().map(|run| &*run.head)))
    }
}
