//! F29: input that is small to send and large to read is refused, soon, and costs little.

use std::time::{Duration, Instant};

use flowgate_tests::faults::seed::{Figures, report};
use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, publish};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

const MAX_ABOVE_IDLE: usize = 64 << 20;
const MAX_ANSWER: usize = 64 << 10;
const STRICT: &str = "input: [{ name: t, type: string }, { name: n, type: number }]
nodes: [{ id: say, type: template, template: hi }]\n";

fn repeated(text: impl Fn(usize) -> String, times: usize) -> String {
    (0..times).map(text).collect()
}

/// Bodies of a start.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let of = |input: String| format!("{{\"input\":{{{input}}}}}").into_bytes();
    vec![
        ("a million brackets", of(format!("\"t\":{}", "[".repeat(1_000_000)))),
        (
            "a million brackets, closed",
            of(format!("\"t\":{0}{1}", "[".repeat(1_000_000), { "]".repeat(1_000_000) })),
        ),
        ("one name, 300,000 times", of(format!("\"t\":\"\"{}", ",\"t\":\"\"".repeat(300_000)))),
        (
            "300,000 unknown names",
            of(format!("\"t\":\"\"{}", { repeated(|n| format!(",\"k{n}\":1"), 300_000) })),
        ),
        ("1e400", of("\"t\":\"\",\"n\":1e400".to_owned())),
        ("a number of a million digits", of(format!("\"t\":\"\",\"n\":{}", "9".repeat(1_000_000)))),
        ("not UTF-8", [b"{\"input\":{\"t\":\"".as_slice(), &[0xff; 100_000], b"\"}}"].concat()),
        ("half a surrogate pair, often", of(format!("\"t\":\"{}\"", "\\ud800".repeat(300_000)))),
        ("5 MB", of(format!("\"t\":\"{}\"", "x".repeat(5 << 20)))),
    ]
}

fn nodes(count: usize) -> String {
    let node = |n: usize| format!("- {{id: n{n}, type: template, template: x}}\n");
    format!("nodes:\n{}", repeated(node, count))
}

/// Documents that may be saved, and are not published.
fn documents() -> Vec<(&'static str, String)> {
    let condition = |text: String| {
        format!("nodes: [{{ id: c, type: condition, branches: [{{ name: a, if: '{text}' }}] }}]\n")
    };
    let schema = |text: String| {
        format!(
            "input: [{{ name: t, type: object, schema: {text} }}]\nnodes: [{{ id: s, type: \
             template, template: hi }}]\n"
        )
    };
    let laughs =
        repeated(|n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, format!("*a{n},").repeat(9)), 9);
    let loops = repeated(|n| format!("{{ id: l{n}, type: loop, for: 2, nodes: ["), 5_000);
    vec![
        ("aliases of aliases", format!("a0: &a0 [x]\n{laughs}nodes: *a9\n")),
        ("100,000 nodes", nodes(100_000)),
        ("as many nodes as a document has room for", nodes(22_000)),
        ("5,000 loops in each other", format!("nodes: [{loops}")),
        ("a condition of 100,000 brackets", condition("(".repeat(100_000))),
        ("a condition of 50,000 terms", condition(format!("true{}", " && true".repeat(50_000)))),
        ("a schema of a million alternatives", {
            let alternatives = "{ anyOf: [{}, {}] },".repeat(50_000);
            schema(format!("{{ allOf: [{alternatives}] }}"))
        }),
        ("a schema that refers to itself", schema("{ $ref: \"#\" }".to_owned())),
    ]
}

/// Sends it, and returns its status and how long it took.
async fn refused(name: &str, request: RequestBuilder) -> (u16, Duration) {
    let began = Instant::now();
    let answer = request.bearer_auth(ADMIN_KEY).send().await;
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(text.len() <= MAX_ANSWER, "{name}: an answer of {} bytes", text.len());
    (status, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn f29_bombs_are_refused_soon_and_cost_little() {
    let (began, folder) = (Instant::now(), tempfile::tempdir().unwrap());
    let (process, client) = (Process::start(folder.path()).await, Client::new());
    let url = |path: &str| format!("{}{path}", process.url);
    publish(&client, &process.url, "w", STRICT).await;
    let idle = process.memory();
    let (mut slowest, mut count) = (Duration::ZERO, 0);
    // The only one that a run finds.
    let pattern = "nodes: [{ id: c, type: condition, branches: [{ name: a, if: \
                   '\"a\".matches(\"(a{1000}){1000}\")' }] }]\n";
    publish(&client, &process.url, "pattern", pattern).await;
    let run = client.post(url("/v1/workflows/pattern/runs")).bearer_auth(ADMIN_KEY);
    let run: Value = run.send().await.unwrap().json().await.unwrap();
    assert_eq!(run["error"]["code"], "condition_error", "{run}");
    let mut saw = |name: &str, (status, took): (u16, Duration)| {
        assert!((400..500).contains(&status), "{name}: {status}");
        (slowest, count) = (slowest.max(took), count + 1);
    };
    for (name, body) in bodies() {
        let request = client.post(url("/v1/workflows/w/runs")).body(body.clone());
        saw(name, refused(name, request.header("content-type", "application/json")).await);
        let packed = client.post(url("/v1/workflows/w/runs")).body(body);
        saw("packed", refused(name, packed.header("content-encoding", "gzip")).await);
    }
    for (name, document) in documents() {
        let saved = client.put(url("/v1/workflows/bomb")).body(document);
        let mut outcome = refused(name, saved.header("content-type", "application/yaml")).await;
        if outcome.0 < 300 {
            let publish = client.post(url("/v1/workflows/bomb/versions"));
            outcome = refused(name, publish).await;
        }
        saw(name, outcome);
    }
    if let (Some((idle, _)), Some((_, peak))) = (idle, process.memory()) {
        let above = peak.saturating_sub(idle);
        assert!(above <= MAX_ABOVE_IDLE, "{} MiB above idle", above >> 20);
    }
    let health = client.get(url("/health")).bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert!(health.status().is_success(), "{}", health.status());
    let figures = Figures { recovery: slowest, ..Figures::default() };
    report(
        "f29 bombs as bodies and documents: the slowest refusal",
        count,
        &figures,
        began.elapsed(),
    );
}
