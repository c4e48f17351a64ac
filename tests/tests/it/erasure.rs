//! What is erased is gone: from the answers, and from every file of the folder.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{Ports, Settings};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::idempotency::chosen_id_key;
use flowgate_core::job::Job;
use flowgate_core::run::{Dialect, RunHead};
use flowgate_core::system::SystemEntropy;
use flowgate_engine::SpendingLimit;
use flowgate_engine::call::MAX_PAUSE;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, WhenWaitEnds};
use flowgate_tests::clock::TestClock;
use flowgate_tests::ports::sample::{at, attached, ending, first_page, head};
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// One for each way in which a run's data comes into the store.
const CANARIES: [&str; 11] = [
    "CANARY-input",
    "CANARY-sent",
    "CANARY-output",
    "CANARY-prompt",
    "CANARY-hook-url",
    "CANARY-author-url",
    "CANARY-header",
    "CANARY-answer",
    "CANARY-error",
    "CANARY-call",
    "CANARY-chunk",
];

fn document(url: &str) -> String {
    format!(
        "save: false\n\
         input: [{{ name: text, type: string }}]\n\
         nodes:\n\
         - {{ id: call, type: http, method: POST, url: \"{url}/call/<api.text>\", body: \
         \"CANARY-prompt <api.text>\" }}\n\
         - {{ id: write, type: agent, model: offline/echo, prompt: \"CANARY-chunk <api.text>\" }}\n\
         - {{ id: hook, type: webhook, url: \"{url}/author/CANARY-author-url\", body: {{ t: \
         <api.text> }} }}\n\
         output: {{ text: \"CANARY-output <call.data>\" }}\n"
    )
}

const FAILING: &str = "save: false\n\
                       input: [{ name: text, type: string }]\n\
                       nodes: [{ id: fail, type: function, code: \"throw new Error('CANARY-error ' + \
                       <api.text>)\" }]\n\
                       output: { text: <fail.result> }\n";

/// Returns what is found, and in which file.
fn found_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for canary in CANARIES {
            if bytes.windows(canary.len()).any(|window| window == canary.as_bytes()) {
                found.push(format!("{canary} in {}", path.display()));
            }
        }
    }
    found
}

async fn until_nothing_is_found(folder: &Path) {
    let began = Instant::now();
    while !found_in(folder).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "{:#?}", found_in(folder));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts a run of each kind: waiting, streamed and detached, with the caller's own webhook.
async fn start_all(server: &TestServer, url: &str, workflow: &str, large: bool) -> Vec<String> {
    let filler = if large { "x".repeat(60_000) } else { String::new() };
    let mut runs = Vec::new();
    for (name, value) in [
        ("accept", "application/json"),
        ("accept", "text/event-stream"),
        ("prefer", "respond-async"),
    ] {
        let start = json!({
            "input": { "text": format!("CANARY-input{filler}") },
            "webhooks": [{
                "url": format!("{url}/mine/CANARY-hook-url"),
                "headers": { "x-mine": "CANARY-header" },
            }],
        });
        let request = server.post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY);
        let answer = request.header(name, value).json(&start).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let at = text.find("run_0").unwrap_or_else(|| panic!("{text}"));
        runs.push(text[at..at + 36].to_owned());
    }
    runs
}

async fn until_wiped(server: &TestServer, runs: &[String]) {
    for run in runs {
        let gone = |answer: &Value| answer["code"] == "gone";
        until(|| server.get(&format!("/v1/runs/{run}"), ADMIN_KEY), gone).await;
    }
}

async fn world() -> (TestServer, Receiver) {
    // A receiver that repeats what it was sent, as many do.
    let receiver = Receiver::start(|request, _| {
        let sent = String::from_utf8_lossy(&request.body);
        let status = if request.uri.path().starts_with("/refuse") { 410 } else { 200 };
        let body = json!(format!("CANARY-answer CANARY-call {sent}"));
        Reply::Now(StatusCode::from_u16(status).unwrap(), body.to_string())
    })
    .await;
    let server = TestServer::start().await;
    server.publish("w", &document(&receiver.url)).await;
    server.publish("failing", FAILING).await;
    (server, receiver)
}

#[tokio::test]
async fn nothing_of_a_run_that_is_not_saved_is_left_in_the_folder() {
    for large in [false, true] {
        let (server, receiver) = world().await;
        let mut runs = start_all(&server, &receiver.url, "w", large).await;
        runs.extend(start_all(&server, &receiver.url, "failing", large).await);
        until_wiped(&server, &runs).await;
        for run in &runs {
            let path = format!("/v1/runs/{run}/deliveries");
            let log = answer(server.get(&path, ADMIN_KEY)).await.1;
            assert!(!log["items"].as_array().unwrap().is_empty());
            assert!(!log.to_string().contains("CANARY"), "{log}");
        }
        for workflow in ["w", "failing"] {
            let path = format!("/v1/workflows/{workflow}/runs?include=input,output");
            let list = answer(server.get(&path, ADMIN_KEY)).await.1;
            assert_eq!(list["items"].as_array().unwrap().len(), 3);
            assert!(!list.to_string().contains("CANARY"), "{list}");
        }
        let folder = server.folder().to_owned();
        // The author's own words, which a workflow keeps.
        let of_author =
            ["CANARY-prompt", "CANARY-chunk", "CANARY-author-url", "CANARY-output", "CANARY-error"];
        let began = Instant::now();
        loop {
            let found = found_in(&folder);
            let left: Vec<_> = found
                .iter()
                .filter(|found| !of_author.iter().any(|word| found.starts_with(word)))
                .collect();
            if left.is_empty() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{left:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server.stop().await;
    }
}

/// The same for what nobody wiped: a run that is kept, and then deleted.
#[tokio::test]
async fn nothing_of_a_deleted_run_is_left_in_the_folder() {
    let receiver =
        Receiver::start(|_, _| Reply::Now(StatusCode::OK, json!("CANARY-answer").to_string()))
            .await;
    let server = TestServer::start().await;
    let document = format!(
        "input: [{{ name: text, type: string }}]\n\
         nodes: [{{ id: call, type: http, method: POST, url: \"{}/call\", body: <api.text> }}]\n\
         output: {{ text: <call.data> }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    let runs = start_all(&server, &receiver.url, "w", true).await;
    let folder = server.folder().to_owned();
    for run in &runs {
        let path = format!("/v1/runs/{run}");
        until(|| server.get(&path, ADMIN_KEY), |run| run["ended_at"].is_string()).await;
        let log = format!("{path}/deliveries");
        let delivered = |log: &Value| log["items"][0]["status"] == "delivered";
        until(|| server.get(&log, ADMIN_KEY), delivered).await;
    }
    assert!(!found_in(&folder).is_empty(), "the search finds what is stored");
    for run in &runs {
        let path = format!("/v1/runs/{run}");
        let deleted = server.request(Method::DELETE, &path, ADMIN_KEY).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
        for part in ["", "/events", "/trace", "/deliveries"] {
            let (status, _) = answer(server.get(&format!("{path}{part}"), ADMIN_KEY)).await;
            assert_eq!(status, 404, "{part}");
        }
        let again = answer(server.request(Method::DELETE, &path, ADMIN_KEY)).await;
        assert_eq!((again.0, &again.1["code"]), (404, &json!("run_not_found")));
    }
    let list = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await.1;
    assert_eq!(list["items"], json!([]));
    until_nothing_is_found(&folder).await;
}

#[tokio::test]
async fn a_run_in_flight_is_not_deleted_and_the_refusal_says_what_to_do() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    let document = format!("nodes: [{{ id: call, type: http, url: \"{}/\" }}]", receiver.url);
    server.publish("w", &document).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", "respond-async");
    let run = answer(start.json(&json!({}))).await.1;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let (status, refusal) = answer(server.request(Method::DELETE, &path, ADMIN_KEY)).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("not_ended")));
    assert!(refusal["detail"].as_str().unwrap().contains("/cancel"), "{refusal}");
    answer(server.post(&format!("{path}/cancel"), ADMIN_KEY)).await;
    until(|| server.get(&path, ADMIN_KEY), |run| run["status"] == "cancelled").await;
    let deleted = server.request(Method::DELETE, &path, ADMIN_KEY).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    receiver.let_go();
}

#[tokio::test]
async fn the_runs_of_a_user_are_deleted_in_every_workflow_and_nobody_elses() {
    let server = TestServer::start().await;
    let document =
        "nodes: [{ id: say, type: template, template: hi }]\noutput: { a: <say.content> }";
    for workflow in ["a", "b", "gone"] {
        server.publish(workflow, document).await;
        for user in ["ann@example.com", "bob"] {
            for _ in 0..3 {
                let start = server.post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY);
                answer(start.json(&json!({ "user": user }))).await;
            }
        }
    }
    // A workflow that was deleted before: its runs are still there.
    let runs = answer(server.get("/v1/workflows/gone/runs?user=bob", ADMIN_KEY)).await.1;
    let of_bob = format!("/v1/runs/{}", runs["items"][0]["id"].as_str().unwrap());
    let runs =
        answer(server.get("/v1/workflows/gone/runs?user=ann@example.com", ADMIN_KEY)).await.1;
    let of_ann = format!("/v1/runs/{}", runs["items"][0]["id"].as_str().unwrap());
    server.request(Method::DELETE, "/v1/workflows/gone", ADMIN_KEY).send().await.unwrap();

    let path = "/v1/users/ann%40example.com/runs";
    let accepted = server.request(Method::DELETE, path, ADMIN_KEY).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let path = location.strip_prefix(&server.public_url).unwrap().to_owned();
    let job = until(|| server.get(&path, ADMIN_KEY), |job| job["status"] == "done").await;
    assert_eq!((&job["deleted"], &job["in_flight"]), (&json!(9), &json!(0)), "{job}");
    for workflow in ["a", "b"] {
        let path = format!("/v1/workflows/{workflow}/runs");
        let list = answer(server.get(&path, ADMIN_KEY)).await.1;
        let users: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|run| run["user"].clone()).collect();
        assert_eq!(users, [json!("bob"), json!("bob"), json!("bob")]);
    }
    assert_eq!(answer(server.get(&of_ann, ADMIN_KEY)).await.0, 404);
    assert_eq!(answer(server.get(&of_bob, ADMIN_KEY)).await.0, 200);
}

/// A store and its jobs, on a clock of the test.
struct Platform {
    runner: Arc<Runner>,
    local: Arc<Local>,
    clock: Arc<TestClock>,
    messages: LocalQueue,
    _folder: tempfile::TempDir,
}

impl Platform {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        let places = Places { all: 1, per_group: 1 };
        let messages = LocalQueue::new(places, places);
        let clock = Arc::new(TestClock::new(at(1_000)));
        let ports = Ports {
            runs: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: Arc::new(messages.clone()),
            workflows: local.clone(),
            jobs: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            keys: local.clone(),
            budgets: local.clone(),
            stats: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            secrets: local.clone(),
            logins: local.clone(),
            files: local.clone(),
            computing: Arc::new(OneAtATime),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        let runner = Runner::new(ports, Settings::default(), OutboundSettings::default()).await?;
        Ok(Self { runner, local, clock, messages, _folder: folder })
    }

    /// Makes a workflow with a version and ended runs; returns its uid.
    async fn workflow(
        &self,
        id: &str,
        document: &str,
        runs: std::ops::Range<u32>,
    ) -> Result<String> {
        let app = &self.runner.app;
        let draft = SaveDraft { id, document, only_if: OnlyIf::Any, reserved_input_names: &[] };
        app.save_draft(&Caller::Admin, draft).await?;
        app.publish(&Caller::Admin, id, None, None).await?;
        let uid = app.read_workflow(&Caller::Admin, id).await?.uid;
        for n in runs {
            let of_workflow = RunHead {
                workflow_id: id.to_owned(),
                workflow_uid: uid.clone(),
                user: Some("ann".to_owned()),
                ..head(n)?
            };
            let mut run = attached(n)?;
            run.head = Arc::new(of_workflow);
            let mut end = ending(flowgate_core::run::RunState::Succeeded);
            end.expires_at = at(1 << 42);
            app.ports.runs.create_ended(run, end).await?;
        }
        Ok(uid)
    }

    async fn count(&self, uid: &str) -> Result<usize> {
        let filter = flowgate_core::run::RunFilter::default();
        Ok(self.runner.app.ports.runs.list(uid, filter, first_page(1_000)).await?.items.len())
    }

    /// Handles one message; without one, sweeps at the next due time.
    async fn work(&mut self) -> Result<()> {
        if let Some(turn) = self.messages.try_next() {
            return self.runner.handle(&turn.message).await;
        }
        let far = self.clock.now() + Duration::from_secs(400 * 24 * 3600);
        let due = self.runner.app.ports.due.due(far, 100).await?;
        self.clock.set(due.iter().map(|item| item.sweep_at).min().context("nothing is due")?);
        self.runner.app.sweep(100).await?;
        Ok(())
    }

    async fn job(&self) -> Result<Option<Job>> {
        Ok(self.runner.app.ports.jobs.open(first_page(9)).await?.items.pop())
    }
}

const DOCUMENT: &str = "nodes: [{ id: say, type: template, template: hi }]";
const OTHER: &str = "nodes: [{ id: say, type: template, template: ho }]";

#[tokio::test]
async fn a_deleted_workflow_takes_its_runs_and_versions_along_after_its_grace() -> Result<()> {
    let mut platform = Platform::start().await?;
    let uid = platform.workflow("w", DOCUMENT, 1..131).await?;
    platform.runner.app.delete_workflow(&Caller::Admin, "w", None).await?;
    let again = platform.workflow("w", OTHER, 200..203).await?;
    assert_ne!(uid, again);
    assert_eq!(platform.count(&uid).await?, 130, "not before its time");
    let job = platform.job().await?.context("there is a job")?;
    let grace = job.due_at.context("it is due")?.since(job.created_at);
    assert_eq!(grace, Duration::from_secs(14 * 24 * 3600));

    let workflows = platform.runner.app.ports.workflows.clone();
    while platform.count(&uid).await? > 0 {
        assert!(workflows.version(&uid, "1.0.0").await?.is_some());
        platform.work().await?;
    }
    // A parent's run may have waited for 30 days of its 37, and its webhooks go on for 76 hours.
    let longest = Duration::from_secs((37 * 24 + 76) * 3600);
    while platform.job().await?.is_some() {
        let is_there = workflows.version(&uid, "1.0.0").await?.is_some();
        assert!(is_there || platform.clock.now() >= job.created_at + longest);
        platform.work().await?;
    }
    assert_eq!((platform.count(&uid).await?, platform.count(&again).await?), (0, 3));
    assert!(workflows.version(&uid, "1.0.0").await?.is_none());
    assert!(workflows.version(&again, "1.0.0").await?.is_some());
    let done = platform.runner.app.ports.jobs.read(&job.id).await?.context("it can be read")?;
    assert_eq!(done.progress.deleted, 130);
    platform
        .local
        .forget_expired(platform.clock.now() + Duration::from_secs(31 * 24 * 3600))
        .await?;
    assert!(platform.runner.app.ports.jobs.read(&job.id).await?.is_none());
    Ok(())
}

/// A run may wait for 30 days before its deadline ends it.
#[tokio::test]
async fn a_chosen_run_id_lasts_as_long_as_the_run() -> Result<()> {
    let platform = Platform::start().await?;
    let uid = platform.workflow("w", DOCUMENT, 0..0).await?;
    let request = StartRequest {
        workflow_id: "w".to_owned(),
        version: None,
        dialect: Dialect::Native,
        input: json!({}),
        input_as_sent: None,
        rules: InputRules { undeclared: Undeclared::Refuse, coerce: false },
        input_pointer: "/input",
        user: None,
        save: None,
        webhooks: Vec::new(),
        response_mode: ResponseMode::Detach,
        when_wait_ends: WhenWaitEnds::Detach,
        timeout: None,
        run_id: Some("mine".to_owned()),
        idempotency: None,
        spending_limit: SpendingLimit::default(),
    };
    platform.runner.start_run(&Caller::Admin, request).await?;
    let runs = &platform.runner.app.ports.runs;
    let filter = flowgate_core::run::RunFilter::default();
    let run = runs.list(&uid, filter, first_page(9)).await?.items.remove(0);
    let waited = run.head.deadline_at + MAX_PAUSE;
    let last = waited + platform.runner.app.settings.retention - Duration::from_millis(1);
    assert!(runs.idempotency(&chosen_id_key(&uid, "mine"), last).await?.is_some());
    Ok(())
}

/// Whatever the step after which the worker dies: the next message goes on, and no run is counted
/// twice.
#[tokio::test]
async fn a_job_goes_on_after_a_crash_at_any_step() -> Result<()> {
    let platform = Platform::start().await?;
    let uids = [
        platform.workflow("a", DOCUMENT, 1..121).await?,
        platform.workflow("b", DOCUMENT, 121..181).await?,
    ];
    let job = platform.runner.app.erase_user(&Caller::Admin, "ann").await?;
    let mut crashes = 0;
    while platform.job().await?.is_some() {
        // The message is lost with its worker: only the due row is left.
        while platform.messages.try_next().is_some() {}
        let work = platform.runner.app.work_on_job(&job.id);
        // Cut wherever it is: after a growing number of wake-ups.
        let mut work = Box::pin(work);
        for _ in 0..crashes {
            if futures_util::poll!(&mut work).is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(work);
        crashes += 1;
        platform.clock.set(platform.clock.now() + Duration::from_secs(61));
    }
    assert!(crashes > 2, "{crashes}");
    for uid in &uids {
        assert_eq!(platform.count(uid).await?, 0);
    }
    Ok(())
}
