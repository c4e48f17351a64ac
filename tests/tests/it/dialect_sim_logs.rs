//! Sim: logs of both generations, from our runs and traces.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::answer;

const LOOP: &str = r#"
name: Looping
description: Goes round.
input: [{ name: items, type: array, default: [a, b] }]
nodes:
  - id: each
    name: Each One
    type: loop
    each: <api.items>
    nodes: [{ id: say, name: Say It, type: template, template: "<loop.item>!" }]
    result: <say.content>
output: { said: <each.results> }
"#;
const FAILING: &str = r#"
nodes: [{ id: fail, name: My Step, type: function, code: "throw new Error('no')" }]
output: { result: <fail.result> }
"#;

/// A server with three runs: `good` twice, the second with an id of its caller's; then `bad`.
async fn world() -> TestServer {
    let server = TestServer::start().await;
    server.publish("good", LOOP).await;
    server.publish("bad", FAILING).await;
    let execute = |id: &str| server.post(&format!("/api/workflows/{id}/execute"), ADMIN_KEY);
    assert_eq!(answer(execute("good").json(&json!({}))).await.0, 200);
    let chosen = execute("good").header("x-execution-id", "mine").json(&json!({ "items": [] }));
    assert_eq!(answer(chosen).await.0, 200);
    assert_eq!(answer(execute("bad").json(&json!({}))).await.0, 500);
    server.settle().await;
    server
}

async fn list(server: &TestServer, path: &str, key: &str) -> Vec<Value> {
    let (status, page) = answer(server.get(path, key)).await;
    assert_eq!(status, 200, "{path}: {page}");
    page["data"].as_array().unwrap().clone()
}

fn of<'a>(logs: &'a [Value], field: &str) -> Vec<&'a str> {
    logs.iter().map(|log| log[field].as_str().unwrap()).collect()
}

#[tokio::test]
async fn logs_are_selected_in_both_generations() {
    let server = world().await;
    let key = server.key(&["*"], &["read"]).await;
    for (generation, id) in [("v1", "executionId"), ("v2", "runId")] {
        let path = |query: &str| format!("/api/{generation}/logs?workspaceId=any&{query}");
        let ids = async |query: &str| {
            let logs = list(&server, &path(query), &key).await;
            logs.iter()
                .map(|log| log["workflowId"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("").await, ["bad", "good", "good"], "{generation}");
        assert_eq!(ids("order=asc").await, ["good", "good", "bad"]);
        assert_eq!(ids("level=error").await, ["bad"]);
        assert_eq!(ids("level=info").await, ["good", "good"]);
        assert_eq!(ids("workflowIds=bad,unknown").await, ["bad"]);
        assert_eq!(ids("workflowIds=unknown").await, [""; 0]);
        assert_eq!(ids("triggers=schedule,webhook").await, [""; 0]);
        assert_eq!(ids("triggers=api,schedule").await.len(), 3);
        assert_eq!(ids("triggers=all").await.len(), 3);
        assert_eq!(ids("minDurationMs=3600000").await, [""; 0]);
        assert_eq!(ids("maxDurationMs=3600000").await.len(), 3);
        assert_eq!(ids("minCost=0&maxCost=0").await.len(), 3);
        assert_eq!(ids("minCost=0.01").await, [""; 0]);
        assert_eq!(ids("endDate=2020-01-01T00:00:00Z").await, [""; 0]);
        assert_eq!(ids("startDate=2020-01-01T00:00:00Z").await.len(), 3);
        assert_eq!(ids("limit=0").await.len(), 1, "it is clamped");
        let mine = list(&server, &path(&format!("{id}=mine&workflowIds=good")), &key).await;
        assert_eq!(of(&mine, id), ["mine"], "{mine:?}");
        assert_eq!(ids(&format!("{id}=mine&level=error")).await, [""; 0]);
        assert_eq!(ids(&format!("{id}=unknown")).await, [""; 0]);
        for bad in ["level=warn", "limit=x", "minCost=NaN", "startDate=x", "cursor=x", "model=gpt"]
        {
            let (status, refused) = answer(server.get(&path(bad), &key)).await;
            assert_eq!(status, 400, "{bad}: {refused}");
        }
    }
    let unknown = |path: &str| server.get(path, &key);
    assert_eq!(answer(unknown("/api/v1/logs?more=1")).await.0, 200);
    assert_eq!(answer(unknown("/api/v2/logs?more=1")).await.0, 400);
    assert!(list(&server, "/api/v1/logs?folderIds=f", &key).await.is_empty());
}

#[tokio::test]
async fn pages_of_logs_follow_each_other() {
    let server = world().await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/logs?limit=1".to_owned());
    for _ in 0..10 {
        let (_, page) = answer(server.get(&path, ADMIN_KEY)).await;
        assert!(page["limits"]["workflowExecutionRateLimit"]["sync"]["remaining"].is_u64());
        seen.extend(page["data"].as_array().unwrap().iter().map(|log| log["id"].clone()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/v1/logs?limit=1&cursor={cursor}");
    }
    let whole = list(&server, "/api/v1/logs", ADMIN_KEY).await;
    assert_eq!(seen, whole.iter().map(|log| log["id"].clone()).collect::<Vec<_>>());
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_log_shows_what_the_scopes_allow() {
    let server = world().await;
    let reader = server.key(&["good"], &["read"]).await;
    let tracer = server.key(&["good"], &["read", "trace"]).await;
    let logs = list(&server, "/api/v1/logs?order=asc&details=full", &reader).await;
    let log = &logs[0];
    assert_eq!(log["workflow"]["name"], "Looping", "{log}");
    assert!(log.get("finalOutput").is_none() && log.get("traceSpans").is_none(), "{log}");
    assert_eq!(
        (&log["level"], &log["trigger"], &log["deploymentVersionId"]),
        (&json!("info"), &json!("api"), &json!("1.0.0"))
    );
    let with_output = "/api/v2/logs?order=asc&includeFinalOutput=true";
    let logs = list(&server, with_output, &reader).await;
    assert!(logs[0]["finalOutput"]["said"].is_array(), "{logs:?}");
    let spans = "/api/v2/logs?order=asc&includeTraceSpans=true";
    assert_eq!(answer(server.get(spans, &reader)).await.0, 403);
    let logs = list(&server, spans, &tracer).await;
    assert_spans(&logs[0]["traceSpans"]);

    let id = log["id"].as_str().unwrap();
    let path = format!("/api/v1/logs/{id}");
    let (_, seen) = answer(server.get(&path, &reader)).await;
    let data = &seen["data"]["executionData"];
    assert_eq!(data["workflowInput"], json!({ "items": ["a", "b"] }));
    assert!(data["finalOutput"]["said"].is_array() && data.get("traceSpans").is_none(), "{data}");
    let (_, seen) = answer(server.get(&path, &tracer)).await;
    assert_spans(&seen["data"]["executionData"]["traceSpans"]);
    assert_eq!(seen["data"]["workflow"]["description"], "Goes round.");
    assert_eq!(seen["data"]["workflow"]["deleted"], false);

    let path = format!("/api/v2/logs/{id}");
    let (_, seen) = answer(server.get(&path, &reader)).await;
    let data = &seen["data"];
    assert!(data["workflowState"].is_null() && data["traceSpans"].is_null(), "{data}");
    let (_, seen) = answer(server.get(&path, &tracer)).await;
    assert_eq!(seen["data"]["workflowState"]["document"], LOOP);
    assert_spans(&seen["data"]["traceSpans"]);
}

/// Two iterations inside the loop, in their order.
fn assert_spans(spans: &Value) {
    let spans = spans.as_array().unwrap_or_else(|| panic!("{spans}"));
    let each = spans.iter().find(|span| span["blockId"] == "each").unwrap();
    assert_eq!(
        (&each["name"], &each["type"], &each["status"]),
        (&json!("Each One"), &json!("loop"), &json!("success"))
    );
    let inside: Vec<_> = each["children"].as_array().unwrap().iter().collect();
    let seen: Vec<_> = inside
        .iter()
        .map(|span| (&span["name"], &span["iterationIndex"], &span["output"]["content"]))
        .collect();
    let name = json!("Say It");
    assert_eq!(
        seen,
        [(&name, &json!(0), &json!("a!")), (&name, &json!(1), &json!("b!"))],
        "{each:#}"
    );
    assert_eq!(inside[0]["loopId"], "each");
}

#[tokio::test]
async fn an_execution_is_found_by_either_id() {
    let server = world().await;
    let tracer = server.key(&["good"], &["trace"]).await;
    let mine = "/api/v1/logs/executions/mine";
    let (_, state) = answer(server.get(mine, &tracer)).await;
    assert_eq!(
        (&state["executionId"], &state["workflowId"], &state["workflowState"]["document"]),
        (&json!("mine"), &json!("good"), &json!(LOOP))
    );
    assert_eq!(state["executionMetadata"]["trigger"], "api");
    let reader = server.key(&["good"], &["read"]).await;
    assert_eq!(answer(server.get(mine, &reader)).await.0, 403);
    let other = server.key(&["bad"], &["read", "trace"]).await;
    let (status, refused) = answer(server.get(mine, &other)).await;
    assert_eq!((status, &refused["error"]), (404, &json!("Execution not found")));
    let (status, refused) = answer(server.get("/api/v1/logs/unknown", &other)).await;
    assert_eq!((status, &refused["error"]), (404, &json!("Log not found")));
    assert_eq!(of(&list(&server, "/api/v1/logs", &other).await, "workflowId"), ["bad"]);
    let failed = list(&server, "/api/v1/logs?level=error", &other).await;
    let path = format!("/api/v1/logs/{}", failed[0]["id"].as_str().unwrap());
    let (_, seen) = answer(server.get(&path, &other)).await;
    let data = &seen["data"]["executionData"];
    assert!(data["error"].as_str().unwrap().starts_with("My Step: "), "{data}");
    let spans = data["traceSpans"].as_array().unwrap();
    let step = spans.iter().find(|span| span["blockId"] == "fail").unwrap();
    assert_eq!(step["status"], "error");
    assert!(step["errorMessage"].is_string(), "{step}");
}
