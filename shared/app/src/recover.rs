//! Recovers the deliveries of a workflow from a point in time: enables its receivers, and sends
//! again what was given up.

use flowgate_core::delivery::DeliveryState;
use flowgate_core::key::Scope;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{RunFilter, RunRecord, Selection};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Result, What};
use crate::platform::App;

/// Runs whose deliveries one request looks at.
const PAGE: usize = 50;

/// What one request recovered.
#[derive(Debug)]
pub struct Recovered {
    /// Receivers that failed, and are sent to again.
    pub enabled: Vec<String>,
    /// Deliveries that are due again.
    pub redelivered: usize,
    /// Where the next request goes on, if there is more.
    pub next_cursor: Option<String>,
}

impl App {
    /// Looks at a page of the runs that were created since. Counts against the key's rate.
    pub async fn recover_deliveries(
        &self,
        caller: &Caller,
        workflow_id: &str,
        since: Timestamp,
        cursor: Option<String>,
    ) -> Result<Recovered> {
        caller.require(Scope::Author, workflow_id, What::Workflow)?;
        let workflow = self.cached_workflow(workflow_id).await?;
        self.count(caller).await?;
        let mut enabled = Vec::new();
        for (receiver, _) in self.ports.deliveries.all_failing(&workflow.uid).await? {
            self.ports.deliveries.enable(&workflow.uid, &receiver).await?;
            enabled.push(receiver.as_str().to_owned());
        }
        let selection = Selection { created_from: Some(since), ..Selection::default() };
        let filter = RunFilter { oldest_first: true, ..selection.into() };
        let page = PageRequest { limit: PAGE, cursor };
        let page = self.ports.runs.list(&workflow.uid, filter, page).await?;
        let mut redelivered = 0;
        for run in &page.items {
            redelivered += self.redeliver_exhausted(run).await?;
        }
        Ok(Recovered { enabled, redelivered, next_cursor: page.next_cursor })
    }

    async fn redeliver_exhausted(&self, run: &RunRecord) -> Result<usize> {
        let mut redelivered = 0;
        for delivery in self.ports.deliveries.of_run(&run.head.id).await? {
            if delivery.state != DeliveryState::Exhausted {
                continue;
            }
            // `None`: its body was wiped.
            if self.ports.deliveries.redeliver(&delivery.id, self.now()).await?.is_some() {
                let message = Message::WebhookV1 { delivery: delivery.id };
                self.send(message, &delivery.receiver).await;
                redelivered += 1;
            }
        }
        Ok(redelivered)
    }
}
