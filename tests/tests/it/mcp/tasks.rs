//! Calls as tasks, the extension `io.modelcontextprotocol/tasks` of 2026-07-28.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};

use super::*;
use crate::fixture::until;

const EXTENSION: &str = "io.modelcontextprotocol/tasks";
const NOBODYS: &str = "run_00000000000000000000000000000000";
const APPROVAL: &str = "name: Letter\n\
                        nodes:\n\
                        - id: ask\n\
                        \x20 type: approval\n\
                        \x20 message: Send it?\n\
                        \x20 fields:\n\
                        \x20 - { name: text, type: string, value: draft }\n\
                        \x20 - { name: n, type: number }\n\
                        output: { approved: <ask.approved>, data: <ask.data>, by: <ask.by> }\n";

/// What the client declares: tasks, and these ways to ask a person.
fn able(elicitation: &Value) -> Value {
    let mut abilities = json!({ "extensions": { EXTENSION: {} } });
    if !elicitation.is_null() {
        abilities["elicitation"] = elicitation.clone();
    }
    abilities
}

fn forms() -> Value {
    able(&json!({}))
}

fn ask(
    server: &TestServer,
    key: &str,
    method: &str,
    (mut params, abilities): (Value, Value),
) -> RequestBuilder {
    let name = params["name"].as_str().or_else(|| params["taskId"].as_str()).map(str::to_owned);
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(STATELESS);
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = abilities;
    let request = server.post("/mcp", key).header("accept", BOTH);
    let request = request.header("mcp-protocol-version", STATELESS).header("mcp-method", method);
    let request = name.iter().fold(request, |request, name| request.header("mcp-name", name));
    request.json(&json!({ "jsonrpc": "2.0", "id": "q-1", "method": method, "params": params }))
}

fn call(server: &TestServer, key: &str, tool: &str, arguments: Value) -> RequestBuilder {
    let params = json!({ "name": tool, "arguments": arguments });
    ask(server, key, "tools/call", (params, forms()))
}

fn of_task(server: &TestServer, key: &str, method: &str, task: &str) -> RequestBuilder {
    ask(server, key, method, (json!({ "taskId": task }), forms()))
}

fn respond(server: &TestServer, key: &str, task: &str, responses: Value) -> RequestBuilder {
    let params = json!({ "taskId": task, "inputResponses": responses });
    ask(server, key, "tasks/update", (params, forms()))
}

/// The task that a call became.
async fn begun(request: RequestBuilder) -> Value {
    let (status, body) = answer(request).await;
    let task = &body["result"];
    assert_eq!((status, &task["resultType"]), (200, &json!("task")), "{body}");
    assert!(task["taskId"].as_str().unwrap().starts_with("run_"), "{task}");
    task.clone()
}

async fn begin(server: &TestServer, tool: &str, arguments: Value) -> String {
    let task = begun(call(server, ADMIN_KEY, tool, arguments)).await;
    task["taskId"].as_str().unwrap().to_owned()
}

async fn until_status(server: &TestServer, key: &str, task: &str, status: &str) -> Value {
    let get = || of_task(server, key, "tasks/get", task);
    until(get, |body| body["result"]["status"] == status).await["result"].clone()
}

/// An acknowledgement holds nothing.
async fn acknowledged(request: RequestBuilder) {
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["result"]), (200, &json!({ "resultType": "complete" })), "{body}");
}

/// Status and code of an error of the protocol, and the error.
async fn refused(request: RequestBuilder) -> (u16, i64, Value) {
    let (status, body) = answer(request).await;
    let error = body["error"].clone();
    (status, error["code"].as_i64().unwrap_or_else(|| panic!("{body}")), error)
}

#[tokio::test]
async fn a_call_becomes_a_task_whose_result_is_read_later() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = server.key(&["greet"], &["run", "read"]).await;
    let discover = ask(&server, &key, "server/discover", (json!({}), json!({})));
    let found = Era::Stateless.result(discover).await;
    assert_eq!(found["capabilities"], json!({ "tools": {}, "extensions": { EXTENSION: {} } }));

    let task = begun(call(&server, &key, "greet", json!({ "name": "Ada" }))).await;
    assert_eq!(task["status"], "working");
    assert_eq!((&task["ttlMs"], &task["createdAt"]), (&Value::Null, &task["lastUpdatedAt"]));
    assert!(task["pollIntervalMs"].as_u64().unwrap() > 0);
    assert!(task.get("result").is_none() && task.get("inputRequests").is_none(), "{task}");
    let id = task["taskId"].as_str().unwrap();

    let done = until_status(&server, &key, id, "completed").await;
    assert_eq!((&done["resultType"], &done["taskId"]), (&json!("complete"), &json!(id)));
    let result = &done["result"];
    let output = json!({ "said": "Hello Ada" });
    assert_eq!((&result["isError"], &result["structuredContent"]), (&json!(false), &output));
    assert_eq!((run_of(result), &result["resultType"]), (id, &json!("complete")));
    assert!(done["ttlMs"].as_u64().unwrap() >= 30 * 24 * 3_600_000, "{done}");
    assert_eq!(done["createdAt"], task["createdAt"]);
    let run = answer(server.get(&format!("/v1/runs/{id}"), &key)).await.1;
    assert_eq!((&run["status"], &run["mode"]), (&json!("succeeded"), &json!("async")));
}

/// `failed` would say that the call has no result.
#[tokio::test]
async fn a_failed_run_completes_its_task_and_wrong_arguments_begin_none() {
    let server = TestServer::start().await;
    server.publish("failing", FAILING).await;
    server.publish("greet", GREET).await;
    let id = begin(&server, "failing", json!({})).await;
    let done = until_status(&server, ADMIN_KEY, &id, "completed").await;
    assert!(error_of(&done["result"]).contains("no luck"), "{done}");
    assert_eq!(run_of(&done["result"]), id);
    assert!(done.get("error").is_none());

    let wrong = call(&server, ADMIN_KEY, "greet", json!({ "n": "three" }));
    let wrong = Era::Stateless.result(wrong).await;
    assert!(error_of(&wrong).contains("name"), "{wrong}");
    let (status, code, _) = refused(call(&server, ADMIN_KEY, "nowhere", json!({}))).await;
    assert_eq!((status, code), (400, -32602));
    let read = call(&server, ADMIN_KEY, "get_run", json!({ "run_id": id }));
    assert_eq!(Era::Stateless.result(read).await["structuredContent"]["status"], "failed");
}

#[tokio::test]
async fn a_question_is_answered_by_the_client() {
    let server = TestServer::start().await;
    server.publish("letter", APPROVAL).await;
    let id = begin(&server, "letter", json!({})).await;
    let asked = until_status(&server, ADMIN_KEY, &id, "input_required").await;
    let form = json!({
        "mode": "form",
        "message": "Send it?",
        "requestedSchema": {
            "type": "object",
            "properties": {
                "text": { "type": "string", "default": "draft" },
                "n": { "type": "number" },
            },
            "required": ["n"],
        },
    });
    let request = json!({ "method": "elicitation/create", "params": form });
    assert_eq!(asked["inputRequests"], json!({ "ask": request }));
    assert!(asked["statusMessage"].is_string() && asked.get("result").is_none(), "{asked}");

    // What decides nothing, is no answer, or answers what nobody asked.
    for ignored in [
        json!({}),
        json!({ "ask": { "action": "cancel" } }),
        json!({ "page:ask": { "action": "accept" }, "other": 1 }),
    ] {
        acknowledged(respond(&server, ADMIN_KEY, &id, ignored)).await;
    }
    for (wrong, says) in [
        (json!({ "ask": { "action": "accept" } }), "ask.content.n is missing"),
        (json!({ "ask": { "action": "accept", "content": { "n": "x" } } }), "ask.content.n must"),
        (json!({ "ask": { "action": "accept", "content": 1 } }), "`content` must"),
        (json!({ "ask": { "action": "agree" } }), "`action` must"),
        (json!({ "ask": null }), "`action` must"),
        (json!([]), "`inputResponses` must"),
    ] {
        let (status, code, error) = refused(respond(&server, ADMIN_KEY, &id, wrong)).await;
        assert_eq!((status, code), (400, -32602));
        assert!(error["message"].as_str().unwrap().contains(says), "{says}: {error}");
    }
    let still = of_task(&server, ADMIN_KEY, "tasks/get", &id);
    assert_eq!(Era::Stateless.result(still).await["status"], "input_required");

    let accept = |n: u64| json!({ "ask": { "action": "accept", "content": { "n": n } } });
    acknowledged(respond(&server, ADMIN_KEY, &id, accept(7))).await;
    acknowledged(respond(&server, ADMIN_KEY, &id, accept(8))).await;
    let done = until_status(&server, ADMIN_KEY, &id, "completed").await;
    let output = json!({ "approved": true, "data": { "text": "draft", "n": 7 }, "by": "admin" });
    assert_eq!(done["result"]["structuredContent"], output, "the first answer counts");
    acknowledged(respond(&server, ADMIN_KEY, &id, accept(9))).await;

    let id = begin(&server, "letter", json!({})).await;
    until_status(&server, ADMIN_KEY, &id, "input_required").await;
    let decline = json!({ "ask": { "action": "decline" } });
    acknowledged(respond(&server, ADMIN_KEY, &id, decline)).await;
    let done = until_status(&server, ADMIN_KEY, &id, "completed").await;
    assert_eq!(done["result"]["structuredContent"]["approved"], false);
}

/// To open a page is not to approve.
#[tokio::test]
async fn a_client_is_asked_only_what_it_can_ask_a_person() {
    let server = TestServer::start().await;
    server.publish("letter", APPROVAL).await;
    let listing = "nodes: [{ id: ask, type: approval, message: Which?, \
                   fields: [{ name: all, type: array }] }]";
    server.publish("listing", listing).await;
    let requests = async |task: &str, elicitation: Value| {
        let params = json!({ "taskId": task });
        let get = ask(&server, ADMIN_KEY, "tasks/get", (params, able(&elicitation)));
        let task = Era::Stateless.result(get).await;
        assert_eq!(task["status"], "input_required", "{task}");
        task["inputRequests"].clone()
    };
    let letter = begin(&server, "letter", json!({})).await;
    until_status(&server, ADMIN_KEY, &letter, "input_required").await;
    for (elicitation, key) in [
        (json!({ "form": {} }), Some("ask")),
        (json!({ "form": {}, "url": {} }), Some("ask")),
        (json!({ "url": {} }), Some("page:ask")),
        (Value::Null, None),
    ] {
        let found = requests(&letter, elicitation.clone()).await;
        let keys: Vec<_> = found.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, key.into_iter().collect::<Vec<_>>(), "{elicitation}");
    }
    let listing = begin(&server, "listing", json!({})).await;
    until_status(&server, ADMIN_KEY, &listing, "input_required").await;
    assert_eq!(requests(&listing, json!({})).await, json!({}), "no form can ask for a list");

    let page = requests(&letter, json!({ "url": {} })).await["page:ask"]["params"].clone();
    assert_eq!((&page["mode"], &page["message"]), (&json!("url"), &json!("Send it?")));
    let opened = json!({ "page:ask": { "action": "accept" } });
    acknowledged(respond(&server, ADMIN_KEY, &letter, opened)).await;
    until_status(&server, ADMIN_KEY, &letter, "input_required").await;
    let form = server.client.post(page["url"].as_str().unwrap()).body("approved=true&field.n=4");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.send().await.unwrap().status(), 200);
    let done = until_status(&server, ADMIN_KEY, &letter, "completed").await;
    assert_eq!(done["result"]["structuredContent"]["by"], "link");
}

#[tokio::test]
async fn a_task_is_cancelled_and_may_be_so_again() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    server.publish("letter", APPROVAL).await;
    let calling = format!("nodes: [{{ id: call, type: http, url: \"{}\" }}]", receiver.url);
    server.publish("calling", &calling).await;
    let waiting = begin(&server, "letter", json!({})).await;
    until_status(&server, ADMIN_KEY, &waiting, "input_required").await;
    let running = begin(&server, "calling", json!({})).await;
    receiver.until(|all| !all.is_empty()).await;
    for id in [waiting, running] {
        acknowledged(of_task(&server, ADMIN_KEY, "tasks/cancel", &id)).await;
        let task = until_status(&server, ADMIN_KEY, &id, "cancelled").await;
        for member in ["result", "error", "inputRequests"] {
            assert!(task.get(member).is_none(), "{task}");
        }
        acknowledged(of_task(&server, ADMIN_KEY, "tasks/cancel", &id)).await;
        let late = json!({ "ask": { "action": "accept", "content": { "n": 1 } } });
        acknowledged(respond(&server, ADMIN_KEY, &id, late)).await;
        let run = answer(server.get(&format!("/v1/runs/{id}"), ADMIN_KEY)).await.1;
        assert_eq!(run["status"], "cancelled");
    }
    receiver.let_go();
}

#[tokio::test]
async fn without_the_capability_nothing_changes() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let named = json!({ "name": "greet", "arguments": { "name": "Ada" } });
    let mut legacy = named.clone();
    legacy["task"] = json!({ "ttl": 60_000 });
    for abilities in [
        json!({}),
        json!({ "tasks": {}, "elicitation": {} }),
        json!({ "extensions": { "io.modelcontextprotocol/ui": {} } }),
        json!({ "extensions": { EXTENSION: true } }),
        json!({ "extensions": [EXTENSION] }),
    ] {
        let call = ask(&server, ADMIN_KEY, "tools/call", (legacy.clone(), abilities.clone()));
        let result = Era::Stateless.result(call).await;
        assert_eq!(result["structuredContent"], json!({ "said": "Hello Ada" }), "{abilities}");
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let params = json!({ "taskId": run_of(&result), "inputResponses": {} });
            let request = ask(&server, ADMIN_KEY, method, (params, abilities.clone()));
            let (status, code, error) = refused(request).await;
            assert_eq!((status, code), (400, -32021), "{method}");
            let required = json!({ "extensions": { EXTENSION: {} } });
            assert_eq!(error["data"]["requiredCapabilities"], required);
        }
    }
    // A client of 2025 declares nothing with a request.
    legacy["_meta"]["io.modelcontextprotocol/clientCapabilities"] = forms();
    let call = Era::Handshake.ask(&server, ADMIN_KEY, "tools/call", legacy);
    let result = Era::Handshake.result(call).await;
    assert_eq!(result["structuredContent"], json!({ "said": "Hello Ada" }));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({ "taskId": run_of(&result) });
        let (status, code, _) =
            refused(Era::Handshake.ask(&server, ADMIN_KEY, method, params)).await;
        assert_eq!((status, code), (200, -32601), "{method}");
    }
    for method in ["tasks/list", "tasks/result"] {
        let (status, code, _) = refused(of_task(&server, ADMIN_KEY, method, NOBODYS)).await;
        assert_eq!((status, code), (404, -32601), "{method}");
    }
}

/// Its result could never be read.
#[tokio::test]
async fn a_call_whose_run_cannot_be_read_later_becomes_no_task() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server.publish("unsaved", &format!("save: false\n{GREET}")).await;
    let runner = server.key(&["*"], &["run"]).await;
    for (key, tool) in [(runner.as_str(), "greet"), (ADMIN_KEY, "unsaved")] {
        let result =
            Era::Stateless.result(call(&server, key, tool, json!({ "name": "Ada" }))).await;
        assert_eq!(result["structuredContent"], json!({ "said": "Hello Ada" }), "{tool}");
    }
    let body = json!({ "input": { "name": "Ada" } });
    let run = answer(server.post("/v1/workflows/unsaved/runs", ADMIN_KEY).json(&body)).await.1;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    server.settle().await;
    until(|| server.get(&path, ADMIN_KEY), |run| run["code"] == "gone" || run["status"] == 410)
        .await;
    let get = of_task(&server, ADMIN_KEY, "tasks/get", run["id"].as_str().unwrap());
    let (status, code, error) = refused(get).await;
    assert_eq!((status, code), (400, -32602));
    assert!(error["message"].as_str().unwrap().contains("expired"), "{error}");
}

#[tokio::test]
async fn only_a_run_that_the_key_may_see_is_a_task() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server.publish("letter", APPROVAL).await;
    let id = begin(&server, "letter", json!({})).await;
    until_status(&server, ADMIN_KEY, &id, "input_required").await;
    let foreign = server.key(&["greet"], &["run", "read", "cancel"]).await;
    for (key, id) in [(foreign.as_str(), id.as_str()), (ADMIN_KEY, NOBODYS), (ADMIN_KEY, "x")] {
        let update = respond(&server, key, id, json!({ "ask": { "action": "decline" } }));
        let get = of_task(&server, key, "tasks/get", id);
        let cancel = of_task(&server, key, "tasks/cancel", id);
        for request in [get, update, cancel] {
            let (status, code, error) = refused(request).await;
            assert_eq!((status, code), (400, -32602), "{id}");
            assert_eq!(error["message"], "there is no such task");
        }
    }
    // Who may not answer is asked nothing.
    let reader = server.key(&["letter"], &["run", "read"]).await;
    let watcher = server.key(&["letter"], &["read"]).await;
    for (key, asked) in [(&reader, 1), (&watcher, 0)] {
        let task = Era::Stateless.result(of_task(&server, key, "tasks/get", &id)).await;
        assert_eq!(task["status"], "input_required");
        assert_eq!(task["inputRequests"].as_object().unwrap().len(), asked);
    }
    let decline = json!({ "ask": { "action": "decline" } });
    let (status, code, _) = refused(respond(&server, &watcher, &id, decline)).await;
    assert_eq!((status, code), (403, -32000));
    let (status, code, _) = refused(of_task(&server, &reader, "tasks/cancel", &id)).await;
    assert_eq!((status, code), (403, -32000));
    until_status(&server, ADMIN_KEY, &id, "input_required").await;
}

#[tokio::test]
async fn the_headers_of_a_task_mirror_its_body() {
    let server = TestServer::start().await;
    let params = json!({ "taskId": NOBODYS });
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let nameless = ask(&server, ADMIN_KEY, method, (json!({ "name": 1 }), forms()));
        let (status, code, _) = refused(nameless).await;
        assert_eq!((status, code), (400, -32602), "`taskId` is missing, and so is its header");
        for name in [None, Some("run_1")] {
            let mut message = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
            message["params"] = params.clone();
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientCapabilities": forms(),
            });
            let request = server.post("/mcp", ADMIN_KEY).header("accept", BOTH);
            let request = request.header("mcp-protocol-version", STATELESS);
            let request = request.header("mcp-method", method).json(&message);
            let request = name.iter().fold(request, |it, name| it.header("mcp-name", *name));
            let (status, code, _) = refused(request).await;
            assert_eq!((status, code), (400, -32020), "{method} {name:?}");
        }
    }
}

#[tokio::test]
async fn the_same_key_of_idempotency_is_the_same_task() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let send = async |name: &str| {
        let call = call(&server, ADMIN_KEY, "greet", json!({ "name": name }));
        let response = call.header("idempotency-key", "k").send().await.unwrap();
        (response.headers().contains_key("idempotent-replayed"), json_of(response).await.1)
    };
    let (was_replayed, first) = send("Ada").await;
    let id = first["result"]["taskId"].as_str().unwrap();
    assert!(!was_replayed);
    until_status(&server, ADMIN_KEY, id, "completed").await;
    let (is_replayed, again) = send("Ada").await;
    assert!(is_replayed);
    let again = &again["result"];
    assert_eq!((&again["resultType"], &again["taskId"]), (&json!("task"), &json!(id)));
    assert_eq!(again["status"], "completed");
    assert!(again.get("result").is_none(), "tasks/get has it");
    let (_, other) = send("Bob").await;
    assert_eq!(other["result"]["_meta"]["flowgate/code"], "idempotency_mismatch", "{other}");
}
