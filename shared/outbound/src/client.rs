//! The one HTTP client of the outbound side: no proxy, no redirects, and names resolve under the outbound rule alone.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowgate_engine::call::CallError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{AddressError, AddressRule};
use super::{failed, retryable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A name may move to another address; a connection to the old one is not kept for long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is not `identity` is not asked for, so an answer never grows while it is unpacked.
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

/// Gives the connector only addresses that were checked, so the peer is one of them by construction.
struct UnderRule(Arc<AddressRule>);

impl Resolve for UnderRule {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = rule.addresses(name.as_str()).await?;
            // Port 0 stands for the URL's own.
            Ok(Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// What a request that got no whole answer means to a run. The URL is left out: it may hold what nobody should read.
pub(super) fn describe(error: &reqwest::Error) -> CallError {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // What the resolver refused is the innermost cause of all.
    match cause.downcast_ref::<AddressError>() {
        Some(unresolved @ AddressError::Unresolved { .. }) => return unconnected(unresolved.to_string()),
        Some(refused) => return failed("refused_address", refused.to_string()),
        None => {}
    }
    if error.is_timeout() {
        retryable("timeout", "no connection in time")
    } else if error.is_connect() {
        unconnected(format!("cannot connect: {cause}"))
    } else if error.is_builder() {
        failed("invalid_request", format!("cannot be sent: {cause}"))
    } else {
        retryable("connection_lost", format!("the connection broke: {cause}"))
    }
}

/// Nothing was sent.
fn unconnected(message: String) -> CallError {
    CallError { nothing_happened: true, ..retryable("connect", message) }
}
