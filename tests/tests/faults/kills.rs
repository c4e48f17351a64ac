//! F01, F06 with the real program: SIGKILL again and again, and SIGSTOP.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_tests::faults::seed::{Figures, report};
use flowgate_tests::faults::world::memory_folder;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, publish};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

mod functions;

const KILL_EVERY: Duration = Duration::from_millis(200);
/// Far more than it takes.
const MAX_RECOVERY: Duration = Duration::from_secs(60);

/// Three calls in a row and two webhooks.
fn document(receiver: &str) -> String {
    let call = |id: &str, after: &str| {
        format!(
            "  - {{ id: {id}, type: http, url: \"{receiver}/{id}/<api.i>\", query: {{ after: \
             \"{after}\" }} }}\n"
        )
    };
    format!(
        "input: [{{ name: i, type: number }}]\nnodes:\n{}{}{}  - {{ id: notify, type: webhook, \
         url: \"{receiver}/notify/<api.i>\", body: {{ said: \"<a.data.said>\" }} }}\noutput: {{ \
         said: \"<c.data.said>\" }}\nwebhook: {{ url: \"{receiver}/done/<api.i>\" }}\n",
        call("a", "no"),
        call("b", "<a.data.said>"),
        call("c", "<b.data.said>"),
    )
}

/// Each call takes this long, a webhook nothing.
async fn receiver(call: Duration) -> Receiver {
    Receiver::start(move |request, _| {
        let said = json!({ "said": request.uri.path() }).to_string();
        match request.uri.path().split('/').nth(1) {
            Some("notify" | "done") => Reply::Now(StatusCode::OK, said),
            _ => Reply::After(call, StatusCode::OK, said),
        }
    })
    .await
}

/// Starts a run as a good client does: with a key, and again until it is answered.
async fn accept(client: &Client, url: &watch::Sender<String>, i: u64) -> String {
    loop {
        let base = url.borrow().clone();
        let request = client
            .post(format!("{base}/v1/workflows/w/runs"))
            .bearer_auth(ADMIN_KEY)
            .header("prefer", "respond-async")
            .header("idempotency-key", format!("start-{i}"))
            .json(&json!({ "input": { "i": i } }));
        if let Ok(answer) = request.send().await
            && answer.status() == 202
            && let Ok(run) = answer.json::<Value>().await
        {
            return run["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Reads the recorded calls from a copy of the folder of a dead process: the node and its run's
/// input.
fn recorded(folder: &Path) -> Vec<(String, usize)> {
    let copy = memory_folder().unwrap();
    for name in ["flowgate.db", "flowgate.db-wal"] {
        let _ = std::fs::copy(folder.join(name), copy.path().join(name));
    }
    let connection = rusqlite::Connection::open(copy.path().join("flowgate.db")).unwrap();
    let sql = "SELECT place, head FROM checkpoints JOIN runs ON runs.id = checkpoints.run";
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let input = |head: String| -> usize {
        let head: Value = serde_json::from_str(&head).unwrap();
        head["input"]["i"].as_u64().unwrap().try_into().unwrap()
    };
    rows.map(|row| row.unwrap()).map(|(place, head)| (place, input(head))).collect()
}

fn counts(receiver: &Receiver) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for request in receiver.received() {
        *counts.entry(request.uri.path().to_owned()).or_default() += 1;
    }
    counts
}

/// Kills the process again and again while runs start. Returns the last one's start.
struct Storm {
    /// The calls of each recorded node by the time when it was first seen recorded.
    recorded: Mutex<HashMap<String, usize>>,
    kills: usize,
    last_start: Instant,
}

async fn storm(
    folder: &Path,
    receiver: &Receiver,
    url: &watch::Sender<String>,
    mut process: Process,
    until: Instant,
) -> (Storm, Process) {
    let mut storm = Storm { recorded: Mutex::default(), kills: 0, last_start: Instant::now() };
    while Instant::now() < until {
        tokio::time::sleep(KILL_EVERY).await;
        process.kill().await;
        storm.kills += 1;
        let (recorded, made) = (recorded(folder), counts(receiver));
        for (place, i) in recorded.into_iter().filter(|(place, _)| place.len() == 1) {
            let path = format!("/{place}/{i}");
            let count = made.get(&path).copied().unwrap_or_default();
            storm.recorded.lock().unwrap().entry(path).or_insert(count);
        }
        storm.last_start = Instant::now();
        process = Process::start(folder).await;
        url.send_replace(process.url.clone());
    }
    (storm, process)
}

/// `FLOWGATE_KILL_SECONDS=180` is the whole: 300 runs, and a kill every 200 ms.
fn kill_seconds() -> u64 {
    std::env::var("FLOWGATE_KILL_SECONDS").map_or(6, |text| text.parse().unwrap())
}

/// Starts five runs in three seconds.
async fn accept_all(client: &Client, url: &watch::Sender<String>, seconds: u64) -> Vec<String> {
    let start = async |i: u64| {
        tokio::time::sleep(Duration::from_millis(600 * i)).await;
        accept(client, url, i).await
    };
    futures_util::future::join_all((0..seconds * 5 / 3).map(start)).await
}

/// Whether both webhooks of each run arrived.
fn all_arrived(runs: usize) -> impl Fn(&[Received]) -> bool {
    move |all| {
        let has = |path: String| all.iter().any(|call| call.uri.path() == path);
        (0..runs).all(|i| has(format!("/done/{i}")) && has(format!("/notify/{i}")))
    }
}

/// All attempts of a webhook have one id.
fn assert_one_id_each(receiver: &Receiver) {
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for call in receiver.received() {
        let Some(id) = call.headers.get("webhook-id") else { continue };
        let of_path = ids.entry(call.uri.path().to_owned()).or_default();
        of_path.insert(id.to_str().unwrap().to_owned());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "one id for all attempts: {ids:#?}");
}

/// Returns what did not succeed in time.
async fn until_ended(
    client: &Client,
    url: &str,
    ids: &[String],
    patience: Duration,
) -> Vec<String> {
    let (began, mut broken) = (Instant::now(), Vec::new());
    for id in ids {
        loop {
            let request = client.get(format!("{url}/v1/runs/{id}")).bearer_auth(ADMIN_KEY);
            // A connection that was idle for long may be closed in the moment of its use.
            let run = match request.send().await {
                Ok(answer) => answer.json().await.unwrap(),
                Err(_) => Value::Null,
            };
            if run["status"] == "succeeded" {
                break;
            }
            if !run["ended_at"].is_null() || began.elapsed() > patience {
                broken.push(format!("{id}: {} {}", run["status"], run["error"]));
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    broken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_the_program_is_killed_every_200_ms() {
    let (began, seconds) = (Instant::now(), kill_seconds());
    let (folder, receiver, client) =
        (tempfile::tempdir().unwrap(), receiver(Duration::from_millis(60)).await, Client::new());
    let process = Process::start(folder.path()).await;
    publish(&client, &process.url, "w", &document(&receiver.url)).await;
    let url = watch::Sender::new(process.url.clone());
    let until = began + Duration::from_secs(seconds);
    let storm = storm(folder.path(), &receiver, &url, process, until);
    let (ids, (storm, process)) = tokio::join!(accept_all(&client, &url, seconds), storm);
    let lost = until_ended(&client, &process.url, &ids, MAX_RECOVERY).await;
    let (recovery, runs) = (storm.last_start.elapsed(), ids.len());
    assert!(
        lost.is_empty(),
        "{} of {runs} runs after {} kills: {lost:#?}",
        lost.len(),
        storm.kills
    );
    receiver.until(all_arrived(runs)).await;
    check(&receiver, &storm, runs, recovery, began.elapsed());
}

fn check(receiver: &Receiver, storm: &Storm, runs: usize, recovery: Duration, took: Duration) {
    let made = counts(receiver);
    let repeated: Vec<_> = storm
        .recorded
        .lock()
        .unwrap()
        .iter()
        .filter(|(path, then)| made.get(*path) > Some(*then))
        .map(|(path, then)| format!("{path}: {then}, then {:?}", made.get(path)))
        .collect();
    assert!(repeated.is_empty(), "recorded calls were made again: {repeated:#?}");
    assert_one_id_each(receiver);
    let calls: usize = ["a", "b", "c"]
        .iter()
        .flat_map(|node| (0..runs).map(move |i| format!("/{node}/{i}")))
        .filter_map(|path| made.get(&path))
        .sum();
    let seen = storm.recorded.lock().unwrap().len();
    let kills = storm.kills;
    let what =
        format!("f01_program {kills} kills, {runs} runs, {seen} calls seen recorded at a kill");
    let figures = Figures { extra_calls: calls - 3 * runs, recovery, ..Figures::default() };
    report(&what, 1, &figures, took);
}

fn signal(process: &Process, name: &str) {
    let pid = process.pid().unwrap().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// `FLOWGATE_STOP_SECONDS=75` stops it for longer than a lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_the_program_is_stopped_for_a_while() {
    let began = Instant::now();
    let seconds = std::env::var("FLOWGATE_STOP_SECONDS").ok();
    let seconds: u64 = seconds.map_or(3, |text| text.parse().unwrap());
    let (folder, receiver, client) =
        (tempfile::tempdir().unwrap(), receiver(Duration::from_millis(500)).await, Client::new());
    let process = Process::start(folder.path()).await;
    publish(&client, &process.url, "w", &document(&receiver.url)).await;
    let url = watch::Sender::new(process.url.clone());
    let mut ids = Vec::new();
    for i in 0..20 {
        ids.push(accept(&client, &url, i).await);
    }
    signal(&process, "-STOP");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let again = Instant::now();
    signal(&process, "-CONT");
    let lost = until_ended(&client, &process.url, &ids, MAX_RECOVERY).await;
    assert!(lost.is_empty(), "{lost:#?}");
    let recovery = again.elapsed();
    let made = counts(&receiver);
    let calls =
        |node: &str| (0..20).filter_map(|i| made.get(&format!("/{node}/{i}"))).sum::<usize>();
    let extra_calls = calls("a") + calls("b") + calls("c") - 60;
    assert_eq!(extra_calls, 0, "nothing died: no call is made twice");
    let what = format!("f06_program SIGSTOP for {seconds} s, 20 runs in flight");
    let figures = Figures { extra_calls, recovery, ..Figures::default() };
    report(&what, 1, &figures, began.elapsed());
}
