//! The only HTTP client: no proxy, no redirects, and names resolve under the address rule.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowgate_engine::call::CallError;
use http::{HeaderMap, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{AddressError, AddressRule};
use super::{failed, retryable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A name may move to another address, so idle connections are closed soon.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Neither asks for compression nor undoes it, and follows no redirect: whoever does bounds them.
pub(super) fn build(rule: Arc<AddressRule>) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("flowgate/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(UnderRule(rule)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
}

/// Gives the connector only checked addresses, so the peer is always one of them.
struct UnderRule(Arc<AddressRule>);

impl Resolve for UnderRule {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = rule.addresses(name.as_str()).await?;
            // Port 0 means the URL's own port.
            Ok(Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// Refuses an answer that is compressed although nobody asked for it: read as text, it is garbage.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), CallError> {
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let name = String::from_utf8_lossy(value.as_bytes());
        if !name.trim().is_empty() && !name.trim().eq_ignore_ascii_case("identity") {
            let name: String = name.chars().take(40).collect();
            let message = format!("its content encoding {name:?} was not asked for");
            return Err(failed("invalid_answer", message));
        }
    }
    Ok(())
}

/// Converts the error of a request without a complete answer. Leaves out the URL: it may hold
/// secrets.
pub(super) fn describe(error: &reqwest::Error) -> CallError {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The resolver's refusal is the innermost cause.
    match cause.downcast_ref::<AddressError>() {
        Some(unresolved @ AddressError::Unresolved { .. }) => {
            return retryable("connect", unresolved.to_string());
        }
        Some(refused) => return failed("refused_address", refused.to_string()),
        None => {}
    }
    if error.is_timeout() {
        retryable("timeout", "no connection in time")
    } else if error.is_connect() {
        let is_refused = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused);
        CallError {
            nothing_happened: is_refused,
            ..retryable("connect", format!("cannot connect: {cause}"))
        }
    } else if error.is_builder() {
        failed("invalid_request", format!("cannot be sent: {cause}"))
    } else {
        retryable("connection_lost", format!("the connection broke: {cause}"))
    }
}
