//! What runs came to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flowgate_app::statistics::{self, Statistics, StatsQuery};
use flowgate_app::stats::Dimension;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::run_list::time;
use crate::http::page::bad_query;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::QueryPairs;
use crate::http::time::Time;

/// Which runs are summed, and how.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its parameters are used")]
pub(super) struct StatsParameters {
    /// A workflow's id. Without it: all workflows that the key reads, 100 at most.
    workflow: Option<String>,
    /// Runs that ended in the hour of this time or later; by default a day before `to`.
    #[param(value_type = Option<Time>)]
    from: Option<Timestamp>,
    /// Runs that ended before this time, or in its hour; by default now. At most 92 days after
    /// `from`.
    #[param(value_type = Option<Time>)]
    to: Option<Timestamp>,
    /// An item for each hour, each day (UTC), or for all of the time.
    #[param(required = false, value_type = StatsStep)]
    step: StatsStep,
    /// An item for each of these, too.
    #[param(value_type = Option<StatsBy>)]
    by: Option<StatsBy>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StatsStep {
    Hour,
    Day,
    Total,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StatsBy {
    Workflow,
    Version,
    State,
    /// The id of the key; `admin` is the operator's own credential.
    Key,
    /// The error code of failed runs.
    Code,
    /// The node in which runs failed.
    Node,
}

const STEPS: [(&str, statistics::Step, StatsStep); 3] = [
    ("hour", statistics::Step::Hour, StatsStep::Hour),
    ("day", statistics::Step::Day, StatsStep::Day),
    ("total", statistics::Step::Total, StatsStep::Total),
];

/// Sums over runs that have ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Stats {
    /// `from`, rounded to the hour.
    from: Time,
    /// `to`, rounded up to the hour.
    to: Time,
    step: StatsStep,
    #[schema(required)]
    by: Option<StatsBy>,
    /// In the order of their time; of the same time, those with the most runs first.
    items: Vec<StatsItem>,
}

/// The runs that ended in one step, under one name. Runs of drafts count only by `version`, as
/// `draft`.
#[derive(Serialize, ToSchema)]
struct StatsItem {
    /// When the step begins.
    at: Time,
    /// With `by`: of what these are the runs. Of names with few runs, the rest is `other`.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    runs: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    /// Failed runs among those that succeeded or failed, from 0 to 1; null if there are none.
    #[schema(required)]
    failure_rate: Option<f64>,
    /// Half of the runs took at most this long from their start to their end. Estimated from
    /// buckets that grow by 41 %; null by `key`, `code` and `node`, and where nothing ran.
    #[schema(required)]
    p50_ms: Option<u64>,
    #[schema(required)]
    p95_ms: Option<u64>,
    #[schema(required)]
    p99_ms: Option<u64>,
    /// The mean time from acceptance to start; null where nothing ran.
    #[schema(required)]
    queued_ms: Option<u64>,
    tokens: u64,
    /// Runs whose tokens nobody knows; they are not in `tokens`.
    tokens_unknown_runs: u64,
    cost_nano_usd: u64,
    /// Runs whose cost nobody knows; it is not in `cost_nano_usd`.
    cost_unknown_runs: u64,
}

/// Sum up runs
///
/// From counters that each run raises when it ends, kept for 92 days; no run is read. On one
/// machine they are exact. On AWS a crash right after a run's end may leave it out. Needs the
/// scope `read`.
#[utoipa::path(
    get,
    path = "/v1/stats",
    operation_id = "read_stats",
    tag = "Statistics",
    params(StatsParameters),
    responses(
        (status = 200, description = "The sums.", body = Stats),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Json<Stats>, Refusal> {
    let asked = asked(&query)?;
    let summed = app.statistics(&caller, &asked).await?;
    Ok(Json(Stats::new(&asked, summed)))
}

fn asked(query: &QueryPairs) -> Result<StatsQuery, Error> {
    let step = match query.get("step") {
        None => statistics::Step::Total,
        Some(text) => {
            let known = STEPS.into_iter().find(|(name, ..)| *name == text);
            known.ok_or_else(|| bad_query("step", "must be hour, day or total"))?.1
        }
    };
    Ok(StatsQuery {
        workflow: query.get("workflow").map(str::to_owned),
        from: time(query, "from")?,
        before: time(query, "to")?,
        step,
        by: query.get("by").map(by).transpose()?,
    })
}

fn by(text: &str) -> Result<statistics::By, Error> {
    if text == "workflow" {
        return Ok(statistics::By::Workflow);
    }
    let message = "must be one of workflow, version, state, key, code, node";
    let dimension = Dimension::parse(text).ok_or_else(|| bad_query("by", message))?;
    Ok(statistics::By::Dimension(dimension))
}

impl Stats {
    fn new(asked: &StatsQuery, summed: Statistics) -> Self {
        let step = STEPS.into_iter().find(|(_, step, _)| *step == asked.step);
        Self {
            from: summed.from.into(),
            to: summed.before.into(),
            step: step.map_or(StatsStep::Total, |(.., step)| step),
            by: asked.by.map(Into::into),
            items: summed.entries.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<statistics::By> for StatsBy {
    fn from(by: statistics::By) -> Self {
        match by {
            statistics::By::Workflow => Self::Workflow,
            statistics::By::Dimension(Dimension::State) => Self::State,
            statistics::By::Dimension(Dimension::Version) => Self::Version,
            statistics::By::Dimension(Dimension::Key) => Self::Key,
            statistics::By::Dimension(Dimension::Code) => Self::Code,
            statistics::By::Dimension(Dimension::Node) => Self::Node,
        }
    }
}

impl From<statistics::Entry> for StatsItem {
    fn from(statistics::Entry { at, name, sums }: statistics::Entry) -> Self {
        Self {
            at: at.into(),
            name,
            runs: sums.runs(),
            succeeded: sums.succeeded,
            failed: sums.failed,
            cancelled: sums.cancelled,
            failure_rate: rate(sums.failed, sums.succeeded.saturating_add(sums.failed)),
            p50_ms: sums.percentile(0.5),
            p95_ms: sums.percentile(0.95),
            p99_ms: sums.percentile(0.99),
            queued_ms: sums.queued_ms.checked_div(sums.runs()),
            tokens: sums.tokens,
            tokens_unknown_runs: sums.tokens_unknown,
            cost_nano_usd: sums.cost_nano_usd,
            cost_unknown_runs: sums.cost_unknown,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
