//! The client against small servers on loopback, of both eras.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::memory::{Holder, Memory, MemoryLimits};
use flowgate_core::secret::{
    Keyring, Publisher, SecretHost, SecretInfo, SecretRecord, SecretRule, SecretUser, Secrets,
};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{
    Action, Call, CallError, CallResult, McpCall, McpRequest, Piece, Rendered, RenderedUrl,
};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::{CodeGroup, Metered, Outbound, OutboundSettings, Resolver, RunFiles};

mod eras;
mod hostile;
mod results;

const SECRET: &str = "s-secret-12345";

/// What the server does with one request.
enum Reply {
    /// The whole answer.
    Bytes(Vec<u8>),
    /// An answer that goes on as long as it is read.
    Endless(Vec<u8>, Vec<u8>),
    /// An answer that comes to a stop without an end.
    Stuck(Vec<u8>),
}

#[derive(Debug, Clone)]
struct Received {
    verb: String,
    head: String,
    body: Value,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    /// The verb, the method of the message, or what it answers.
    fn name(&self) -> String {
        match (self.verb.as_str(), &self.body["method"], &self.body["error"]["code"]) {
            ("POST", Value::String(method), _) => method.clone(),
            ("POST", _, Value::Number(code)) => format!("error {code}"),
            ("POST", ..) => format!("result {}", self.body["result"]),
            (verb, ..) => verb.to_owned(),
        }
    }
}

struct Server {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    async fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (all, reply) = (received.clone(), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (all, reply) = (all.clone(), reply.clone());
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut socket).await else { return };
                    let answer = reply(&request);
                    all.lock().unwrap().push(request);
                    write_reply(&mut socket, answer).await;
                });
            }
        });
        Self { url, received }
    }

    /// A server of the newer era that answers its requests by `results`.
    async fn stateless(results: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |request| match request.method() {
            "server/discover" => {
                let versions = json!(["2026-07-28"]);
                result(request, json!({ "resultType": "complete", "supportedVersions": versions }))
            }
            _ => results(request),
        })
        .await
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn names(&self) -> Vec<String> {
        self.received().iter().map(Received::name).collect()
    }
}

async fn write_reply(socket: &mut TcpStream, reply: Reply) {
    match reply {
        Reply::Bytes(bytes) => drop(socket.write_all(&bytes).await),
        Reply::Endless(head, part) => {
            let mut sent = socket.write_all(&head).await;
            while sent.is_ok() {
                sent = socket.write_all(&part).await;
            }
        }
        Reply::Stuck(bytes) => {
            let _ = socket.write_all(&bytes).await;
            // Until the client closes the connection.
            let _ = socket.read(&mut [0; 16]).await;
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<Received> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let verb = head.split(' ').next().unwrap_or_default().to_owned();
                let body = serde_json::from_str(body).unwrap_or_default();
                return Some(Received { verb, head: head.to_owned(), body });
            }
        }
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
}

const JSON: &str = "content-type: application/json\r\n";
const EVENTS: &str = "content-type: text/event-stream\r\n";

fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    Reply::Bytes(format!("{head}{headers}\r\n{body}").into())
}

/// The head of an answer of unknown length.
fn head(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}\r\n").into()
}

fn result_of(request: &Received, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": request.body["id"], "result": result })
}

fn result(request: &Received, value: Value) -> Reply {
    answer(200, JSON, &result_of(request, value).to_string())
}

fn error(request: &Received, status: u16, code: i64, message: &str) -> Reply {
    let error = json!({ "code": code, "message": message });
    let body = json!({ "jsonrpc": "2.0", "id": request.body["id"], "error": error });
    answer(status, JSON, &body.to_string())
}

/// The answer to `initialize`.
fn initialized(request: &Received, version: &str, session: &str) -> Reply {
    let value = json!({ "protocolVersion": version, "capabilities": { "tools": {} } });
    let headers = format!("{JSON}mcp-session-id: {session}\r\n");
    answer(200, &headers, &result_of(request, value).to_string())
}

fn events(messages: &[Value]) -> String {
    messages.iter().map(|message| format!("event: message\ndata: {message}\n\n")).collect()
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "d", "inputSchema": { "type": "object" } })
}

fn saying(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

/// The secret, which may go to these hosts.
struct OneSecret(Vec<SecretHost>);

#[async_trait]
impl Secrets for OneSecret {
    async fn keyring(&self, create: Keyring) -> anyhow::Result<Keyring> {
        Ok(create)
    }

    async fn replace_keyring(&self, _: &Keyring) -> anyhow::Result<bool> {
        Ok(false)
    }

    async fn put(&self, _: &str, _: &SecretRecord, _: Timestamp) -> anyhow::Result<()> {
        Ok(())
    }

    async fn get(&self, _: &str) -> anyhow::Result<Option<SecretRecord>> {
        let rule = SecretRule { hosts: self.0.clone(), ..SecretRule::default() };
        Ok(Some(SecretRecord { value: SECRET.into(), rule }))
    }

    async fn list(&self) -> anyhow::Result<Vec<SecretInfo>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> anyhow::Result<bool> {
        Ok(false)
    }
}

struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no such name"))
    }
}

/// The time of a call runs out when the test says so. All other pauses never end.
struct TestClock(watch::Receiver<bool>);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    async fn sleep(&self, duration: Duration) {
        let mut is_over = self.0.clone();
        if duration == TIMEOUT && is_over.wait_for(|is_over| *is_over).await.is_ok() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);

struct World {
    outbound: Outbound,
    time: watch::Sender<bool>,
    memory: Arc<Memory>,
}

/// Loopback is allowed; the secret may go to the author's host.
fn world() -> World {
    world_with(OutboundSettings { allow_loopback: true, ..OutboundSettings::default() }, &[])
}

fn world_with(settings: OutboundSettings, hosts: &[&str]) -> World {
    let (time, over) = watch::channel(false);
    let hosts = hosts.iter().map(|host| SecretHost::parse(host).unwrap()).collect();
    let (clock, secrets) = (Arc::new(TestClock(over)), Arc::new(OneSecret(hosts)));
    World {
        outbound: Outbound::with_resolver(settings, secrets, clock, Arc::new(NoNames)),
        time,
        memory: Memory::new(MemoryLimits::default()),
    }
}

impl World {
    async fn send(&self, call: McpCall) -> Result<Value, CallError> {
        let metered = Metered::new(self.memory.empty_charge(&Holder::of_key(None)));
        let call = Call {
            action: Action::Mcp(call),
            input_hash: String::new(),
            delay: Duration::ZERO,
            timeout: TIMEOUT,
            at_most_once: false,
            seed: 1,
            asked_at_ms: 0,
            needs_price: false,
            literal_keys: [].into(),
            workflow: 0,
        };
        let user = SecretUser { workflow_id: "w".into(), published_by: Publisher::Platform };
        let group = CodeGroup::new("test");
        let of_run = (&metered, &RunFiles::none());
        match self.outbound.perform_counted(&call, &user, &group, of_run, &mut |_| {}).await {
            CallResult::Succeeded(output) => Ok(output.value),
            CallResult::Failed(error) => Err(error),
        }
    }

    async fn list(&self, server: &Server) -> Result<Value, CallError> {
        self.send(listing(&server.url, &[])).await
    }

    async fn call(&self, server: &Server) -> Result<Value, CallError> {
        self.send(calling(&server.url)).await
    }

    /// Calls the server, and lets the time run out when it has been asked.
    async fn call_until(
        &self,
        server: &Server,
        mut is_asked: watch::Receiver<bool>,
    ) -> Result<Value, CallError> {
        let waiting = async {
            is_asked.wait_for(|is_asked| *is_asked).await.unwrap();
            self.time.send_replace(true);
        };
        tokio::join!(self.call(server), waiting).0
    }
}

fn listing(url: &str, only: &[&str]) -> McpCall {
    let only = only.iter().map(|name| (*name).to_owned()).collect();
    asking(url, McpRequest::ListTools { only })
}

fn calling(url: &str) -> McpCall {
    let (name, mirrored) = ("search".to_owned(), Vec::new());
    asking(url, McpRequest::CallTool { name, arguments: Map::new(), mirrored })
}

fn asking(url: &str, request: McpRequest) -> McpCall {
    McpCall { url: RenderedUrl::of_author(url), headers: Vec::new(), request }
}

fn authorization() -> (String, Rendered) {
    let pieces = vec![Piece::Text("Bearer ".into()), Piece::Secret("T".into())];
    ("authorization".into(), Rendered::Text(pieces))
}
