//! What the world's runs call: it counts every call and webhook, and answers on the world's clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flowgate_core::clock::Clock;
use flowgate_core::time::Timestamp;
use tokio::task::JoinHandle;

use super::life::Activity;
use crate::clock::TestClock;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Call {
    /// The node's name, or `done` and `notify` for webhooks.
    pub what: String,
    /// The input `i` of its run.
    pub i: usize,
    pub stamp: u64,
    pub at: Timestamp,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub answered: StatusCode,
}

/// How the upstream answers a call.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: StatusCode,
    /// On the world's clock.
    pub after: Duration,
}

impl Reply {
    pub const OK: Self = Self { status: StatusCode::OK, after: Duration::ZERO };

    pub fn after(after: Duration) -> Self {
        Self { after, ..Self::OK }
    }
}

type Answer = dyn Fn(&str, usize, usize) -> Reply + Send + Sync;

pub struct Upstream {
    pub url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    clock: Arc<TestClock>,
    activity: Arc<Activity>,
    calls: Mutex<Vec<Call>>,
    /// Calls that wait for the world's clock.
    held: AtomicUsize,
    answer: Mutex<Arc<Answer>>,
}

impl Upstream {
    pub async fn start(clock: Arc<TestClock>, activity: Arc<Activity>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let answer: Arc<Answer> = Arc::new(|_: &str, _: usize, _: usize| Reply::OK);
        let shared = Arc::new(Shared {
            clock,
            activity,
            calls: Mutex::default(),
            held: AtomicUsize::new(0),
            answer: Mutex::new(answer),
        });
        let router = Router::new().fallback(receive).with_state(shared.clone());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, shared, serving }
    }

    /// `answer` gets what is called, the run's input `i`, and the number of earlier such calls.
    pub fn answer(&self, answer: impl Fn(&str, usize, usize) -> Reply + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answer);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls().clone()
    }

    pub fn count(&self, what: &str, i: usize) -> usize {
        self.shared.calls().iter().filter(|call| call.what == what && call.i == i).count()
    }

    pub(super) fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, uri: &Uri, headers: HeaderMap, body: Bytes) -> (String, Reply) {
        let mut parts = uri.path().trim_start_matches('/').split('/');
        let what = parts.next().unwrap_or_default().to_owned();
        let i = parts.next().and_then(|i| i.parse().ok()).unwrap_or_default();
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut calls = self.calls();
        let before = calls.iter().filter(|call| call.what == what && call.i == i).count();
        let reply = answer(&what, i, before);
        let said = format!("{{\"said\":\"{what}-{i}\"}}");
        let (stamp, at) = (self.activity.next(), self.clock.now());
        calls.push(Call { what, i, stamp, at, headers, body, answered: reply.status });
        (said, reply)
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (said, reply) = shared.note(&uri, headers, body);
    if !reply.after.is_zero() {
        let _held = Held::new(&shared);
        shared.clock.sleep(reply.after).await;
    }
    (reply.status, [("content-type", "application/json")], said).into_response()
}

struct Held<'a>(&'a Shared);

impl<'a> Held<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.held.fetch_add(1, Ordering::SeqCst);
        shared.activity.next();
        Self(shared)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
        self.0.activity.next();
    }
}
