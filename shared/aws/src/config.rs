//! A function's configuration, read once from its environment.

use std::time::Duration;

use anyhow::{Result, bail};
use aws_credential_types::Credentials;

/// The configuration of every function, as the template sets it.
#[derive(Debug, Clone)]
pub struct Config {
    pub table: String,
    pub run_queue_url: String,
    pub webhook_queue_url: String,
    /// ARN or name of the secret that holds the keyring.
    pub keyring_secret: String,
    /// Holds the bytes of files.
    pub bucket: String,
    /// The function authenticates nobody and signs nothing, and may not read the keyring.
    pub without_keyring: bool,
    /// A provider secret is named `<prefix>NAME`.
    pub secret_prefix: String,
    /// Whether this function generates what the deployment left out of the keyring; it must be
    /// allowed to write the secret.
    pub completes_keyring: bool,
    pub public_url: String,
    /// A list with commas between, as `flowgate_app::origin` reads it.
    pub allowed_origins: String,
    pub public_workflows: bool,
    pub retention: Duration,
    pub audit_retention: Duration,
    pub longest_wait: Duration,
    pub longest_stream: Duration,
    /// Short: a function does not notice that its reader has gone, and a reader who reconnects
    /// occupies another process.
    pub longest_follow: Duration,
    pub allow_private: bool,
    pub allow_loopback: bool,
    /// The memory of the function, in bytes.
    pub memory: usize,
    /// Sends HTTP responses unstreamed, for tools that cannot read a stream.
    pub buffered: bool,
    pub region: String,
    pub credentials: Credentials,
    /// `None`: AWS itself.
    pub endpoints: Endpoints,
}

#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    pub dynamodb: Option<String>,
    pub sqs: Option<String>,
    pub secrets_manager: Option<String>,
    pub s3: Option<String>,
}

impl Config {
    /// Fails with everything that is missing or invalid, in one error.
    pub fn from_env() -> Result<Self> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// The same from another source of variables.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut variables = Variables { variable, missing: Vec::new(), wrong: Vec::new() };
        let config = variables.config();
        variables.check()?;
        Ok(config)
    }
}

struct Variables<F> {
    variable: F,
    missing: Vec<&'static str>,
    wrong: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn config(&mut self) -> Config {
        Config {
            table: self.required("FLOWGATE_TABLE"),
            run_queue_url: self.required("FLOWGATE_RUN_QUEUE_URL"),
            webhook_queue_url: self.required("FLOWGATE_WEBHOOK_QUEUE_URL"),
            keyring_secret: self.required("FLOWGATE_KEYRING_SECRET"),
            bucket: self.required("FLOWGATE_BUCKET"),
            without_keyring: self.is_true("FLOWGATE_WITHOUT_KEYRING"),
            secret_prefix: self.required("FLOWGATE_SECRET_PREFIX"),
            completes_keyring: self.is_true("FLOWGATE_COMPLETES_KEYRING"),
            public_url: self.required("FLOWGATE_PUBLIC_URL").trim_end_matches('/').to_owned(),
            allowed_origins: self.find("FLOWGATE_ALLOWED_ORIGINS").unwrap_or_default(),
            public_workflows: self.is_true("FLOWGATE_PUBLIC_WORKFLOWS"),
            retention: Duration::from_secs(
                self.number("FLOWGATE_RETENTION_DAYS", 30).saturating_mul(24 * 3600),
            ),
            audit_retention: Duration::from_secs(
                self.number("FLOWGATE_AUDIT_DAYS", 365).saturating_mul(24 * 3600),
            ),
            longest_wait: Duration::from_millis(self.number("FLOWGATE_LONGEST_WAIT_MS", 270_000)),
            longest_stream: Duration::from_millis(
                self.number("FLOWGATE_LONGEST_STREAM_MS", 840_000),
            ),
            longest_follow: Duration::from_millis(
                self.number("FLOWGATE_LONGEST_FOLLOW_MS", 120_000),
            ),
            allow_private: self.is_true("FLOWGATE_ALLOW_PRIVATE"),
            allow_loopback: self.is_true("FLOWGATE_ALLOW_LOOPBACK"),
            memory: usize::try_from(self.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 512) << 20)
                .unwrap_or(usize::MAX),
            buffered: self.is_true("FLOWGATE_BUFFERED"),
            region: self.required("AWS_REGION"),
            credentials: self.credentials(),
            endpoints: Endpoints {
                dynamodb: self.find("AWS_ENDPOINT_URL_DYNAMODB"),
                sqs: self.find("AWS_ENDPOINT_URL_SQS"),
                secrets_manager: self.find("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
                s3: self.find("AWS_ENDPOINT_URL_S3"),
            },
        }
    }

    /// Lambda sets credentials that last as long as the process, so none are renewed.
    fn credentials(&mut self) -> Credentials {
        let (id, secret) =
            (self.required("AWS_ACCESS_KEY_ID"), self.required("AWS_SECRET_ACCESS_KEY"));
        Credentials::new(id, secret, self.find("AWS_SESSION_TOKEN"), None, "environment")
    }

    /// An empty variable counts as not set.
    fn find(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &'static str) -> String {
        self.find(name).unwrap_or_else(|| {
            self.missing.push(name);
            String::new()
        })
    }

    fn number(&mut self, name: &'static str, default: u64) -> u64 {
        let Some(value) = self.find(name) else { return default };
        value.parse().ok().filter(|number| *number > 0).unwrap_or_else(|| {
            self.wrong.push(format!("{name} must be a whole number above 0"));
            default
        })
    }

    fn is_true(&mut self, name: &'static str) -> bool {
        match self.find(name).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.wrong.push(format!("{name} must be true or false"));
                false
            }
        }
    }

    fn check(self) -> Result<()> {
        let missing =
            (!self.missing.is_empty()).then(|| format!("not set: {}", self.missing.join(", ")));
        let problems: Vec<String> = missing.into_iter().chain(self.wrong).collect();
        if problems.is_empty() {
            return Ok(());
        }
        bail!("the environment is not complete: {}", problems.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(name: &str) -> Option<String> {
        let optional = [
            "_MS",
            "_DAYS",
            "ALLOW",
            "ENDPOINT",
            "COMPLETES",
            "BUFFERED",
            "WITHOUT",
            "MEMORY_SIZE",
            "PUBLIC_WORKFLOWS",
        ]
        .iter()
        .any(|part| name.contains(part));
        (!optional).then(|| format!("value of {name}"))
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let config = Config::read(complete).unwrap();
        assert_eq!(config.table, "value of FLOWGATE_TABLE");
        assert_eq!(config.retention, Duration::from_secs(30 * 86_400));
        assert_eq!(
            (config.longest_wait, config.longest_stream),
            (Duration::from_secs(270), Duration::from_secs(840))
        );
        assert!(!config.allow_private && !config.allow_loopback && !config.completes_keyring);
        assert!(!config.without_keyring && !config.public_workflows);
        assert!(config.endpoints.dynamodb.is_none());
        assert!(!format!("{config:?}").contains("value of AWS_SECRET_ACCESS_KEY"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let some = |name: &str| match name {
            "FLOWGATE_TABLE" | "AWS_REGION" => Some(String::new()),
            "FLOWGATE_RETENTION_DAYS" => Some("soon".to_owned()),
            "FLOWGATE_ALLOW_PRIVATE" => Some("yes".to_owned()),
            _ => complete(name),
        };
        assert_eq!(
            Config::read(some).unwrap_err().to_string(),
            "the environment is not complete: not set: FLOWGATE_TABLE, AWS_REGION; \
             FLOWGATE_RETENTION_DAYS must be a whole number above 0; FLOWGATE_ALLOW_PRIVATE must \
             be true or false"
        );
    }
}
