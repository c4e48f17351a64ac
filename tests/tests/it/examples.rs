//! Publishes every example, runs it as its first lines say, and checks the result.

use std::path::Path;

use base64::Engine as _;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use flowgate_tests::vendors::Vendors;
use serde_json::{Value, json};

use crate::fixture::until;

/// Each example has a test below.
const NAMES: &[&str] = &[
    "ask-pdf",
    "assistant",
    "chat",
    "desk",
    "digest",
    "email-triage",
    "fallback",
    "followup",
    "greeting",
    "healthcheck",
    "invoice",
    "lead-enrichment",
    "library",
    "minutes",
    "pricelist",
    "refund",
    "review",
    "shop",
    "signup",
    "story",
    "storybook",
    "summarise-page",
    "thrifty",
    "triage",
    "upscale",
];

struct Example {
    server: TestServer,
    name: &'static str,
}

impl Example {
    async fn publish(name: &'static str) -> Self {
        Self::with_others(name, &[]).await
    }

    /// Publishes those first that it runs.
    async fn with_others(name: &'static str, others: &[&'static str]) -> Self {
        let server = TestServer::start().await;
        for name in others.iter().chain([&name]) {
            assert!(NAMES.contains(name));
            let document = std::fs::read_to_string(folder().join(format!("{name}.yaml")));
            server.publish(name, &document.unwrap()).await;
        }
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

impl Example {
    /// Leads to fakes of the vendors, whose pictures have 3 MB.
    async fn with_vendors(&self) -> Vendors {
        let vendors = Vendors::start(3_000_000, 3).await;
        for (name, value) in vendors.secrets() {
            let path = format!("/v1/secrets/{name}");
            let set = self.server.request(reqwest::Method::PUT, &path, ADMIN_KEY);
            let set = set.json(&json!({ "value": value })).send().await.unwrap();
            assert!(set.status().is_success());
        }
        vendors
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}

#[test]
fn every_example_has_a_test() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
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

/// Leads a vendor's connector to the receiver, with a login.
async fn connect(example: &Example, connector: &str, receiver: &Receiver) {
    for (name, value) in [("TOKEN", "a-login"), ("BASE_URL", receiver.url.as_str())] {
        let path = format!("/v1/secrets/{connector}_{name}");
        let set = example.server.request(reqwest::Method::PUT, &path, ADMIN_KEY);
        let set = set.json(&json!({ "value": value })).send().await.unwrap();
        assert!(set.status().is_success());
    }
}

/// The bodies that came to the path, as JSON.
fn sent_to(receiver: &Receiver, path: &str) -> Vec<Value> {
    let received = receiver.received();
    let to_path = received.iter().filter(|request| request.uri.path() == path);
    to_path.map(|request| serde_json::from_slice(&request.body).unwrap_or_default()).collect()
}

fn ok(body: &Value) -> Reply {
    Reply::Now(axum::http::StatusCode::OK, body.to_string())
}

#[tokio::test]
async fn email_triage() {
    // What a mail says, the stand-in of a model does.
    let text = "/label {\"remove\": [\"UNREAD\"]}\n/alert_team {\"text\": \"Invoice is wrong\"}";
    let text = base64::engine::general_purpose::URL_SAFE.encode(text);
    let gmail = Receiver::start(move |request, _| match request.uri.path() {
        "/gmail/v1/users/me/messages" => ok(&json!({ "messages": [{ "id": "m1" }] })),
        "/gmail/v1/users/me/messages/m1/modify" => ok(&json!({ "id": "m1", "labelIds": [] })),
        _ => ok(&json!({
            "id": "m1",
            "payload": {
                "mimeType": "text/plain",
                "headers": [
                    { "name": "From", "value": "ada@example.com" },
                    { "name": "Subject", "value": "Invoice" },
                ],
                "body": { "data": text },
            },
        })),
    })
    .await;
    let slack = Receiver::start(|_, _| ok(&json!({ "ok": true, "ts": "1.5" }))).await;
    let example = Example::publish("email-triage").await;
    connect(&example, "GMAIL", &gmail).await;
    connect(&example, "SLACK", &slack).await;
    let output = example.output(json!({})).await;
    assert_eq!(output["mails"][0]["subject"], "Invoice", "{output}");
    let labelled = sent_to(&gmail, "/gmail/v1/users/me/messages/m1/modify");
    assert_eq!(labelled, [json!({ "removeLabelIds": ["UNREAD"] })]);
    let posted = sent_to(&slack, "/api/chat.postMessage");
    assert_eq!(posted, [json!({ "channel": "#support", "text": "Invoice is wrong" })]);
}

#[tokio::test]
async fn lead_enrichment() {
    let hubspot = Receiver::start(|request, _| {
        let known = json!({ "id": "7", "properties": { "company": "Example" } });
        match request.uri.path().ends_with("/search") {
            true => ok(&json!({ "total": 1, "results": [known] })),
            false => ok(&json!({ "results": [{ "id": "7", "properties": {}, "new": false }] })),
        }
    })
    .await;
    let slack = Receiver::start(|_, _| ok(&json!({ "ok": true, "ts": "1.5" }))).await;
    let page = "<html><title>Example</title><p>We make bicycles.</p></html>";
    let page = Receiver::start(move |_, _| {
        let html = vec![("content-type", "text/html".to_owned())];
        Reply::With(axum::http::StatusCode::OK, html, page.to_owned())
    })
    .await;
    let example = Example::publish("lead-enrichment").await;
    connect(&example, "HUBSPOT", &hubspot).await;
    connect(&example, "SLACK", &slack).await;
    let output = example.output(json!({ "site": page.url })).await;
    let note = output["note"].as_str().unwrap();
    assert!(note.contains("Example") && note.contains("We make bicycles."), "{note}");
    assert_eq!((&output["record"], &output["posted"]), (&json!("7"), &json!("1.5")));
    let stored = sent_to(&hubspot, "/crm/v3/objects/contacts/batch/upsert");
    assert_eq!(stored[0]["inputs"][0]["id"], "ada@example.com", "{stored:?}");
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
async fn minutes() {
    let output = Example::publish("minutes").await.output(json!({})).await;
    assert_eq!(output, json!({ "todo": ["Ada calls Bo", "Cy sends the offer"] }));
}

#[tokio::test]
async fn followup() {
    let followup = Example::with_others("followup", &["minutes"]).await;
    let output = followup.output(json!({})).await;
    let todo = json!(["Ada calls Bo", "Cy sends the offer"]);
    assert_eq!(output["todo"], todo);
    assert_eq!(output["mail"], format!("Dear Sales, please do: {todo}"));
    let shown: Value = followup
        .server
        .get("/v1/workflows/followup", ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(shown["schedules"][0]["next_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn desk() {
    let output = Example::with_others("desk", &["minutes"]).await.output(json!({})).await;
    let answer = output["answer"].as_str().unwrap();
    assert!(answer.contains(r#"{"todo":["Ada calls Bo"]}"#), "{answer}");
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
async fn ask_pdf() {
    let example = Example::publish("ask-pdf").await;
    let output = example.output(json!({})).await;
    let answer = "Answer from this alone: The warranty is two years from delivery.\n\
                  Question: How long is the warranty?";
    assert_eq!(output, json!({ "answer": answer, "title": null, "kind": "pdf" }));
    // A file of its own, whose type is a lie.
    let upload = example.server.post("/v1/files?name=notes.pdf", ADMIN_KEY);
    let upload = upload.header("content-type", "application/pdf");
    let body = "<title>Notes</title><h1>Terms</h1><p>Returns take 14 days.";
    let file: Value = upload.body(body).send().await.unwrap().json().await.unwrap();
    let output = example.output(json!({ "paper": file, "question": "Returns?" })).await;
    let answer = "Answer from this alone: # Terms\n\nReturns take 14 days.\nQuestion: Returns?";
    assert_eq!(output, json!({ "answer": answer, "title": "Notes", "kind": "html" }));
}

#[tokio::test]
async fn pricelist() {
    let output = Example::publish("pricelist").await.output(json!({})).await;
    let lines = json!([{ "name": "Pen", "price": 1.2, "left": 120 }]);
    assert_eq!(output, json!({ "lines": lines, "worth": 144.0 }));
}

#[tokio::test]
async fn summarise_page() {
    let example = Example::publish("summarise-page").await;
    let receiver = Receiver::start(|_, _| {
        let page = "<title>Foxes</title><nav>Menu</nav><h1>Foxes</h1><p>They are <b>red</b>.\
                    <a href='https://fox.example/a'>a</a><a href='https://fox.example/b'>b</a>";
        let html = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Reply::With(axum::http::StatusCode::OK, html, page.to_owned())
    })
    .await;
    let url = format!("{}/foxes", receiver.url);
    let output = example.output(json!({ "url": url })).await;
    let summary = "Sum up: # Foxes\n\nThey are **red**.[a](https://fox.example/a)\
                   [b](https://fox.example/b)";
    let expected =
        json!({ "title": "Foxes", "summary": summary, "hosts": ["fox.example"], "url": url });
    assert_eq!(output, expected);
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
async fn thrifty() {
    let thrifty = Example::publish("thrifty").await;
    let output = thrifty.output(json!({})).await;
    let prompt = "In one sentence: What is a lease?";
    assert_eq!(
        output,
        json!({
            "answer": prompt, "check": format!("Is this right? {prompt}"), "unchecked": null,
            "model": "offline/echo",
        })
    );
    let long = thrifty.output(json!({ "question": "word ".repeat(1_000) })).await;
    assert_eq!(long["unchecked"], "unchecked: budget_exhausted");
}

#[tokio::test]
async fn review() {
    let Example { server, .. } = Example::publish("review").await;
    let start = server.post("/v1/workflows/review/runs", ADMIN_KEY);
    let input = json!({ "input": { "topics": ["sale", "party", "move"] } });
    let run: Value = start.json(&input).send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    for (index, answer) in [
        json!({ "approved": true }),
        json!({ "approved": true, "data": { "text": "Dance with us!" } }),
        json!({ "approved": false }),
    ]
    .into_iter()
    .enumerate()
    {
        let node = format!("each[{index}]/check");
        let questions = || server.get(&format!("{path}/questions"), ADMIN_KEY);
        until(questions, |open| open["items"][0]["node"] == *node).await;
        let mut body = answer;
        body["node"] = json!(node);
        let resume = server.post(&format!("{path}/resume"), ADMIN_KEY).json(&body);
        assert_eq!(resume.send().await.unwrap().status(), 202);
    }
    let run = until(|| server.get(&path, ADMIN_KEY), |run| run["status"] == "succeeded").await;
    assert_eq!(run["output"], json!({ "posts": ["Come and see our sale!", "Dance with us!"] }));
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

#[tokio::test]
async fn storybook() {
    let storybook = Example::publish("storybook").await;
    let offline = storybook.output(json!({})).await;
    assert_eq!(offline["pictures"]["first"]["type"], "image/png");
    assert_ne!(offline["pictures"]["first"]["sha256"], offline["pictures"]["last"]["sha256"]);
    assert_eq!(offline["voice"]["type"], "audio/wav");
    let vendors = storybook.with_vendors().await;
    let models = json!({ "painter": "openai/gpt-image-1", "reader": "openai/tts-1" });
    let output = storybook.output(models).await;
    for name in ["first", "last"] {
        let picture = &output["pictures"][name];
        assert_eq!(picture["size"], 3_000_000);
        let path = format!("/v1/files/{}", picture["$file"].as_str().unwrap());
        assert_eq!(output["urls"][name], format!("{}{path}", storybook.server.public_url));
        let read = storybook.server.get(&path, ADMIN_KEY).send().await.unwrap();
        assert_eq!(read.bytes().await.unwrap().len(), 3_000_000);
    }
    assert_eq!(output["voice"]["type"], "audio/mpeg");
    assert_eq!(vendors.count("POST /v1/images/generations"), 2);
}

#[tokio::test]
async fn upscale() {
    let upscale = Example::publish("upscale").await;
    let vendors = upscale.with_vendors().await;
    for (model, started) in [("openai/gpt-image-1", 1), ("openai/dall-e-3", 2)] {
        let output = upscale.output(json!({ "model": model })).await;
        assert_eq!(
            (&output["small"]["size"], &output["large"]["size"]),
            (&json!(3_000_000), &json!(3_000_000))
        );
        assert_eq!(output["seconds"], 2.5);
        assert_eq!(vendors.count("POST /replicate/v1/predictions"), started);
    }
    // The picture was uploaded, and looked at more than once.
    assert_eq!(vendors.count("POST /replicate/v1/files"), 2);
    assert!(vendors.count("GET /replicate/v1/predictions/") >= 4);
}
