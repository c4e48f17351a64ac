//! The log of a function: one JSON object per line. Metrics use CloudWatch's embedded format.

use std::fmt::Debug;
use std::io::Write;

use flowgate_app::clock::Clock;
use flowgate_app::metric::TARGET;
use flowgate_app::system::SystemClock;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

const NAMESPACE: &str = "Flowgate";
const PREFIX: &str = "metric.";
/// Logs each request in one line. Operators look for them.
const USUAL_FILTER: &str = "info,flowgate_api::request=debug";

/// Starts the log. Call it once.
pub(super) fn begin() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL_FILTER));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_filter(filter)
        .with_filter(filter_fn(|metadata| metadata.target() != TARGET));
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let metrics =
        Metrics { function }.with_filter(filter_fn(|metadata| metadata.target() == TARGET));
    // Fails only if a log was started before.
    let _ = tracing_subscriber::registry().with(lines).with(metrics).try_init();
}

/// Writes each metric event as a line that CloudWatch counts.
struct Metrics {
    function: String,
}

impl<S: Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = fields.line(&self.function, SystemClock.now().millis());
        // A failed write to the log must not end a run.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

#[derive(Default)]
struct Fields {
    all: Map<String, Value>,
    metrics: Vec<Value>,
}

impl Fields {
    fn line(self, function: &str, millis: i64) -> Value {
        let mut line = self.all;
        line.insert("Function".to_owned(), function.into());
        let metrics = json!([{
            "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": self.metrics
        }]);
        line.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": millis, "CloudWatchMetrics": metrics }),
        );
        Value::Object(line)
    }

    fn keep(&mut self, field: &Field, value: Value) {
        let Some(name) = field.name().strip_prefix(PREFIX) else {
            self.all.insert(field.name().to_owned(), value);
            return;
        };
        let unit = if matches!(name, "RunDuration" | "RunWaited" | "SweeperLag") {
            "Milliseconds"
        } else {
            "Count"
        };
        self.metrics.push(json!({ "Name": name, "Unit": unit }));
        self.all.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.keep(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_a_line_that_cloudwatch_counts() {
        let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        struct Kept(std::sync::Arc<std::sync::Mutex<Vec<Value>>>);
        impl<S: Subscriber> Layer<S> for Kept {
            fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
                let mut fields = Fields::default();
                event.record(&mut fields);
                self.0.lock().unwrap().push(fields.line("stack-Worker", 7));
            }
        }
        let subscriber = tracing_subscriber::registry().with(Kept(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(
                target: TARGET,
                {
                    metric.RunsFailed = Some(1u64),
                    metric.RunsSucceeded = None::<u64>,
                    metric.RunDuration = 12u64,
                    run.id = %"run_1"
                },
                "run ended"
            );
        });
        let line = lines.lock().unwrap().remove(0);
        assert_eq!(
            line,
            json!({
                "message": "run ended",
                "RunsFailed": 1,
                "RunDuration": 12,
                "run.id": "run_1",
                "Function": "stack-Worker",
                "_aws": {
                    "Timestamp": 7,
                    "CloudWatchMetrics": [{
                        "Namespace": "Flowgate",
                        "Dimensions": [["Function"]],
                        "Metrics": [
                            { "Name": "RunsFailed", "Unit": "Count" },
                            { "Name": "RunDuration", "Unit": "Milliseconds" }
                        ],
                    }],
                },
            })
        );
    }
}
