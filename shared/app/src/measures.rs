//! Metrics as OTLP has them, of what the alarms watch and of what runs came to.
//! <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/> at v1.34

use flowgate_core::stats::{LATENCY_BUCKETS, Sums, bucket_end};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Swept;
use serde_json::{Value, json};

use crate::meter::{Counts, Histogram, Meter};
use crate::otlp::{self, attributes, nanos, usd};

/// Sums go on from their start, so that a report that is lost loses nothing.
const CUMULATIVE: u8 = 2;

/// The runs of one workflow that ended in one hour.
pub(crate) struct OfHour {
    pub(crate) workflow_id: String,
    pub(crate) hour: Timestamp,
    /// Until when they are counted.
    pub(crate) until: Timestamp,
    pub(crate) sums: Sums,
}

/// Returns an `ExportMetricsServiceRequest`. `None`: there is nothing to say.
pub(crate) fn request(
    meter: &Meter,
    (service, now): (&str, Timestamp),
    swept: Option<Swept>,
    hours: &[OfHour],
) -> Option<String> {
    let mut resources = Vec::new();
    if let Some(counts) = meter.counts() {
        let of_process = Points { start: meter.began, at: now };
        let metrics = of_process.counted(&counts, meter.dropped_spans());
        resources.push(of_resource(otlp::resource(service, Some(&meter.instance)), metrics));
    }
    let mut metrics = of_hours(hours);
    metrics.extend(swept.iter().flat_map(|swept| of_sweep(*swept, now)));
    if !metrics.is_empty() {
        resources.push(of_resource(otlp::resource(service, None), metrics));
    }
    (!resources.is_empty()).then(|| json!({ "resourceMetrics": resources }).to_string())
}

fn of_resource(resource: Value, metrics: Vec<Value>) -> Value {
    let of_scope = json!({ "scope": otlp::scope(), "metrics": metrics });
    json!({ "resource": resource, "scopeMetrics": [of_scope] })
}

fn of_sweep(swept: Swept, at: Timestamp) -> [Value; 3] {
    let gauge = |name, unit, value: Value| {
        let mut point = value;
        point["timeUnixNano"] = nanos(at).into();
        json!({ "name": name, "unit": unit, "gauge": { "dataPoints": [point] } })
    };
    let count = |count: u64| json!({ "asInt": count.to_string() });
    let lag = seconds(swept.lag_ms);
    [
        gauge("flowgate.sweep.lag", "s", json!({ "asDouble": lag })),
        gauge("flowgate.sweep.due", "{item}", count(swept.due)),
        gauge("flowgate.sweep.sent", "{message}", count(swept.sent)),
    ]
}

fn of_hours(hours: &[OfHour]) -> Vec<Value> {
    let (mut runs, mut durations) = (Vec::new(), Vec::new());
    let (mut tokens, mut costs) = (Vec::new(), Vec::new());
    for OfHour { workflow_id, hour, until, sums } in hours {
        let points = Points { start: *hour, at: *until };
        let workflow = || -> Attribute { ("flowgate.workflow.id", workflow_id.as_str().into()) };
        let states =
            [("succeeded", sums.succeeded), ("failed", sums.failed), ("cancelled", sums.cancelled)];
        for (state, count) in states.into_iter().filter(|(_, count)| *count > 0) {
            runs.push(points.count([workflow(), ("flowgate.run.state", state.into())], count));
        }
        if sums.runs() == 0 {
            continue;
        }
        durations.push(points.durations([workflow()], sums));
        tokens.push(points.count([workflow()], sums.tokens));
        let mut cost = points.of([workflow()]);
        cost["asDouble"] = usd(sums.cost_nano_usd).into();
        costs.push(cost);
    }
    let all = [
        sum("flowgate.runs", "{run}", runs),
        histogram("flowgate.run.duration", durations),
        sum("flowgate.run.tokens", "{token}", tokens),
        sum("flowgate.run.cost", "{USD}", costs),
    ];
    all.into_iter().flatten().collect()
}

/// `None`: it has no points.
fn sum(name: &str, unit: &str, points: Vec<Value>) -> Option<Value> {
    let sum = json!({
        "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": points,
    });
    has_points(&sum).then(|| json!({ "name": name, "unit": unit, "sum": sum }))
}

fn histogram(name: &str, points: Vec<Value>) -> Option<Value> {
    let histogram = json!({ "aggregationTemporality": CUMULATIVE, "dataPoints": points });
    has_points(&histogram).then(|| json!({ "name": name, "unit": "s", "histogram": histogram }))
}

fn has_points(data: &Value) -> bool {
    data["dataPoints"].as_array().is_some_and(|points| !points.is_empty())
}

type Attribute = (&'static str, Value);

/// Makes points of one time.
struct Points {
    start: Timestamp,
    at: Timestamp,
}

impl Points {
    fn of(&self, values: impl IntoIterator<Item = Attribute>) -> Value {
        json!({
            "attributes": attributes(values),
            "startTimeUnixNano": nanos(self.start),
            "timeUnixNano": nanos(self.at),
        })
    }

    fn count(&self, values: impl IntoIterator<Item = Attribute>, count: u64) -> Value {
        let mut point = self.of(values);
        point["asInt"] = count.to_string().into();
        point
    }

    fn histogram(
        &self,
        values: impl IntoIterator<Item = Attribute>,
        (bounds, counts): (Vec<f64>, &[u64]),
    ) -> Value {
        let mut point = self.of(values);
        point["count"] = counts.iter().sum::<u64>().to_string().into();
        point["bucketCounts"] = counts.iter().map(u64::to_string).collect::<Vec<_>>().into();
        point["explicitBounds"] = bounds.into();
        point
    }

    fn measured(&self, values: impl IntoIterator<Item = Attribute>, from: &Histogram) -> Value {
        let mut point = self.histogram(values, (from.bounds.to_vec(), &from.counts));
        point["sum"] = from.sum.into();
        point
    }

    /// Rollups have no sum of durations.
    fn durations(&self, values: impl IntoIterator<Item = Attribute>, sums: &Sums) -> Value {
        let bounds = (0..LATENCY_BUCKETS - 1).map(|bucket| bucket_end(bucket) / 1e3).collect();
        let counts: Vec<u64> = (0..LATENCY_BUCKETS)
            .map(|bucket| sums.latency.get(&bucket).copied().unwrap_or_default())
            .collect();
        self.histogram(values, (bounds, &counts))
    }

    /// What this process counted. Counts are there from the start: an alarm needs their 0.
    fn counted(&self, counts: &Counts, dropped_spans: u64) -> Vec<Value> {
        let outcome = |outcome: &str, count| {
            self.count([("flowgate.webhook.outcome", outcome.into())], count)
        };
        let attempts = vec![
            outcome("delivered", counts.delivered),
            outcome("exhausted", counts.exhausted),
            outcome("retried", counts.retried),
        ];
        let one = |count| vec![self.count([], count)];
        let all = [
            histogram("http.server.request.duration", self.requests(counts)),
            histogram("flowgate.run.wait", vec![self.measured([], &counts.waits)]),
            sum("flowgate.run.leases_lost", "{lease}", one(counts.leases_lost)),
            sum("flowgate.webhook.attempts", "{attempt}", attempts),
            sum(
                "flowgate.webhook.receivers_disabled",
                "{receiver}",
                one(counts.receivers_disabled),
            ),
            sum("flowgate.telemetry.dropped", "{span}", one(dropped_spans)),
        ];
        all.into_iter().flatten().collect()
    }

    fn requests(&self, counts: &Counts) -> Vec<Value> {
        let mut points = Vec::new();
        for (route, answered) in &counts.requests {
            for ((method, status), durations) in answered {
                let is_error = *status >= 500;
                let values = [
                    ("http.request.method", (*method).into()),
                    ("http.route", Some(route.as_str()).filter(|route| !route.is_empty()).into()),
                    ("http.response.status_code", (*status).into()),
                    ("error.type", is_error.then(|| status.to_string()).into()),
                ];
                points.push(self.measured(values, durations));
            }
        }
        if counts.other_requests.counts.iter().any(|count| *count > 0) {
            let values = [("otel.metric.overflow", true.into())];
            points.push(self.measured(values, &counts.other_requests));
        }
        points
    }
}

#[expect(clippy::cast_precision_loss, reason = "a lag far below 2^53 ms")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_hour_is_a_sum_from_its_beginning() {
        let hour = Timestamp(3_600_000);
        let mut sums = Sums { failed: 2, cost_nano_usd: 1_500_000_000, ..Sums::default() };
        sums.latency.insert(1, 2);
        let of =
            |sums| OfHour { workflow_id: "w".to_owned(), hour, until: Timestamp(3_700_000), sums };
        let metrics = of_hours(&[of(sums), of(Sums::default())]);
        let names: Vec<_> = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect();
        let expected =
            ["flowgate.runs", "flowgate.run.duration", "flowgate.run.tokens", "flowgate.run.cost"];
        assert_eq!(names, expected);
        let points = |index: usize, kind: &str| metrics[index][kind]["dataPoints"].clone();
        let runs = points(0, "sum");
        assert_eq!(runs.as_array().unwrap().len(), 1, "what nothing ended in has no point");
        assert_eq!(
            (&runs[0]["asInt"], &runs[0]["startTimeUnixNano"]),
            (&json!("2"), &json!("3600000000000"))
        );
        let durations = points(1, "histogram");
        assert_eq!(
            (&durations[0]["count"], &durations[0]["bucketCounts"][1]),
            (&json!("2"), &json!("2"))
        );
        let bounds = durations[0]["explicitBounds"].as_array().unwrap();
        assert_eq!(bounds.len() + 1, durations[0]["bucketCounts"].as_array().unwrap().len());
        assert_eq!((&bounds[0], &bounds[20]), (&json!(0.001), &json!(1.024)));
        assert_eq!(points(3, "sum")[0]["asDouble"], 1.5);
    }

    #[test]
    fn a_process_that_counts_nothing_reports_what_was_swept() {
        let meter = Meter::new(Timestamp(0), String::new(), false);
        let about = ("shop", Timestamp(1));
        assert_eq!(request(&meter, about, None, &[]), None);
        let swept = Swept { lag_ms: 1_500, due: 3, sent: 2 };
        let written = request(&meter, about, Some(swept), &[]).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(written["resourceMetrics"].as_array().unwrap().len(), 1);
        let metrics = &written["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        assert_eq!(metrics[0]["gauge"]["dataPoints"][0]["asDouble"], 1.5);
    }

    #[test]
    fn requests_beyond_the_bound_say_so() {
        let meter = Meter::new(Timestamp(0), "i".to_owned(), true);
        for status in 0..301 {
            meter.request("GET", Some("/a"), status, Duration::ZERO);
        }
        let points = Points { start: Timestamp(0), at: Timestamp(1) };
        let points = points.requests(&meter.counts().unwrap());
        let overflow = points.last().unwrap();
        assert_eq!(overflow["attributes"][0]["key"], "otel.metric.overflow");
        assert_eq!((points.len(), &overflow["count"]), (301, &json!("1")));
    }
}
