//! Creates a new world for one check: a table, two queues with their dead letters, and a keyring,
//! all under new names.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::face::Face;
use crate::permissions::queue_arn;
use crate::queues::REGION;

/// The events in `tests/events` use this key.
const ADMIN_KEY: &str = "example-bootstrap-token-0123456789abcdef";

/// Returns the environment variables by which a function finds this world.
pub(crate) async fn fresh(
    State(face): State<Arc<Face>>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let made = make(&face).await;
    made.map(Json).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))
}

async fn make(face: &Face) -> anyhow::Result<Value> {
    let world = format!("w{}", &Uuid::new_v4().simple().to_string()[..12]);
    let table = format!("{world}-table");
    face.tables.create(&table, &schema()).await?;
    let keyring = json!({ "bootstrap_token": ADMIN_KEY });
    let secret = face.secrets.create(&format!("{world}/keyring"), &keyring.to_string()).await?;
    Ok(json!({
        "FLOWGATE_TABLE": table,
        "FLOWGATE_RUN_QUEUE_URL": queue(face, &format!("{world}-runs"))?,
        "FLOWGATE_WEBHOOK_QUEUE_URL": queue(face, &format!("{world}-webhooks"))?,
        "FLOWGATE_KEYRING_SECRET": secret,
        "FLOWGATE_BUCKET": format!("{world}-files"),
        "FLOWGATE_SECRET_PREFIX": format!("{world}/provider/"),
        "FLOWGATE_PUBLIC_URL": "http://127.0.0.1/Prod",
        "AWS_ENDPOINT_URL_DYNAMODB": face.url,
        "AWS_ENDPOINT_URL_SQS": face.url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": face.url,
        "AWS_ENDPOINT_URL_S3": face.url,
        "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH": "true",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "fresh",
        "AWS_SECRET_ACCESS_KEY": "fresh",
        "AWS_SESSION_TOKEN": "fresh",
    }))
}

fn queue(face: &Face, name: &str) -> anyhow::Result<String> {
    let dead = format!("{name}-dead");
    face.queues.create(&dead, &HashMap::new())?;
    let redrive = json!({ "deadLetterTargetArn": queue_arn(&dead), "maxReceiveCount": 5 });
    face.queues.create(name, &HashMap::from([("RedrivePolicy".to_owned(), redrive.to_string())]))
}

/// The template's table, exactly as CloudFormation would get it.
fn schema() -> Value {
    let attribute =
        |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    let key = |hash: &str, range: &str| {
        json!([
            { "AttributeName": hash, "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" }
        ])
    };
    json!({
        "KeySchema": key("pk", "sk"),
        "AttributeDefinitions": [
            attribute("pk", "S"), attribute("sk", "S"),
            attribute("due_shard", "S"), attribute("look_at", "N"),
            attribute("list_pk", "S"), attribute("list_sk", "S"),
        ],
        "GlobalSecondaryIndexes": [
            { "IndexName": "due", "KeySchema": key("due_shard", "look_at"),
              "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["due_at"] } },
            { "IndexName": "list", "KeySchema": key("list_pk", "list_sk"),
              "Projection": {
                  "ProjectionType": "INCLUDE", "NonKeyAttributes": ["state", "user", "created_at"]
              } },
        ],
        "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": true },
    })
}
