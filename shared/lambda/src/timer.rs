//! The timer's events: what is due is sent again. Only the ports are needed for it, and no keyring.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::{Ports, sweep};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::{deadline, served};
use flowgate_aws::{Aws, Config};

/// Looks at once, and again while a look finds so many and there is time.
const SWEEP_AT_ONCE: usize = 1_000;
/// What is found in a look takes a few seconds.
const LAST_LOOK: Duration = Duration::from_secs(20);

/// The whole of the sweeper.
pub async fn sweeps() -> Result<()> {
    let ports = &Aws::new(&Config::from_env()?).ports();
    served(lambda_runtime::run(service_fn(|event| sweep_all(ports, event))).await)
}

/// The event itself says nothing that matters. What is left over is due in a minute too.
async fn sweep_all(ports: &Ports, event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
    let last_look = deadline(&event.context) - LAST_LOOK;
    while sweep::sweep(ports, SWEEP_AT_ONCE).await? == SWEEP_AT_ONCE && ports.clock.now() < last_look {}
    Ok(())
}
