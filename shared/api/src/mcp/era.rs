//! The two eras of the protocol, and their revisions.

/// Newest first.
pub(super) const VERSIONS: [&str; 4] = [STATELESS, HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2]];
/// Revisions that begin with `initialize`, newest first.
pub(super) const HANDSHAKE: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
pub(super) const STATELESS: &str = "2026-07-28";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Until 2025-11-25: a connection begins with `initialize`, and later requests may name the
    /// revision in a header.
    Handshake,
    /// From 2026-07-28: each request stands alone, and its headers mirror its body.
    Stateless,
}
