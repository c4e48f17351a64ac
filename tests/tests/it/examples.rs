//! Publishes every example, runs it as its first lines say, and checks the result.

use std::path::Path;

use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::until;

/// Each example has a test below.
const NAMES: [&str; 13] = [
    "assistant",
    "chat",
    "digest",
    "fallback",
    "greeting",
    "healthcheck",
    "invoice",
    "library",
    "refund",
    "shop",
    "signup",
    "story",
    "triage",
];

struct Example {
    server: TestServer,
    name: &'static str,
}

impl Example {
    async fn publish(name: &'static str) -> Self {
        assert!(NAMES.contains(&name));
        let server = TestServer::start().await;
        server
            .publish(name, &std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap())
            .await;
        Self { server, name }
    }

    /// Runs the fields' example values, with some of them replaced.
    async fn run(&self, changes: Value) -> Value {
        let document =
            std::fs::read_to_string(folder().join(format!("{}.yaml", self.name))).unwrap();
        let document = flowgate_engine::Document::parse(&document).unwrap();
        let mut input = flowgate_engine::Workflow::compile(&document).0.unwrap().sample_input();
        for (name, value) in changes.as_object().unwrap() {
            input[name] = value.clone();
        }
        let start = self.server.post(&format!("/v1/workflows/{}/runs", self.name), ADMIN_KEY);
        let run: Value =
            start.json(&json!({ "input": input })).send().await.unwrap().json().await.unwrap();
        assert_eq!(run["status"], "succeeded", "{run:#}");
        run
    }

    async fn output(&self, changes: Value) -> Value {
        self.run(changes).await["output"].take()
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}

#[test]
fn every_example_has_a_test() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, NAMES);
}

#[tokio::test]
async fn greeting() {
    assert_eq!(
        Example::publish("greeting").await.output(json!({})).await,
        json!({ "greeting": "Hello Ada x3" })
    );
}

#[tokio::test]
async fn library() {
    let library = Example::publish("library").await;
    let output = library.output(json!({})).await;
    let text = "Refunds take five days. They go back to the card that paid.";
    assert_eq!(output["answer"], format!("{text} (refunds)"));
    let found = output["matches"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["metadata"]), (1, &json!({ "title": "refunds.md" })));
    let other = library.output(json!({ "question": "When do you answer the phone?" })).await;
    assert_eq!(other["matches"][0]["source"], "hours");
}

#[tokio::test]
async fn chat() {
    let chat = Example::publish("chat").await;
    let first = chat.output(json!({})).await;
    assert_eq!(first, json!({ "reply": "Hello", "asked": ["Hello"] }));
    let second = chat.output(json!({ "message": "And now?" })).await;
    assert_eq!(second, json!({ "reply": "And now?", "asked": ["Hello", "And now?"] }));
    let other = chat.output(json!({ "conversation": "other" })).await;
    assert_eq!(other["asked"], json!(["Hello"]));
}

#[tokio::test]
async fn assistant() {
    let assistant = Example::publish("assistant").await;
    let output = assistant.output(json!({})).await;
    assert_eq!((&output["answer"], &output["turns"]), (&json!("minus 10 %"), &json!(3)));
    let calls = output["calls"].as_array().unwrap();
    let names: Vec<_> = calls.iter().map(|call| &call["name"]).collect();
    assert_eq!(names, ["price", "price", "discount"]);
    let wrong = json!({ "question": "/price {\"item\": \"gold\", \"amount\": 1}" });
    let output = assistant.output(wrong).await;
    let answer = output["answer"].as_str().unwrap();
    assert!(answer.starts_with("error invalid_arguments: "), "{answer}");
}

#[tokio::test]
async fn story() {
    let output = Example::publish("story").await.output(json!({ "character": "a fox" })).await;
    let story = output["story"].as_str().unwrap();
    assert!(
        story.starts_with("Once upon a time there was a fox, who kept")
            && story.ends_with("found its way home."),
        "{story}"
    );
}

#[tokio::test]
async fn triage() {
    let triage = Example::publish("triage").await;
    let urgent = triage.output(json!({})).await;
    assert_eq!(
        urgent,
        json!({ "queue": "now", "urgency": 2, "todo": "Wake the person on call: Invoice 4711 is \
            wrong" })
    );
    let billing = triage.output(json!({ "customer": { "plan": "free" } })).await;
    assert_eq!(
        (&billing["queue"], &billing["todo"]),
        (&json!("billing"), &json!("Forward to billing: Invoice 4711 is wrong"))
    );
    let later = triage.output(json!({ "subject": "Thanks", "body": "All is well." })).await;
    assert_eq!(
        (&later["queue"], &later["todo"]),
        (&json!("later"), &json!("Answer within two days: Thanks"))
    );
}

#[tokio::test]
async fn shop() {
    let shop = Example::publish("shop").await;
    let express = shop.output(json!({})).await;
    assert_eq!(
        express,
        json!({
            "pages": ["[\"pen\",\"cup\"]", "[\"lamp\",\"clock\"]"],
            "delivery": "Tomorrow: The customer wrote it.",
            "cheapest": { "name": "pen", "price": 1.2 },
            "title": "5 offers",
        })
    );
    let standard = shop.output(json!({ "speed": "standard", "budget": 5 })).await;
    assert_eq!(
        (&standard["delivery"], &standard["pages"]),
        (&json!("Within three days"), &json!(["[\"pen\"]"]))
    );
    let unclear = shop.output(json!({ "speed": "by pigeon" })).await;
    assert_eq!(unclear["delivery"], "Please ask the customer");
}

#[tokio::test]
async fn digest() {
    let digest = Example::publish("digest").await;
    let expected = "1. The build is green again.\n\
                    2. Two people are on holiday next week.\n\
                    3. The office plant needs water.";
    assert_eq!(digest.output(json!({})).await, json!({ "digest": expected }));
    let receiver = Receiver::ok().await;
    digest.output(json!({ "notes": ["One."], "notify": format!("{}/hook", receiver.url) })).await;
    receiver.until(|received| !received.is_empty()).await;
    let sent: Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
    assert_eq!(sent, json!({ "digest": "1. One." }));
}

#[tokio::test]
async fn invoice() {
    let output = Example::publish("invoice").await.output(json!({})).await;
    assert_eq!(
        output,
        json!({
            "lines": ["12 x Consulting", "1 x Train ticket"],
            "letter": "Net 1,269.90 EUR\nTax 241.28 EUR\nDue 1,511.18 EUR",
            "cents": 151_118,
        })
    );
}

#[tokio::test]
async fn healthcheck() {
    let healthcheck = Example::publish("healthcheck").await;
    let base = healthcheck.server.url.clone();
    let some = healthcheck.output(json!({ "base": base })).await;
    assert_eq!(some, json!({ "verdict": "some ill", "well": 2, "ill": ["no-such-page"] }));
    let all = healthcheck.output(json!({ "base": base, "paths": ["health"] })).await;
    assert_eq!(all, json!({ "verdict": "all well", "well": 1, "ill": [] }));
    let none = healthcheck.output(json!({ "base": "http://127.0.0.1:9" })).await;
    assert_eq!((&none["verdict"], &none["well"]), (&json!("all ill"), &json!(0)));
}

#[tokio::test]
async fn fallback() {
    let fallback = Example::publish("fallback").await;
    let without = fallback.output(json!({})).await;
    assert_eq!(
        (&without["amount"], &without["is_fresh"]),
        (&json!(108), &json!(false)),
        "{without}"
    );
    assert!(without["why"].is_string(), "{without}");
    // The third attempt succeeds.
    let receiver = Receiver::start(|_, before| match before {
        0 | 1 => Reply::Now(axum::http::StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
        _ => Reply::Now(axum::http::StatusCode::OK, "{\"rate\": 1.25}".to_owned()),
    })
    .await;
    let with = fallback.output(json!({ "url": format!("{}/rate", receiver.url) })).await;
    assert_eq!(with, json!({ "amount": 125, "is_fresh": true, "why": null }));
    assert_eq!(receiver.count("/rate"), 3);
}

#[tokio::test]
async fn signup() {
    let signup = Example::publish("signup").await;
    let welcome = signup.output(json!({})).await;
    let data = json!({ "id": "user-ada-example-com", "email": "ada@example.com" });
    assert_eq!(
        welcome,
        json!({
            "data": data, "status": 201, "headers": { "location": "/users/user-ada-example-com" }
        })
    );
    let email = signup.output(json!({ "email": "ada" })).await;
    assert_eq!(
        (&email["status"], &email["data"]["message"]),
        (&json!(422), &json!("ada is not an address"))
    );
    let young = signup.output(json!({ "age": 12 })).await;
    assert_eq!((&young["status"], &young["data"]["field"]), (&json!(422), &json!("age")));
}

#[tokio::test]
async fn refund() {
    for (answer, expected) in [
        (
            json!({ "approved": true, "data": { "amount": 20, "reason": "Half of it broke." } }),
            json!({ "paid": "20 go back for A-1007. Half of it broke.", "refused": null,
                "decided_by": "admin" }),
        ),
        (
            json!({ "approved": false }),
            json!({ "paid": null, "refused": "No refund for A-1007.", "decided_by": "admin" }),
        ),
    ] {
        let Example { server, .. } = Example::publish("refund").await;
        let start = server.post("/v1/workflows/refund/runs", ADMIN_KEY);
        let input = json!({ "input": { "order": "A-1007", "amount": 49.9 } });
        let run: Value = start.json(&input).send().await.unwrap().json().await.unwrap();
        assert_eq!(run["status"], "waiting", "{run:#}");
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let resume = server.post(&format!("{path}/resume"), ADMIN_KEY).json(&answer);
        assert_eq!(resume.send().await.unwrap().status(), 202);
        let run = until(|| server.get(&path, ADMIN_KEY), |run| run["status"] == "succeeded").await;
        assert_eq!(run["output"], expected);
    }
}
