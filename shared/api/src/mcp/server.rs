//! What this server is, and what it can do.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::abilities::EXTENSION;
use super::era::{HANDSHAKE, VERSIONS};

/// Clients wait for a minute. A call that takes longer is answered with its run's id before.
pub(super) const MAX_CALL: Duration = Duration::from_secs(50);
/// The tools beside the workflows. No workflow can have these ids.
pub(super) const GET_RUN: &str = "get_run";
pub(super) const CANCEL_RUN: &str = "cancel_run";

const INSTRUCTIONS: &str = "Each tool runs a workflow and returns its output. A run that takes \
                            longer than 50 seconds goes on, and the result names it: get_run reads \
                            it later, cancel_run stops it.";

/// Milliseconds for which a client may keep a list. A new version shows within that time anyway.
const KEPT_FOR: u32 = 5_000;

/// How long a result may be kept, and by whom: it depends on the key.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    ttl_ms: u32,
    cache_scope: &'static str,
}

pub(super) const KEPT: Kept = Kept { ttl_ms: KEPT_FOR, cache_scope: "private" };

/// The answer to `initialize`: the revision that the client asked for, or else our newest that
/// begins so.
pub(super) fn initialized(params: &Map<String, Value>) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    let version = HANDSHAKE.into_iter().find(|version| Some(*version) == asked);
    json!({
        "protocolVersion": version.unwrap_or(HANDSHAKE[0]),
        "capabilities": { "tools": {} },
        "serverInfo": info(),
        "instructions": INSTRUCTIONS,
    })
}

/// The answer to `server/discover`.
pub(super) fn discovered() -> Value {
    json!({
        "supportedVersions": VERSIONS,
        "capabilities": { "tools": {}, "extensions": { EXTENSION: {} } },
        "instructions": INSTRUCTIONS,
        "ttlMs": KEPT.ttl_ms,
        "cacheScope": KEPT.cache_scope,
        "_meta": { "io.modelcontextprotocol/serverInfo": info() },
    })
}

fn info() -> Value {
    json!({ "name": "flowgate", "title": "Flowgate", "version": env!("CARGO_PKG_VERSION") })
}
