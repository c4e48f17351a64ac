//! What every API shares: the request and its caller, bodies, lists, streams, refusals.

pub(crate) mod request;
pub(crate) mod caller;
pub(crate) mod cors;
pub(crate) mod known_query;
pub(crate) mod body;
pub(crate) mod upload;
mod gzip;
mod memory;
pub(crate) mod fields;
pub(crate) mod precondition;
pub(crate) mod html;
#[cfg(feature = "starts")]
pub(crate) mod idempotency;

pub(crate) mod time;
pub(crate) mod page;
pub(crate) mod event_log;
#[cfg(feature = "starts")]
pub(crate) mod json_rpc;
pub(crate) mod sse;
#[cfg(feature = "starts")]
pub(crate) mod response_node;

pub(crate) mod status;
pub(crate) mod problem;
pub(crate) mod refused;
