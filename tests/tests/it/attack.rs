//! What one key can do to a server: its memory, and how soon `/health` answers meanwhile.
//!
//! Only the memory is asserted: times belong to the machine. `FLOWGATE_ATTACK_SECONDS=20` attacks
//! for longer; `--nocapture` shows the table.

#![expect(clippy::print_stdout, reason = "the table is for people")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flowgate_tests::process::{Process, serve_arguments};
use flowgate_tests::server::{issue_key, program, publish};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::documents::made::pdf_bomb;

/// The most that one key may take beyond an idle server.
const MAX_ABOVE_IDLE: usize = 256 << 20;
const CALLERS: usize = 20;
const LARGE: usize = 3_900_000;

struct Target {
    url: String,
    key: String,
    client: reqwest::Client,
    /// A server that accepts and never answers.
    tar_pit: String,
    /// A server that answers everything with 3.9 MB of JSON.
    large: String,
    pdf_bomb: Vec<u8>,
}

type Request<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

struct Attack {
    name: &'static str,
    document: fn(&Target) -> String,
    request: fn(&Target) -> Request<'_>,
}

fn run<'a>(target: &'a Target, input: Value, header: (&'static str, &'static str)) -> Request<'a> {
    Box::pin(async move {
        let request = target.client.post(format!("{}/v1/workflows/w/runs", target.url));
        let request = request.bearer_auth(&target.key).header(header.0, header.1);
        if let Ok(answer) = request.json(&json!({ "input": input })).send().await {
            let _ = answer.bytes().await;
        }
    })
}

fn text() -> Value {
    json!({ "t": "x".repeat(LARGE) })
}

const WAIT: (&str, &str) = ("prefer", "wait=5");
const DETACH: (&str, &str) = ("prefer", "respond-async");
const STREAM: (&str, &str) = ("accept", "text/event-stream");

const TEMPLATES: &str = "
input: [{ name: t, type: string }]
nodes:
  - id: l
    type: loop
    for: 1000
    nodes: [{ id: x, type: template, template: \"<api.t>!\" }]
    result: <loop.index>";

fn calls(to: &str) -> String {
    let node = |n: usize| {
        format!("  - {{ id: h{n}, type: http, url: \"{to}/\", method: POST, body: <api.t> }}\n")
    };
    format!(
        "input: [{{ name: t, type: string }}]\nnodes:\n{}",
        (0..200).map(node).collect::<String>()
    )
}

fn answers(from: &str) -> String {
    format!(
        "
nodes:
  - id: p
    type: parallel
    width: 20
    for: 100
    nodes: [{{ id: h, type: http, url: \"{from}/\" }}]
    result: <parallel.index>"
    )
}

const MACROS: &str = "
input: [{ name: l, type: array }]
nodes:
  - id: c
    type: condition
    branches:
      - { name: a, if: \"<api.l>.all(x, x == 0 && <api.l>.exists(y, y == 1))\" }
      - { name: b, if: \"<api.l>.all(x, x == 0 || x == 1 || x == 2 || x == 3 || x == 4)\" }
      - { name: d, if: \"<api.l>.exists(x, x > 5)\" }";

const PATTERNS: &str = "
input: [{ name: t, type: string }, { name: p, type: string }]
nodes: [{ id: c, type: condition, branches: [{ name: a, if: \"<api.t>.matches(<api.p>)\" }] }]";

const SCHEMA: &str = "
input:
  - name: l
    type: array
    schema:
      items:
        anyOf: [{ type: string, pattern: \"^(a|b)*c{20}$\" }, { type: object, required: [a] },
          { enum: [1, 2, 3] }]
nodes: [{ id: n, type: template, template: x }]";

/// What is done with a file of the caller's.
const SENT_ON: &str = "
input: [{ name: f, type: file }]
nodes:
  - id: p
    type: parallel
    width: 20
    for: 20
    nodes: [{ id: h, type: http, url: \"TAR_PIT/\", method: POST, binary: { file: <api.f> } }]
    result: <parallel.index>";

const READ: &str = "
input: [{ name: f, type: file }]
nodes: [{ id: d, type: document, file: <api.f> }]";

/// Uploads a file, and starts a run with it.
async fn with_file(target: &Target, media_type: &str, bytes: Vec<u8>) {
    let request = target.client.post(format!("{}/v1/files?name=f", target.url));
    let request = request.bearer_auth(&target.key).header("content-type", media_type).body(bytes);
    let Ok(answer) = request.send().await else { return };
    let Ok(file) = answer.json::<Value>().await else { return };
    run(target, json!({ "f": file }), WAIT).await;
}

const LARGE_CALLS: Attack = Attack {
    name: "200 concurrent calls with 3.9 MB each",
    document: |target| calls(&target.tar_pit),
    request: |target| run(target, text(), WAIT),
};

const ATTACKS: &[Attack] = &[
    Attack {
        name: "1,000 templates of 3.9 MB, waiting",
        document: |_| TEMPLATES.to_owned(),
        request: |target| run(target, text(), WAIT),
    },
    Attack {
        name: "1,000 templates of 3.9 MB, detached",
        document: |_| TEMPLATES.to_owned(),
        request: |target| run(target, text(), DETACH),
    },
    Attack {
        name: "1,000 templates of 3.9 MB, streamed",
        document: |_| TEMPLATES.to_owned(),
        request: |target| run(target, text(), STREAM),
    },
    LARGE_CALLS,
    Attack {
        name: "20 concurrent answers of 3.9 MB a run",
        document: |target| answers(&target.large),
        request: |target| run(target, json!({}), DETACH),
    },
    Attack {
        name: "lists of 100,000 small values, copied",
        document: |_| {
            "nodes: [{ id: l, type: loop, for: 100, nodes: [{ id: t, type: template, template: \
             <api.input.l> }], result: <loop.index> }]"
                .to_owned()
        },
        request: |target| {
            run(target, json!({ "l": (0..99_000).map(|_| json!({})).collect::<Value>() }), WAIT)
        },
    },
    Attack {
        name: "list macros over 30,000 values",
        document: |_| MACROS.to_owned(),
        request: |target| run(target, json!({ "l": vec![0; 30_000] }), WAIT),
    },
    Attack {
        name: "a caller's pattern",
        document: |_| PATTERNS.to_owned(),
        request: |target| {
            let input = json!({ "t": "ab".repeat(19_000), "p": "(a|b)*a(a|b){240}c" });
            run(target, input, WAIT)
        },
    },
    Attack {
        name: "a schema with alternatives, 50,000 items",
        document: |_| SCHEMA.to_owned(),
        request: |target| run(target, json!({ "l": vec!["ab"; 50_000] }), WAIT),
    },
    Attack {
        name: "outputs of 3.9 MB that nobody reads",
        document: |_| {
            "input: [{ name: t, type: string }]\nnodes: [{ id: n, type: template, template: x }]\n\
             output: { t: <api.t> }"
                .to_owned()
        },
        request: |target| Box::pin(unread(target)),
    },
    Attack {
        name: "files of 3.9 MB, each sent on 20 times",
        document: |target| SENT_ON.replace("TAR_PIT", &target.tar_pit),
        request: |target| Box::pin(with_file(target, "image/png", vec![b'x'; LARGE])),
    },
    Attack {
        name: "CSV files of 3.9 MB, read",
        document: |_| READ.to_owned(),
        request: |target| Box::pin(with_file(target, "text/csv", b"a,b\n".repeat(LARGE / 4))),
    },
    Attack {
        name: "PDF files that inflate to 512 MB",
        document: |_| READ.to_owned(),
        request: |target| {
            let bomb = target.pdf_bomb.clone();
            Box::pin(with_file(target, "application/pdf", bomb))
        },
    },
    Attack {
        name: "bodies of 4 MB that never end",
        document: |_| "nodes: [{ id: t, type: template, template: x }]".to_owned(),
        request: |target| Box::pin(unfinished(target)),
    },
];

/// Starts a run with a large output, and never reads the answer.
async fn unread(target: &Target) {
    let body = json!({ "input": text() }).to_string();
    if let Some(connection) = send_raw(target, &body, body.len()).await {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(connection);
    }
}

/// Sends all of a large body but its last byte.
async fn unfinished(target: &Target) {
    let body = json!({ "input": text() }).to_string();
    if let Some(connection) = send_raw(target, &body[..body.len() - 1], body.len()).await {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(connection);
    }
}

async fn send_raw(target: &Target, body: &str, length: usize) -> Option<TcpStream> {
    let address = target.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.ok()?;
    let head = format!(
        "POST /v1/workflows/w/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        target.key
    );
    connection.write_all(head.as_bytes()).await.ok()?;
    connection.write_all(body.as_bytes()).await.ok()?;
    Some(connection)
}

async fn tar_pit() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    format!("http://{address}")
}

async fn large() -> String {
    let body = json!({ "t": "x".repeat(LARGE) }).to_string();
    let router = axum::Router::new().fallback(move || {
        let body = body.clone();
        async move { ([("content-type", "application/json")], body) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// The times of `/health` until `over`, sorted. On a thread of its own: among the attackers, which
/// write and read megabytes, an answer would wait for them and not for the server.
async fn health(url: String, over: Arc<AtomicBool>) -> Vec<Duration> {
    let probe = async move {
        let client = reqwest::Client::new();
        let mut times = Vec::new();
        while !over.load(Relaxed) {
            let began = Instant::now();
            let answer = client.get(format!("{url}/health")).send().await;
            assert!(answer.is_ok_and(|answer| answer.status().is_success()), "the server is dead");
            times.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        times.sort();
        times
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::spawn_blocking(move || runtime.block_on(probe)).await.unwrap()
}

/// A server with this many MiB for its callers. It cannot take the machine's memory with it.
async fn server(folder: &Path, memory: usize) -> Process {
    let mut command = Command::new("sh");
    let script = "ulimit -v 12000000; exec \"$@\"";
    command.args(["-c", script, "sh"]).arg(program()).args(serve_arguments(folder));
    command.args(["--memory", &memory.to_string()]);
    Process::spawn(command).await
}

async fn attack(attack: &Attack, memory_limit: usize, duration: Duration) -> (String, usize) {
    let folder = tempfile::tempdir().unwrap();
    let process = server(folder.path(), memory_limit).await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let key = issue_key(&client, &process.url, &["*"], &["run", "read"]).await;
    let target = Arc::new(Target {
        url: process.url.clone(),
        key,
        client,
        tar_pit: tar_pit().await,
        large: large().await,
        pdf_bomb: pdf_bomb(512 << 20),
    });
    publish(&target.client, &target.url, "w", &(attack.document)(&target)).await;
    let (idle, _) = process.memory().unwrap();
    let (over, sent) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let caller = async || {
        while !over.load(Relaxed) {
            (attack.request)(&target).await;
            sent.fetch_add(1, Relaxed);
        }
    };
    let callers = futures_util::future::join_all((0..CALLERS).map(|_| caller()));
    let end = async {
        tokio::time::sleep(duration).await;
        over.store(true, Relaxed);
    };
    let health = health(target.url.clone(), over.clone());
    let (_, (), times) = tokio::join!(callers, end, health);
    let (after, peak) = process.memory().unwrap();
    let mib = |bytes: usize| bytes >> 20;
    let row = format!(
        "{:45} {:6} {:6} {:6} {:6} {:9.1?} {:9.1?}",
        attack.name,
        sent.load(Relaxed),
        mib(idle),
        mib(peak),
        mib(after),
        times[times.len() / 2],
        times[times.len() - 1]
    );
    process.kill().await;
    (row, peak.saturating_sub(idle))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_takes_no_more_memory_than_its_part() {
    let seconds = std::env::var("FLOWGATE_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(2));
    let only = std::env::var("FLOWGATE_ATTACK").unwrap_or_default();
    println!(
        "{:45} {:>6} {:>6} {:>6} {:>6} {:>9} {:>9}",
        "attack", "sent", "idle", "peak", "after", "health", "slowest"
    );
    let mut over = Vec::new();
    for one in ATTACKS.iter().filter(|one| one.name.contains(&only)) {
        let (row, above) = attack(one, 512, duration).await;
        println!("{row}");
        if above > MAX_ABOVE_IDLE {
            over.push(format!("{}: {} MiB above idle", one.name, above >> 20));
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f32_without_the_memory_budget() {
    // A busy machine takes few calls within the first.
    for seconds in [2, 8, 30] {
        let (row, above) = attack(&LARGE_CALLS, 1 << 20, Duration::from_secs(seconds)).await;
        println!("without the budget: {row}");
        if above > MAX_ABOVE_IDLE {
            return;
        }
    }
    panic!("the attack does not notice that the budget is missing");
}

/// On other systems there are no such settings.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test]
async fn the_allocator_gives_large_values_back_unless_the_operator_has_settings() {
    let settings = async |own: Option<(&str, &str)>| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(program());
        for name in ["MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"] {
            command.env_remove(name);
        }
        command.args(serve_arguments(folder.path())).envs(own);
        let process = Process::spawn(command).await;
        let environment = format!("/proc/{}/environ", process.pid().unwrap());
        let environment = std::fs::read_to_string(environment).unwrap();
        let of_allocator = |set: &&str| set.starts_with("MALLOC_") || set.starts_with("GLIBC_");
        environment.split('\0').filter(of_allocator).map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = settings(None).await;
    assert!(ours.contains(&"MALLOC_MMAP_THRESHOLD_=131072".to_owned()), "{ours:?}");
    assert_eq!(ours.len(), 2, "{ours:?}");
    for (name, value) in [("MALLOC_ARENA_MAX", "1"), ("GLIBC_TUNABLES", "glibc.malloc.perturb=0")] {
        assert_eq!(settings(Some((name, value))).await, [format!("{name}={value}")]);
    }
}
