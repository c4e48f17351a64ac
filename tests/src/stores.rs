//! The stores of the double of AWS as a separate process: a new world for each check, and a counter
//! of their requests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flowgate_aws::Config;
use serde_json::{Value, json};

/// The double checks the form of a signature, but does not verify it.
const UNSIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
                        SignedHeaders=host;x-amz-date, Signature=00";
const MAX_REQUEST_BYTES: usize = 17 << 20;

/// Exits with its parent, when its standard input closes.
pub struct Stores {
    pub url: String,
    client: reqwest::Client,
    child: Mutex<Child>,
}

impl Stores {
    /// Starts the program that `FLOWGATE_AWS_DOUBLE` names.
    pub fn start() -> Result<Self> {
        let program = std::env::var("FLOWGATE_AWS_DOUBLE")
            .context("FLOWGATE_AWS_DOUBLE names the double: tests/aws/run sets it")?;
        let mut command = Command::new(program);
        command
            .args(["stores", "--until-stdin-closes"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("could not start the double")?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("its output is piped")?).read_line(&mut said)?;
        let url = said
            .trim()
            .strip_prefix("listening on ")
            .with_context(|| format!("the double said {said:?}"))?
            .to_owned();
        // Every test has a runtime of its own, and a kept connection ends with that of another.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
        Ok(Self { url, client, child: Mutex::new(child) })
    }

    /// Creates a new table, queues and keyring. The keyring has no token yet, so that the first
    /// user's whole keyring is stored.
    pub async fn fresh(&self) -> Result<Config> {
        let answer = self
            .client
            .post(format!("{}/double/fresh", self.url))
            .send()
            .await?
            .error_for_status()?;
        let environment: HashMap<String, String> = answer.json().await?;
        let mut config = Config {
            completes_keyring: true,
            ..Config::read(|name| environment.get(name).cloned())?
        };
        let name = format!("{}keyring", config.secret_prefix);
        self.call("secretsmanager.CreateSecret", &json!({ "Name": name, "SecretString": "{}" }))
            .await?;
        config.keyring_secret = name;
        Ok(config)
    }

    /// Sends one request to the stores, in the services' own format.
    pub async fn call(&self, target: &str, request: &Value) -> Result<Value> {
        let request =
            self.client.post(&self.url).header("x-amz-target", target).body(request.to_string());
        let request = request
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260101T000000Z");
        let sent = request.header("authorization", UNSIGNED).send().await?;
        let (status, body) = (sent.status(), sent.text().await?);
        anyhow::ensure!(status.is_success(), "{target} was answered {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Returns every item of a table.
    pub async fn dump(&self, table: &str) -> Result<Vec<Value>> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let mut request = json!({ "TableName": table });
            if let Some(start) = start {
                request["ExclusiveStartKey"] = start;
            }
            let mut page = self.call("DynamoDB_20120810.Scan", &request).await?;
            items.extend(page["Items"].as_array_mut().map(std::mem::take).unwrap_or_default());
            if page["LastEvaluatedKey"].is_null() {
                return Ok(items);
            }
            start = Some(page["LastEvaluatedKey"].take());
        }
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Forwards requests and records their operations. Can also act as an unreliable network.
#[derive(Clone)]
pub struct Counter {
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
    /// Rows that queries read, including those that a filter then dropped.
    pub scanned: Arc<AtomicUsize>,
    /// Forwards every request twice, as if its first answer was lost, and returns the second
    /// answer.
    pub twice: Arc<AtomicBool>,
    /// How many more transactions to refuse with a conflict, as DynamoDB does.
    pub conflicts: Arc<AtomicUsize>,
    /// A [`Refusal`] of every request, or 0.
    pub refusal: Arc<AtomicUsize>,
    to: String,
    client: reqwest::Client,
}

/// How a store without capacity answers.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    Throttled = 1,
    Unavailable = 2,
    /// It takes the request and never answers.
    Silent = 3,
}

impl Counter {
    pub async fn start(to: &str) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (twice, conflicts, client) = (Arc::default(), Arc::default(), reqwest::Client::new());
        let counter = Self {
            url,
            seen: Arc::default(),
            scanned: Arc::default(),
            twice,
            conflicts,
            refusal: Arc::default(),
            to: to.to_owned(),
            client,
        };
        let router = Router::new()
            .fallback(pass_on)
            .with_state(counter.clone())
            .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(counter)
    }

    /// Returns the operations since the last call, in order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass_on(State(counter): State<Counter>, headers: HeaderMap, body: Bytes) -> Response {
    let target =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let is_transaction = operation == "TransactWriteItems";
    counter.seen.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    match counter.refusal.load(Ordering::Relaxed) {
        1 => return throttled(target).into_response(),
        2 => return (StatusCode::SERVICE_UNAVAILABLE, "").into_response(),
        3 => return std::future::pending().await,
        _ => {}
    }
    let meets = |left: usize| left.checked_sub(1);
    if is_transaction
        && counter.conflicts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, meets).is_ok()
    {
        return conflict().into_response();
    }
    if counter.twice.load(Ordering::Relaxed) {
        counter.forward(&headers, &body).await;
    }
    counter.forward(&headers, &body).await
}

fn throttled(target: &str) -> impl IntoResponse {
    let kind = if target.starts_with("DynamoDB") {
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    } else {
        "ThrottlingException"
    };
    let body = json!({ "__type": kind, "message": "Rate exceeded" });
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string())
}

fn conflict() -> impl IntoResponse {
    let reason =
        json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons \
                    [TransactionConflict, None]",
        "CancellationReasons": [reason, { "Code": "None" }],
    });
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string())
}

impl Counter {
    async fn forward(&self, headers: &HeaderMap, body: &Bytes) -> Response {
        let mut headers = headers.clone();
        for hop in ["host", "content-length", "connection"] {
            headers.remove(hop);
        }
        let answer =
            match self.client.post(&self.to).headers(headers).body(body.clone()).send().await {
                Ok(answer) => answer,
                Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
            };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("content-length");
        headers.remove("transfer-encoding");
        let answer = answer.bytes().await.unwrap_or_default();
        let scanned = serde_json::from_slice::<Value>(&answer)
            .ok()
            .and_then(|answer| answer["ScannedCount"].as_u64());
        self.scanned.fetch_add(
            scanned.and_then(|rows| rows.try_into().ok()).unwrap_or(0),
            Ordering::Relaxed,
        );
        (status, headers, answer).into_response()
    }
}
