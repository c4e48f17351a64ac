//! The timer's events: what is due is sent again.

use anyhow::Result;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use super::{Function, served};

/// Looks at once, and again while a look finds so many.
const SWEEP_AT_ONCE: usize = 1_000;

impl Function {
    pub async fn sweeps(self) -> Result<()> {
        let function = &self;
        served(lambda_runtime::run(service_fn(|event| function.sweep(event))).await)
    }

    /// The event itself says nothing that matters.
    async fn sweep(&self, event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
        self.begin(&event.context, None);
        while self.app.sweep(SWEEP_AT_ONCE).await? == SWEEP_AT_ONCE {}
        Ok(())
    }
}
