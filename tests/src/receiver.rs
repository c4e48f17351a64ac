//! A real HTTP server that counts and records the requests it gets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::home::patience;

#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
}

/// How a receiver answers. Gets the request and the number of earlier ones to the same path.
type Answer = dyn Fn(&Received, usize) -> Reply + Send + Sync;

pub enum Reply {
    Now(StatusCode, String),
    /// At once, with headers; JSON unless they say otherwise.
    With(StatusCode, Vec<(&'static str, String)>, String),
    After(Duration, StatusCode, String),
    /// Answers after [`Receiver::let_go`] was called.
    WhenLetGo(StatusCode, String),
}

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    let_go: watch::Sender<bool>,
    serving: Arc<JoinHandle<()>>,
}

#[derive(Clone)]
struct Shared {
    received: Arc<Mutex<Vec<Received>>>,
    let_go: watch::Receiver<bool>,
    answer: Arc<Answer>,
}

impl Receiver {
    /// `answer` gets the request and the number of earlier ones to the same path.
    pub async fn start(answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (sender, let_go) = watch::channel(false);
        let shared = Shared { received: received.clone(), let_go, answer: Arc::new(answer) };
        let router = Router::new().fallback(receive).with_state(shared);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, received, let_go: sender, serving: Arc::new(serving) }
    }

    pub async fn ok() -> Self {
        Self::start(|_, _| Reply::Now(StatusCode::OK, "{}".to_owned())).await
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no test panics while it holds it").clone()
    }

    pub fn count(&self, path: &str) -> usize {
        self.received().iter().filter(|request| request.uri.path() == path).count()
    }

    pub fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    /// Waits until `enough` accepts the requests so far, and panics after [`patience`].
    pub async fn until(&self, enough: impl Fn(&[Received]) -> bool) {
        let began = Instant::now();
        while !enough(&self.received()) {
            let uris = || {
                self.received().iter().map(|request| request.uri.to_string()).collect::<Vec<_>>()
            };
            assert!(began.elapsed() < patience(), "only this came in: {:#?}", uris());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if Arc::strong_count(&self.serving) == 1 {
            self.serving.abort();
        }
    }
}

async fn receive(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Received { method, uri, headers, body, at: Instant::now() };
    let before = {
        let mut received = shared.received.lock().expect("no test panics while it holds it");
        let before = received.iter().filter(|other| other.uri.path() == request.uri.path()).count();
        received.push(request.clone());
        before
    };
    let (status, text) = match (shared.answer)(&request, before) {
        Reply::Now(status, text) => (status, text),
        Reply::With(status, headers, text) => return with(status, headers, text),
        Reply::After(wait, status, text) => {
            tokio::time::sleep(wait).await;
            (status, text)
        }
        Reply::WhenLetGo(status, text) => {
            let mut let_go = shared.let_go.clone();
            let _ = let_go.wait_for(|gone| *gone).await;
            (status, text)
        }
    };
    with(status, Vec::new(), text)
}

fn with(status: StatusCode, headers: Vec<(&'static str, String)>, text: String) -> Response {
    let mut response = (status, [("content-type", "application/json")], text).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    response
}
