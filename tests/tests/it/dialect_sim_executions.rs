//! Sim, first generation, special cases: chosen ids, deadlines, reading and cancelling executions,
//! response blocks, agent events, files.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::TestServer;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};

const EXECUTE: &str = "/api/workflows/w/execute";

async fn publish(document: &str) -> (TestServer, String) {
    let server = TestServer::start().await;
    server.publish("w", document).await;
    let key = server.key(&["w"], &["run", "read", "cancel"]).await;
    (server, key)
}

async fn hanging() -> (TestServer, String, Receiver) {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let document = format!(
        "nodes: [{{ id: call, name: My Call, type: http, url: \"{}/hang\" }}]\n\
         output: {{ status: <call.status> }}\n",
        receiver.url
    );
    let (server, key) = publish(&document).await;
    (server, key, receiver)
}

#[tokio::test]
async fn an_execution_goes_by_the_id_that_its_caller_chose() {
    let (server, key) = publish(
        "nodes: [{ id: say, type: template, template: hi }]\noutput: { said: <say.content> }\n",
    )
    .await;
    let start =
        async || server.post(EXECUTE, &key).header("x-execution-id", "mine").send().await.unwrap();
    let first = start().await;
    assert_eq!(first.headers()["x-execution-id"], "mine");
    assert_eq!(json_of(first).await.1["executionId"], "mine");
    let read = answer(server.get(
        "/api/workflows/w/executions/mine?includeOutput=true&selectedOutputs=say.content",
        &key,
    ))
    .await
    .1;
    assert_json_snapshot!(read, {
        ".startedAt" => "[time]",
        ".endedAt" => "[time]",
        ".totalDurationMs" => "[ms]"
    }, @r#"
    {
      "executionId": "mine",
      "workflowId": "w",
      "status": "completed",
      "trigger": "api",
      "level": "info",
      "startedAt": "[time]",
      "endedAt": "[time]",
      "totalDurationMs": "[ms]",
      "paused": null,
      "cost": {
        "total": 0
      },
      "error": null,
      "finalOutput": {
        "said": "hi"
      },
      "blockOutputs": {
        "say.content": "hi"
      }
    }
    "#);
    let (status, refused) = json_of(start().await).await;
    assert_eq!(
        (status, &refused["code"], &refused["executionId"]),
        (409, &json!("EXECUTION_ID_CONFLICT"), &json!("mine"))
    );
    assert!(refused["error"].is_string());

    let queued = server
        .post(EXECUTE, &key)
        .header("x-execution-mode", "async")
        .header("x-execution-id", "later");
    let queued = answer(queued).await.1;
    assert_eq!(queued["executionId"], "later");
    until(
        || server.get("/api/workflows/w/executions/later", &key),
        |read| read["status"] == "completed",
    )
    .await;
    assert_eq!(
        answer(server.get(queued["links"]["status"].as_str().unwrap(), &key)).await.0,
        200,
        "its job goes by our id"
    );
    let unknown = answer(server.get("/api/workflows/w/executions/nobody", &key)).await;
    assert_eq!(
        unknown,
        (404, json!({ "error": "Execution not found", "code": "EXECUTION_NOT_FOUND" }))
    );
}

#[tokio::test]
async fn an_execution_is_cancelled_or_has_its_deadline() {
    let (server, key, receiver) = hanging().await;
    let start = |headers: &[(&str, &str)]| {
        headers.iter().fold(
            server.post(EXECUTE, &key).header("x-execution-mode", "async"),
            |request, (name, value)| request.header(*name, *value),
        )
    };
    assert_eq!(answer(start(&[("x-execution-id", "mine")])).await.0, 202);
    receiver.until(|received| !received.is_empty()).await;
    let cancel =
        async || answer(server.post("/api/workflows/w/executions/mine/cancel", &key)).await;
    let (status, reply) = cancel().await;
    assert_eq!(
        (status, &reply["success"], &reply["executionId"], &reply["reason"]),
        (200, &json!(true), &json!("mine"), &json!("recorded"))
    );
    let read = until(
        || server.get("/api/workflows/w/executions/mine", &key),
        |read| read["endedAt"].is_string(),
    )
    .await;
    assert_eq!(
        (&read["status"], &read["error"]),
        (&json!("cancelled"), &json!("Execution was cancelled"))
    );
    assert_eq!(cancel().await.1["reason"], "already_cancelled");

    assert_eq!(
        answer(start(&[("x-execution-id", "timed"), ("x-execution-timeout-seconds", "1")])).await.0,
        202
    );
    let read = until(
        || server.get("/api/workflows/w/executions/timed", &key),
        |read| read["endedAt"].is_string(),
    )
    .await;
    assert_eq!((&read["status"], &read["level"]), (&json!("failed"), &json!("error")));
    let sync = answer(server.post(EXECUTE, &key).header("x-execution-timeout-seconds", "1")).await;
    assert_eq!((sync.0, &sync.1["code"]), (400, &json!("INVALID_INPUT")));
    let chain =
        answer(server.post(EXECUTE, &key).header("x-sim-via", vec!["w"; 25].join(","))).await;
    assert_eq!((chain.0, &chain.1["code"]), (409, &json!("CALL_CHAIN_DEPTH_EXCEEDED")));
}

#[tokio::test]
async fn a_response_block_is_the_answer() {
    let (server, key) = publish(
        r#"
nodes:
  - { id: r, type: response, status: <api.input.status>, data: { said: <api.input.text> },
      headers: { X-Mine: "yes", Connection: close, Content-Length: "3" } }
"#,
    )
    .await;
    let body = json!({ "status": 418, "text": "hi" });
    let response = server.post(EXECUTE, &key).json(&body).send().await.unwrap();
    assert_eq!(
        (&response.headers()["x-mine"], &response.headers()["content-type"]),
        (&"yes".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert!(
        response.headers().contains_key("x-execution-id")
            && !response.headers().contains_key("connection")
    );
    assert_eq!(json_of(response).await, (418, json!({ "said": "hi" })));

    let in_band =
        answer(server.post("/api/v2/workflows/w/execute", &key).json(&json!({ "input": body })))
            .await;
    assert_eq!((in_band.0, &in_band.1["data"]["output"]["status"]), (200, &json!(418)));
    let job = answer(server.post(EXECUTE, &key).header("x-execution-mode", "async").json(&body))
        .await
        .1["links"]["status"]
        .as_str()
        .unwrap()
        .to_owned();
    let job = until(|| server.get(&job, &key), |job| job["status"] == "completed").await;
    assert_eq!(job["output"]["data"], json!({ "said": "hi" }));
}

#[tokio::test]
async fn an_output_that_looks_like_a_response_is_none() {
    let (server, key) = publish(
        "nodes: [{ id: a, type: template, template: x }]\n\
         output: { data: 1, status: 404, headers: {} }\n",
    )
    .await;
    let (status, reply) = answer(server.post(EXECUTE, &key)).await;
    assert_eq!((status, &reply["output"]["status"]), (200, &json!(404)));
}

#[tokio::test]
async fn agent_events_are_negotiated() {
    let (server, key) = publish(
        "nodes: [{ id: a, type: agent, model: offline/echo, prompt: hi }]\n\
         output: { said: <a.content> }\n",
    )
    .await;
    let stream = |protocol: Option<&str>, body: Value| {
        let request = server.post(EXECUTE, &key).json(&body);
        if let Some(protocol) = protocol {
            request.header("x-sim-stream-protocol", protocol)
        } else {
            request
        }
    };
    let body = json!({
        "stream": true,
        "selectedOutputs": ["a.content"],
        "includeThinking": true,
        "includeToolCalls": true
    });
    let response = stream(Some("agent-events-v1"), body.clone()).send().await.unwrap();
    assert_eq!(response.headers()["x-sim-stream-protocol"], "agent-events-v1");
    let text = response.text().await.unwrap();
    assert!(
        text.ends_with(
            "data: {\"event\":\"final\",\"data\":{\"success\":true,\"output\":{}}}\n\n\
             data: \"[DONE]\"\n\n"
        ),
        "{text}"
    );
    assert_eq!(answer(stream(None, body)).await.0, 400);
    let plain = stream(None, json!({ "stream": true })).send().await.unwrap();
    assert!(!plain.headers().contains_key("x-sim-stream-protocol"));
    assert!(plain.text().await.unwrap().ends_with("data: [DONE]\n\n"));
}

const FILES: &str = "input: [{ name: doc, type: file }]\n\
                     nodes: [{ id: a, type: template, template: x }]\n\
                     output: { doc: <api.doc> }\n";

#[tokio::test]
async fn files_are_read() {
    let (server, key) = publish(FILES).await;
    let execute =
        async |doc: Value| answer(server.post(EXECUTE, &key).json(&json!({ "doc": doc }))).await;
    let inline = json!({
        "type": "file",
        "data": "data:text/plain;base64,aGk=",
        "name": "hi.txt",
        "mime": "text/markdown"
    });
    let remote = json!({
        "type": "url",
        "data": "https://example.com/a.pdf",
        "name": "a.pdf",
        "mime": "application/pdf"
    });
    let read_inline =
        json!({ "name": "hi.txt", "mime": "text/markdown", "size": 2, "base64": "aGk=" });
    let read_remote = json!({
        "name": "a.pdf", "mime": "application/pdf", "size": null, "url": "https://example.com/a.pdf"
    });
    for (sent, read) in [
        (inline.clone(), read_inline.clone()),
        (remote.clone(), read_remote.clone()),
        (json!([inline, remote]), json!([read_inline, read_remote])),
        (json!("https://example.com/a.pdf"), json!("https://example.com/a.pdf")),
    ] {
        let (status, reply) = execute(sent.clone()).await;
        assert_eq!((status, &reply["output"]["doc"]), (200, &read), "{reply}");
        let v2 = server
            .post("/api/v2/workflows/w/execute", &key)
            .json(&json!({ "input": { "doc": sent } }));
        assert_eq!(answer(v2).await.1["data"]["output"]["doc"], read);
    }
}

#[tokio::test]
async fn files_that_are_not_what_they_say_are_refused() {
    let (server, key) = publish(FILES).await;
    let file = |data: &str| json!({ "type": "file", "data": data, "name": "a" });
    let url = |data: &str| json!({ "type": "url", "data": data, "name": "a" });
    for (doc, path) in [
        (file("aGk="), "doc.data"),
        (file("data:text/plain;base64,?"), "doc.data"),
        (json!({ "type": "file", "name": "a" }), "doc.data"),
        (json!({ "type": "file", "data": "data:;base64,aGk=" }), "doc.name"),
        (
            json!({ "type": "file", "data": "data:;base64,aGk=", "name": "a", "mime": "pdf" }),
            "doc.mime",
        ),
        (json!({ "type": "ftp", "data": "x", "name": "a" }), "doc.type"),
        (url("http://169.254.169.254/latest"), "doc.data"),
        (url("ftp://example.com/a"), "doc.data"),
        (json!([url("https://example.com/a"), url("https://10.0.0.1/")]), "doc[1].data"),
    ] {
        let (status, refused) =
            answer(server.post(EXECUTE, &key).json(&json!({ "input": { "doc": doc } }))).await;
        assert_eq!(
            (status, &refused["details"][0]["path"]),
            (400, &json!(format!("input.{path}"))),
            "{refused}"
        );
        assert!(
            refused["error"].as_str().unwrap().starts_with("File processing failed: input.doc"),
            "{refused}"
        );
        let (status, refused) = answer(
            server
                .post("/api/v2/workflows/w/execute", &key)
                .json(&json!({ "input": { "doc": doc } })),
        )
        .await;
        assert_eq!(
            (status, &refused["error"]["details"][0]["path"]),
            (400, &json!(format!("input.{path}"))),
            "{refused}"
        );
    }
}
