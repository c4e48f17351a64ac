//! The timer's events: sends due work again. Needs the ports, but no keyring.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::group::Group;
use flowgate_app::work::{Message, Swept};
use flowgate_app::{Ports, collector, sweep};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::{deadline, served};
use flowgate_aws::{Aws, Config};

/// Maximum rows per sweep. A full sweep is followed by another one while there is time.
const SWEEP_LIMIT: usize = 1_000;
/// No sweep starts this close to the deadline. A sweep takes a few seconds.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);

/// Whose turn a report of metrics takes in the queue of runs.
const METRICS: &str = "metrics";

/// Runs the sweeper.
pub async fn sweeps() -> Result<()> {
    let ports = &Aws::new(&Config::from_env()?).ports();
    let reports = [collector::ENDPOINT, collector::METRICS_ENDPOINT].into_iter().any(is_set);
    served(lambda_runtime::run(service_fn(|event| sweep_all(ports, event, reports))).await)
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !value.trim().is_empty())
}

/// Ignores the event's content. Rows that are left over stay due for the next minute.
async fn sweep_all(
    ports: &Ports,
    event: LambdaEvent<Value>,
    reports: bool,
) -> Result<(), lambda_runtime::Error> {
    let last_sweep = deadline(&event.context) - SWEEP_MARGIN;
    let mut swept = Swept::default();
    loop {
        let found = sweep::sweep(ports, SWEEP_LIMIT).await?;
        swept.add(found);
        if found.due < SWEEP_LIMIT as u64 || ports.clock.now() >= last_sweep {
            break;
        }
    }
    if reports {
        report(ports, swept).await;
    }
    Ok(())
}

/// Asks a worker to report metrics: this function cannot call out.
async fn report(ports: &Ports, swept: Swept) {
    let message = Message::MetricsV1 { at: ports.clock.now(), swept };
    if let Err(error) = ports.queue.send(message, &Group::new(METRICS)).await {
        tracing::warn!(error = format!("{error:#}"), "no worker was asked to report metrics");
    }
}
