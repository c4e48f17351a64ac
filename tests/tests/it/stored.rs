//! What earlier releases have stored: their folders open, their runs in flight go on, and no call
//! that they recorded is made again. `fixtures/stored/make.py` made the folders.

use std::path::Path;

use axum::http::StatusCode;
use flowgate_core::clock::Clock;
use flowgate_core::secret::Secrets;
use flowgate_core::system::SystemClock;
use flowgate_local::Local;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::ADMIN_KEY;
use reqwest::{Client, RequestBuilder};
use rusqlite::Connection;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::fixture::{answer, until};
use crate::stream;

/// The last commit before a node could make several calls.
const BEFORE_SEVERAL_CALLS: &str = "b7460e4";
/// The last commit before files, sessions and schedules were stored.
const BEFORE_FILES: &str = "458b742";
/// The last commit before a run that is ending dropped what it waited for.
const BEFORE_DROPS: &str = "ec168c0";

/// What is to come lies as far from now as it lay from the kill. What was stays: a run's start is
/// part of what its code was given.
const MOVES: [&str; 6] = [
    "UPDATE runs SET expires_at = expires_at + ?1, look_at = look_at + ?1, \
     head = json_set(head, '$.deadline_at', head ->> '$.deadline_at' + ?1)",
    "UPDATE open_runs SET due_at = due_at + ?1, look_at = look_at + ?1",
    "UPDATE deliveries SET due_at = due_at + ?1, look_at = look_at + ?1",
    "UPDATE idempotency SET expires_at = expires_at + ?1",
    // Waits count from there.
    "UPDATE checkpoints SET checkpoint = json_set(checkpoint, '$.ended_at', \
     checkpoint ->> '$.ended_at' + ?1) WHERE checkpoint ->> '$.ended_at' IS NOT NULL",
    "UPDATE questions SET question = json_set(question, '$.expires_at', \
     question ->> '$.expires_at' + ?1)",
];

/// A copy of a folder, opened by today's program.
struct Stored {
    /// What the test must know of it.
    world: Value,
    upstream: Receiver,
    process: Process,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Stored {
    async fn open(release: &str) -> Self {
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stored").join(release);
        let world = std::fs::read(made.join("world.json")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let upstream = upstream().await;
        prepare(&made, folder.path(), &upstream.url).await;
        Self {
            world: serde_json::from_slice(&world).unwrap(),
            upstream,
            process: Process::start(folder.path()).await,
            client: Client::new(),
            _folder: folder,
        }
    }

    fn run(&self, name: &str) -> &str {
        self.world["runs"][name].as_str().unwrap()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.process.url)).bearer_auth(ADMIN_KEY)
    }

    async fn read(&self, path: &str) -> Value {
        let (status, body) = answer(self.get(path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn ended(&self, name: &str) -> Value {
        let path = format!("/v1/runs/{}", self.run(name));
        until(|| self.get(&path), |run| !run["ended_at"].is_null()).await
    }

    async fn node(&self, name: &str, node: &str) -> Value {
        let trace = self.read(&format!("/v1/runs/{}/trace", self.run(name))).await;
        let mut nodes = trace["nodes"].as_array().unwrap().iter();
        nodes.find(|entry| entry["node"] == node).unwrap_or_else(|| panic!("{trace:#}")).clone()
    }

    fn start(&self, workflow: &str, key: &str) -> RequestBuilder {
        let key = self.world["keys"][key].as_str().unwrap();
        let request =
            self.client.post(format!("{}/v1/workflows/{workflow}/runs", self.process.url));
        request.bearer_auth(key).header("content-type", "application/json")
    }

    fn assert_called(&self, run: &str, expected: &[(&str, usize)]) {
        let calls = ["first", "a", "b", "once", "hook", "again", "last"];
        let made = calls.map(|call| (call, self.upstream.count(&format!("/{run}/{call}"))));
        let made: Vec<_> = made.into_iter().filter(|(_, times)| *times > 0).collect();
        assert_eq!(made, expected, "the calls of {run}");
    }
}

/// Each call says the last part of its path.
async fn upstream() -> Receiver {
    Receiver::start(|request, _| {
        let said = request.uri.path().rsplit('/').next().unwrap_or_default();
        Reply::Now(StatusCode::OK, json!({ "said": said }).to_string())
    })
    .await
}

/// Copies the file, with the test's own upstream under the name that all addresses in it use, and
/// moves it to the present.
async fn prepare(made: &Path, copy: &Path, upstream: &str) {
    for file in std::fs::read_dir(made).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    // Only this opens the store, so that no run goes on before.
    let store = Local::open(copy).unwrap();
    let mut secret = Secrets::get(&store, "UPSTREAM").await.unwrap().unwrap();
    secret.value = upstream.into();
    Secrets::put(&store, "UPSTREAM", &secret, SystemClock.now()).await.unwrap();
    drop(store);
    let file = Connection::open(copy.join("flowgate.db")).unwrap();
    let killed_at: i64 =
        file.query_row("SELECT max(created_at) FROM runs", [], |row| row.get(0)).unwrap();
    let age = SystemClock.now().0 - killed_at;
    for sql in MOVES {
        file.execute(sql, [age]).unwrap();
    }
}

#[tokio::test]
async fn runs_versions_and_drafts_are_listed_and_read() {
    let stored = Stored::open(BEFORE_SEVERAL_CALLS).await;
    let (calls, greetings) = (
        stored.read("/v1/workflows/calls/runs").await,
        stored.read("/v1/workflows/greet/runs").await,
    );
    let ids = |list: &Value| -> Vec<Value> {
        list["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect()
    };
    let expected = ["attached", "handed", "once", "flight", "cancelled", "ended"]
        .map(|name| json!(stored.run(name)));
    assert_eq!(ids(&calls), expected, "the newest first");
    assert_eq!(ids(&greetings).len(), 4, "of three APIs");

    let ended = stored.ended("ended").await;
    assert_eq!(ended["output"], json!({ "said": "Say first a b", "last": "last" }));
    // That release counted the sum alone.
    let usage = json!({
        "tokens": 8, "input_tokens": null, "output_tokens": null, "cost_nano_usd": 0
    });
    assert_eq!(ended["usage"], usage);
    assert_eq!(stored.node("ended", "again").await["attempts"], 2);
    assert_eq!(stored.node("ended", "draft").await["output"]["content"], "Say first a b");
    let failed = stored.ended("failed").await;
    assert_eq!((&failed["status"], &failed["error"]["node"]), (&json!("failed"), &json!("code")));
    assert_eq!(stored.ended("cancelled").await["status"], "cancelled");
    let unsaved = answer(stored.get(&format!("/v1/runs/{}", stored.run("unsaved")))).await;
    assert_eq!((unsaved.0, &unsaved.1["code"]), (410, &json!("gone")));

    let versions = stored.read("/v1/workflows/greet/versions").await;
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let draft = stored.read("/v1/workflows/draft").await;
    assert_eq!(draft["active_version"], Value::Null, "{draft}");
}

#[tokio::test]
async fn runs_in_flight_go_on_and_no_recorded_call_is_made_again() {
    let stored = Stored::open(BEFORE_SEVERAL_CALLS).await;
    let output = json!({ "said": "Say first a b", "last": "last" });
    for (name, expected) in
        [("flight", [("again", 1), ("last", 1)].as_slice()), ("handed", &[("last", 1)])]
    {
        let run = stored.ended(name).await;
        assert_eq!((&run["status"], &run["output"]), (&json!("succeeded"), &output), "{run:#}");
        stored.assert_called(name, expected);
        assert_eq!(
            stored.node(name, "again").await["attempts"],
            2,
            "the first attempt is recorded"
        );
    }
    for name in ["once", "attached"] {
        let run = stored.ended(name).await;
        assert_eq!(
            (&run["status"], &run["error"]["code"]),
            (&json!("failed"), &json!("interrupted")),
            "{run:#}"
        );
        stored.assert_called(name, &[]);
    }
}

#[tokio::test]
async fn what_a_run_was_saying_is_taken_back_and_said_again() {
    let stored = Stored::open(BEFORE_SEVERAL_CALLS).await;
    let run = stored.ended("speech").await;
    let text = &run["input"]["text"];
    assert_eq!((&run["status"], &run["output"]["said"]), (&json!("succeeded"), text));
    let events = stored.get(&format!("/v1/runs/{}/events", stored.run("speech")));
    let frames = stream::read(events.send().await.unwrap(), |_| false).await;
    let reset = frames.iter().position(|frame| frame.event == "node.reset").unwrap();
    assert!(reset > 10, "it had begun");
    let said = |frames: &[stream::Frame]| -> String {
        frames
            .iter()
            .filter(|frame| frame.event == "chunk")
            .filter_map(|frame| frame.data["text"].as_str())
            .collect()
    };
    assert_eq!(said(&frames[reset..]), text.as_str().unwrap());
}

#[tokio::test]
async fn keys_and_idempotency_keys_are_known() {
    let stored = Stored::open(BEFORE_SEVERAL_CALLS).await;
    let (status, greeted) =
        answer(stored.start("greet", "good").body(r#"{"input":{"name":"Bo"}}"#)).await;
    assert_eq!((status, &greeted["output"]), (200, &json!({ "greeting": "Hello Bo" })));
    assert_eq!(answer(stored.start("greet", "revoked").body("{}")).await.0, 401);
    assert_eq!(
        answer(stored.start("speak", "good").body("{}")).await.0,
        404,
        "not among its workflows"
    );

    let again = stored.start("calls", "good").header("idempotency-key", "stored-1");
    let (status, repeated) = answer(again.body(r#"{"input": {"i": "ended"}}"#)).await;
    assert_eq!((status, &repeated["id"]), (200, &json!(stored.run("ended"))));
    let other = stored.start("calls", "good").header("idempotency-key", "stored-1");
    assert_eq!(answer(other.body(r#"{"input": {"i": "other"}}"#)).await.0, 422);
}

#[tokio::test]
async fn deliveries_go_on_and_are_signed_as_before() {
    let stored = Stored::open(BEFORE_SEVERAL_CALLS).await;
    let path = |run: &str| format!("/v1/runs/{}/deliveries", stored.run(run));
    let pending = stored.read(&path("ended")).await["items"][1].clone();
    assert_eq!(pending["attempts"].as_array().unwrap().len(), 1, "{pending}");
    stored
        .upstream
        .until(|all| all.iter().any(|request| request.uri.path() == "/ended/done"))
        .await;
    let received = stored.upstream.received();
    let request = received.iter().find(|request| request.uri.path() == "/ended/done").unwrap();
    assert_eq!(request.headers["webhook-id"], pending["id"].as_str().unwrap());
    let secret = Webhook::new(stored.world["signing_secret"].as_str().unwrap()).unwrap();
    secret.verify(&request.body, &request.headers).unwrap();

    let delivered = |list: &Value| list["items"][1]["status"] == "delivered";
    let list = until(|| stored.get(&path("ended")), delivered).await;
    assert_eq!(list["items"][1]["attempts"].as_array().unwrap().len(), 2);
    stored.assert_called("ended", &[]);

    // What the caller gave was sealed with a key of the folder.
    stored.ended("flight").await;
    let of_flight = stored.read(&path("flight")).await;
    let urls: Vec<_> = of_flight["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|delivery| delivery["url"].clone())
        .collect();
    assert!(urls.contains(&json!("http://127.0.0.1:9/callers")), "{of_flight:#}");
}

#[tokio::test]
async fn runs_that_wait_and_agents_go_on() {
    waiting_go_on(BEFORE_FILES).await;
    waiting_go_on(BEFORE_DROPS).await;
}

async fn waiting_go_on(release: &str) {
    let stored = Stored::open(release).await;
    let questions = format!("/v1/runs/{}/questions", stored.run("ask"));
    let asked = stored.read(&questions).await["items"][0].clone();
    assert_eq!((&asked["message"], &asked["node"]), (&json!("Send first?"), &json!("check")));
    let resume = format!("{}/v1/runs/{}/resume", stored.process.url, stored.run("ask"));
    let yes = json!({ "approved": true, "data": { "text": "edited" } });
    let resume = stored.client.post(resume).bearer_auth(ADMIN_KEY).json(&yes);
    assert_eq!(answer(resume).await.0, 202);
    let run = stored.ended("ask").await;
    assert_eq!(run["output"], json!({ "text": "edited", "last": "last" }), "{run:#}");
    let run = stored.ended("pause").await;
    assert_eq!((&run["status"], &run["output"]["last"]), (&json!("succeeded"), &json!("last")));
    for name in ["ask", "pause"] {
        stored.assert_called(name, &[("last", 1)]);
    }
    let run = stored.ended("agent").await;
    assert_eq!(run["output"]["turns"], 3, "{run:#}");
    assert_eq!(run["output"]["calls"].as_array().unwrap().len(), 3);
    stored.assert_called("agent", &[("again", 1)]);
}
