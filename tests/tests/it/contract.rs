//! Calls every operation of the OpenAPI document and compares the answers with it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use flowgate_tests::contract::{check_answer, operation_id, operation_ids};
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

const HELLO: &str = r#"
input: [{ name: name, type: string, default: Ada }]
nodes: [{ id: say, type: template, template: "Hello <api.name>" }]
output: { said: <say.content> }
"#;
const FAILING: &str = r#"
nodes: [{ id: fail, type: function, code: "throw new Error('no')" }]
output: { result: <fail.result> }
"#;
const DOCUMENT: &str = "nodes: [{ id: say, type: template, template: \"<nobody.x>\" }]";

/// Calls the server and records the operations.
struct Caller {
    server: TestServer,
    called: BTreeSet<&'static str>,
}

impl Caller {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.server.request(method.clone(), path, ADMIN_KEY);
        let request = match path {
            "/mcp" => request.header("accept", "application/json, text/event-stream"),
            _ if path.starts_with("/a2a/") => request.header("a2a-version", "1.0"),
            _ => request,
        };
        let request = match body {
            Some(Value::String(text)) => request.body(text),
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        // On AWS the URL has the stage before the path.
        let (status, path) = (response.status(), path.split('?').next().unwrap_or(path));
        let operation =
            operation_id(method.as_str(), path).unwrap_or_else(|| panic!("{method} {path}"));
        self.called.insert(operation);
        let kind = response.headers().get("content-type");
        let is_text = kind.is_some_and(|kind| {
            kind == "text/event-stream; charset=utf-8"
                || kind == "text/html; charset=utf-8"
                || kind == "application/octet-stream"
        });
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        if is_text || status == StatusCode::NO_CONTENT {
            return Value::Null;
        }
        let body = serde_json::from_str(&text).unwrap();
        check_answer(path, status.as_u16(), &body);
        body
    }

    async fn get(&mut self, path: &str) -> Value {
        self.call(Method::GET, path, None).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn authoring(&mut self) {
        let broken = Some(Value::String(DOCUMENT.to_owned()));
        self.call(Method::PUT, "/v1/workflows/hello", broken).await;
        self.call(Method::PUT, "/v1/workflows/hello", Some(Value::String(HELLO.to_owned()))).await;
        self.post("/v1/workflows/hello/versions", json!({ "notes": "first" })).await;
        let second = HELLO.replace("Hello", "Hi");
        self.call(Method::PUT, "/v1/workflows/hello", Some(Value::String(second))).await;
        self.post("/v1/workflows/hello/versions", json!({})).await;
        self.post("/v1/workflows/hello/rollback", json!({ "version": "1.0.0" })).await;
        for path in ["hello/versions?limit=1", "hello", "", "hello/signing-secret"] {
            self.get(format!("/v1/workflows/{path}").trim_end_matches('/')).await;
        }
        self.get("/v1/kinds").await;
        let validate = "/v1/workflows/validate?workflow=hello";
        self.call(Method::POST, validate, Some(Value::String(HELLO.to_owned()))).await;
        let flow = r#"[{ "name": "a", "processorType": "input-text", "inputText": "x" }]"#;
        let import = "/v1/workflows/import?name=imported";
        self.call(Method::POST, import, Some(Value::String(flow.to_owned()))).await;
        for path in ["interface", "openapi.json", "snippets", "versions/1.0.0"] {
            self.get(&format!("/v1/workflows/hello/{path}")).await;
        }
        let nowhere = json!({ "url": "http://127.0.0.1:9/" });
        self.post("/v1/workflows/hello/webhook/test", nowhere).await;
        self.post("/v1/workflows/hello/signing-secret/rotate", json!({})).await;
    }

    async fn keys_and_secrets(&mut self) {
        let limits = json!({ "requests_per_minute": 60 });
        let key =
            json!({ "name": "k", "workflows": ["hello"], "scopes": ["run"], "limits": limits });
        let key = self.post("/v1/keys", key).await;
        let id = key["id"].as_str().unwrap();
        self.post("/v1/keys", json!({ "name": "all", "workflows": "*", "scopes": ["admin"] }))
            .await;
        self.get("/v1/keys?limit=1").await;
        self.get("/v1/keys/self").await;
        let path = format!("/v1/keys/{id}");
        self.get(&path).await;
        self.call(Method::PATCH, &path, Some(json!({ "name": "renamed" }))).await;
        self.post("/v1/tokens", json!({ "workflow_id": "hello" })).await;
        let public = "/v1/workflows/hello/public";
        self.call(Method::PUT, public, Some(json!({ "key_id": id }))).await;
        self.get("/v1/workflows/hello").await;
        self.call(Method::DELETE, public, None).await;
        self.post(&format!("/v1/keys/{id}/rotate"), json!({ "overlap_seconds": 60 })).await;
        self.call(Method::DELETE, &format!("/v1/keys/{id}"), None).await;
        self.post("/v1/keyring/rotate", json!({})).await;
        self.call(Method::PUT, "/v1/secrets/A_KEY", Some(json!({ "value": "x" }))).await;
        self.get("/v1/secrets").await;
        self.get("/v1/secrets/A_KEY").await;
        self.call(Method::DELETE, "/v1/secrets/A_KEY", None).await;
    }

    async fn logins(&mut self) {
        let tokens = json!({ "access_token": "a", "expires_in": 3600 }).to_string();
        let vendor = Receiver::start(move |_, _| Reply::Now(StatusCode::OK, tokens.clone())).await;
        let login = json!({
            "client_id": "x",
            "authorize_url": format!("{}/page", vendor.url),
            "token_url": format!("{}/token", vendor.url),
        });
        let begun = self.post("/v1/secrets/A_LOGIN/login", login).await;
        let (_, state) = begun["url"].as_str().unwrap().split_once("state=").unwrap();
        let state = state.split('&').next().unwrap();
        self.get(&format!("/v1/oauth/callback?state={state}&code=c&scope=s")).await;
    }

    /// Returns the id of a run that has ended.
    async fn runs(&mut self, receiver: &Receiver) -> String {
        let webhooks = json!([{ "url": receiver.url }]);
        let start = json!({ "input": {}, "user": "u", "webhooks": webhooks });
        let run = self.post("/v1/workflows/hello/runs", start).await;
        let id = run["id"].as_str().unwrap().to_owned();
        self.post("/v1/workflows/hello/batch", json!({})).await;
        let failed = self.post("/v1/workflows/failing/runs", json!({})).await;
        assert_eq!(failed["status"], "failed");
        for part in ["", "/events", "/trace", "/deliveries"] {
            self.get(&format!("/v1/runs/{id}{part}")).await;
            self.get(&format!("/v1/runs/{}{part}", failed["id"].as_str().unwrap())).await;
        }
        self.get("/v1/workflows/hello/runs?limit=1&status=succeeded").await;
        self.get("/v1/stats").await;
        self.get("/v1/stats?workflow=hello&step=day&by=version").await;
        self.post(&format!("/v1/runs/{id}/replay"), json!({})).await;
        let deliveries = self.get(&format!("/v1/runs/{id}/deliveries")).await;
        let delivery = deliveries["items"][0]["id"].as_str().unwrap().to_owned();
        self.post(&format!("/v1/deliveries/{delivery}/redeliver"), json!({})).await;
        let since = json!({ "since": "2026-01-31T08:15:00Z" });
        self.post("/v1/workflows/hello/deliveries/recover", since).await;
        id
    }

    /// By a key whose limit lets the job begin one of two runs.
    async fn replays(&mut self) {
        let limits = json!({ "requests_per_minute": 1, "burst": 1 });
        let (workflows, scopes) = (["hello"], ["run", "read"]);
        let key =
            json!({ "name": "k", "workflows": workflows, "scopes": scopes, "limits": limits });
        let key = self.post("/v1/keys", key).await;
        let path = "/v1/workflows/hello/runs/replay";
        let request = self.server.post(path, key["key"].as_str().unwrap()).json(&json!({}));
        let (status, job) = crate::fixture::answer(request).await;
        assert_eq!(status, 202, "{job}");
        self.called.extend(operation_id("POST", path));
        let job = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
        self.get(&job).await;
        self.post(&format!("{job}/cancel"), json!({})).await;
        let unknown = json!({ "run_ids": ["run_00000000000070008000000000000000"] });
        self.post("/v1/runs/replay", unknown.clone()).await;
        self.post("/v1/runs/cancel", unknown).await;
    }

    async fn files(&mut self) {
        let sha256 = flowgate_core::hash::sha256_hex(b"x");
        let announced = json!({ "name": "a", "size": 1, "sha256": sha256 });
        let announced = self.post("/v1/files", announced).await;
        let path = format!("/v1/files/{}", announced["file"]["$file"].as_str().unwrap());
        self.call(Method::PUT, &path, Some(Value::String("x".to_owned()))).await;
        self.get(&path).await;
        let form = "--X\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nx\r\n--X--";
        let path = "/api/v1/files";
        let form = self.server.post(path, ADMIN_KEY).body(form);
        let form = form.header("content-type", "multipart/form-data; boundary=X");
        assert_eq!(crate::fixture::answer(form).await.0, 200);
        self.called.extend(operation_id("POST", path));
    }

    async fn questions(&mut self) {
        let two = "nodes: [{ id: a, type: approval, message: a? }, \
                   { id: b, type: approval, message: b?, fields: [{ name: f, value: x }] }]";
        self.server.publish("asking", two).await;
        let run = self.post("/v1/workflows/asking/runs", json!({})).await;
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let asked = self.get(&format!("{path}/questions")).await;
        self.get("/v1/questions?limit=1").await;
        self.get("/v1/runs?q=a&include=input").await;
        self.get(&format!("{path}/document")).await;
        self.get("/v1/deliveries").await;
        let link = asked["items"][0]["link"].as_str().unwrap();
        let page = link.strip_prefix(&self.server.public_url).unwrap().to_owned();
        self.get(&page).await;
        let form = Value::String("approved=true".to_owned());
        self.call(Method::POST, &page, Some(form)).await;
        self.post(&format!("{path}/resume"), json!({ "node": "b", "approved": false })).await;
    }

    async fn erase(&mut self, run: &str) {
        self.call(Method::DELETE, &format!("/v1/runs/{run}"), None).await;
        let job = self.call(Method::DELETE, "/v1/users/u/runs", None).await;
        self.get(&format!("/v1/jobs/{}", job["id"].as_str().unwrap())).await;
    }

    /// Last: the credential of the other calls ends, unless the operator gave it.
    async fn rotate_admin(&mut self) {
        let path = "/v1/admin/rotate";
        let answer = self.server.post(path, ADMIN_KEY).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json().await.unwrap());
        assert!(status == 200 || status == 400, "{status} {body}");
        check_answer(path, status, &body);
        self.called.extend(operation_id("POST", path));
    }

    async fn cancel(&mut self, path: &str) {
        let request = self.server.post("/v1/workflows/hanging/runs", ADMIN_KEY);
        let accepted = request.header("prefer", "respond-async").send().await.unwrap();
        let run: Value = accepted.json().await.unwrap();
        self.post(&path.replace("{id}", run["id"].as_str().unwrap()), json!({})).await;
    }

    async fn compat(&mut self, run: &str) {
        // GPTBots needs a key that names one workflow, which the admin credential does not.
        let key = self.server.key(&["hello"], &["run"]).await;
        let invoke = self.server.post("/v1/workflow/invoke", &key).json(&json!({ "input": {} }));
        let invoked = invoke.send().await.unwrap();
        self.called.extend(operation_id("POST", "/v1/workflow/invoke"));
        let (status, result) = (invoked.status().as_u16(), invoked.json().await.unwrap());
        check_answer("/v1/workflow/invoke", status, &result);
        self.post("/v1/workflow/query/result", json!({ "workflowRunId": run })).await;

        self.post("/api/workflows/hello/execute", json!({})).await;
        let results = "includeOutput=true&selectedOutputs=say.content";
        self.get(&format!("/api/workflows/hello/executions/{run}?{results}")).await;
        self.get("/api/workflows/hello/status").await;
        self.get(&format!("/api/jobs/{run}")).await;
        self.get("/api/users/me/usage-limits").await;
        self.post("/api/v2/workflows/hello/execute", json!({ "input": {} })).await;
        self.post("/api/v2/workflows/hello/execute", json!({ "async": true })).await;
        self.post("/api/v2/workflows/failing/execute", json!({})).await;
        self.get("/api/v2/workflows/hello/runs?limit=1&order=asc").await;
        self.get(&format!("/api/v2/workflows/hello/runs/{run}?{results}")).await;

        let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        self.post("/mcp", list).await;
        self.post("/v1/flow/hello/run", json!({ "name": "Bob" })).await;
        self.get(&format!("/v1/flow/hello/run/{run}")).await;
        self.get(&format!("/v1/flow/hello/run/{run}/result")).await;
    }

    async fn sim(&mut self, run: &str) {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let sample = root.join("shared/import/tests/sim/knowledge-base-qa.json");
        let sample: Value = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
        self.server.publish("simple", HELLO).await;
        self.server.publish("simple", &HELLO.replace("Hello", "Hi")).await;
        for generation in ["v1", "v2"] {
            let base = format!("/api/{generation}/workflows");
            self.get(&format!("{base}?limit=1")).await;
            self.get(&format!("{base}/simple")).await;
            self.post(&format!("{base}/simple/rollback"), json!({ "version": 1 })).await;
            self.call(Method::DELETE, &format!("{base}/simple/deploy"), None).await;
            self.post(&format!("{base}/simple/deploy"), json!({ "name": "n" })).await;
            let export = self.get(&format!("{base}/simple/export")).await;
            let own = json!({ "workflow": export["data"] });
            self.post(&format!("{base}/import"), own).await;
            self.post(&format!("{base}/import"), json!({ "workflow": sample })).await;
            let all = "details=full&includeTraceSpans=true&includeFinalOutput=true";
            self.get(&format!("/api/{generation}/logs?limit=5&{all}")).await;
            self.get(&format!("/api/{generation}/logs/{run}")).await;
        }
        let new = json!({ "workspaceId": "default", "name": "Made Here" });
        let made = self.post("/api/v2/workflows", new).await;
        let path = format!("/api/v2/workflows/{}", made["data"]["id"].as_str().unwrap());
        self.call(Method::PATCH, &path, Some(json!({ "description": "x" }))).await;
        self.call(Method::DELETE, &path, None).await;
        for path in ["deployment", "versions?limit=1", "versions/1"] {
            self.get(&format!("/api/v2/workflows/simple/{path}")).await;
        }
        self.get(&format!("/api/v1/logs/executions/{run}")).await;
    }

    async fn sim_questions(&mut self) {
        let asking = "nodes: [{ id: a, type: approval, message: a?, fields: [{ name: f }] }]";
        self.server.publish("pausing", asking).await;
        let body = json!({ "f": "x" });
        let paused = self.post("/api/workflows/pausing/execute", json!({})).await;
        let id = paused["executionId"].as_str().unwrap().to_owned();
        self.get("/api/workflows/pausing/paused").await;
        self.get(&format!("/api/workflows/pausing/paused/{id}")).await;
        self.get(&format!("/api/workflows/pausing/executions/{id}")).await;
        self.get(&format!("/api/resume/pausing/{id}/a")).await;
        self.post(&format!("/api/resume/pausing/{id}/a"), body.clone()).await;
        let paused = self.post("/api/v2/workflows/pausing/execute", json!({})).await;
        let run =
            format!("/api/v2/workflows/pausing/runs/{}", paused["data"]["runId"].as_str().unwrap());
        self.get(&run).await;
        let answer = json!({ "contextId": "a", "input": body });
        self.post(&format!("{run}/resume"), answer).await;
    }

    async fn openai(&mut self) {
        self.get("/v1/models").await;
        self.get("/v1/models/hello").await;
        let messages = json!([{ "role": "user", "content": "hi" }]);
        for stream in [false, true] {
            let chat = json!({ "model": "hello", "messages": messages, "stream": stream });
            self.post("/v1/chat/completions", chat).await;
        }
        self.post("/v1/responses", json!({ "model": "failing", "input": "hi" })).await;
        let begun = json!({ "model": "hello", "input": "hi", "metadata": { "a": "b" } });
        let response = self.post("/v1/responses", begun).await;
        let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
        for more in ["", "?stream=true", "/input_items"] {
            self.get(&format!("{path}{more}")).await;
        }
        self.call(Method::DELETE, &path, None).await;
    }
}

impl Caller {
    async fn a2a(&mut self) {
        let agent = "/a2a/hello";
        self.get(&format!("{agent}/.well-known/agent-card.json")).await;
        let message = |id: &str| {
            let parts = json!([{ "data": {} }]);
            json!({ "message": { "messageId": id, "role": "ROLE_USER", "parts": parts } })
        };
        let sent = self.post(&format!("{agent}/message:send"), message("1")).await;
        self.post(&format!("{agent}/message:stream"), message("2")).await;
        let params = message("3");
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params });
        self.post(agent, call).await;
        self.get(&format!("{agent}/tasks?includeArtifacts=true")).await;
        let task = format!("{agent}/tasks/{}", sent["task"]["id"].as_str().unwrap());
        self.get(&task).await;
        let config = json!({ "id": "mine", "url": "http://127.0.0.1:9/" });
        let configs = format!("{task}/pushNotificationConfigs");
        self.post(&configs, config).await;
        self.get(&configs).await;
        self.get(&format!("{configs}/mine")).await;
        self.call(Method::DELETE, &format!("{configs}/mine"), None).await;
        self.cancel("/a2a/hanging/tasks/{id}:cancel").await;
    }
}

#[tokio::test]
async fn every_operation_answers_as_the_document_says() {
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/hang" => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "thanks".to_owned()),
    })
    .await;
    let server = TestServer::start_with(|settings| settings.public_workflows = true).await;
    let hanging = format!("nodes: [{{ id: call, type: http, url: \"{}/hang\" }}]", receiver.url);
    server.publish("hanging", &hanging).await;
    server.publish("failing", FAILING).await;
    let mut caller = Caller { server, called: BTreeSet::new() };
    caller.get("/health").await;
    caller.get("/openapi.json").await;
    caller.authoring().await;
    caller.keys_and_secrets().await;
    let run = caller.runs(&receiver).await;
    caller.replays().await;
    caller.questions().await;
    caller.logins().await;
    caller.files().await;
    caller.cancel("/v1/runs/{id}/cancel").await;
    caller.cancel("/api/workflows/hanging/executions/{id}/cancel").await;
    caller.cancel("/api/v2/workflows/hanging/runs/{id}/cancel").await;
    caller.cancel("/v1/responses/{id}/cancel").await;
    caller.compat(&run).await;
    caller.sim(&run).await;
    caller.sim_questions().await;
    caller.openai().await;
    caller.a2a().await;
    caller.erase(&run).await;
    caller.call(Method::DELETE, "/v1/workflows/hello/active", None).await;
    caller.call(Method::DELETE, "/v1/workflows/hello", None).await;
    caller.rotate_admin().await;
    assert_eq!(caller.called, operation_ids());
}

#[tokio::test]
async fn the_document_is_served_with_the_servers_own_address() {
    let server = TestServer::start().await;
    let document = server.client.get(format!("{}/openapi.json", server.url)).send().await.unwrap();
    assert_eq!(document.headers()["content-type"], "application/json");
    let document: Value = document.json().await.unwrap();
    assert_eq!(document["servers"], json!([{ "url": server.public_url }]));
    assert_eq!(document["openapi"], "3.1.0");
}
