//! Trying out a webhook: what is sent, what comes back, and what is refused.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::answer;

const TEST: &str = "/v1/workflows/w/webhook/test";

fn document(url: &str) -> String {
    format!(
        "input: [{{ name: who }}]\n\
         nodes: [{{ id: say, type: agent, model: offline/echo, prompt: hi }}]\n\
         output: {{ said: <say.content>, tokens: <say.tokens>, n: 3 }}\n\
         webhook: {{ url: '{url}', headers: {{ X-Token: 'Bearer {{{{HOOK_TOKEN}}}}' }} }}\n"
    )
}

#[tokio::test]
async fn the_workflows_own_webhook_gets_a_signed_sample() {
    let server = TestServer::start().await;
    let receiver =
        Receiver::start(|_, _| Reply::Now(StatusCode::ACCEPTED, "it is t0ken-of-ours".to_owned()))
            .await;
    let secret = server.request(reqwest::Method::PUT, "/v1/secrets/HOOK_TOKEN", ADMIN_KEY);
    let host = receiver.url.trim_start_matches("http://");
    let secret = secret.json(&json!({ "value": "t0ken-of-ours", "hosts": [host] }));
    assert!(secret.send().await.unwrap().status().is_success());
    server.publish("w", &document(&format!("{}/hook", receiver.url))).await;
    let (status, tested) = answer(server.post(TEST, ADMIN_KEY)).await;
    assert_eq!(status, 200, "{tested}");
    assert_eq!((&tested["status"], &tested["error"]), (&json!(202), &Value::Null));
    assert_eq!(tested["event"], "run.succeeded");
    assert_eq!(tested["url"], format!("{}/hook", receiver.url));
    assert!(!tested.to_string().contains("t0ken-of-ours"), "{tested}");
    assert_eq!(tested["headers"]["X-Token"], "Bearer {{HOOK_TOKEN}}");

    let received = &receiver.received()[0];
    assert_eq!(received.headers["x-token"], "Bearer t0ken-of-ours");
    assert_eq!(received.headers["flowgate-test"], "true");
    assert_eq!(received.headers["webhook-id"], tested["headers"]["webhook-id"].as_str().unwrap());
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!(body, json!({ "said": "text", "tokens": {}, "n": 1 }));
    let keys = answer(server.get("/v1/workflows/w/signing-secret", ADMIN_KEY)).await.1;
    let key = keys["secrets"][0].as_str().unwrap();
    let verified =
        standardwebhooks::Webhook::new(key).unwrap().verify(&received.body, &received.headers);
    assert!(verified.is_ok(), "{verified:?}");
    let runs = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await.1;
    assert_eq!(runs["items"], json!([]), "no run was made");
}

#[tokio::test]
async fn another_url_gets_the_run_without_the_workflows_secrets() {
    let server = TestServer::start().await;
    let receiver = Receiver::ok().await;
    server.publish("w", "nodes: [{ id: t, type: template, template: x }]").await;
    let body = json!({ "url": receiver.url });
    let (status, tested) = answer(server.post(TEST, ADMIN_KEY).json(&body)).await;
    assert_eq!((status, &tested["status"]), (200, &json!(200)), "{tested}");
    let received = &receiver.received()[0];
    assert!(!received.headers.contains_key("x-token"));
    let run: Value = serde_json::from_slice(&received.body).unwrap();
    assert_eq!((&run["workflow_id"], &run["status"]), (&json!("w"), &json!("succeeded")));
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_an_answer() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: t, type: template, template: x }]").await;
    let body = json!({ "url": "http://127.0.0.1:9/" });
    let (status, tested) = answer(server.post(TEST, ADMIN_KEY).json(&body)).await;
    assert_eq!((status, &tested["status"]), (200, &Value::Null), "{tested}");
    assert!(tested["error"].is_string(), "{tested}");
}

#[tokio::test]
async fn refusals_of_a_test() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: t, type: template, template: x }]").await;
    server.publish("other", "nodes: [{ id: t, type: template, template: x }]").await;
    let [caller, other] =
        [server.key(&["w"], &["run", "read"]).await, server.key(&["other"], &["author"]).await];
    let test = |key: &str, body: Value| answer(server.post(TEST, key).json(&body));
    assert_eq!(test(&caller, json!({})).await.0, 403);
    assert_eq!(test(&other, json!({})).await.0, 404);
    let (status, refused) = test(ADMIN_KEY, json!({})).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (400, &json!("/url")), "{refused}");
    for url in ["ftp://a.example/", "http://169.254.169.254/", "nonsense", ""] {
        let (status, refused) = test(ADMIN_KEY, json!({ "url": url })).await;
        assert_eq!((status, &refused["errors"][0]["pointer"]), (400, &json!("/url")), "{refused}");
    }
    for body in [json!({ "uri": "x" }), json!({ "url": 1 })] {
        assert_eq!(test(ADMIN_KEY, body).await.0, 400);
    }
    let query = server.post(&format!("{TEST}?x=1"), ADMIN_KEY);
    assert_eq!(answer(query).await.0, 400);
}
