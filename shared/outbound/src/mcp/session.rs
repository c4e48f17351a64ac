//! A session with a server: how it begins in either era of the protocol, and how it ends.

use flowgate_engine::call::{CallError, McpCall};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

use super::mcp_error;
use super::message::{Failure, header_text};
use crate::header::{add_header, own_headers};
use crate::secret::Cleared;
use crate::way::Way;
use crate::{Metered, Outbound};

/// Without sessions: each request says its version.
const STATELESS: &str = "2026-07-28";
/// With `initialize`, newest first.
const WITH_SESSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const UNSUPPORTED_VERSION: i64 = -32022;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const MIRRORED: &str = "mcp-param-";
const MAX_SESSION_ID: usize = 1_024;

pub(super) struct Session<'a> {
    pub(super) outbound: &'a Outbound,
    pub(super) way: &'a Way,
    pub(super) url: Url,
    pub(super) memory: &'a Metered,
    /// The author's.
    headers: HeaderMap,
    era: Era,
    last_id: u64,
    /// The bytes that the server may still send.
    pub(super) left: usize,
    /// How often the server has asked us.
    pub(super) questions: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Era {
    /// Before `initialize` was answered.
    Opening,
    Stateless,
    WithSessions {
        version: &'static str,
        id: Option<HeaderValue>,
    },
}

/// A request to the server.
pub(super) struct Ask<'r> {
    pub(super) method: &'static str,
    pub(super) params: Map<String, Value>,
    /// Of the tool.
    pub(super) name: Option<&'r str>,
    pub(super) mirrored: &'r [(String, String)],
}

impl Ask<'_> {
    pub(super) fn of(method: &'static str) -> Self {
        Self { method, params: Map::new(), name: None, mirrored: &[] }
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        outbound: &'a Outbound,
        call: &McpCall,
        cleared: &Cleared<'a>,
        memory: &'a Metered,
    ) -> Result<Self, CallError> {
        let mut headers = own_headers();
        for (name, field) in call.headers.iter().filter(|(_, field)| !field.is_null()) {
            add_header(&mut headers, name, &cleared.fill_text(field)?)?;
        }
        Ok(Self {
            outbound,
            way: cleared.way,
            url: cleared.url.clone(),
            memory,
            headers,
            era: Era::Opening,
            last_id: 0,
            left: outbound.settings.max_answer_bytes,
            questions: 0,
        })
    }

    /// Finds out the era of the server. A server with sessions does not know the first question.
    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        self.era = Era::Stateless;
        let found = self.ask(Ask::of("server/discover")).await;
        if is_stateless(found)? { Ok(()) } else { self.initialize().await }
    }

    pub(super) async fn initialize(&mut self) -> Result<(), Failure> {
        self.era = Era::Opening;
        let params = json!({
            "protocolVersion": WITH_SESSIONS[0], "capabilities": {}, "clientInfo": client_info()
        });
        let params = params.as_object().cloned().unwrap_or_default();
        let (result, headers) = self.exchange(Ask { params, ..Ask::of("initialize") }).await?;
        let answered = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        let version = WITH_SESSIONS.into_iter().find(|known| *known == answered);
        let version = version.ok_or_else(no_common_version)?;
        let id = headers.get(SESSION).cloned();
        if id.as_ref().is_some_and(|id| id.len() > MAX_SESSION_ID) {
            return Err(mcp_error("the id of the session is too long").into());
        }
        self.era = Era::WithSessions { version, id };
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.notify(&message).await
    }

    /// A server that has forgotten the session answers 404.
    pub(super) fn is_lost(&self, failure: &Failure) -> bool {
        let has_session = matches!(self.era, Era::WithSessions { id: Some(_), .. });
        has_session && failure.status() == Some(StatusCode::NOT_FOUND)
    }

    pub(super) async fn end(&self) {
        if let Era::WithSessions { id: Some(_), .. } = &self.era
            && let Ok(client) = self.way.client()
        {
            let _ = client.delete(self.url.clone()).headers(self.headers_of(None)).send().await;
        }
    }

    pub(super) async fn ask(&mut self, ask: Ask<'_>) -> Result<Value, Failure> {
        self.exchange(ask).await.map(|(result, _)| result)
    }

    pub(super) fn has_sessions(&self) -> bool {
        matches!(self.era, Era::WithSessions { .. })
    }

    /// Returns the request's id, and its message in the words of the era.
    pub(super) fn message_of(&mut self, ask: &Ask<'_>) -> (u64, Value) {
        self.last_id += 1;
        let mut params = ask.params.clone();
        if self.era == Era::Stateless {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": client_info(),
                "io.modelcontextprotocol/clientCapabilities": {}
            });
            params.insert("_meta".to_owned(), meta);
        }
        let message = json!({
            "jsonrpc": "2.0", "id": self.last_id, "method": ask.method, "params": params
        });
        (self.last_id, message)
    }

    /// Returns the headers of a request, or those of all other messages.
    pub(super) fn headers_of(&self, ask: Option<&Ask<'_>>) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.remove(SESSION);
        match &self.era {
            Era::Opening => {}
            Era::Stateless => {
                headers.insert(VERSION, HeaderValue::from_static(STATELESS));
                ask.into_iter().for_each(|ask| add_request_headers(&mut headers, ask));
            }
            Era::WithSessions { version, id } => {
                headers.insert(VERSION, HeaderValue::from_static(version));
                id.iter().for_each(|id| drop(headers.insert(SESSION, id.clone())));
            }
        }
        headers
    }
}

/// What lies between us and the server routes by them.
fn add_request_headers(headers: &mut HeaderMap, ask: &Ask<'_>) {
    headers.insert(METHOD, HeaderValue::from_static(ask.method));
    if let Some(name) = ask.name {
        headers.insert(NAME, header_text(name));
    }
    for (name, text) in ask.mirrored {
        // A server that marks an argument with what is no name gets no header.
        if let Ok(name) = HeaderName::try_from(format!("{MIRRORED}{name}")) {
            headers.insert(name, header_text(text));
        }
    }
}

/// Judges the answer to `server/discover`. Servers with sessions fail in all sorts of ways there.
fn is_stateless(found: Result<Value, Failure>) -> Result<bool, Failure> {
    match found {
        Ok(result) => speaks_stateless(&result["supportedVersions"]),
        Err(Failure::Stated { code: UNSUPPORTED_VERSION, data, .. }) => {
            speaks_stateless(&data["supported"])
        }
        Err(Failure::Stated { .. }) => Ok(false),
        Err(Failure::Status { status, .. }) if may_be_older(status) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn speaks_stateless(versions: &Value) -> Result<bool, Failure> {
    let Some(versions) = versions.as_array() else { return Ok(false) };
    if versions.iter().any(|version| version == STATELESS) {
        return Ok(true);
    }
    if WITH_SESSIONS.iter().any(|known| versions.iter().any(|version| version == known)) {
        return Ok(false);
    }
    Err(no_common_version().into())
}

/// Other statuses say nothing about the protocol: who asks may not, or not now.
fn may_be_older(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 407 | 408 | 425 | 429)
}

fn no_common_version() -> CallError {
    let versions = WITH_SESSIONS.join(", ");
    mcp_error(format!("the server speaks no version of the protocol among {STATELESS}, {versions}"))
}

fn client_info() -> Value {
    json!({ "name": "flowgate", "version": env!("CARGO_PKG_VERSION") })
}
