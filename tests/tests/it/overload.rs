//! A store without capacity: every API answers 503 with `Retry-After`, soon, and goes on when the
//! store does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use async_trait::async_trait;
use flowgate_app::access::Caller;
use flowgate_app::keys::KeyRequest;
use flowgate_app::{App, Error, Ports, Settings};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::key::{AuditEntry, KeyRecord, Keys, LastRefused, Scope, WorkflowScope};
use flowgate_core::overload::Overloaded;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_tests::ports::sample::at;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Every way to start a run, and where its refusals have their code.
const STARTS: [(&str, &str, &str); 7] = [
    ("/v1/workflows/w/runs", "/code", "overloaded"),
    ("/v1/workflow/invoke", "/code", "50300"),
    ("/api/workflows/w/execute", "/code", "SERVICE_OVERLOADED"),
    ("/api/v2/workflows/w/execute", "/error/code", "SERVICE_UNAVAILABLE"),
    ("/v1/flow/w/run", "/error/code", "overloaded"),
    ("/v1/workflows/stream/runs", "/code", "overloaded"),
    ("/mcp", "/error/data/code", "overloaded"),
];

async fn start(server: &TestServer, path: &str) -> (u16, Option<u64>, Value) {
    let request = server.post(path, ADMIN_KEY).header("X-Workflow-Id", "w");
    let accept = match path {
        "/mcp" => "application/json, text/event-stream",
        _ if path.contains("stream") => "text/event-stream",
        _ => "application/json",
    };
    let body = match path {
        "/mcp" => {
            let params = json!({ "name": "w" });
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
        }
        _ => json!({ "input": {} }),
    };
    let response = request.header("accept", accept).json(&body).send().await.unwrap();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().unwrap().parse().ok());
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, retry_after, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_write_is_503_in_every_api() {
    let server = TestServer::start().await;
    for id in ["w", "stream"] {
        server.publish(id, "nodes: [{ id: a, type: template, template: hi }]\n").await;
    }
    let held = rusqlite::Connection::open(server.folder().join("flowgate.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let answers = join_all(STARTS.iter().map(|(path, ..)| start(&server, path))).await;
    let took = began.elapsed();
    for ((path, pointer, code), (status, retry_after, body)) in STARTS.iter().zip(answers) {
        assert_eq!(status, 503, "{path}: {body}");
        assert!(retry_after.is_some_and(|seconds| seconds >= 1), "{path}");
        let found = body.pointer(pointer).unwrap_or(&Value::Null);
        let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        assert_eq!(&found, code, "{path}: {body}");
    }
    assert!(took < Duration::from_secs(10), "{took:?}");
    // A read needs no place among the writes.
    assert_eq!(server.get("/v1/workflows/w", ADMIN_KEY).send().await.unwrap().status(), 200);

    held.execute_batch("ROLLBACK").unwrap();
    for (path, ..) in STARTS {
        let (status, _, body) = start(&server, path).await;
        assert!((200..300).contains(&status), "{path}: {status} {body}");
    }
    let listed = server.get("/v1/workflows/w/runs", ADMIN_KEY).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 6, "nothing was started before");
}

/// Keys that cannot be read for a while.
struct Flaky {
    local: Local,
    is_down: AtomicBool,
    is_overloaded: AtomicBool,
}

#[async_trait]
impl Keys for Flaky {
    async fn create(&self, key: KeyRecord, audit: AuditEntry) -> Result<()> {
        Keys::create(&self.local, key, audit).await
    }

    async fn read(&self, id: &str) -> Result<Option<KeyRecord>> {
        if self.is_overloaded.load(Ordering::SeqCst) {
            let retry_after = Duration::from_secs(7);
            return Err(anyhow::Error::msg("throttled").context(Overloaded { retry_after }));
        }
        if self.is_down.load(Ordering::SeqCst) {
            bail!("the store is down");
        }
        Keys::read(&self.local, id).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<KeyRecord>> {
        Keys::list(&self.local, page).await
    }

    async fn end(&self, id: &str, at: Timestamp, audit: AuditEntry) -> Result<bool> {
        Keys::end(&self.local, id, at, audit).await
    }

    async fn rename(&self, id: &str, name: &str, audit: AuditEntry) -> Result<bool> {
        Keys::rename(&self.local, id, name, audit).await
    }

    async fn touch(&self, id: &str, at: Timestamp) -> Result<()> {
        Keys::touch(&self.local, id, at).await
    }

    async fn note_refusal(&self, id: &str, refused: &LastRefused) -> Result<()> {
        Keys::note_refusal(&self.local, id, refused).await
    }

    async fn lists_origin(&self, origin: &str) -> Result<bool> {
        Keys::lists_origin(&self.local, origin).await
    }

    async fn note(&self, audit: AuditEntry) -> Result<()> {
        Keys::note(&self.local, audit).await
    }

    async fn audit(&self, page: PageRequest) -> Result<Page<AuditEntry>> {
        Keys::audit(&self.local, page).await
    }
}

struct Time(AtomicI64);

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

async fn new_key(app: &App) -> String {
    let request = KeyRequest {
        name: "key".to_owned(),
        workflows: WorkflowScope::All,
        scopes: [Scope::Run].into(),
        expires_at: None,
        limits: None,
        budget: None,
        origins: Default::default(),
    };
    let made = app.create_key(&Caller::Admin, request).await.unwrap();
    made.key.expose_secret().to_owned()
}

#[tokio::test]
async fn while_keys_cannot_be_read_a_known_one_serves_for_a_moment_and_none_is_called_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::open(folder.path()).unwrap();
    let shared = Arc::new(local.clone());
    let places = Places { all: 1, per_group: 1 };
    let keys = Arc::new(Flaky { local, is_down: false.into(), is_overloaded: false.into() });
    let clock = Arc::new(Time(AtomicI64::new(0)));
    let ports = Ports {
        runs: shared.clone(),
        deliveries: shared.clone(),
        due: shared.clone(),
        queue: Arc::new(LocalQueue::new(places, places)),
        workflows: shared.clone(),
        keys: keys.clone(),
        budgets: shared.clone(),
        stats: shared.clone(),
        limits: Arc::new(LocalLimits::default()),
        jobs: shared.clone(),
        sessions: shared.clone(),
        knowledge: shared.clone(),
        computing: Arc::new(OneAtATime),
        secrets: shared.clone(),
        logins: shared.clone(),
        files: shared,
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        telemetry: None,
    };
    let app = App::new(ports, Settings::default()).await.unwrap();
    let (known, unknown) = (new_key(&app).await, new_key(&app).await);
    let wrong_secret = format!("{}{}", &known[..20], &unknown[20..]);
    assert!(app.authenticate(&known).await.is_ok());
    let check = async |key: &str, expected: Result<(), u64>| {
        let found = match app.authenticate(key).await {
            Ok(_) => Ok(()),
            Err(Error::Overloaded { retry_after }) => Err(retry_after.as_secs()),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{key}");
    };
    for (cause, retry_after) in [(&keys.is_down, 2), (&keys.is_overloaded, 7)] {
        cause.store(true, Ordering::SeqCst);
        clock.0.store(29_000, Ordering::SeqCst);
        check(&known, Ok(())).await;
        check(&unknown, Err(retry_after)).await;
        clock.0.store(31_000, Ordering::SeqCst);
        check(&known, Err(retry_after)).await;
        // The clock was set back: nobody knows how old the entry is.
        clock.0.store(-1_000, Ordering::SeqCst);
        check(&known, Err(retry_after)).await;
        cause.store(false, Ordering::SeqCst);
    }
    clock.0.store(60_000, Ordering::SeqCst);
    check(&known, Ok(())).await;
    assert!(matches!(app.authenticate(&wrong_secret).await, Err(Error::Unauthorized)));
}
