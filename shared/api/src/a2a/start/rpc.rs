//! The binding JSON-RPC: all operations of an agent at one path.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::{Error, access};
use flowgate_engine::json;
use flowgate_runner::Runner;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Exchange;
use super::message::Sent;
use super::push::Config;
use super::rest::json_of_task;
use crate::a2a::events::{Answer, Binding};
use crate::a2a::params::Params;
use crate::a2a::refusal::{Kind, Refusal, RpcError};
use crate::a2a::{entry, rest, tasks};
use crate::http::body;
use crate::http::caller::Authenticated;
use crate::http::json_rpc::{Id, VERSION};
use crate::http::request::Segments;
use crate::http::sse::Frame;
use crate::starts::NotStarted;

/// A refusal of the request as a whole, whose id is not known.
pub(super) struct Unheard(Refusal);

impl From<Error> for Unheard {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<Refusal> for Unheard {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Unheard {
    fn into_response(self) -> Response {
        self.0.answer(&Id::UNKNOWN)
    }
}

/// A request of JSON-RPC 2.0.
#[derive(ToSchema)]
#[schema(as = a2a::RpcRequest)]
#[expect(dead_code, reason = "only its schema is used; `Request` reads the same fields")]
struct RpcRequest {
    #[schema(examples("2.0"))]
    jsonrpc: String,
    /// A string or an integer.
    id: Value,
    #[schema(examples("SendMessage"))]
    method: String,
    #[schema(required = false)]
    params: Map<String, Value>,
}

/// The answer to a request.
#[derive(ToSchema)]
#[schema(as = a2a::RpcAnswer)]
#[expect(dead_code, reason = "only its schema is used; `Answer` and `RpcError` have the fields")]
struct RpcAnswer {
    #[schema(examples("2.0"))]
    jsonrpc: String,
    /// As it was sent.
    #[schema(required)]
    id: Value,
    #[schema(required = false, nullable = false)]
    result: Option<Map<String, Value>>,
    /// Instead of a result.
    #[schema(required = false, nullable = false)]
    error: Option<Map<String, Value>>,
}

/// Call an agent
///
/// A request of JSON-RPC: `SendMessage`, `SendStreamingMessage` (needs `run`), `GetTask`,
/// `ListTasks`, `SubscribeToTask` (`read`), `CancelTask` (`cancel`),
/// `CreateTaskPushNotificationConfig`,
/// `DeleteTaskPushNotificationConfig` (`run`), `GetTaskPushNotificationConfig` and
/// `ListTaskPushNotificationConfigs` (`read`). Params and results are those of HTTP+JSON. Errors of
/// the protocol are 200. Needs the scope `run` or `read` or `cancel`, as the method does.
#[utoipa::path(
    post,
    path = "/a2a/{workflow_id}",
    operation_id = "a2a_call",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of a message: instead of its \
            `messageId`."),
    ),
    request_body = RpcRequest,
    responses(
        NotStarted<RpcError>,
        (
            status = 200,
            description = "The answer: a result, or an error of the protocol. The events of a \
                           stream are answers, too: each result is an `a2a.StreamResponse`.",
            content((RpcAnswer = "application/json"), (Frame = "text/event-stream"))
        ),
    )
)]
pub(super) async fn call(
    State(runner): State<Arc<Runner>>,
    Segments(agent): Segments<String>,
    caller: Authenticated<Unheard>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Unheard> {
    const ANY: [Scope; 3] = [Scope::Run, Scope::Read, Scope::Cancel];
    let caller = access::Caller::clone(&caller);
    let checked = entry::check(&runner.app, &caller, (&agent, &ANY), (&headers, &uri)).await;
    // A request of another version is answered with its id.
    let of_version = match checked {
        Err(refusal @ Refusal::Protocol(..)) => Err(refusal),
        checked => Ok(checked?),
    };
    let body = body::read(&headers, body).await.map_err(Refusal::Unread)?;
    let Request { id, method, params } = Request::read(&body)?;
    let exchange = Exchange { runner, caller, agent, headers, uri };
    let answered = match of_version {
        Ok(()) => exchange.call(&id, &method, Params(params)).await,
        Err(refusal) => Err(refusal),
    };
    Ok(answered.unwrap_or_else(|refusal| refusal.answer(&id)))
}

struct Request {
    id: Id,
    method: String,
    params: Map<String, Value>,
}

impl Request {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let invalid = |message: &str| Refusal::protocol(Kind::InvalidRequest, message);
        let parsed = json::parse(body).map_err(|error| {
            Refusal::protocol(Kind::ParseError, format!("the body is not valid JSON: {error}"))
        })?;
        let mut object = match parsed {
            Value::Object(object) => object,
            Value::Array(_) => return Err(invalid("batches are not taken")),
            _ => return Err(invalid("a request is a JSON object")),
        };
        if object.get("jsonrpc").and_then(Value::as_str) != Some(VERSION) {
            return Err(invalid("`jsonrpc` must be \"2.0\""));
        }
        let Some(Value::String(method)) = object.remove("method") else {
            return Err(invalid("`method` must be a string"));
        };
        let Some(id) = object.remove("id").and_then(Id::read) else {
            return Err(invalid("`id` must be a string or an integer"));
        };
        let params = match object.remove("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return Err(invalid("`params` must be an object")),
        };
        Ok(Self { id, method, params })
    }
}

impl Exchange {
    async fn call(&self, id: &Id, method: &str, params: Params) -> Result<Response, Refusal> {
        match method {
            "SendMessage" => {
                self.require(Scope::Run)?;
                let answered = self.send(Sent::read(params)?).await?;
                Ok(answered.respond(|shown| reply(id, json_of_task(shown))))
            }
            "SendStreamingMessage" => {
                self.require(Scope::Run)?;
                self.stream(Sent::read(params)?, Binding::Rpc(id.clone())).await
            }
            "GetExtendedAgentCard" => {
                let message = "the agent has no card but the one at its well-known address";
                Err(Refusal::protocol(Kind::ExtendedAgentCardNotConfigured, message))
            }
            _ if method.ends_with("Config") || method.ends_with("Configs") => {
                self.call_push(id, method, params).await
            }
            _ => self.call_task(id, method, params).await,
        }
    }

    async fn call_task(
        &self,
        id: &Id,
        method: &str,
        mut params: Params,
    ) -> Result<Response, Refusal> {
        let (app, caller, agent) = (self.app(), &self.caller, self.agent.as_str());
        match method {
            "ListTasks" => {
                self.require(Scope::Read)?;
                let found = tasks::list(app, caller, agent, params).await?;
                Ok(reply(id, found.page()))
            }
            "GetTask" => {
                self.require(Scope::Read)?;
                let task = params.required("id")?;
                Ok(reply(id, tasks::get(app, caller, (agent, &task)).await?))
            }
            "CancelTask" => {
                self.require(Scope::Cancel)?;
                let task = params.required("id")?;
                Ok(reply(id, tasks::cancel(app, caller, (agent, &task)).await?))
            }
            "SubscribeToTask" => {
                self.require(Scope::Read)?;
                let task = params.required("id")?;
                rest::subscribe(app, caller, (agent, &task), Binding::Rpc(id.clone())).await
            }
            _ => Err(unknown(method)),
        }
    }

    async fn call_push(
        &self,
        id: &Id,
        method: &str,
        mut params: Params,
    ) -> Result<Response, Refusal> {
        match method {
            "CreateTaskPushNotificationConfig" => {
                self.require(Scope::Run)?;
                let task = params.required("taskId")?;
                let config = Config::read(params, "")?;
                Ok(reply(id, self.create_config(&task, config).await?))
            }
            "ListTaskPushNotificationConfigs" => {
                self.require(Scope::Read)?;
                let task = params.required("taskId")?;
                Ok(reply(id, self.configs(&task).await?))
            }
            "GetTaskPushNotificationConfig" => {
                self.require(Scope::Read)?;
                let (task, name) = (params.required("taskId")?, params.required("id")?);
                Ok(reply(id, self.config((&task, &name)).await?))
            }
            "DeleteTaskPushNotificationConfig" => {
                self.require(Scope::Run)?;
                let (task, name) = (params.required("taskId")?, params.required("id")?);
                self.delete_config((&task, &name)).await?;
                Ok(reply(id, json!({})))
            }
            _ => Err(unknown(method)),
        }
    }

    fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.caller.has(scope) { Ok(()) } else { Err(Error::Forbidden(scope)) }
    }
}

fn reply(id: &Id, result: impl Serialize) -> Response {
    Json(Answer::new(id, result)).into_response()
}

fn unknown(method: &str) -> Refusal {
    let shown: String = method.chars().take(100).collect();
    Refusal::protocol(Kind::MethodNotFound, format!("`{shown}` is not a method of A2A 1.0"))
}
