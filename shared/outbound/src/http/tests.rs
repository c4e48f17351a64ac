//! The http node against real servers on loopback.

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
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{
    Action, Call, CallError, CallResult, HttpCall, Piece, Rendered, RenderedUrl,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{CodeGroup, Metered, Outbound, OutboundSettings, Resolver, RunFiles};

mod answers;
mod bodies;
mod connectors;
mod redirects;

const SECRET: &str = "s-secret-12345";
const KEY: &str = "sk-written-by-the-author";

/// The pieces of an answer, head and all.
type Pieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

struct Server {
    url: String,
    host: String,
    received: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(reply: impl Fn(&str) -> Pieces + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (all, reply) = (received.clone(), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (all, reply) = (all.clone(), reply.clone());
                tokio::spawn(async move {
                    let request = read_request(&mut socket).await;
                    let pieces = reply(&request);
                    all.lock().unwrap().push(request);
                    for piece in pieces {
                        if socket.write_all(&piece).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url: format!("http://{host}"), host, received }
    }

    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_| once(answer.clone())).await
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

fn once(answer: impl Into<Vec<u8>>) -> Pieces {
    Box::new(std::iter::once(answer.into()))
}

fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn redirect(status: u16, location: &str) -> Vec<u8> {
    answer(status, &format!("location: {location}\r\n"), "")
}

/// Reads head and body.
async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => return text,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
}

/// Every secret has this value, and may go to these hosts.
struct OneSecret {
    value: String,
    hosts: Vec<SecretHost>,
}

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
        let rule = SecretRule { hosts: self.hosts.clone(), ..SecretRule::default() };
        Ok(Some(SecretRecord { value: self.value.clone().into(), rule }))
    }

    async fn list(&self) -> anyhow::Result<Vec<SecretInfo>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> anyhow::Result<bool> {
        Ok(false)
    }
}

struct Names;

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match name {
            "metadata.example" => Ok(vec!["169.254.169.254".parse().unwrap()]),
            _ => Err(io::Error::other("no such name")),
        }
    }
}

/// Its pauses are over at once, except the timeout of a call.
struct Hasty;

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    async fn sleep(&self, duration: Duration) {
        if duration == TIMEOUT {
            std::future::pending::<()>().await;
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(30);

struct World {
    outbound: Outbound,
    memory: Arc<Memory>,
}

/// Loopback is allowed; the secret may go to the author's host.
fn world() -> World {
    world_with(OutboundSettings { allow_loopback: true, ..OutboundSettings::default() }, &[])
}

fn world_with(settings: OutboundSettings, hosts: &[&str]) -> World {
    world_at(settings, hosts, Arc::new(SystemClock))
}

fn world_at(settings: OutboundSettings, hosts: &[&str], clock: Arc<dyn Clock>) -> World {
    let hosts = hosts.iter().map(|host| SecretHost::parse(host).unwrap()).collect();
    world_of(OneSecret { value: SECRET.to_owned(), hosts }, settings, clock)
}

fn world_of(secret: OneSecret, settings: OutboundSettings, clock: Arc<dyn Clock>) -> World {
    let secrets = Arc::new(secret);
    World {
        outbound: Outbound::with_resolver(settings, secrets, clock, Arc::new(Names)),
        memory: Memory::new(MemoryLimits::default()),
    }
}

impl World {
    async fn send(&self, call: HttpCall) -> Result<Value, CallError> {
        let metered = Metered::new(self.memory.empty_charge(&Holder::of_key(None)));
        self.send_counted(call, &metered).await
    }

    async fn send_counted(&self, call: HttpCall, memory: &Metered) -> Result<Value, CallError> {
        let call = Call {
            action: Action::Http(call),
            input_hash: String::new(),
            delay: Duration::ZERO,
            timeout: TIMEOUT,
            at_most_once: false,
            seed: 1,
            asked_at_ms: 0,
            needs_price: false,
            literal_keys: [KEY.to_owned()].into(),
            workflow: 0,
        };
        let user = SecretUser { workflow_id: "w".into(), published_by: Publisher::Platform };
        let group = CodeGroup::new("test");
        let of_run = (memory, &RunFiles::none());
        match self.outbound.perform_counted(&call, &user, &group, of_run, &mut |_| {}).await {
            CallResult::Succeeded(output) => Ok(output.value),
            CallResult::Failed(error) => Err(error),
        }
    }

    async fn code(&self, call: HttpCall) -> String {
        self.send(call).await.unwrap_err().code
    }
}

fn get(url: impl Into<String>) -> HttpCall {
    let url = RenderedUrl::of_author(url);
    HttpCall { method: "GET".into(), url, ..HttpCall::default() }
}

fn text(text: &str) -> Rendered {
    Rendered::Json(text.into())
}

fn null() -> Rendered {
    Rendered::Json(Value::Null)
}

fn secret() -> Rendered {
    Rendered::Text(vec![Piece::Secret("TOKEN".into())])
}

/// Returns the value of a header in a request.
fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn line(request: &str) -> &str {
    request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
