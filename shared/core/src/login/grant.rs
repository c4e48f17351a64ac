//! What gets an access token: a refresh token with its client, or a service account's key.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginKind {
    #[serde(rename = "oauth2")]
    OAuth2,
    #[serde(rename = "service_account")]
    ServiceAccount,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2),
    ServiceAccount(ServiceAccount),
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth2 {
    pub token_url: String,
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The newest. Without one the access token cannot be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Sent with each renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default)]
    pub client: ClientAuth,
    #[serde(default)]
    pub body: BodyForm,
}

/// Where a client names itself to the vendor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    #[default]
    Body,
    Basic,
}

/// How a request for tokens is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyForm {
    #[default]
    Form,
    Json,
}

/// A key that signs for an account (RFC 7523), as Google's are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub token_url: String,
    pub client_email: String,
    /// PKCS #8 as PEM.
    pub private_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_id: Option<String>,
    pub scope: String,
    /// The person for whom the account acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Grant {
    pub fn kind(&self) -> LoginKind {
        match self {
            Self::OAuth2(_) => LoginKind::OAuth2,
            Self::ServiceAccount(_) => LoginKind::ServiceAccount,
        }
    }

    pub fn token_url(&self) -> &str {
        match self {
            Self::OAuth2(OAuth2 { token_url, .. })
            | Self::ServiceAccount(ServiceAccount { token_url, .. }) => token_url,
        }
    }

    /// Returns host and port, without the scheme's own port.
    pub fn token_host(&self) -> String {
        let Ok(url) = Url::parse(self.token_url()) else { return String::new() };
        let host = url.host_str().unwrap_or_default();
        match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    pub fn can_renew(&self) -> bool {
        match self {
            Self::OAuth2(client) => client.refresh_token.is_some(),
            Self::ServiceAccount(_) => true,
        }
    }

    #[must_use]
    pub fn with_refresh_token(self, token: String) -> Self {
        match self {
            Self::OAuth2(client) => Self::OAuth2(OAuth2 { refresh_token: Some(token), ..client }),
            account @ Self::ServiceAccount(_) => account,
        }
    }

    /// Every text of it that is masked.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let (one, two) = match self {
            Self::OAuth2(client) => {
                (client.client_secret.as_deref(), client.refresh_token.as_deref())
            }
            Self::ServiceAccount(account) => (Some(account.private_key.as_str()), None),
        };
        one.into_iter().chain(two)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({:?} at {})", self.kind(), self.token_host())
    }
}
