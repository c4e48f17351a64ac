//! The timer's events: sends due work again. Needs the ports, but no keyring.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::{Ports, sweep};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::{deadline, served};
use flowgate_aws::{Aws, Config};

/// Maximum rows per sweep. A full sweep is followed by another one while there is time.
const SWEEP_LIMIT: usize = 1_000;
/// No sweep starts this close to the deadline. A sweep takes a few seconds.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);

/// Runs the sweeper.
pub async fn sweeps() -> Result<()> {
    let ports = &Aws::new(&Config::from_env()?).ports();
    served(lambda_runtime::run(service_fn(|event| sweep_all(ports, event))).await)
}

/// Ignores the event's content. Rows that are left over stay due for the next minute.
async fn sweep_all(ports: &Ports, event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
    let last_sweep = deadline(&event.context) - SWEEP_MARGIN;
    loop {
        let found = sweep::sweep(ports, SWEEP_LIMIT).await?;
        if found < SWEEP_LIMIT || ports.clock.now() >= last_sweep {
            return Ok(());
        }
    }
}
