//! Why a message has no result: an error of JSON-RPC, and the status it travels with.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::era::Era;
use super::message::{self, Id};
use crate::http::refused::RefusalBody;
use crate::http::status;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;
/// The first that the protocol leaves to servers: `data.code` says more.
const REFUSED: i64 = -32000;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

const FOREIGN_ORIGIN: &str = "foreign_origin";
const NOT_ACCEPTABLE: &str = "not_acceptable";

#[derive(Debug)]
pub(super) enum Refusal {
    /// What every API refuses, with the same status.
    Platform(Error),
    ForeignOrigin,
    NotAcceptable,
    /// The body is no message. Nobody knows its era.
    NoMessage {
        code: i64,
        message: String,
    },
    /// An error of the protocol. How it travels depends on the era.
    Protocol {
        code: i64,
        /// In our own words.
        refused_as: &'static str,
        message: String,
        data: Option<Value>,
    },
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Platform(error.into())
    }
}

impl Refusal {
    pub(super) fn parse_error(why: &str) -> Self {
        Self::NoMessage { code: PARSE_ERROR, message: format!("the body is not valid JSON: {why}") }
    }

    pub(super) fn invalid_request(message: &str) -> Self {
        Self::NoMessage { code: INVALID_REQUEST, message: message.to_owned() }
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        let shown: String = method.chars().take(100).collect();
        let message = format!("`{shown}` is not a method of this server");
        Self::protocol(METHOD_NOT_FOUND, "method_not_found", message)
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::protocol(INVALID_PARAMS, "invalid_input", message)
    }

    /// `error`: why the workflow is no tool.
    pub(super) fn no_such_tool(error: &Error) -> Self {
        Self::protocol(INVALID_PARAMS, status::code(error), "there is no such tool")
    }

    /// `error`: why the run is no task that this caller can have.
    pub(super) fn no_such_task(error: &Error) -> Self {
        let message = match error {
            Error::Gone => "the task has expired: its run was not to be saved",
            _ => "there is no such task",
        };
        Self::protocol(INVALID_PARAMS, status::code(error), message)
    }

    /// The request needs what its client does not declare.
    pub(super) fn missing_capability(required: Value) -> Self {
        Self::Protocol {
            code: MISSING_CAPABILITY,
            refused_as: "missing_capability",
            message: "the client must declare the capability with the request".to_owned(),
            data: Some(json!({ "requiredCapabilities": required })),
        }
    }

    pub(super) fn header_mismatch(message: impl Into<String>) -> Self {
        Self::protocol(HEADER_MISMATCH, "header_mismatch", message)
    }

    pub(super) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        let requested: String = requested.chars().take(100).collect();
        Self::Protocol {
            code: UNSUPPORTED_VERSION,
            refused_as: "unsupported_version",
            message: "the revision of the protocol is not supported".to_owned(),
            data: Some(json!({ "supported": supported, "requested": requested })),
        }
    }

    fn protocol(code: i64, refused_as: &'static str, message: impl Into<String>) -> Self {
        Self::Protocol { code, refused_as, message: message.into(), data: None }
    }

    /// Answers the request with this id. Until 2025-11-25 an error of the protocol is a success of
    /// HTTP.
    pub(super) fn answer(self, id: &Id, era: Era) -> Response {
        let status = match (&self, era) {
            (Self::Platform(error), _) => status::status(error),
            (Self::ForeignOrigin, _) => StatusCode::FORBIDDEN,
            (Self::NotAcceptable, _) => StatusCode::NOT_ACCEPTABLE,
            (Self::NoMessage { .. }, _) => StatusCode::BAD_REQUEST,
            (Self::Protocol { .. }, Era::Handshake) => StatusCode::OK,
            (Self::Protocol { code: METHOD_NOT_FOUND, .. }, _) => StatusCode::NOT_FOUND,
            (Self::Protocol { .. }, Era::Stateless) => StatusCode::BAD_REQUEST,
        };
        let response = (status, Json(self.message(id))).into_response();
        match self {
            Self::Platform(error) => status::with_headers(error, response),
            Self::ForeignOrigin => status::refused_as(FOREIGN_ORIGIN, response),
            Self::NotAcceptable => status::refused_as(NOT_ACCEPTABLE, response),
            Self::NoMessage { .. } => status::refused_as("invalid_input", response),
            Self::Protocol { refused_as, .. } => status::refused_as(refused_as, response),
        }
    }

    /// The message alone, for a stream that has begun.
    pub(super) fn message<'a>(&self, id: &'a Id) -> ErrorMessage<'a> {
        let (code, message, data) = match self {
            Self::Platform(error) => {
                let data = json!({ "code": status::code(error) });
                (code_of(error), error.to_string(), Some(data))
            }
            Self::ForeignOrigin => {
                let message = "pages of this origin are not listed by the operator or the key";
                (REFUSED, message.to_owned(), Some(json!({ "code": FOREIGN_ORIGIN })))
            }
            Self::NotAcceptable => {
                let message = "Accept must name application/json and text/event-stream";
                (REFUSED, message.to_owned(), Some(json!({ "code": NOT_ACCEPTABLE })))
            }
            Self::NoMessage { code, message } => (*code, message.clone(), None),
            Self::Protocol { code, message, data, .. } => (*code, message.clone(), data.clone()),
        };
        ErrorMessage { jsonrpc: message::VERSION, id, error: RpcError { code, message, data } }
    }
}

fn code_of(error: &Error) -> i64 {
    match error {
        Error::BadInput(_) | Error::TooLarge(_) | Error::Compressed => INVALID_REQUEST,
        Error::Internal(_) => INTERNAL_ERROR,
        _ => REFUSED,
    }
}

/// Before the message was read.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.answer(&Id::UNKNOWN, Era::Stateless)
    }
}

/// An error of JSON-RPC.
#[derive(Serialize, ToSchema)]
#[schema(as = mcp::Error)]
pub(super) struct ErrorMessage<'a> {
    #[schema(examples("2.0"))]
    jsonrpc: &'static str,
    /// Of the request; null where it could not be read.
    #[schema(value_type = Value)]
    id: &'a Id,
    #[schema(inline)]
    error: RpcError,
}

#[derive(Serialize, ToSchema)]
struct RpcError {
    #[schema(examples(-32602))]
    code: i64,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    data: Option<Value>,
}

impl RefusalBody for ErrorMessage<'_> {}
