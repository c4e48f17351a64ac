//! How long lists of runs take when there are many: `cargo bench -p flowgate-tests --bench lists`.
//! Numbers are the runs to list: `-- 10000 1000000`.
//!
//! What matters is that a page costs the same among many runs as among few.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
#![expect(clippy::disallowed_methods, reason = "a benchmark is about real time")]

#[allow(dead_code, reason = "the other benchmark measures more")]
mod load;
#[allow(dead_code, reason = "the other benchmark measures more")]
mod server;

use std::time::Instant;

use flowgate_tests::server::{issue_key, publish};
use load::{Request, median};
use reqwest::Client;
use serde_json::Value;
use server::Server;

const W1: &str = include_str!("../../examples/greeting.yaml");
const FAILS: &str = "\
nodes: [{ id: code, type: function, code: 'throw new Error(\"no\")' }]
output: { x: <code.result> }
";
const SIZES: [usize; 2] = [10_000, 100_000];
/// Of this many runs, one fails.
const FAILED: usize = 1_000;
const PAGES: usize = 50;

fn main() {
    flowgate_child::main_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        let _ = flowgate::main();
        return;
    }
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|size| size.parse().ok()).collect();
    if sizes.is_empty() {
        sizes.extend(SIZES);
    }
    sizes.sort_unstable();
    tokio::runtime::Runtime::new().expect("a runtime").block_on(bench(&sizes));
}

async fn bench(sizes: &[usize]) {
    let server = Server::of_flowgate().await;
    let (client, url) = (Client::new(), format!("http://{}", server.address));
    publish(&client, &url, "w1", W1).await;
    publish(&client, &url, "fails", FAILS).await;
    let key = issue_key(&client, &url, &["*"], &["run", "read"]).await;
    println!("\nA page of 100 runs, ms over HTTP: median and slowest of {PAGES}");
    println!("{:>10}  {:<44} {:>8} {:>8}", "runs", "list", "median", "slowest");
    let mut stored = 0;
    for &size in sizes {
        add_runs(&server.address, &key, size - stored).await;
        stored = size;
        measure(&client, &url, &key, size).await;
    }
}

async fn add_runs(address: &str, key: &str, count: usize) {
    let body = r#"{"input":{"name":"Ada","n":3},"user":"user-7"}"#;
    let failing = Request::post(address, "/v1/workflows/fails/runs", key, r#"{"input":{}}"#);
    let succeeding = Request::post(address, "/v1/workflows/w1/runs", key, body);
    // The failed ones are spread over the whole.
    for _ in 0..count / FAILED {
        load::exactly(&succeeding, 32, FAILED - 1).await;
        load::exactly(&failing, 1, 1).await;
    }
}

async fn measure(client: &Client, url: &str, key: &str, size: usize) {
    let runs = format!("{url}/v1/runs?limit=100");
    let lists = [
        ("the newest", runs.clone()),
        ("the newest of a workflow", format!("{url}/v1/workflows/w1/runs?limit=100")),
        ("those that failed, one of 1,000", format!("{runs}&status=failed")),
        ("those of a user", format!("{runs}&user=user-7")),
        ("a text in a thousand runs", format!("{runs}&q=nowhere")),
    ];
    for (name, first) in lists {
        let mut times = Vec::new();
        let mut next = first.clone();
        for _ in 0..PAGES {
            let began = Instant::now();
            let page = page(client, &next, key).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            next = match page["next_cursor"].as_str() {
                Some(cursor) => format!("{first}&cursor={cursor}"),
                None => first.clone(),
            };
        }
        let slowest = times.iter().copied().fold(0.0, f64::max);
        println!("{size:>10}  {name:<44} {:>8.2} {slowest:>8.2}", median(times));
    }
}

async fn page(client: &Client, url: &str, key: &str) -> Value {
    let answer = client.get(url).bearer_auth(key).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    answer.json().await.expect("JSON")
}
