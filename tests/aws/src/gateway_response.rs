//! API Gateway's own answers, in the format that the template defines.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// The path is outside the stage.
    Forbidden,
    /// No route has this path and method.
    MissingAuthenticationToken,
    RequestTooLarge,
    /// The function failed, or its answer is invalid.
    BadGateway,
    IntegrationTimeout,
    /// Lambda refused the event, for lack of capacity or of a permission.
    Misconfigured,
}

impl Refusal {
    fn kind(self) -> &'static str {
        match self {
            Self::Forbidden => "ACCESS_DENIED",
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::BadGateway => "DEFAULT_5XX",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::Misconfigured => "API_CONFIGURATION_ERROR",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Forbidden | Self::MissingAuthenticationToken => 403,
            Self::RequestTooLarge => 413,
            Self::BadGateway => 502,
            Self::IntegrationTimeout => 504,
            Self::Misconfigured => 500,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::MissingAuthenticationToken => "Missing Authentication Token",
            Self::RequestTooLarge => "Request Too Long",
            Self::BadGateway | Self::Misconfigured => "Internal server error",
            Self::IntegrationTimeout => "Endpoint request timed out",
        }
    }
}

/// `responses` are the template's, by kind. A missing kind uses the one for its class.
pub(crate) fn refuse(responses: &Value, refusal: Refusal, request_id: &str) -> Response<Body> {
    let class = if refusal.status() < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let own = &responses[refusal.kind()];
    let shape = if own.is_null() { &responses[class] } else { own };
    let given = shape["statusCode"]
        .as_str()
        .and_then(|status| status.parse().ok())
        .or(shape["statusCode"].as_u64());
    let status = given.and_then(|status| u16::try_from(status).ok()).unwrap_or(refusal.status());
    let template = shape["responseTemplates"]["application/json"]
        .as_str()
        .unwrap_or(r#"{"message":$context.error.messageString}"#);
    let fill = |text: &str| filled(text, refusal, status, request_id);

    let mut response = Response::new(Body::from(fill(template)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(refusal.kind()));
    for (name, value) in shape["responseParameters"].as_object().into_iter().flatten() {
        let name = name.trim_start_matches("gatewayresponse.header.").to_lowercase();
        let value = fill(value.as_str().unwrap_or_default());
        let value = value
            .strip_prefix('\'')
            .and_then(|value| value.strip_suffix('\''))
            .unwrap_or(&value)
            .to_owned();
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// Replaces longer names first: `$context.error.messageString` begins with
/// `$context.error.message`.
fn filled(text: &str, refusal: Refusal, status: u16, request_id: &str) -> String {
    let quoted = json!(refusal.message()).to_string();
    let known = [
        ("context.error.messageString", quoted.as_str()),
        ("context.error.message", refusal.message()),
        ("context.error.responseType", refusal.kind()),
        ("context.extendedRequestId", request_id),
        ("context.requestId", request_id),
        ("context.status", &status.to_string()),
    ];
    known.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${name}"), value).replace(name, value)
    })
}
