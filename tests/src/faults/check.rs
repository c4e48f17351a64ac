//! Compares what happened in a world with the promises.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use flowgate_app::access::Caller;
use flowgate_core::delivery::{Delivery, DeliveryState};
use flowgate_core::id::RunId;
use flowgate_core::run::{RunRecord, RunState};
use serde_json::json;
use standardwebhooks::Webhook;

use super::seed::Figures;
use super::upstream::Call;
use super::world::{SECRET, WORKFLOW, World};

const NODES: [&str; 4] = ["first", "left", "right", "last"];
/// Calls of one run that may be in flight at the same time.
const WIDTH: usize = 2;

/// What a world showed. Each broken promise is one sentence.
#[derive(Debug, Default)]
pub struct Report {
    pub broken: Vec<String>,
    pub figures: Figures,
}

impl Report {
    pub fn kept(self) -> Result<Figures> {
        if !self.broken.is_empty() {
            bail!("broken promises:\n  {}", self.broken.join("\n  "));
        }
        Ok(self.figures)
    }

    fn lost(&mut self, what: String) {
        self.figures.lost += 1;
        self.broken.push(what);
    }

    fn doubled(&mut self, what: String) {
        self.figures.doubled += 1;
        self.broken.push(what);
    }
}

/// How the runs of a world must end.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The versions' names of which one must be in the output.
    pub names: Vec<&'static str>,
    /// Inputs of runs that must fail with this code.
    pub fails: Vec<(usize, &'static str)>,
}

impl Default for Expected {
    fn default() -> Self {
        Self { names: vec!["one"], fails: Vec::new() }
    }
}

impl World {
    pub async fn check(&self, expected: &Expected) -> Result<Report> {
        let mut report = Report::default();
        // What reads here is not part of the scenario.
        self.plan.calm();
        let calls = self.upstream.calls();
        let secrets = self.drive(self.signing_secrets()).await?;
        let mut last_end = None;
        for (i, run) in &self.accepted() {
            let Some(record) = self.truth.runs.read(run).await? else {
                report.lost(format!("run {i} was accepted and is not stored"));
                continue;
            };
            last_end = last_end.max(record.end.as_ref().map(|end| end.ended_at));
            let of_run: Vec<&Call> = calls.iter().filter(|call| call.i == *i).collect();
            check_end(&mut report, *i, &record, expected);
            self.check_calls(&mut report, *i, run, &of_run);
            let deliveries = self.truth.deliveries.of_run(run).await?;
            check_deliveries(&mut report, *i, &record, &deliveries);
            check_hooks(&mut report, *i, &deliveries, &of_run, &secrets);
        }
        let fault = self.plan.last_fault();
        report.figures.recovery =
            last_end.zip(fault).map_or(Duration::ZERO, |(end, fault)| end.since(fault));
        Ok(report)
    }

    async fn signing_secrets(&self) -> Result<Vec<String>> {
        let front = self.front().await?;
        Ok(front.runner.app.signing_secrets(&Caller::Admin, WORKFLOW).await?)
    }

    /// A recorded call is not made again, and one in flight once more per claim at most.
    fn check_calls(&self, report: &mut Report, i: usize, run: &RunId, calls: &[&Call]) {
        let history = self.history.of(run.as_str());
        if history.ends.len() > 1 {
            report.doubled(format!("run {i} ended {} times: {:?}", history.ends.len(), {
                &history.ends
            }));
        }
        let mut extra = 0;
        for node in NODES {
            let made: Vec<u64> =
                calls.iter().filter(|call| call.what == node).map(|call| call.stamp).collect();
            if let Some(committed) = history.committed.get(node) {
                let after = made.iter().filter(|stamp| *stamp > committed).count();
                if after > 0 {
                    report.doubled(format!("run {i}: {node} was called after it was recorded"));
                }
            }
            if made.len() > history.claims.max(1) {
                report.doubled(format!(
                    "run {i}: {} calls of {node} in {} claims",
                    made.len(),
                    history.claims
                ));
            }
            extra += made.len().saturating_sub(1);
        }
        if extra > WIDTH * history.claims.saturating_sub(1) {
            report.doubled(format!("run {i}: {extra} extra calls in {} claims", history.claims));
        }
        report.figures.extra_calls += extra;
    }
}

fn check_end(report: &mut Report, i: usize, record: &RunRecord, expected: &Expected) {
    let Some(end) = record.end.as_ref().filter(|_| record.state.has_ended()) else {
        return report.lost(format!("run {i} has not ended: {:?}", record.state));
    };
    let code = end.error.as_ref().map(|error| error.code.as_str());
    let fails = expected.fails.iter().find(|(of, _)| *of == i).map(|(_, code)| *code);
    if fails.is_some() || record.state != RunState::Succeeded {
        if code != fails {
            report.lost(format!("run {i} ended as {:?}, {:?}", record.state, end.error));
        }
        return;
    }
    let says = |name: &&str| *end.output == json!({ "said": format!("last-{i}"), "name": name });
    if !expected.names.iter().any(says) {
        report.broken.push(format!("run {i} has the output {}", end.output));
    }
}

/// Each webhook is stored, and delivered or exhausted.
fn check_deliveries(report: &mut Report, i: usize, record: &RunRecord, deliveries: &[Delivery]) {
    let is_succeeded = record.state == RunState::Succeeded;
    if is_succeeded && deliveries.len() != 2 {
        report.lost(format!("run {i} has {} deliveries", deliveries.len()));
    }
    let open = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Pending);
    for _ in open {
        report.lost(format!("a webhook of run {i} is neither delivered nor exhausted"));
    }
}

/// What came in: one id for all attempts, signed, with its secret.
fn check_hooks(
    report: &mut Report,
    i: usize,
    deliveries: &[Delivery],
    calls: &[&Call],
    secrets: &[String],
) {
    for what in ["notify", "done"] {
        let hooks: Vec<&&Call> = calls.iter().filter(|call| call.what == what).collect();
        let header = |call: &Call, name: &str| {
            call.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let ids: BTreeSet<_> = hooks.iter().map(|call| header(call, "webhook-id")).collect();
        if ids.len() > 1 {
            report.broken.push(format!("run {i}: {what} came with the ids {ids:?}"));
        }
        let verifies = |call: &Call| secrets.iter().any(|secret| is_signed(call, secret));
        let wrong = hooks.iter().filter(|call| {
            let has_secret = what != "done" || header(call, "x-token").as_deref() == Some(SECRET);
            !verifies(call) || !has_secret
        });
        let wrong = wrong.count();
        if wrong > 0 {
            report
                .broken
                .push(format!("run {i}: {wrong} of {what} came unsigned or without token"));
        }
        let id = ids.first().cloned().flatten();
        let delivery =
            deliveries.iter().find(|delivery| Some(delivery.id.as_str()) == id.as_deref());
        let arrived = hooks.iter().any(|call| call.answered.is_success());
        if delivery.is_some_and(|delivery| delivery.state == DeliveryState::Delivered) && !arrived {
            report.lost(format!("run {i}: {what} counts as delivered and was not"));
        }
    }
    let delivered = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Delivered);
    let arrived: BTreeSet<_> = calls
        .iter()
        .filter(|call| ["notify", "done"].contains(&call.what.as_str()))
        .map(|call| call.what.as_str())
        .collect();
    if delivered.count() > arrived.len() {
        report.lost(format!("run {i}: only {arrived:?} arrived"));
    }
}

/// The reference implementation compares the timestamp with the real time, so it signs here, and
/// the signatures are compared.
pub fn is_signed(call: &Call, secret: &str) -> bool {
    let header = |name: &str| call.headers.get(name)?.to_str().ok();
    let signed = || {
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?.parse().ok()?);
        Webhook::new(secret).ok()?.sign(id, timestamp, &call.body).ok()
    };
    let given = header("webhook-signature").unwrap_or_default();
    signed().is_some_and(|signed| given.split(' ').any(|signature| signature == signed))
}
