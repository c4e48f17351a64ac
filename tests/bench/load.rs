//! Load over kept-alive connections: writes requests as bytes, and reads only the length of
//! answers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone)]
pub(crate) struct Request {
    address: String,
    head: String,
    body: String,
}

impl Request {
    pub(crate) fn post(address: &str, path: &str, key: &str, body: &str) -> Self {
        let authorization =
            if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
        let head = format!(
            "POST {path} HTTP/1.1\r\n\
             Host: {address}\r\n\
             {authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        Self { address: address.to_owned(), head, body: body.to_owned() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{}\r\n{}", self.head, self.body).into_bytes()
    }
}

/// What some connections got in some time.
pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    /// Seconds that one answer in a hundred exceeds.
    pub(crate) p99: f64,
}

/// Sends requests on that many connections, each after the answer to the one before.
pub(crate) async fn sustained(request: &Request, connections: usize, time: Duration) -> Load {
    let (began, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    each_connection(connections, |_| {
        let (request, times) = (request.clone(), times.clone());
        async move {
            let (mut connection, mut own) = (Connection::open(&request).await, Vec::new());
            while began.elapsed() < time {
                let sent = Instant::now();
                connection.exchange().await;
                own.push(sent.elapsed().as_secs_f64());
            }
            times.lock().expect("no panic").extend(own);
        }
    })
    .await;
    let took = began.elapsed().as_secs_f64();
    let mut times = std::mem::take(&mut *times.lock().expect("no panic"));
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() - 1 - times.len() / 100];
    Load { requests: times.len(), per_second: times.len() as f64 / took, p99 }
}

/// Sends this many requests in total.
pub(crate) async fn exactly(request: &Request, connections: usize, requests: usize) {
    each_connection(connections, |index| {
        let share = requests / connections + usize::from(index < requests % connections);
        let request = request.clone();
        async move {
            let mut connection = Connection::open(&request).await;
            for _ in 0..share {
                connection.exchange().await;
            }
        }
    })
    .await;
}

/// Returns the median time of sequential exchanges.
pub(crate) async fn latency(request: &Request, exchanges: usize) -> Duration {
    let mut connection = Connection::open(request).await;
    let mut times = Vec::with_capacity(exchanges);
    for _ in 0..exchanges {
        let began = Instant::now();
        connection.exchange().await;
        times.push(began.elapsed().as_secs_f64());
    }
    Duration::from_secs_f64(median(times))
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn each_connection<F: Future<Output = ()> + Send + 'static>(
    connections: usize,
    work: impl Fn(usize) -> F,
) {
    let tasks: Vec<_> = (0..connections).map(|index| tokio::spawn(work(index))).collect();
    for task in tasks {
        task.await.expect("the connection works");
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(request: &Request) -> Self {
        let stream = TcpStream::connect(&request.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP stream");
        Self { stream, request: request.bytes(), buffer: vec![0; 64 * 1024] }
    }

    async fn exchange(&mut self) {
        self.stream.write_all(&self.request).await.expect("the request is sent");
        let mut read = 0;
        loop {
            let got = self.stream.read(&mut self.buffer[read..]).await.expect("the answer is read");
            assert!(got > 0, "the server closed the connection");
            read += got;
            if let Some(length) = answer_length(&self.buffer[..read]) {
                assert!(
                    self.buffer.starts_with(b"HTTP/1.1 20"),
                    "{}",
                    String::from_utf8_lossy(&self.buffer[..read])
                );
                if read >= length {
                    return;
                }
            }
        }
    }
}

/// Returns the length of head and body, once the head has arrived.
fn answer_length(answer: &[u8]) -> Option<usize> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_end]).expect("an ASCII head");
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
    });
    Some(head_end + length.expect("a Content-Length"))
}
