//! What a store answers, and how AWS words its errors.

use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) type Answer = Response<Bytes>;

pub(crate) fn answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}

pub(crate) fn ok(body: &Value) -> Answer {
    answer(StatusCode::OK, body)
}

/// `kind` is the name of the error as the JSON protocols spell it, with its namespace where AWS sends one.
pub(crate) fn refused(kind: &str, message: &str) -> Answer {
    answer(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message }))
}
