//! The outbound rule, against a second classification of addresses: what passes is global unicast,
//! and what is global unicast passes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use async_trait::async_trait;
use flowgate_core::system::SystemClock;
use flowgate_outbound::{AddressRule, Resolver, is_global_unicast};
use proptest::prelude::*;
use proptest::sample::select;
use reqwest::Url;

use crate::budget::fuzz;
use crate::words::odd_text;

/// IANA's registry of special-purpose IPv4 addresses, multicast, reserved, and the metadata address
/// of Azure. Networks as address and length.
const SPECIAL_V4: [(&str, u32); 20] = [
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("168.63.129.16", 32),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.88.99.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("224.0.0.0", 4),
    ("240.0.0.0", 4),
    ("255.255.255.255", 32),
    ("127.0.0.1", 32),
    ("169.254.169.254", 32),
    ("100.100.100.200", 32),
];
/// Of the global unicast space 2000::/3, what is special.
const SPECIAL_V6: [(&str, u32); 4] =
    [("2001::", 23), ("2001:db8::", 32), ("2002::", 16), ("3fff::", 20)];

/// The oracle: networks by arithmetic, and what the standard library knows.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = SPECIAL_V4.iter().any(|(network, length)| {
        let network: Ipv4Addr = network.parse().unwrap();
        let mask = u32::MAX << (32 - length);
        ip.to_bits() & mask == network.to_bits() & mask
    });
    let known = ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation();
    assert!(special || !known, "the table misses {ip}");
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let in_network = |network: &str, length: u32| {
        let network: Ipv6Addr = network.parse().unwrap();
        let mask = u128::MAX << (128 - length);
        ip.to_bits() & mask == network.to_bits() & mask
    };
    let last = Ipv4Addr::from_bits(u32::try_from(ip.to_bits() & u128::from(u32::MAX)).unwrap());
    // Mapped addresses, and the well-known prefix of NAT64, lead to the IPv4 address they end in.
    if in_network("::ffff:0:0", 96) || in_network("64:ff9b::", 96) {
        return is_public_v4(last);
    }
    let special = SPECIAL_V6.iter().any(|(network, length)| in_network(network, *length));
    let known = ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unique_local()
        || ip.is_unicast_link_local();
    assert!(!known || !in_network("2000::", 3), "the standard library knows better: {ip}");
    in_network("2000::", 3) && !special
}

/// Addresses near the borders of the networks above, and any others.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        any::<u32>().prop_map(Ipv4Addr::from_bits),
        (select(&SPECIAL_V4[..]), any::<u32>(), -2..=2_i64).prop_map(|(network, host, beside)| {
            let first: Ipv4Addr = network.0.parse().unwrap();
            let hosts = u32::MAX.checked_shr(network.1).unwrap_or(0);
            let edge = if host % 2 == 0 { first.to_bits() } else { first.to_bits() | hosts };
            let bits = i64::from(edge) + beside;
            Ipv4Addr::from_bits(u32::try_from(bits.rem_euclid(1 << 32)).unwrap())
        }),
    ];
    let prefixes = select(
        &[
            "::",
            "::ffff:0:0",
            "64:ff9b::",
            "64:ff9b:1::",
            "2001::",
            "2001:db8::",
            "2002::",
            "fc00::",
            "fd00:ec2::",
            "fe80::",
            "fec0::",
            "ff00::",
            "100::",
            "3fff::",
            "2000::",
            "4000::",
            "5f00::",
        ][..],
    );
    let v6 = prop_oneof![
        any::<u128>().prop_map(Ipv6Addr::from_bits),
        (prefixes, any::<u32>(), any::<u128>(), 0..100_u32).prop_map(
            |(prefix, last, rest, keep)| {
                let prefix: Ipv6Addr = prefix.parse().unwrap();
                let rest = if keep < 40 { u128::from(last) } else { rest >> keep };
                Ipv6Addr::from_bits(prefix.to_bits() | rest)
            }
        ),
    ];
    prop_oneof![
        v4.clone().prop_map(IpAddr::V4),
        v6.prop_map(IpAddr::V6),
        v4.prop_map(|ip| {
            let bits = u128::from(ip.to_bits());
            // The same address as 6to4 would write it.
            IpAddr::V6(Ipv6Addr::from_bits((0x2002 << 112) | (bits << 80)))
        })
    ]
}

struct Answers(Vec<IpAddr>);

#[async_trait]
impl Resolver for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

fn rule(answers: Vec<IpAddr>) -> AddressRule {
    AddressRule {
        allow_http: false,
        allow_loopback: false,
        allow_private: false,
        resolver: Arc::new(Answers(answers)),
        clock: Arc::new(SystemClock),
    }
}

/// A host as somebody might write it who wants to hide it.
fn host() -> impl Strategy<Value = String> {
    let spelled = (address(), 0..12_u8).prop_map(|(ip, how)| spelled(ip, how));
    prop_oneof![
        4 => spelled,
        1 => "[a-z]{1,8}\\.(com|example|localhost|internal)\\.?",
        1 => select(&["localhost", "LOCALHOST.", "a.localhost", "ⓛocalhost", "loc\u{ad}alhost"][..])
            .prop_map(str::to_owned),
        1 => odd_text(4),
    ]
}

fn spelled(ip: IpAddr, how: u8) -> String {
    let IpAddr::V4(v4) = ip else { return format!("[{ip}]") };
    let [a, b, c, d] = v4.octets();
    match how {
        0 => v4.to_string(),
        1 => v4.to_bits().to_string(),
        2 => format!("{:#x}", v4.to_bits()),
        3 => format!("0{:o}", v4.to_bits()),
        4 => format!("{a}.{b}.{}", u32::from(c) << 8 | u32::from(d)),
        5 => format!("{a}.{}", v4.to_bits() & 0xff_ffff),
        6 => format!("{a:#x}.{b:#o}.{c}.{d}").replace("0o", "0"),
        7 => format!("{v4}."),
        8 => v4.to_string().replace('.', "。"),
        9 => v4.to_string().chars().map(full_width).collect(),
        10 => format!("[::ffff:{v4}]"),
        _ => format!("%{:02x}{}", v4.to_string().as_bytes()[0], &v4.to_string()[1..]),
    }
}

fn full_width(digit: char) -> char {
    digit.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(digit)
}

#[test]
fn addresses_that_are_global() {
    fuzz("addresses_that_are_global", &address(), |ip| {
        prop_assert_eq!(is_global_unicast(ip), is_public(ip), "{}", ip);
        Ok(())
    });
}

#[test]
fn urls_that_pass() {
    let scheme = select(&["https", "HTTPS", "http", "ftp", "file", "https\n", "ht\ttps", ""][..]);
    let before = select(&["://", ":/", ":", ":////", ":\\\\", "://user@", "://u:p@", "://@"][..]);
    let after =
        select(&["", "/", ":443/", ":0/", ":8443/x?y#z", "/%2e%2e", "\\@8.8.8.8/", "#@x"][..]);
    let url = (scheme, before, host(), after)
        .prop_map(|(scheme, before, host, after)| format!("{scheme}{before}{host}{after}"));
    let url = prop_oneof![3 => url, 1 => host().prop_map(|host| format!("https://{host}/"))];
    fuzz("urls_that_pass", &url, |text| {
        let passed = rule(Vec::new()).check_url(&text);
        let expected = Url::parse(&text).ok().filter(|url| may_pass(&text, url));
        match (&passed, &expected) {
            (Ok(url), _) => prop_assert!(expected.is_some(), "{text:?} passes as {url}"),
            (Err(error), Some(url)) => prop_assert!(false, "{url} is refused: {error}"),
            (Err(_), None) => {}
        }
        Ok(())
    });
}

/// What the rule says, in other words.
fn may_pass(text: &str, url: &Url) -> bool {
    let authority = url.username().is_empty() && url.password().is_none() && url.port() != Some(0);
    let host = url.host_str().unwrap_or_default();
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let reached = match literal.parse::<IpAddr>() {
        Ok(ip) => is_public(ip),
        Err(_) => !host.trim_end_matches('.').rsplit('.').next().unwrap().eq("localhost"),
    };
    let plain = !text.chars().any(char::is_control) && text.len() <= 8 * 1024;
    url.scheme() == "https" && authority && !host.is_empty() && reached && plain
}

/// One address that is not global refuses the name, and no answer at all is no permission.
#[test]
fn names_that_resolve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answers = prop::collection::vec(address(), 0..4);
    fuzz("names_that_resolve", &answers, |answers| {
        let passes = answers.iter().all(|ip| is_public(*ip));
        let rule = rule(answers.clone());
        let checked = runtime.block_on(rule.check_resolved("https://name.example/"));
        prop_assert_eq!(checked.is_ok(), passes, "{:?}", answers);
        Ok(())
    });
}
