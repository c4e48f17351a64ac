//! Metrics of what alarms watch, as a collector gets them.

use std::time::Instant;

use flowgate_tests::home::patience;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, NumberDataPoint};

use super::*;

const METRICS: &str = "/v1/metrics";
const GREET: &str = "nodes: [{ id: a, type: template, template: x }]\n";
const FAILING: &str =
    "nodes: [{ id: code, type: function, code: 'throw new Error(\"no luck\")' }]\n";

/// The latest value of each series, by the metric's name and the text of its attributes; those of
/// another hour are other series.
#[derive(Default)]
struct Series(BTreeMap<(String, String, u64), f64>);

impl Series {
    fn of(collector: &Receiver) -> Self {
        let mut series = Self::default();
        for request in sent_to(collector, METRICS) {
            let read: ExportMetricsServiceRequest = serde_json::from_slice(&request.body).unwrap();
            for resource in read.resource_metrics {
                let named = &resource.resource.as_ref().unwrap().attributes;
                assert_eq!(text_of(named, "service.name"), "shop");
                for metric in &resource.scope_metrics[0].metrics {
                    assert!(!metric.unit.is_empty(), "{}", metric.name);
                    series.read(&metric.name, metric.data.as_ref().unwrap());
                }
            }
        }
        series
    }

    fn read(&mut self, name: &str, data: &Data) {
        let mut keep = |attributes: &[KeyValue], start: u64, value: f64| {
            let shown: Vec<_> = attributes.iter().map(shown).collect();
            self.0.insert((name.to_owned(), shown.join(" "), start), value);
        };
        match data {
            Data::Sum(sum) => {
                assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (2, true), "{name}");
                for point in &sum.data_points {
                    assert!(0 < point.start_time_unix_nano, "{name}");
                    assert!(point.start_time_unix_nano <= point.time_unix_nano, "{name}");
                    keep(&point.attributes, point.start_time_unix_nano, number(point));
                }
            }
            Data::Gauge(gauge) => {
                for point in &gauge.data_points {
                    keep(&point.attributes, 0, number(point));
                }
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    check(name, point);
                    keep(&point.attributes, point.start_time_unix_nano, f64_of(point.count));
                }
            }
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The sum of the series whose attributes contain this text; `None`: there is none.
    fn find(&self, name: &str, text: &str) -> Option<f64> {
        let found = self.0.iter().filter(|((of, shown, _), _)| of == name && shown.contains(text));
        found.map(|(_, value)| *value).reduce(|sum, value| sum + value)
    }
}

fn check(name: &str, point: &HistogramDataPoint) {
    assert_eq!(point.count, point.bucket_counts.iter().sum::<u64>(), "{name}");
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1, "{name}");
    assert!(point.explicit_bounds.is_sorted(), "{name}");
}

fn shown(attribute: &KeyValue) -> String {
    let value = match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
        AnyValue::StringValue(text) => text.clone(),
        AnyValue::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    format!("{}={value}", attribute.key)
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        Number::AsInt(number) => f64_of(number.try_into().unwrap()),
        Number::AsDouble(number) => number,
    }
}

fn f64_of(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

async fn until(collector: &Receiver, enough: impl Fn(&Series) -> bool) -> Series {
    let began = Instant::now();
    loop {
        let series = Series::of(collector);
        if enough(&series) {
            return series;
        }
        assert!(began.elapsed() < patience(), "the last series were {:#?}", series.0);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn run(server: &TestServer, workflow: &str) -> Value {
    let path = format!("/v1/workflows/{workflow}/runs");
    answer(server.post(&path, ADMIN_KEY).json(&json!({ "input": {} }))).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_came_to_and_how_late_the_sweep_is_are_metrics() {
    let collector = collector().await;
    let server = reporting(&collector).await;
    server.publish("greet", GREET).await;
    server.publish("failing", FAILING).await;
    for (workflow, status) in
        [("greet", "succeeded"), ("greet", "succeeded"), ("failing", "failed")]
    {
        assert_eq!(run(&server, workflow).await["status"], status);
    }
    let all = |series: &Series| {
        let runs = |text: &str| series.find("flowgate.runs", text);
        runs("flowgate.workflow.id=greet flowgate.run.state=succeeded") == Some(2.0)
            && runs("flowgate.workflow.id=failing flowgate.run.state=failed") == Some(1.0)
    };
    let series = until(&collector, all).await;
    assert_eq!(series.find("flowgate.runs", ""), Some(3.0));
    assert_eq!(series.find("flowgate.run.duration", "flowgate.workflow.id=greet"), Some(2.0));
    assert_eq!(series.find("flowgate.run.cost", ""), Some(0.0));
    assert_eq!(series.find("flowgate.run.tokens", "flowgate.workflow.id=failing"), Some(0.0));
    for gauge in ["flowgate.sweep.lag", "flowgate.sweep.due", "flowgate.sweep.sent"] {
        assert!(series.find(gauge, "").is_some(), "{gauge}");
    }
}

/// On AWS, CloudWatch has what the functions count.
#[tokio::test(flavor = "multi_thread")]
async fn requests_webhooks_and_waits_are_metrics_of_the_process() {
    let (collector, service) = (collector().await, collector().await);
    let server = reporting(&collector).await;
    server.publish("greet", GREET).await;
    run(&server, "greet").await;
    assert_eq!(server.get("/v1/runs/none", ADMIN_KEY).send().await.unwrap().status(), 404);
    assert_eq!(server.get("/nowhere", ADMIN_KEY).send().await.unwrap().status(), 404);
    let webhooks = json!([{ "url": format!("{}/hook", service.url) }]);
    let start =
        server.post("/v1/workflows/greet/runs", ADMIN_KEY).header("prefer", "respond-async");
    let started = answer(start.json(&json!({ "input": {}, "webhooks": webhooks }))).await;
    assert_eq!(started.0, 202, "{}", started.1);
    let delivered = |series: &Series| {
        let delivered = "flowgate.webhook.outcome=delivered";
        series.find("flowgate.webhook.attempts", delivered) == Some(1.0)
    };
    let series = until(&collector, delivered).await;
    let exhausted = "flowgate.webhook.outcome=exhausted";
    assert_eq!(series.find("flowgate.webhook.attempts", exhausted), Some(0.0), "from the start");
    assert_eq!(series.find("flowgate.run.wait", ""), Some(1.0), "no worker took the other one");
    assert_eq!(series.find("flowgate.run.leases_lost", ""), Some(0.0));
    assert_eq!(series.find("flowgate.telemetry.dropped", ""), Some(0.0));
    let requests = |text: &str| series.find("http.server.request.duration", text);
    let of = |method: &str, route: &str, status: u16| {
        format!("http.request.method={method} {route}http.response.status_code={status}")
    };
    let starts = "http.route=/v1/workflows/{workflow_id}/runs ";
    assert_eq!(requests(&of("POST", starts, 200)), Some(1.0));
    assert_eq!(requests(&of("POST", starts, 202)), Some(1.0));
    assert_eq!(requests(&of("GET", "http.route=/v1/runs/{run_id} ", 404)), Some(1.0));
    assert!(series.0.keys().all(|(_, shown, _)| !shown.contains("none")), "no path is a name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_lost_loses_nothing_and_dropped_spans_are_counted() {
    let collector = Receiver::start(|request, earlier| {
        let status = match (request.uri.path(), earlier) {
            (METRICS, 0 | 1) => StatusCode::SERVICE_UNAVAILABLE,
            (METRICS, _) => StatusCode::OK,
            _ => StatusCode::BAD_REQUEST,
        };
        Reply::Now(status, "{}".to_owned())
    })
    .await;
    let server = reporting(&collector).await;
    server.publish("greet", GREET).await;
    assert_eq!(run(&server, "greet").await["status"], "succeeded", "whatever the collector says");
    let taken = |series: &Series| {
        // Of the run and its three nodes, those that started.
        let dropped = series.find("flowgate.telemetry.dropped", "").unwrap_or_default();
        sent_to(&collector, METRICS).len() > 3 && dropped >= 2.0
    };
    let series = until(&collector, taken).await;
    let runs = "flowgate.workflow.id=greet flowgate.run.state=succeeded";
    assert_eq!(series.find("flowgate.runs", runs), Some(1.0));
    assert_eq!(sent_to(&collector, TRACES).len(), 1, "what is refused is not repeated");
}

/// Nobody named an address for them.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_off_unless_a_collector_takes_them() {
    let collector = collector().await;
    let url = format!("{}/spans", collector.url);
    let variable = |name: &str| (name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").then(|| url.clone());
    let spans_only = Collector::from_variables(variable).unwrap();
    let outbound = OutboundSettings { collector: spans_only, ..outbound_settings() };
    let server = TestServer::start_calling_out(settings(|_| {}), outbound).await;
    server.publish("greet", GREET).await;
    run(&server, "greet").await;
    collector.until(|all| !all.is_empty()).await;
    server.stop().await;
    assert!(collector.received().iter().all(|request| request.uri.path() == "/spans"));
}

/// A stop reports what was counted since the last time.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_reports_what_was_counted() {
    let collector = collector().await;
    let base = collector.url.clone();
    let variable = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(base.clone()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=a%20key".to_owned()),
        "OTEL_SERVICE_NAME" => Some("shop".to_owned()),
        _ => None,
    };
    let outbound = OutboundSettings {
        collector: Collector::from_variables(variable).unwrap(),
        ..outbound_settings()
    };
    let server = TestServer::start_calling_out(settings(|_| {}), outbound).await;
    server.publish("greet", GREET).await;
    run(&server, "greet").await;
    assert!(sent_to(&collector, METRICS).is_empty(), "a minute has not passed");
    server.stop().await;
    let runs = "flowgate.workflow.id=greet flowgate.run.state=succeeded";
    assert_eq!(Series::of(&collector).find("flowgate.runs", runs), Some(1.0));
}
