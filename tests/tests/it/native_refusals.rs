//! Refusals of the native API: problem+json, every wrong field named, nothing half-created.

use flowgate_tests::server::{ADMIN_KEY, TestServer, challenge};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const STRICT: &str = "input: [{ name: name, type: string }, { name: n, type: number, default: 1 \
                      }]\n\
                      nodes: [{ id: say, type: template, template: '<api.name>' }]\n\
                      output: { said: <say.content> }\n";

async fn refused(request: RequestBuilder) -> (u16, String, Vec<String>) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["status"], &problem["request_id"]), (&json!(status), &json!(id)));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    let pointers = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect();
    (status, problem["code"].as_str().unwrap().to_owned(), pointers)
}

async fn check(request: RequestBuilder, status: u16, code: &str, pointers: &[&str]) {
    assert_eq!(
        refused(request).await,
        (status, code.to_owned(), pointers.iter().map(|&pointer| pointer.to_owned()).collect())
    );
}

#[tokio::test]
async fn keys_that_may_not() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    server.publish("other", STRICT).await;
    let body = json!({ "input": { "name": "Ada" } });
    let run =
        |id: &str, key: &str| server.post(&format!("/v1/workflows/{id}/runs"), key).json(&body);
    let reader = server.key(&["mine"], &["read"]).await;
    check(run("mine", &reader), 403, "forbidden", &[]).await;
    check(run("other", &reader), 404, "workflow_not_found", &[]).await;
    check(run("nobody", ADMIN_KEY), 404, "workflow_not_found", &[]).await;
    check(run("mine", "fg_wrong"), 401, "unauthorized", &[]).await;
    check(
        server.client.post(format!("{}/v1/workflows/mine/runs", server.url)).json(&body),
        401,
        "unauthorized",
        &[],
    )
    .await;
    check(run("mine", ADMIN_KEY).header("x-api-key", &reader), 401, "unauthorized", &[]).await;
    check(server.get("/v1/keys", &reader), 403, "forbidden", &[]).await;

    let runner = server.key(&["other"], &["run", "read"]).await;
    let made: Value = run("other", &runner).send().await.unwrap().json().await.unwrap();
    check(
        server.get(&format!("/v1/runs/{}", made["id"].as_str().unwrap()), &reader),
        404,
        "run_not_found",
        &[],
    )
    .await;
    let unknown =
        server.get("/v1/runs/run_00000000000000000000000000000000", &runner).send().await.unwrap();
    assert_eq!((unknown.status().as_u16(), challenge(&unknown)), (404, ""));
    let denied = server.get("/v1/keys", "nobody").send().await.unwrap();
    assert_eq!(challenge(&denied), "Bearer");
}

#[tokio::test]
async fn bodies_that_are_not_right() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let run = |body: String| {
        server
            .post("/v1/workflows/w/runs", ADMIN_KEY)
            .header("content-type", "application/json")
            .body(body)
    };
    check(
        run(json!({ "input": { "n": "3", "m": 1 } }).to_string()),
        400,
        "invalid_input",
        &["/input/name", "/input/n", "/input/m"],
    )
    .await;
    check(
        run(json!({ "inputs": {}, "save": 1 }).to_string()),
        400,
        "invalid_input",
        &["/save", "/inputs"],
    )
    .await;
    check(run("{\"input\": {".to_owned()), 400, "invalid_input", &[""]).await;
    check(run("[]".to_owned()), 400, "invalid_input", &[""]).await;
    check(run("{\"input\": {}, \"input\": {}}".to_owned()), 400, "invalid_input", &[""]).await;
    check(
        run(format!("{{\"input\": {{\"name\": {}1{}}}}}", "[".repeat(63), "]".repeat(63))),
        400,
        "invalid_input",
        &[""],
    )
    .await;
    check(
        run(format!("{{\"input\": {{\"name\": \"{}\"}}}}", "x".repeat((4 << 20) + 1))),
        413,
        "too_large",
        &[],
    )
    .await;
    check(run("{}".to_owned()).header("content-encoding", "br"), 415, "unsupported_encoding", &[])
        .await;
    check(run("{}".to_owned()).header("idempotency-key", "a b"), 400, "invalid_input", &[""]).await;
    let listed: Value =
        server.get("/v1/workflows/w/runs", ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn a_secret_that_a_caller_sends_stays_text() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let put = server
        .request(Method::PUT, "/v1/secrets/SECRET", ADMIN_KEY)
        .json(&json!({ "value": "hidden" }))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 204);
    let run = server
        .post("/v1/workflows/w/runs", ADMIN_KEY)
        .json(&json!({ "input": { "name": "{{SECRET}} <say.content>" } }))
        .send()
        .await
        .unwrap();
    assert_eq!(run.json::<Value>().await.unwrap()["output"]["said"], "{{SECRET}} <say.content>");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let server = TestServer::start().await;
    check(server.get("/v1/nothing", ADMIN_KEY), 404, "path_not_found", &[]).await;
    check(server.get("/", ADMIN_KEY), 404, "path_not_found", &[]).await;
    check(server.get("/v1/workflows/%ff", ADMIN_KEY), 404, "workflow_not_found", &[]).await;
    let wrong = server.request(Method::PATCH, "/v1/workflows/w", ADMIN_KEY).send().await.unwrap();
    let allowed = wrong.headers()["allow"].to_str().unwrap();
    assert!(["GET", "PUT", "DELETE"].iter().all(|method| allowed.contains(method)), "{allowed}");
    check(
        server.request(Method::PATCH, "/v1/workflows/w", ADMIN_KEY),
        405,
        "method_not_allowed",
        &[],
    )
    .await;
}

#[tokio::test]
async fn request_ids_are_kept_if_they_are_sane() {
    let server = TestServer::start().await;
    let id = async |given: &str| {
        server
            .client
            .get(format!("{}/health", server.url))
            .header("x-request-id", given)
            .send()
            .await
            .unwrap()
            .headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id("abc-123").await, "abc-123");
    for bad in ["a b", &"x".repeat(200)] {
        assert!(id(bad).await.starts_with("req_"), "{bad}");
    }
    let health: Value = server
        .client
        .get(format!("{}/health", server.url))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(health, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }));
}
