//! Reports ended runs as spans, if the operator named a collector.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_core::id::RunId;
use flowgate_core::run::{RunHead, RunRecord};
use flowgate_core::telemetry::Telemetry;
use flowgate_core::trace_context::{self, SpanId, TraceContext};

use crate::platform::App;
use crate::spans;

/// How long a caller may wait for a collector, where the process freezes with the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Runs that are being reported at a time; further ones are not.
const MAX_REPORTS: usize = 256;

impl App {
    /// Returns the trace of a run that is about to start.
    pub fn trace_of(&self, run: &RunId) -> Option<TraceContext> {
        let own = || self.ports.telemetry.is_some().then(|| TraceContext::of_run(run));
        trace_context::current().or_else(own)
    }

    /// Returns what a call of the run carries: its own span if spans are reported, or else what the
    /// caller sent.
    pub fn trace_of_attempt(
        &self,
        head: &RunHead,
        place: &str,
        attempt: u32,
    ) -> Option<TraceContext> {
        let of_run = head.trace?;
        let is_on = self.ports.telemetry.is_some();
        let span = || SpanId::of_attempt(&head.id, place, attempt);
        Some(if is_on { of_run.at(span()) } else { of_run })
    }

    /// The same for what is sent when the run has ended.
    pub(crate) fn trace_of_end(&self, head: &RunHead) -> Option<TraceContext> {
        let of_run = head.trace?;
        let is_on = self.ports.telemetry.is_some();
        Some(if is_on { of_run.at(SpanId::of_run(&head.id)) } else { of_run })
    }

    /// Reports an ended run. Waits for that only in a process that freezes.
    pub(crate) async fn report(&self, ended: &RunRecord) {
        let Some(telemetry) = self.ports.telemetry.clone() else { return };
        // Whoever made the trace may have decided that nobody records it.
        if ended.head.trace.is_some_and(|trace| !trace.is_sampled) || ended.head.is_draft() {
            return;
        }
        let requests = match self.trace(ended).await {
            Ok(trace) => spans::requests(ended, &trace, telemetry.service()),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(run.id = %ended.head.id, error, "no spans: no trace can be read");
                return;
            }
        };
        if self.settings.frozen_between_requests {
            if timeout(&*self.ports.clock, PATIENCE, send(telemetry, requests)).await.is_none() {
                tracing::warn!(run.id = %ended.head.id, "the collector took too long");
            }
        } else if self.background_tasks() < MAX_REPORTS {
            self.in_background(send(telemetry, requests));
        } else {
            tracing::warn!(run.id = %ended.head.id, "no spans: the collector is too slow");
        }
    }
}

async fn send(telemetry: Arc<dyn Telemetry>, requests: Vec<String>) {
    for request in requests {
        if !telemetry.send(request).await {
            return;
        }
    }
}
