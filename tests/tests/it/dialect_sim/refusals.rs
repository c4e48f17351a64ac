//! Refusals, each with a text and a code.

use super::*;

#[tokio::test]
async fn refusals_have_a_text_and_a_code() {
    let server = TestServer::start().await;
    server.publish("w", GREETING).await;
    server
        .request(reqwest::Method::PUT, "/v1/workflows/draft", ADMIN_KEY)
        .body(GREETING)
        .send()
        .await
        .unwrap();
    let (key, read_only) =
        (server.key(&["w", "draft"], &["run", "read"]).await, server.key(&["w"], &["read"]).await);
    let execute = |workflow: &str, key: &str, body: &str| {
        server.post(&format!("/api/workflows/{workflow}/execute"), key).body(body.to_owned())
    };
    let cases = [
        (execute("w", "wrong", "{}"), 401, "Unauthorized", "UNAUTHORIZED"),
        (execute("w", &read_only, "{}"), 403, "the key does not have the scope `run`", "FORBIDDEN"),
        (execute("nothing", &key, "{}"), 404, "Workflow not found", "WORKFLOW_NOT_FOUND"),
        (execute("draft", &key, "{}"), 403, "Workflow is not deployed", "WORKFLOW_NOT_DEPLOYED"),
        (execute("w", &key, "{"), 400, "Invalid JSON in request body", "INVALID_INPUT"),
        (execute("w", &key, "[]"), 400, "Invalid request body", "INVALID_INPUT"),
        (execute("w", &key, r#"{"stream":"yes"}"#), 400, "Invalid request body", "INVALID_INPUT"),
        (
            execute("w", &key, r#"{"triggerType":"manual"}"#),
            400,
            "External callers cannot override triggerType",
            "INVALID_INPUT",
        ),
        (
            execute("w", &key, r#"{"inputFromExecutionId":"x"}"#),
            403,
            "External callers cannot take the input of another execution",
            "FORBIDDEN",
        ),
        (
            execute("w", &key, &" ".repeat((4 << 20) + 1)),
            413,
            "Workflow execution request body exceeds maximum size",
            "PAYLOAD_TOO_LARGE",
        ),
        (server.get("/api/jobs/run_nothing", &key), 404, "Task not found", "TASK_NOT_FOUND"),
        (
            server.get("/api/workflows/w/execute", &key),
            405,
            "Method not allowed",
            "METHOD_NOT_ALLOWED",
        ),
    ];
    for (request, status, error, code) in cases {
        let (actual, refused) = answer(request).await;
        assert_eq!(
            (actual, &refused["error"], &refused["code"]),
            (status, &json!(error), &json!(code)),
            "{refused}"
        );
    }
    let wrong =
        json_of(execute("w", &key, r#"{"input":{"name":{}},"n":"many"}"#).send().await.unwrap())
            .await;
    assert_json_snapshot!(wrong, @r#"
    [
      400,
      {
        "error": "input.name must be a string, not an object; n must be a number, not a string",
        "code": "INVALID_INPUT",
        "details": [
          {
            "path": "input.name",
            "message": "must be a string, not an object"
          },
          {
            "path": "n",
            "message": "must be a number, not a string"
          }
        ]
      }
    ]
    "#);
}
