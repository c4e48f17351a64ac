//! How the headers of a request say its revision, and mirror its body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Map, Value};

use super::era::{Era, HANDSHAKE, STATELESS, VERSIONS};
use super::refusal::Refusal;
use super::request::Request;
use super::tasks;

const VERSION_HEADER: &str = "mcp-protocol-version";
const VERSION_META: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const CAPABILITIES_META: &str = "io.modelcontextprotocol/clientCapabilities";
/// Around a value in base64 that no header could carry as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// Returns the era that the request speaks.
pub(super) fn era_of(headers: &HeaderMap, request: &Request) -> Result<Era, Refusal> {
    if request.method == "initialize" {
        return Ok(Era::Handshake);
    }
    let header = single(headers, VERSION_HEADER)?;
    let meta = request.params.get("_meta").and_then(Value::as_object);
    let Some((meta, in_body)) = meta.and_then(|meta| Some((meta, meta.get(VERSION_META)?))) else {
        return of_header(header);
    };
    mirrored(VERSION_HEADER, header, Some(in_body))?;
    let method = single(headers, "mcp-method")?;
    mirrored("mcp-method", method, Some(&request.method.as_str().into()))?;
    if let Some(in_body) = named_by(&request.method).and_then(|name| request.params.get(name)) {
        let name = single(headers, "mcp-name")?;
        let decoded = name.map(|name| decoded(name).unwrap_or_default());
        mirrored("mcp-name", decoded.as_deref(), Some(in_body))?;
    }
    of_envelope(header.unwrap_or_default(), meta)
}

/// Returns the parameter that the header `Mcp-Name` mirrors.
fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" => Some("name"),
        tasks::GET | tasks::UPDATE | tasks::CANCEL => Some(tasks::ID),
        _ => None,
    }
}

/// Without the revision in its body, a request is one of the first era.
fn of_header(header: Option<&str>) -> Result<Era, Refusal> {
    match header {
        None => Ok(Era::Handshake),
        Some(version) if HANDSHAKE.contains(&version) => Ok(Era::Handshake),
        Some(STATELESS) => Err(Refusal::header_mismatch(format!(
            "the header {VERSION_HEADER} is {STATELESS}, but params._meta has no `{VERSION_META}`"
        ))),
        Some(version) => Err(Refusal::unsupported_version(version, &VERSIONS)),
    }
}

/// The revision that header and body agree on.
fn of_envelope(version: &str, meta: &Map<String, Value>) -> Result<Era, Refusal> {
    if HANDSHAKE.contains(&version) {
        return Ok(Era::Handshake);
    }
    if version != STATELESS {
        return Err(Refusal::unsupported_version(version, &VERSIONS));
    }
    match meta.get(CAPABILITIES_META) {
        Some(Value::Object(_)) => Ok(Era::Stateless),
        _ => Err(Refusal::invalid_params(format!(
            "params._meta must have the object `{CAPABILITIES_META}`"
        ))),
    }
}

/// Checks the header of a message that wants no answer.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match single(headers, VERSION_HEADER)? {
        Some(version) if !VERSIONS.contains(&version) => {
            Err(Refusal::unsupported_version(version, &VERSIONS))
        }
        _ => Ok(()),
    }
}

/// Whoever stands between reads the header, and we read the body: they must say the same.
fn mirrored(name: &str, header: Option<&str>, body: Option<&Value>) -> Result<(), Refusal> {
    if header.is_some() && header == body.and_then(Value::as_str) {
        return Ok(());
    }
    let why = if header.is_none() { "is missing" } else { "differs from the body" };
    Err(Refusal::header_mismatch(format!("the header {name} {why}")))
}

/// Refuses a header that is sent twice: two readers might take different ones.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        _ => Err(Refusal::header_mismatch(format!("the header {name} must be one text"))),
    }
}

/// `None`: it begins like an encoded value, and is none.
fn decoded(value: &str) -> Option<String> {
    let inner = value.strip_prefix(ENCODED.0).and_then(|rest| rest.strip_suffix(ENCODED.1));
    let Some(inner) = inner else { return Some(value.to_owned()) };
    String::from_utf8(STANDARD.decode(inner).ok()?).ok()
}
