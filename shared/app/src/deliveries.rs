//! Lists a run's webhook deliveries and sends one again.

use std::collections::HashMap;

use flowgate_core::delivery::{Delivery, DeliveryId};
use flowgate_core::group::Group;
use flowgate_core::key::Scope;
use flowgate_core::limit::Allowance;
use flowgate_core::receiver::Failing;
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// A delivery that is due again, and what its key has left.
pub struct Redelivered {
    pub delivery: Delivery,
    pub allowance: Option<Allowance>,
}

impl App {
    /// Returns each with what is known of its receiver, if that fails.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Vec<(Delivery, Option<Failing>)>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        let deliveries = self.ports.deliveries.of_run(&record.head.id).await?;
        let failing: HashMap<Group, Failing> = match deliveries.first() {
            Some(delivery) => self.ports.deliveries.all_failing(&delivery.workflow_uid).await?,
            None => Vec::new(),
        }
        .into_iter()
        .collect();
        let with_failing = |delivery: Delivery| {
            let failing = failing.get(&delivery.receiver).copied();
            (delivery, failing)
        };
        Ok(deliveries.into_iter().map(with_failing).collect())
    }

    /// Sends the same bytes again, from the start of the schedule. Counts against the key's rate as
    /// a start does.
    pub async fn redeliver(&self, caller: &Caller, id: &str) -> Result<Redelivered> {
        let id = DeliveryId::parse(id).ok_or(Error::NotFound(What::Delivery))?;
        let delivery =
            self.ports.deliveries.read(&id).await?.ok_or(Error::NotFound(What::Delivery))?;
        caller.require(Scope::Run, &delivery.workflow_id, What::Delivery)?;
        // The answer shows the receiver's earlier answers.
        caller.require(Scope::Read, &delivery.workflow_id, What::Delivery)?;
        let allowance = self.count(caller).await?;
        let again = self.ports.deliveries.redeliver(&id, self.now()).await?.ok_or(Error::Gone)?;
        self.send(Message::WebhookV1 { delivery: id }, &again.receiver).await;
        Ok(Redelivered { delivery: again, allowance })
    }
}
