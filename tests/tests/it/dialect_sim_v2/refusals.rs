//! Refusals, each with an error object.

use super::*;

#[tokio::test]
async fn refusals_have_an_error_object() {
    let (server, key) = greeting().await;
    server
        .request(reqwest::Method::PUT, "/v1/workflows/draft", ADMIN_KEY)
        .body(GREETING)
        .send()
        .await
        .unwrap();
    let (wide, read_only) =
        (server.key(&["w", "draft"], &["run", "read"]).await, server.key(&["w"], &["read"]).await);
    let start = |workflow: &str, key: &str, body: &str| {
        server.post(&format!("/api/v2/workflows/{workflow}/execute"), key).body(body.to_owned())
    };
    let good = r#"{"input":{"name":"Ada"}}"#;
    let chain = vec!["w"; 25].join(",");
    let cases = [
        (start("w", "wrong", good), 401, "UNAUTHORIZED", json!(null)),
        (start("w", &read_only, good), 403, "FORBIDDEN", json!(null)),
        (start("nothing", &wide, good), 404, "NOT_FOUND", json!(null)),
        (start("draft", &wide, good), 403, "FORBIDDEN", json!({ "code": "WORKFLOW_NOT_DEPLOYED" })),
        (
            start("w", &key, good).header("x-sim-via", &chain),
            409,
            "CONFLICT",
            json!({ "code": "CALL_CHAIN_DEPTH_EXCEEDED" }),
        ),
        (start("w", &key, &" ".repeat((4 << 20) + 1)), 413, "PAYLOAD_TOO_LARGE", json!(null)),
        (
            start("w", &key, r#"{"input":{}}"#),
            400,
            "BAD_REQUEST",
            json!([{ "path": "input.name", "message": "is missing" }]),
        ),
        (
            start("w", &key, r#"{"name":"Ada"}"#),
            400,
            "BAD_REQUEST",
            json!([{ "path": "name", "message": "is not a known field" }]),
        ),
        (
            server.post("/api/v2/workflows/w/execute?a=1", &key).body(good),
            400,
            "BAD_REQUEST",
            json!([{ "path": "a", "message": "is not a known query parameter" }]),
        ),
        (server.get("/api/v2/workflows/w/runs/run_nothing", &key), 404, "NOT_FOUND", json!(null)),
        (
            server.post("/api/v2/workflows/w/runs/nobody/cancel", &key),
            404,
            "NOT_FOUND",
            json!(null),
        ),
        (
            server.post("/api/v2/workflows/w/runs/nobody/cancel", &read_only),
            403,
            "FORBIDDEN",
            json!(null),
        ),
        (server.get("/api/v2/workflows/w/execute", &key), 405, "METHOD_NOT_ALLOWED", json!(null)),
    ];
    for (request, status, code, details) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "private, no-store");
        if status == 401 {
            assert_eq!(challenge(&response), "SimApiKey realm=\"Sim API\", header=\"x-api-key\"");
        }
        let (actual, refused) = json_of(response).await;
        assert_eq!(
            (actual, &refused["error"]["code"], &refused["error"]["details"]),
            (status, &json!(code), &details),
            "{refused}"
        );
        assert!(refused["error"]["message"].is_string(), "{refused}");
    }
    let unfit = answer(start("w", &key, r#"{"input":{"name":{},"more":1}}"#)).await;
    assert_eq!((unfit.0, &unfit.1["error"]["details"][0]["path"]), (400, &json!("input.name")));
    let foreign = server.key(&["other"], &["run", "read"]).await;
    let started = execute(&server, &key, &json!({ "input": { "name": "Ada" } }));
    let run = answer(started).await.1["data"]["runId"].as_str().unwrap().to_owned();
    let unknown = answer(server.get("/api/v2/workflows/w/runs/nobody", &key)).await;
    assert_eq!(
        answer(server.get(&format!("/api/v2/workflows/w/runs/{run}"), &foreign)).await,
        unknown
    );
}
