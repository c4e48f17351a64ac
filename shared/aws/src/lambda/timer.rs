//! The timer's events: what is due is sent again. Only the ports are needed for it, and no keyring.

use anyhow::Result;
use flowgate_app::{Ports, due};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use super::served;
use crate::{Aws, Config};

/// Looks at once, and again while a look finds so many.
const SWEEP_AT_ONCE: usize = 1_000;

/// The whole of the sweeper.
pub async fn sweeps() -> Result<()> {
    let ports = &Aws::new(&Config::from_env()?).ports();
    served(lambda_runtime::run(service_fn(|event| sweep_all(ports, event))).await)
}

/// The event itself says nothing that matters.
async fn sweep_all(ports: &Ports, _: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
    while due::sweep(ports, SWEEP_AT_ONCE).await? == SWEEP_AT_ONCE {}
    Ok(())
}
