//! Answers the connections beyond the maximum: 503, and closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowgate_core::clock::{Clock, timeout};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::leftover;

/// Each takes a file and a little memory; even further connections are closed without an answer.
const MAX_AT_ONCE: usize = 64;
const TIME: Duration = Duration::from_secs(2);
/// The same for every API: no request is read, so none is known.
const ANSWER: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/problem+json\r\n",
    "retry-after: 1\r\n",
    "connection: close\r\n",
    "content-length: 141\r\n\r\n",
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"#,
    r#""detail":"the server has no free connection: try again","code":"overloaded"}"#
);

pub(super) struct TurnedAway {
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
    max_connections: usize,
    /// Logged once for each time that the connections run out.
    is_logged: AtomicBool,
}

impl TurnedAway {
    pub(super) fn new(clock: Arc<dyn Clock>, max_connections: usize) -> Self {
        let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
        Self { clock, places, max_connections, is_logged: AtomicBool::new(false) }
    }

    pub(super) fn answer(&self, mut socket: TcpStream) {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                connections = self.max_connections,
                "no connection is free; further ones are answered with 503"
            );
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        let clock = self.clock.clone();
        tokio::spawn(async move {
            let answered = async {
                if socket.write_all(ANSWER.as_bytes()).await.is_ok() {
                    leftover::discard(&socket, &*clock).await;
                }
            };
            timeout(&*clock, TIME, answered).await;
            drop((socket, place));
        });
    }

    /// A connection found a place.
    pub(super) fn is_over(&self) {
        if self.is_logged.load(Ordering::Relaxed) {
            self.is_logged.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["status"], &problem["code"]), (&503.into(), &"overloaded".into()));
    }
}
