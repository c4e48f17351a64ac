//! Accepts connections and bounds each of them: how long it may be idle, how much memory it takes,
//! and how many there are.

mod leftover;
mod request;
mod socket;
mod stage;
mod turned_away;
mod watch;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use flowgate_core::clock::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch as channel};
use tokio::task::JoinSet;

use self::socket::Socket;
use self::stage::Stage;
use self::turned_away::TurnedAway;

/// Larger heads are refused with 431, and no connection buffers more.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 128;
/// Between two tries to accept when the process has no file left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of a server may take.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Open at the same time. Further ones are answered with 503.
    pub max: usize,
    /// For the headers of a request, from its first byte; for the first one, from the connection.
    pub headers: Duration,
    /// Without a byte of the request's body, or with a reader who takes no byte of the response.
    pub idle: Duration,
    /// For the whole body of a request, however steadily it comes.
    pub body: Duration,
    /// Between two requests.
    pub keep_alive: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max: 4_096,
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            body: Duration::from_secs(300),
            keep_alive: Duration::from_secs(75),
        }
    }
}

/// What all connections share.
pub(super) struct Connections {
    pub(super) router: Router,
    pub(super) limits: ConnectionLimits,
    pub(super) clock: Arc<dyn Clock>,
}

impl Connections {
    /// Accepts until `stopping`, then waits for the open connections.
    pub(super) async fn serve(self, listener: TcpListener, mut stopping: channel::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.limits.max));
        let turned_away = TurnedAway::new(self.clock.clone(), self.limits.max);
        let shared = Arc::new(self);
        let mut open = JoinSet::new();
        loop {
            let socket = tokio::select! {
                biased;
                () = stopped(&mut stopping) => break,
                Some(_) = open.join_next() => continue,
                socket = shared.accept(&listener) => socket,
            };
            match places.clone().try_acquire_owned() {
                Ok(place) => {
                    turned_away.is_over();
                    open.spawn(shared.clone().connection(socket, place, stopping.clone()));
                }
                Err(_) => turned_away.answer(socket),
            }
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }

    async fn accept(&self, listener: &TcpListener) -> TcpStream {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => return socket,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    self.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves one connection until it ends. Holds its place until its socket is closed.
    async fn connection(
        self: Arc<Self>,
        socket: TcpStream,
        _place: OwnedSemaphorePermit,
        mut stopping: channel::Receiver<bool>,
    ) {
        let (socket, stage) = (Arc::new(socket), Arc::new(Stage::default()));
        socket::configure(&socket, self.limits.idle);
        let io = Socket::new(socket.clone(), stage.clone(), &self.limits, self.clock.clone());
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let (shared, stage) = (self.clone(), stage.clone());
            async move { Ok::<_, Infallible>(request::answer(&shared, stage, request).await) }
        });
        let mut served = pin!(http1().serve_connection(TokioIo::new(io), service));
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = stopped(&mut stopping) => {
                served.as_mut().graceful_shutdown();
                served.as_mut().await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
        }
        if !stage.is_gone() {
            tokio::select! {
                () = leftover::discard(&socket, &*self.clock) => {}
                () = stopped(&mut stopping) => {}
            }
        }
    }
}

/// Returns once the server stops, or is gone.
async fn stopped(stopping: &mut channel::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// HTTP/1.1 alone: a request in HTTP/2 is closed, an `Upgrade` to it is ignored. The timeouts are
/// those of [`Socket`]: hyper's own counts a pause between two requests as part of the headers.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    builder.max_buf_size(MAX_HEAD_BYTES).max_header_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    builder
}

/// Whether the next connection may well be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
