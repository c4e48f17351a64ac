//! The agent card: what an agent is, and where and how it is called.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::hash::sha256_hex;
use flowgate_app::workflows::Published;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Caller;
use super::entry::VERSION;
use super::refusal::{Refusal, RestError};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// It depends on what the key may run.
const CACHED: &str = "private, max-age=60";
const MODES: [&str; 2] = ["application/json", "text/plain"];

/// An agent: a published workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = a2a::AgentCard)]
struct AgentCard<'a> {
    /// The workflow's.
    name: &'a str,
    description: &'a str,
    /// The active version.
    #[schema(examples("1.0.0"))]
    version: &'a str,
    /// Where it is called, and how.
    supported_interfaces: [Interface<'a>; 2],
    capabilities: Capabilities,
    /// A key, as `Authorization: Bearer`.
    #[schema(value_type = Object)]
    security_schemes: Value,
    #[schema(value_type = Vec<Object>)]
    security_requirements: Value,
    default_input_modes: [&'static str; 2],
    default_output_modes: [&'static str; 2],
    /// One: the workflow.
    skills: [Skill<'a>; 1],
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = a2a::AgentInterface)]
struct Interface<'a> {
    url: &'a str,
    #[schema(examples("JSONRPC", "HTTP+JSON"))]
    protocol_binding: &'static str,
    #[schema(examples("1.0"))]
    protocol_version: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = a2a::AgentCapabilities)]
struct Capabilities {
    streaming: bool,
    push_notifications: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = a2a::AgentSkill)]
struct Skill<'a> {
    id: &'a str,
    name: &'a str,
    description: &'a str,
    tags: [&'static str; 1],
    /// An input, as JSON: what a data part may hold.
    examples: [String; 1],
}

impl<'a> AgentCard<'a> {
    fn of(published: &'a Published, url: &'a str) -> Self {
        let workflow = &published.workflow;
        let name = if workflow.name.is_empty() { &published.id } else { &workflow.name };
        let is_described = !workflow.description.is_empty();
        let description = if is_described { &workflow.description } else { name };
        let interface =
            |protocol_binding| Interface { url, protocol_binding, protocol_version: VERSION };
        Self {
            name,
            description,
            version: &published.version,
            supported_interfaces: [interface("JSONRPC"), interface("HTTP+JSON")],
            capabilities: Capabilities { streaming: true, push_notifications: true },
            security_schemes: json!({
                "key": { "httpAuthSecurityScheme": { "scheme": "bearer" } }
            }),
            security_requirements: json!([{ "schemes": { "key": { "list": [] } } }]),
            default_input_modes: MODES,
            default_output_modes: MODES,
            skills: [Skill {
                id: &published.id,
                name,
                description,
                tags: ["workflow"],
                examples: [workflow.sample_input().to_string()],
            }],
        }
    }
}

/// Read an agent card
///
/// Of a published workflow that the key may run. Needs the scope `run`.
#[utoipa::path(
    get,
    path = "/a2a/{workflow_id}/.well-known/agent-card.json",
    operation_id = "a2a_agent_card",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that you have."),
    ),
    responses(
        (status = 200, description = "The card. It may be kept for a minute.", body = AgentCard),
        (status = 304, description = "It is the one that you have."),
        Denied<RestError>,
        Refused<RestError, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    app.callable_record(&caller, &workflow_id).await?;
    let published = app.published(&workflow_id, None).await?;
    let url = format!("{}/a2a/{}", app.settings.public_url, published.id);
    let card = serde_json::to_vec(&AgentCard::of(&published, &url)).unwrap_or_default();
    let etag = format!("\"{}\"", &sha256_hex(&card)[..32]);
    let about = [(ETAG, etag.as_str()), (CACHE_CONTROL, CACHED)];
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    if known.any(|known| known == "*" || known.trim_start_matches("W/") == etag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, [(CONTENT_TYPE, "application/json")], card).into_response())
}
