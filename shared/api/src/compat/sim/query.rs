//! Query parameters that several lists take.

use flowgate_app::runs::MAX_PAGE;
use flowgate_app::time::Timestamp;
use flowgate_app::{Error, Result};
use http::Uri;

use crate::http::page;
use crate::http::request::QueryPairs;

/// 1 to 100.
pub(super) fn limit(query: &QueryPairs, default: usize) -> Result<usize> {
    let Some(text) = query.get("limit") else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
    let message = || format!("must be a number from 1 to {MAX_PAGE}");
    limit.ok_or_else(|| Error::bad_field("/limit", message()))
}

/// As Sim reads flags.
pub(super) fn flag(query: &QueryPairs, name: &str) -> Result<bool> {
    match query.get(name) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(Error::bad_field(format!("/{name}"), "must be true or false")),
    }
}

/// The place that the cursor of this list stands for.
pub(super) fn cursor(query: &QueryPairs, uri: &Uri) -> Result<Option<String>> {
    let Some(cursor) = query.get("cursor") else { return Ok(None) };
    let place = page::cursor_of(uri.path(), cursor);
    let unknown = || Error::bad_field("/cursor", "is not the nextCursor of this list");
    place.map(Some).ok_or_else(unknown)
}

pub(super) fn time(query: &QueryPairs, name: &str) -> Result<Option<Timestamp>> {
    let message = "must be a time such as 2026-01-31T08:15:00Z";
    let read = |text| {
        Timestamp::parse_rfc3339(text).ok_or_else(|| Error::bad_field(format!("/{name}"), message))
    };
    query.get(name).map(read).transpose()
}
