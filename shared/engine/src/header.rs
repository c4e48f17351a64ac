//! The names of headers that users may not set. One rule for documents, requests of callers, and
//! everything that goes out.

const FORBIDDEN: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
];
const FORBIDDEN_PREFIXES: [&str; 5] = ["proxy-", "webhook-", "flowgate-", "x-amz", "x-forwarded-"];

/// Returns whether a header frames the message, is trusted by gateways, or is one that we sign
/// with.
pub fn is_forbidden(name: &str) -> bool {
    // Some servers read `_` as `-`.
    let name = name.to_ascii_lowercase().replace('_', "-");
    FORBIDDEN.contains(&name.as_str())
        || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns whether a name is a token, as the names of headers are.
pub(crate) fn is_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}
