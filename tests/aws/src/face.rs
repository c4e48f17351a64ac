//! The stores on one port: selects one by `x-amz-target`, checks the caller's permission, forwards
//! the call and records it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Answer, answer as answered, refused};
use crate::ledger::{Call, Ledger};
use crate::objects::{self, Asked, Objects};
use crate::permissions::{
    Need, Permissions, absent_secret_arn, queue_needs, secret_need, table_needs,
};
use crate::queues::{ACCOUNT, Queues, now_ms, queue_name};
use crate::secrets::Secrets;
use crate::table::Tables;

/// A file is sent to S3 by one request of up to 50 MB.
pub(crate) const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;

pub(crate) struct Face {
    pub(crate) url: String,
    pub(crate) tables: Tables,
    pub(crate) queues: Queues,
    pub(crate) secrets: Secrets,
    pub(crate) objects: Objects,
    /// While set, S3 answers 503.
    pub(crate) objects_broken: AtomicBool,
    pub(crate) permissions: Permissions,
    pub(crate) ledger: Ledger,
    /// While set, DynamoDB and Secrets Manager throttle every request.
    pub(crate) throttled: AtomicBool,
    /// While set, no table exists.
    pub(crate) tables_broken: AtomicBool,
    /// While set, no secret exists.
    pub(crate) secrets_broken: AtomicBool,
}

#[derive(Clone, Copy)]
enum Service {
    Tables,
    Queues,
    Secrets,
}

impl Face {
    pub(crate) async fn start(url: &str, permissions: Permissions) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            tables: Tables::start().await?,
            queues: Queues::new(url),
            secrets: Secrets::default(),
            objects: Objects::default(),
            objects_broken: AtomicBool::new(false),
            permissions,
            ledger: Ledger::default(),
            throttled: AtomicBool::new(false),
            tables_broken: AtomicBool::new(false),
            secrets_broken: AtomicBool::new(false),
        })
    }
}

pub(crate) async fn answer(
    State(face): State<Arc<Face>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if objects::is_for_s3(&uri, &headers) {
        let asked = Asked { method: &method, uri: &uri, headers: &headers, body: &body };
        return face.object(&asked).map(Body::from);
    }
    let target =
        headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (prefix, action) = target.split_once('.').unwrap_or((target, ""));
    let service = match prefix {
        "DynamoDB_20120810" => Service::Tables,
        "AmazonSQS" => Service::Queues,
        "secretsmanager" => Service::Secrets,
        _ => {
            return refused("UnknownOperationException", &format!("no store answers {target:?}"))
                .map(Body::from);
        }
    };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return refused("SerializationException", "the body is not JSON").map(Body::from);
    };
    face.call(service, action, &request, &headers, body).await.map(Body::from)
}

impl Face {
    async fn call(
        &self,
        service: Service,
        action: &str,
        request: &Value,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Answer {
        let function = caller(headers);
        let start_ms = now_ms();
        let needs = self.needs(service, action, request).await;
        let answer = match needs.iter().find(|need| !self.permissions.allow(&function, need)) {
            Some(need) => denied(service, &function, need),
            None => self.perform(service, action, request, headers, body).await,
        };
        self.ledger.write(Call {
            function,
            service: service.name(),
            action: action.to_owned(),
            subject: subject(service, request),
            start_ms,
            end_ms: now_ms(),
            succeeded: answer.status().is_success(),
            error: error_name(&answer),
        });
        answer
    }

    fn object(&self, asked: &Asked<'_>) -> Answer {
        let start_ms = now_ms();
        let function = asked.caller();
        let answer = if !self.permissions.allow(&function, &asked.need()) {
            objects::failed(StatusCode::FORBIDDEN, "AccessDenied")
        } else if self.objects_broken.load(Ordering::Relaxed) {
            objects::failed(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
        } else {
            self.objects.answer(asked)
        };
        self.ledger.write(Call {
            function,
            service: "s3",
            action: asked.action().to_owned(),
            subject: asked.path(),
            start_ms,
            end_ms: now_ms(),
            succeeded: answer.status().is_success(),
            error: (!answer.status().is_success()).then(|| answer.status().to_string()),
        });
        answer
    }

    async fn needs(&self, service: Service, action: &str, request: &Value) -> Vec<Need> {
        match service {
            Service::Tables => table_needs(action, request),
            Service::Queues => queue_needs(action, request),
            Service::Secrets => {
                let name = secret_name(request);
                let arn =
                    self.secrets.arn_of(&name).await.unwrap_or_else(|| absent_secret_arn(&name));
                vec![secret_need(action, arn)]
            }
        }
    }

    async fn perform(
        &self,
        service: Service,
        action: &str,
        request: &Value,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Answer {
        match service {
            Service::Tables if self.throttled.load(Ordering::Relaxed) => refused(
                "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
            ),
            Service::Secrets if self.throttled.load(Ordering::Relaxed) => {
                refused("ThrottlingException", "Rate exceeded")
            }
            Service::Tables if self.tables_broken.load(Ordering::Relaxed) => refused(
                "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
                "Requested resource not found",
            ),
            Service::Secrets if self.secrets_broken.load(Ordering::Relaxed) => refused(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            ),
            Service::Tables => self.tables.pass_on(headers, body).await.unwrap_or_else(|error| {
                let body = json!({ "__type": "InternalServerError", "message": error.to_string() });
                answered(StatusCode::INTERNAL_SERVER_ERROR, &body)
            }),
            Service::Queues => self.queues.answer(action, request),
            Service::Secrets => self.secrets.answer(action, request).await,
        }
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Tables => "dynamodb",
            Self::Queues => "sqs",
            Self::Secrets => "secretsmanager",
        }
    }
}

/// Returns the access key id of the SigV4 header. In the double it is the function's folder.
fn caller(headers: &HeaderMap) -> String {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split("Credential=").nth(1).unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_owned()
}

fn denied(service: Service, function: &str, need: &Need) -> Answer {
    let Need { action, resource } = need;
    let message = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function}/{function} is not authorized to \
         perform: {action} on resource: {resource} because no identity-based policy allows the \
         {action} action"
    );
    match service {
        Service::Queues => {
            let body = json!({
                "__type": "com.amazon.coral.service#AccessDeniedException", "message": message
            });
            let mut answer = answered(StatusCode::FORBIDDEN, &body);
            answer.headers_mut().insert(
                "x-amzn-query-error",
                axum::http::HeaderValue::from_static("AccessDenied;Sender"),
            );
            answer
        }
        Service::Tables => refused("com.amazon.coral.service#AccessDeniedException", &message),
        Service::Secrets => refused("AccessDeniedException", &message),
    }
}

fn subject(service: Service, request: &Value) -> String {
    match service {
        Service::Tables => item_keys(request).join(","),
        Service::Queues => queue_name(request),
        Service::Secrets => secret_name(request),
    }
}

fn secret_name(request: &Value) -> String {
    request["SecretId"].as_str().or(request["Name"].as_str()).unwrap_or_default().to_owned()
}

/// Returns the keys of the items that a call names, or the index and values of a query.
fn item_keys(request: &Value) -> Vec<String> {
    let mut keys: Vec<String> =
        [&request["Key"], &request["Item"]].into_iter().filter_map(item_key).collect();
    for item in request["TransactItems"].as_array().into_iter().flatten() {
        let actions = item.as_object().into_iter().flatten();
        keys.extend(actions.filter_map(|(_, action)| {
            item_key(&action["Key"]).or_else(|| item_key(&action["Item"]))
        }));
    }
    for (_, batch) in request["RequestItems"].as_object().into_iter().flatten() {
        keys.extend(batch["Keys"].as_array().into_iter().flatten().filter_map(item_key));
        let writes = batch.as_array().into_iter().flatten();
        keys.extend(writes.filter_map(|write| {
            item_key(&write["PutRequest"]["Item"])
                .or_else(|| item_key(&write["DeleteRequest"]["Key"]))
        }));
    }
    if !request["KeyConditionExpression"].is_null() {
        let values = request["ExpressionAttributeValues"].as_object().into_iter().flatten();
        keys.extend(request["IndexName"].as_str().map(str::to_owned));
        keys.extend(values.filter_map(|(_, value)| value["S"].as_str().map(str::to_owned)));
    }
    keys
}

fn item_key(item: &Value) -> Option<String> {
    let partition = item["pk"]["S"].as_str()?;
    Some(format!("{partition}/{}", item["sk"]["S"].as_str().unwrap_or_default()))
}

fn error_name(answer: &Answer) -> Option<String> {
    if answer.status().is_success() {
        return None;
    }
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let kind = body["__type"].as_str().unwrap_or("unknown");
    Some(kind.rsplit('#').next().unwrap_or(kind).to_owned())
}
