//! MCP (Model Context Protocol) at `POST /mcp`: each published workflow that the caller's key may
//! run is a tool. Nothing is kept between two requests.
//!
//! Two eras of the protocol are served ([`era::Era`]). The messages are few and their statuses
//! matter, so they are written out here; a server library would bring its own sessions and tasks.

mod era;
mod abilities;
mod message;
mod refusal;
mod request;
mod headers;
mod server;
mod tools;
mod call;
mod watch;
mod run_tools;
mod tasks;
mod task;
mod elicitation;
mod outcome;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::access;
use flowgate_runner::Runner;
use flowgate_runner::start::IdempotencyRequest;
use http::header::{ACCEPT, ORIGIN};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::abilities::Abilities;
use self::era::Era;
use self::message::{Answer, Id, Typed};
use self::refusal::{ErrorMessage, Refusal};
use self::request::{Message, Request};
use crate::http::caller::Authenticated;
use crate::http::sse::Frame;
use crate::http::{body, idempotency};
use crate::starts::NotStarted;

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "MCP", description = "Workflows as tools (Model Context Protocol).")),
    components(schemas(ErrorMessage))
)]
struct Mcp;

pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    OpenApiRouter::with_openapi(Mcp::openapi()).routes(routes!(post))
}

/// One message of JSON-RPC 2.0: a request, or a notification, which has no id.
#[derive(ToSchema)]
#[schema(as = mcp::Message)]
#[expect(dead_code, reason = "only its schema is used; `Message` reads the same fields")]
struct MessageSchema {
    #[schema(examples("2.0"))]
    jsonrpc: String,
    /// A string or an integer.
    #[schema(required = false)]
    id: Value,
    #[schema(examples("tools/list"))]
    method: String,
    #[schema(required = false)]
    params: Map<String, Value>,
}

/// The answer to a request.
#[derive(ToSchema)]
#[schema(as = mcp::Answer)]
#[expect(
    dead_code,
    reason = "only its schema is used; `Answer` and `ErrorMessage` have the fields"
)]
struct AnswerSchema {
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

/// Call the published workflows as tools
///
/// One message of MCP (streamable HTTP, without sessions): `initialize`, `ping`, `server/discover`,
/// `tools/list` and `tools/call`, in the revisions 2026-07-28, 2025-11-25, 2025-06-18 and
/// 2025-03-26. With a `progressToken` the answer is an event stream: a notification for each node
/// that starts or ends, then the result. A run that goes on after 50 s is named in the result; the
/// tools `get_run` and `cancel_run` go on from there. A client of 2026-07-28 that declares the
/// extension `io.modelcontextprotocol/tasks` gets a task in place of the result, if its key may
/// read runs: `tasks/get`, `tasks/update` and `tasks/cancel`. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/mcp",
    operation_id = "mcp",
    tag = "MCP",
    params(
        ("Accept" = String, Header, description = "`application/json, text/event-stream`"),
        (
            "MCP-Protocol-Version" = Option<String>,
            Header,
            description = "The revision; for 2026-07-28 required, as are `Mcp-Method` and, where a \
                           tool or a task is named, `Mcp-Name`: the same as in the body.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same call with the same key starts nothing again for 24 hours.",
        ),
    ),
    request_body = MessageSchema,
    responses(
        NotStarted<ErrorMessage>,
        (
            status = 200,
            description = "The answer: a result, or an error of the protocol. A workflow that \
                           fails, and arguments that are wrong, are results with `isError`.",
            content((AnswerSchema = "application/json"), (Frame = "text/event-stream"))
        ),
        (status = 202, description = "A notification was read. Nothing is answered."),
        (
            status = 406,
            description = "`Accept` lacks one of the two types.",
            body = ErrorMessage,
        ),
    )
)]
async fn post(
    State(runner): State<Arc<Runner>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    refuse_foreign_page(&runner.app, &caller, &headers)?;
    check_accept(&headers)?;
    let body = body::read(&headers, body).await?;
    let message = Message::read(&body)?;
    let request = match message {
        Message::Request(request) => request,
        Message::Notification => {
            headers::check_version(&headers)?;
            return Ok(StatusCode::ACCEPTED.into_response());
        }
    };
    let era = match headers::era_of(&headers, &request) {
        Ok(era) => era,
        Err(refusal) => return Ok(refusal.answer(&request.id, Era::Stateless)),
    };
    let Request { id, method, params } = request;
    let caller = access::Caller::clone(&caller);
    let client = Abilities::of(era, &params);
    let exchange = Exchange { runner, caller, era, client, id, headers, uri };
    let answered = exchange.answer(&method, params).await;
    Ok(answered.unwrap_or_else(|refusal| refusal.answer(&exchange.id, era)))
}

/// A request whose message was read, and who sent it.
struct Exchange {
    runner: Arc<Runner>,
    caller: access::Caller,
    era: Era,
    client: Abilities,
    id: Id,
    headers: HeaderMap,
    uri: Uri,
}

impl Exchange {
    async fn answer(&self, method: &str, params: Map<String, Value>) -> Result<Response, Refusal> {
        match (self.era, method) {
            (Era::Handshake, "initialize") => Ok(self.reply(server::initialized(&params))),
            (Era::Handshake, "ping") => Ok(self.reply(Map::new())),
            (Era::Stateless, "server/discover") => Ok(self.reply(server::discovered())),
            (_, "tools/list") => Ok(self.reply(tools::list(self, &params).await?)),
            (_, "tools/call") => call::call(self, params).await,
            (Era::Stateless, tasks::GET) => tasks::get(self, &params).await,
            (Era::Stateless, tasks::UPDATE) => tasks::update(self, &params).await,
            (Era::Stateless, tasks::CANCEL) => tasks::cancel(self, &params).await,
            _ => Err(Refusal::unknown_method(method)),
        }
    }

    fn reply(&self, result: impl Serialize) -> Response {
        axum::Json(self.message(result)).into_response()
    }

    /// The answer's message, for JSON or as an event of a stream.
    fn message<R: Serialize>(&self, result: R) -> Answer<'_, R> {
        Answer::new(&self.id, Typed::complete(self.era, result))
    }

    fn app(&self) -> &Arc<App> {
        &self.runner.app
    }

    /// The same call again has another id, so the hash is made of the call alone.
    fn idempotency(
        &self,
        called: &impl Serialize,
    ) -> flowgate_app::Result<Option<IdempotencyRequest>> {
        let called = serde_json::to_vec(called).unwrap_or_default();
        idempotency::read(&self.headers, &self.uri, &called)
    }
}

/// Refuses a page that the operator and the key do not list. Other callers send no `Origin`.
fn refuse_foreign_page(
    app: &App,
    caller: &access::Caller,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let own = || Url::parse(&app.settings.public_url).map(|url| url.origin().ascii_serialization());
    let is_known = origin.to_str().is_ok_and(|origin| {
        caller.lists_origin(origin)
            || app.settings.allowed_origins.contains(origin)
            || own().is_ok_and(|own| own == origin)
    });
    if is_known { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

/// The answer is one of two types, and a client must take both.
fn check_accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let accepted: Vec<_> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let takes = |wanted: &str, group: &str| {
        accepted.iter().any(|range| range == wanted || range == group || range == "*/*")
    };
    let takes_both =
        takes("application/json", "application/*") && takes("text/event-stream", "text/*");
    if takes_both { Ok(()) } else { Err(Refusal::NotAcceptable) }
}

#[cfg(test)]
mod tests;
