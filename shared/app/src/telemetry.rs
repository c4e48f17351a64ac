//! Reports ended runs as spans, and metrics, if the operator named a collector.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_core::clock::{Clock, timeout};
use flowgate_core::id::RunId;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{RunHead, RunRecord};
use flowgate_core::stats::{HOUR, hour_of};
use flowgate_core::telemetry::{Signal, Telemetry};
use flowgate_core::time::Timestamp;
use flowgate_core::trace_context::{self, SpanId, TraceContext};
use flowgate_core::work::Swept;
use flowgate_core::workflow::Identity;
use futures_util::future::try_join_all;

use crate::measures::{self, OfHour};
use crate::meter::Meter;
use crate::platform::App;
use crate::{metric, spans};

/// How long a caller may wait for a collector, where the process freezes with the answer, and how
/// long any report of metrics may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Runs that are being reported at a time; further ones are not.
const MAX_REPORTS: usize = 256;
/// Workflows whose runs are in the metrics.
const MAX_WORKFLOWS: usize = 100;
/// Of a message that asks for a report.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// Concurrent reads of rollups.
const CONCURRENCY: usize = 16;
/// By this much a report may be later than the time between two reports.
const LATE: Duration = Duration::from_secs(15);

impl App {
    /// Returns what a process needs to report this, if somebody takes it.
    pub fn telemetry(&self, signal: Signal) -> Option<&Arc<dyn Telemetry>> {
        self.ports.telemetry.as_ref().filter(|telemetry| telemetry.takes(signal))
    }

    /// Returns the trace of a run that is about to start.
    pub fn trace_of(&self, run: &RunId) -> Option<TraceContext> {
        let own = || self.telemetry(Signal::Spans).map(|_| TraceContext::of_run(run));
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
        let is_on = self.telemetry(Signal::Spans).is_some();
        let span = || SpanId::of_attempt(&head.id, place, attempt);
        Some(if is_on { of_run.at(span()) } else { of_run })
    }

    /// The same for what is sent when the run has ended.
    pub(crate) fn trace_of_end(&self, head: &RunHead) -> Option<TraceContext> {
        let of_run = head.trace?;
        let is_on = self.telemetry(Signal::Spans).is_some();
        Some(if is_on { of_run.at(SpanId::of_run(&head.id)) } else { of_run })
    }

    /// Reports an ended run. Waits for that only in a process that freezes.
    pub(crate) async fn report(&self, ended: &RunRecord) {
        let Some(telemetry) = self.telemetry(Signal::Spans).cloned() else { return };
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
        let (run, meter) = (ended.head.id.clone(), self.meter.clone());
        let report = Report { run, telemetry, meter, requests };
        if self.settings.frozen_between_requests {
            report.send_within(&*self.ports.clock).await;
        } else if self.background_tasks() < MAX_REPORTS {
            self.in_background(report.send());
        } else {
            report.dropped(report.spans(), "too many reports wait for the collector");
        }
    }

    /// Reports what another process swept at that time, with the runs of all. Not what is old: the
    /// message waited, and newer ones follow.
    pub async fn report_swept(&self, at: Timestamp, swept: Swept) {
        if self.now().since(at) < MAX_AGE {
            self.report_metrics_with(Some(swept)).await;
        }
    }

    /// Reports metrics, where somebody takes them. Never fails: of several reports that are not
    /// taken the first is logged, and the next one says the same and more.
    pub async fn report_metrics(&self) {
        self.report_metrics_with(self.meter.take_swept()).await;
    }

    async fn report_metrics_with(&self, swept: Option<Swept>) {
        let Some(telemetry) = self.telemetry(Signal::Metrics) else { return };
        let reported = async {
            let now = self.now();
            let hours = self.ended_runs(now, telemetry.interval()).await?;
            let about = (telemetry.service(), now);
            let Some(request) = measures::request(&self.meter, about, swept, &hours) else {
                return Ok(());
            };
            telemetry.send(Signal::Metrics, request).await
        };
        let reported = timeout(&*self.ports.clock, PATIENCE, reported).await;
        let took_too_long = || Err(anyhow::anyhow!("it took too long"));
        let error = reported.unwrap_or_else(took_too_long).err();
        if self.meter.is_news(error.is_some()) {
            match error {
                Some(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "metrics cannot be reported");
                }
                None => tracing::info!("metrics are reported again"),
            }
        }
    }

    /// Returns what the runs of each workflow came to in each hour that the last report cannot have
    /// had in full.
    async fn ended_runs(&self, now: Timestamp, interval: Duration) -> Result<Vec<OfHour>> {
        let from = first_hour(now, interval);
        let page = PageRequest { limit: MAX_WORKFLOWS, cursor: None };
        let known = self.ports.workflows.identities(page).await?;
        let mut hours = Vec::new();
        for some in known.items.chunks(CONCURRENCY) {
            let of_each = some.iter().map(|workflow| self.hours_of(workflow, from, now));
            hours.extend(try_join_all(of_each).await?.into_iter().flatten());
        }
        Ok(hours)
    }

    async fn hours_of(
        &self,
        workflow: &Identity,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<OfHour>> {
        let rollups = self.ports.stats.rollups(&workflow.uid, from, hour_of(now) + HOUR).await?;
        let of_hour = |(hour, rollup): (Timestamp, flowgate_core::stats::Rollup)| OfHour {
            workflow_id: workflow.id.clone(),
            hour,
            until: now.min(hour + HOUR),
            sums: rollup.all,
        };
        Ok(rollups.into_iter().map(of_hour).collect())
    }
}

fn first_hour(now: Timestamp, interval: Duration) -> Timestamp {
    hour_of(now - (interval + LATE))
}

/// The spans of a run, on their way.
struct Report {
    run: RunId,
    telemetry: Arc<dyn Telemetry>,
    meter: Arc<Meter>,
    requests: Vec<spans::Request>,
}

impl Report {
    async fn send(self) {
        let mut taken = 0;
        if let Err(error) = self.send_all(&mut taken).await {
            self.dropped(self.spans() - taken, &format!("{error:#}"));
        }
    }

    /// Gives up after a while.
    async fn send_within(self, clock: &dyn Clock) {
        let mut taken = 0;
        let sent = timeout(clock, PATIENCE, self.send_all(&mut taken)).await;
        let why = match sent {
            Some(Ok(())) => return,
            Some(Err(error)) => format!("{error:#}"),
            None => "the collector took too long".to_owned(),
        };
        self.dropped(self.spans() - taken, &why);
    }

    async fn send_all(&self, taken: &mut usize) -> Result<()> {
        for request in &self.requests {
            self.telemetry.send(Signal::Spans, request.body.clone()).await?;
            *taken += request.spans;
        }
        Ok(())
    }

    fn spans(&self) -> usize {
        self.requests.iter().map(|request| request.spans).sum()
    }

    fn dropped(&self, spans: usize, reason: &str) {
        let all = self.meter.spans_dropped(spans);
        metric::spans_dropped(spans);
        tracing::warn!(run.id = %self.run, spans, all, reason, "spans of a run were dropped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_after_the_last_report_of_an_hour_is_in_the_next_one() {
        let minute = Duration::from_secs(60);
        let hour = Timestamp(0) + HOUR;
        assert_eq!(first_hour(hour + minute, minute), Timestamp(0));
        assert_eq!(first_hour(hour + minute * 2, minute), hour);
        assert_eq!(first_hour(hour + minute * 4, minute * 5), Timestamp(0));
        assert_eq!(first_hour(hour + minute * 6, minute * 5), hour);
        assert_eq!(first_hour(hour + HOUR, HOUR), Timestamp(0));
    }
}
