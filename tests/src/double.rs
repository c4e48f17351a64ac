//! Runs the functions on the double of AWS, as a separate process. Tests inspect it and break it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use flowgate_app::Settings;
use flowgate_outbound::OutboundSettings;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::patience;
use crate::server::{ADMIN_KEY, program_called};
use crate::several;

/// All of the template's.
pub const FUNCTIONS: [&str; 8] =
    ["invoke", "run-status", "keys", "workflows", "console", "worker", "webhook", "sweeper"];

pub struct Double {
    /// Includes the stage.
    pub url: String,
    control: String,
    client: Client,
    child: Child,
    /// The double exits when this closes.
    stdin: Option<ChildStdin>,
    /// Links to one program under the names of all functions, where documents use the tests' own
    /// kind.
    _links: Option<TempDir>,
}

impl Double {
    /// `more` are arguments of `aws-double account`.
    pub async fn start(settings: &Settings, outbound: &OutboundSettings, more: &[&str]) -> Self {
        let mut command = Command::new(required_env("FLOWGATE_AWS_DOUBLE"));
        command.args(["--until-stdin-closes", "account", "--template"]);
        command.arg(required_env("FLOWGATE_TEMPLATE"));
        let links = settings.kinds.as_ref().is_some_and(several::is_among).then(link_functions);
        match &links {
            Some(links) => command.arg("--functions").arg(links.path()),
            None => command.arg("--functions").arg(required_env("FLOWGATE_FUNCTIONS")),
        };
        command.args(["--admin-key", settings.admin_key.as_deref().unwrap_or(ADMIN_KEY)]);
        // The template allows five concurrent runs; some tests hold ten.
        command.args(["--concurrency", "worker=32", "--concurrency", "invoke=32"]);
        if !more.contains(&"--patience-ms") {
            command.args(["--patience-ms", "60000"]);
        }
        if !more.contains(&"--sweep-every-ms") {
            // Each sweep reads all shards: swept every second, a world does little else.
            command.args(["--sweep-every-ms", "3000"]);
        }
        for setting in environment(settings, outbound) {
            command.args(["--set", &setting]);
        }
        // A function drains until 20 s before its deadline, as a process does for `drain`.
        if settings.drain != Settings::default().drain {
            command.args(["--timeout", "invoke=23"]);
        }
        if let Some(folder) = std::env::var_os("FLOWGATE_AWS_SEEN") {
            command.arg("--seen").arg(folder);
        }
        let mut child = command
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the double starts");
        let (stdin, stdout) =
            (child.stdin.take(), child.stdout.take().expect("its output is piped"));
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut said = |prefix: &str| {
            let line = lines.next().unwrap_or_default();
            line.strip_prefix(prefix)
                .unwrap_or_else(|| panic!("the double says {line:?}"))
                .to_owned()
        };
        let (url, control) = (said("listening on "), said("control on "));
        let double = Self { url, control, client: Client::new(), child, stdin, _links: links };
        // Either function may complete the keyring.
        double.complete_keyring(if more.is_empty() { "/health" } else { "/v1/workflows" }).await;
        double
    }

    /// The first request to a new stack. Until `keys` or `workflows` has answered once, the other
    /// functions cannot start.
    async fn complete_keyring(&self, path: &str) {
        let asked = self
            .client
            .get(format!("{}{path}", self.url))
            .bearer_auth(ADMIN_KEY)
            .send()
            .await
            .expect("the double answers");
        assert!(asked.status().is_success(), "{}", asked.text().await.unwrap_or_default());
    }

    pub async fn inspect(&self, path: &str) -> Value {
        let answer = self
            .client
            .get(format!("{}/double/{path}", self.control))
            .send()
            .await
            .expect("the double answers");
        answer.json().await.expect("a JSON answer")
    }

    pub async fn command(&self, path: &str, body: Value) -> Value {
        let answer = self
            .client
            .post(format!("{}/double/{path}", self.control))
            .json(&body)
            .send()
            .await
            .expect("the double answers");
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().await.unwrap_or_default()
        );
        answer.json().await.expect("a JSON answer")
    }

    /// Sends SIGKILL to every process of the function that has an event, and returns how many it
    /// killed.
    pub async fn kill(&self, function: &str) -> u64 {
        self.command("kill", json!({ "function": function })).await["killed"]
            .as_u64()
            .unwrap_or_default()
    }

    pub async fn log(&self, function: &str) -> Vec<String> {
        let lines = self.inspect(&format!("logs?function={function}")).await;
        lines
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| line["line"].as_str().map(str::to_owned))
            .collect()
    }

    /// Returns the bodies of the messages in a queue, visible or not: `run`, `RunDeadLetters`, ...
    pub async fn messages(&self, queue: &str) -> Vec<String> {
        let messages = self.inspect("queues").await[queue]["messages"].take();
        messages
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|message| message["body"].as_str().map(str::to_owned))
            .collect()
    }

    /// Waits until the condition holds, and panics with `what` if it never does.
    pub async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let began = std::time::Instant::now();
        while !holds(self).await {
            assert!(began.elapsed() < patience(), "{what}: timed out");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
    }
}

/// Converts the settings to environment variables of the functions.
fn environment(settings: &Settings, outbound: &OutboundSettings) -> Vec<String> {
    vec![
        format!("FLOWGATE_LONGEST_WAIT_MS={}", settings.longest_wait.as_millis()),
        format!("FLOWGATE_LONGEST_STREAM_MS={}", settings.longest_stream.as_millis()),
        format!("FLOWGATE_LONGEST_FOLLOW_MS={}", settings.longest_follow.as_millis()),
        format!("FLOWGATE_ALLOWED_ORIGINS={}", settings.allowed_origins),
        format!("FLOWGATE_PUBLIC_WORKFLOWS={}", settings.public_workflows),
        format!("FLOWGATE_RETENTION_DAYS={}", settings.retention.as_secs() / 86_400),
        format!("FLOWGATE_ALLOW_LOOPBACK={}", outbound.allow_loopback),
        format!("FLOWGATE_ALLOW_PRIVATE={}", outbound.allow_private),
    ]
}

/// `function-under-test` under the name of each function.
fn link_functions() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the functions");
    let program = program_called("function-under-test");
    for function in FUNCTIONS {
        let link = folder.path().join(format!("flowgate-{function}"));
        std::os::unix::fs::symlink(&program, link).expect("a link to the program");
    }
    folder
}

fn required_env(variable: &str) -> OsString {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run the tests with tests/aws/run"))
}
