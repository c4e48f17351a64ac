//! Shared by the functions that call out: they run workflows or deliver webhooks.

mod messages;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use flowgate_app::Kinds;
use flowgate_aws::{Aws, Config};
use flowgate_runner::Runner;
use flowgate_runner::outbound::{Collector, OutboundSettings};

use crate::{CANNOT_START, Function, settings};

/// A process of a function that calls out.
pub struct RunnerFunction {
    function: Function,
    runner: Arc<Runner>,
}

impl RunnerFunction {
    pub async fn start() -> Result<Self> {
        Self::build(None, OutboundSettings::with_child_beside()?).await
    }

    /// As [`Function::start_with`]. `child` is the program that runs code.
    pub async fn start_with(kinds: Kinds, child: PathBuf) -> Result<Self> {
        let outbound = OutboundSettings { child_programs: vec![child], ..Default::default() };
        Self::build(Some(kinds), outbound).await
    }

    async fn build(kinds: Option<Kinds>, outbound: OutboundSettings) -> Result<Self> {
        let config = Config::from_env()?;
        let aws = Aws::new(&config);
        let runner =
            Runner::new(aws.ports(), settings(&config, kinds)?, may_call(&config, outbound)?)
                .await
                .context(CANNOT_START)?;
        let function = Function { app: runner.app.clone(), aws, buffered: config.buffered };
        Ok(Self { function, runner })
    }

    /// Serves the routes over HTTP and streams each answer.
    pub async fn streamed(self, routes: impl FnOnce(Arc<Runner>) -> Router) -> Result<()> {
        self.function.stream(routes(self.runner)).await
    }
}

fn may_call(config: &Config, outbound: OutboundSettings) -> Result<OutboundSettings> {
    Ok(OutboundSettings {
        collector: Collector::from_variables(|name| std::env::var(name).ok())?,
        allow_http: config.allow_private,
        allow_private: config.allow_private,
        allow_loopback: config.allow_loopback,
        ..outbound
    })
}
