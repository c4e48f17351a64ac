//! The answer of a response node, natively and in Sim's API; statuses without a body.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

const RESPONDING: &str = "
input: [{ name: status, type: number, default: 201 }]
nodes:
  - id: reply
    type: response
    status: <api.status>
    headers:
      content-type: text/csv
      x-mine: 'yes'
      x-run-id: forged
      access-control-allow-origin: '*'
      location: /there
    data: 'a,b'
";
const PLAIN: &str = "nodes: [{ id: a, type: template, template: x }]\n";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.publish("w", RESPONDING).await;
    server.publish("plain", PLAIN).await;
    server
}

fn start(server: &TestServer, workflow: &str, status: u16) -> RequestBuilder {
    let input = if workflow == "w" { json!({ "status": status }) } else { json!({}) };
    server
        .post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)
        .json(&json!({ "input": input }))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn is_the_nodes_own(response: Response, status: u16) {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(
        (header(&response, "content-type"), header(&response, "x-mine")),
        (Some("text/csv"), Some("yes"))
    );
    assert_eq!(header(&response, "location"), Some("/there"), "its own, not the run's");
    assert!(header(&response, "x-run-id").unwrap().starts_with("run_"));
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    assert_eq!(response.text().await.unwrap(), "a,b");
}

#[tokio::test]
async fn a_caller_who_prefers_it_gets_what_the_response_node_says() {
    let server = server().await;
    let minimal = start(&server, "w", 418).header("prefer", "return=minimal").send().await.unwrap();
    assert_eq!(header(&minimal, "preference-applied"), Some("return=minimal"));
    is_the_nodes_own(minimal, 418).await;
    let both = start(&server, "w", 299).header("prefer", "wait=5, return=minimal");
    let both = both.header("idempotency-key", "one").send().await.unwrap();
    assert_eq!(header(&both, "preference-applied"), Some("wait=5, return=minimal"));
    let run = header(&both, "x-run-id").unwrap().to_owned();
    is_the_nodes_own(both, 299).await;
    let again = start(&server, "w", 299).header("prefer", "return=minimal");
    let again = again.header("idempotency-key", "one").send().await.unwrap();
    assert_eq!(header(&again, "idempotent-replayed"), Some("true"));
    assert_eq!(header(&again, "x-run-id"), Some(run.as_str()));
    is_the_nodes_own(again, 299).await;
    let replay = server.post(&format!("/v1/runs/{run}/replay"), ADMIN_KEY);
    is_the_nodes_own(replay.header("prefer", "return=minimal").send().await.unwrap(), 299).await;
}

#[tokio::test]
async fn all_others_get_the_run() {
    let server = server().await;
    for (workflow, prefer) in
        [("w", "wait=5"), ("w", "return=representation"), ("plain", "return=minimal")]
    {
        let response = start(&server, workflow, 418).header("prefer", prefer).send().await.unwrap();
        assert_eq!(response.status(), 200, "{workflow} {prefer}");
        let applied = header(&response, "preference-applied").unwrap_or_default();
        assert!(!applied.contains("minimal"), "{workflow} {prefer}: {applied}");
        let run: Value = response.json().await.unwrap();
        assert_eq!(run["status"], "succeeded");
    }
    let detached = start(&server, "w", 418).header("prefer", "respond-async, return=minimal");
    let detached = detached.send().await.unwrap();
    assert_eq!(
        (detached.status().as_u16(), header(&detached, "preference-applied")),
        (202, Some("respond-async"))
    );
}

#[tokio::test]
async fn an_answer_without_content_has_no_body_and_no_type() {
    let server = server().await;
    let put =
        server.request(Method::PUT, "/v1/secrets/A", ADMIN_KEY).json(&json!({ "value": "x" }));
    let preflight = server
        .request(Method::OPTIONS, "/v1/keys", ADMIN_KEY)
        .header("origin", "https://a.example")
        .header("access-control-request-method", "GET");
    let minimal = |status| start(&server, "w", status).header("prefer", "return=minimal");
    let sim = |status: u16| {
        server.post("/api/workflows/w/execute", ADMIN_KEY).json(&json!({ "status": status }))
    };
    for (request, status) in [
        (put, 204),
        (server.request(Method::DELETE, "/v1/secrets/A", ADMIN_KEY), 204),
        (server.request(Method::DELETE, "/v1/workflows/plain/active", ADMIN_KEY), 204),
        (preflight, 204),
        (minimal(204), 204),
        (minimal(205), 205),
        (minimal(304), 304),
        (sim(204), 204),
        (sim(304), 304),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        if !flowgate_tests::home::is_aws() {
            // API Gateway adds one of its own.
            assert_eq!(header(&response, "content-type"), None, "{status}");
        }
        assert_eq!(response.bytes().await.unwrap().len(), 0, "{status}");
    }
}
