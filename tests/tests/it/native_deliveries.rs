//! Webhooks of native runs: delivered, logged, sent again.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

const HELLO: &str =
    "nodes: [{ id: say, type: template, template: hi }]\noutput: { said: <say.content> }\n";

async fn deliveries(server: &TestServer, run: &str) -> Vec<Value> {
    let answer: Value = server
        .get(&format!("/v1/runs/{run}/deliveries"), ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

#[tokio::test]
async fn a_run_is_sent_to_its_webhook_and_sent_again() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::OK, "thanks".to_owned())).await;
    server.publish("hello", HELLO).await;
    let hook = json!({
        "url": format!("{}/hook", receiver.url), "method": "put", "headers": { "X-Token": "t0ken" }
    });
    let started = server
        .post("/v1/workflows/hello/runs", ADMIN_KEY)
        .json(&json!({ "webhooks": [hook] }))
        .send()
        .await
        .unwrap();
    let run: Value = started.json().await.unwrap();
    let id = run["id"].as_str().unwrap_or_else(|| panic!("{run}"));
    receiver.until(|all| all.len() == 1).await;
    let received = &receiver.received()[0];
    assert_eq!(
        (received.method.as_str(), received.headers["x-token"].to_str().unwrap()),
        ("PUT", "t0ken")
    );
    assert_eq!(serde_json::from_slice::<Value>(&received.body).unwrap(), run);

    let delivery = loop {
        let delivery = deliveries(&server, id).await.remove(0);
        if delivery["status"] == "delivered" {
            break delivery;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(
        (
            &delivery["event"],
            &delivery["attempts"][0]["status"],
            &delivery["attempts"][0]["answer"]
        ),
        (&json!("run.succeeded"), &json!(200), &json!("thanks"))
    );
    assert!(!delivery.to_string().contains("t0ken"), "{delivery}");

    let again = server
        .post(&format!("/v1/deliveries/{}/redeliver", delivery["id"].as_str().unwrap()), ADMIN_KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 202);
    receiver.until(|all| all.len() == 2).await;
    let [first, second] = &receiver.received()[..] else { panic!() };
    assert_eq!(
        (&first.body, &first.headers["webhook-id"]),
        (&second.body, &second.headers["webhook-id"])
    );
}

#[tokio::test]
async fn bad_webhooks_are_refused_before_anything_is_made() {
    let server = TestServer::start().await;
    server.publish("hello", HELLO).await;
    let start = async |webhooks: Value| {
        let response = server
            .post("/v1/workflows/hello/runs", ADMIN_KEY)
            .json(&json!({ "webhooks": webhooks }))
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let problem: Value = response.json().await.unwrap();
        (
            status,
            problem["errors"][0]["pointer"]
                .as_str()
                .unwrap_or_else(|| panic!("{problem}"))
                .to_owned(),
        )
    };
    let hook = |url: &str| json!({ "url": url });
    assert_eq!(
        start(json!([hook("http://169.254.169.254/")])).await,
        (400, "/webhooks/0/url".to_owned())
    );
    assert_eq!(
        start(json!([hook("https://example.com/"), hook("https://10.0.0.1/")])).await,
        (400, "/webhooks/1/url".to_owned())
    );
    assert_eq!(
        start(json!([hook("ftp://example.com/")])).await,
        (400, "/webhooks/0/url".to_owned())
    );
    assert_eq!(
        start(json!([{ "url": "https://127.0.0.1/", "method": "BREW" }])).await,
        (400, "/webhooks/0/method".to_owned())
    );
    assert_eq!(
        start(json!([{ "url": "https://127.0.0.1/", "headers": { "Host": "x" } }])).await,
        (400, "/webhooks/0/headers".to_owned())
    );
    assert_eq!(
        start(json!(vec![hook("https://127.0.0.1/"); 6])).await,
        (400, "/webhooks".to_owned())
    );
    let listed: Value = server
        .get("/v1/workflows/hello/runs", ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["items"], json!([]));
    assert_eq!(
        server
            .post("/v1/deliveries/whd_00000000000000000000000000000000/redeliver", ADMIN_KEY)
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}
