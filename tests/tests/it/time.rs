//! Time under the test's control: hours of retries of deliveries and nodes, without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{Ports, Settings};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::delivery::{DeliveryState, WebhookBody};
use flowgate_core::id::RunId;
use flowgate_core::run::{Dialect, Mode, RunRecord, RunState};
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, SecretRule, Secrets};
use flowgate_core::system::SystemEntropy;
use flowgate_core::time::Timestamp;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, Started, WebhookRequest, WhenWaitEnds};
use flowgate_tests::clock::TestClock;
use flowgate_tests::ports::sample::at;
use flowgate_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};

/// The local store, whose secrets cannot be read for a while.
struct Flaky {
    local: Local,
    failures_left: AtomicUsize,
}

#[async_trait]
impl Secrets for Flaky {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        self.local.keyring(create).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        self.local.replace_keyring(next).await
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        Secrets::put(&self.local, name, secret, now).await
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        let fails = self
            .failures_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if fails {
            bail!("the secret store does not answer");
        }
        Secrets::get(&self.local, name).await
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        Secrets::list(&self.local).await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        Secrets::delete(&self.local, name).await
    }
}

fn request() -> StartRequest {
    StartRequest {
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
        response_mode: ResponseMode::Wait(None),
        when_wait_ends: WhenWaitEnds::Detach,
        spending_limit: SpendingLimit::default(),
        timeout: None,
        run_id: None,
        idempotency: None,
    }
}

struct Platform {
    runner: Arc<Runner>,
    clock: Arc<TestClock>,
    secrets: Arc<Flaky>,
    queue: LocalQueue,
    _folder: tempfile::TempDir,
}

impl Platform {
    async fn start(secret_failures: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        let places = Places { all: 8, per_group: 8 };
        let queue = LocalQueue::new(places, places);
        let clock = Arc::new(TestClock::new(at(0)));
        let secrets = Arc::new(Flaky {
            local: Local::clone(&local),
            failures_left: AtomicUsize::new(secret_failures),
        });
        let ports = Ports {
            runs: local.clone(),
            files: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: Arc::new(queue.clone()),
            workflows: local.clone(),
            jobs: local.clone(),
            budgets: local.clone(),
            stats: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            keys: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            secrets: secrets.clone(),
            logins: local,
            computing: Arc::new(OneAtATime),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        let outbound = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
        let runner = Runner::new(ports, Settings::default(), outbound).await?;
        Ok(Self { runner, clock, secrets, queue, _folder: folder })
    }

    async fn publish(&self, document: &str) -> Result<()> {
        let reserved_input_names = &[];
        let draft = SaveDraft { id: "w", document, only_if: OnlyIf::Any, reserved_input_names };
        self.runner.app.save_draft(&Caller::Admin, draft).await?;
        self.runner.app.publish(&Caller::Admin, "w", None, None).await?;
        Ok(())
    }

    async fn run(
        &self,
        response_mode: ResponseMode,
        webhooks: Vec<WebhookRequest>,
    ) -> Result<Box<RunRecord>> {
        let request = StartRequest { response_mode, webhooks, ..request() };
        match self.runner.start_run(&Caller::Admin, request).await?.started {
            Started::Run(record) => Ok(record),
            _ => bail!("the run neither ended nor was accepted"),
        }
    }

    /// Moves to the next due time, and handles what is due as the loops of `serve` do.
    async fn do_what_is_due(&mut self) -> Result<()> {
        let far = self.clock.now() + Duration::from_secs(30 * 24 * 3600);
        let due = self.runner.app.ports.due.due(far, 100).await?;
        self.clock.set(due.iter().map(|item| item.sweep_at).min().context("nothing is due")?);
        self.runner.app.sweep(100).await?;
        while let Some(turn) = self.queue.try_next() {
            self.runner.handle(&turn.message).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_delivery_that_fails_for_75_hours_is_tried_ten_times() -> Result<()> {
    let began = Instant::now();
    let receiver =
        Receiver::start(|_, _| Reply::Now(StatusCode::INTERNAL_SERVER_ERROR, "no".to_owned()))
            .await;
    let mut platform = Platform::start(0).await?;
    platform
        .publish(
            "nodes: [{ id: say, type: template, template: Hello }]\n\
             output: { said: <say.content> }\n",
        )
        .await?;
    let webhook = WebhookRequest {
        pointer: "/webhooks/0".to_owned(),
        url: format!("{}/hook", receiver.url),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: WebhookBody::Run,
    };
    let run = platform.run(ResponseMode::Wait(None), vec![webhook]).await?;
    assert_eq!(run.state, RunState::Succeeded);

    let delivery = loop {
        let deliveries = platform.runner.app.ports.deliveries.of_run(&run.head.id).await?;
        let [delivery] = &deliveries[..] else { bail!("one webhook has one delivery") };
        if delivery.state != DeliveryState::Pending {
            break delivery.clone();
        }
        platform.do_what_is_due().await?;
    };
    assert_eq!(delivery.state, DeliveryState::Exhausted);
    let tried_at: Vec<i64> =
        delivery.attempts.iter().map(|attempt| attempt.at.millis() / 1_000).collect();
    let waits: Vec<i64> = tried_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let hours = 3_600;
    let schedule =
        [5, 300, 1_800, 2 * hours, 5 * hours, 10 * hours, 14 * hours, 20 * hours, 24 * hours];
    assert_eq!(waits.len(), schedule.len());
    for (wait, planned) in waits.iter().zip(schedule) {
        // Within 20 %, plus at most a minute until the sweep.
        assert!((planned * 4 / 5 - 1..=planned * 6 / 5 + 61).contains(wait), "{waits:?}");
    }
    assert_eq!(receiver.count("/hook"), 10);
    assert!(began.elapsed() < Duration::from_secs(10), "75 hours took {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_tried_again_for_minutes_takes_none() -> Result<()> {
    let began = Instant::now();
    let receiver = Receiver::ok().await;
    let platform = Platform::start(9).await?;
    let secret = SecretRecord { value: "a token".into(), rule: SecretRule::default() };
    Secrets::put(&platform.secrets.local, "TOKEN", &secret, at(0)).await?;
    platform
        .publish(&format!(
            "nodes: [{{ id: call, type: http, url: \"{}/call\", headers: {{ X-Token: \
             '{{{{TOKEN}}}}' }}, timeout: 10m, retry: {{ max_attempts: 10, backoff: 60s }} }}]\n\
             output: {{ status: <call.status> }}\n",
            receiver.url
        ))
        .await?;
    let run = platform.run(ResponseMode::Detach, Vec::new()).await?;
    let message = platform.queue.next().await.message.clone();
    let runner = platform.runner.clone();
    let working = tokio::spawn(async move { runner.handle(&message).await });
    // Moves the clock from pause to pause until the last one has passed. It stands still during
    // calls.
    let mut until = Timestamp(i64::MAX);
    while platform.clock.now() < until {
        platform.clock.wake_next();
        tokio::time::sleep(Duration::from_millis(1)).await;
        if until == Timestamp(i64::MAX)
            && platform.secrets.failures_left.load(Ordering::SeqCst) == 0
        {
            until = platform.clock.now() + Duration::from_secs(60);
        }
    }
    working.await??;

    let stored =
        platform.runner.app.ports.runs.read(&run.head.id).await?.context("the run is stored")?;
    let end = stored.end.context("the run has ended")?;
    assert_eq!((stored.state, &*end.output), (RunState::Succeeded, &json!({ "status": 200 })));
    let minutes = end.ended_at.since(end.started_at).as_secs() / 60;
    assert!(
        (9..60).contains(&minutes),
        "nine pauses of a minute took {minutes} minutes of the run's own time"
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{minutes} minutes took {:?}",
        began.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn a_run_that_ends_with_its_callers_wait_is_cancelled_by_one_write() -> Result<()> {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let platform = Platform::start(0).await?;
    platform
        .publish(&format!(
            "nodes: [{{ id: call, type: http, url: \"{}/call\", timeout: 10m }}]\n",
            receiver.url
        ))
        .await?;
    let runner = platform.runner.clone();
    let request = StartRequest { when_wait_ends: WhenWaitEnds::Cancel, ..request() };
    let waiting = tokio::spawn(async move { runner.start_run(&Caller::Admin, request).await });
    receiver.until(|all| all.len() == 1).await;
    while !waiting.is_finished() {
        // The run and its call's timeout; while the run reads its store, only the timeout sleeps.
        if platform.clock.sleeping() == 2 {
            platform.clock.wake_next();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let Started::Overdue(answered) = waiting.await??.started else {
        bail!("the caller's wait was not over")
    };
    let stored = platform
        .runner
        .app
        .ports
        .runs
        .read(&answered.head.id)
        .await?
        .context("the run is stored")?;
    assert_eq!((answered.state, stored.state), (RunState::Cancelled, RunState::Cancelled));
    // It was neither detached nor claimed again.
    assert_eq!((stored.mode, stored.fence), (Mode::Attached, 1));
    let longest_wait = platform.runner.app.settings.longest_wait;
    assert_eq!(stored.end.context("it has ended")?.ended_at, stored.head.created_at + longest_wait);
    Ok(())
}

/// Clients of MCP wait for a minute.
#[tokio::test]
async fn a_tool_answers_after_50_seconds_while_its_run_goes_on() -> Result<()> {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let platform = Platform::start(0).await?;
    let document =
        format!("nodes: [{{ id: call, type: http, url: \"{}\", timeout: 10m }}]\n", receiver.url);
    platform.publish(&document).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let request = reqwest::Client::new()
        .post(format!("http://{}/mcp", listener.local_addr()?))
        .bearer_auth(platform.runner.app.bootstrap_token().await?)
        .header("accept", "application/json, text/event-stream")
        .json(&json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "w" }
        }));
    let router = flowgate_api::router(platform.runner.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let over = platform.clock.now() + Duration::from_secs(50);
    let waiting = tokio::spawn(request.send());
    receiver.until(|all| all.len() == 1).await;
    while !waiting.is_finished() {
        // The run and its call's timeout; while the run reads its store, only the timeout sleeps.
        if platform.clock.sleeping() == 2 && platform.clock.now() < over {
            platform.clock.wake_next();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(platform.clock.now(), over);
    let answered: Value = waiting.await??.json().await?;
    let result = &answered["result"];
    assert_eq!((&answered["id"], &result["isError"]), (&json!(1), &json!(true)), "{answered}");
    let run = result["_meta"]["flowgate/run_id"].as_str().and_then(RunId::parse);
    let run = run.context("the run is named")?;
    let stored = platform.runner.app.ports.runs.read(&run).await?.context("the run is stored")?;
    assert_eq!((stored.state, stored.mode), (RunState::Running, Mode::Detached));
    Ok(())
}

/// Five days of failures disable a receiver for one workflow; a recovery enables it again.
#[tokio::test]
async fn a_receiver_that_fails_for_five_days_is_disabled_until_it_is_recovered() -> Result<()> {
    let mut platform = Platform::start(0).await?;
    platform.publish("nodes: [{ id: say, type: template, template: hi }]\n").await?;
    let works = Arc::new(AtomicUsize::new(0));
    let receiver = Receiver::start({
        let works = works.clone();
        move |_, _| match works.load(Ordering::SeqCst) {
            0 => Reply::Now(StatusCode::INTERNAL_SERVER_ERROR, String::new()),
            _ => Reply::Now(StatusCode::OK, String::new()),
        }
    })
    .await;
    let began = platform.clock.now();
    let day = Duration::from_secs(24 * 3600);
    let hook = || WebhookRequest {
        pointer: String::new(),
        url: receiver.url.clone(),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: WebhookBody::Run,
    };
    let failing = async |platform: &Platform, run: &RunRecord| {
        let listed = platform
            .runner
            .app
            .list_deliveries(&Caller::Admin, run.head.id.as_str())
            .await?
            .remove(0);
        Ok::<_, anyhow::Error>((
            listed.delivery.state,
            listed.failing.and_then(|failing| failing.disabled_at),
        ))
    };
    let first = platform.run(ResponseMode::Wait(None), vec![hook()]).await?;
    while failing(&platform, &first).await?.0 == DeliveryState::Pending {
        platform.do_what_is_due().await?;
    }
    assert_eq!(failing(&platform, &first).await?, (DeliveryState::Exhausted, None), "three days");
    platform.clock.set(began + 5 * day - Duration::from_secs(60));
    let second = platform.run(ResponseMode::Wait(None), vec![hook()]).await?;
    platform.do_what_is_due().await?;
    assert_eq!(failing(&platform, &second).await?.1, None, "not yet five days");
    platform.clock.set(began + 5 * day + Duration::from_secs(60));
    platform.do_what_is_due().await?;
    let disabled = failing(&platform, &second).await?.1;
    assert!(disabled.is_some(), "five days of failures");

    let sent = receiver.received().len();
    let third = platform.run(ResponseMode::Wait(None), vec![hook()]).await?;
    platform.do_what_is_due().await?;
    assert_eq!(failing(&platform, &third).await?, (DeliveryState::Exhausted, disabled));
    assert_eq!(receiver.received().len(), sent, "nothing is sent to it");

    works.store(1, Ordering::SeqCst);
    let app = &platform.runner.app;
    let recovered = app.recover_deliveries(&Caller::Admin, "w", began + day, None).await?;
    assert_eq!(recovered.enabled.len(), 1);
    assert_eq!((recovered.redelivered, recovered.next_cursor), (1, None), "the third alone");
    while failing(&platform, &third).await?.0 == DeliveryState::Pending {
        platform.do_what_is_due().await?;
    }
    assert_eq!(failing(&platform, &third).await?, (DeliveryState::Delivered, None));
    assert_eq!(failing(&platform, &first).await?.0, DeliveryState::Exhausted, "before `since`");
    Ok(())
}
