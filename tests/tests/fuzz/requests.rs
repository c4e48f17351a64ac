//! The requests of every dialect: any bytes are answered, and a refusal has the dialect's shape.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::budget::fuzz;
use crate::words::{changed, changes, odd_text};

/// Cannot fail, so that no answer of a failed run (500 in Sim) looks like a fault.
const PLAIN: &str = r#"
input:
  - { name: s, type: string, default: a }
  - { name: n, type: number, default: 1 }
  - { name: b, type: boolean, default: true }
  - { name: o, type: object, default: {} }
  - { name: l, type: array, default: [] }
  - { name: f, type: file, default: null }
nodes: [{ id: say, type: template, template: done }]
output: { said: <say.content> }
"#;

#[derive(Debug, Clone, Copy)]
enum Shape {
    Native,
    Gptbots,
    Sim,
    SimV2,
    AiFlow,
}

/// Each request that takes a body, with one that is right.
const REQUESTS: &[(Shape, &str, &str, &str)] = &[
    (
        Shape::Native,
        "POST",
        "/v1/workflows/plain/runs",
        r#"{"input":{"s":"x","n":1,"b":true,"o":{"a":[1]},"l":[],
            "f":{"type":"url","data":"https://example.com/x"}},"user":"u","save":false,
            "webhooks":[{"url":"http://10.0.0.1/","method":"POST","headers":{"x-a":"b"}}]}"#,
    ),
    (
        Shape::Gptbots,
        "POST",
        "/v1/workflow/invoke",
        r#"{"input":{"s":"x","n":1.50},"userId":"u","isAsync":true,
            "webhook":[{"method":"GET","url":"http://10.0.0.1/"}]}"#,
    ),
    (Shape::Gptbots, "POST", "/v1/workflow/query/result", r#"{"workflowRunId":"run_1"}"#),
    (
        Shape::Sim,
        "POST",
        "/api/workflows/plain/execute",
        r#"{"input":{"s":"x"},"n":"3","stream":true,"selectedOutputs":["say.content"],"b":"1",
            "o":"{\"a\":1}","f":{"type":"file","data":"data:text/plain;base64,eA==","name":"x"}}"#,
    ),
    (
        Shape::SimV2,
        "POST",
        "/api/v2/workflows/plain/execute",
        r#"{"input":{"s":"x","n":"3"},"stream":false,"async":false,
            "selectedOutputs":["say.content"],"includeOutput":true}"#,
    ),
    (
        Shape::AiFlow,
        "POST",
        "/v1/flow/plain/run",
        r#"{"s":"x","n":2,
            "run_options":{"global_webhook":{"url":"http://10.0.0.1/","signature":"s"}}}"#,
    ),
    (Shape::Native, "PUT", "/v1/workflows/draft", PLAIN),
    (Shape::Native, "POST", "/v1/workflows/draft/versions", r#"{"notes":"n"}"#),
    (Shape::Native, "POST", "/v1/workflows/draft/rollback", r#"{"version":"1.0.0"}"#),
    (
        Shape::Native,
        "POST",
        "/v1/keys",
        r#"{"name":"k","workflows":["plain"],"scopes":["run"],"expires_at":"2030-01-01T00:00:00Z",
            "limits":{"requests_per_minute":60}}"#,
    ),
    (Shape::Native, "PUT", "/v1/secrets/A_KEY", r#"{"value":"x"}"#),
    (Shape::Native, "POST", "/v1/runs/run_1/replay", r#"{"from":"say","input":{}}"#),
];

const HEADERS: &[(&str, &[&str])] = &[
    ("content-type", &["application/json", "text/plain", "application/yaml", "a/b; charset=x", ""]),
    ("accept", &["text/event-stream", "*/*;q=0", "text/event-stream;q=0, */*", "x", ","]),
    (
        "prefer",
        &["respond-async", "wait=0", "wait=999999999999", "wait=-1", "return=minimal", "=;="],
    ),
    ("idempotency-key", &["k", "", "é", "a\tb"]),
    ("x-execution-mode", &["async", "sync", "ASYNC", "x"]),
    ("x-execution-timeout-seconds", &["0", "-1", "1e9", "x", "99999999999999999999"]),
    ("x-execution-id", &["run_1", "../x", "é", ""]),
    ("x-run-id", &["run_1", "0000", ""]),
    ("x-stream-response", &["true", "x"]),
    ("x-sim-stream-protocol", &["agent-events-v1", "x"]),
    ("x-sim-via", &["a,b,c", ","]),
    ("x-workflow-id", &["plain", "nobody", "", "a/b"]),
    ("last-event-id", &["1-2", "x", "-", "99999999999999999999-1"]),
    ("content-encoding", &["gzip", "identity", "br, gzip"]),
    ("if-match", &["*", "\"x\"", "x"]),
    ("traceparent", &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0-0-0", ""]),
];

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let header = select(HEADERS).prop_flat_map(|(name, values)| {
        let odd = odd_text(2).prop_map(|text| text.replace(['\r', '\n', '\0'], "").into_bytes());
        let value =
            prop_oneof![4 => select(values).prop_map(|text| text.as_bytes().to_vec()), 1 => odd];
        value.prop_map(move |value| (name, value))
    });
    prop::collection::vec(header, 0..3)
}

fn body() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        4 => Just(None),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Some),
        1 => odd_text(20).prop_map(|text| Some(text.into_bytes())),
        1 => Just(Some("[".repeat(5_000).into_bytes())),
    ]
}

/// Requests without a body: paths and queries are what is odd about them.
const READS: &[(Shape, &str, &[&str])] = &[
    (Shape::Native, "/v1/workflows", &["limit", "cursor"]),
    (
        Shape::Native,
        "/v1/workflows/plain/runs",
        &[
            "limit",
            "cursor",
            "status",
            "user",
            "code",
            "node",
            "created_from",
            "created_before",
            "include",
        ],
    ),
    (Shape::Native, "/v1/workflows/plain/versions", &["limit", "cursor"]),
    (Shape::Native, "/v1/keys", &["limit", "cursor"]),
    (Shape::Native, "/v1/runs/RUN/events", &["after"]),
    (Shape::Native, "/v1/runs/RUN", &["x"]),
    (Shape::Sim, "/api/workflows/plain/executions/RUN", &["includeOutput", "selectedOutputs"]),
    (Shape::Sim, "/api/jobs/RUN", &["x"]),
    (
        Shape::SimV2,
        "/api/v2/workflows/plain/runs",
        &["status", "trigger", "startDate", "endDate", "limit", "cursor", "order"],
    ),
    (Shape::SimV2, "/api/v2/workflows/plain/runs/RUN", &["includeOutput", "selectedOutputs"]),
    (Shape::Sim, "/api/v1/workflows", &["deployedOnly", "folderId", "limit", "cursor"]),
    (Shape::SimV2, "/api/v2/workflows", &["deployedOnly", "search", "limit", "cursor"]),
    (Shape::SimV2, "/api/v2/workflows/plain/versions", &["limit", "cursor"]),
    (Shape::Sim, "/api/v1/logs", SIM_LOGS),
    (Shape::SimV2, "/api/v2/logs", SIM_LOGS),
    (Shape::Sim, "/api/v1/logs/RUN", &["x"]),
    (Shape::Sim, "/api/workflows/plain/paused/RUN", &["x"]),
    (Shape::AiFlow, "/v1/flow/plain/run/RUN", &["x"]),
];

const SIM_LOGS: &[&str] = &[
    "workflowIds",
    "triggers",
    "level",
    "startDate",
    "endDate",
    "minDurationMs",
    "maxDurationMs",
    "minCost",
    "maxCost",
    "details",
    "includeTraceSpans",
    "includeFinalOutput",
    "limit",
    "cursor",
    "order",
];

const VALUES: &[&str] = &[
    "1",
    "0",
    "-1",
    "100",
    "99999999999999999999",
    "true",
    "asc",
    "desc",
    "succeeded",
    "all",
    "2026-01-01T00:00:00Z",
    "2026-13-01",
    "-271821-04-20T00:00:00Z",
    "input,output",
    "say.content",
    "run_00000000000000000000000000000000",
    "1-2",
    "e30",
    "eyJhIjoxfQ==",
    "",
];

struct World {
    runtime: tokio::runtime::Runtime,
    server: TestServer,
}

impl World {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = TestServer::start().await;
            server.publish("plain", PLAIN).await;
            server
        });
        Self { runtime, server }
    }

    fn answer(&self, asked: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let response = asked.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }

    fn is_alive(&self) {
        assert_eq!(self.answer(self.server.get("/health", ADMIN_KEY)).0, 200);
    }
}

#[test]
fn queries_of_any_text() {
    let world = World::start();
    let value = || prop_oneof![2 => select(VALUES).prop_map(str::to_owned), 1 => odd_text(3)];
    let queries = prop::collection::vec((any::<prop::sample::Index>(), value()), 0..4);
    let run = prop_oneof![Just("run_00000000000000000000000000000000".to_owned()), odd_text(2)];
    fuzz("queries_of_any_text", &(select(READS), run, queries), |(read, run, queries)| {
        let (shape, path, names) = read;
        let encoded: String = run.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = path.replace("RUN", if run.starts_with("run_") { &run } else { &encoded });
        let query: Vec<_> =
            queries.iter().map(|(at, value)| (names[at.index(names.len())], value)).collect();
        let (status, text) = world.answer(world.server.get(&asked(&path, &query), ADMIN_KEY));
        prop_assert!((200..500).contains(&status), "{path} {query:?}: {status} {text}");
        // An empty or odd segment may be another path, of nobody's shape.
        if status >= 400 && status != 404 && status != 405 {
            check_shape(shape, status, &text)?;
        }
        Ok(())
    });
    world.is_alive();
}

#[test]
fn requests_of_any_bytes() {
    let world = World::start();
    let request = (select(REQUESTS), changes(), body(), headers());
    fuzz("requests_of_any_bytes", &request, |(request, changes, body, headers)| {
        let (shape, method, path, right) = request;
        let body = body.unwrap_or_else(|| changed(right, &changes).into_bytes());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut asked = world.server.request(method, path, ADMIN_KEY).body(body);
        for (name, value) in headers {
            let Ok(value) = reqwest::header::HeaderValue::from_bytes(&value) else { continue };
            asked = asked.header(name, value);
        }
        let (status, text) = world.answer(asked);
        prop_assert!((200..500).contains(&status), "{path}: {status} {text}");
        if status >= 400 {
            check_shape(shape, status, &text)?;
        }
        Ok(())
    });
    world.is_alive();
}

/// The path with the query, encoded.
fn asked(path: &str, query: &[(&str, &String)]) -> String {
    let mut url = Url::parse("http://x/").unwrap();
    url.query_pairs_mut().extend_pairs(query);
    format!("{path}?{}", url.query().unwrap_or_default())
}

/// Every refusal names itself as its dialect does, and shows nothing of the inside.
fn check_shape(shape: Shape, status: u16, text: &str) -> TestCaseResult {
    let body: Value = serde_json::from_str(text)
        .map_err(|error| TestCaseError::fail(format!("{status} {text:?}: {error}")))?;
    let is_right = match shape {
        Shape::Native => {
            body["status"] == status && body["code"].is_string() && body["detail"].is_string()
        }
        Shape::Gptbots => body["code"].is_u64() && body["message"].is_string(),
        Shape::Sim => body["error"].is_string(),
        Shape::SimV2 | Shape::AiFlow => {
            body["error"]["code"].is_string() && body["error"]["message"].is_string()
        }
    };
    prop_assert!(is_right, "{shape:?} {status}: {body}");
    for inside in [".rs:", "panicked", "SELECT ", "rusqlite", "serde"] {
        prop_assert!(!text.contains(inside), "{shape:?} {status}: {body}");
    }
    Ok(())
}
