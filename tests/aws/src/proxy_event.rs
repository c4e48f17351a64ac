//! A request as API Gateway's REST APIs pass it to a function: the proxy event, version 1.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::queues::{ACCOUNT, now_ms};
use crate::routes::Match;

/// Headers that end at the gateway.
const NOT_PASSED_ON: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect", "content-length"];

pub(crate) struct Request<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a Bytes,
    pub(crate) stage: &'a str,
    /// The path without the stage.
    pub(crate) path: &'a str,
    pub(crate) binary: bool,
    pub(crate) request_id: &'a str,
}

pub(crate) fn event(request: &Request<'_>, found: &Match<'_>) -> Value {
    let Request { parts, body, stage, path, binary, request_id } = *request;
    let (headers, multi_value_headers) = headers(&parts.headers);
    let (query, multi_value_query) = query(&parts.uri);
    let body = match (body.is_empty(), binary) {
        (true, _) => Value::Null,
        (false, true) => json!(STANDARD.encode(body)),
        (false, false) => json!(String::from_utf8_lossy(body)),
    };
    json!({
        "resource": found.resource,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": headers,
        "multiValueHeaders": multi_value_headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi_value_query,
        "pathParameters": if found.parameters.is_empty() {
            Value::Null
        } else {
            json!(found.parameters)
        },
        "stageVariables": null,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "double",
            "domainName": parts.headers.get("host").and_then(|host| host.to_str().ok()),
            "extendedRequestId": request_id,
            "httpMethod": parts.method.as_str(),
            "identity": {
                "sourceIp": "127.0.0.1",
                "userAgent": parts.headers.get("user-agent").and_then(|agent| agent.to_str().ok())
            },
            "path": format!("/{stage}{path}"),
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTimeEpoch": now_ms(),
            "resourceId": "double",
            "resourcePath": found.resource,
            "stage": stage,
        },
        "body": body,
        "isBase64Encoded": binary && !body.is_null(),
    })
}

/// The single-valued map holds the last value of a repeated header.
fn headers(given: &HeaderMap) -> (Map<String, Value>, Map<String, Value>) {
    let mut all: Map<String, Value> = Map::new();
    let passed_on = given.iter().filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()));
    for (name, value) in passed_on {
        add(&mut all, name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
    }
    add(&mut all, "X-Forwarded-For", "127.0.0.1");
    add(&mut all, "X-Forwarded-Port", "443");
    add(&mut all, "X-Forwarded-Proto", "https");
    let trace = Uuid::new_v4().simple().to_string();
    add(&mut all, "X-Amzn-Trace-Id", &format!("Root=1-{}-{}", &trace[..8], &trace[8..]));
    (last_of(&all), all)
}

fn query(uri: &Uri) -> (Value, Value) {
    let mut all: Map<String, Value> = Map::new();
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        add(&mut all, &decoded(name), &decoded(value));
    }
    if all.is_empty() {
        (Value::Null, Value::Null)
    } else {
        (Value::Object(last_of(&all)), Value::Object(all))
    }
}

fn add(all: &mut Map<String, Value>, name: &str, value: &str) {
    if let Some(values) = all.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        values.push(json!(value));
    }
}

fn last_of(all: &Map<String, Value>) -> Map<String, Value> {
    all.iter()
        .map(|(name, values)| {
            (
                name.clone(),
                values.as_array().and_then(|values| values.last()).cloned().unwrap_or_default(),
            )
        })
        .collect()
}
