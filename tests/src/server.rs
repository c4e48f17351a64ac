//! A whole server for one test: in the test's process with a folder, or the functions on the double
//! of AWS. Both speak real HTTP.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use flowgate::server::connections::ConnectionLimits;
use flowgate::server::{OpenServer, Options, Server};
use flowgate_app::Settings;
use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use flowgate_outbound::OutboundSettings;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::double::{Double, FUNCTIONS};
use crate::home::is_aws;

pub const ADMIN_KEY: &str = "an-admin-key-for-tests-0123456789abcdef";

pub struct TestServer {
    pub url: String,
    /// The prefix of links in answers.
    pub public_url: String,
    pub client: Client,
    home: Home,
    /// The ids of workflows that were published here.
    published: Mutex<HashSet<String>>,
}

enum Home {
    Here(Box<Here>),
    Aws(Double),
}

struct Here {
    server: Server,
    settings: Settings,
    outbound: OutboundSettings,
    folder: tempfile::TempDir,
}

/// Tests that need one process with its folder are listed in `tests/aws/skip`.
const ONE_PROCESS: &str = "the server is a process with a folder";

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_calling_out(settings(change), outbound_settings()).await
    }

    pub async fn start_calling_out(settings: Settings, outbound: OutboundSettings) -> Self {
        if is_aws() {
            return Self::of(Double::start(&settings, &outbound, &[]).await);
        }
        Self::start_on(tempfile::tempdir().expect("a folder for the test"), settings, outbound)
            .await
    }

    /// Starts on the double of AWS, whatever the home is. `more` are arguments of
    /// `aws-double account`.
    pub async fn on_aws(settings: &Settings, more: &[&str]) -> Self {
        Self::of(Double::start(settings, &outbound_settings(), more).await)
    }

    fn of(double: Double) -> Self {
        Self {
            url: double.url.clone(),
            public_url: double.url.clone(),
            client: Client::new(),
            home: Home::Aws(double),
            published: Mutex::default(),
        }
    }

    async fn start_on(
        folder: tempfile::TempDir,
        settings: Settings,
        outbound: OutboundSettings,
    ) -> Self {
        let limits = ConnectionLimits::default();
        Self::start_limited(folder, settings, outbound, limits).await
    }

    /// Starts a process of its own limits of connections.
    pub async fn start_with_connections(limits: ConnectionLimits) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        Self::start_limited(folder, settings(|_| {}), outbound_settings(), limits).await
    }

    async fn start_limited(
        folder: tempfile::TempDir,
        settings: Settings,
        outbound: OutboundSettings,
        connections: ConnectionLimits,
    ) -> Self {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = Options {
            data: folder.path().to_owned(),
            master_key: None,
            listen,
            public_url: None,
            settings: settings.clone(),
            outbound: outbound.clone(),
            connections,
            console: true,
        };
        let server = OpenServer::open(options).await.expect("the server opens its folder");
        let (url, public_url) =
            (format!("http://{}", server.address), server.app.settings.public_url.clone());
        let server = server.serve();
        let home = Home::Here(Box::new(Here { server, settings, outbound, folder }));
        Self { url, public_url, client: Client::new(), home, published: Mutex::default() }
    }

    /// Stops the server as a signal would, and starts another one on the same folder.
    pub async fn restart(self) -> Self {
        let Home::Here(here) = self.home else { panic!("{ONE_PROCESS}") };
        here.server.stop().await;
        Self::start_on(here.folder, here.settings, here.outbound).await
    }

    pub fn folder(&self) -> &Path {
        let Home::Here(here) = &self.home else { panic!("{ONE_PROCESS}") };
        here.folder.path()
    }

    /// Returns the double that this server runs on.
    pub fn double(&self) -> &Double {
        let Home::Aws(double) = &self.home else {
            panic!("the server is not on the double of AWS")
        };
        double
    }

    /// Returns what other processes have logged for this server.
    pub async fn log_elsewhere(&self) -> String {
        let Home::Aws(double) = &self.home else { return String::new() };
        let mut lines = Vec::new();
        for function in FUNCTIONS {
            lines.extend(double.log(function).await);
        }
        lines.join("\n")
    }

    pub async fn stop(self) {
        if let Home::Here(here) = self.home {
            here.server.stop().await;
        }
    }

    /// The server and the test share this clock.
    pub fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    pub fn request(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key)
    }

    pub fn get(&self, path: &str, key: &str) -> RequestBuilder {
        self.request(Method::GET, path, key)
    }

    pub fn post(&self, path: &str, key: &str) -> RequestBuilder {
        self.request(Method::POST, path, key)
    }

    /// Saves and publishes a document, and panics with its problems. When this returns, no cache
    /// holds an earlier version.
    pub async fn publish(&self, id: &str, document: &str) {
        publish(&self.client, &self.url, id, document).await;
        let is_new =
            self.published.lock().expect("no test panics while it holds it").insert(id.to_owned());
        if !is_new {
            self.settle().await;
        }
    }

    /// Waits until no cache holds old data: other processes cache keys and active versions for 4 s.
    pub async fn settle(&self) {
        if let Home::Aws(_) = self.home {
            tokio::time::sleep(Duration::from_millis(4_200)).await;
        }
    }

    /// Creates a key for these workflows (`["*"]` for all) with these scopes.
    pub async fn key(&self, workflows: &[&str], scopes: &[&str]) -> String {
        issue_key(&self.client, &self.url, workflows, scopes).await
    }
}

/// The settings that tests start from: loopback is allowed.
pub fn outbound_settings() -> OutboundSettings {
    OutboundSettings {
        allow_loopback: true,
        child_programs: vec![program_called("child-under-test")],
        ..OutboundSettings::default()
    }
}

pub fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings { admin_key: Some(ADMIN_KEY.to_owned()), ..Settings::default() };
    change(&mut settings);
    settings
}

pub async fn publish(client: &Client, url: &str, id: &str, document: &str) {
    let saved = client
        .put(format!("{url}/v1/workflows/{id}"))
        .bearer_auth(ADMIN_KEY)
        .header("content-type", "application/yaml")
        .body(document.to_owned());
    let saved = saved.send().await.expect("the draft is sent");
    assert!(saved.status().is_success(), "{}", saved.text().await.unwrap_or_default());
    let published = client
        .post(format!("{url}/v1/workflows/{id}/versions"))
        .bearer_auth(ADMIN_KEY)
        .json(&json!({}))
        .send()
        .await
        .expect("the version is sent");
    assert!(published.status().is_success(), "{}", published.text().await.unwrap_or_default());
}

pub async fn issue_key(client: &Client, url: &str, workflows: &[&str], scopes: &[&str]) -> String {
    let workflows = if workflows == ["*"] { json!("*") } else { json!(workflows) };
    let request = json!({ "name": "test", "workflows": workflows, "scopes": scopes });
    let answer = client
        .post(format!("{url}/v1/keys"))
        .bearer_auth(ADMIN_KEY)
        .json(&request)
        .send()
        .await
        .expect("the key is asked for");
    let answer: Value = answer.json().await.expect("a JSON answer");
    answer["key"].as_str().unwrap_or_else(|| panic!("no key in {answer}")).to_owned()
}

/// Returns a refusal's `WWW-Authenticate`, which API Gateway sends under another name.
pub fn challenge(response: &Response) -> &str {
    let names = ["www-authenticate", "x-amzn-remapped-www-authenticate"];
    let given = names.iter().find_map(|name| response.headers().get(*name));
    given.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Returns the path of the `flowgate` program that is built with this package.
pub fn program() -> PathBuf {
    program_called("flowgate-under-test")
}

pub(crate) fn program_called(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("the test's own path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(name)
}
