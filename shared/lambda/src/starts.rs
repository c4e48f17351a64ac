//! Shared by the functions that call out: they run workflows or deliver webhooks.

mod messages;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use flowgate_app::Kinds;
use flowgate_aws::{Aws, Config};
use flowgate_runner::Runner;
use flowgate_runner::outbound::OutboundSettings;

use crate::{CANNOT_START, Function, settings};

pub use flowgate_runner::outbound::child_main_if_asked;

/// A process of a function that calls out.
pub struct RunnerFunction {
    function: Function,
    runner: Arc<Runner>,
}

impl RunnerFunction {
    pub async fn start() -> Result<Self> {
        Self::build(None).await
    }

    /// As [`Function::start_with`].
    pub async fn start_with(kinds: Kinds) -> Result<Self> {
        Self::build(Some(kinds)).await
    }

    async fn build(kinds: Option<Kinds>) -> Result<Self> {
        let config = Config::from_env()?;
        let aws = Aws::new(&config);
        let runner =
            Runner::new(aws.ports(), settings(&config, kinds)?, outbound_settings(&config)?)
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

fn outbound_settings(config: &Config) -> Result<OutboundSettings> {
    Ok(OutboundSettings {
        allow_http: config.allow_private,
        allow_private: config.allow_private,
        allow_loopback: config.allow_loopback,
        ..OutboundSettings::for_this_program()?
    })
}
