//! Secrets Manager: winterbaume's, plus a rule that it lacks: an existing version never changes.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use winterbaume_core::{MockRequest, MockService};
use winterbaume_secretsmanager::SecretsManagerService;

use crate::answer::{Answer, answer, ok, refused};

#[derive(Default)]
pub(crate) struct Secrets {
    service: SecretsManagerService,
    /// Held while a version is read and written.
    writing: Mutex<()>,
}

impl Secrets {
    /// Creates a secret and returns its ARN.
    pub(crate) async fn create(&self, name: &str, value: &str) -> anyhow::Result<String> {
        let (_, made) =
            self.call("CreateSecret", &json!({ "Name": name, "SecretString": value })).await;
        let arn = made["ARN"].as_str().map(str::to_owned);
        arn.ok_or_else(|| anyhow::anyhow!("no secret {name}: {made}"))
    }

    /// Returns the ARN of an existing secret.
    pub(crate) async fn arn_of(&self, name_or_arn: &str) -> Option<String> {
        let (_, described) = self.call("DescribeSecret", &json!({ "SecretId": name_or_arn })).await;
        described["ARN"].as_str().map(str::to_owned)
    }

    pub(crate) async fn answer(&self, action: &str, request: &Value) -> Answer {
        let _alone = self.writing.lock().await;
        if action == "PutSecretValue"
            && let Some(already) = self.already_put(request).await
        {
            return already;
        }
        let (status, body) = self.call(action, request).await;
        answer(status, &body)
    }

    /// A token names a version. The same value again gets the first answer; another value is
    /// refused.
    async fn already_put(&self, request: &Value) -> Option<Answer> {
        let token = request["ClientRequestToken"].as_str()?;
        let (status, there) = self
            .call("GetSecretValue", &json!({ "SecretId": request["SecretId"], "VersionId": token }))
            .await;
        if status != StatusCode::OK {
            return None;
        }
        if there["SecretString"] != request["SecretString"] {
            return Some(refused(
                "ResourceExistsException",
                "You can't modify an existing version, you can only create a new version.",
            ));
        }
        Some(ok(&json!({
            "ARN": there["ARN"],
            "Name": there["Name"],
            "VersionId": token,
            "VersionStages": there["VersionStages"]
        })))
    }

    async fn call(&self, action: &str, request: &Value) -> (StatusCode, Value) {
        let mut headers = HeaderMap::new();
        if let Ok(target) = HeaderValue::from_str(&format!("secretsmanager.{action}")) {
            headers.insert("x-amz-target", target);
        }
        let uri = "https://secretsmanager.us-east-1.amazonaws.com/".to_owned();
        let request = MockRequest {
            method: "POST".to_owned(),
            uri,
            headers,
            body: Bytes::from(request.to_string()),
        };
        let answer = self.service.handle(request).await;
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}
