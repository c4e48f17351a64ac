//! GPTBots: the vendor's requests, our answers.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::fixture::{answer, fixture, json_of, until};

const GREETING: &str = r#"
name: Greeting
input: [{ name: name, type: string }, { name: n, type: number, default: 1 }]
nodes: [{ id: say, type: template, template: "Hello <api.name> x<api.n>" }]
output: { greeting: <say.content> }
"#;
const ID: &str = "7b7735b9-19e5-4bd6-818b-46aae2596e9f";

fn hanging(url: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: http, url: \"{url}/hang\" }}]\n\
         output: {{ status: <call.status> }}\n"
    )
}

#[tokio::test]
async fn invoke_waits_for_the_result() {
    let server = TestServer::start().await;
    server.publish(ID, GREETING).await;
    let key = server.key(&[ID], &["run", "read"]).await;
    let values = [("KEY", key.as_str()), ("INPUT", r#""n":  1.50, "name": "Ada""#)];
    let text = fixture(&server, "gptbots/invoke.http", &values)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("\"input\":{\n        \"n\":  1.50, \"name\": \"Ada\"\n    }"),
        "as sent: {text}"
    );
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(
        ["workflowExecutionTime", "startTime", "endTime", "totalTokens"]
            .iter()
            .all(|field| result[field].is_u64()),
        "{text}"
    );
    assert_json_snapshot!(result, {
        ".workflowRunId" => "[run]", ".workflowExecutionTime" => "[ms]",
        ".startTime" => "[ms epoch]", ".endTime" => "[ms epoch]",
    }, @r#"
    {
      "workflowId": "7b7735b9-19e5-4bd6-818b-46aae2596e9f",
      "workflowName": "Greeting",
      "workflowVersion": "1.0.0",
      "workflowRunId": "[run]",
      "input": {
        "n": 1.5,
        "name": "Ada"
      },
      "output": {
        "greeting": "Hello Ada x1.5"
      },
      "workflowExecutionTime": "[ms]",
      "status": "SUCCEED",
      "totalCost": 0,
      "totalTokens": 0,
      "startTime": "[ms epoch]",
      "endTime": "[ms epoch]"
    }
    "#);
}

#[tokio::test]
async fn an_asynchronous_result_is_pushed_and_can_be_asked_for() {
    let server = TestServer::start().await;
    let receiver = Receiver::ok().await;
    server.publish("greeting", GREETING).await;
    let key = server.key(&["greeting"], &["run", "read"]).await;
    let values =
        [("KEY", key.as_str()), ("INPUT", r#""name": "Ada""#), ("RECEIVER", &receiver.url)];
    let (status, accepted) = answer(fixture(&server, "gptbots/invoke_async.http", &values)).await;
    assert_eq!(status, 200);
    assert_json_snapshot!(accepted, { ".workflowRunId" => "[run]" }, @r#"
    {
      "workflowId": "greeting",
      "workflowName": "Greeting",
      "workflowVersion": "1.0.0",
      "workflowRunId": "[run]",
      "status": "PENDING"
    }
    "#);

    let run = accepted["workflowRunId"].as_str().unwrap();
    let query = || fixture(&server, "gptbots/query_result.http", &[("KEY", &key), ("RUN", run)]);
    let result = until(query, |result| result["status"] == "SUCCEED").await;
    assert_eq!(result["output"], json!({ "greeting": "Hello Ada x1" }));
    assert_eq!(result["input"], json!({ "name": "Ada" }), "before defaults");

    receiver.until(|all| all.len() == 2).await;
    let received = receiver.received();
    let posted = received.iter().find(|request| request.method == "POST").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&posted.body).unwrap(), result);
    assert_eq!(posted.headers["authorization"], "Bearer <your_token>");
    let got = received.iter().find(|request| request.method == "GET").unwrap();
    assert_eq!(
        got.uri.query().unwrap(),
        format!("fr=google&workflowRunId={run}&workflowId=greeting&status=SUCCEED")
    );
    assert!(got.body.is_empty());
}

#[tokio::test]
async fn past_the_wait_a_run_is_reported_as_running() {
    let server = TestServer::start_with(|settings| {
        (settings.longest_wait, settings.drain) =
            (Duration::from_millis(100), Duration::from_millis(50))
    })
    .await;
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    server.publish("hang", &hanging(&receiver.url)).await;
    let key = server.key(&["hang"], &["run", "read"]).await;
    let (status, waited) =
        answer(fixture(&server, "gptbots/invoke.http", &[("KEY", &key), ("INPUT", "")])).await;
    assert_eq!((status, &waited["status"]), (200, &json!("RUNNING")));
    receiver.let_go();
    let run = waited["workflowRunId"].as_str().unwrap();
    let result = until(
        || fixture(&server, "gptbots/query_result.http", &[("KEY", &key), ("RUN", run)]),
        |result| result["status"] == "SUCCEED",
    )
    .await;
    assert_eq!(result["output"], json!({ "status": 200 }));
}

#[tokio::test]
async fn a_failed_and_a_cancelled_run_are_failed() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/hang" => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::NOT_FOUND, "{}".to_owned()),
    })
    .await;
    let key = server.key(&["w"], &["run", "read", "cancel"]).await;
    server
        .publish(
            "w",
            &format!("nodes: [{{ id: call, type: http, url: \"{}/gone\" }}]", receiver.url),
        )
        .await;
    let (status, failed) =
        answer(fixture(&server, "gptbots/invoke.http", &[("KEY", &key), ("INPUT", "")])).await;
    assert_eq!(
        (status, &failed["status"], &failed["error"]["node"]),
        (200, &json!("FAILED"), &json!("call")),
        "{failed}"
    );

    server.publish("w", &hanging(&receiver.url)).await;
    let invoke =
        server.post("/v1/workflow/invoke", &key).json(&json!({ "input": {}, "isAsync": true }));
    let run = answer(invoke).await.1["workflowRunId"].as_str().unwrap().to_owned();
    answer(server.post(&format!("/v1/runs/{run}/cancel"), &key)).await;
    let result = until(
        || fixture(&server, "gptbots/query_result.http", &[("KEY", &key), ("RUN", &run)]),
        |result| result["status"] == "FAILED",
    )
    .await;
    assert_eq!(result["error"]["code"], "cancelled");
}

#[tokio::test]
async fn where_a_key_names_several_workflows_a_header_decides() {
    let server = TestServer::start().await;
    server.publish("greeting", GREETING).await;
    let key = server.key(&["greeting", "other"], &["run"]).await;
    let invoke =
        || server.post("/v1/workflow/invoke", &key).json(&json!({ "input": { "name": "Ada" } }));
    assert_json_snapshot!(answer(invoke()).await, @r#"
    [
      400,
      {
        "code": 40000,
        "message": "the key is good for more than one workflow: name one in the header X-Workflow-Id"
      }
    ]
    "#);
    assert_eq!(answer(invoke().header("x-workflow-id", "greeting")).await.1["status"], "SUCCEED");
    assert_eq!(answer(invoke().header("x-workflow-id", "foreign")).await.0, 404);
}

#[tokio::test]
async fn an_idempotency_key_begins_one_run() {
    let server = TestServer::start().await;
    server.publish("greeting", GREETING).await;
    let key = server.key(&["greeting"], &["run"]).await;
    for detached in [false, true] {
        let body = json!({ "input": { "name": "Ada" }, "isAsync": detached });
        let invoke = || {
            server
                .post("/v1/workflow/invoke", &key)
                .header("idempotency-key", detached.to_string())
                .json(&body)
        };
        let first = answer(invoke()).await;
        let again = invoke().send().await.unwrap();
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(json_of(again).await, first);
        let other = json!({ "input": { "name": "Bob" }, "isAsync": detached });
        let other = server
            .post("/v1/workflow/invoke", &key)
            .header("idempotency-key", detached.to_string())
            .json(&other);
        let refused =
            json!({ "code": 40000, "message": "the Idempotency-Key was used with another body" });
        assert_eq!(answer(other).await, (422, refused));
    }
}

#[tokio::test]
async fn refusals_have_a_code_and_a_message() {
    let server = TestServer::start().await;
    server.publish("greeting", GREETING).await;
    let draft =
        server.request(reqwest::Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(GREETING);
    assert!(draft.send().await.unwrap().status().is_success());
    let (key, read_only) = (
        server.key(&["greeting"], &["run", "read"]).await,
        server.key(&["greeting"], &["read"]).await,
    );
    let (unpublished, unknown) =
        (server.key(&["draft"], &["run"]).await, server.key(&["nothing"], &["run"]).await);
    let invoke =
        |key: &str, body: &str| server.post("/v1/workflow/invoke", key).body(body.to_owned());
    let (good, webhook) =
        (r#"{"input":{"name":"Ada"}}"#, r#"{"method":"POST","url":"https://example.com"}"#);
    let six = format!(r#"{{"input":{{"name":"Ada"}},"webhook":[{}]}}"#, [webhook; 6].join(","));
    let query = |run: &str| {
        server.post("/v1/workflow/query/result", &key).json(&json!({ "workflowRunId": run }))
    };
    let cases = [
        (invoke("fg_wrong", good), 401, 40127, "the key is missing, wrong, revoked or expired"),
        (invoke(&read_only, good), 403, 40300, "the key does not have the scope `run`"),
        (invoke(&unpublished, good), 403, 200_116, "workflow is not published"),
        (invoke(&unknown, good), 404, 40378, "workflow not found"),
        (query("run_nothing"), 404, 40378, "run not found"),
        (query("run_00000000000000000000000000000000"), 404, 40378, "run not found"),
        (
            invoke(&key, "{"),
            400,
            40000,
            "the body is not valid JSON: expected a key in double quotes at line 1, column 2",
        ),
        (
            invoke(&key, r#"{"input":{"name":1,"extra":2}}"#),
            400,
            40000,
            "input.name must be a string, not a number; input.extra is not an input of this \
             workflow",
        ),
        (
            invoke(&key, r#"{"input":{"name":"Ada"},"webhook":[{"url":"https://example.com"}]}"#),
            400,
            40000,
            "webhook[0].method is required",
        ),
        (invoke(&key, &six), 400, 40000, "webhook has 6 webhooks, at most 5 are allowed"),
        (invoke(&key, &" ".repeat((4 << 20) + 1)), 413, 40000, "a request body has at most 4 MiB"),
        (
            server.post("/v1/workflows/invoke", &key),
            404,
            40378,
            "there is nothing at this path: a workflow is invoked with POST /v1/workflow/invoke",
        ),
    ];
    for (request, status, code, message) in cases {
        assert_eq!(answer(request).await, (status, json!({ "code": code, "message": message })));
    }
    let private = r#"{"input":{"name":"Ada"},"isAsync":true,"webhook":[{"method":"POST","url":"http://169.254.169.254/latest"}]}"#;
    let (status, refused) = answer(invoke(&key, private)).await;
    assert!(
        status == 400 && refused["message"].as_str().unwrap().starts_with("webhook[0].url "),
        "{refused}"
    );
}

#[tokio::test]
async fn a_wrong_method_gets_the_right_ones() {
    let server = TestServer::start().await;
    let response = server.get("/v1/workflow/invoke", ADMIN_KEY).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(
        json_of(response).await,
        (405, json!({ "code": 40000, "message": "only POST is allowed here" }))
    );
}
