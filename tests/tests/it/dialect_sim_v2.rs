//! Sim, second generation: the vendor's requests, our answers.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, challenge};
use insta::assert_json_snapshot;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::fixture::{answer, fixture, json_of, until};

mod refusals;

const ID: &str = "0a1b2c3d-19e5-4bd6-818b-46aae2596e9f";
const GREETING: &str = r#"
name: Greeting
input: [{ name: name, type: string }, { name: n, type: number, default: 1 }]
nodes: [{ id: say, name: Say It, type: template, template: "Hello <api.name> x<api.n>" }]
output: { greeting: <say.content> }
"#;
const AGENT: &str = r#"
input: [{ name: message, type: string }]
nodes: [{ id: 7b7735b9, name: Agent 1, type: agent, model: offline/echo, echo_delay: 5ms,
    prompt: "One, two: <api.message>" }]
output: { said: <agent1.content> }
"#;

fn calling(url: &str, path: &str) -> String {
    format!(
        "nodes: [{{ id: call, name: My Call, type: http, url: \"{url}{path}\" }}]\n\
         output: {{ status: <call.status> }}\n"
    )
}

fn execute(server: &TestServer, key: &str, body: &Value) -> RequestBuilder {
    server.post("/api/v2/workflows/w/execute", key).json(body)
}

async fn greeting() -> (TestServer, String) {
    let server = TestServer::start().await;
    server.publish("w", GREETING).await;
    let key = server.key(&["w"], &["run", "read", "cancel"]).await;
    (server, key)
}

#[tokio::test]
async fn execute_waits_for_the_output() {
    let server = TestServer::start().await;
    server.publish(ID, GREETING).await;
    let key = server.key(&[ID], &["run"]).await;
    let values =
        [("WORKFLOW", ID), ("KEY", key.as_str()), ("INPUT", r#"{"name": "Ada", "n": "3"}"#)];
    let response = fixture(&server, "sim/v2_execute.http", &values).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "private, no-store");
    let run = response.headers()["x-run-id"].to_str().unwrap().to_owned();
    let (status, reply) = json_of(response).await;
    assert_eq!((status, &reply["data"]["runId"]), (200, &json!(run)));
    assert!(reply["data"]["durationMs"].is_u64());
    assert_json_snapshot!(reply, {
        ".data.runId" => "[run]",
        ".data.startedAt" => "[time]",
        ".data.endedAt" => "[time]",
        ".data.durationMs" => "[ms]"
    }, @r#"
    {
      "data": {
        "runId": "[run]",
        "workflowId": "0a1b2c3d-19e5-4bd6-818b-46aae2596e9f",
        "status": "completed",
        "output": {
          "greeting": "Hello Ada x3"
        },
        "error": null,
        "startedAt": "[time]",
        "endedAt": "[time]",
        "durationMs": "[ms]"
      }
    }
    "#);
}

#[tokio::test]
async fn a_detached_run_goes_by_the_id_that_its_caller_chose() {
    let (server, key) = greeting().await;
    let values = [
        ("WORKFLOW", "w"),
        ("KEY", key.as_str()),
        ("INPUT", r#"{"name": "Ada"}"#),
        ("RUN", "mine:1"),
    ];
    let start =
        async || fixture(&server, "sim/v2_execute_async.http", &values).send().await.unwrap();
    let accepted = start().await;
    assert_eq!(accepted.headers()["x-run-id"], "mine:1");
    let (status, accepted) = json_of(accepted).await;
    let path = "/api/v2/workflows/w/runs/mine:1";
    let status_url = format!("{}{path}", server.public_url);
    assert_eq!(
        (status, accepted),
        (202, json!({ "data": { "runId": "mine:1", "statusUrl": status_url } }))
    );

    until(|| server.get(path, &key), |run| run["data"]["status"] == "completed").await;
    let values = [
        ("WORKFLOW", "w"),
        ("KEY", key.as_str()),
        ("RUN", "mine:1"),
        ("BLOCKS", "say.content%2Csay%2CSayIt.content%2Csay.no"),
    ];
    let run = answer(fixture(&server, "sim/v2_run.http", &values)).await.1;
    assert_json_snapshot!(run, {
        ".data.startedAt" => "[time]", ".data.endedAt" => "[time]", ".data.durationMs" => "[ms]"
    }, @r#"
    {
      "data": {
        "runId": "mine:1",
        "workflowId": "w",
        "status": "completed",
        "trigger": "api",
        "startedAt": "[time]",
        "endedAt": "[time]",
        "durationMs": "[ms]",
        "cost": {
          "total": 0
        },
        "paused": null,
        "error": null,
        "output": {
          "greeting": "Hello Ada x1"
        },
        "blockOutputs": {
          "say.content": "Hello Ada x1",
          "say": {
            "content": "Hello Ada x1"
          }
        }
      }
    }
    "#);
    let bare = answer(server.get(path, &key)).await.1;
    assert_eq!(
        (&bare["data"]["output"], &bare["data"]["blockOutputs"]),
        (&Value::Null, &Value::Null)
    );

    let (status, refused) = json_of(start().await).await;
    let details = json!({ "code": "RUN_ID_CONFLICT", "runId": "mine:1" });
    assert_eq!(
        (status, &refused["error"]["code"], &refused["error"]["details"]),
        (409, &json!("CONFLICT"), &details)
    );
}

#[tokio::test]
async fn a_run_id_is_chosen_once_however_the_run_is_started() {
    let (server, key) = greeting().await;
    let slow = Receiver::start(|_, _| {
        Reply::After(Duration::from_millis(50), StatusCode::OK, "{}".to_owned())
    })
    .await;
    server.publish("slow", &calling(&slow.url, "/")).await;
    let starts = [("w", json!({ "input": { "name": "Ada" } })), ("slow", json!({}))];
    for (workflow, body) in starts {
        for (id, change) in [
            ("sync", json!({})),
            ("async", json!({ "async": true })),
            ("stream", json!({ "stream": true })),
        ] {
            let mut body = body.clone();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let path = format!("/api/v2/workflows/{workflow}/execute");
            let start = async || {
                server
                    .post(&path, ADMIN_KEY)
                    .header("x-run-id", id)
                    .json(&body)
                    .send()
                    .await
                    .unwrap()
            };
            let first = start().await;
            assert!(first.status().is_success(), "{workflow} {id}");
            assert_eq!(first.headers()["x-run-id"], id);
            first.bytes().await.unwrap();
            assert_eq!(json_of(start().await).await.0, 409, "{workflow} {id}");
            let run = format!("/api/v2/workflows/{workflow}/runs/{id}");
            let run =
                until(|| server.get(&run, ADMIN_KEY), |run| run["data"]["status"] == "completed")
                    .await;
            assert_eq!(run["data"]["runId"], id);
        }
    }
    // Another workflow has its own ids, and callers may not choose an id of our form.
    assert_eq!(answer(server.get("/api/v2/workflows/w/runs/nobody", &key)).await.0, 404);
    let ours = format!("run_{}", "0".repeat(32));
    for (id, status) in [(ours.as_str(), 409), ("a b", 400), (&"x".repeat(129), 400)] {
        let (actual, refused) = answer(
            execute(&server, &key, &json!({ "input": { "name": "Ada" } })).header("x-run-id", id),
        )
        .await;
        assert_eq!(actual, status, "{refused}");
    }
}

#[tokio::test]
async fn a_run_that_fails_is_an_answer() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::NOT_FOUND, "{}".to_owned())).await;
    server.publish("w", &calling(&receiver.url, "/gone")).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let (status, reply) = answer(execute(&server, &key, &json!({}))).await;
    let failed = &reply["data"];
    assert_eq!(
        (status, &failed["status"], &failed["output"]),
        (200, &json!("failed"), &Value::Null)
    );
    assert!(failed["error"]["message"].as_str().unwrap().starts_with("My Call: "), "{failed}");
    assert_json_snapshot!(failed["error"], { ".message" => "[message]" }, @r#"
    {
      "message": "[message]",
      "code": "BLOCK_EXECUTION_FAILED",
      "blockId": "call",
      "blockName": "My Call",
      "blockType": "http"
    }
    "#);
    let run = answer(
        server
            .get(&format!("/api/v2/workflows/w/runs/{}", failed["runId"].as_str().unwrap()), &key),
    )
    .await
    .1;
    assert_eq!(
        (&run["data"]["status"], &run["data"]["error"]),
        (&json!("failed"), &failed["error"])
    );
}

#[tokio::test]
async fn a_run_past_the_wait_or_its_deadline_has_timed_out() {
    let server = TestServer::start_with(|settings| {
        settings.longest_wait = Duration::from_millis(100);
        settings.drain = Duration::from_millis(50);
    })
    .await;
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    server.publish("w", &calling(&receiver.url, "/hang")).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let (status, reply) = answer(execute(&server, &key, &json!({}))).await;
    assert_eq!(
        (status, &reply["data"]["status"], &reply["data"]["error"]["code"]),
        (200, &json!("failed"), &json!("TIMEOUT"))
    );
    assert!(reply["data"]["durationMs"].as_u64().unwrap() >= 100);

    let body = json!({ "async": true, "executionTimeoutSeconds": 1 });
    let accepted = answer(execute(&server, &key, &body)).await.1;
    let run = format!("/api/v2/workflows/w/runs/{}", accepted["data"]["runId"].as_str().unwrap());
    let run = until(|| server.get(&run, &key), |run| run["data"]["endedAt"].is_string()).await;
    assert_eq!(
        (&run["data"]["status"], &run["data"]["error"]["code"]),
        (&json!("failed"), &json!("TIMEOUT"))
    );
}

#[tokio::test]
async fn a_stream_ends_with_a_final_frame() {
    let server = TestServer::start().await;
    server.publish("w", AGENT).await;
    let key = server.key(&["w"], &["run"]).await;
    let body = json!({
        "input": { "message": "hi" }, "stream": true, "selectedOutputs": ["agent1.content"]
    });
    let response =
        execute(&server, &key, &body).header("x-run-id", "streamed").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(
        (&response.headers()["cache-control"], &response.headers()["x-run-id"]),
        (&"no-cache".parse().unwrap(), &"streamed".parse().unwrap())
    );
    assert!(!response.headers().contains_key("x-sim-stream-protocol"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with("data: {\"blockId\":\"7b7735b9\",\"chunk\":\"One, \"}\n\n"), "{text}");
    assert!(
        text.ends_with(
            "data: {\"event\":\"final\",\"data\":{\"success\":true,\"output\":{}}}\n\n\
             data: \"[DONE]\"\n\n"
        ),
        "{text}"
    );

    let whole = json!({ "input": { "message": "hi" }, "stream": true });
    let agent_events = execute(&server, &key, &whole)
        .header("x-sim-stream-protocol", "agent-events-v1")
        .send()
        .await
        .unwrap();
    assert_eq!(agent_events.headers()["x-sim-stream-protocol"], "agent-events-v1");
    let text = agent_events.text().await.unwrap();
    assert_eq!(
        text,
        "data: {\"event\":\"final\",\"data\":{\"success\":true,\"output\":{\"said\":\"One, two: \
         hi\"}}}\n\n\
         data: \"[DONE]\"\n\n"
    );
}

#[tokio::test]
async fn runs_are_listed_with_filters() {
    let (server, key) = greeting().await;
    for n in 0..3 {
        answer(
            execute(&server, &key, &json!({ "input": { "name": "Ada" } }))
                .header("x-run-id", format!("r{n}")),
        )
        .await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let list = async |query: &str| {
        answer(server.get(&format!("/api/v2/workflows/w/runs{query}"), &key)).await
    };
    let ids = |reply: &Value| {
        reply["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["runId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (status, all) = list("").await;
    assert_eq!(
        (status, ids(&all), &all["nextCursor"]),
        (200, vec!["r2".to_owned(), "r1".into(), "r0".into()], &Value::Null)
    );
    assert_json_snapshot!(all["data"][0], {
        ".startedAt" => "[time]",
        ".endedAt" => "[time]",
        ".durationMs" => "[ms]"
    }, @r#"
    {
      "runId": "r2",
      "workflowId": "w",
      "status": "completed",
      "trigger": "api",
      "startedAt": "[time]",
      "endedAt": "[time]",
      "durationMs": "[ms]",
      "cost": {
        "total": 0
      }
    }
    "#);
    let first = list("?order=asc&limit=2&status=completed&trigger=api").await.1;
    assert_eq!(ids(&first), ["r0", "r1"]);
    let second =
        list(&format!("?order=asc&limit=2&cursor={}", first["nextCursor"].as_str().unwrap()))
            .await
            .1;
    assert_eq!((ids(&second), &second["nextCursor"]), (vec!["r2".to_owned()], &Value::Null));
    let at = all["data"][1]["startedAt"].as_str().unwrap();
    assert_eq!(ids(&list(&format!("?startDate={at}&endDate={at}")).await.1), ["r1"]);
    for none in ["?status=failed", "?trigger=schedule", "?endDate=2020-01-01T00:00:00Z"] {
        assert!(ids(&list(none).await.1).is_empty(), "{none}");
    }
    for bad in
        ["?status=odd", "?order=up", "?limit=0", "?limit=101", "?startDate=soon", "?state=failed"]
    {
        let (status, refused) = list(bad).await;
        let named = bad[1..].split('=').next().unwrap();
        assert_eq!(
            (status, &refused["error"]["code"], &refused["error"]["details"][0]["path"]),
            (400, &json!("BAD_REQUEST"), &json!(named))
        );
    }
}

#[tokio::test]
async fn a_run_is_cancelled() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    server.publish("w", &calling(&receiver.url, "/hang")).await;
    let key = server.key(&["w"], &["run", "read", "cancel"]).await;
    let start = execute(&server, &key, &json!({ "async": true })).header("x-run-id", "mine");
    assert_eq!(answer(start).await.0, 202);
    receiver.until(|received| !received.is_empty()).await;
    let cancel = async || answer(server.post("/api/v2/workflows/w/runs/mine/cancel", &key)).await;
    let (status, reply) = cancel().await;
    assert_eq!(status, 200);
    let reply = &reply["data"];
    assert_eq!(
        (&reply["success"], &reply["runId"], &reply["reason"]),
        (&json!(true), &json!("mine"), &json!("recorded"))
    );
    let run = until(
        || server.get("/api/v2/workflows/w/runs/mine", &key),
        |run| run["data"]["endedAt"].is_string(),
    )
    .await;
    assert_eq!(
        (&run["data"]["status"], &run["data"]["error"]["code"]),
        (&json!("cancelled"), &json!("CANCELLED"))
    );
    assert_json_snapshot!(cancel().await.1, @r#"
    {
      "data": {
        "success": true,
        "redisAvailable": true,
        "durablyRecorded": true,
        "locallyAborted": false,
        "pausedCancelled": false,
        "reason": "already_cancelled",
        "runId": "mine"
      }
    }
    "#);
}

#[tokio::test]
async fn an_idempotency_key_begins_one_run() {
    let (server, key) = greeting().await;
    let start = |name: &str| {
        let body = json!({ "input": { "name": name } });
        execute(&server, &key, &body).header("idempotency-key", "k").header("x-run-id", "mine")
    };
    let first = answer(start("Ada")).await;
    let again = start("Ada").send().await.unwrap();
    assert_eq!(
        (&again.headers()["idempotent-replayed"], &again.headers()["x-run-id"]),
        (&"true".parse().unwrap(), &"mine".parse().unwrap())
    );
    assert_eq!(json_of(again).await, first);
    let (status, refused) = answer(start("Bob")).await;
    assert_eq!(
        (status, &refused["error"]["details"]["code"]),
        (422, &json!("IDEMPOTENCY_MISMATCH"))
    );
}

#[tokio::test]
async fn each_answer_says_what_the_key_may_still_start() {
    let server = TestServer::start().await;
    server.publish("w", GREETING).await;
    let limits = json!({ "requests_per_minute": 1, "burst": 3 });
    let made = json!({
        "name": "k", "workflows": ["w"], "scopes": ["run", "read", "author"], "limits": limits
    });
    let made = answer(server.post("/v1/keys", ADMIN_KEY).json(&made)).await.1;
    let key = made["key"].as_str().unwrap();
    let left = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        let left = response.headers().get("x-ratelimit-remaining").cloned();
        (response.status().as_u16(), left.map(|left| left.to_str().unwrap().to_owned()))
    };
    let some = |left: &str| Some(left.to_owned());
    let start = execute(&server, key, &json!({ "input": { "name": "Ada" } }));
    assert_eq!(left(start).await, (200, some("2")));
    for (path, status) in [
        ("/api/v2/workflows", 200),
        ("/api/v2/workflows/w/deployment", 200),
        ("/api/v2/workflows/w/runs", 200),
        ("/api/v2/logs", 200),
        ("/api/v2/logs?x=1", 400),
        ("/api/v2/workflows/w/runs/nobody", 404),
    ] {
        assert_eq!(left(server.get(path, key)).await, (status, some("2")), "{path}");
        assert_eq!(left(server.get(path, ADMIN_KEY)).await, (status, None), "{path}");
    }
    assert_eq!(left(server.get("/api/v2/logs", "wrong")).await, (401, None));
}
