//! A2A 1.0 at `/a2a/{id}`, in both bindings: cards, messages, tasks.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};

mod messages;
mod pushes;
mod refused;
mod streams;

const GREET: &str = "name: Greeting\n\
                     description: Greets somebody.\n\
                     input: [{ name: name, type: string, value: Ada }, { name: n, type: number, \
                     default: 1 }]\n\
                     nodes: [{ id: say, type: template, template: 'Hello <api.name> x<api.n>' }]\n\
                     output: { said: <say.content> }\n";
const FAILING: &str =
    "nodes: [{ id: code, type: function, code: 'throw new Error(\"no luck\")' }]\n";
const ASKS: &str = "nodes: [{ id: check, type: approval, message: 'Send it?', fields: [{ name: \
                    text, value: draft }] }]\n\
                    output: { approved: <check.approved>, data: <check.data> }\n";
const NOBODYS: &str = "run_00000000000000000000000000000000";

/// A binding: how an operation is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binding {
    Rpc,
    Rest,
}

use Binding::{Rest, Rpc};

const BINDINGS: [Binding; 2] = [Rpc, Rest];

impl Binding {
    fn call(
        self,
        server: &TestServer,
        key: &str,
        agent: &str,
        operation: &str,
        params: Value,
    ) -> RequestBuilder {
        let request = match self {
            Rpc => server.post(&format!("/a2a/{agent}"), key).json(&json!({
                "jsonrpc": "2.0", "id": "q-1", "method": operation, "params": params
            })),
            Rest => rest(server, key, agent, operation, params),
        };
        request.header("a2a-version", "1.0")
    }

    /// The result of an operation that has one.
    async fn result(self, request: RequestBuilder) -> Value {
        let (status, body) = answer(request).await;
        assert_eq!(status, 200, "{body}");
        match self {
            Rest => body,
            Rpc => {
                assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &json!("q-1")));
                assert!(body["result"].is_object(), "{body}");
                body["result"].clone()
            }
        }
    }

    /// The reason of a refusal.
    async fn reason(self, request: RequestBuilder) -> String {
        let (status, body) = answer(request).await;
        let error = &body["error"];
        let about = match self {
            Rpc => {
                assert_eq!((status, &body["id"]), (200, &json!("q-1")), "{body}");
                assert!(error["code"].as_i64().unwrap() < 0);
                &error["data"][0]
            }
            Rest => {
                assert_eq!(error["code"], json!(status), "{body}");
                assert!(status >= 400 && error["status"].is_string());
                &error["details"][0]
            }
        };
        assert_eq!(about["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{body}");
        about["reason"].as_str().unwrap().to_owned()
    }

    /// The responses of a stream.
    async fn streamed(self, request: RequestBuilder) -> Vec<Value> {
        self.heard(request.send().await.unwrap()).await
    }

    /// A stream that has begun, to its end.
    async fn heard(self, answer: reqwest::Response) -> Vec<Value> {
        let frames = crate::stream::read(answer, |_| false).await;
        frames.into_iter().map(|frame| self.response(&frame.data)).collect()
    }

    fn response(self, data: &Value) -> Value {
        match self {
            Rest => data.clone(),
            Rpc => {
                assert_eq!(data["id"], "q-1", "{data}");
                data["result"].clone()
            }
        }
    }

    async fn task(self, server: &TestServer, key: &str, agent: &str, id: &str) -> Value {
        self.result(self.call(server, key, agent, "GetTask", json!({ "id": id }))).await
    }
}

fn rest(
    server: &TestServer,
    key: &str,
    agent: &str,
    operation: &str,
    mut params: Value,
) -> RequestBuilder {
    let base = format!("/a2a/{agent}");
    let mut taken = |name: &str| {
        let value = params.as_object_mut().unwrap().remove(name);
        value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    match operation {
        "SendMessage" => server.post(&format!("{base}/message:send"), key).json(&params),
        "SendStreamingMessage" => server.post(&format!("{base}/message:stream"), key).json(&params),
        "GetTask" => server.get(&format!("{base}/tasks/{}", taken("id")), key),
        "CancelTask" => server.post(&format!("{base}/tasks/{}:cancel", taken("id")), key),
        "SubscribeToTask" => server.post(&format!("{base}/tasks/{}:subscribe", taken("id")), key),
        "ListTasks" => {
            let mut url = reqwest::Url::parse(&server.url).unwrap();
            for (name, value) in params.as_object().unwrap() {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                url.query_pairs_mut().append_pair(name, &value);
            }
            server.get(&format!("{base}/tasks?{}", url.query().unwrap_or_default()), key)
        }
        _ => {
            let configs = format!("{base}/tasks/{}/pushNotificationConfigs", taken("taskId"));
            match operation {
                "CreateTaskPushNotificationConfig" => server.post(&configs, key).json(&params),
                "ListTaskPushNotificationConfigs" => server.get(&configs, key),
                "GetTaskPushNotificationConfig" => {
                    server.get(&format!("{configs}/{}", taken("id")), key)
                }
                "DeleteTaskPushNotificationConfig" => {
                    server.request(Method::DELETE, &format!("{configs}/{}", taken("id")), key)
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// A message with this id and these parts.
fn message(id: &str, parts: Value) -> Value {
    json!({ "message": { "messageId": id, "role": "ROLE_USER", "parts": parts } })
}

fn at_once(mut message: Value) -> Value {
    message["configuration"] = json!({ "returnImmediately": true });
    message
}

fn state(task: &Value) -> &str {
    task["status"]["state"].as_str().unwrap_or_else(|| panic!("{task}"))
}

fn output(task: &Value) -> &Value {
    let artifact = &task["artifacts"][0];
    assert_eq!(artifact["artifactId"], "output", "{task}");
    &artifact["parts"][0]["data"]
}

/// A workflow whose runs wait for the receiver.
async fn hanging(server: &TestServer, id: &str) -> Receiver {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let document = format!(
        "nodes: [{{ id: call, type: http, url: \"{}/\" }}]\noutput: {{ status: <call.status> }}\n",
        receiver.url
    );
    server.publish(id, &document).await;
    receiver
}

#[tokio::test]
async fn a_card_says_what_the_agent_is_and_where() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = server.key(&["greet", "draft", "gone"], &["run"]).await;
    let path = "/a2a/greet/.well-known/agent-card.json";
    let response = server.get(path, &key).send().await.unwrap();
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["cache-control"], "private, max-age=60");
    let (status, card) = json_of(response).await;
    assert_eq!((status, &card["name"]), (200, &json!("Greeting")));
    assert_eq!(
        (&card["description"], &card["version"]),
        (&json!("Greets somebody."), &json!("1.0.0"))
    );
    let url = format!("{}/a2a/greet", server.public_url);
    let interface =
        |binding: &str| json!({ "url": url, "protocolBinding": binding, "protocolVersion": "1.0" });
    assert_eq!(card["supportedInterfaces"], json!([interface("JSONRPC"), interface("HTTP+JSON")]));
    assert_eq!(card["capabilities"], json!({ "streaming": true, "pushNotifications": true }));
    assert_eq!(card["skills"][0]["id"], "greet");
    let example: Value =
        serde_json::from_str(card["skills"][0]["examples"][0].as_str().unwrap()).unwrap();
    assert_eq!(example["name"], "Ada");
    let same = server.get(path, &key).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), same.headers()["etag"].to_str().unwrap()), (304, &*etag));
    let other = server.get(path, &key).header("if-none-match", "\"x\"").send().await.unwrap();
    assert_eq!(other.status(), 200);

    let draft = server.request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(GREET);
    assert_eq!(answer(draft).await.0, 200);
    server.publish("other", GREET).await;
    let reader = server.key(&["greet"], &["read"]).await;
    for (agent, key, expected) in
        [("draft", &key, 404), ("gone", &key, 404), ("other", &key, 404), ("greet", &reader, 403)]
    {
        let path = format!("/a2a/{agent}/.well-known/agent-card.json");
        assert_eq!(answer(server.get(&path, key)).await.0, expected, "{agent}");
    }
}

#[tokio::test]
async fn tasks_are_read_listed_and_cancelled() {
    let server = TestServer::start().await;
    let receiver = hanging(&server, "slow").await;
    server.publish("greet", GREET).await;
    server.publish("fails", FAILING).await;
    let all = ["slow", "greet", "fails"];
    let key = server.key(&all, &["run", "read", "cancel"]).await;
    for binding in BINDINGS {
        let send = |agent: &'static str, params: Value| {
            binding.call(&server, &key, agent, "SendMessage", params)
        };
        let name = format!("{binding:?}");
        let parts = json!([{ "data": {} }]);
        let started = send("slow", at_once(message(&format!("{name}-1"), parts.clone())));
        let started = binding.result(started).await["task"].clone();
        let id = started["id"].as_str().unwrap().to_owned();
        assert_eq!(state(&started), "TASK_STATE_SUBMITTED");
        assert_eq!(started["contextId"], json!(id), "a conversation of its own");
        until(
            || server.get(&format!("/v1/runs/{id}"), ADMIN_KEY),
            |run| run["status"] == "running",
        )
        .await;
        assert_eq!(state(&binding.task(&server, &key, "slow", &id).await), "TASK_STATE_WORKING");
        let cancel = || binding.call(&server, &key, "slow", "CancelTask", json!({ "id": id }));
        assert_eq!(state(&binding.result(cancel()).await), "TASK_STATE_CANCELED");
        until(
            || server.get(&format!("/v1/runs/{id}"), ADMIN_KEY),
            |run| run["status"] == "cancelled",
        )
        .await;
        assert_eq!(state(&binding.task(&server, &key, "slow", &id).await), "TASK_STATE_CANCELED");
        assert_eq!(binding.reason(cancel()).await, "TASK_NOT_CANCELABLE");

        let failed = send("fails", message(&format!("{name}-2"), parts));
        let failed = binding.result(failed).await["task"].clone();
        assert_eq!(state(&failed), "TASK_STATE_FAILED");
        let said = &failed["status"]["message"];
        assert_eq!((&said["role"], &said["taskId"]), (&json!("ROLE_AGENT"), &failed["id"]));
        assert!(said["parts"][0]["text"].as_str().unwrap().contains("no luck"), "{said}");
        assert_eq!(said["parts"][1]["data"], json!({ "code": "code_error", "node": "code" }));
        assert!(failed.get("artifacts").is_none());
    }
    receiver.let_go();
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server.publish("other", GREET).await;
    let key = server.key(&["greet"], &["run", "read"]).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let mut sent = message(&format!("m-{n}"), json!([{ "data": { "name": "x", "n": n } }]));
        sent["message"]["contextId"] = json!(if n % 2 == 0 { "even" } else { "odd" });
        let sent = Rpc.call(&server, &key, "greet", "SendMessage", sent);
        ids.insert(0, Rpc.result(sent).await["task"]["id"].clone());
    }
    let foreign = Rpc.call(
        &server,
        ADMIN_KEY,
        "other",
        "SendMessage",
        message("m-0", json!([{ "data": { "name": "x" } }])),
    );
    let foreign = Rpc.result(foreign).await["task"]["id"].as_str().unwrap().to_owned();
    for binding in BINDINGS {
        let list = async |params: Value| {
            binding.result(binding.call(&server, &key, "greet", "ListTasks", params)).await
        };
        let found = async |params: Value| {
            let page = list(params).await;
            let tasks = page["tasks"].as_array().unwrap().iter();
            tasks.map(|task| task["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(found(json!({})).await, ids, "and none of another agent");
        let (mut paged, mut token) = (Vec::new(), json!(""));
        loop {
            let page = list(json!({ "pageSize": 2, "pageToken": token })).await;
            let tasks = page["tasks"].as_array().unwrap();
            assert!(tasks.len() <= 2 && page["pageSize"] == tasks.len());
            assert!(tasks.iter().all(|task| task.get("artifacts").is_none()), "{page}");
            paged.extend(tasks.iter().map(|task| task["id"].clone()));
            token = page["nextPageToken"].clone();
            if token == "" {
                break;
            }
        }
        assert_eq!(paged, ids);
        let even = found(json!({ "contextId": "even", "pageSize": 2 })).await;
        assert_eq!(even, [ids[0].clone(), ids[2].clone()]);
        assert_eq!(found(json!({ "contextId": "none" })).await, [0; 0]);
        assert_eq!(found(json!({ "status": "TASK_STATE_COMPLETED" })).await, ids);
        assert_eq!(found(json!({ "status": 3 })).await, ids, "by its number");
        for none in ["TASK_STATE_WORKING", "TASK_STATE_REJECTED", "TASK_STATE_CANCELED"] {
            assert_eq!(found(json!({ "status": none })).await, [0; 0], "{none}");
        }
        let future = "2999-01-01T00:00:00Z";
        assert_eq!(found(json!({ "statusTimestampAfter": future })).await, [0; 0]);
        let page = list(json!({ "includeArtifacts": true, "pageSize": 1 })).await;
        assert_eq!(output(&page["tasks"][0]), &json!({ "said": "Hello x x4" }));
        assert_eq!(page["tasks"][0]["contextId"], "even");
        for wrong in [
            json!({ "pageSize": 101 }),
            json!({ "pageSize": -1 }),
            json!({ "pageSize": "x" }),
            json!({ "pageToken": "x" }),
            json!({ "status": "working" }),
            json!({ "statusTimestampAfter": "yesterday" }),
            json!({ "includeArtifacts": "perhaps" }),
        ] {
            let request = binding.call(&server, &key, "greet", "ListTasks", wrong.clone());
            assert_eq!(binding.reason(request).await, "INVALID_PARAMS", "{wrong}");
        }
        // Another agent's tasks, and those of nobody.
        for id in [foreign.as_str(), NOBODYS, "x"] {
            let get = |agent: &str, operation: &str| {
                binding.call(&server, &key, agent, operation, json!({ "id": id }))
            };
            assert_eq!(binding.reason(get("greet", "GetTask")).await, "TASK_NOT_FOUND");
            assert_eq!(binding.reason(get("greet", "SubscribeToTask")).await, "TASK_NOT_FOUND");
            let (status, body) = answer(get("other", "GetTask")).await;
            assert_eq!(status, 404, "{body}");
        }
        let other = server.key(&["other"], &["run", "read", "cancel"]).await;
        let mine = ids[0].as_str().unwrap();
        for operation in ["GetTask", "CancelTask", "SubscribeToTask"] {
            let request = binding.call(&server, &other, "greet", operation, json!({ "id": mine }));
            assert_eq!(answer(request).await.0, 404, "{operation}");
            let request = binding.call(&server, &other, "other", operation, json!({ "id": mine }));
            assert_eq!(binding.reason(request).await, "TASK_NOT_FOUND", "{operation}");
        }
    }
}
