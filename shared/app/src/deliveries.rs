//! Lists a run's webhook deliveries and sends one again.

use std::collections::HashMap;

use flowgate_core::delivery::{Delivery, DeliveryId, DeliveryState};
use flowgate_core::group::Group;
use flowgate_core::key::Scope;
use flowgate_core::limit::Allowance;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::receiver::Failing;
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
    /// What is known of its receiver, if that fails.
    pub failing: Option<Failing>,
}

impl SeenDelivery {
    fn new(caller: &Caller, delivery: Delivery, head: Option<&RunHead>) -> Self {
        let of_caller = |head: &RunHead| {
            (0..head.webhooks.len()).any(|index| DeliveryId::of_end(&head.id, index) == delivery.id)
        };
        let is_own = head.is_some_and(of_caller) || delivery.request.at_end.is_some();
        let in_full = caller.has(Scope::Trace) || is_own;
        Self { delivery, in_full, failing: None }
    }
}

/// A delivery that is due again, and what its key has left.
pub struct Redelivered {
    pub delivery: SeenDelivery,
    pub allowance: Option<Allowance>,
}

impl App {
    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<SeenDelivery>> {
        let record = self.run_for(caller, Scope::Read, id).await?;
        let deliveries = self.ports.deliveries.of_run(&record.head.id).await?;
        let failing: HashMap<Group, Failing> = match deliveries.first() {
            Some(delivery) => self.ports.deliveries.all_failing(&delivery.workflow_uid).await?,
            None => Vec::new(),
        }
        .into_iter()
        .collect();
        let seen = |delivery: Delivery| {
            let failing = failing.get(&delivery.receiver).copied();
            SeenDelivery { failing, ..SeenDelivery::new(caller, delivery, Some(&record.head)) }
        };
        Ok(deliveries.into_iter().map(seen).collect())
    }

    /// Lists the deliveries of one workflow or of all, newest first. Reads no run: of webhooks that
    /// earlier releases wrote it does not know whose they are, and shows them as an author's.
    pub async fn all_deliveries(
        &self,
        caller: &Caller,
        workflow: Option<&str>,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> Result<Page<SeenDelivery>> {
        let uids = self.readable_uids(caller, Scope::Read, workflow).await?;
        let found = self.ports.deliveries.list_of(&uids, state, page).await?;
        let mut failing: HashMap<String, HashMap<Group, Failing>> = HashMap::new();
        let mut items = Vec::with_capacity(found.items.len());
        for delivery in found.items {
            let uid = &delivery.workflow_uid;
            if !failing.contains_key(uid) {
                let all = self.ports.deliveries.all_failing(uid).await?;
                failing.insert(uid.clone(), all.into_iter().collect());
            }
            let failing = failing.get(uid).and_then(|all| all.get(&delivery.receiver)).copied();
            let in_full = caller.has(Scope::Trace) || delivery.request.of_caller;
            items.push(SeenDelivery { delivery, in_full, failing });
        }
        Ok(Page { items, next_cursor: found.next_cursor })
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
        let run = self.ports.runs.read(&again.run).await?;
        let delivery = SeenDelivery::new(caller, again, run.as_ref().map(|run| &*run.head));
        Ok(Redelivered { delivery, allowance })
    }
}
