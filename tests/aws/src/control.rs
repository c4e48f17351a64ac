//! The double's control routes: tests read its calls and break things.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::Account;
use crate::pool::Pool;

type Shared = State<Arc<Account>>;
type Answered = Result<Json<Value>, (StatusCode, String)>;

pub(crate) fn router(account: Arc<Account>) -> Router {
    Router::new()
        .route("/double/calls", get(calls))
        .route("/double/calls/clear", post(clear_calls))
        .route("/double/granted", get(granted))
        .route("/double/used", get(used))
        .route("/double/kill", post(kill))
        .route("/double/queues", get(queues))
        .route("/double/send", post(send))
        .route("/double/invoke", post(invoke))
        .route("/double/deny", post(deny))
        .route("/double/allow", post(allow))
        .route("/double/break", post(break_stores))
        .route("/double/mend", post(mend_stores))
        .route("/double/logs", get(logs))
        .route("/double/instances", get(instances))
        .with_state(account)
}

#[derive(Deserialize)]
struct OfFunction {
    function: String,
}

#[derive(Deserialize)]
struct Permission {
    function: String,
    /// In the form of a policy: `dynamodb:PutItem`.
    action: String,
}

#[derive(Deserialize)]
struct Sent {
    queue: String,
    body: String,
}

#[derive(Deserialize)]
struct Invoked {
    function: String,
    event: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stores {
    table: bool,
    keyring: bool,
    throttled: bool,
    #[serde(default)]
    objects: bool,
}

async fn calls(State(account): Shared) -> Json<Value> {
    Json(json!(account.face.ledger.read()))
}

async fn clear_calls(State(account): Shared) -> Json<Value> {
    account.face.ledger.clear();
    Json(json!({}))
}

async fn granted(State(account): Shared) -> Json<Value> {
    Json(account.face.permissions.granted())
}

async fn used(State(account): Shared) -> Json<Value> {
    Json(account.face.permissions.used())
}

async fn kill(State(account): Shared, Json(of): Json<OfFunction>) -> Answered {
    Ok(Json(json!({ "killed": find(&account, &of.function)?.kill_busy() })))
}

/// Returns queues by the names that tests use, `run`, and by logical ids, for dead letters.
async fn queues(State(account): Shared) -> Json<Value> {
    let messages = account.face.queues.snapshot();
    let named = account.queues.iter().map(|(name, queue)| (name.clone(), messages[queue].clone()));
    Json(Value::Object(named.collect()))
}

async fn send(State(account): Shared, Json(sent): Json<Sent>) -> Answered {
    let queue = account
        .queues
        .get(&sent.queue)
        .ok_or_else(|| (StatusCode::NOT_FOUND, format!("no queue {}", sent.queue)))?;
    let id = account
        .face
        .queues
        .send(queue, &sent.body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(json!({ "message_id": id })))
}

/// Returns the function's answer as `answer`, or its failure as `error`.
async fn invoke(State(account): Shared, Json(invoked): Json<Invoked>) -> Answered {
    let pool = find(&account, &invoked.function)?.clone();
    let answered = async {
        let outcome =
            pool.invoke(Bytes::from(invoked.event.to_string()), Duration::from_secs(10)).await?;
        outcome.collect().await
    };
    Ok(Json(match answered.await {
        Ok(answer) => {
            json!({ "answer": serde_json::from_slice::<Value>(&answer).unwrap_or_else(
                |_| json!(String::from_utf8_lossy(&answer))
            ) })
        }
        Err(failure) => json!({ "error": failure.describe() }),
    }))
}

async fn deny(State(account): Shared, Json(permission): Json<Permission>) -> Answered {
    let folder = &find(&account, &permission.function)?.function.folder;
    account.face.permissions.deny(folder, &permission.action);
    Ok(Json(json!({})))
}

async fn allow(State(account): Shared, Json(permission): Json<Permission>) -> Answered {
    let folder = &find(&account, &permission.function)?.function.folder;
    account.face.permissions.allow_again(folder, &permission.action);
    Ok(Json(json!({})))
}

async fn break_stores(State(account): Shared, Json(stores): Json<Stores>) -> Json<Value> {
    account.face.tables_broken.fetch_or(stores.table, Ordering::Relaxed);
    account.face.secrets_broken.fetch_or(stores.keyring, Ordering::Relaxed);
    account.face.throttled.fetch_or(stores.throttled, Ordering::Relaxed);
    account.face.objects_broken.fetch_or(stores.objects, Ordering::Relaxed);
    Json(json!({}))
}

async fn mend_stores(State(account): Shared) -> Json<Value> {
    account.face.tables_broken.store(false, Ordering::Relaxed);
    account.face.secrets_broken.store(false, Ordering::Relaxed);
    account.face.throttled.store(false, Ordering::Relaxed);
    account.face.objects_broken.store(false, Ordering::Relaxed);
    Json(json!({}))
}

async fn logs(State(account): Shared, Query(of): Query<OfFunction>) -> Answered {
    Ok(Json(json!(find(&account, &of.function)?.log())))
}

async fn instances(State(account): Shared) -> Json<Value> {
    let described =
        account.pools.values().map(|pool| (pool.function.folder.clone(), pool.describe()));
    Json(Value::Object(described.collect()))
}

fn find<'a>(account: &'a Account, function: &str) -> Result<&'a Arc<Pool>, (StatusCode, String)> {
    account.pool(function).ok_or_else(|| (StatusCode::NOT_FOUND, format!("no function {function}")))
}
