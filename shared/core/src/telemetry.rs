//! Where spans of ended runs and metrics go.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

/// Names the collector; spans and metrics go to paths below it.
pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The whole address for one of them, in place of it.
pub const SPANS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
pub const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Spans,
    Metrics,
}

impl Signal {
    /// Returns the variable with its whole address.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Spans => SPANS_ENDPOINT,
            Self::Metrics => METRICS_ENDPOINT,
        }
    }
}

/// Sends to a collector. A port that is absent from [`crate::Ports`] is switched off.
#[async_trait]
pub trait Telemetry: Send + Sync {
    /// Returns whether somebody named an address for it.
    fn takes(&self, signal: Signal) -> bool;

    /// Sends one request of OTLP as JSON (`ExportTraceServiceRequest`,
    /// `ExportMetricsServiceRequest`). `Err`: it was not taken, and will not come again.
    async fn send(&self, signal: Signal, request: String) -> Result<()>;

    /// The collector's host, for people.
    fn place(&self, signal: Signal) -> Option<String>;

    /// What the resource is called (`service.name`).
    fn service(&self) -> &str;

    /// The time from one report of metrics to the next.
    fn interval(&self) -> Duration;
}
