//! The http node: sends one request and returns `{data, status, headers}`.

use flowgate_core::hops;
use flowgate_engine::call::{CallError, CallOutput, HttpCall, Rendered};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use url::Url;

use super::address::AddressError;
use super::client::describe;
use super::secret::Masks;
use super::status::status_error;
use super::{Outbound, failed, too_large};

/// A header that is invalid, or that users may not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("header {0} may not be set")]
    Forbidden(String),
    #[error("{0:?} is not the name of a header")]
    Name(String),
    #[error(
        "the value of header {0} holds a line end or another character that a header cannot hold"
    )]
    Value(String),
}

/// Refuses headers that frame the message, that gateways trust, or that we sign with.
pub fn check_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    const FORBIDDEN: [&str; 8] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ];
    const FORBIDDEN_PREFIXES: [&str; 6] =
        ["proxy-", "webhook-", "flowgate-", "x-amz", "x-forwarded-", "keep-alive"];
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HeaderError::Name(name.chars().take(100).collect()))?;
    if FORBIDDEN.contains(&parsed.as_str())
        || FORBIDDEN_PREFIXES.iter().any(|prefix| parsed.as_str().starts_with(prefix))
    {
        return Err(HeaderError::Forbidden(parsed.as_str().to_owned()));
    }
    let value = HeaderValue::from_str(value)
        .or_else(|_| non_ascii_value(value))
        .map_err(|()| HeaderError::Value(parsed.as_str().to_owned()))?;
    Ok((parsed, value))
}

/// Sends non-ASCII header text as UTF-8 bytes.
fn non_ascii_value(value: &str) -> Result<HeaderValue, ()> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| ())
}

impl From<HeaderError> for CallError {
    fn from(error: HeaderError) -> Self {
        let code = if matches!(error, HeaderError::Forbidden(_)) {
            "forbidden_header"
        } else {
            "invalid_header"
        };
        failed(code, error.to_string())
    }
}

impl From<AddressError> for CallError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Refused { .. } => failed("refused_address", error.to_string()),
            _ => failed("invalid_url", format!("the URL {error}")),
        }
    }
}

impl Outbound {
    pub(super) async fn perform_http(
        &self,
        call: &HttpCall,
        masks: &mut Masks,
    ) -> Result<CallOutput, CallError> {
        let method = parse_method(&call.method)?;
        let mut url = self.rule.check_url(&self.fill_text(&call.url, masks).await?)?;
        for (name, value) in &call.query {
            let value = self.fill_text(value, masks).await?;
            url.query_pairs_mut().append_pair(name, &value);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let (name, value) = check_header(name, &self.fill_text(value, masks).await?)?;
            headers
                .try_append(name, value)
                .map_err(|_| failed("invalid_header", "there are too many headers"))?;
        }
        // The author cannot set it: `check_header` refuses the name.
        headers.insert(hops::HEADER, HeaderValue::from(hops::current()));
        let body = match &call.body {
            Some(body) => Some(body_bytes(self.secrets.fill(body, masks).await?, &mut headers)),
            None => None,
        };

        let asked = format!("{method} {}", shown_url(&call.url, &url));
        let mut request = self.client()?.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| about(&asked, describe(&error)))?;
        self.read_answer(response, &asked).await
    }

    /// Fills in a field as text: a string as it is, null as empty text, everything else as JSON.
    async fn fill_text(&self, field: &Rendered, masks: &mut Masks) -> Result<String, CallError> {
        Ok(match self.secrets.fill(field, masks).await? {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    async fn read_answer(
        &self,
        mut response: reqwest::Response,
        asked: &str,
    ) -> Result<CallOutput, CallError> {
        let status = response.status();
        if status.as_u16() >= 400 {
            let retryable = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            let message = format!("{asked} answered {}", status.as_u16());
            return Err(status_error(
                "http_status",
                message,
                retryable,
                (status, response.headers()),
                self.clock.now(),
            ));
        }
        let limit = self.settings.max_answer_bytes;
        let too_large = || about(asked, too_large("the answer", limit));
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(part) =
            response.chunk().await.map_err(|error| about(asked, describe(&error)))?
        {
            if body.len() + part.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&part);
        }
        let headers = response.headers();
        let value = json!({
            "data": data_of(headers, &body),
            "status": status.as_u16(),
            "headers": header_fields(headers)
        });
        Ok(CallOutput { value, tokens: None, cost_nano_usd: None })
    }
}

fn parse_method(method: &str) -> Result<Method, CallError> {
    match method.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        "OPTIONS" => Ok(Method::OPTIONS),
        _ => Err(failed(
            "invalid_method",
            "the method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
        )),
    }
}

/// Sends a string as it is, and anything else as JSON with its content type, unless the author set
/// one.
fn body_bytes(body: Value, headers: &mut HeaderMap) -> Vec<u8> {
    match body {
        Value::String(text) => text.into_bytes(),
        other => {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            other.to_string().into_bytes()
        }
    }
}

/// Returns JSON if the content type says so and the body parses, else text.
fn data_of(headers: &HeaderMap, body: &[u8]) -> Value {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let says_json = media_type == "application/json"
        || media_type == "text/json"
        || media_type.ends_with("+json");
    let parsed = if says_json { flowgate_engine::json::parse(body).ok() } else { None };
    parsed.unwrap_or_else(|| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// Returns headers with lower-case names. Repeated headers are joined with commas.
fn header_fields(headers: &HeaderMap) -> Map<String, Value> {
    let joined = |name: &HeaderName| {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        values.join(", ")
    };
    headers.keys().map(|name| (name.as_str().to_owned(), Value::String(joined(name)))).collect()
}

/// Leaves the query out of messages: it carries keys and personal data. A URL with secrets is shown
/// as the author wrote it: URLs encode secrets in ways that the masks would have to guess.
fn shown_url(written: &Rendered, url: &Url) -> String {
    let Rendered::Text(pieces) = written else { return url[..url::Position::AfterPath].to_owned() };
    let written = flowgate_core::delivery::shown(pieces);
    written.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn about(asked: &str, error: CallError) -> CallError {
    CallError { message: format!("{asked}: {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_frame_or_sign_are_forbidden() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "TE",
            "trailer",
            "upgrade",
            "expect",
            "Proxy-Authorization",
            "webhook-id",
            "X-Amz-Security-Token",
            "x-amzn-trace-id",
            "X-Forwarded-For",
            "keep-alive",
        ] {
            assert_eq!(
                check_header(name, "x").unwrap_err(),
                HeaderError::Forbidden(name.to_lowercase())
            );
        }
        assert!(check_header("Authorization", "Bearer x").is_ok());
        assert!(check_header("X-Name", "Zoë").is_ok());
    }

    #[test]
    fn line_ends_cannot_enter_a_header() {
        for value in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
            assert_eq!(check_header("x-a", value).unwrap_err(), HeaderError::Value("x-a".into()));
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ä"] {
            assert_eq!(check_header(name, "x").unwrap_err(), HeaderError::Name(name.into()));
        }
    }

    #[test]
    fn data_is_json_only_where_it_says_so_and_is() {
        let check = |content_type: &str, body: &str| {
            let headers = HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                HeaderValue::from_str(content_type).unwrap(),
            )]);
            data_of(&headers, body.as_bytes())
        };
        assert_eq!(check("application/json; charset=utf-8", "{\"a\":1}"), json!({"a": 1}));
        assert_eq!(check("application/problem+json", "[1]"), json!([1]));
        assert_eq!(check("text/plain", "{\"a\":1}"), json!("{\"a\":1}"));
        assert_eq!(check("application/json", "{\"a\":"), json!("{\"a\":"));
        assert_eq!(check("application/json", "{\"a\":1,\"a\":2}"), json!("{\"a\":1,\"a\":2}"));
    }
}
