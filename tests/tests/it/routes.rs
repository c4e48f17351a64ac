//! Every route of the OpenAPI document with every kind of credential. The document says which scope
//! a route needs; the scopes come from [`Scope::ALL`].

use std::collections::BTreeSet;

use flowgate_app::key::Scope;
use flowgate_tests::contract::routes;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const PLAIN: &str =
    "nodes: [{ id: say, type: template, template: x }]\noutput: { o: <say.content> }";

/// What a route's description says that it needs.
#[derive(Debug, PartialEq, Eq)]
struct Needs {
    scopes: Vec<Scope>,
    /// "`read` or `run`": one of them is enough.
    any: bool,
    /// "for all workflows"
    platform: bool,
    /// "Needs no key."
    nothing: bool,
    /// "Only the operator's own credential may": no key is enough.
    operator: bool,
}

impl Needs {
    fn of(operation: &str, description: &str) -> Self {
        let flat = description.replace('\n', " ");
        let said = flat.split("Needs the scope").nth(1).and_then(|rest| rest.split('.').next());
        let words = said.unwrap_or_default().split('`').skip(1).step_by(2);
        let needs = Self {
            scopes: words.filter_map(Scope::parse).collect(),
            any: said.is_some_and(|said| said.contains("` or `")),
            platform: said.is_some_and(|said| said.contains("for all workflows")),
            nothing: flat.contains("Needs no key."),
            operator: flat.contains("Only the operator's own credential may"),
        };
        let names_none = needs.nothing || needs.operator || flat.contains("Any good key may");
        assert!(names_none == needs.scopes.is_empty(), "{operation} says which scope: {flat}");
        needs
    }

    fn are_met_by(&self, scopes: &BTreeSet<Scope>) -> bool {
        let holds = |scope: &Scope| grants(scopes, *scope);
        match self.any {
            true => self.scopes.iter().any(holds),
            false => !self.operator && self.scopes.iter().all(holds),
        }
    }
}

/// An author sees what a node was given while trying the workflow out; an admin may do everything.
fn grants(scopes: &BTreeSet<Scope>, needed: Scope) -> bool {
    scopes.contains(&needed)
        || scopes.contains(&Scope::Admin)
        || (needed.as_str() == "trace" && scopes.contains(&Scope::Author))
}

/// Two workflows, a run of the first with a webhook, and keys of every kind.
struct World {
    server: TestServer,
    run: String,
    delivery: String,
}

impl World {
    async fn start() -> Self {
        let server = TestServer::start().await;
        server.publish("mine", PLAIN).await;
        server.publish("other", PLAIN).await;
        let body = json!({ "webhooks": [{ "url": "http://127.0.0.1:9/" }] });
        let run = answer(server.post("/v1/workflows/mine/runs", ADMIN_KEY).json(&body)).await.1;
        let run = run["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/runs/{run}/deliveries");
        let some = |all: &Value| all["items"][0]["id"].is_string();
        let deliveries = until(|| server.get(&path, ADMIN_KEY), some).await;
        let delivery = deliveries["items"][0]["id"].as_str().unwrap().to_owned();
        Self { server, run, delivery }
    }

    /// A request without a credential. `aside`: where it changes something, it names what does not
    /// exist, so that it may be allowed and still changes nothing.
    fn request(&self, route: &Route, aside: bool) -> RequestBuilder {
        let aside = aside && route.method != Method::GET;
        let (workflow, run, delivery) = if aside {
            ("spare", "run_00000000000000000000000000000000", "whd_0")
        } else {
            ("mine", self.run.as_str(), self.delivery.as_str())
        };
        let path = [
            ("{workflow_id}", workflow),
            ("{id}", workflow),
            ("{flow_id}", workflow),
            ("{run_id}", run),
            ("{task_id}", run),
            ("{config_id}", "mine"),
            ("{job_id}", run),
            ("{execution_id}", run),
            ("{delivery_id}", delivery),
            ("{key_id}", "000000000000"),
            ("{version}", "1.0.0"),
            ("{number}", "1"),
            ("{context_id}", "none"),
            ("{name}", "NO_SUCH_SECRET"),
            ("{user}", "nobody"),
            ("{file_id}", "file_00000000000000000000000000000000"),
        ]
        .iter()
        .fold(route.path.clone(), |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "{path}: what is the parameter?");
        let request =
            self.server.client.request(route.method.clone(), self.server.url.clone() + &path);
        let request = request.header("x-workflow-id", workflow).header("a2a-version", "1.0");
        let request = match route.operation {
            "mcp" => request.header("accept", "application/json, text/event-stream"),
            _ => request,
        };
        match route.body(run, aside) {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    async fn key(&self, workflows: Value, scopes: &[Scope]) -> String {
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let body = json!({ "name": "k", "workflows": workflows, "scopes": scopes });
        let made = answer(self.server.post("/v1/keys", ADMIN_KEY).json(&body)).await.1;
        made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }
}

struct Route {
    operation: &'static str,
    method: Method,
    path: String,
    needs: Needs,
}

impl Route {
    fn all() -> Vec<Self> {
        let route =
            |(operation, method, path, description): (&'static str, &str, &str, &str)| Self {
                operation,
                method: Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap(),
                path: path.to_owned(),
                needs: Needs::of(operation, description),
            };
        routes().into_iter().map(route).collect()
    }

    fn body(&self, run: &str, aside: bool) -> Option<Value> {
        match self.operation {
            "gptbots_query_result" => Some(json!({ "workflowRunId": run })),
            "gptbots_invoke" => Some(json!({ "input": {} })),
            "save_workflow" => Some(json!({ "nodes": "none" })),
            "create_key" => Some(json!({ "name": "k", "workflows": ["spare"], "scopes": ["run"] })),
            "rename_key" => Some(json!({ "name": "k" })),
            "cancel_many_runs" | "replay_many_runs" => {
                Some(json!({ "workflow": if aside { "spare" } else { "mine" } }))
            }
            "create_token" if aside => Some(json!({})),
            "create_token" => Some(json!({ "run_id": run })),
            "recover_deliveries" => Some(json!({ "since": "2026-01-01T00:00:00Z" })),
            "mcp" => Some(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })),
            "put_secret" => Some(json!({ "value": "x" })),
            "open_workflow" => Some(json!({ "key_id": "000000000000" })),
            "begin_login" => Some(json!({ "connector": "slack", "client_id": "x" })),
            "openai_complete_chat" | "openai_create_response" => {
                let model = if aside { "spare" } else { "mine" };
                let messages = json!([{ "role": "system", "content": "x" }]);
                Some(json!({ "model": model, "messages": messages }))
            }
            "upload_file" => Some(json!({ "name": "a", "size": 0, "sha256": "0".repeat(64) })),
            _ if self.method == Method::GET || self.method == Method::DELETE => None,
            _ => Some(json!({})),
        }
    }

    /// Whether a key of another workflow finds nothing here, or what is its own.
    fn is_of_one_workflow(&self) -> bool {
        let names_one = [
            "create_token",
            "cancel_many_runs",
            "replay_many_runs",
            "openai_complete_chat",
            "openai_create_response",
        ];
        let in_body = self.operation.starts_with("gptbots_") || names_one.contains(&self.operation);
        let has_id = self.path.contains('{') || in_body;
        has_id && !self.needs.platform && !self.needs.nothing
    }
}

/// How a request carries its credential.
type Carried = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

fn bearer(key: impl Into<String>) -> Carried {
    header("authorization", format!("Bearer {}", key.into()))
}

fn header(name: &'static str, value: impl Into<String>) -> Carried {
    let value = value.into();
    Box::new(move |request| request.header(name, &value))
}

fn both(one: Carried, other: Carried) -> Carried {
    Box::new(move |request| other(one(request)))
}

/// Credentials that are nobody's, by name.
async fn bad_credentials(world: &World) -> Vec<(&'static str, Carried)> {
    let all = Scope::ALL.as_slice();
    let good = world.key(json!("*"), all).await;
    let twin = world.key(json!("*"), all).await;
    let [revoked, rotated] = [world.key(json!("*"), all).await, world.key(json!("*"), all).await];
    let id = |key: &str| key.split('_').nth(1).unwrap().to_owned();
    let secret = |key: &str| key.split('_').nth(2).unwrap().to_owned();
    let server = &world.server;
    let gone = server.request(Method::DELETE, &format!("/v1/keys/{}", id(&revoked)), ADMIN_KEY);
    assert_eq!(gone.send().await.unwrap().status(), 204);
    let overlap = json!({ "overlap_seconds": 0 });
    let path = format!("/v1/keys/{}/rotate", id(&rotated));
    assert_eq!(answer(server.post(&path, ADMIN_KEY).json(&overlap)).await.0, 201);
    let expired = expired(server).await;
    server.settle().await;
    vec![
        ("none", Box::new(|request| request) as Carried),
        ("an empty bearer", bearer("")),
        ("an empty key", header("x-api-key", "")),
        ("a scheme alone", header("authorization", "Bearer")),
        ("a key without a scheme", header("authorization", good.clone())),
        ("another scheme", header("authorization", format!("Basic {good}"))),
        ("garbage", bearer("x")),
        ("much garbage", bearer("A".repeat(4_000))),
        ("bytes beyond ASCII", bearer("schlüssel")),
        ("a form of ours", bearer("fg_wrong")),
        ("a wrong checksum", bearer(format!("{}AAAAAA", &good[..good.len() - 6]))),
        ("no checksum", bearer(good.rsplit_once('_').unwrap().0)),
        ("another's secret", bearer(made_of(&id(&good), &secret(&twin)))),
        ("an unknown id", bearer(made_of("000000000000", &secret(&good)))),
        ("an unknown secret", bearer(made_of(&id(&good), &"A".repeat(43)))),
        ("in lower case", bearer(good.to_lowercase())),
        ("with text behind it", bearer(format!("{good} x"))),
        ("revoked", bearer(revoked)),
        ("rotated away", bearer(rotated)),
        ("expired", bearer(expired)),
        ("a part of the admin's", bearer(&ADMIN_KEY[..ADMIN_KEY.len() - 1])),
        ("more than the admin's", bearer(format!("{ADMIN_KEY}0"))),
        ("the admin's in other letters", bearer(ADMIN_KEY.to_uppercase())),
        ("two that differ", both(bearer(good.clone()), header("x-api-key", twin.clone()))),
        ("two bearers", both(bearer(good.clone()), bearer(twin))),
        ("a cookie", header("cookie", format!("authorization=Bearer {good}"))),
        ("in a header of no meaning", header("api-key", good)),
    ]
}

/// A key of this id and secret, with its checksum.
pub(crate) fn made_of(id: &str, secret: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = format!("fg_{id}_{secret}");
    let mut rest = crc32(body.as_bytes());
    let mut checksum = String::new();
    for _ in 0..6 {
        checksum.insert(0, char::from(DIGITS[(rest % 62) as usize]));
        rest /= 62;
    }
    format!("{body}_{checksum}")
}

fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

async fn expired(server: &TestServer) -> String {
    let soon = (server.now() + std::time::Duration::from_millis(300)).to_string();
    let body = json!({ "name": "k", "workflows": "*", "scopes": ["admin"], "expires_at": soon });
    let made = answer(server.post("/v1/keys", ADMIN_KEY).json(&body)).await.1;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn bad_credentials_open_no_route() {
    let world = World::start().await;
    let credentials = bad_credentials(&world).await;
    assert!(credentials.len() >= 20);
    let (mut wrong, mut refusals) = (Vec::new(), 0);
    for route in Route::all() {
        for (name, carry) in &credentials {
            let response = carry(world.request(&route, false)).send().await.unwrap();
            let status = response.status().as_u16();
            let expected = match route.needs.nothing {
                true if names_none(&route) => 404..=404,
                true => 200..=299,
                false => 401..=401,
            };
            refusals += usize::from(status == 401);
            if !expected.contains(&status) {
                wrong.push(format!("{}, {name}: {status}", route.operation));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(refusals > 40 * 20, "{refusals} refusals");
    world.server.stop().await;
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for scopes in sets_of_scopes() {
        let listed: Vec<_> = scopes.iter().copied().collect();
        let mine = world.key(json!(["mine", "spare"]), &listed).await;
        let all = world.key(json!("*"), &listed).await;
        for route in Route::all() {
            let key = if route.needs.platform { &all } else { &mine };
            let may = route.needs.are_met_by(&scopes);
            let status = status(bearer(key)(world.request(&route, may))).await;
            let is_right = match (may, route.method == Method::GET) {
                (false, _) => status == 403,
                (true, true) => (200..300).contains(&status) || status == 404 && names_none(&route),
                (true, false) => !matches!(status, 401 | 403 | 500..),
            };
            if !is_right {
                wrong.push(format!("{} with {listed:?}: {status}", route.operation));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    world.server.stop().await;
}

/// An empty object is no export, no form, and has no name.
const REFUSED: [&str; 4] =
    ["sim_v1_import", "sim_v2_import", "sim_v1_upload_file", "sim_v2_create_workflow"];

/// The secret, the job, the file or the link that the request names does not exist.
fn names_none(route: &Route) -> bool {
    let named = ["{name}", "{file_id}", "{context_id}", "{config_id}"];
    let is_named = named.iter().any(|name| route.path.contains(name));
    let none = ["read_job", "read_key", "sim_read_paused"];
    is_named || none.contains(&route.operation) || is_link(route)
}

fn is_file(route: &Route) -> bool {
    route.path.contains("{file_id}")
}

fn is_link(route: &Route) -> bool {
    ["/approval", "/oauth/callback"].iter().any(|end| route.path.ends_with(end))
}

#[tokio::test]
async fn a_key_of_other_workflows_finds_nothing() {
    let world = World::start().await;
    let other = world.key(json!(["other", "spare"]), &Scope::ALL).await;
    let mut wrong = Vec::new();
    for route in Route::all() {
        let status = status(bearer(&other)(world.request(&route, false))).await;
        let expected = if route.needs.platform || route.needs.operator {
            403..=403
        } else if route.is_of_one_workflow() || is_link(&route) || is_file(&route) {
            404..=404
        } else if route.operation == "import_workflows" {
            // An empty object is no file.
            422..=422
        } else if REFUSED.contains(&route.operation) {
            400..=400
        } else {
            200..=299
        };
        if !expected.contains(&status) {
            wrong.push(format!("{}: {status}", route.operation));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    world.server.stop().await;
}

/// Each scope alone, and all but each.
fn sets_of_scopes() -> Vec<BTreeSet<Scope>> {
    let all: BTreeSet<Scope> = Scope::ALL.into_iter().collect();
    let alone = Scope::ALL.map(|scope| BTreeSet::from([scope]));
    let without = Scope::ALL.map(|scope| &all - &BTreeSet::from([scope]));
    alone.into_iter().chain(without).collect()
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}
