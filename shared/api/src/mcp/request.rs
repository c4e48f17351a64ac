//! Reads what a client sends.

use flowgate_engine::json;
use serde_json::{Map, Value};

use super::message::{Id, VERSION};
use super::refusal::Refusal;

/// What a client sends.
#[derive(Debug)]
pub(super) enum Message {
    Request(Request),
    /// It wants no answer: a notification, or an answer to what nobody asked.
    Notification,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let parsed = json::parse(body).map_err(|error| Refusal::parse_error(&error.to_string()))?;
        let mut object = match parsed {
            Value::Object(object) => object,
            Value::Array(_) => return Err(Refusal::invalid_request("batches are not taken")),
            _ => return Err(Refusal::invalid_request("a message is a JSON object")),
        };
        if object.get("jsonrpc").and_then(Value::as_str) != Some(VERSION) {
            return Err(Refusal::invalid_request("`jsonrpc` must be \"2.0\""));
        }
        let is_answer = object.contains_key("result") || object.contains_key("error");
        let method = match object.remove("method") {
            Some(Value::String(method)) => method,
            None if is_answer => return Ok(Self::Notification),
            _ => return Err(Refusal::invalid_request("`method` must be a string")),
        };
        let Some(id) = object.remove("id") else { return Ok(Self::Notification) };
        let Some(id) = Id::read(id) else {
            return Err(Refusal::invalid_request("`id` must be a string or an integer"));
        };
        let params = match object.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(Refusal::invalid_request("`params` must be an object")),
        };
        Ok(Self::Request(Request { id, method, params }))
    }
}
