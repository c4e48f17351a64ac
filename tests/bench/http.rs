//! Compares Flowgate with a bare handler that stores each request in one group-committed SQLite
//! insert: `cargo bench -p flowgate-tests --bench http`.
//!
//! Only the ratios matter: the machine's speed drifts, so the two take turns. The client is a bare
//! socket, so that it uses little of the machine.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
#![expect(clippy::disallowed_methods, reason = "a benchmark is about real time")]

mod bare;
mod load;
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use flowgate_tests::server::{issue_key, publish};
use load::{Request, median};
use serde_json::{Value, json};
use server::Server;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const DETACHED: usize = 1_000;
const W1: &str = include_str!("../../examples/greeting.yaml");

fn main() {
    flowgate_child::main_if_asked();
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("bare") => bare::serve(Path::new(&arguments[2]), &arguments[3]),
        Some("serve") => drop(flowgate::main()),
        _ => tokio::runtime::Runtime::new().expect("a runtime").block_on(bench()),
    }
}

async fn bench() {
    let bare = Server::start(|folder, address| {
        ["bare", &folder.display().to_string(), address].map(str::to_owned).to_vec()
    })
    .await;
    let flowgate = Server::of_flowgate().await;
    let (client, url) = (reqwest::Client::new(), format!("http://{}", flowgate.address));
    publish(&client, &url, "w1", W1).await;
    publish(&client, &url, "chain", &chain(100)).await;
    let key = issue_key(&client, &url, &["*"], &["run", "read"]).await;
    let body = r#"{"input":{"name":"Ada","n":3}}"#;
    let to_bare = Request::post(&bare.address, "/", "", body);
    let to_w1 = Request::post(&flowgate.address, "/v1/workflows/w1/runs", &key, body);
    let to_chain = Request::post(
        &flowgate.address,
        "/v1/workflows/chain/runs",
        &key,
        r#"{"input":{"name":"Ada"}}"#,
    );

    compare(&to_bare, &to_w1, &flowgate).await;
    latency(&to_bare, &to_w1, &to_chain).await;
    detached(&client, &url, &key).await;
}

async fn compare(bare: &Request, w1: &Request, server: &Server) {
    println!(
        "\nW1 beside a bare group-committed insert, median of {ROUNDS} rounds in turn: requests/s, \
         p99 in ms, KB that were written per run"
    );
    println!(
        "{:>12} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8}",
        "connections", "bare", "flowgate", "ratio", "p99", "p99", "written"
    );
    for connections in CONNECTIONS {
        let mut columns: [Vec<f64>; 6] = Default::default();
        for _ in 0..ROUNDS {
            let of_bare = load::sustained(bare, connections, ROUND).await;
            let before = server.written();
            let of_w1 = load::sustained(w1, connections, ROUND).await;
            let written = (server.written() - before) / of_w1.requests as f64 / 1e3;
            let ratio = of_w1.per_second / of_bare.per_second;
            let (slow, slow_w1) = (of_bare.p99 * 1e3, of_w1.p99 * 1e3);
            let row = [of_bare.per_second, of_w1.per_second, ratio, slow, slow_w1, written];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let [of_bare, of_w1, ratio, slow, slow_w1, written] = columns.map(median);
        println!(
            "{connections:>12} {of_bare:>10.0} {of_w1:>10.0} {ratio:>7.2}x {slow:>8.2} \
             {slow_w1:>8.2} {written:>8.2}"
        );
    }
    println!("\n{}", server.size());
}

async fn latency(bare: &Request, w1: &Request, chain: &Request) {
    println!("\nOne request at a time, median");
    let (bare, w1, chain) = (
        load::latency(bare, 2_000).await,
        load::latency(w1, 2_000).await,
        load::latency(chain, 2_000).await,
    );
    println!(
        "  bare insert            {bare:>9.3?}\n  W1                     {w1:>9.3?}\n  100 nodes \
         in a chain   {chain:>9.3?}   ({:.3?} more than W1)",
        chain.saturating_sub(w1)
    );
}

async fn detached(client: &reqwest::Client, url: &str, key: &str) {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let (began, begun) = (Instant::now(), now());
        let address = url.trim_start_matches("http://");
        let request = Request::post(
            address,
            "/v1/workflows/w1/runs",
            key,
            r#"{"input":{"name":"Ada","n":3}}"#,
        )
        .with_header("Prefer", "respond-async");
        load::exactly(&request, 64, DETACHED).await;
        let accepted = began.elapsed();
        let ended = last_end(client, url, key).await;
        took.push((ended - begun, accepted.as_secs_f64()));
    }
    let (to_end, accepted): (Vec<f64>, Vec<f64>) = took.into_iter().unzip();
    println!(
        "\n\
         {DETACHED} detached runs: accepted after {:.3} s, all ended after {:.3} s (median of \
         {ROUNDS})",
        median(accepted),
        median(to_end)
    );
}

/// Seconds since 1970, by the same clock as the server's.
fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1e3
}

/// Waits until the newest `DETACHED` runs have ended. Returns the last end, in seconds since 1970.
async fn last_end(client: &reqwest::Client, url: &str, key: &str) -> f64 {
    loop {
        let mut ends = Vec::new();
        let mut cursor = String::new();
        while ends.len() < DETACHED {
            let page: Value = client
                .get(format!("{url}/v1/workflows/w1/runs?limit=100{cursor}"))
                .bearer_auth(key)
                .send()
                .await
                .expect("a page")
                .json()
                .await
                .expect("JSON");
            let items = page["items"].as_array().expect("items");
            ends.extend(items.iter().map(|run| {
                run["ended_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok())
            }));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        ends.truncate(DETACHED);
        if ends.iter().all(Option::is_some) {
            return ends
                .into_iter()
                .flatten()
                .map(|at| at.as_millisecond() as f64 / 1e3)
                .fold(0.0, f64::max);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `n0` greets, and each further node repeats the output of the one before.
fn chain(length: usize) -> String {
    let node = |index: usize| {
        let text = if index == 0 {
            "Hello <api.name>".to_owned()
        } else {
            format!("<n{}.content>", index - 1)
        };
        json!({ "id": format!("n{index}"), "type": "template", "template": text })
    };
    let nodes: Vec<Value> = (0..length).map(node).collect();
    json!({
        "name": "chain",
        "input": [{ "name": "name", "type": "string" }],
        "nodes": nodes,
        "output": { "last": format!("<n{}.content>", length - 1) }
    })
    .to_string()
}
