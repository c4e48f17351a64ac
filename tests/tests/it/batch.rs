//! Many inputs in one request: JSON Lines in, results as they end.

use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::fixture::answer;

const DOCUMENT: &str = "
input: [{ name: n, type: number }]
nodes: [{ id: say, type: template, template: 'number <api.n>' }]
output: { said: <say.content> }
";

fn batch(server: &TestServer, key: &str, lines: &[Value]) -> RequestBuilder {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    server.post("/v1/workflows/w/batch", key).body(body)
}

/// Returns the lines of the answer, by the line that they answer.
async fn results(request: RequestBuilder) -> Vec<Value> {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/jsonl");
    let text = answer.text().await.unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["line"].as_u64());
    lines
}

fn inputs(count: u64) -> Vec<Value> {
    (0..count).map(|n| json!({ "input": { "n": n }, "user": "ada" })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_has_a_result() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let mut lines = inputs(30);
    lines[7] = json!({ "input": { "n": "seven" } });
    let results = results(batch(&server, &key, &lines)).await;
    assert_eq!(results.len(), 30);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result["line"], n);
        if n == 7 {
            assert_eq!(result["problem"]["code"], "invalid_input", "{result}");
            assert_eq!(result["problem"]["errors"][0]["pointer"], "/input/n");
        } else {
            assert_eq!(result["run"]["output"]["said"], format!("number {n}"), "{result}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_comes_when_its_run_ends() {
    let server = TestServer::start().await;
    let service = Receiver::start(|request, _| match request.uri.path() {
        "/0" => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let document = format!(
        "input: [{{ name: n, type: number }}]\n\
         nodes: [{{ id: get, type: http, url: '{}/<api.n>' }}]\n",
        service.url
    );
    server.publish("w", &document).await;
    let mut answer = batch(&server, ADMIN_KEY, &inputs(3)).send().await.unwrap();
    let mut came = String::new();
    while came.lines().count() < 2 {
        came.push_str(str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(!came.contains("\"line\":0"), "{came}");
    service.let_go();
    while let Some(part) = answer.chunk().await.unwrap() {
        came.push_str(str::from_utf8(&part).unwrap());
    }
    assert!(came.lines().count() == 3 && came.contains("\"line\":0"), "{came}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_again_starts_nothing_again() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let send = || batch(&server, ADMIN_KEY, &inputs(5)).header("idempotency-key", "monday");
    let ids = |results: Vec<Value>| -> Vec<Value> {
        results.into_iter().map(|result| result["run"]["id"].clone()).collect()
    };
    let (first, again) = (ids(results(send()).await), ids(results(send()).await));
    assert!(first.iter().all(Value::is_string) && first == again);
    let (_, list) = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
    // Another line under the same key is another request.
    let mut other = inputs(5);
    other[2]["input"]["n"] = json!(99);
    let mixed =
        results(batch(&server, ADMIN_KEY, &other).header("idempotency-key", "monday")).await;
    assert_eq!(mixed[2]["problem"]["code"], "idempotency_mismatch", "{}", mixed[2]);
    assert_eq!(mixed[3]["run"]["id"], first[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_wait_for_the_keys_limits() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let limits = json!({ "requests_per_minute": 120, "burst": 2 });
    let made = server
        .post("/v1/keys", ADMIN_KEY)
        .json(&json!({ "name": "slow", "workflows": ["w"], "scopes": ["run"], "limits": limits }));
    let key = answer(made).await.1["key"].as_str().unwrap().to_owned();
    let results = results(batch(&server, &key, &inputs(4))).await;
    assert!(results.iter().all(|result| result["run"]["status"] == "succeeded"), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_begin_is_refused_whole() {
    let server = TestServer::start().await;
    server.publish("w", DOCUMENT).await;
    let reader = server.key(&["w"], &["read"]).await;
    assert_eq!(answer(batch(&server, &reader, &inputs(1))).await.0, 403);
    let elsewhere = server.post("/v1/workflows/nobody/batch", ADMIN_KEY).body("{}");
    assert_eq!(answer(elsewhere).await.0, 404);
    for (body, pointers) in [
        (String::new(), vec![""]),
        ("{}\n".repeat(1_001), vec![""]),
        (
            "{\"input\": {}}\n{\"inputs\": 1, \"user\": 2}\nno json\n".to_owned(),
            vec!["/1/user", "/1/inputs", "/2"],
        ),
    ] {
        let send = server.post("/v1/workflows/w/batch", ADMIN_KEY).body(body);
        let (status, problem) = answer(send).await;
        let mut named: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["pointer"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        let mut pointers = pointers;
        pointers.sort_unstable();
        assert_eq!((status, named), (400, pointers), "{problem}");
    }
    let (_, list) = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(list["items"], json!([]), "nothing was started");
}
