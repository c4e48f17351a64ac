//! Sends spans to the operator's collector: OTLP over HTTP, as JSON.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::telemetry::Telemetry;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Before the second, third and fourth attempt, unless the collector says when.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];
const MAX_PAUSE: Duration = Duration::from_secs(60);
const DEFAULT_SERVICE: &str = "flowgate";

/// Where spans go. The operator decides it, so no address is refused.
#[derive(Debug, Clone)]
pub struct Collector {
    url: Url,
    /// May hold a credential.
    headers: HeaderMap,
    service: String,
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
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let url = match (given(TRACES), given(ENDPOINT)) {
            (Some(whole), _) => checked_url(TRACES, &whole)?,
            (None, Some(base)) => {
                checked_url(ENDPOINT, &format!("{}/v1/traces", base.trim().trim_end_matches('/')))?
            }
            (None, None) => return Ok(None),
        };
        let headers = given("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let service = given("OTEL_SERVICE_NAME").unwrap_or_else(|| DEFAULT_SERVICE.to_owned());
        Ok(Some(Self { url, headers: headers_of(&headers)?, service }))
    }
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

/// Sends spans to a collector.
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

    async fn attempt(&self, spans: &str) -> Sent {
        let request = self
            .client
            .post(self.collector.url.clone())
            .headers(self.collector.headers.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(spans.to_owned());
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
    async fn send(&self, spans: String) -> bool {
        let mut pauses = PAUSES.into_iter();
        let reason = loop {
            match (self.attempt(&spans).await, pauses.next()) {
                (Sent::Taken, _) => return true,
                (Sent::Later(asked, _), Some(pause)) => {
                    self.clock.sleep(asked.unwrap_or(pause)).await;
                }
                (Sent::Later(_, reason) | Sent::Refused(reason), _) => break reason,
            }
        };
        tracing::warn!(reason, "the collector did not take the spans of a run");
        false
    }

    fn place(&self) -> String {
        // Its path may hold a credential.
        self.collector.url.origin().ascii_serialization()
    }

    fn service(&self) -> &str {
        &self.collector.service
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
        let url = |variables: &[(&str, &str)]| read(variables).unwrap().unwrap().url.to_string();
        assert_eq!(url(&[(BASE, "http://x:4318")]), "http://x:4318/v1/traces");
        assert_eq!(url(&[(BASE, "https://x/otlp/")]), "https://x/otlp/v1/traces");
        assert_eq!(url(&[(BASE, "http://x"), (WHOLE, "http://y/spans")]), "http://y/spans");
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
