//! Where the spans of ended runs go.

use async_trait::async_trait;

/// Sends spans to a collector. A port that is absent from [`crate::Ports`] is switched off.
#[async_trait]
pub trait Telemetry: Send + Sync {
    /// Sends one request of OTLP as JSON (`ExportTraceServiceRequest`). Returns whether it was
    /// taken. What cannot be sent is logged and forgotten: a run's end does not depend on it.
    async fn send(&self, spans: String) -> bool;

    /// The collector's host, for people.
    fn place(&self) -> String;

    /// What the resource is called (`service.name`).
    fn service(&self) -> &str;
}
