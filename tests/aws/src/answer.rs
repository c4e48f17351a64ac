//! A store's answers, and errors in the format of AWS.

use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) type Answer = Response<Bytes>;

pub(crate) fn answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}

pub(crate) fn ok(body: &Value) -> Answer {
    answer(StatusCode::OK, body)
}

/// `kind` is the error's name in the JSON protocols, with its namespace if AWS sends one.
pub(crate) fn refused(kind: &str, message: &str) -> Answer {
    answer(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message }))
}
