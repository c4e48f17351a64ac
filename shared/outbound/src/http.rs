//! The http node: sends one request and returns `{data, status, headers}`.

use flowgate_core::hops;
use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, HttpCall, Piece, RenderedUrl};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use url::Url;

use super::client::describe;
use super::header::add_header;
use super::mask::Masks;
use super::status::status_error;
use super::{Metered, Outbound, failed, too_large};

/// An answer as text, as a value, the engine's, the checkpoint's, and as it is written.
const COPIES_OF_ANSWER: usize = 5;

impl Outbound {
    pub(super) async fn perform_http(
        &self,
        call: &HttpCall,
        user: &SecretUser,
        masks: &mut Masks,
        memory: &Metered,
    ) -> Result<CallOutput, CallError> {
        let method = parse_method(&call.method)?;
        let fields = call.query.iter().chain(&call.headers).map(|(_, field)| field);
        let cleared = self.clear(&call.url.0, fields.chain(&call.body), user, masks).await?;
        let mut url = cleared.url.clone();
        for (name, value) in &call.query {
            url.query_pairs_mut().append_pair(name, &cleared.fill_text(value)?);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            add_header(&mut headers, name, &cleared.fill_text(value)?)?;
        }
        // The author cannot set it: `check_header` refuses the name.
        headers.insert(hops::HEADER, HeaderValue::from(hops::current()));
        let body = match &call.body {
            Some(body) => Some(body_bytes(cleared.fill(body)?, &mut headers)),
            None => None,
        };

        let asked = format!("{method} {}", shown_url(&call.url, &url));
        let mut request = cleared.way.client()?.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| about(&asked, describe(&error)))?;
        self.read_answer(response, &asked, memory).await
    }

    async fn read_answer(
        &self,
        mut response: reqwest::Response,
        asked: &str,
        memory: &Metered,
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
        let length = response.content_length().and_then(|length| length.try_into().ok());
        let length = length.unwrap_or(0);
        if length > limit {
            return Err(too_large());
        }
        // Counted before it comes: of many answers that begin together, the first ones fit.
        memory.add(COPIES_OF_ANSWER * length)?;
        let mut body = Vec::with_capacity(length);
        while let Some(part) =
            response.chunk().await.map_err(|error| about(asked, describe(&error)))?
        {
            let filled = body.len() + part.len();
            if filled > limit {
                return Err(too_large());
            }
            if filled > body.capacity() {
                let room = (2 * filled).min(limit);
                memory.add(COPIES_OF_ANSWER * (room - body.capacity()))?;
                body.reserve_exact(room - body.len());
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
fn shown_url(written: &RenderedUrl, url: &Url) -> String {
    if !written.0.iter().any(|piece| matches!(piece, Piece::Secret(_))) {
        return url[..url::Position::AfterPath].to_owned();
    }
    let written = flowgate_core::delivery::shown(&written.0);
    written.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn about(asked: &str, error: CallError) -> CallError {
    CallError { message: format!("{asked}: {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

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
