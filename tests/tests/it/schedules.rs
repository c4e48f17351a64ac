//! Schedules: ticks on a clock that the test owns, and what the API shows of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::schedule::Schedule;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{Ports, Settings};
use flowgate_core::clock::Clock;
use flowgate_core::computing::OneAtATime;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{RunFilter, RunRecord, RunState};
use flowgate_core::system::SystemEntropy;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{DueItem, Message};
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_outbound::OutboundSettings;
use flowgate_runner::Runner;
use flowgate_tests::clock::TestClock;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const HOUR: Duration = Duration::from_secs(3600);

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// A platform without loops: the test sweeps, and works on messages.
struct Platform {
    runner: Arc<Runner>,
    clock: Arc<TestClock>,
    queue: LocalQueue,
    _folder: tempfile::TempDir,
}

impl Platform {
    async fn start(now: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        let places = Places { all: 8, per_group: 8 };
        let queue = LocalQueue::new(places, places);
        let clock = Arc::new(TestClock::new(time(now)));
        let ports = Ports {
            runs: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: Arc::new(queue.clone()),
            workflows: local.clone(),
            jobs: local.clone(),
            keys: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            budgets: local.clone(),
            stats: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            secrets: local.clone(),
            logins: local.clone(),
            files: local,
            computing: Arc::new(OneAtATime),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        let outbound = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
        let runner = Runner::new(ports, Settings::default(), outbound).await?;
        Ok(Self { runner, clock, queue, _folder: folder })
    }

    async fn publish(&self, document: &str) -> Result<()> {
        let reserved_input_names = &[];
        let draft = SaveDraft { id: "w", document, only_if: OnlyIf::Any, reserved_input_names };
        self.runner.app.save_draft(&Caller::Admin, draft).await?;
        self.runner.app.publish(&Caller::Admin, "w", None, None).await?;
        Ok(())
    }

    async fn schedule(&self) -> Result<Schedule> {
        let record = self.runner.app.read_workflow(&Caller::Admin, "w").await?;
        let mut schedules = self.runner.app.schedules(&record.uid).await?;
        Ok(schedules.remove(0))
    }

    async fn runs(&self) -> Result<Vec<RunRecord>> {
        let record = self.runner.app.read_workflow(&Caller::Admin, "w").await?;
        let filter = RunFilter { oldest_first: true, ..RunFilter::default() };
        let page = PageRequest { limit: 1_000, cursor: None };
        Ok(self.runner.app.ports.runs.list(&record.uid, filter, page).await?.items)
    }

    async fn due(&self) -> Result<Vec<DueItem>> {
        self.runner.app.ports.due.due(self.clock.now(), 100).await
    }

    /// What the loops of `serve` do.
    async fn work(&self) -> Result<()> {
        self.runner.app.sweep(100).await?;
        while let Some(turn) = self.queue.try_next() {
            self.runner.handle(&turn.message).await?;
        }
        Ok(())
    }
}

fn document(schedule: &str) -> String {
    format!(
        "schedule: [{schedule}]\ninput: [{{ name: t, default: x }}]\n\
         nodes: [{{ id: say, type: template, template: \"<api.t>\" }}]\n\
         output: {{ said: <say.content> }}\n"
    )
}

#[tokio::test]
async fn a_year_of_ticks_is_a_run_a_day() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:00:00Z").await?;
    let daily = "{ cron: 30 2 * * *, timezone: Europe/Berlin, input: { t: tick } }";
    platform.publish(&document(daily)).await?;
    let end = time("2027-01-01T00:00:00Z");
    let mut ticks = Vec::new();
    while let Some(next) = platform.schedule().await?.next_at.filter(|next| *next < end) {
        platform.clock.set(next - Duration::from_millis(1));
        assert!(platform.due().await?.is_empty(), "nothing is due before its time");
        platform.clock.set(next);
        platform.work().await?;
        ticks.push(next);
    }
    let runs = platform.runs().await?;
    assert_eq!((ticks.len(), runs.len()), (365, 365));
    let first = platform.runner.app.ports.runs.read(&runs[0].head.id).await?;
    assert_eq!(*first.context("it is stored")?.head.input, json!({ "t": "tick" }));
    let zone = TimeZone::get("Europe/Berlin")?;
    let mut odd = Vec::new();
    for (tick, run) in ticks.iter().zip(&runs) {
        assert_eq!((run.state, &run.head.key_id), (RunState::Succeeded, &None));
        assert_eq!(run.head.created_at, *tick);
        let local = jiff::Timestamp::from_millisecond(tick.millis())?.to_zoned(zone.clone());
        if (local.hour(), local.minute()) != (2, 30) {
            odd.push(local.to_string());
        }
    }
    assert_eq!(odd, ["2026-03-29T03:00:00+02:00[Europe/Berlin]"], "a gap: the tick is at its end");
    Ok(())
}

#[tokio::test]
async fn of_missed_ticks_the_last_one_starts_a_run() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform.publish(&document("{ cron: 0 * * * * }")).await?;
    platform.clock.set(time("2026-01-03T05:10:00Z"));
    platform.work().await?;
    platform.work().await?;
    assert_eq!(platform.runs().await?.len(), 1);
    let schedule = platform.schedule().await?;
    assert_eq!(schedule.next_at, Some(time("2026-01-03T06:00:00Z")));
    assert_eq!(schedule.last.unwrap().at, time("2026-01-03T05:00:00Z"));
    Ok(())
}

/// Two sweepers, a message that comes three times, and a worker that died before it moved the row.
#[tokio::test]
async fn a_tick_starts_one_run() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform.publish(&document("{ cron: 0 * * * * }")).await?;
    platform.clock.set(time("2026-01-01T01:00:00Z"));
    let due = platform.due().await?;
    let [item] = &due[..] else { panic!("{due:?}") };
    let (app, uid) = (&platform.runner.app, platform.schedule().await?.uid);
    let (left, right) = tokio::join!(app.sweep(100), app.sweep(100));
    left.and(right)?;
    let before = platform.schedule().await?;
    let tick = platform.clock.now();
    let tries = (0..3).map(|_| platform.runner.tick(&uid, 0, tick));
    for tried in futures_util::future::join_all(tries).await {
        tried?;
    }
    let first = platform.schedule().await?.last.context("it was decided")?.run;
    assert_eq!(platform.runs().await?.len(), 1);
    platform.runner.handle(&item.what).await?;

    // The write that moved the schedule is undone.
    let after = platform.schedule().await?;
    let undone = Schedule { revision: after.revision + 1, ..before };
    app.ports.workflows.save_schedule(&undone, undone.next_at).await?;
    platform.clock.set(tick + Duration::from_secs(61));
    platform.work().await?;
    let last = platform.schedule().await?.last.context("it was decided")?;
    assert_eq!((last.run, last.at), (first, tick));
    assert_eq!(platform.runs().await?.len(), 1);
    Ok(())
}

/// The worker dies after it started the run of a tick, and before it moved the schedule. The next
/// one comes hours later, while that run goes on.
#[tokio::test]
async fn a_run_whose_worker_died_is_the_schedules_last_one() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform
        .publish(
            "schedule: [{ cron: 0 * * * *, overlap: skip }]\n\
             nodes: [{ id: w, type: wait, for: 4h }]\n",
        )
        .await?;
    // The tick at 1 was missed.
    platform.clock.set(time("2026-01-01T02:00:00Z"));
    let before = platform.schedule().await?;
    platform.work().await?;
    let after = platform.schedule().await?;
    let undone = Schedule { revision: after.revision + 1, ..before };
    let workflows = &platform.runner.app.ports.workflows;
    workflows.save_schedule(&undone, undone.next_at).await?;

    platform.clock.set(time("2026-01-01T03:10:00Z"));
    platform.work().await?;
    let [run] = &platform.runs().await?[..] else { panic!("one run was started") };
    let last = platform.schedule().await?.last.context("it was decided")?;
    assert_eq!((last.run.as_ref(), last.at), (Some(&run.head.id), time("2026-01-01T02:00:00Z")));
    // The tick at 3 is decided by itself.
    for _ in 0..3 {
        platform.work().await?;
    }
    assert_eq!(platform.runs().await?.len(), 1, "the run goes on");
    let schedule = platform.schedule().await?;
    let last = schedule.last.context("it was decided")?;
    assert_eq!((last.at, last.skipped.is_some()), (time("2026-01-01T03:00:00Z"), true));
    assert_eq!(schedule.next_at, Some(time("2026-01-01T04:00:00Z")));
    Ok(())
}

/// A tick that is due is not lost with a publish or rollback, unless that changes it.
#[tokio::test]
async fn a_due_tick_stays_with_another_version() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    let hourly = document("{ cron: 0 * * * * }");
    platform.publish(&hourly).await?;
    platform.clock.set(time("2026-01-01T01:00:10Z"));
    let queued = document("{ cron: 0 * * * *, overlap: queue }");
    platform.publish(&queued.replace("<api.t>", "new <api.t>")).await?;
    assert_eq!(platform.schedule().await?.next_at, Some(time("2026-01-01T01:00:00Z")));
    platform.work().await?;
    let runs = platform.runs().await?;
    assert_eq!((runs.len(), runs[0].head.version.as_str()), (1, "1.0.1"));

    platform.clock.set(time("2026-01-01T02:00:10Z"));
    platform.runner.app.rollback(&Caller::Admin, "w", None).await?;
    platform.work().await?;
    let runs = platform.runs().await?;
    assert_eq!((runs.len(), runs[1].head.version.as_str()), (2, "1.0.0"));

    platform.clock.set(time("2026-01-01T03:00:10Z"));
    platform.publish(&document("{ cron: 0 * * * *, input: { t: y } }")).await?;
    platform.work().await?;
    assert_eq!(platform.runs().await?.len(), 2);
    assert_eq!(platform.schedule().await?.next_at, Some(time("2026-01-01T04:00:00Z")));
    Ok(())
}

/// The share of the operator is for the operator's runs.
#[tokio::test]
async fn scheduled_runs_are_a_group_of_their_own() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform.publish(&document("{ cron: 0 * * * * }")).await?;
    platform.clock.set(time("2026-01-01T01:00:00Z"));
    platform.work().await?;
    let head = platform.runs().await?.remove(0).head;
    let uid = &head.workflow_uid;
    assert_eq!(head.group(), Schedule::group(uid));
    assert_eq!(head.holder(), flowgate_core::memory::Holder::of_workflow(uid));
    Ok(())
}

/// The run of the first tick waits for four hours.
async fn with_a_long_run(overlap: &str) -> Result<Platform> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform
        .publish(&format!(
            "schedule: [{{ cron: 0 * * * *, overlap: {overlap} }}]\n\
             nodes: [{{ id: w, type: wait, for: 4h }}]\n"
        ))
        .await?;
    platform.clock.set(time("2026-01-01T01:00:00Z"));
    platform.work().await?;
    assert_eq!(platform.runs().await?[0].state, RunState::Waiting);
    for _ in 0..3 {
        platform.clock.set(platform.clock.now() + HOUR);
        platform.work().await?;
        assert_eq!(platform.runs().await?.len(), 1, "{overlap}");
    }
    Ok(platform)
}

#[tokio::test]
async fn ticks_during_a_run_are_skipped() -> Result<()> {
    let platform = with_a_long_run("skip").await?;
    let schedule = platform.schedule().await?;
    let last = schedule.last.context("it was decided")?;
    assert_eq!(schedule.next_at, Some(time("2026-01-01T05:00:00Z")));
    assert_eq!(last.at, time("2026-01-01T04:00:00Z"));
    assert_eq!(last.skipped.as_deref(), Some("the run before has not ended"));
    assert_eq!(last.run, Some(platform.runs().await?[0].head.id.clone()));
    platform.clock.set(time("2026-01-01T05:30:00Z"));
    for _ in 0..3 {
        platform.work().await?;
    }
    platform.clock.set(time("2026-01-01T06:00:00Z"));
    platform.work().await?;
    assert_eq!(platform.runs().await?.len(), 2, "the run has ended");
    Ok(())
}

#[tokio::test]
async fn ticks_during_a_run_are_queued_as_one() -> Result<()> {
    let platform = with_a_long_run("queue").await?;
    assert_eq!(platform.schedule().await?.next_at, Some(time("2026-01-01T02:00:00Z")));
    platform.clock.set(time("2026-01-01T05:00:10Z"));
    for _ in 0..4 {
        platform.work().await?;
        platform.clock.set(platform.clock.now() + Duration::from_secs(31));
    }
    let runs = platform.runs().await?;
    assert_eq!((runs.len(), runs[0].state), (2, RunState::Succeeded));
    let schedule = platform.schedule().await?;
    assert_eq!(schedule.last.context("it was decided")?.at, time("2026-01-01T05:00:00Z"));
    assert_eq!(schedule.next_at, Some(time("2026-01-01T06:00:00Z")));
    Ok(())
}

/// What cannot start is said, and the schedule goes on.
#[tokio::test]
async fn a_tick_that_cannot_start_says_why() -> Result<()> {
    let platform = Platform::start("2026-01-01T00:30:00Z").await?;
    platform
        .publish(
            "schedule: [{ cron: 0 * * * * }]\nnodes: [{ id: c, type: workflow, workflow: none }]\n",
        )
        .await?;
    platform.clock.set(time("2026-01-01T01:00:00Z"));
    platform.work().await?;
    let schedule = platform.schedule().await?;
    let skipped = schedule.last.and_then(|last| last.skipped).unwrap_or_default();
    assert!(skipped.contains("there is no workflow `none`"), "{skipped}");
    assert_eq!(schedule.next_at, Some(time("2026-01-01T02:00:00Z")));
    assert_eq!(platform.runs().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn messages_of_ticks_have_one_form() {
    let message = Message::ScheduleV1 { uid: "u".into(), schedule: 1, tick: Timestamp(5) };
    let text = json!({ "type": "ScheduleV1", "uid": "u", "schedule": 1, "tick": 5 });
    assert_eq!(serde_json::to_value(&message).unwrap(), text);
}

#[tokio::test]
async fn the_workflow_shows_its_schedules() {
    let server = TestServer::start().await;
    let two = "{ cron: 0 9 * * 1-5, timezone: Asia/Tokyo }, { cron: 0 0 1 1 *, overlap: queue }";
    server.publish("w", &document(two)).await;
    let shown = answer(server.get("/v1/workflows/w", ADMIN_KEY)).await.1["schedules"].take();
    let [first, second] = &shown.as_array().unwrap()[..] else { panic!("{shown:#}") };
    assert_eq!(
        (&first["cron"], &first["timezone"], &first["overlap"], &first["last"]),
        (&json!("0 9 * * 1-5"), &json!("Asia/Tokyo"), &json!("skip"), &Value::Null)
    );
    assert!(first["next_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{first}");
    assert_eq!((&second["timezone"], &second["overlap"]), (&json!("UTC"), &json!("queue")));
    let gone = server.request(reqwest::Method::DELETE, "/v1/workflows/w/active", ADMIN_KEY);
    assert_eq!(gone.send().await.unwrap().status(), 204);
    let shown = answer(server.get("/v1/workflows/w", ADMIN_KEY)).await.1;
    assert_eq!(shown["schedules"], json!([]));
}

#[tokio::test]
async fn wrong_schedules_are_refused_with_their_places() {
    let server = TestServer::start().await;
    let wrong = "{ cron: 0 0 31 2 * }, { cron: x, timezone: Mars/Base }, \
                 { cron: 0 9 * * *, input: { u: 1 } }";
    let save = server.request(reqwest::Method::PUT, "/v1/workflows/w", ADMIN_KEY);
    let save = save.header("content-type", "application/yaml").body(document(wrong));
    let saved = answer(save).await.1;
    let problems = saved["problems"].as_array().unwrap();
    let of_input = problems.iter().filter(|problem| problem["path"] == "/schedule/2/input");
    assert_eq!(of_input.count(), 1, "{saved:#}");
    let times = "{ cron: 0 0 31 2 * }, { cron: x, timezone: Mars/Base }";
    let save = server.request(reqwest::Method::PUT, "/v1/workflows/w", ADMIN_KEY);
    answer(save.header("content-type", "application/yaml").body(document(times))).await;
    let publish = server.post("/v1/workflows/w/versions", ADMIN_KEY).json(&json!({}));
    let (status, refused) = answer(publish).await;
    assert_eq!(status, 422);
    let places: Vec<&str> = refused["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|problem| problem["path"].as_str())
        .collect();
    assert_eq!(places, ["/schedule/0/cron", "/schedule/1/cron", "/schedule/1/timezone"]);
    let never = refused["problems"][0]["message"].as_str().unwrap();
    assert!(never.ends_with("never comes"), "{never}");
}

/// Waits for a real minute, and kills the process as soon as the tick's run makes its call.
#[tokio::test]
async fn a_tick_survives_kill_9() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let folder = tempfile::tempdir().unwrap();
    let (client, mut process) = (reqwest::Client::new(), Process::start(folder.path()).await);
    let document = format!(
        "schedule: [{{ cron: \"* * * * *\" }}]\n\
         nodes: [{{ id: c, type: http, url: \"{}/tick\" }}]\n",
        receiver.url
    );
    publish(&client, &process.url, "w", &document).await;
    let began = Instant::now();
    while receiver.count("/tick") == 0 {
        assert!(began.elapsed() < Duration::from_secs(90), "no tick in a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.kill().await;
    process = Process::start(folder.path()).await;
    receiver.until(|all| all.len() == 2).await;
    receiver.let_go();
    let list = format!("{}/v1/workflows/w/runs", process.url);
    let runs = until(
        || client.get(&list).bearer_auth(ADMIN_KEY),
        |runs| runs["items"].as_array().is_some_and(|runs| runs[0]["status"] == "succeeded"),
    )
    .await;
    let shown: Value = client
        .get(format!("{}/v1/workflows/w", process.url))
        .bearer_auth(ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let minutes: Vec<&str> = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|run| run["created_at"].as_str()?.get(..16))
        .collect();
    let mut distinct = minutes.clone();
    distinct.dedup();
    assert_eq!(minutes, distinct, "one run per tick: {shown:#}");
}
