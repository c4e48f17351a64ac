//! Lists a run's webhook deliveries and sends one again.

use flowgate_core::delivery::{Delivery, DeliveryId};
use flowgate_core::key::Scope;
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

impl App {
    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<Delivery>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        Ok(self.ports.deliveries.of_run(&record.head.id).await?)
    }

    /// Sends the same bytes again, from the start of the schedule.
    pub async fn redeliver(&self, caller: &Caller, id: &str) -> Result<Delivery> {
        let id = DeliveryId::parse(id).ok_or(Error::NotFound(What::Delivery))?;
        let delivery =
            self.ports.deliveries.read(&id).await?.ok_or(Error::NotFound(What::Delivery))?;
        caller.require(Scope::Run, &delivery.workflow_id, What::Delivery)?;
        let again = self.ports.deliveries.redeliver(&id, self.now()).await?.ok_or(Error::Gone)?;
        self.send(Message::WebhookV1 { delivery: id }).await;
        Ok(again)
    }
}
