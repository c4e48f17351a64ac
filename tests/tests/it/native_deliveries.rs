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
    let mut run: Value = started.json().await.unwrap();
    // Its receiver need not know whose it is.
    run.as_object_mut().unwrap().remove("key");
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

#[tokio::test]
async fn a_redelivery_counts_and_needs_its_scopes() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    server.publish("hello", HELLO).await;
    let limits = json!({ "requests_per_minute": 1, "burst": 2 });
    let limited = crate::limits::limited_key(&server, limits).await;
    let start = server.post("/v1/workflows/hello/runs", &limited);
    let hook = json!({ "webhooks": [{ "url": receiver.url }] });
    let run: Value = start.json(&hook).send().await.unwrap().json().await.unwrap();
    receiver.until(|all| all.len() == 1).await;
    let delivery = deliveries(&server, run["id"].as_str().unwrap()).await.remove(0);
    let path = format!("/v1/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    for (scopes, expected) in [(["read"], 403), (["run"], 403), (["author"], 403)] {
        let key = server.key(&["hello"], &scopes).await;
        let refused = server.post(&path, &key).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), expected, "{scopes:?}");
    }
    let other = server.key(&["other"], &["run", "read"]).await;
    assert_eq!(server.post(&path, &other).send().await.unwrap().status(), 404);
    let again = server.post(&path, &limited).send().await.unwrap();
    assert_eq!(again.status(), 202);
    assert_eq!(crate::limits::allowance(&again).unwrap()[..2], [2, 0]);
    let refused = server.post(&path, &limited).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    receiver.until(|all| all.len() == 2).await;
}

#[tokio::test]
async fn a_recovery_needs_an_author_and_a_time() {
    let server = TestServer::start().await;
    server.publish("hello", HELLO).await;
    let path = "/v1/workflows/hello/deliveries/recover";
    let since = json!({ "since": "2026-01-31T08:15:00Z" });
    let key = server.key(&["hello"], &["run", "read", "cancel"]).await;
    let asked = async |key: &str, body: &Value| {
        let response = server.post(path, key).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(asked(&key, &since).await.0, 403);
    for body in [json!({}), json!({ "since": "yesterday" }), json!({ "since": 3 })] {
        let (status, problem) = asked(ADMIN_KEY, &body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("/since")));
    }
    let (status, recovered) = asked(ADMIN_KEY, &since).await;
    assert_eq!(status, 202);
    assert_eq!(recovered, json!({ "enabled": [], "redelivered": 0, "next_cursor": null }));
}
