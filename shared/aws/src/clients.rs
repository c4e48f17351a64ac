//! Service clients, each created on first use, so that a Lambda's start does not pay for unused
//! ones.

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use aws_types::SdkConfig;

use crate::config::{Config, Endpoints};

/// Amazon Root CA 1 to 4 and Starfield Services Root CA G2, under which AWS issues the certificates
/// of its services (<https://www.amazontrust.com/repository/>); taken from Mozilla's list. Loading
/// all system roots would take longer than the rest of a Lambda's start.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

pub(crate) struct Clients {
    shared: SdkConfig,
    endpoints: Endpoints,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Clients {
    /// Does not connect yet.
    pub(crate) fn new(config: &Config) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(15))
            .build();
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(trusted())
            .build_https();
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(config.credentials.clone()))
            .retry_config(retries())
            .timeout_config(timeouts)
            .http_client(http)
            .build();
        Self {
            shared,
            endpoints: config.endpoints.clone(),
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            secrets: OnceLock::new(),
        }
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| {
            let config = aws_sdk_dynamodb::config::Builder::from(&self.shared);
            aws_sdk_dynamodb::Client::from_conf(
                at(config, self.endpoints.dynamodb.as_deref(), |config, url| {
                    config.endpoint_url(url)
                })
                .build(),
            )
        })
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| {
            let config = aws_sdk_sqs::config::Builder::from(&self.shared);
            aws_sdk_sqs::Client::from_conf(
                at(config, self.endpoints.sqs.as_deref(), |config, url| config.endpoint_url(url))
                    .build(),
            )
        })
    }

    pub(crate) fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| {
            let config = aws_sdk_secretsmanager::config::Builder::from(&self.shared);
            let config = at(config, self.endpoints.secrets_manager.as_deref(), |config, url| {
                config.endpoint_url(url)
            });
            aws_sdk_secretsmanager::Client::from_conf(config.build())
        })
    }
}

/// The client below those of the SDK, for a service that has none. Trusts what they trust.
pub(crate) fn connector(settings: HttpConnectorSettings) -> Connector {
    Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(trusted())
        .connector_settings(settings)
        .build()
}

fn trusted() -> TlsContext {
    let trusted = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS))
        .build();
    trusted.expect("the roots in this crate are well formed")
}

/// Short pauses: a caller waits, and what is worth more tries has its own.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(500))
}

fn at<'a, B>(config: B, endpoint: Option<&'a str>, set: impl FnOnce(B, &'a str) -> B) -> B {
    match endpoint {
        Some(url) => set(config, url),
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_roots_are_trusted() {
        assert_eq!(AMAZON_ROOTS.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        let trusted = TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS))
            .build();
        assert!(trusted.is_ok());
    }
}
