//! Starts runs, drives them to their end and delivers webhooks. Every use case that calls out is
//! here.

pub mod start;
mod caller_webhook;
pub mod part;
pub mod rerun;
mod bulk_jobs;
pub mod host;
pub mod tick;
mod worker;
pub mod deliver;
mod push;
pub mod webhook_test;
pub mod login;
pub mod driver;
mod secrets;
mod in_flight;

use std::sync::Arc;

use flowgate_app::background::Background;
use flowgate_app::{App, Ports, Settings};
use flowgate_outbound::{Outbound, OutboundSettings};

pub use flowgate_outbound as outbound;

use self::in_flight::InFlight;

/// The platform together with `Outbound`: starts and continues runs, delivers webhooks.
pub struct Runner {
    pub app: Arc<App>,
    pub outbound: Arc<Outbound>,
    in_flight: InFlight,
}

impl Runner {
    pub async fn new(
        ports: Ports,
        settings: Settings,
        outbound: OutboundSettings,
    ) -> anyhow::Result<Arc<Self>> {
        let outbound = OutboundSettings { public_url: settings.public_url.clone(), ..outbound };
        let background = Background::default();
        let outbound = Outbound::new(outbound, ports.secrets.clone(), ports.clock.clone())
            .with_logins(ports.logins.clone(), ports.entropy.clone(), background.clone());
        let outbound = Arc::new(outbound);
        let secrets = Arc::new(secrets::Invalidating {
            port: ports.secrets.clone(),
            outbound: outbound.clone(),
        });
        let telemetry = outbound.telemetry()?;
        let ports = Ports { secrets, telemetry, ..ports };
        let app = App::with_background(ports, settings, background).await?;
        Ok(Arc::new(Self { app, outbound, in_flight: InFlight::default() }))
    }
}
