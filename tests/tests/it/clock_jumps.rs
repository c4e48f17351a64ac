//! A clock that is set, and a process that stands still for longer than a lease: to a process, both
//! are a jump of the time. It drives no run twice and makes no attempt twice, and loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{Ports, Settings};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::delivery::WebhookBody;
use flowgate_core::run::{Dialect, Mode, RunRecord};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, Started, WebhookRequest, WhenWaitEnds};
use flowgate_tests::ports::sample::at;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, publish};
use serde_json::{Value, json};

const HOURS: i64 = 3 * 3_600_000;

/// Runs with the system's clock, and can be set.
struct Time {
    began: Instant,
    offset: AtomicI64,
}

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        at(elapsed + self.offset.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

struct Platform {
    runner: Arc<Runner>,
    clock: Arc<Time>,
    queue: LocalQueue,
    _folder: tempfile::TempDir,
}

impl Platform {
    async fn start(document: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        let places = Places { all: 8, per_group: 8 };
        let queue = LocalQueue::new(places, places);
        let clock = Arc::new(Time { began: Instant::now(), offset: AtomicI64::new(0) });
        let ports = Ports {
            runs: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: Arc::new(queue.clone()),
            workflows: local.clone(),
            keys: local.clone(),
            budgets: local.clone(),
            stats: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            jobs: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            computing: Arc::new(OneAtATime),
            secrets: local.clone(),
            logins: local.clone(),
            files: local,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        let outbound = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
        let runner = Runner::new(ports, Settings::default(), outbound).await?;
        let draft =
            SaveDraft { id: "w", document, only_if: OnlyIf::Any, reserved_input_names: &[] };
        runner.app.save_draft(&Caller::Admin, draft).await?;
        runner.app.publish(&Caller::Admin, "w", None, None).await?;
        Ok(Self { runner, clock, queue, _folder: folder })
    }

    async fn run(&self, mode: ResponseMode, webhooks: Vec<WebhookRequest>) -> Result<RunRecord> {
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
            webhooks,
            response_mode: mode,
            when_wait_ends: WhenWaitEnds::Detach,
            spending_limit: SpendingLimit::default(),
            timeout: None,
            run_id: None,
            idempotency: None,
        };
        match self.runner.start_run(&Caller::Admin, request).await?.started {
            Started::Run(record) => Ok(*record),
            _ => anyhow::bail!("the run neither ended nor was accepted"),
        }
    }

    /// Handles what waits in the queue, each in its own task, as the loop of `serve` does.
    fn work(&self) {
        while let Some(turn) = self.queue.try_next() {
            let runner = self.runner.clone();
            tokio::spawn(async move { runner.handle(&turn.message).await });
        }
    }

    fn set(&self, by: i64) {
        self.clock.offset.fetch_add(by, Ordering::SeqCst);
    }

    async fn sweep_and_work(&self) -> Result<()> {
        self.runner.app.sweep(100).await?;
        self.work();
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(())
    }
}

async fn held() -> Receiver {
    Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await
}

fn calling(receiver: &Receiver) -> String {
    format!("nodes: [{{ id: call, type: http, url: \"{}/call\" }}]\n", receiver.url)
}

async fn until_ended(platform: &Platform, run: &RunRecord) -> Result<RunRecord> {
    for _ in 0..1_000 {
        let read = platform.runner.app.ports.runs.read(&run.head.id).await?;
        if let Some(ended) = read.filter(|read| read.state.has_ended()) {
            return Ok(ended);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the run does not end")
}

#[tokio::test]
async fn a_run_whose_lease_has_ended_here_is_not_driven_twice_here() -> Result<()> {
    let receiver = held().await;
    for forward in [2 * 60_000, HOURS] {
        let platform = Platform::start(&calling(&receiver)).await?;
        let before = receiver.received().len();
        let run = platform.run(ResponseMode::Detach, Vec::new()).await?;
        platform.work();
        receiver.until(|all| all.len() == before + 1).await;
        platform.set(forward);
        for _ in 0..3 {
            platform.sweep_and_work().await?;
            platform.set(forward / 10);
        }
        assert_eq!(receiver.received().len(), before + 1, "the call is made once");
        receiver.let_go();
        assert_eq!(until_ended(&platform, &run).await?.state.as_str(), "succeeded");
    }
    Ok(())
}

#[tokio::test]
async fn an_attempt_whose_claim_has_ended_here_is_not_made_twice_here() -> Result<()> {
    let receiver = held().await;
    let platform = Platform::start("nodes: [{ id: say, type: template, template: hi }]\n").await?;
    let webhook = WebhookRequest {
        pointer: String::new(),
        url: receiver.url.clone(),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: WebhookBody::Run,
    };
    platform.run(ResponseMode::Wait(None), vec![webhook]).await?;
    platform.work();
    receiver.until(|all| all.len() == 1).await;
    platform.set(HOURS);
    for _ in 0..3 {
        platform.sweep_and_work().await?;
        platform.set(10 * 60_000);
    }
    assert_eq!(receiver.received().len(), 1, "the attempt is made once");
    receiver.let_go();
    Ok(())
}

#[tokio::test]
async fn a_caller_does_not_wait_the_hours_by_which_the_clock_was_wrong() -> Result<()> {
    let receiver = held().await;
    let platform = Arc::new(Platform::start(&calling(&receiver)).await?);
    let waiting = tokio::spawn({
        let platform = platform.clone();
        let wait = ResponseMode::Wait(Some(Duration::from_secs(1)));
        async move { platform.run(wait, Vec::new()).await }
    });
    receiver.until(|all| all.len() == 1).await;
    platform.set(-HOURS);
    tokio::time::sleep(Duration::from_secs(3)).await;
    receiver.let_go();
    let run =
        tokio::time::timeout(Duration::from_secs(15), waiting).await.expect("an answer")??;
    assert!(run.state.has_ended() || run.mode == Mode::Detached, "{:?}", run.state);
    Ok(())
}

/// The same with a real process and the real lease.
#[tokio::test]
#[ignore = "takes 80 s: longer than a lease"]
async fn a_process_that_was_stopped_goes_on_where_it_was() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), held().await);
    let (process, client) = (Process::start(folder.path()).await, reqwest::Client::new());
    publish(&client, &process.url, "w", &calling(&receiver)).await;
    let start = client
        .post(format!("{}/v1/workflows/w/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async")
        .json(&json!({ "webhooks": [{ "url": format!("{}/hook", receiver.url) }] }));
    let run: Value = start.send().await.unwrap().json().await.unwrap();
    receiver.until(|all| all.len() == 1).await;
    process.signal("STOP");
    tokio::time::sleep(Duration::from_secs(75)).await;
    process.signal("CONT");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(receiver.count("/call"), 1, "the call is made once");
    receiver.let_go();
    receiver.until(|all| all.iter().any(|request| request.uri.path() == "/hook")).await;
    let read = client.get(format!("{}/v1/runs/{}", process.url, run["id"].as_str().unwrap()));
    let read: Value = read.bearer_auth(ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["status"], "succeeded");
    assert_eq!(receiver.received().len(), 2);
    process.kill().await;
}
