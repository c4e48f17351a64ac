//! One request of a connection: its body within the limits of time, its response, and whether
//! another request may follow.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request, Response};
use flowgate_core::clock::{Clock, timeout};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::service::TowerToHyperService;

use super::stage::{Awaited, Stage};
use super::watch::Watch;
use super::{ConnectionLimits, Connections};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A short rest of a refused body is read, so that the connection can be used again. After a longer
/// one it is closed.
const MAX_REST: usize = 64 << 10;
const REST_TIME: Duration = Duration::from_millis(200);

/// Answers one request. The connection ends with it if the client has not sent the whole body.
pub(super) async fn answer(
    shared: &Connections,
    stage: Arc<Stage>,
    request: Request<Incoming>,
) -> Response<Answer> {
    stage.set(Awaited::Nothing);
    let rest = Arc::new(Rest::of(&request));
    let body = |incoming| Received::new(incoming, &shared.limits, &shared.clock, rest.clone());
    let request = request.map(|incoming| Body::new(body(incoming)));
    let mut response = route(shared, request).await;
    if !rest.is_read(&*shared.clock).await {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| Answer { body, stage })
}

async fn route(shared: &Connections, request: Request<Body>) -> Response<Body> {
    use hyper::service::Service;
    let Ok(response) = TowerToHyperService::new(shared.router.clone()).call(request).await;
    response
}

/// What the handler left unread of a body.
struct Rest {
    /// The client sends its body only after it was asked to.
    awaits_continue: bool,
    is_polled: AtomicBool,
    is_whole: AtomicBool,
    unread: Mutex<Option<Incoming>>,
}

impl Rest {
    fn of(request: &Request<Incoming>) -> Self {
        Self {
            awaits_continue: request.headers().contains_key(EXPECT),
            is_polled: AtomicBool::new(false),
            is_whole: AtomicBool::new(request.body().is_end_stream()),
            unread: Mutex::default(),
        }
    }

    /// Reads a short rest. Returns whether the body was read to its end.
    async fn is_read(&self, clock: &dyn Clock) -> bool {
        if self.is_whole.load(Ordering::Acquire) {
            return true;
        }
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_asked_for = !self.awaits_continue || self.is_polled.load(Ordering::Acquire);
        let Some(unread) = unread.filter(|_| is_asked_for) else { return false };
        timeout(clock, REST_TIME, read_rest(unread)).await.unwrap_or(false)
    }
}

async fn read_rest(mut body: Incoming) -> bool {
    let mut left = MAX_REST;
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(frame) = frame else { return true };
        let Ok(frame) = frame else { return false };
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
            return false;
        };
        left = rest;
    }
}

/// A request's body. Fails if no byte comes for too long.
struct Received {
    /// `None` only after it is dropped.
    incoming: Option<Incoming>,
    watch: Watch,
    idle: Duration,
    until: Instant,
    rest: Arc<Rest>,
}

impl Received {
    fn new(
        incoming: Incoming,
        limits: &ConnectionLimits,
        clock: &Arc<dyn Clock>,
        rest: Arc<Rest>,
    ) -> Self {
        Self {
            incoming: Some(incoming),
            watch: Watch::new(clock.clone()),
            idle: limits.idle,
            until: Instant::now() + limits.body,
            rest,
        }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        this.rest.is_polled.store(true, Ordering::Release);
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(context) else {
            if this.watch.is_over(context, 0, this.idle) || Instant::now() >= this.until {
                return Poll::Ready(Some(Err("the body did not come in time".into())));
            }
            return Poll::Pending;
        };
        this.watch.ended();
        if frame.is_none() || incoming.is_end_stream() {
            this.rest.is_whole.store(true, Ordering::Release);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            *self.rest.unread.lock().unwrap_or_else(PoisonError::into_inner) = Some(incoming);
        }
    }
}

/// A response's body. When it ends, the next request may come.
pub(super) struct Answer {
    body: Body,
    stage: Arc<Stage>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.stage.set(Awaited::NextRequest);
    }
}
