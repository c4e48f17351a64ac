//! What a connection of `serve` may take, tried with raw sockets: slow, silent, greedy and confused
//! clients lose their own connection and cost nobody else's.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate::server::connections::ConnectionLimits;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(400);
/// Longer than any limit here, shorter than a hang.
const SOON: Duration = Duration::from_secs(5);

fn limits(change: impl FnOnce(&mut ConnectionLimits)) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    change(&mut limits);
    limits
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap()
}

/// Sends the text, then reads until the server closes. Panics if it does not.
async fn ask(server: &TestServer, text: &str) -> String {
    let mut socket = connect(server).await;
    socket.write_all(text.as_bytes()).await.unwrap();
    until_closed(&mut socket).await
}

async fn until_closed(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(SOON, socket.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "the connection stays open after {:?}", String::from_utf8_lossy(&all));
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one response, as long as its `content-length` says.
async fn response_of(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap()) {
                return text.into_owned();
            }
        }
        let read = timeout(SOON, socket.read_buf(&mut all)).await.expect("an answer").unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&all));
    }
}

#[tokio::test]
async fn headers_must_come_in_time_however_they_drip() {
    let server = TestServer::start_with_connections(limits(|limits| limits.headers = SHORT)).await;
    for beginning in ["", "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let began = Instant::now();
        assert_eq!(ask(&server, beginning).await, "");
        assert!(began.elapsed() >= SHORT, "not before its time");
    }
    // One byte each 50 ms is no progress.
    let (mut socket, began) = (connect(&server).await, Instant::now());
    socket.write_all(b"GET /health HTTP/1.1\r\nX-Slow: ").await.unwrap();
    while began.elapsed() < SOON && socket.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() < SOON, "a drip keeps the connection");
}

#[tokio::test]
async fn a_body_that_stops_ends_its_connection() {
    let server = TestServer::start_with_connections(limits(|limits| limits.idle = SHORT)).await;
    server.publish("w", "nodes: [{ id: say, type: template, template: hi }]\n").await;
    let head = format!(
        "POST /v1/workflows/w/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Length: 100\r\n\r\n{{"
    );
    let began = Instant::now();
    let answer = ask(&server, &head).await;
    assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
    assert!(began.elapsed() >= SHORT);

    // The whole of it has a limit too.
    let server = TestServer::start_with_connections(limits(|limits| limits.body = SHORT)).await;
    let mut socket = connect(&server).await;
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = socket.into_split();
    tokio::spawn(async move {
        while writes.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = String::new();
    let ended = timeout(SOON, reads.read_to_string(&mut answer)).await;
    assert!(ended.is_ok(), "a drip keeps the connection: {answer}");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_reader_who_takes_nothing_loses_the_connection() {
    let server = TestServer::start_with_connections(limits(|limits| {
        (limits.idle, limits.max) = (SHORT, 1);
    }))
    .await;
    // More than the buffers of both sides hold.
    let mut socket = connect(&server).await;
    let asks = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    socket.write_all(asks.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(ask(&server, "").await.starts_with("HTTP/1.1 503"), "it has the only place");
    let began = Instant::now();
    loop {
        let health = server.client.get(format!("{}/health", server.url)).send().await;
        if health.is_ok_and(|health| health.status() == 200) {
            break;
        }
        assert!(began.elapsed() < SOON, "the place is not freed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(socket);
}

#[tokio::test]
async fn a_live_reader_stays_however_long_its_run_is_silent() {
    let receiver =
        Receiver::start(|_, _| Reply::After(4 * SHORT, StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start_with_connections(limits(|limits| {
        (limits.headers, limits.idle, limits.keep_alive) = (SHORT, SHORT, SHORT);
    }))
    .await;
    let document = format!("nodes: [{{ id: call, type: http, url: \"{}\" }}]\n", receiver.url);
    server.publish("w", &document).await;
    for accept in ["text/event-stream", "application/json"] {
        let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("accept", accept);
        let response = start.json(&serde_json::json!({})).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.contains("succeeded"), "{accept}: {text}");
    }
}

#[tokio::test]
async fn a_connection_between_two_requests_is_closed_after_a_while() {
    let server = TestServer::start_with_connections(limits(|limits| {
        (limits.headers, limits.keep_alive) = (SHORT / 4, 2 * SHORT);
    }))
    .await;
    let mut socket = connect(&server).await;
    let ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..3 {
        socket.write_all(ask).await.unwrap();
        assert!(response_of(&mut socket).await.starts_with("HTTP/1.1 200"));
        // Longer than headers may take, shorter than the pause.
        tokio::time::sleep(SHORT).await;
    }
    let began = Instant::now();
    until_closed(&mut socket).await;
    assert!(began.elapsed() < 4 * SHORT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn connections_beyond_the_maximum_are_answered_with_503() {
    let server = TestServer::start_with_connections(limits(|limits| limits.max = 2)).await;
    let held = [connect(&server).await, connect(&server).await];
    tokio::time::sleep(Duration::from_millis(50)).await;
    // A client that sends before it reads gets the answer too, whatever it sends.
    let large = format!(
        "POST /v1/workflows/w/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{}",
        " ".repeat(1_000_000)
    );
    for request in ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", &large] {
        let answer = ask(&server, request).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.contains("overloaded"));
    }
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let health = server.client.get(format!("{}/health", server.url)).send().await.unwrap();
    assert_eq!(health.status(), 200, "their places are free again");
}

#[tokio::test]
async fn http2_is_not_spoken() {
    let server = TestServer::start().await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let answer = ask(&server, preface).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    let upgrade = "GET /health HTTP/1.1\r\nHost: x\r\n\
                   Connection: Upgrade, HTTP2-Settings, close\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    assert!(ask(&server, upgrade).await.starts_with("HTTP/1.1 200"), "the upgrade is ignored");
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = TestServer::start().await;
    let large =
        format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(1_000));
    for request in [large, many] {
        let answer = ask(&server, &request).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    let answer = ask(&server, &long).await;
    assert!(answer.starts_with("HTTP/1.1 414") || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

/// Clients such as `urllib` send all of a request before they read.
#[tokio::test]
async fn the_refusal_of_a_large_body_is_read() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: say, type: template, template: hi }]\n").await;
    let body = " ".repeat(8 << 20);
    let paths = [
        "/v1/workflows/w/runs",
        "/v1/workflow/invoke",
        "/api/workflows/w/execute",
        "/api/v2/workflows/w/execute",
        "/v1/flow/w/run",
        "/nowhere",
    ];
    for (key, expected) in [("wrong", "HTTP/1.1 401"), (ADMIN_KEY, "HTTP/1.1 4")] {
        for path in paths {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n\
                 {body}",
                body.len()
            );
            let answer = ask(&server, &request).await;
            let expected = if path == "/nowhere" { "HTTP/1.1 404" } else { expected };
            assert!(answer.starts_with(expected), "{path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_body_that_is_not_asked_for_is_not_read() {
    let server = TestServer::start().await;
    let request = "POST /v1/workflows/w/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\
                   Expect: 100-continue\r\n\r\n";
    let mut socket = connect(&server).await;
    socket.write_all(request.as_bytes()).await.unwrap();
    let answer = response_of(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_small_refused_body_leaves_the_connection_open() {
    let server = TestServer::start().await;
    let mut socket = connect(&server).await;
    for _ in 0..3 {
        let request =
            "POST /v1/workflows/w/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
        socket.write_all(request.as_bytes()).await.unwrap();
        let answer = response_of(&mut socket).await;
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection: close"));
    }
}

#[tokio::test]
async fn the_process_may_open_as_many_files_as_the_system_lets_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    let script = "ulimit -Sn 256; exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0";
    command.arg("-c").arg(script).arg(program()).arg(folder.path());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut log, &mut line).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let files: Vec<&str> = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(files[3], files[4], "{files:?}");
    assert_ne!(files[3], "256");
}
