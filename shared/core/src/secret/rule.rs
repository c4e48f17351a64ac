//! Where a secret may go, and for whom.

use std::collections::BTreeSet;

use flowgate_engine::url::Host;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where a secret may go, and for whom. Secrets stored before there were rules have the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRule {
    /// The hosts that it may be sent to. If empty: the host that the author's URL names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<SecretHost>,
    #[serde(default, skip_serializing_if = "SecretWorkflows::is_default")]
    pub workflows: SecretWorkflows,
}

impl SecretRule {
    pub fn allows_workflow(&self, user: &SecretUser) -> bool {
        match &self.workflows {
            SecretWorkflows::OfPlatform => user.published_by == Publisher::Platform,
            SecretWorkflows::All => true,
            SecretWorkflows::Only(ids) => ids.contains(&user.workflow_id),
        }
    }

    /// Returns whether the hosts are named and the URL's is one of them.
    pub fn names_host_of(&self, url: &Url) -> bool {
        self.hosts.iter().any(|host| host.is_of(url))
    }
}

/// What a rule says about the host that an author's URL leads to, before anything is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostVerdict {
    /// Allowed, or only known when the call goes out.
    Open,
    /// The rule names no hosts, and a reference decides the host.
    Referenced,
    /// The rule names other hosts.
    Elsewhere,
}

impl SecretRule {
    pub fn verdict(&self, host: &Host) -> HostVerdict {
        match host {
            Host::Referenced if self.hosts.is_empty() => HostVerdict::Referenced,
            Host::Written(url) if !self.hosts.is_empty() => match Url::parse(url) {
                Ok(url) if !self.names_host_of(&url) => HostVerdict::Elsewhere,
                _ => HostVerdict::Open,
            },
            _ => HostVerdict::Open,
        }
    }
}

/// The workflows that may use a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretWorkflows {
    /// Versions published by the operator or by a key for all workflows.
    #[default]
    OfPlatform,
    All,
    Only(BTreeSet<String>),
}

impl SecretWorkflows {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Who published a version. Decides which secrets it may use. Versions stored before this was
/// recorded count as the platform's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    /// The operator, or a key for all workflows.
    #[default]
    Platform,
    /// A key for certain workflows.
    Workflow,
}

impl Publisher {
    pub fn is_platform(&self) -> bool {
        *self == Self::Platform
    }

    /// Whoever has fewer rights.
    #[must_use]
    pub fn lesser(self, other: Self) -> Self {
        if self.is_platform() { other } else { self }
    }
}

/// On whose behalf secrets are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUser {
    pub workflow_id: String,
    pub published_by: Publisher,
}

/// `api.example.com`, `localhost:8080`, or `*.example.com` for every name below it. Without a port
/// it stands for the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHost(String);

impl SecretHost {
    /// Returns the host in the spelling in which URLs have it.
    pub fn parse(text: &str) -> Option<Self> {
        let (wildcard, host) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        if host.is_empty() || host.contains(['/', '\\', '?', '#', '@', '*', '%']) {
            return None;
        }
        let url = Url::parse(&format!("https://{host}/")).ok()?;
        // One label below the root is a registry's, not an owner's.
        let is_wide = !matches!(url.host(), Some(url::Host::Domain(name)) if name.contains('.'));
        if !wildcard.is_empty() && is_wide {
            return None;
        }
        Some(Self(format!("{wildcard}{}", authority(&url)?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_of(&self, url: &Url) -> bool {
        let Some(authority) = authority(url) else { return false };
        match self.0.strip_prefix('*') {
            Some(ending) => authority.ends_with(ending) && authority.len() > ending.len(),
            None => authority == self.0,
        }
    }
}

/// Returns host and port, without the scheme's own port.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_for_itself_and_its_own_port() {
        let check = |host: &str, url: &str, expected: bool| {
            let host = SecretHost::parse(host).unwrap();
            assert_eq!(host.is_of(&Url::parse(url).unwrap()), expected, "{host:?} {url}");
        };
        check("API.example.com", "https://api.example.com/x", true);
        check("api.example.com:443", "https://api.example.com/", true);
        check("api.example.com", "https://api.example.com:8443/", false);
        check("api.example.com", "https://api.example.com.evil.example/", false);
        check("api.example.com", "https://evil-api.example.com/", false);
        check("example.com", "https://api.example.com/", false);
        check("*.example.com", "https://a.b.example.com/", true);
        check("*.example.com", "https://example.com/", false);
        check("*.example.com", "https://evilexample.com/", false);
        check("*.example.com", "https://a.example.com:8443/", false);
        check("*.example.com:8443", "https://a.example.com:8443/", true);
        check("bücher.example", "https://xn--bcher-kva.example/", true);
        check("[::1]:80", "https://[0:0:0:0:0:0:0:1]:80/", true);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.com",
            "*.127.0.0.1",
            "https://a.example",
            "a/b",
            "u@a",
            "a b",
            "%61",
            "a:b",
        ] {
            assert_eq!(SecretHost::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_secret_of_no_certain_workflow_is_the_platforms() {
        let user = |published_by| SecretUser { workflow_id: "w".into(), published_by };
        let check = |workflows: SecretWorkflows, expected: [bool; 2]| {
            let rule = SecretRule { workflows, ..SecretRule::default() };
            let allowed = [Publisher::Platform, Publisher::Workflow]
                .map(|publisher| rule.allows_workflow(&user(publisher)));
            assert_eq!(allowed, expected, "{rule:?}");
        };
        check(SecretWorkflows::OfPlatform, [true, false]);
        check(SecretWorkflows::All, [true, true]);
        check(SecretWorkflows::Only(["w".to_owned()].into()), [true, true]);
        check(SecretWorkflows::Only(["other".to_owned()].into()), [false, false]);
    }
}
