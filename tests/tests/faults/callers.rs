//! F22 to F26: revoked keys, storms of repeated starts, many runs, streams that break, waits that
//! are too short.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::keys::KeyRequest;
use flowgate_core::clock::Clock;
use flowgate_core::key::{Scope, WorkflowScope};
use flowgate_core::page::PageRequest;
use flowgate_core::run::RunFilter;
use flowgate_tests::faults::plan::Rates;
use flowgate_tests::faults::seed::{Figures, Random, each_seed, report};
use flowgate_tests::faults::world::{Setup, WORKFLOW, World};
use flowgate_tests::home::patience;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use futures_util::StreamExt;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Multiplies the sizes of F24 and F26.
fn scale() -> usize {
    std::env::var("FLOWGATE_FAULT_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn f22_a_revoked_key_is_refused_within_five_seconds() {
    each_seed("f22 a key revoked in another process, asked every 10 ms", 4, async |seed| {
        let world = World::open(Setup::new(seed)).await?;
        let (front, other) = (world.front().await?, world.worker(0).context("a worker")?);
        let request = KeyRequest {
            name: "test".to_owned(),
            workflows: WorkflowScope::All,
            scopes: [Scope::Run].into(),
            expires_at: None,
            limits: None,
            budget: None,
            origins: Default::default(),
        };
        let app = &front.runner.app;
        let issued = world.drive(app.create_key(&Caller::Admin, request)).await?;
        let key = issued.key.expose_secret().to_owned();
        let accepts = async || world.drive(other.runner.app.authenticate(&key)).await.is_ok();
        for _ in 0..500 {
            ensure!(accepts().await, "a valid key was refused");
            world.clock.set(world.clock.now() + Duration::from_millis(10));
        }
        world.drive(app.revoke_key(&Caller::Admin, &issued.record.id)).await?;
        let (revoked, mut last) = (world.clock.now(), Duration::ZERO);
        for _ in 0..1_000 {
            if accepts().await {
                last = world.clock.now().since(revoked);
            }
            world.clock.set(world.clock.now() + Duration::from_millis(10));
        }
        ensure!(last <= Duration::from_secs(5), "it was accepted for {last:?}");
        Ok(Figures { recovery: last, ..Figures::default() })
    });
}

/// Two hundred starts with one key while the store loses answers. Returns how many runs there are.
pub(crate) async fn storm(setup: Setup) -> Result<usize> {
    let world = World::open(setup).await?;
    let rates = Rates { before: 10, after: 10, throttled: 5, ..Rates::default() };
    world.plan.fail(rates, world.clock.now() + Duration::from_secs(60));
    let accepted = world.drive(join_all((0..200).map(|_| world.try_start(0)))).await;
    let ids: BTreeSet<String> = accepted.into_iter().flatten().map(|run| run.to_string()).collect();
    ensure!(!ids.is_empty(), "nobody was answered");
    let uid = world.truth.workflows.read(WORKFLOW).await?.context("the workflow")?.uid;
    let page = PageRequest { limit: 500, cursor: None };
    let stored = world.truth.runs.list(&uid, RunFilter::default(), page).await?.items.len();
    ensure!(stored >= ids.len(), "an answered run is not stored");
    Ok(stored)
}

#[test]
fn f23_a_storm_of_starts_with_one_key_is_one_run() {
    each_seed("f23 200 starts with one key, answers lost", 8, async |seed| {
        let runs = storm(Setup::new(seed)).await?;
        ensure!(runs == 1, "{runs} runs");
        Ok(Figures::default())
    });
}

/// Waits until all runs of a workflow have ended.
async fn until_ended(server: &TestServer, ids: &[String]) {
    let began = Instant::now();
    for id in ids {
        loop {
            let answer = server.get(&format!("/v1/runs/{id}"), ADMIN_KEY).send().await.unwrap();
            let run: Value = answer.json().await.unwrap();
            if !run["ended_at"].is_null() {
                assert_eq!(run["status"], "succeeded", "{run}");
                break;
            }
            assert!(began.elapsed() < 3 * patience(), "{run}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f24_many_runs_with_many_webhooks() {
    let began = Instant::now();
    let runs = 100 * scale();
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/call" => Reply::After(Duration::from_millis(300), StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let server = TestServer::start().await;
    let url = &receiver.url;
    server.publish("w", &format!("nodes: [{{ id: c, type: http, url: \"{url}/call\" }}]\n")).await;
    let hooks: Vec<_> =
        (0..5).map(|n| json!({ "url": format!("{url}/hook/{n}"), "method": "POST" })).collect();
    let start = async || {
        let asked = Instant::now();
        let request = server.post("/v1/workflows/w/runs", ADMIN_KEY);
        let request = request.header("prefer", "respond-async").json(&json!({ "webhooks": hooks }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let run: Value = answer.json().await.unwrap();
        (run["id"].as_str().unwrap().to_owned(), asked.elapsed())
    };
    let started = futures_util::stream::iter(0..runs).map(|_| start()).buffer_unordered(16);
    let (ids, mut waits): (Vec<_>, Vec<_>) = started.unzip().await;
    until_ended(&server, &ids).await;
    receiver.until(|all| all.len() >= 6 * runs).await;
    for n in 0..5 {
        let seen: BTreeSet<String> = receiver
            .received()
            .iter()
            .filter(|request| request.uri.path() == format!("/hook/{n}"))
            .map(|request| request.headers["flowgate-run-id"].to_str().unwrap().to_owned())
            .collect();
        assert_eq!(seen.len(), runs, "each webhook of each run");
    }
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    let what = format!("f24 {runs} runs with 5 webhooks; accepted within {p99:?} (p99)");
    report(&what, 1, &Figures::default(), began.elapsed());
}

/// Reads a stream up to a number of bytes. Returns the whole frames: their ids and events.
async fn read_some(
    server: &TestServer,
    run: &str,
    last: Option<&str>,
    bytes: u64,
) -> Vec<(Option<String>, String)> {
    let request = server.get(&format!("/v1/runs/{run}/events"), ADMIN_KEY);
    let request = request.header("accept", "text/event-stream");
    let request =
        last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let (mut body, mut text) = (answer.bytes_stream(), Vec::new());
    while let Some(Ok(part)) = body.next().await {
        text.extend_from_slice(&part);
        if text.len() as u64 >= bytes {
            text.truncate(usize::try_from(bytes).unwrap());
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let field = |frame: &str, name: &str| {
        let prefix = format!("{name}: ");
        frame.lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
    };
    let frames = whole.split("\n\n").filter(|frame| frame.contains("data: "));
    frames.map(|frame| (field(frame, "id"), field(frame, "event").unwrap_or_default())).collect()
}

/// Reads a run's events with a cut after a few bytes, again and again. Returns the ids in the order
/// in which they came, and the number of cuts.
async fn stitched(server: &TestServer, run: &str, random: &mut Random) -> (Vec<String>, usize) {
    let (mut ids, mut cuts): (Vec<String>, usize) = (Vec::new(), 0);
    let mut idle = 1;
    loop {
        // An event may be larger than that: then a little more, until it fits.
        let bytes = 100 + random.below(1_200) * idle;
        let frames = read_some(server, run, ids.last().map(String::as_str), bytes).await;
        ids.extend(frames.iter().filter_map(|(id, _)| id.clone()));
        if frames.iter().any(|(_, event)| event == "run.finished") {
            return (ids, cuts);
        }
        cuts += 1;
        idle = if frames.is_empty() { idle + 1 } else { 1 };
        assert!(cuts < 2_000, "the stream does not get on: {ids:?}");
    }
}

#[tokio::test]
async fn f25_a_stream_is_cut_two_hundred_times() {
    let began = Instant::now();
    let server = TestServer::start().await;
    server
        .publish(
            "story",
            "input: [{ name: about, type: string }]\n\
             nodes: [{ id: draft, type: agent, model: offline/echo, echo_delay: 2ms, prompt: \
             '<api.about>' }]\n",
        )
        .await;
    let (mut random, mut cuts, mut runs) = (Random(25), 0, 0);
    while cuts < 200 {
        let text: String = (0..120).map(|word| format!("word{word} ")).collect();
        let start = server.post("/v1/workflows/story/runs", ADMIN_KEY);
        let start = start.header("prefer", "respond-async");
        let start = start.json(&json!({ "input": { "about": text } }));
        let run: Value = start.send().await.unwrap().json().await.unwrap();
        let run = run["id"].as_str().unwrap();
        let (ids, of_run) = stitched(&server, run, &mut random).await;
        let whole = read_some(&server, run, None, u64::MAX).await;
        let whole: Vec<String> = whole.into_iter().filter_map(|(id, _)| id).collect();
        assert_eq!(ids, whole, "no event is missing or repeated");
        cuts += of_run;
        runs += 1;
    }
    let what = format!("f25 {cuts} cuts of streams of {runs} runs");
    report(&what, cuts, &Figures::default(), began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_runs_are_slower_than_their_callers_wait() {
    let began = Instant::now();
    let runs = 100 * scale();
    let receiver = Receiver::start(|_, _| {
        Reply::After(Duration::from_millis(600), StatusCode::OK, "{}".to_owned())
    })
    .await;
    let wait = Duration::from_millis(100);
    let server = TestServer::start_with(|settings| settings.longest_wait = wait).await;
    let url = &receiver.url;
    server.publish("w", &format!("nodes: [{{ id: c, type: http, url: \"{url}/call\" }}]\n")).await;
    let start = async || {
        let answer = server.post("/v1/workflows/w/runs", ADMIN_KEY).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let run: Value = answer.json().await.unwrap();
        run["id"].as_str().unwrap().to_owned()
    };
    let started = futures_util::stream::iter(0..runs).map(|_| start()).buffer_unordered(50);
    let ids: Vec<String> = started.collect().await;
    until_ended(&server, &ids).await;
    assert_eq!(receiver.count("/call"), runs, "no call is repeated");
    let what = format!("f26 {runs} runs slower than their callers wait: 202, and all end");
    report(&what, 1, &Figures::default(), began.elapsed());
}
