//! MCP at `POST /mcp`, in both eras of the protocol: what clients send, what they are answered.

mod refused;
mod streams;
mod tasks;

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, json_of};

const BOTH: &str = "application/json, text/event-stream";
const STATELESS: &str = "2026-07-28";
const GREET: &str = "name: Greeting\n\
                     description: Greets somebody.\n\
                     input:\n\
                     - { name: name, type: string, description: Whom to greet }\n\
                     - { name: n, type: number, default: 1 }\n\
                     nodes: [{ id: say, type: template, template: 'Hello <api.name>' }]\n\
                     output: { said: <say.content> }\n";
const FAILING: &str =
    "nodes: [{ id: code, type: function, code: 'throw new Error(\"no luck\")' }]\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Handshake,
    Stateless,
}

const ERAS: [Era; 2] = [Era::Handshake, Era::Stateless];

impl Era {
    /// A request as clients of this era send it.
    fn ask(self, server: &TestServer, key: &str, method: &str, params: Value) -> RequestBuilder {
        let request = server.post("/mcp", key).header("accept", BOTH);
        let mut params = params;
        let request = match self {
            Self::Handshake => request.header("mcp-protocol-version", "2025-06-18"),
            Self::Stateless => {
                params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(STATELESS);
                params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
                let request =
                    request.header("mcp-protocol-version", STATELESS).header("mcp-method", method);
                match params["name"].as_str() {
                    Some(name) => request.header("mcp-name", name),
                    None => request,
                }
            }
        };
        request.json(&json!({ "jsonrpc": "2.0", "id": "q-1", "method": method, "params": params }))
    }

    fn call(self, server: &TestServer, key: &str, tool: &str, arguments: Value) -> RequestBuilder {
        self.ask(server, key, "tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// The result of a request that has one.
    async fn result(self, request: RequestBuilder) -> Value {
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["id"]), (200, &json!("q-1")), "{body}");
        let mut result = body["result"].clone();
        assert!(result.is_object(), "{body}");
        let kind = result.as_object_mut().unwrap().remove("resultType");
        assert_eq!(kind, (self == Self::Stateless).then(|| json!("complete")));
        result
    }
}

/// The text of a result that is an error.
fn error_of(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    assert!(result["structuredContent"].is_null(), "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

fn run_of(result: &Value) -> &str {
    result["_meta"]["flowgate/run_id"].as_str().unwrap_or_else(|| panic!("{result}"))
}

#[tokio::test]
async fn a_client_of_2025_begins_with_a_handshake() {
    let server = TestServer::start().await;
    let key = server.key(&["*"], &["run"]).await;
    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        (STATELESS, "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let params = json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": {} });
        let begin = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let request = server.post("/mcp", &key).header("accept", BOTH).json(&begin);
        let response = request.send().await.unwrap();
        assert!(!response.headers().contains_key("mcp-session-id"), "there are no sessions");
        let (status, body) = json_of(response).await;
        assert_eq!((status, &body["id"]), (200, &json!(0)));
        assert_eq!(body["result"]["protocolVersion"], agreed);
        assert_eq!(body["result"]["capabilities"], json!({ "tools": {} }));
        assert_eq!(body["result"]["serverInfo"]["name"], "flowgate");
    }
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let noted = server.post("/mcp", &key).header("accept", BOTH).json(&note).send().await.unwrap();
    assert_eq!((noted.status().as_u16(), noted.text().await.unwrap().as_str()), (202, ""));
    let ping = Era::Handshake.ask(&server, &key, "ping", json!({}));
    assert_eq!(Era::Handshake.result(ping).await, json!({}));
    for method in [Method::GET, Method::DELETE] {
        let response = server.request(method, "/mcp", &key).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_client_of_2026_discovers_the_server() {
    let server = TestServer::start().await;
    let key = server.key(&["*"], &["run"]).await;
    let discover = Era::Stateless.ask(&server, &key, "server/discover", json!({}));
    let found = Era::Stateless.result(discover).await;
    let versions = [STATELESS, "2025-11-25", "2025-06-18", "2025-03-26"];
    assert_eq!(found["supportedVersions"], json!(versions));
    assert_eq!((&found["cacheScope"], &found["ttlMs"]), (&json!("private"), &json!(5_000)));
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "flowgate");
}

#[tokio::test]
async fn the_tools_are_what_the_key_may_run() {
    let server = TestServer::start().await;
    for id in ["zeta", "Alpha", "beta", "other"] {
        server.publish(id, GREET).await;
    }
    let draft = server.request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(GREET);
    assert_eq!(answer(draft).await.0, 200);
    let known = ["zeta", "beta", "Alpha", "draft", "nowhere"];
    let key = server.key(&known, &["run", "read"]).await;
    for era in ERAS {
        let list = era.result(era.ask(&server, &key, "tools/list", json!({}))).await;
        let names: Vec<_> =
            list["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, ["Alpha", "beta", "zeta", "get_run"], "without the scope `cancel`");
        assert!(list.get("nextCursor").is_none());
        assert_eq!(list.get("cacheScope").is_some(), era == Era::Stateless);
        let tool = &list["tools"][1];
        assert_eq!(
            (&tool["title"], &tool["description"]),
            (&json!("Greeting"), &json!("Greets somebody."))
        );
        assert_eq!(
            tool["inputSchema"],
            json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string", "description": "Whom to greet" },
                    "n": { "type": "number", "default": 1 },
                },
                "required": ["name"],
                "additionalProperties": false,
            })
        );
        assert_eq!(tool["outputSchema"]["properties"], json!({ "said": {} }));
        for tool in list["tools"].as_array().unwrap() {
            assert_eq!(tool["inputSchema"]["type"], "object");
            assert!(tool.get("outputSchema").is_none_or(|schema| schema["type"] == "object"));
        }
    }
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let server = TestServer::start().await;
    let ids: Vec<_> = (0..101).map(|number| format!("w{number:03}")).collect();
    for id in &ids {
        server.publish(id, "nodes: [{ id: a, type: template, template: x }]").await;
    }
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let narrow = server.key(&ids, &["run"]).await;
    let wide = server.key(&["*"], &["run"]).await;
    for key in [narrow, wide] {
        let (mut names, mut params) = (Vec::new(), json!({}));
        loop {
            let page = Era::Stateless.ask(&server, &key, "tools/list", params.clone());
            let page = Era::Stateless.result(page).await;
            let tools = page["tools"].as_array().unwrap().clone();
            names.extend(tools.into_iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
            if page["nextCursor"].is_null() {
                break;
            }
            assert_eq!(names.len(), 100);
            params["cursor"] = page["nextCursor"].clone();
        }
        assert_eq!(names, ids);
    }
    let long = format!(
        "{{ description: {}, nodes: [{{ id: a, type: template, template: x }}] }}",
        "d".repeat(600_000)
    );
    for id in ["a1", "a2", "a3"] {
        server.publish(id, &long).await;
    }
    let page = Era::Handshake.ask(&server, ADMIN_KEY, "tools/list", json!({}));
    let page = Era::Handshake.result(page).await;
    assert_eq!((page["tools"].as_array().unwrap().len(), &page["nextCursor"]), (2, &json!("a2")));
    let lost = Era::Handshake.ask(&server, ADMIN_KEY, "tools/list", json!({ "cursor": "../x" }));
    assert_eq!(answer(lost).await.1["error"]["code"], -32602);
}

#[tokio::test]
async fn a_call_runs_the_workflow() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server.publish("answers", "nodes: [{ id: r, type: response, status: 404, data: gone }]").await;
    let key = server.key(&["*"], &["run", "read"]).await;
    for era in ERAS {
        let called = era.result(era.call(&server, &key, "greet", json!({ "name": "Ada" }))).await;
        let output = json!({ "said": "Hello Ada" });
        assert_eq!((&called["isError"], &called["structuredContent"]), (&json!(false), &output));
        let text = called["content"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), output);
        let run = server.get(&format!("/v1/runs/{}", run_of(&called)), &key);
        let run = answer(run).await.1;
        assert_eq!((&run["status"], &run["mode"]), (&json!("succeeded"), &json!("wait")));
        assert_eq!(run["input"], json!({ "name": "Ada", "n": 1 }));
        let answered = era.result(era.call(&server, &key, "answers", json!({}))).await;
        assert_eq!(answered["structuredContent"]["data"], "gone");
    }
}

/// What a model can mend, it sees.
#[tokio::test]
async fn a_failed_run_and_wrong_arguments_are_results() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server.publish("failing", FAILING).await;
    let asking = "nodes: [{ id: ask, type: approval, message: may I? }]";
    server.publish("asking", asking).await;
    let key = server.key(&["*"], &["run", "read", "cancel"]).await;
    for era in ERAS {
        let call =
            |tool: &'static str, arguments| era.result(era.call(&server, &key, tool, arguments));
        let failed = call("failing", json!({})).await;
        let text = error_of(&failed);
        assert!(text.contains("in code") && text.contains("no luck"), "{text}");
        let run = answer(server.get(&format!("/v1/runs/{}", run_of(&failed)), &key)).await.1;
        assert_eq!(
            (&run["status"], &run["error"]["code"]),
            (&json!("failed"), &failed["_meta"]["flowgate/code"])
        );

        let wrong = call("greet", json!({ "n": "three", "nam": "Ada" })).await;
        let text = error_of(&wrong);
        for problem in ["name ", "n must", "nam "] {
            assert!(text.contains(problem), "{problem}: {text}");
        }
        assert_eq!(wrong["_meta"], json!({ "flowgate/code": "invalid_input" }));

        let waiting = call("asking", json!({})).await;
        let run = run_of(&waiting).to_owned();
        assert!(error_of(&waiting).contains(&run), "{waiting}");
        let read = call("get_run", json!({ "run_id": run })).await;
        assert_eq!(read["structuredContent"]["status"], "waiting");
        let cancelled = call("cancel_run", json!({ "run_id": run })).await;
        assert_eq!(cancelled["structuredContent"]["status"], "cancelled");
        assert_eq!(
            error_of(&call("cancel_run", json!({ "run_id": run })).await),
            "the run has already cancelled"
        );
        let text = call("get_run", json!({ "run": run, "wait": 51 })).await;
        let text = error_of(&text);
        for problem in ["run_id is required", "wait must be at most 50", "run is not"] {
            assert!(text.contains(problem), "{problem}: {text}");
        }
        let nobodys = json!({ "run_id": "run_00000000000000000000000000000000" });
        for tool in ["get_run", "cancel_run"] {
            assert_eq!(error_of(&call(tool, nobodys.clone()).await), "run not found");
        }
    }
}

#[tokio::test]
async fn the_same_key_of_idempotency_starts_one_run() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let call = async |id: u32, name: &str| {
        let params = json!({ "name": "greet", "arguments": { "name": name } });
        let message =
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let request = server.post("/mcp", ADMIN_KEY).header("accept", BOTH).json(&message);
        let response = request.header("idempotency-key", "k").send().await.unwrap();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let body = json_of(response).await.1;
        assert_eq!(body["id"], id);
        (replayed, body["result"].clone())
    };
    let (first, again) = (call(1, "Ada").await, call(2, "Ada").await);
    assert_eq!((first.0, again.0), (false, true));
    assert_eq!(first.1, again.1, "the same run");
    let other = call(3, "Bob").await.1;
    assert_eq!(other["_meta"]["flowgate/code"], "idempotency_mismatch", "{other}");
}

#[tokio::test]
async fn no_workflow_takes_the_name_of_a_tool_of_ours() {
    let server = TestServer::start().await;
    for id in ["get_run", "cancel_run"] {
        let put = server.request(Method::PUT, &format!("/v1/workflows/{id}"), ADMIN_KEY);
        let (status, problem) = answer(put.body(GREET)).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("/id")));
    }
}

/// Our own client of MCP lists them, as an agent does before its first call.
#[tokio::test]
async fn an_agent_takes_the_tools_of_this_server() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = server.key(&["greet"], &["run"]).await;
    for (name, value) in [("GOOD", key.as_str()), ("BAD", "fg_wrong")] {
        let put = server.request(Method::PUT, &format!("/v1/secrets/{name}"), ADMIN_KEY);
        assert!(put.json(&json!({ "value": value })).send().await.unwrap().status().is_success());
        let document = format!(
            "nodes:\n\
             - id: a\n\
             \x20 type: agent\n\
             \x20 model: offline/echo\n\
             \x20 prompt: hi\n\
             \x20 tools:\n\
             \x20 - mcp: {}/mcp\n\
             \x20   headers: {{ authorization: 'Bearer {{{{{name}}}}}' }}\n",
            server.url
        );
        server.publish(name, &document).await;
        let run = answer(server.post(&format!("/v1/workflows/{name}/runs"), ADMIN_KEY)).await.1;
        let expected = if name == "GOOD" { "succeeded" } else { "failed" };
        assert_eq!(run["status"], expected, "{run}");
    }
}
