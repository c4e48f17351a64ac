//! AI-Flow: the vendor's requests, our answers.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::TestServer;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::fixture::{answer, fixture, json_of, until};

const FLOW: &str = "d1ae4c18-3bfc-440c-9d46-9d287e20f41f";
const DOCUMENT: &str = r#"
input: [{ name: my_prompt, type: string }, { name: my_context, type: string, default: none },
    { name: count, type: number, default: 1 }]
nodes: [{ id: say, type: template, template: "<api.my_context>: <api.my_prompt> x<api.count>" }]
output: { my_output: <say.content>, status: fine }
"#;

#[tokio::test]
async fn a_run_is_accepted_and_its_outputs_are_fetched() {
    let server = TestServer::start().await;
    server.publish(FLOW, DOCUMENT).await;
    let key = server.key(&[FLOW], &["run", "read"]).await;
    let response =
        fixture(&server, "aiflow/run.http", &[("FLOW", FLOW), ("KEY", &key)]).send().await.unwrap();
    assert_eq!(response.headers()["x-run-status"], "pending");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let (status, accepted) = json_of(response).await;
    let run = accepted["run_id"].as_str().unwrap();
    assert_eq!((status, &accepted), (202, &json!({ "run_id": run, "status": "pending" })));
    assert!(location.ends_with(&format!("/v1/flow/{FLOW}/run/{run}")), "{location}");

    let result =
        || fixture(&server, "aiflow/result.http", &[("FLOW", FLOW), ("KEY", &key), ("RUN", run)]);
    let outputs = json!({ "my_output": "Continue my sentence with 5 words of lorem ipsum: Lorem \
                                        Ipsum x1", "status": "fine" });
    assert_eq!(until(result, |reply| reply["status"] != "pending").await, outputs);
    let response = result().send().await.unwrap();
    assert_eq!(response.headers()["x-run-status"], "succeeded", "an output named `status` wins");
    assert_eq!(
        answer(server.get(&format!("/v1/flow/{FLOW}/run/{run}/result"), &key)).await,
        (200, outputs)
    );
}

#[tokio::test]
async fn the_global_webhook_gets_the_outputs_and_the_signature() {
    let server = TestServer::start().await;
    let receiver = Receiver::ok().await;
    server.publish(FLOW, DOCUMENT).await;
    let key = server.key(&[FLOW], &["run", "read"]).await;
    let values = [("FLOW", FLOW), ("KEY", key.as_str()), ("RECEIVER", &receiver.url)];
    let accepted = answer(fixture(&server, "aiflow/run_with_webhook.http", &values)).await.1;
    receiver.until(|all| all.len() == 1).await;
    let received = &receiver.received()[0];
    assert_eq!(received.method, "POST");
    assert_eq!(received.headers["ai_flow_signature"], "my_signature");
    assert!(received.headers.contains_key("webhook-signature"));
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(
        body,
        json!({
            "my_output": "Continue my sentence with 5 words of lorem ipsum: Lorem Ipsum x1",
            "status": "fine"
        })
    );

    let run = accepted["run_id"].as_str().unwrap();
    let read =
        || fixture(&server, "aiflow/result.http", &[("FLOW", FLOW), ("KEY", &key), ("RUN", run)]);
    let gone = until(read, |reply| reply["error"]["code"] == "gone").await;
    assert_eq!(gone, json!({ "error": { "code": "gone", "message": "the run was not saved" } }));
    assert_eq!(answer(read()).await.0, 410);
}

#[tokio::test]
async fn a_run_that_goes_on_or_has_failed_has_a_status() {
    let server = TestServer::start().await;
    let receiver =
        Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::NOT_FOUND, "{}".to_owned())).await;
    server
        .publish("f", &format!("nodes: [{{ id: call, type: http, url: \"{}/\" }}]", receiver.url))
        .await;
    server.publish("other", DOCUMENT).await;
    let key = server.key(&["f", "other"], &["run", "read"]).await;
    let run =
        answer(server.post("/v1/flow/f/run", &key)).await.1["run_id"].as_str().unwrap().to_owned();
    let pending = server.get(&format!("/v1/flow/f/run/{run}"), &key).send().await.unwrap();
    assert_eq!(
        (&pending.headers()["x-run-status"], &pending.headers()["retry-after"]),
        (&"pending".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(json_of(pending).await, (200, json!({ "status": "pending" })));
    assert_eq!(
        answer(server.get(&format!("/v1/flow/other/run/{run}"), &key)).await.0,
        404,
        "a run of another flow"
    );

    receiver.let_go();
    let failed = until(
        || server.get(&format!("/v1/flow/f/run/{run}"), &key),
        |reply| reply["status"] != "pending",
    )
    .await;
    assert_json_snapshot!(failed, { ".error.message" => "[why]" }, @r#"
    {
      "status": "failed",
      "error": {
        "code": "http_status",
        "message": "[why]",
        "node": "call"
      }
    }
    "#);
}

#[tokio::test]
async fn inputs_are_flat_and_taken_for_what_they_say() {
    let server = TestServer::start().await;
    server.publish(FLOW, DOCUMENT).await;
    let key = server.key(&[FLOW], &["run", "read"]).await;
    let run = |body: Value| server.post(&format!("/v1/flow/{FLOW}/run"), &key).json(&body);
    let id = answer(run(json!({
        "my_prompt": "p", "count": "3", "undeclared": true
    })))
    .await
    .1["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let outputs = until(
        || server.get(&format!("/v1/flow/{FLOW}/run/{id}"), &key),
        |reply| reply["status"] != "pending",
    )
    .await;
    assert_eq!(outputs["my_output"], "none: p x3");
    assert_json_snapshot!(answer(run(json!({
        "count": "three", "run_options": { "global_webhook": { "url": "http://10.0.0.1/" } }
    }))).await, @r#"
    [
      400,
      {
        "error": {
          "code": "invalid_input",
          "message": "my_prompt is missing; count must be a number, not a string",
          "fields": [
            {
              "name": "my_prompt",
              "message": "is missing"
            },
            {
              "name": "count",
              "message": "must be a number, not a string"
            }
          ]
        }
      }
    ]
    "#);
    let (status, refused) = answer(run(json!({
        "my_prompt": "p", "run_options": { "global_webhook": { "url": "http://10.0.0.1/" } }
    })))
    .await;
    assert_eq!(
        (status, &refused["error"]["fields"][0]["name"]),
        (400, &json!("run_options.global_webhook.url")),
        "{refused}"
    );
}

#[tokio::test]
async fn an_idempotency_key_begins_one_run() {
    let server = TestServer::start().await;
    server.publish(FLOW, DOCUMENT).await;
    let key = server.key(&[FLOW], &["run"]).await;
    let run = || {
        fixture(&server, "aiflow/run.http", &[("FLOW", FLOW), ("KEY", &key)])
            .header("idempotency-key", "k")
    };
    let first = answer(run()).await;
    let again = run().send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await, first);
}

#[tokio::test]
async fn refusals_have_a_code_and_a_message() {
    let server = TestServer::start().await;
    server.publish(FLOW, DOCUMENT).await;
    let key = server.key(&[FLOW], &["run", "read"]).await;
    let path = format!("/v1/flow/{FLOW}/run");
    let cases = [
        (server.post(&path, "fg_wrong"), 401, "unauthorized"),
        (server.post("/v1/flow/nothing/run", &key), 404, "workflow_not_found"),
        (server.get(&format!("{path}/run_nothing"), &key), 404, "run_not_found"),
        (server.post(&path, &key).body("{\"a\":1,\"a\":2}"), 400, "invalid_input"),
        (server.get(&path, &key), 405, "method_not_allowed"),
    ];
    for (request, status, code) in cases {
        let (actual, refused) = answer(request).await;
        assert_eq!((actual, &refused["error"]["code"]), (status, &json!(code)), "{refused}");
    }
}
