//! Refusals that all dialects share: each in its own format, with the field named and nothing
//! half-created.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use flowgate_outbound::OutboundSettings;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, outbound_settings, settings};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};
use crate::limits::{allowance, limited_key, retry_after};

mod asked;
mod noted;
mod outgoing;
mod runs;

const STRICT: &str = "input: [{ name: name, type: string }, { name: n, type: number, default: 1 \
                      }]\n\
                      nodes: [{ id: say, type: template, template: '<api.name>' }]\n\
                      output: { said: <say.content> }\n";

const NOBODYS_RUN: &str = "run_00000000000000000000000000000000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Native,
    /// As its clients of 2025 speak it.
    Mcp,
    Gptbots,
    Sim,
    SimV2,
    AiFlow,
    /// It accepts no run: what it starts in the background, and reads, are responses.
    Chat,
    Responses,
    /// JSON-RPC.
    A2a,
    A2aRest,
}

use Dialect::{A2a, A2aRest, AiFlow, Chat, Gptbots, Mcp, Native, Responses, Sim, SimV2};

/// A new dialect needs an entry here, a column in [`ROWS`] and an arm in each method.
const ALL: [Dialect; 10] =
    [Native, Mcp, Gptbots, Sim, SimV2, AiFlow, Chat, Responses, A2a, A2aRest];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    BadInput,
    BadKey,
    UnknownWorkflow,
    UnknownRun,
    NoScope,
    NotPublished,
    TooLarge,
    RateLimited,
    Wiped,
    Compressed,
    UnknownPath,
    StillRunning,
}

/// Status and code per dialect, in the order of [`ALL`].
const ROWS: [(Case, [(u16, &str); ALL.len()]); 12] = [
    (
        Case::BadInput,
        [
            (400, "invalid_input"),
            (200, "invalid_input"),
            (400, "40000"),
            (400, "INVALID_INPUT"),
            (400, "BAD_REQUEST"),
            (400, "invalid_input"),
            (400, "invalid_input"),
            (400, "invalid_input"),
            (200, "invalid_input"),
            (400, "invalid_input"),
        ],
    ),
    (
        Case::BadKey,
        [
            (401, "unauthorized"),
            (401, "unauthorized"),
            (401, "40127"),
            (401, "UNAUTHORIZED"),
            (401, "UNAUTHORIZED"),
            (401, "unauthorized"),
            (401, "invalid_api_key"),
            (401, "invalid_api_key"),
            (401, "unauthorized"),
            (401, "unauthorized"),
        ],
    ),
    (
        Case::UnknownWorkflow,
        [
            (404, "workflow_not_found"),
            (200, "-32602"),
            (404, "40378"),
            (404, "WORKFLOW_NOT_FOUND"),
            (404, "NOT_FOUND"),
            (404, "workflow_not_found"),
            (404, "model_not_found"),
            (404, "model_not_found"),
            (404, "workflow_not_found"),
            (404, "workflow_not_found"),
        ],
    ),
    (
        Case::UnknownRun,
        [
            (404, "run_not_found"),
            (200, "run_not_found"),
            (404, "40378"),
            (404, "TASK_NOT_FOUND"),
            (404, "NOT_FOUND"),
            (404, "run_not_found"),
            (404, "response_not_found"),
            (404, "response_not_found"),
            (200, "run_not_found"),
            (404, "run_not_found"),
        ],
    ),
    (
        Case::NoScope,
        [
            (403, "forbidden"),
            (403, "forbidden"),
            (403, "40300"),
            (403, "FORBIDDEN"),
            (403, "FORBIDDEN"),
            (403, "forbidden"),
            (403, "forbidden"),
            (403, "forbidden"),
            (403, "forbidden"),
            (403, "forbidden"),
        ],
    ),
    (
        Case::NotPublished,
        [
            (409, "not_published"),
            (200, "-32602"),
            (403, "200116"),
            (403, "WORKFLOW_NOT_DEPLOYED"),
            (403, "FORBIDDEN"),
            (409, "not_published"),
            (404, "model_not_found"),
            (404, "model_not_found"),
            (404, "workflow_not_found"),
            (404, "workflow_not_found"),
        ],
    ),
    (
        Case::TooLarge,
        [
            (413, "too_large"),
            (413, "too_large"),
            (413, "40000"),
            (413, "PAYLOAD_TOO_LARGE"),
            (413, "PAYLOAD_TOO_LARGE"),
            (413, "too_large"),
            (413, "too_large"),
            (413, "too_large"),
            (413, "too_large"),
            (413, "too_large"),
        ],
    ),
    (
        Case::RateLimited,
        [
            (429, "rate_limited"),
            (429, "rate_limited"),
            (429, "42900"),
            (429, "RATE_LIMIT_EXCEEDED"),
            (429, "RATE_LIMITED"),
            (429, "rate_limited"),
            (429, "rate_limit_exceeded"),
            (429, "rate_limit_exceeded"),
            (429, "rate_limited"),
            (429, "rate_limited"),
        ],
    ),
    (
        Case::Compressed,
        [
            (415, "unsupported_encoding"),
            (415, "unsupported_encoding"),
            (415, "40000"),
            (415, "UNSUPPORTED_MEDIA_TYPE"),
            (415, "UNSUPPORTED_MEDIA_TYPE"),
            (415, "unsupported_encoding"),
            (415, "unsupported_encoding"),
            (415, "unsupported_encoding"),
            (415, "unsupported_encoding"),
            (415, "unsupported_encoding"),
        ],
    ),
    (
        Case::UnknownPath,
        [
            (404, "path_not_found"),
            (404, "path_not_found"),
            (404, "40378"),
            (404, "NOT_FOUND"),
            (404, "NOT_FOUND"),
            (404, "path_not_found"),
            (404, "path_not_found"),
            (404, "path_not_found"),
            (404, "path_not_found"),
            (404, "path_not_found"),
        ],
    ),
    (
        Case::StillRunning,
        [
            (409, "still_running"),
            (200, "run_still_going"),
            (409, "40000"),
            (409, "CONFLICT"),
            (409, "CONFLICT"),
            // It never waits.
            (409, "still_running"),
            (422, "run_still_going"),
            (422, "run_still_going"),
            // It joins the run.
            (200, "-"),
            (200, "-"),
        ],
    ),
    (
        Case::Wiped,
        [
            (410, "gone"),
            (200, "gone"),
            (410, "40000"),
            (410, "GONE"),
            (410, "GONE"),
            (410, "gone"),
            (410, "gone"),
            (410, "gone"),
            (200, "gone"),
            (410, "gone"),
        ],
    ),
];

#[derive(Debug, PartialEq, Eq)]
struct Refused {
    status: u16,
    code: String,
    message: String,
    /// Sends exactly these bytes.
    body: String,
}

impl Dialect {
    /// A run request with this text as its body.
    fn run(
        self,
        server: &TestServer,
        key: &str,
        workflow: &str,
        body: impl Into<String>,
    ) -> RequestBuilder {
        let request = match self {
            Native => server.post(&format!("/v1/workflows/{workflow}/runs"), key),
            Mcp => return called(server, key, workflow, &body.into()),
            Gptbots => server.post("/v1/workflow/invoke", key).header("x-workflow-id", workflow),
            Sim => server.post(&format!("/api/workflows/{workflow}/execute"), key),
            SimV2 => server.post(&format!("/api/v2/workflows/{workflow}/execute"), key),
            AiFlow => server.post(&format!("/v1/flow/{workflow}/run"), key),
            Chat => server.post("/v1/chat/completions", key),
            Responses => server.post("/v1/responses", key),
            A2a | A2aRest => return self.sent(server, key, workflow, &body.into(), "{}"),
        };
        request
            .header("content-type", "application/json")
            .header("x-request-id", "the-same")
            .body(self.with_model(workflow, body.into()))
    }

    /// A message to the agent, with this text as its data part: a new one each time.
    fn sent(
        self,
        server: &TestServer,
        key: &str,
        workflow: &str,
        data: &str,
        configuration: &str,
    ) -> RequestBuilder {
        static MESSAGES: AtomicUsize = AtomicUsize::new(0);
        let (mark, data) = without_mark(data);
        let id = MESSAGES.fetch_add(1, Ordering::Relaxed);
        let parts = format!(r#"[{{"data":{data}}}]"#);
        let message = format!(r#"{{"messageId":"m-{id}","role":"ROLE_USER","parts":{parts}}}"#);
        let params = format!(r#"{{"message":{message},"configuration":{configuration}}}"#);
        match self {
            A2a => asked(server, key, workflow, &format!("{mark}SendMessage"), &params),
            _ => server
                .post(&format!("/a2a/{workflow}/message:send"), key)
                .header("a2a-version", "1.0")
                .header("x-request-id", "the-same")
                .body(format!("{mark}{params}")),
        }
    }

    /// The body, which names the workflow where the path does not.
    fn with_model(self, workflow: &str, body: String) -> String {
        let model = json!(workflow);
        let first = match self {
            Chat => {
                let messages = json!([{ "role": "system", "content": "x" }]);
                format!("{{\"model\":{model},\"messages\":{messages}")
            }
            Responses => format!("{{\"model\":{model}"),
            _ => return body,
        };
        let comma = if body.trim_end().ends_with("{}") { "" } else { "," };
        body.replacen('{', &format!("{first}{comma}"), 1)
    }

    /// The body for these inputs.
    fn body(self, input: &Value) -> String {
        match self {
            Native | Gptbots | SimV2 | Chat | Responses => json!({ "input": input }).to_string(),
            Mcp | Sim | AiFlow | A2a | A2aRest => input.to_string(),
        }
    }

    /// A body with these webhooks for the run's end. `None` if the dialect has none.
    fn with_webhooks(self, urls: &[&str]) -> Option<String> {
        let webhooks: Vec<_> =
            urls.iter().map(|url| json!({ "url": url, "method": "POST" })).collect();
        match self {
            Native => Some(json!({ "input": { "name": "Ada" }, "webhooks": webhooks }).to_string()),
            Gptbots => Some(
                json!({ "input": { "name": "Ada" }, "isAsync": true, "webhook": webhooks })
                    .to_string(),
            ),
            AiFlow if urls.len() == 1 => Some(
                json!({ "name": "Ada", "run_options": { "global_webhook": { "url": urls[0] } } })
                    .to_string(),
            ),
            AiFlow | Mcp | Sim | SimV2 | Chat | Responses | A2a | A2aRest => None,
        }
    }

    /// Starts a run without waiting and returns its id.
    async fn start(self, server: &TestServer, key: &str, workflow: &str) -> String {
        let request = match self {
            // It has no start that does not wait.
            Native | Mcp => {
                Native.run(server, key, workflow, "{}").header("prefer", "respond-async")
            }
            Gptbots => self.run(server, key, workflow, r#"{"input":{},"isAsync":true}"#),
            Sim => self.run(server, key, workflow, "{}").header("x-execution-mode", "async"),
            SimV2 => self.run(server, key, workflow, r#"{"async":true}"#),
            AiFlow => self.run(server, key, workflow, "{}"),
            Chat | Responses => Responses.run(server, key, workflow, r#"{"background":true}"#),
            A2a | A2aRest => {
                let at_once = r#"{"returnImmediately":true}"#;
                self.sent(server, key, workflow, "{}", at_once)
            }
        };
        let (status, started) = answer(request).await;
        let id = match self {
            Native | Mcp | Chat | Responses => &started["id"],
            Gptbots => &started["workflowRunId"],
            Sim => &started["jobId"],
            SimV2 => &started["data"]["runId"],
            AiFlow => &started["run_id"],
            A2a => &started["result"]["task"]["id"],
            A2aRest => &started["task"]["id"],
        };
        id.as_str().unwrap_or_else(|| panic!("{self:?} {status}: {started}")).to_owned()
    }

    /// Reads a run's result.
    fn read(self, server: &TestServer, key: &str, workflow: &str, run: &str) -> RequestBuilder {
        let request = match self {
            Native => server.get(&format!("/v1/runs/{run}"), key),
            Mcp => {
                return called(server, key, "get_run", &json!({ "run_id": run }).to_string());
            }
            Gptbots => {
                server.post("/v1/workflow/query/result", key).json(&json!({ "workflowRunId": run }))
            }
            Sim => server.get(&format!("/api/jobs/{run}"), key),
            SimV2 => server.get(&format!("/api/v2/workflows/{workflow}/runs/{run}"), key),
            AiFlow => server.get(&format!("/v1/flow/{workflow}/run/{run}"), key),
            Chat | Responses => server.get(&format!("/v1/responses/{run}"), key),
            A2a => {
                return asked(server, key, workflow, "GetTask", &json!({ "id": run }).to_string());
            }
            A2aRest => server
                .get(&format!("/a2a/{workflow}/tasks/{run}"), key)
                .header("a2a-version", "1.0"),
        };
        request.header("x-request-id", "the-same")
    }

    /// Checks the answer's format, status and code, and returns the refusal.
    async fn refused(self, case: Case, request: RequestBuilder) -> Refused {
        self.refusal(case, request.send().await.unwrap()).await
    }

    async fn refusal(self, case: Case, response: Response) -> Refused {
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{self:?} answers {status} without JSON: {error}"));
        let string = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
        let (code, message) = match self {
            Native => {
                assert_eq!(
                    (&body["status"], content_type.as_str()),
                    (&json!(status), "application/problem+json")
                );
                (string(&body["code"]), format!("{} {}", string(&body["detail"]), body["errors"]))
            }
            Mcp => {
                let (error, result) = (&body["error"], &body["result"]);
                let code =
                    error["data"]["code"].as_str().or(result["_meta"]["flowgate/code"].as_str());
                let code = code.map_or_else(|| error["code"].to_string(), str::to_owned);
                let text = error["message"].as_str().or(result["content"][0]["text"].as_str());
                (code, text.unwrap_or_else(|| panic!("{body}")).to_owned())
            }
            Gptbots => (
                body["code"].as_i64().unwrap_or_else(|| panic!("{body}")).to_string(),
                string(&body["message"]),
            ),
            Sim => {
                (string(&body["code"]), format!("{} {}", string(&body["error"]), body["details"]))
            }
            SimV2 => (
                string(&body["error"]["code"]),
                format!("{} {}", string(&body["error"]["message"]), body["error"]["details"]),
            ),
            AiFlow => (
                string(&body["error"]["code"]),
                format!("{} {}", string(&body["error"]["message"]), body["error"]["fields"]),
            ),
            Chat | Responses => (string(&body["error"]["code"]), string(&body["error"]["message"])),
            A2a | A2aRest => {
                let error = &body["error"];
                let about = if self == A2a { &error["data"][0] } else { &error["details"][0] };
                let code = about["metadata"]["code"].as_str().or(about["reason"].as_str());
                (code.unwrap_or_else(|| panic!("{body}")).to_owned(), string(&error["message"]))
            }
        };
        let (_, row) = ROWS.iter().find(|(row, _)| *row == case).unwrap();
        let column = ALL.iter().position(|dialect| *dialect == self).unwrap();
        let expected = match (self, case, code.as_str()) {
            // The arguments are no object, or the message is none.
            (Mcp, Case::BadInput, "-32602") => (200, "-32602"),
            (Mcp, Case::BadInput, "-32700") => (400, "-32700"),
            (A2a, Case::BadInput, "PARSE_ERROR") => (200, "PARSE_ERROR"),
            _ => row[column],
        };
        assert_eq!((status, code.as_str()), expected, "{self:?}, {case:?}: {body}");
        Refused { status, code, message, body: text }
    }
}

/// A call by MCP. A mark before the arguments is one before the message.
fn called(server: &TestServer, key: &str, tool: &str, arguments: &str) -> RequestBuilder {
    let (mark, arguments) = without_mark(arguments);
    let params = format!(r#"{{"name":{},"arguments":{arguments}}}"#, json!(tool));
    let method = r#""jsonrpc":"2.0","id":1,"method":"tools/call""#;
    let request = server.post("/mcp", key).header("accept", "application/json, text/event-stream");
    let request = request.header("x-request-id", "the-same");
    request.body(format!(r#"{mark}{{{method},"params":{params}}}"#))
}

fn without_mark(text: &str) -> (&str, &str) {
    match text.strip_prefix('\u{feff}') {
        Some(text) => ("\u{feff}", text),
        None => ("", text),
    }
}

/// A call of an agent by JSON-RPC. A mark before the method is one before the message.
fn asked(
    server: &TestServer,
    key: &str,
    workflow: &str,
    method: &str,
    params: &str,
) -> RequestBuilder {
    let (mark, method) = without_mark(method);
    let method = format!(r#""jsonrpc":"2.0","id":1,"method":"{method}""#);
    server
        .post(&format!("/a2a/{workflow}"), key)
        .header("a2a-version", "1.0")
        .header("x-request-id", "the-same")
        .body(format!(r#"{mark}{{{method},"params":{params}}}"#))
}

async fn nothing_was_made(server: &TestServer, workflow: &str) {
    let listed: Value = server
        .get(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn keys() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    server.publish("other", STRICT).await;
    assert!(
        server
            .request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY)
            .body(STRICT)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let reader = server.key(&["mine", "draft"], &["read"]).await;
    let runner = server.key(&["mine", "draft", "gone"], &["run", "read"]).await;
    let (revoked, expired) = (revoked(&server).await, expired(&server).await);
    let others: Value =
        answer(Native.run(&server, ADMIN_KEY, "other", r#"{"input":{"name":"Ada"}}"#)).await.1;
    for dialect in ALL {
        let good = dialect.body(&json!({ "name": "Ada" }));
        let attempt = async |case: Case, key: &str, workflow: &str| {
            dialect.refused(case, dialect.run(&server, key, workflow, good.clone())).await
        };
        let unauthorized = attempt(Case::BadKey, "fg_wrong", "mine").await;
        for key in [&revoked, &expired, "x", ""] {
            assert_eq!(
                attempt(Case::BadKey, key, "mine").await,
                unauthorized,
                "{dialect:?}: one answer for every bad key"
            );
            assert_eq!(
                dialect
                    .refused(Case::BadKey, dialect.read(&server, key, "mine", NOBODYS_RUN))
                    .await,
                unauthorized
            );
        }
        attempt(Case::NoScope, &reader, "mine").await;
        let unknown = attempt(Case::UnknownWorkflow, &runner, "gone").await;
        assert_eq!(
            attempt(Case::UnknownWorkflow, &runner, "other").await,
            unknown,
            "{dialect:?}: unknown and foreign alike"
        );
        attempt(Case::NotPublished, &runner, "draft").await;

        let read = async |workflow: &str, run: &str| {
            dialect.refused(Case::UnknownRun, dialect.read(&server, &runner, workflow, run)).await
        };
        let unknown = read("mine", NOBODYS_RUN).await;
        assert_eq!(
            read("mine", others["id"].as_str().unwrap()).await,
            unknown,
            "{dialect:?}: unknown and foreign alike"
        );
        if [A2a, A2aRest].contains(&dialect) {
            // The agent comes first.
            let read = dialect.read(&server, &runner, "other", NOBODYS_RUN);
            dialect.refused(Case::UnknownWorkflow, read).await;
        } else {
            assert_eq!(read("other", others["id"].as_str().unwrap()).await, unknown);
        }
        assert_eq!(read("mine", "no-id-at-all").await, unknown);
    }
    nothing_was_made(&server, "mine").await;
    assert_eq!(
        answer(server.get("/v1/workflows/other/runs", ADMIN_KEY)).await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn revoked(server: &TestServer) -> String {
    let key = server.key(&["mine"], &["run"]).await;
    let before = Native.run(server, &key, "mine", "{").send().await.unwrap();
    assert_eq!(before.status(), 400, "the key is known, and cached, before it is revoked");
    let id = key.split('_').nth(1).unwrap();
    assert!(
        server
            .request(Method::DELETE, &format!("/v1/keys/{id}"), ADMIN_KEY)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    server.settle().await;
    key
}

async fn expired(server: &TestServer) -> String {
    let soon = (server.now() + std::time::Duration::from_millis(300)).to_string();
    let request =
        json!({ "name": "short", "workflows": ["mine"], "scopes": ["run"], "expires_at": soon });
    let made: Value = server
        .post("/v1/keys", ADMIN_KEY)
        .json(&request)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn bodies() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let deep = |dialect: Dialect| {
        dialect
            .body(&json!({ "name": "DEEP" }))
            .replace("\"DEEP\"", &format!("{}{}", "[".repeat(65), "]".repeat(65)))
    };
    let twice = |dialect: Dialect| {
        dialect
            .body(&json!({ "name": "Ada" }))
            .replace("\"name\":\"Ada\"", "\"name\":\"Ada\",\"name\":\"Bob\"")
    };
    for dialect in ALL {
        let attempt = async |case: Case, body: String| {
            dialect.refused(case, dialect.run(&server, &key, "w", body)).await
        };
        let named = async |body: Value, field: &str| {
            let refused = attempt(Case::BadInput, dialect.body(&body)).await;
            assert!(refused.message.contains(field), "{dialect:?}: {refused:?}");
        };
        named(json!({}), "name").await;
        named(json!({ "name": { "a": 1 } }), "name").await;
        named(json!({ "name": "Ada", "n": "three" }), "n").await;
        for body in [
            "{\"input\": {".to_owned(),
            "[1]".to_owned(),
            deep(dialect),
            twice(dialect),
            "\u{0}".to_owned(),
        ] {
            attempt(Case::BadInput, body).await;
        }
        attempt(Case::TooLarge, dialect.body(&json!({ "name": "x".repeat((4 << 20) + 1) }))).await;
        let with_header = |name: &'static str, value: &'static str| {
            let body = dialect.body(&json!({ "name": "Ada" }));
            dialect
                .refused(Case::BadInput, dialect.run(&server, &key, "w", body).header(name, value))
        };
        assert!(with_header("idempotency-key", "a b").await.message.contains("Idempotency-Key"));
        for coding in ["br", "deflate", "identity, gzip", "zstd"] {
            let body = dialect.body(&json!({ "name": "Ada" }));
            let request = dialect.run(&server, &key, "w", body).header("content-encoding", coding);
            dialect.refused(Case::Compressed, request).await;
        }
    }
    nothing_was_made(&server, "w").await;
}
