//! Sim's public workflows: whoever presents no key runs them on behalf of one, and does nothing
//! else.

use std::time::Duration;

use flowgate_tests::server::{ADMIN_KEY, TestServer, challenge};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};
use crate::limits::{allowance, retry_after};

const GREETING: &str = r#"
input: [{ name: name, type: string, default: Ada }]
nodes: [{ id: say, type: template, template: "Hello <api.name>" }]
output: { greeting: <say.content> }
"#;
const EXECUTE: [&str; 2] = ["/api/workflows/w/execute", "/api/v2/workflows/w/execute"];

/// A server with the workflow `w`, and a key for it alone.
struct World {
    server: TestServer,
    key_id: String,
    key: String,
}

impl World {
    async fn closed() -> Self {
        let server = TestServer::start_with(|settings| settings.public_workflows = true).await;
        server.publish("w", GREETING).await;
        let (key_id, key) = made(&server, json!({ "workflows": ["w"] })).await;
        Self { server, key_id, key }
    }

    async fn open() -> Self {
        let world = Self::closed().await;
        world.attach(&world.key_id).await;
        world
    }

    async fn attach(&self, key_id: &str) {
        let (status, public) = put(&self.server, ADMIN_KEY, "w", key_id).await;
        assert_eq!((status, &public), (200, &json!({ "key_id": key_id, "open": true })));
        self.server.settle().await;
    }

    async fn rotate(&self) -> Value {
        let path = format!("/v1/keys/{}/rotate", self.key_id);
        let now = json!({ "overlap_seconds": 0 });
        let (status, made) = answer(self.server.post(&path, ADMIN_KEY).json(&now)).await;
        assert_eq!(status, 201, "{made}");
        self.server.settle().await;
        made
    }

    async fn delete(&self, path: &str) {
        let (status, _) = status_of(self.server.request(Method::DELETE, path, ADMIN_KEY)).await;
        assert_eq!(status, 204, "{path}");
        self.server.settle().await;
    }

    /// What the workflow says of itself, in our API and in Sim's.
    async fn shown(&self) -> (Value, bool) {
        let own = answer(self.server.get("/v1/workflows/w", ADMIN_KEY)).await.1;
        let path = "/api/v2/workflows/w/deployment";
        let sims = answer(self.server.get(path, ADMIN_KEY)).await.1;
        (own["public"].clone(), sims["data"]["isPublicApi"].as_bool().unwrap())
    }
}

/// Returns the id of a new key, and the key.
async fn made(server: &TestServer, with: Value) -> (String, String) {
    let mut body = json!({ "name": "k", "workflows": "*", "scopes": ["run", "read", "cancel"] });
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    let (status, key) = answer(server.post("/v1/keys", ADMIN_KEY).json(&body)).await;
    assert_eq!(status, 201, "{key}");
    (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned())
}

async fn put(server: &TestServer, by: &str, workflow: &str, key_id: &str) -> (u16, Value) {
    let path = format!("/v1/workflows/{workflow}/public");
    answer(server.request(Method::PUT, &path, by).json(&json!({ "key_id": key_id }))).await
}

/// A request without a credential.
fn keyless(server: &TestServer, method: Method, path: &str) -> RequestBuilder {
    server.client.request(method, format!("{}{path}", server.url))
}

fn execute(server: &TestServer, path: &str) -> RequestBuilder {
    keyless(server, Method::POST, path).json(&json!({}))
}

async fn status_of(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// What nobody gets to know of is alike but for ids of requests, ours and the gateway's.
async fn refusal(response: Response) -> (u16, Vec<(String, String)>, String) {
    let is_same =
        |name: &str| !name.ends_with("-id") && !name.ends_with("-requestid") && name != "date";
    let headers = response.headers().iter().filter(|(name, _)| is_same(name.as_str()));
    let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = headers.map(text).collect();
    headers.sort();
    (response.status().as_u16(), headers, response.text().await.unwrap())
}

#[tokio::test]
async fn whoever_has_no_key_runs_it_as_the_one_that_is_attached() {
    let world = World::closed().await;
    let server = &world.server;
    assert_eq!(world.shown().await, (Value::Null, false));
    for path in EXECUTE {
        assert_eq!(answer(execute(server, path)).await.0, 401, "{path}");
    }
    world.attach(&world.key_id).await;
    assert_eq!(world.shown().await, (json!({ "key_id": world.key_id, "open": true }), true));

    let first = keyless(server, Method::POST, EXECUTE[0]).json(&json!({ "name": "Bob" }));
    let (status, first) = answer(first).await;
    assert_eq!((status, &first["output"]), (200, &json!({ "greeting": "Hello Bob" })));
    let second = json!({ "input": { "name": "Eve" }, "async": false });
    let (status, second) = answer(keyless(server, Method::POST, EXECUTE[1]).json(&second)).await;
    let data = &second["data"];
    assert_eq!((status, &data["output"]), (200, &json!({ "greeting": "Hello Eve" })));
    for path in EXECUTE {
        let stream = keyless(server, Method::POST, path).json(&json!({ "stream": true }));
        let (status, text) = status_of(stream).await;
        assert!(status == 200 && text.contains("Hello Ada") && text.contains("[DONE]"), "{text}");
    }

    let runs = until(
        || server.get("/v1/workflows/w/runs", &world.key),
        |runs| runs["items"].as_array().is_some_and(|items| items.len() == 4),
    )
    .await;
    let ids: Vec<_> = runs["items"].as_array().unwrap().iter().map(|run| &run["id"]).collect();
    assert!(ids.contains(&&first["executionId"]) && ids.contains(&&data["runId"]), "{runs}");
    let shown = format!("/v1/keys/{}", world.key_id);
    until(|| server.get(&shown, ADMIN_KEY), |key| key["last_used_at"].is_string()).await;
}

#[tokio::test]
async fn they_may_do_nothing_else_whatever_the_key_may() {
    let world = World::open().await;
    let server = &world.server;
    server.publish("other", GREETING).await;
    let all = json!({ "scopes": ["run", "read", "trace", "cancel", "author", "admin"] });
    let (strong, _) = made(server, all).await;
    world.attach(&strong).await;
    let run = answer(execute(server, EXECUTE[1])).await.1["data"]["runId"].clone();
    let run = run.as_str().unwrap();
    let others = [
        (Method::POST, "/api/workflows/other/execute".to_owned()),
        (Method::POST, "/api/v2/workflows/other/execute".to_owned()),
        (Method::GET, format!("/api/v2/workflows/w/runs/{run}")),
        (Method::GET, "/api/v2/workflows/w/runs".to_owned()),
        (Method::POST, format!("/api/v2/workflows/w/runs/{run}/cancel")),
        (Method::GET, "/api/v2/workflows/w".to_owned()),
        (Method::GET, "/api/v2/workflows/w/deployment".to_owned()),
        (Method::GET, "/api/workflows/w/status".to_owned()),
        (Method::GET, format!("/api/workflows/w/executions/{run}")),
        (Method::GET, format!("/api/jobs/{run}")),
        (Method::GET, "/api/users/me/usage-limits".to_owned()),
        (Method::POST, "/api/v1/files".to_owned()),
        (Method::POST, "/v1/workflows/w/runs".to_owned()),
        (Method::POST, "/v1/workflows/w/batch".to_owned()),
        (Method::GET, format!("/v1/runs/{run}")),
        (Method::GET, "/v1/workflows/w/interface".to_owned()),
        (Method::GET, "/v1/workflows/w".to_owned()),
        (Method::DELETE, "/v1/workflows/w/public".to_owned()),
        (Method::GET, "/v1/keys/self".to_owned()),
        (Method::POST, "/v1/tokens".to_owned()),
        (Method::POST, "/v1/flow/w/run".to_owned()),
        (Method::POST, "/v1/chat/completions".to_owned()),
        (Method::POST, "/mcp".to_owned()),
        (Method::POST, "/a2a/w/message:send".to_owned()),
    ];
    for (method, path) in others {
        let request = keyless(server, method.clone(), &path).json(&json!({ "model": "w" }));
        let request = request.header("a2a-version", "1.0");
        let (status, text) = status_of(request).await;
        assert_eq!(status, 401, "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn a_credential_is_never_passed_over() {
    let world = World::open().await;
    let server = &world.server;
    let (_, reader) = made(server, json!({ "scopes": ["read"] })).await;
    let (_, foreign) = made(server, json!({ "workflows": ["other"] })).await;
    let changed = format!("{}AAAAAA", &world.key[..world.key.len() - 6]);
    let bearer = |key: &str| format!("Bearer {key}");
    let jwt = bearer("eyJhbGciOiJIUzI1NiJ9.e30.x");
    let cases = [
        (vec![], 200),
        (vec![("authorization", "Basic YTpi".to_owned())], 200),
        (vec![("x-api-key", world.key.clone())], 200),
        (vec![("authorization", bearer(&world.key))], 200),
        (vec![("x-api-key", "wrong".to_owned())], 401),
        (vec![("x-api-key", String::new())], 401),
        (vec![("x-api-key", changed)], 401),
        (vec![("authorization", jwt.clone())], 401),
        (vec![("authorization", "Bearer".to_owned())], 401),
        (vec![("authorization", world.key.clone())], 401),
        (vec![("x-api-key", world.key.clone()), ("authorization", jwt)], 401),
        (vec![("x-api-key", reader)], 403),
        (vec![("x-api-key", foreign)], 404),
    ];
    for path in EXECUTE {
        for (headers, expected) in &cases {
            let request = headers
                .iter()
                .fold(execute(server, path), |request, (name, value)| request.header(*name, value));
            let (status, body) = answer(request).await;
            assert_eq!(status, *expected, "{path} {headers:?}: {body}");
        }
    }
}

#[tokio::test]
async fn nobody_learns_which_workflows_there_are() {
    let world = World::open().await;
    let server = &world.server;
    server.publish("private", GREETING).await;
    server.publish("down", GREETING).await;
    let (all, _) = made(server, json!({})).await;
    assert_eq!(put(server, ADMIN_KEY, "down", &all).await.0, 200);
    world.delete("/v1/workflows/down/active").await;
    let off = TestServer::start().await;
    off.publish("w", GREETING).await;
    for generation in ["/api/workflows", "/api/v2/workflows"] {
        let ask = async |server: &TestServer, id: &str| {
            let request = execute(server, &format!("{generation}/{id}/execute"));
            refusal(request.send().await.unwrap()).await
        };
        let unknown = ask(server, "unknown").await;
        assert_eq!(unknown.0, 401, "{unknown:?}");
        let long = "x".repeat(200);
        for id in ["private", "down", "..%2fw", "W", long.as_str()] {
            assert_eq!(ask(server, id).await, unknown, "{generation} {id}");
        }
        assert_eq!(ask(&off, "w").await, unknown, "{generation}: the operator allows none");
    }
    let refused = execute(server, "/api/v2/workflows/unknown/execute").send().await.unwrap();
    assert_eq!(challenge(&refused), "SimApiKey realm=\"Sim API\", header=\"x-api-key\"");
}

#[tokio::test]
async fn what_goes_beyond_the_request_needs_a_key() {
    let world = World::open().await;
    let server = &world.server;
    let [first, second] = EXECUTE;
    let needs = |what: &str| format!("{what} requires an API key");
    let asynchronous = execute(server, first).header("x-execution-mode", "async");
    let (status, refused) = answer(asynchronous).await;
    let expected = (400, json!(needs("Async execution")), json!("INVALID_INPUT"));
    assert_eq!((status, refused["error"].clone(), refused["code"].clone()), expected);
    let asynchronous = keyless(server, Method::POST, second).json(&json!({ "async": true }));
    let (status, refused) = answer(asynchronous).await;
    let error = &refused["error"];
    let expected = (400, &json!("BAD_REQUEST"), &json!(needs("Async execution")));
    assert_eq!((status, &error["code"], &error["message"]), expected);

    // What the key's owner chose cannot be guessed, nor taken away from them.
    for (path, header) in [(first, "x-execution-id"), (second, "x-run-id")] {
        let keyed = async |key: &str, id: &str| {
            let request = execute(server, path).header("x-api-key", &world.key);
            let request = request.header("idempotency-key", key).header(header, id);
            let response = request.send().await.unwrap();
            let shown = response.headers().get(header).cloned();
            (response.status().as_u16(), shown.unwrap().to_str().unwrap().to_owned())
        };
        let [mine, other] = [format!("mine-{header}"), format!("other-{header}")];
        assert_eq!(keyed(header, &mine).await, (200, mine.clone()));
        let guessed = execute(server, path).header("idempotency-key", header);
        let (status, refused) = answer(guessed).await;
        assert!(status == 400 && refused.to_string().contains(&needs("Idempotency-Key")));
        for chosen in [&mine, &other] {
            let own = execute(server, path).header(header, chosen).send().await.unwrap();
            let id = own.headers()[header].to_str().unwrap().to_owned();
            assert!(own.status() == 200 && id.starts_with("run_"), "{path}: {id}");
        }
        assert_eq!(keyed(&other, &other).await, (200, other.clone()));
    }
}

#[tokio::test]
async fn what_a_run_asks_they_cannot_answer() {
    let world = World::open().await;
    let server = &world.server;
    server.publish("w", "nodes: [{ id: ask, type: approval, message: ok? }]\n").await;
    let links = |paused: &Value| {
        let output = paused.pointer("/data/output").unwrap_or(&paused["output"]);
        let resume = &output["_resume"];
        assert_eq!(resume["contextId"], "ask", "{paused}");
        resume["uiUrl"].is_string()
    };
    for path in EXECUTE {
        let (status, paused) = answer(execute(server, path)).await;
        assert!(status == 200 && !links(&paused), "{paused}");
        let keyed = execute(server, path).header("x-api-key", &world.key);
        assert!(links(&answer(keyed).await.1), "{path}");
        let stream = keyless(server, Method::POST, path).json(&json!({ "stream": true }));
        let (_, text) = status_of(stream).await;
        assert!(text.contains("\"contextId\":\"ask\"") && !text.contains("approval?"), "{text}");
    }
}

#[tokio::test]
async fn the_keys_limits_are_theirs() {
    let world = World::closed().await;
    let server = &world.server;
    let limits = json!({ "limits": { "requests_per_minute": 1, "burst": 2 } });
    let (key_id, key) = made(server, limits).await;
    world.attach(&key_id).await;
    let first = execute(server, EXECUTE[0]).send().await.unwrap();
    assert_eq!((first.status().as_u16(), allowance(&first).unwrap()[1]), (200, 1));
    let keyed = execute(server, EXECUTE[1]).header("x-api-key", &key).send().await.unwrap();
    assert_eq!(allowance(&keyed).unwrap()[1], 0, "both draw on the same");
    for (path, pointer, code) in
        [(EXECUTE[0], "/code", "RATE_LIMIT_EXCEEDED"), (EXECUTE[1], "/error/code", "RATE_LIMITED")]
    {
        let refused = execute(server, path).send().await.unwrap();
        assert!(retry_after(&refused) >= 1 && allowance(&refused).unwrap()[1] == 0);
        let (status, body) = json_of(refused).await;
        assert_eq!((status, body.pointer(pointer)), (429, Some(&json!(code))), "{body}");
    }
    let path = format!("/v1/keys/{key_id}");
    let refused = |key: &Value| key["last_refused"]["code"] == "rate_limited";
    until(|| server.get(&path, ADMIN_KEY), refused).await;
}

#[tokio::test]
async fn the_keys_budget_is_theirs() {
    let world = World::closed().await;
    let server = &world.server;
    let document = "nodes: [{ id: a, type: agent, model: offline/echo, prompt: one two three }]\n\
                    output: { said: <a.content> }\n";
    server.publish("w", document).await;
    let budget = json!({ "budget": { "max_tokens": 1, "per": "month" } });
    let (key_id, _) = made(server, budget).await;
    world.attach(&key_id).await;
    let (status, first) = answer(execute(server, EXECUTE[1])).await;
    assert_eq!((status, &first["data"]["status"]), (200, &json!("completed")), "{first}");
    let (status, second) = answer(execute(server, EXECUTE[1])).await;
    assert_eq!((status, &second["data"]["status"]), (200, &json!("failed")), "{second}");
    let run = format!("/v1/runs/{}", second["data"]["runId"].as_str().unwrap());
    let run = answer(server.get(&run, ADMIN_KEY)).await.1;
    assert_eq!(run["error"]["code"], "budget_exhausted");
    let key = answer(server.get(&format!("/v1/keys/{key_id}"), ADMIN_KEY)).await.1;
    assert_eq!(key["budget"]["spent"]["left_tokens"], 0, "{key}");
}

#[tokio::test]
async fn a_key_that_ends_takes_its_workflows_back() {
    let world = World::open().await;
    let server = &world.server;
    let closed = async |world: &World, key_id: &str| {
        for path in EXECUTE {
            assert_eq!(answer(execute(server, path)).await.0, 401, "{path}");
        }
        assert_eq!(world.shown().await, (json!({ "key_id": key_id, "open": false }), false));
    };
    world.delete(&format!("/v1/keys/{}", world.key_id)).await;
    closed(&world, &world.key_id).await;
    let path = format!("/v1/keys/{}", world.key_id);
    let refused = |key: &Value| key["last_refused"]["code"] == "unauthorized";
    until(|| server.get(&path, ADMIN_KEY), refused).await;

    let soon = server.now() + Duration::from_secs(8);
    let (brief, _) = made(server, json!({ "expires_at": soon.to_string() })).await;
    world.attach(&brief).await;
    assert_eq!(answer(execute(server, EXECUTE[0])).await.0, 200);
    while server.now() <= soon {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    closed(&world, &brief).await;

    // Without a version there is nothing to run, and with one again there is.
    let (lasting, _) = made(server, json!({})).await;
    world.attach(&lasting).await;
    world.delete("/v1/workflows/w/active").await;
    closed(&world, &lasting).await;
    assert_eq!(answer(server.post("/v1/workflows/w/rollback", ADMIN_KEY)).await.0, 200);
    server.settle().await;
    assert_eq!(answer(execute(server, EXECUTE[0])).await.0, 200);
}

#[tokio::test]
async fn a_rotation_goes_on_with_the_new_key_at_once() {
    let world = World::open().await;
    let server = &world.server;
    let more = ["x", "y"];
    let (all, _) = made(server, json!({})).await;
    for id in more {
        server.publish(id, GREETING).await;
        assert_eq!(put(server, ADMIN_KEY, id, &all).await.0, 200);
    }
    let new = world.rotate().await["id"].clone();
    assert_eq!(world.shown().await, (json!({ "key_id": new, "open": true }), true));
    let run = answer(execute(server, EXECUTE[1])).await.1["data"]["runId"].clone();
    let path = format!("/v1/workflows/w/runs?key={}", new.as_str().unwrap());
    let runs = answer(server.get(&path, ADMIN_KEY)).await.1;
    assert_eq!(runs["items"][0]["id"], run, "{runs}");
    for id in more {
        let shown = answer(server.get(&format!("/v1/workflows/{id}"), ADMIN_KEY)).await.1;
        assert_eq!(shown["public"]["key_id"], json!(all), "of another key");
    }
    let old = put(server, ADMIN_KEY, "w", &world.key_id).await;
    assert_eq!((old.0, &old.1["errors"][0]["pointer"]), (400, &json!("/key_id")));
}

#[tokio::test]
async fn a_deleted_workflow_leaves_nothing_behind() {
    let world = World::open().await;
    let server = &world.server;
    world.delete("/v1/workflows/w").await;
    assert_eq!(answer(execute(server, EXECUTE[0])).await.0, 401);
    server.publish("w", GREETING).await;
    assert_eq!(world.shown().await, (Value::Null, false));
    world.rotate().await;
    assert_eq!(world.shown().await, (Value::Null, false));
    assert_eq!(answer(execute(server, EXECUTE[0])).await.0, 401);
}

#[tokio::test]
async fn an_author_takes_it_back_and_an_admin_alone_opens_it() {
    let world = World::open().await;
    let server = &world.server;
    let author = server.key(&["w"], &["author", "run"]).await;
    let (own, admin_of_one) =
        made(server, json!({ "workflows": ["w"], "scopes": ["admin"] })).await;
    for by in [&author, &admin_of_one] {
        assert_eq!(put(server, by, "w", &own).await.0, 403);
    }
    let close = |by: &str| status_of(server.request(Method::DELETE, "/v1/workflows/w/public", by));
    assert_eq!(close(&world.key).await.0, 403);
    // Twice is as once.
    for _ in 0..2 {
        assert_eq!(close(&author).await, (204, String::new()));
    }
    server.settle().await;
    assert_eq!(world.shown().await, (Value::Null, false));
    assert_eq!(answer(execute(server, EXECUTE[0])).await.0, 401);
    let (status, _) = put(server, ADMIN_KEY, "nothing", &world.key_id).await;
    assert_eq!(status, 404);
    let nothing = server.request(Method::DELETE, "/v1/workflows/nothing/public", ADMIN_KEY);
    assert_eq!(answer(nothing).await.0, 404);
}

#[tokio::test]
async fn a_key_that_could_not_run_it_is_not_attached() {
    let world = World::open().await;
    let server = &world.server;
    let (revoked, _) = made(server, json!({})).await;
    world.delete(&format!("/v1/keys/{revoked}")).await;
    let (rotated, _) = made(server, json!({})).await;
    let path = format!("/v1/keys/{rotated}/rotate");
    assert_eq!(answer(server.post(&path, ADMIN_KEY)).await.0, 201);
    let (reader, _) = made(server, json!({ "scopes": ["read"] })).await;
    let (foreign, _) = made(server, json!({ "workflows": ["other"] })).await;
    for key_id in ["", "000000000000", "admin", &revoked, &rotated, &reader, &foreign, &world.key] {
        let (status, problem) = put(server, ADMIN_KEY, "w", key_id).await;
        let pointer = &problem["errors"][0]["pointer"];
        assert_eq!((status, pointer), (400, &json!("/key_id")), "{key_id}: {problem}");
    }
    for (body, pointer) in [
        (json!({}), "/key_id"),
        (json!({ "key_id": 1 }), "/key_id"),
        (json!({ "key_id": world.key_id, "key": "x" }), "/key"),
        (json!([]), ""),
    ] {
        let request = server.request(Method::PUT, "/v1/workflows/w/public", ADMIN_KEY);
        let (status, problem) = answer(request.json(&body)).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!(pointer)), "{body}");
    }
    assert_eq!(world.shown().await.0["key_id"], json!(world.key_id), "the one before stays");
}

#[tokio::test]
async fn nothing_is_public_unless_the_operator_allows_it() {
    let server = TestServer::start().await;
    server.publish("w", GREETING).await;
    let (key_id, _) = made(&server, json!({})).await;
    let (status, problem) = put(&server, ADMIN_KEY, "w", &key_id).await;
    assert_eq!((status, &problem["code"]), (409, &json!("no_public_workflows")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--public-workflows"), "{problem}");
    let shown = answer(server.get("/v1/workflows/w", ADMIN_KEY)).await.1;
    assert_eq!(shown["public"], Value::Null);
}
