//! The part of a login that nobody may see: its grant and its access token.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::grant::Grant;
use crate::secret::SecretRule;
use crate::time::Timestamp;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub grant: Grant,
    #[serde(default)]
    pub rule: SecretRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessToken>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    pub token: String,
    /// When it was asked for.
    pub since: Timestamp,
    /// `None`: it is used until it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// How long before its end a token is renewed: it must last as long as a request takes.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(120);

impl AccessToken {
    /// When to renew it: in time before its end, and a short-lived one after half of its life.
    pub fn renew_at(&self) -> Option<Timestamp> {
        let ends_at = self.ends_at?;
        let early = RENEWED_BEFORE_END.min(ends_at.since(self.since) / 2);
        Some(ends_at - early)
    }

    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now)
    }
}

impl Credentials {
    /// Every text of it that is masked.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let access = self.access.iter().map(|access| access.token.as_str());
        access.chain(self.grant.secrets())
    }

    /// Whether there is a token, or something that gets one.
    pub fn is_logged_in(&self) -> bool {
        self.access.is_some() || self.grant.can_renew()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}
