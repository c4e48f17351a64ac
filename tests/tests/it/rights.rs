//! The table of rights: which scopes each operation needs, held against every operation of the
//! OpenAPI document and every scope of a key.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use flowgate_api::openapi::DOCUMENT;
use flowgate_core::key::Scope::{self, Admin, Author, Cancel, Read, Run, Trace};
use flowgate_tests::contract::operation_id;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// Who may call an operation.
#[derive(Debug, Clone, Copy)]
enum Needs {
    /// No credential.
    Nothing,
    /// Any key that is accepted: it learns about itself alone.
    AnyKey,
    /// All of these scopes.
    All(&'static [Scope]),
    /// One of these scopes.
    Any(&'static [Scope]),
    /// The same, for all workflows.
    Platform(Scope),
    /// The operator's own credential, which no key is.
    Operator,
}

use Needs::{All, Any, AnyKey, Nothing, Operator, Platform};

/// One line per operation. `{run}` is a run that has ended, `{delivery}` its delivery; `{fresh}` is
/// a run of which nobody has read yet.
const RIGHTS: &[(&str, &str, Needs)] = &[
    ("POST", "/v1/workflows/w/runs", All(&[Run])),
    ("POST", "/v1/workflows/w/batch", All(&[Run])),
    ("GET", "/v1/workflows/w/runs", All(&[Read])),
    ("GET", "/v1/runs", All(&[Read])),
    ("GET", "/v1/questions", All(&[Read])),
    ("GET", "/v1/deliveries", All(&[Read])),
    ("GET", "/v1/runs/{run}/document", All(&[Trace])),
    ("POST", "/v1/runs/cancel", All(&[Cancel])),
    ("POST", "/v1/runs/replay", All(&[Run, Read])),
    ("GET", "/v1/runs/{run}", All(&[Read])),
    ("GET", "/v1/runs/{run}/events", All(&[Read])),
    ("GET", "/v1/runs/{run}/trace", All(&[Trace])),
    ("GET", "/v1/runs/{run}/deliveries", All(&[Read])),
    ("DELETE", "/v1/runs/{fresh}", All(&[Author])),
    ("DELETE", "/v1/users/nobody/runs", Platform(Author)),
    ("GET", "/v1/jobs/job_00000000000000000000000000000000", Platform(Author)),
    ("POST", "/v1/jobs/job_00000000000000000000000000000000/cancel", Platform(Author)),
    ("POST", "/v1/workflows/w/runs/replay", All(&[Run, Read])),
    ("GET", "/v1/runs/{run}/questions", All(&[Read])),
    ("POST", "/v1/runs/{run}/resume", All(&[Run])),
    ("GET", "/v1/runs/{run}/approval", Nothing),
    ("POST", "/v1/runs/{run}/approval", Nothing),
    ("POST", "/v1/files", All(&[Run])),
    ("PUT", "/v1/files/file_00000000000000000000000000000000", All(&[Run])),
    ("GET", "/v1/files/file_00000000000000000000000000000000", All(&[Read])),
    ("POST", "/v1/runs/{run}/cancel", All(&[Cancel])),
    ("POST", "/v1/runs/{run}/replay", All(&[Run, Read])),
    ("POST", "/v1/deliveries/{delivery}/redeliver", All(&[Run, Read])),
    ("GET", "/v1/workflows", All(&[Author])),
    ("PUT", "/v1/workflows/scratch", All(&[Author])),
    ("GET", "/v1/workflows/w", All(&[Author])),
    ("DELETE", "/v1/workflows/scratch", All(&[Author])),
    ("POST", "/v1/workflows/w/versions", All(&[Author])),
    ("GET", "/v1/workflows/w/versions", All(&[Author])),
    ("GET", "/v1/workflows/w/versions/1.0.0", All(&[Author])),
    ("POST", "/v1/workflows/validate", All(&[Author])),
    ("POST", "/v1/workflows/import", All(&[Author])),
    ("GET", "/v1/kinds", AnyKey),
    ("GET", "/v1/workflows/w/interface", Any(&[Read, Run, Author])),
    ("GET", "/v1/workflows/w/openapi.json", Any(&[Read, Run, Author])),
    ("GET", "/v1/workflows/w/snippets", Any(&[Read, Run, Author])),
    ("POST", "/v1/workflows/w/webhook/test", All(&[Author])),
    ("POST", "/v1/workflows/w/rollback", All(&[Author])),
    ("POST", "/v1/workflows/w/deliveries/recover", All(&[Author])),
    ("DELETE", "/v1/workflows/scratch/active", All(&[Author])),
    ("PUT", "/v1/workflows/w/public", Platform(Admin)),
    ("DELETE", "/v1/workflows/w/public", All(&[Author])),
    ("GET", "/v1/workflows/w/signing-secret", All(&[Author])),
    ("POST", "/v1/workflows/w/signing-secret/rotate", All(&[Author])),
    ("POST", "/v1/keys", Platform(Admin)),
    ("GET", "/v1/keys", Platform(Admin)),
    ("GET", "/v1/stats", All(&[Read])),
    ("GET", "/v1/keys/self", AnyKey),
    ("GET", "/v1/keys/nobodys", Platform(Admin)),
    ("PATCH", "/v1/keys/nobodys", Platform(Admin)),
    ("DELETE", "/v1/keys/nobodys", Platform(Admin)),
    ("POST", "/v1/keys/nobodys/rotate", Platform(Admin)),
    ("POST", "/v1/keyring/rotate", Platform(Admin)),
    ("POST", "/v1/admin/rotate", Operator),
    ("POST", "/v1/tokens", AnyKey),
    ("PUT", "/v1/secrets/NAME", Platform(Author)),
    ("GET", "/v1/secrets", Platform(Author)),
    ("GET", "/v1/secrets/NAME", Platform(Author)),
    ("DELETE", "/v1/secrets/NAME", Platform(Author)),
    ("POST", "/v1/secrets/OTHER/login", Platform(Author)),
    ("GET", "/v1/oauth/callback", Nothing),
    ("GET", "/health", Nothing),
    ("GET", "/openapi.json", Nothing),
    ("POST", "/v1/workflow/invoke", All(&[Run])),
    ("POST", "/v1/workflow/query/result", All(&[Read])),
    ("POST", "/api/workflows/w/execute", All(&[Run])),
    ("GET", "/api/workflows/w/executions/{run}", All(&[Read])),
    ("POST", "/api/workflows/w/executions/{run}/cancel", All(&[Cancel])),
    ("GET", "/api/workflows/w/status", All(&[Read])),
    ("GET", "/api/jobs/{run}", All(&[Read])),
    ("GET", "/api/users/me/usage-limits", AnyKey),
    ("POST", "/api/v2/workflows/w/execute", All(&[Run])),
    ("GET", "/api/v2/workflows/w/runs", All(&[Read])),
    ("GET", "/api/v2/workflows/w/runs/{run}", All(&[Read])),
    ("POST", "/api/v2/workflows/w/runs/{run}/cancel", All(&[Cancel])),
    ("POST", "/api/v2/workflows/w/runs/{run}/resume", All(&[Run])),
    ("GET", "/api/workflows/w/paused", All(&[Read])),
    ("GET", "/api/workflows/w/paused/{run}", All(&[Read])),
    ("GET", "/api/resume/w/{run}/say", All(&[Read])),
    ("POST", "/api/resume/w/{run}/say", All(&[Run])),
    ("POST", "/api/v1/files", All(&[Run])),
    ("GET", "/api/v1/logs", All(&[Read])),
    ("GET", "/api/v1/logs/{run}", All(&[Read])),
    ("GET", "/api/v1/logs/executions/{run}", All(&[Trace])),
    ("GET", "/api/v2/logs", All(&[Read])),
    ("GET", "/api/v2/logs/{run}", All(&[Read])),
    ("GET", "/api/v1/workflows", All(&[Author])),
    ("GET", "/api/v1/workflows/w", All(&[Author])),
    ("POST", "/api/v1/workflows/w/deploy", All(&[Author])),
    ("DELETE", "/api/v1/workflows/scratch/deploy", All(&[Author])),
    ("POST", "/api/v1/workflows/w/rollback", All(&[Author])),
    ("GET", "/api/v1/workflows/w/export", All(&[Author])),
    ("POST", "/api/v1/workflows/import", All(&[Author])),
    ("GET", "/api/v2/workflows", All(&[Author])),
    ("POST", "/api/v2/workflows", All(&[Author])),
    ("GET", "/api/v2/workflows/w", All(&[Author])),
    ("PATCH", "/api/v2/workflows/w", All(&[Author])),
    ("DELETE", "/api/v2/workflows/scratch", All(&[Author])),
    ("GET", "/api/v2/workflows/w/deployment", All(&[Author])),
    ("POST", "/api/v2/workflows/w/deploy", All(&[Author])),
    ("DELETE", "/api/v2/workflows/scratch/deploy", All(&[Author])),
    ("POST", "/api/v2/workflows/w/rollback", All(&[Author])),
    ("GET", "/api/v2/workflows/w/versions", All(&[Author])),
    ("GET", "/api/v2/workflows/w/versions/1", All(&[Author])),
    ("GET", "/api/v2/workflows/w/export", All(&[Author])),
    ("POST", "/api/v2/workflows/import", All(&[Author])),
    ("POST", "/mcp", All(&[Run])),
    ("GET", "/a2a/w/.well-known/agent-card.json", All(&[Run])),
    ("POST", "/a2a/w", Any(&[Run, Read, Cancel])),
    ("POST", "/a2a/w/message:send", All(&[Run])),
    ("POST", "/a2a/w/message:stream", All(&[Run])),
    ("GET", "/a2a/w/tasks", All(&[Read])),
    ("GET", "/a2a/w/tasks/{run}", All(&[Read])),
    ("POST", "/a2a/w/tasks/{run}", Any(&[Cancel, Read])),
    ("POST", "/a2a/w/tasks/{run}/pushNotificationConfigs", All(&[Run])),
    ("GET", "/a2a/w/tasks/{run}/pushNotificationConfigs", All(&[Read])),
    ("GET", "/a2a/w/tasks/{run}/pushNotificationConfigs/mine", All(&[Read])),
    ("DELETE", "/a2a/w/tasks/{run}/pushNotificationConfigs/mine", All(&[Run])),
    ("POST", "/v1/flow/w/run", All(&[Run])),
    ("GET", "/v1/flow/w/run/{run}", All(&[Read])),
    ("GET", "/v1/flow/w/run/{run}/result", All(&[Read])),
    ("GET", "/v1/models", All(&[Run])),
    ("GET", "/v1/models/w", All(&[Run])),
    ("POST", "/v1/chat/completions", All(&[Run])),
    ("POST", "/v1/responses", All(&[Run])),
    ("GET", "/v1/responses/{run}", All(&[Read])),
    ("GET", "/v1/responses/{run}/input_items", All(&[Read])),
    ("POST", "/v1/responses/{run}/cancel", All(&[Cancel])),
    ("DELETE", "/v1/responses/{fresh}", All(&[Author])),
];

const HELLO: &str =
    "nodes: [{ id: say, type: template, template: hi }]\noutput: { said: <say.content> }\n";

impl Needs {
    fn scopes(self) -> Vec<Scope> {
        match self {
            Nothing | AnyKey | Operator => Vec::new(),
            All(scopes) | Any(scopes) => scopes.to_vec(),
            Platform(scope) => vec![scope],
        }
    }

    /// Written out, so that the table does not depend on the code that it tests.
    fn allows(self, held: &BTreeSet<Scope>) -> bool {
        let holds = |scope: &Scope| {
            held.contains(scope)
                || held.contains(&Admin)
                || *scope == Trace && held.contains(&Author)
        };
        match self {
            Operator => false,
            Any(scopes) => scopes.iter().any(holds),
            _ => self.scopes().iter().all(holds),
        }
    }

    /// Every scope alone, exactly what is needed, and all others together.
    fn tried(self) -> BTreeSet<BTreeSet<Scope>> {
        let needed: BTreeSet<Scope> = self.scopes().into_iter().collect();
        let mut tried: BTreeSet<BTreeSet<Scope>> =
            Scope::ALL.into_iter().map(|scope| [scope].into()).collect();
        tried.insert(needed.clone());
        for without in &needed {
            let is_left_out = |scope: &Scope| match self {
                Any(scopes) => scopes.contains(scope),
                _ => scope == without,
            };
            let others = Scope::ALL.into_iter().filter(|scope| !is_left_out(scope));
            tried.insert(others.filter(|scope| *scope != Admin).collect());
        }
        tried.retain(|scopes| !scopes.is_empty());
        tried
    }
}

/// A server with one run, and a key for each set of scopes.
struct World {
    server: TestServer,
    run: String,
    delivery: String,
    keys: BTreeMap<(BTreeSet<Scope>, bool), String>,
}

impl World {
    async fn start(receiver: &Receiver) -> Self {
        let server = TestServer::start().await;
        server.publish("w", HELLO).await;
        let start = json!({ "webhooks": [{ "url": receiver.url }] });
        let run = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&start)).await.1;
        let run = run["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/runs/{run}/deliveries");
        let deliveries = answer(server.get(&path, ADMIN_KEY)).await.1;
        let delivery = deliveries["items"][0]["id"].as_str().unwrap().to_owned();
        Self { server, run, delivery, keys: BTreeMap::new() }
    }

    async fn key(&mut self, scopes: &BTreeSet<Scope>, everywhere: bool) -> String {
        if let Some(key) = self.keys.get(&(scopes.clone(), everywhere)) {
            return key.clone();
        }
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let workflows: &[&str] = if everywhere { &["*"] } else { &["w", "scratch"] };
        let key = self.server.key(workflows, &words).await;
        self.keys.insert((scopes.clone(), everywhere), key.clone());
        key
    }

    /// Returns a run for one request alone, if the path asks for one.
    async fn path(&self, template: &str) -> String {
        let mut path = template.replace("{run}", &self.run).replace("{delivery}", &self.delivery);
        if path.contains("{fresh}") {
            let start = self.server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({}));
            let fresh = answer(start).await.1;
            path = path.replace("{fresh}", fresh["id"].as_str().unwrap());
        }
        path
    }

    async fn status(&self, method: &str, template: &str, key: &str) -> StatusCode {
        let method: Method = method.parse().unwrap();
        let request = self.server.request(method.clone(), &self.path(template).await, key);
        let request = request.header("x-workflow-id", "w").header("a2a-version", "1.0");
        let request = match template {
            "/mcp" => request.header("accept", "application/json, text/event-stream"),
            _ => request,
        };
        let body = match template {
            "/v1/workflow/query/result" => json!({ "workflowRunId": self.run }).to_string(),
            "/v1/secrets/NAME" => json!({ "value": "x" }).to_string(),
            "/v1/workflows/w/public" => json!({ "key_id": "nobodys" }).to_string(),
            "/v1/secrets/OTHER/login" => {
                json!({ "connector": "slack", "client_id": "x" }).to_string()
            }
            "/v1/workflows/w/deliveries/recover" => {
                json!({ "since": "2026-01-01T00:00:00Z" }).to_string()
            }
            "/v1/chat/completions" | "/v1/responses" => {
                let messages = json!([{ "role": "user", "content": "x" }]);
                json!({ "model": "w", "messages": messages, "input": {} }).to_string()
            }
            "/v1/runs/cancel" | "/v1/runs/replay" => json!({ "workflow": "w" }).to_string(),
            "/v1/keys" => json!({ "name": "k", "workflows": "*" }).to_string(),
            "/v1/keys/nobodys" if method == Method::PATCH => json!({ "name": "k" }).to_string(),
            "/mcp" => json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string(),
            "/v1/workflows/scratch" => HELLO.to_owned(),
            "/v1/workflow/invoke" | "/api/v2/workflows/w/execute" => {
                json!({ "input": {} }).to_string()
            }
            _ => "{}".to_owned(),
        };
        let is_read = method == Method::GET;
        let request = if is_read { request } else { request.body(body) };
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn every_operation_needs_exactly_its_scopes() {
    let receiver = Receiver::ok().await;
    let mut world = World::start(&receiver).await;
    let mut wrong = Vec::new();
    for (method, path, needs) in RIGHTS {
        let refused = world.status(method, path, "fg_not_a_key").await == 401;
        if refused == matches!(needs, Nothing) {
            wrong.push(format!("{method} {path}: without a key"));
        }
        for scopes in needs.tried() {
            let key = world.key(&scopes, true).await;
            let status = world.status(method, path, &key).await;
            if (status == 403) == needs.allows(&scopes) || status.is_server_error() {
                wrong.push(format!("{method} {path} with {scopes:?}: {status}"));
            }
            if let Platform(_) = needs {
                let key = world.key(&scopes, false).await;
                let status = world.status(method, path, &key).await;
                if status != 403 {
                    wrong.push(format!("{method} {path} with {scopes:?} on one: {status}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a route needs stands in its description, and no route is missing here.
#[test]
fn the_table_has_every_operation_and_the_document_says_the_same() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut described = BTreeMap::new();
    for (_, operations) in document["paths"].as_object().unwrap() {
        for (_, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            described.insert(id, operation["description"].as_str().unwrap_or_default().to_owned());
        }
    }
    for (method, path, needs) in RIGHTS {
        let id = operation_id(method, path).unwrap_or_else(|| panic!("{method} {path}"));
        let text = described.remove(id).unwrap_or_else(|| panic!("{method} {path} twice"));
        for scope in needs.scopes() {
            assert!(text.contains(&format!("`{}`", scope.as_str())), "{id} needs {scope:?}");
        }
        if let Platform(_) = needs {
            assert!(text.contains("for all workflows"), "{id}");
        }
    }
    assert!(described.is_empty(), "operations without a line: {:?}", described.keys());
}

/// What only nodes were given and gave, each where a node meets it.
const CANARIES: [&str; 4] = ["PROMPT-CANARY", "OUTPUT-CANARY", "URL-CANARY", "ANSWER-CANARY"];

/// A caller's key reads state, outputs and events: no prompt, no call, no result of a node, and
/// nothing of the author's webhooks.
#[tokio::test]
async fn a_callers_key_sees_nothing_of_the_nodes_without_trace() {
    let receiver = Receiver::start(|request, _| {
        let answer = if request.uri.path().starts_with("/mine") { "MINE" } else { "ANSWER-CANARY" };
        Reply::Now(StatusCode::OK, format!("\"{answer}\""))
    })
    .await;
    let server = TestServer::start().await;
    let document = format!(
        "nodes:\n\
         - {{ id: prompt, type: http, method: POST, url: \"{url}/call/URL-CANARY\", body: \
         PROMPT-CANARY }}\n\
         - {{ id: work, type: function, code: \"return 'OUTPUT-CANARY'\" }}\n\
         - {{ id: hook, type: webhook, url: \"{url}/node/URL-CANARY\", body: {{ a: 1 }} }}\n\
         output: {{ done: yes }}\n\
         webhook: {{ url: \"{url}/author/URL-CANARY\" }}\n",
        url = receiver.url
    );
    server.publish("w", &document).await;
    let key = server.key(&["w"], &["run", "read", "cancel"]).await;
    let author = server.key(&["w"], &["read", "author"]).await;
    let start = json!({ "webhooks": [{ "url": format!("{}/mine", receiver.url) }] });
    let request = server.post("/v1/workflows/w/runs", &key).json(&start);
    let streamed = request.header("accept", "text/event-stream").send().await.unwrap();
    let stream = streamed.text().await.unwrap();
    assert!(stream.contains("run.finished"), "{stream}");
    let page = answer(server.get("/v1/workflows/w/runs?include=input,output", &key)).await.1;
    let run = format!("/v1/runs/{}", page["items"][0]["id"].as_str().unwrap());
    let delivered = |deliveries: &Value| {
        let items = deliveries["items"].as_array().unwrap();
        items.len() == 3 && items.iter().all(|item| item["status"] == "delivered")
    };
    let log = format!("{run}/deliveries");
    let deliveries = until(|| server.get(&log, &key), delivered).await;
    let mut seen = vec![stream, page.to_string(), deliveries.to_string()];
    for part in ["", "/events", "/trace"] {
        seen.push(
            server.get(&format!("{run}{part}"), &key).send().await.unwrap().text().await.unwrap(),
        );
    }
    let id = deliveries["items"][0]["id"].as_str().unwrap();
    seen.push(
        answer(server.post(&format!("/v1/deliveries/{id}/redeliver"), &key)).await.1.to_string(),
    );
    for canary in CANARIES {
        assert!(seen.iter().all(|text| !text.contains(canary)), "{canary} in {seen:#?}");
    }
    // Its own webhook it sees in full.
    assert!(deliveries.to_string().contains("/mine") && deliveries.to_string().contains("MINE"));

    // An author sees it all.
    let trace = answer(server.get(&format!("{run}/trace"), &author)).await.1.to_string();
    let deliveries = answer(server.get(&log, &author)).await.1.to_string();
    for canary in CANARIES {
        assert!(format!("{trace}{deliveries}").contains(canary), "{canary} in {trace}");
    }
}
