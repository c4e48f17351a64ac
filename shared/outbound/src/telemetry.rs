//! Sends spans and metrics to the operator's collector: OTLP over HTTP, as JSON.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result as Anyhow, anyhow, bail};
use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::telemetry::{ENDPOINT, Signal, Telemetry};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Before the second, third and fourth attempt, unless the collector says when.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];
const MAX_PAUSE: Duration = Duration::from_secs(60);
const DEFAULT_SERVICE: &str = "flowgate";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Runs are counted by the hour.
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

/// Where spans and metrics go. The operator decides it, so no address is refused.
#[derive(Debug, Clone)]
pub struct Collector {
    spans: Option<Url>,
    metrics: Option<Url>,
    /// May hold a credential.
    headers: HeaderMap,
    service: String,
    interval: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct CollectorError {
    variable: &'static str,
    reason: String,
}

impl Collector {
    /// Reads the variables that OpenTelemetry's own exporters read. `None`: none is named.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CollectorError> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let base = given(ENDPOINT);
        let address = |signal: Signal| match (given(signal.endpoint()), &base) {
            (Some(whole), _) => checked_url(signal.endpoint(), &whole).map(Some),
            (None, Some(base)) => {
                let base = base.trim().trim_end_matches('/');
                checked_url(ENDPOINT, &format!("{base}{}", path_of(signal))).map(Some)
            }
            (None, None) => Ok(None),
        };
        let (spans, metrics) = (address(Signal::Spans)?, address(Signal::Metrics)?);
        if spans.is_none() && metrics.is_none() {
            return Ok(None);
        }
        let headers = headers_of(&given("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default())?;
        let service = given("OTEL_SERVICE_NAME").unwrap_or_else(|| DEFAULT_SERVICE.to_owned());
        let interval = given(INTERVAL).map_or(Ok(DEFAULT_INTERVAL), |text| interval_of(&text))?;
        Ok(Some(Self { spans, metrics, headers, service, interval }))
    }

    fn url(&self, signal: Signal) -> Option<&Url> {
        match signal {
            Signal::Spans => self.spans.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
        }
    }
}

fn path_of(signal: Signal) -> &'static str {
    match signal {
        Signal::Spans => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
    }
}

fn interval_of(text: &str) -> Result<Duration, CollectorError> {
    let interval = text.trim().parse().ok().map(Duration::from_millis);
    let bounds = MIN_INTERVAL..=MAX_INTERVAL;
    interval.filter(|interval| bounds.contains(interval)).ok_or_else(|| CollectorError {
        variable: INTERVAL,
        reason: "not milliseconds from 1000 to 3600000".to_owned(),
    })
}

fn checked_url(variable: &'static str, text: &str) -> Result<Url, CollectorError> {
    let wrong = |reason: String| CollectorError { variable, reason };
    let url = Url::parse(text.trim()).map_err(|error| wrong(format!("not a URL: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(wrong(format!("{other} is not http or https"))),
    }
}

/// Reads `name=value,name=value`, where values are percent-encoded.
fn headers_of(text: &str) -> Result<HeaderMap, CollectorError> {
    let variable = "OTEL_EXPORTER_OTLP_HEADERS";
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        // Values may be credentials: none is in the message.
        let wrong = |reason: &str| CollectorError { variable, reason: reason.to_owned() };
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("an entry has no `=`"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| wrong("a name is not that of a header"))?;
        // A `+` is a plus here.
        let encoded = value.trim().replace('+', "%2B");
        let decoded = url::form_urlencoded::parse(format!("v={encoded}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        let mut value = HeaderValue::from_str(&decoded)
            .map_err(|_| wrong("a value holds what a header cannot"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Sends to a collector.
pub(super) struct Exporter {
    collector: Collector,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
}

/// How an attempt ended.
enum Sent {
    Taken,
    /// It may be sent again, after this pause if the collector named one.
    Later(Option<Duration>, String),
    Refused(String),
}

impl Exporter {
    pub(super) fn new(collector: Collector, clock: Arc<dyn Clock>) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { collector, client, clock })
    }

    async fn attempt(&self, url: &Url, body: &str) -> Sent {
        let request = self
            .client
            .post(url.clone())
            .headers(self.collector.headers.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Sent::Taken,
            Ok(answer) if may_be_repeated(answer.status()) => {
                Sent::Later(retry_after(answer.headers()), answer.status().to_string())
            }
            Ok(answer) => Sent::Refused(answer.status().to_string()),
            // The URL may hold a credential.
            Err(error) => Sent::Later(None, error.without_url().to_string()),
        }
    }
}

/// As the protocol says.
fn may_be_repeated(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

#[async_trait]
impl Telemetry for Exporter {
    fn takes(&self, signal: Signal) -> bool {
        self.collector.url(signal).is_some()
    }

    /// Metrics are not repeated: the next report has all that this one had.
    async fn send(&self, signal: Signal, request: String) -> Anyhow<()> {
        let url = self.collector.url(signal).ok_or_else(|| anyhow!("nobody takes {signal:?}"))?;
        let mut pauses = PAUSES.into_iter().filter(|_| signal == Signal::Spans);
        loop {
            match (self.attempt(url, &request).await, pauses.next()) {
                (Sent::Taken, _) => return Ok(()),
                (Sent::Later(asked, _), Some(pause)) => {
                    self.clock.sleep(asked.unwrap_or(pause)).await;
                }
                (Sent::Later(_, reason) | Sent::Refused(reason), _) => bail!(reason),
            }
        }
    }

    fn place(&self, signal: Signal) -> Option<String> {
        // Its path may hold a credential.
        Some(self.collector.url(signal)?.origin().ascii_serialization())
    }

    fn service(&self) -> &str {
        &self.collector.service
    }

    fn interval(&self) -> Duration {
        self.collector.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Collector>, CollectorError> {
        let found = |name: &str| variables.iter().find(|(key, _)| *key == name);
        Collector::from_variables(|name| found(name).map(|(_, value)| (*value).to_owned()))
    }

    const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const WHOLE: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

    #[test]
    fn it_is_off_unless_an_address_is_named() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[(BASE, " "), (HEADERS, "a=b")]).unwrap().is_none());
    }

    #[test]
    fn the_base_gets_a_path_and_the_whole_address_none() {
        let urls = |variables: &[(&str, &str)]| {
            let collector = read(variables).unwrap().unwrap();
            [Signal::Spans, Signal::Metrics]
                .map(|signal| collector.url(signal).map_or("none".to_owned(), ToString::to_string))
        };
        let below = |base: &str| ["/v1/traces", "/v1/metrics"].map(|path| format!("{base}{path}"));
        assert_eq!(urls(&[(BASE, "http://x:4318")]), below("http://x:4318"));
        assert_eq!(urls(&[(BASE, "https://x/otlp/")]), below("https://x/otlp"));
        let spans = urls(&[(BASE, "http://x"), (WHOLE, "http://y/spans")]);
        assert_eq!(spans, ["http://y/spans", "http://x/v1/metrics"]);
        assert_eq!(urls(&[(WHOLE, "http://y/spans")]), ["http://y/spans", "none"]);
        let metrics = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://y/m")];
        assert_eq!(urls(&metrics), ["none", "http://y/m"]);
    }

    #[test]
    fn metrics_are_sent_once_a_minute_unless_the_operator_says_otherwise() {
        let interval = |text: &str| read(&[(BASE, "http://x"), (INTERVAL, text)]);
        assert_eq!(interval(" ").unwrap().unwrap().interval, Duration::from_secs(60));
        assert_eq!(interval("15000").unwrap().unwrap().interval, Duration::from_secs(15));
        for wrong in ["999", "3600001", "-1", "1m"] {
            assert!(interval(wrong).unwrap_err().to_string().starts_with(INTERVAL), "{wrong}");
        }
    }

    #[test]
    fn headers_are_decoded_and_names_are_kept() {
        let given = [
            (BASE, "http://x"),
            (HEADERS, "api-key=a%20b+c, x-team=1"),
            ("OTEL_SERVICE_NAME", "shop"),
        ];
        let collector = read(&given).unwrap().unwrap();
        assert_eq!(collector.headers["api-key"], "a b+c");
        assert_eq!(collector.headers["x-team"], "1");
        assert_eq!(collector.service, "shop");
        assert_eq!(read(&given[..1]).unwrap().unwrap().service, "flowgate");
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        let message = |variables: &[(&str, &str)]| read(variables).unwrap_err().to_string();
        assert!(message(&[(BASE, "ftp://x")]).contains("not http or https"));
        assert!(message(&[(WHOLE, "nowhere")]).starts_with(WHOLE));
        for headers in ["k3y", "a b=k3y", "a=k3y%0A"] {
            let message = message(&[(BASE, "http://x"), (HEADERS, headers)]);
            assert!(message.starts_with(HEADERS) && !message.contains("k3y"), "{message}");
        }
    }

    #[test]
    fn a_collector_may_say_when_to_come_again() {
        let headers =
            |value: &str| HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers("3")), Some(Duration::from_secs(3)));
        assert_eq!(retry_after(&headers("9999")), Some(MAX_PAUSE));
        assert_eq!(retry_after(&headers("tomorrow")), None);
        assert!(may_be_repeated(StatusCode::SERVICE_UNAVAILABLE));
        assert!(!may_be_repeated(StatusCode::INTERNAL_SERVER_ERROR));
    }
}
