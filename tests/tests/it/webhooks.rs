//! Deliveries as a receiver gets them, verified with the reference implementation of Standard
//! Webhooks.

use axum::http::{HeaderMap, StatusCode};
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const HELLO: &str = "input: [{ name: name, type: string }]\n\
                     nodes: [{ id: say, type: template, template: 'Hello <api.name>' }]\n\
                     output: { said: <say.content> }\n";

async fn secrets(server: &TestServer) -> Vec<String> {
    let answer: Value = server
        .get("/v1/workflows/w/signing-secret", ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    serde_json::from_value(answer["secrets"].clone()).unwrap()
}

async fn run(server: &TestServer, webhooks: Value) -> Value {
    let body = json!({ "input": { "name": "Ada" }, "webhooks": webhooks });
    let answer = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut run: Value = answer.json().await.unwrap();
    // Receivers need not know whose it is.
    run.as_object_mut().unwrap().remove("key");
    run
}

async fn deliveries(server: &TestServer, run: &Value) -> Vec<Value> {
    let path = format!("/v1/runs/{}/deliveries", run["id"].as_str().unwrap());
    let answer: Value = server.get(&path, ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    answer["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn verifies(secret: &str, request: &Received) -> bool {
    Webhook::new(secret).unwrap().verify(&request.body, &request.headers).is_ok()
}

#[tokio::test]
async fn every_delivery_is_signed_and_a_flipped_bit_is_refused() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    server.publish("w", HELLO).await;
    let hook = |method: &str, path: &str| {
        json!({
            "url": format!("{}{path}", receiver.url),
            "method": method,
            "headers": { "X-Token": "from the caller" }
        })
    };
    let run = run(
        &server,
        json!([
            hook("POST", "/post"),
            hook("GET", "/get?a=1"),
            hook("PUT", "/put"),
            hook("PATCH", "/patch"),
            hook("DELETE", "/delete")
        ]),
    )
    .await;
    receiver.until(|all| all.len() == 5).await;
    let [secret] = &secrets(&server).await[..] else { panic!("one secret before a rotation") };
    for request in receiver.received() {
        assert!(verifies(secret, &request), "{} {}", request.method, request.uri);
        assert!(!verifies(&format!("whsec_{}", "A".repeat(44)), &request), "another secret");
        assert_eq!(request.headers["x-token"], "from the caller");
        assert_eq!(
            (&request.headers["flowgate-run-id"], &request.headers["flowgate-event"]),
            (&header(&run["id"]), &header(&json!("run.succeeded")))
        );
        let has_body = !matches!(request.method.as_str(), "GET" | "DELETE");
        assert_eq!(has_body, !request.body.is_empty());
        if has_body {
            let mut flipped = request.clone();
            let mut body = flipped.body.to_vec();
            body[10] ^= 1;
            flipped.body = body.into();
            assert!(!verifies(secret, &flipped), "a flipped bit");
            assert_eq!(
                serde_json::from_slice::<Value>(&request.body).unwrap(),
                run,
                "the body is the run as it was answered"
            );
        } else {
            let query = request.uri.query().unwrap();
            let about = format!(
                "workflowRunId={}&workflowId=w&status=succeeded",
                run["id"].as_str().unwrap()
            );
            assert!(
                query.ends_with(&about)
                    && (request.uri.path() != "/get" || query.starts_with("a=1&")),
                "{query}"
            );
        }
        let mut late: HeaderMap = request.headers.clone();
        late.insert("webhook-timestamp", "1".parse().unwrap());
        assert!(
            Webhook::new(secret).unwrap().verify(&request.body, &late).is_err(),
            "another time"
        );
    }
}

fn header(value: &Value) -> axum::http::HeaderValue {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn both_secrets_verify_during_a_rotation_and_a_redelivery_sends_the_same() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    server.publish("w", HELLO).await;
    let [before] = &secrets(&server).await[..] else { panic!("one secret before a rotation") };
    let run = run(&server, json!([{ "url": receiver.url, "method": "POST" }])).await;
    receiver.until(|all| all.len() == 1).await;
    assert_eq!(
        server
            .post("/v1/workflows/w/signing-secret/rotate", ADMIN_KEY)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let [after, still] = &secrets(&server).await[..] else {
        panic!("two secrets during a rotation")
    };
    assert_eq!(before, still);

    let delivery = until_attempted(&server, &run, 1).await;
    let again = server
        .post(&format!("/v1/deliveries/{}/redeliver", delivery["id"].as_str().unwrap()), ADMIN_KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 202);
    receiver.until(|all| all.len() == 2).await;
    let [first, second] = &receiver.received()[..] else { panic!("two deliveries") };
    assert_eq!(
        (&first.headers["webhook-id"], &first.body),
        (&second.headers["webhook-id"], &second.body)
    );
    assert!(verifies(before, first) && !verifies(after, first));
    assert!(verifies(before, second) && verifies(after, second));
}

/// Waits until the run's only delivery has this many attempts, and returns it.
async fn until_attempted(server: &TestServer, run: &Value, attempts: usize) -> Value {
    for _ in 0..2_000 {
        let delivery = deliveries(server, run).await.remove(0);
        if delivery["attempts"].as_array().unwrap().len() >= attempts {
            return delivery;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not {attempts} attempts in 20 s");
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_and_410_ends_it() {
    let server = TestServer::start().await;
    server.publish("w", HELLO).await;
    let receiver = Receiver::start(|request, before| match (request.uri.path(), before) {
        ("/gone", _) => Reply::Now(StatusCode::GONE, "no more".to_owned()),
        (_, 0) => Reply::Now(StatusCode::INTERNAL_SERVER_ERROR, "not now".to_owned()),
        _ => Reply::Now(StatusCode::NO_CONTENT, String::new()),
    })
    .await;
    let gone =
        run(&server, json!([{ "url": format!("{}/gone", receiver.url), "method": "POST" }])).await;
    let retried =
        run(&server, json!([{ "url": format!("{}/again", receiver.url), "method": "POST" }])).await;
    let gone = until_attempted(&server, &gone, 1).await;
    assert_eq!(
        (&gone["status"], &gone["attempts"][0]["status"]),
        (&json!("exhausted"), &json!(410))
    );
    let retried = until_attempted(&server, &retried, 2).await;
    let statuses: Vec<_> = retried["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status"].clone())
        .collect();
    assert_eq!((&retried["status"], statuses), (&json!("delivered"), vec![json!(500), json!(204)]));
    let ids: Vec<_> = receiver
        .received()
        .into_iter()
        .filter(|request| request.uri.path() == "/again")
        .map(|request| request.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids[0], ids[1], "one id for all attempts");
}
