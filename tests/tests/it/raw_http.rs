//! Odd HTTP over raw sockets: each request is refused with 4xx or its connection is closed, none
//! hangs or ends as 5xx, and the server goes on.

use std::time::Duration;

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use futures_util::StreamExt;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

mod requests;

/// A whole request is answered well before this.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a silence of this length the sender closes its half: half a request is no reason to wait
/// forever.
const SILENCE: Duration = Duration::from_millis(400);
const CONCURRENCY: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// 4xx, or the connection closes.
    Refused,
    /// A strange request that may be right: no 5xx, and no hang.
    NoFault,
    /// Answered once: what hides in its body is no request.
    Once,
}

pub(crate) struct Odd {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Sends the bytes and returns the status of each answer, until the connection closes.
async fn statuses(address: &str, bytes: &[u8]) -> Result<Vec<u16>, String> {
    let mut socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut part = [0; 16_384];
    // A server that refuses early may close while the rest is sent.
    let _ = timeout(PATIENCE, socket.write_all(bytes)).await;
    let mut half_closed = false;
    loop {
        let wait = if half_closed { PATIENCE } else { SILENCE };
        match timeout(wait, socket.read(&mut part)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(length)) => answer.extend_from_slice(&part[..length]),
            Err(_) if half_closed => return Err(format!("no end within {PATIENCE:?}")),
            Err(_) => {
                half_closed = true;
                let _ = socket.shutdown().await;
            }
        }
    }
    Ok(read_statuses(&answer))
}

fn read_statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let starts = text.split("HTTP/1.").skip(1);
    starts.filter_map(|line| line.split(' ').nth(1)?.parse().ok()).collect()
}

/// What is wrong with the outcome, if anything.
fn fault(odd: &Odd, outcome: &Result<Vec<u16>, String>) -> Option<String> {
    let statuses = match outcome {
        Ok(statuses) => statuses,
        Err(error) => return Some(error.clone()),
    };
    let is_right = match odd.expected {
        Expected::Refused => statuses.iter().all(|status| (400..500).contains(status)),
        Expected::NoFault => statuses.iter().all(|status| *status < 500),
        Expected::Once => statuses.len() <= 1 && statuses.iter().all(|status| *status < 500),
    };
    (!is_right).then(|| format!("answered {statuses:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_are_refused_and_the_server_goes_on() {
    let server = TestServer::start().await;
    server.publish("plain", "nodes: [{ id: say, type: template, template: x }]").await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let all = requests::all();
    assert!(all.len() > 250, "{}", all.len());
    let wrong = stream::iter(&all)
        .map(|odd| async {
            let outcome = statuses(&address, &odd.bytes).await;
            fault(odd, &outcome).map(|fault| format!("{}: {fault}", odd.name))
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(async |wrong| wrong)
        .collect::<Vec<_>>()
        .await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    let health = server.client.get(format!("{}/health", server.url)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let run = server.post("/v1/workflows/plain/runs", ADMIN_KEY).body("{}").send().await.unwrap();
    assert_eq!(run.status(), 200);
    server.stop().await;
}
