//! DynamoDB: forwards calls to dynoxide on its own port.

use anyhow::Context;
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use dynoxide::Database;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::answer::Answer;

pub(crate) struct Tables {
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Tables {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(dynoxide::server::serve_on(listener, Database::memory()?));
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { url, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Forwards a call unchanged: its headers name the action.
    pub(crate) async fn pass_on(&self, headers: &HeaderMap, body: Bytes) -> anyhow::Result<Answer> {
        let mut request = Request::post(&self.url).body(Full::new(body))?;
        *request.headers_mut() = headers.clone();
        request.headers_mut().remove("host");
        let answer = self.client.request(request).await.context("dynoxide does not answer")?;
        let (mut parts, body) = answer.into_parts();
        parts.headers.remove("transfer-encoding");
        Ok(Answer::from_parts(parts, body.collect().await?.to_bytes()))
    }

    /// Makes a call of the double itself.
    pub(crate) async fn call(&self, action: &str, request: &Value) -> anyhow::Result<Value> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-amz-json-1.0".parse()?);
        headers.insert("x-amz-target", format!("DynamoDB_20120810.{action}").parse()?);
        headers.insert("x-amz-date", "20260101T000000Z".parse()?);
        let credential = "AWS4-HMAC-SHA256 Credential=double/20260101/us-east-1/dynamodb/\
                          aws4_request, SignedHeaders=host, Signature=0";
        headers.insert("authorization", credential.parse()?);
        let answer = self.pass_on(&headers, Bytes::from(request.to_string())).await?;
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        anyhow::ensure!(answer.status().is_success(), "{action}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// Creates a table from CloudFormation properties, with its TTL attribute.
    pub(crate) async fn create(&self, name: &str, properties: &Value) -> anyhow::Result<()> {
        let mut request = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST" });
        for field in ["KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"] {
            if !properties[field].is_null() {
                request[field] = properties[field].clone();
            }
        }
        self.call("CreateTable", &request).await?;
        let ttl = &properties["TimeToLiveSpecification"];
        if ttl["Enabled"] == json!(true) {
            self.call(
                "UpdateTimeToLive",
                &json!({ "TableName": name, "TimeToLiveSpecification": ttl }),
            )
            .await?;
        }
        Ok(())
    }
}
