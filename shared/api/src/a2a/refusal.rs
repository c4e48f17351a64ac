//! Why a request is refused, in the words of both bindings: an error of JSON-RPC, which is a
//! success of HTTP where the protocol has a code for it, or a status with `google.rpc.Status` as
//! its body.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::{FieldProblem, What, field_name};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

#[cfg(feature = "starts")]
use crate::http::json_rpc::{self, Id};
use crate::http::refused::RefusalBody;
use crate::http::status;

const DOMAIN: &str = "a2a-protocol.org";
/// Of what the protocol has no reason for.
const OWN_DOMAIN: &str = "flowgate";
/// The first that JSON-RPC leaves to servers.
const REFUSED: i64 = -32000;

#[derive(Debug)]
pub(super) enum Refusal {
    /// What every API refuses.
    Platform(Error),
    /// The body could not be read.
    #[cfg_attr(not(feature = "starts"), expect(dead_code, reason = "only starts have bodies"))]
    Unread(Error),
    Protocol(Kind, String),
}

/// Errors of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "starts"), expect(dead_code, reason = "only starts refuse all of it"))]
pub(super) enum Kind {
    ParseError,
    InvalidRequest,
    MethodNotFound,
    InvalidParams,
    TaskNotFound,
    TaskNotCancelable,
    UnsupportedOperation,
    ContentTypeNotSupported,
    ExtendedAgentCardNotConfigured,
    VersionNotSupported,
}

impl Kind {
    fn code(self) -> i64 {
        match self {
            Self::ParseError => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::TaskNotFound => -32001,
            Self::TaskNotCancelable => -32002,
            Self::UnsupportedOperation => -32004,
            Self::ContentTypeNotSupported => -32005,
            Self::ExtendedAgentCardNotConfigured => -32007,
            Self::VersionNotSupported => -32009,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::ParseError => "PARSE_ERROR",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::MethodNotFound => "METHOD_NOT_FOUND",
            Self::InvalidParams => "INVALID_PARAMS",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::TaskNotCancelable => "TASK_NOT_CANCELABLE",
            Self::UnsupportedOperation => "UNSUPPORTED_OPERATION",
            Self::ContentTypeNotSupported => "CONTENT_TYPE_NOT_SUPPORTED",
            Self::ExtendedAgentCardNotConfigured => "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
            Self::VersionNotSupported => "VERSION_NOT_SUPPORTED",
        }
    }

    /// In our own words.
    fn refused_as(self) -> &'static str {
        match self {
            Self::ParseError | Self::InvalidRequest | Self::InvalidParams => "invalid_input",
            Self::MethodNotFound => "method_not_found",
            Self::TaskNotFound => "run_not_found",
            Self::TaskNotCancelable => "not_cancelable",
            Self::UnsupportedOperation => "unsupported_operation",
            Self::ContentTypeNotSupported => "unsupported_content_type",
            Self::ExtendedAgentCardNotConfigured => "not_configured",
            Self::VersionNotSupported => "unsupported_version",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::MethodNotFound | Self::TaskNotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Platform(error.into())
    }
}

impl Refusal {
    pub(super) fn protocol(kind: Kind, message: impl Into<String>) -> Self {
        Self::Protocol(kind, message.into())
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::protocol(Kind::InvalidParams, message)
    }

    /// `None`: the protocol has no word for it.
    fn kind(&self) -> Option<Kind> {
        let error = match self {
            Self::Protocol(kind, _) => return Some(*kind),
            Self::Platform(error) | Self::Unread(error) => error,
        };
        match error {
            Error::NotFound(What::Run | What::Delivery) | Error::Gone => Some(Kind::TaskNotFound),
            Error::BadInput(_) | Error::IdempotencyMismatch => Some(Kind::InvalidParams),
            Error::TooLarge(_) => Some(Kind::InvalidRequest),
            Error::Compressed => Some(Kind::ContentTypeNotSupported),
            Error::NotAsked | Error::AlreadyAnswered | Error::AlreadyEnded(_) => {
                Some(Kind::UnsupportedOperation)
            }
            _ => None,
        }
    }

    /// Of the binding HTTP+JSON.
    fn status(&self) -> StatusCode {
        match self {
            Self::Protocol(kind, _) => kind.status(),
            Self::Platform(Error::NotPublished) => StatusCode::NOT_FOUND,
            Self::Platform(error) | Self::Unread(error) => status::status(error),
        }
    }

    /// Of the binding JSON-RPC. What belongs to the request as a whole keeps its status.
    #[cfg(feature = "starts")]
    fn rpc_status(&self) -> StatusCode {
        let keeps = match self {
            Self::Unread(_) => true,
            Self::Protocol(..) => false,
            Self::Platform(error) => matches!(
                error,
                Error::Unauthorized
                    | Error::Forbidden(_)
                    | Error::NotFound(What::Workflow | What::Version | What::Path)
                    | Error::NotPublished
                    | Error::TooLarge(_)
                    | Error::Compressed
                    | Error::RateLimited { .. }
                    | Error::LoopDetected
                    | Error::Overloaded { .. }
                    | Error::Internal(_)
            ),
        };
        if keeps { self.status() } else { StatusCode::OK }
    }

    fn message(&self) -> String {
        match self {
            Self::Protocol(_, message) => message.clone(),
            Self::Platform(Error::NotPublished) => Error::NotFound(What::Workflow).to_string(),
            Self::Platform(error) | Self::Unread(error) => error.to_string(),
        }
    }

    fn details(&self) -> Vec<Value> {
        let error = match self {
            Self::Protocol(..) => None,
            Self::Platform(Error::NotPublished) => Some(&Error::NotFound(What::Workflow)),
            Self::Platform(error) | Self::Unread(error) => Some(error),
        };
        let code = error.map(status::code);
        let (reason, domain) = match (self.kind(), code) {
            (Some(kind), _) => (kind.reason().to_owned(), DOMAIN),
            (None, code) => (code.unwrap_or_default().to_ascii_uppercase(), OWN_DOMAIN),
        };
        let metadata = code.map_or_else(|| json!({}), |code| json!({ "code": code }));
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": domain,
            "metadata": metadata,
        })];
        if let Some(Error::BadInput(problems)) = error {
            let violation = |problem: &FieldProblem| {
                let (field, description) = (field_name(&problem.pointer), &problem.message);
                json!({ "field": field, "description": description })
            };
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": problems.iter().map(violation).collect::<Vec<_>>(),
            }));
        }
        details
    }

    pub(super) fn rest_body(&self) -> RestError {
        RestError::new(self.status(), self.message(), self.details())
    }

    /// Answers the request of JSON-RPC with this id.
    #[cfg(feature = "starts")]
    pub(super) fn answer(self, id: &Id) -> Response {
        let response = (self.rpc_status(), Json(self.rpc_body(id))).into_response();
        self.with_headers(response)
    }

    #[cfg(feature = "starts")]
    pub(super) fn rpc_body<'a>(&self, id: &'a Id) -> RpcError<'a> {
        let code = match (self, self.kind()) {
            (Self::Unread(Error::BadInput(_)), _) => Kind::InvalidRequest.code(),
            (_, Some(kind)) => kind.code(),
            (Self::Platform(Error::Internal(_)), None) => -32603,
            _ => REFUSED,
        };
        let error = RpcErrorDetail { code, message: self.message(), data: self.details() };
        RpcError { jsonrpc: json_rpc::VERSION, id, error }
    }

    fn with_headers(self, response: Response) -> Response {
        match self {
            Self::Platform(error) | Self::Unread(error) => status::with_headers(error, response),
            Self::Protocol(kind, _) => status::refused_as(kind.refused_as(), response),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let response = (self.status(), Json(self.rest_body())).into_response();
        self.with_headers(response)
    }
}

/// Why a request was refused: `google.rpc.Status`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = a2a::Error)]
pub(super) struct RestError {
    #[schema(inline)]
    error: RestErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct RestErrorDetail {
    /// The status.
    code: u16,
    #[schema(examples("NOT_FOUND"))]
    status: &'static str,
    message: String,
    /// The first is `google.rpc.ErrorInfo`: its `reason` is the protocol's.
    #[schema(value_type = Vec<Object>)]
    details: Vec<Value>,
}

impl RefusalBody for RestError {}

impl RestError {
    fn new(status: StatusCode, message: String, details: Vec<Value>) -> Self {
        let (code, status) = (status.as_u16(), name_of(status));
        Self { error: RestErrorDetail { code, status, message, details } }
    }

    pub(super) fn wrong_method(message: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message.to_owned(), Vec::new())
    }
}

/// `google.rpc.Code`.
fn name_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 | 410 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        409 | 508 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// An error of JSON-RPC.
#[cfg(feature = "starts")]
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = a2a::RpcError)]
pub(super) struct RpcError<'a> {
    #[schema(examples("2.0"))]
    jsonrpc: &'static str,
    /// Of the request; null where it could not be read.
    #[schema(value_type = Value)]
    id: &'a Id,
    #[schema(inline)]
    error: RpcErrorDetail,
}

#[cfg(feature = "starts")]
#[derive(Debug, Serialize, ToSchema)]
struct RpcErrorDetail {
    #[schema(examples(-32001))]
    code: i64,
    message: String,
    /// The first is `google.rpc.ErrorInfo`: its `reason` is the protocol's.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
}

#[cfg(feature = "starts")]
impl RefusalBody for RpcError<'_> {}
