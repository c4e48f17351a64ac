//! The address rule: which addresses a user's URL may lead to.
//!
//! A name is resolved once, all its addresses must pass, and the connection uses one of them: no
//! second look-up could return another. Literal addresses never reach a resolver, so the URL itself
//! is checked too.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flowgate_core::clock::{Clock, timeout};
use flowgate_engine::call::CallError;
use url::{Host, Url};

use super::failed;

const MAX_URL_BYTES: usize = 8 * 1024;
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct AddressRule {
    /// Allows plain http to any host. `allow_loopback` includes plain http to loopback.
    pub allow_http: bool,
    pub allow_loopback: bool,
    /// 10/8, 172.16/12, 192.168/16 and fc00::/7. Never link-local: cloud metadata lives there.
    pub allow_private: bool,
    pub resolver: Arc<dyn Resolver>,
    pub clock: Arc<dyn Clock>,
}

/// Resolves a name to addresses. Tests resolve names themselves.
#[async_trait]
pub trait Resolver: Send + Sync {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Names the host as written, never its resolved address: that would reveal the internal network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is not a URL: {0}")]
    Syntax(String),
    #[error("must begin with https://")]
    Scheme,
    #[error("must not hold a user name or password")]
    Credentials,
    #[error("must not name port 0")]
    Port,
    #[error("{host} is not an address that may be called")]
    Refused { host: String },
    #[error("{host} cannot be resolved")]
    Unresolved { host: String },
}

impl From<AddressError> for CallError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Refused { .. } => failed("refused_address", error.to_string()),
            _ => failed("invalid_url", format!("the URL {error}")),
        }
    }
}

impl AddressRule {
    /// Checks syntax, scheme, and literal IP addresses.
    pub fn check_url(&self, text: &str) -> Result<Url, AddressError> {
        if text.len() > MAX_URL_BYTES {
            return Err(AddressError::Syntax(format!("longer than {MAX_URL_BYTES} bytes")));
        }
        // The parser drops tabs and line ends, so a URL checked elsewhere could differ from the
        // called one.
        if text.chars().any(char::is_control) {
            return Err(AddressError::Syntax("it holds a control character".into()));
        }
        let mut url = Url::parse(text).map_err(|error| AddressError::Syntax(error.to_string()))?;
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if url.port() == Some(0) {
            return Err(AddressError::Port);
        }
        self.check_scheme_and_host(&url)?;
        Ok(url)
    }

    fn check_scheme_and_host(&self, url: &Url) -> Result<(), AddressError> {
        let (written, loopback) = match url.host() {
            Some(Host::Ipv4(ip)) => (Some(IpAddr::V4(ip)), reach(ip.into()) == Reach::Loopback),
            Some(Host::Ipv6(ip)) => (Some(IpAddr::V6(ip)), reach(ip.into()) == Reach::Loopback),
            Some(Host::Domain(name)) => (None, is_localhost(name)),
            None => return Err(AddressError::Scheme),
        };
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http || (loopback && self.allow_loopback) => {}
            // An address that may not be called at all gets that error, whatever its scheme.
            "http" if !loopback && written.is_none_or(|ip| self.allows(ip)) => {
                return Err(AddressError::Scheme);
            }
            "http" => {}
            _ => return Err(AddressError::Scheme),
        }
        let refused =
            written.is_some_and(|ip| !self.allows(ip)) || (loopback && !self.allow_loopback);
        if refused {
            Err(AddressError::Refused { host: url.host_str().unwrap_or_default().to_owned() })
        } else {
            Ok(())
        }
    }

    /// Checks the URL and the addresses that its name resolves to now. A name that does not resolve
    /// passes: it is checked again when it is called.
    pub async fn check_resolved(&self, text: &str) -> Result<Url, AddressError> {
        let url = self.check_url(text)?;
        if let Some(Host::Domain(name)) = url.host()
            && let Err(refused @ AddressError::Refused { .. }) = self.addresses(name).await
        {
            return Err(refused);
        }
        Ok(url)
    }

    /// Resolves `name`. One refused address refuses them all: a mixed name is an attack or a
    /// mistake.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, AddressError> {
        let unresolved = || AddressError::Unresolved { host: name.to_owned() };
        let answer = timeout(&*self.clock, RESOLVE_TIMEOUT, self.resolver.resolve(name)).await;
        let addresses = answer.ok_or_else(unresolved)?.map_err(|_| unresolved())?;
        if addresses.is_empty() {
            return Err(unresolved());
        }
        if !addresses.iter().all(|ip| self.allows(*ip)) {
            return Err(AddressError::Refused { host: name.to_owned() });
        }
        Ok(addresses)
    }

    fn allows(&self, ip: IpAddr) -> bool {
        match reach(ip) {
            Reach::Global => true,
            Reach::Loopback => self.allow_loopback,
            Reach::Private => self.allow_private,
            Reach::Never => false,
        }
    }
}

/// Whether the public internet routes the address to a single host.
pub fn is_global_unicast(ip: IpAddr) -> bool {
    reach(ip) == Reach::Global
}

/// RFC 6761: these names mean this machine, whatever a name server answers.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Global,
    Loopback,
    Private,
    Never,
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

/// Follows the IANA registry of special-purpose addresses.
fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [127, ..] => Reach::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        // "This network"; carrier-grade NAT.
        [0, ..] | [100, 64..=127, ..] => Reach::Never,
        // Link-local: instance metadata, and the runtime of a Lambda. The second one is Azure's
        // metadata.
        [169, 254, ..] | [168, 63, 129, 16] => Reach::Never,
        // Protocol assignments; relays of 6to4; benchmarks.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Reach::Never,
        // Documentation.
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => Reach::Never,
        _ => Reach::Global,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return reach_v4(mapped);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // NAT64 leads to the IPv4 address it ends in. Even loopback is another machine's then.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            match reach_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))) {
                Reach::Global => Reach::Global,
                _ => Reach::Never,
            }
        }
        // Metadata of AWS, inside the private range.
        [0xfd00, 0x0ec2, ..] => Reach::Never,
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // Protocol assignments (Teredo too), documentation, 6to4: an IPv4 address may hide inside,
        // and no server is reachable only that way.
        [0x2001, 0..=0x01ff, ..]
        | [0x2001, 0x0db8, ..]
        | [0x2002, ..]
        | [0x3fff, 0..=0x0fff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Global,
        // IPv4-compatible, local NAT64 (64:ff9b:1::/48), link-local, site-local, multicast,
        // unassigned.
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::system::SystemClock;

    use super::*;

    struct Answers(Vec<(&'static str, Vec<IpAddr>)>);

    #[async_trait]
    impl Resolver for Answers {
        async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            let known = self.0.iter().find(|(known, _)| *known == name);
            known
                .map(|(_, addresses)| addresses.clone())
                .ok_or_else(|| io::Error::other("no such name"))
        }
    }

    fn rule() -> AddressRule {
        let answers = Answers(vec![
            ("good.example", vec!["93.184.216.34".parse().unwrap()]),
            ("metadata.example", vec!["169.254.169.254".parse().unwrap()]),
            ("mixed.example", vec!["93.184.216.34".parse().unwrap(), "127.0.0.1".parse().unwrap()]),
            ("nat64.example", vec!["64:ff9b::a9fe:a9fe".parse().unwrap()]),
        ]);
        AddressRule {
            allow_http: false,
            allow_loopback: false,
            allow_private: false,
            resolver: Arc::new(answers),
            clock: Arc::new(SystemClock),
        }
    }

    fn serve_rule() -> AddressRule {
        AddressRule { allow_loopback: true, ..rule() }
    }

    #[test]
    fn hosts_that_lead_inside_are_refused() {
        let hosts = [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "017700000001",
            "0",
            "0.0.0.0",
            "①②⑦.⓪.⓪.①",
            "169.254.169.254",
            "169.254.169.254。",
            "169。254。169。254",
            "169.254.100.1",
            "2852039166",
            "0xA9FEA9FE",
            "0251.0376.0251.0376",
            "10.0.0.1",
            "10.255.255.255",
            "012.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.168.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "api.localhost",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[::7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "[2001:db8::1]",
            "[2001:10::1]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[100::1]",
            "[5f00::1]",
            "[4000::1]",
        ];
        for host in hosts {
            for scheme in ["https", "http"] {
                let answer = rule().check_url(&format!("{scheme}://{host}/x"));
                assert!(
                    matches!(answer, Err(AddressError::Refused { .. })),
                    "{scheme}://{host}: {answer:?}"
                );
            }
        }
    }

    #[test]
    fn urls_that_are_not_plain_https_are_refused() {
        let check = |text: &str| rule().check_url(text).unwrap_err();
        assert_eq!(check("http://good.example/"), AddressError::Scheme);
        assert_eq!(check("ftp://good.example/"), AddressError::Scheme);
        assert_eq!(check("file:///etc/passwd"), AddressError::Scheme);
        assert_eq!(check("data:text/plain,x"), AddressError::Scheme);
        assert_eq!(check("https://user@good.example/"), AddressError::Credentials);
        assert_eq!(check("https://:secret@good.example/"), AddressError::Credentials);
        assert_eq!(check("https://good.example:0/"), AddressError::Port);
        for text in [
            "",
            "good.example",
            "/path",
            "https://",
            "https://[fe80::1%25eth0]/",
            "https://1.2.3.4.5/",
            "https://good.example/\r\nx",
            "https://go\tod.example/",
            "https://good example/",
        ] {
            assert!(matches!(check(text), AddressError::Syntax(_)), "{text:?}: {:?}", check(text));
        }
        assert!(matches!(
            check(&format!("https://good.example/{}", "x".repeat(MAX_URL_BYTES))),
            AddressError::Syntax(_)
        ));
        assert!(matches!(check("https:////169.254.169.254/"), AddressError::Refused { .. }));
        assert!(matches!(check("https:\\\\127.0.0.1\\x"), AddressError::Refused { .. }));
    }

    #[test]
    fn public_addresses_pass() {
        for host in [
            "good.example",
            "8.8.8.8",
            "[2606:4700:4700::1111]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::808:808]",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
        ] {
            assert!(rule().check_url(&format!("https://{host}:8443/x?y=1#z")).is_ok(), "{host}");
        }
    }

    #[test]
    fn serve_allows_loopback_and_nothing_else_inside() {
        for url in [
            "http://127.0.0.1:9/x",
            "http://localhost:9",
            "http://[::1]:9/",
            "https://127.0.0.1/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(serve_rule().check_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "http://169.254.169.254/latest",
            "http://good.example/",
            "http://[64:ff9b::7f00:1]/",
            "http://0.0.0.0/",
        ] {
            assert!(serve_rule().check_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn private_networks_never_hold_metadata() {
        let rule = AddressRule { allow_private: true, allow_http: true, ..rule() };
        assert!(rule.check_url("http://10.0.0.1/").is_ok());
        assert!(rule.check_url("http://[fd12::1]/").is_ok());
        for host in ["169.254.169.254", "[fd00:ec2::254]", "127.0.0.1", "[fe80::1]"] {
            assert!(rule.check_url(&format!("http://{host}/")).is_err(), "{host}");
        }
    }

    #[tokio::test]
    async fn one_refused_address_refuses_the_name() {
        let refused = |host: &str| Err(AddressError::Refused { host: host.to_owned() });
        assert!(rule().check_resolved("https://good.example/").await.is_ok());
        assert_eq!(
            rule().check_resolved("https://metadata.example/").await,
            refused("metadata.example")
        );
        assert_eq!(rule().check_resolved("https://mixed.example/").await, refused("mixed.example"));
        assert_eq!(rule().check_resolved("https://nat64.example/").await, refused("nat64.example"));
        assert_eq!(
            serve_rule().check_resolved("https://metadata.example/").await,
            refused("metadata.example")
        );
        assert!(rule().check_resolved("https://not-yet.example/").await.is_ok());
        assert_eq!(
            rule().addresses("not-yet.example").await,
            Err(AddressError::Unresolved { host: "not-yet.example".into() })
        );
    }
}
