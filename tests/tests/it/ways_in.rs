//! Every spelling of a refused URL, on every way into the server: the webhooks of three dialects,
//! an http node, a model, a webhook node, a workflow's webhook.

use flowgate_outbound::OutboundSettings;
use flowgate_tests::server::{ADMIN_KEY, TestServer, outbound_settings, settings};
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::fixture::{answer, until};
use crate::outbound::spellings::{REFUSED_AS, refused_urls};

const CONCURRENCY: usize = 8;

const WORKFLOWS: [(&str, &str); 4] = [
    ("plain", "nodes: [{ id: say, type: template, template: x }]"),
    (
        "http",
        "input: [{ name: u, type: string }]\n\
         nodes: [{ id: call, type: http, url: '<api.u>' }]",
    ),
    (
        "model",
        "input: [{ name: u, type: string }]\n\
         nodes: [{ id: call, type: agent, model: openai/gpt-5, prompt: x, base_url: '<api.u>', \
         api_key: of-nobody }]",
    ),
    (
        "hooks",
        "input: [{ name: u, type: string }]\n\
         nodes: [{ id: call, type: webhook, url: '<api.u>', body: x }]\n\
         webhook: { url: '<api.u>' }",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_is_refused_on_every_way_in() {
    let outbound = OutboundSettings { allow_loopback: false, ..outbound_settings() };
    let server = TestServer::start_calling_out(settings(|_| {}), outbound).await;
    for (id, document) in WORKFLOWS {
        server.publish(id, document).await;
    }
    let urls = refused_urls();
    let checked = stream::iter(&urls).map(|url| passed_ways(&server, url));
    let passed: Vec<String> = checked.buffer_unordered(CONCURRENCY).concat().await;
    assert!(passed.is_empty(), "{} passed:\n{}", passed.len(), passed.join("\n"));
    let begun = answer(server.get("/v1/workflows/plain/runs", ADMIN_KEY)).await.1;
    assert_eq!(begun["items"], json!([]), "a refused start leaves no run");
    server.stop().await;
}

async fn passed_ways(server: &TestServer, url: &str) -> Vec<String> {
    let mut passed = Vec::new();
    for (way, request) in callers_webhooks(server, url) {
        let (status, body) = answer(request).await;
        if status != 400 {
            passed.push(format!("{way} {url:?}: {status} {body}"));
        }
    }
    for id in ["http", "model"] {
        // An empty address of a model is the provider's own.
        if id == "model" && url.is_empty() {
            continue;
        }
        let run = answer(start(server, id, url)).await.1;
        let code = run["error"]["code"].as_str().unwrap_or_default();
        if run["status"] != "failed" || !REFUSED_AS.contains(&code) {
            passed.push(format!("{id} {url:?}: {run}"));
        }
    }
    let run = answer(start(server, "hooks", url)).await.1;
    let path = format!("/v1/runs/{}/deliveries", run["id"].as_str().unwrap_or_default());
    let deliveries = until(|| server.get(&path, ADMIN_KEY), attempted).await;
    for delivery in deliveries["items"].as_array().into_iter().flatten() {
        let attempt = &delivery["attempts"][0];
        if !attempt["status"].is_null() || !attempt["error"].is_string() {
            passed.push(format!("a delivery to {url:?}: {delivery}"));
        }
    }
    passed
}

fn callers_webhooks<'a>(server: &TestServer, url: &str) -> Vec<(&'a str, RequestBuilder)> {
    let webhook = json!([{ "url": url, "method": "POST" }]);
    let native = json!({ "webhooks": webhook });
    let gptbots = json!({ "input": {}, "isAsync": true, "webhook": webhook });
    let ai_flow = json!({ "run_options": { "global_webhook": { "url": url } } });
    let invoke = server.post("/v1/workflow/invoke", ADMIN_KEY).header("x-workflow-id", "plain");
    vec![
        ("native", server.post("/v1/workflows/plain/runs", ADMIN_KEY).json(&native)),
        ("gptbots", invoke.json(&gptbots)),
        ("ai-flow", server.post("/v1/flow/plain/run", ADMIN_KEY).json(&ai_flow)),
    ]
}

fn start(server: &TestServer, id: &str, url: &str) -> RequestBuilder {
    let body = json!({ "input": { "u": url } });
    server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY).json(&body)
}

/// The webhook node's delivery and the workflow's have both been tried.
fn attempted(deliveries: &Value) -> bool {
    let items = deliveries["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tried = |one: &Value| one["attempts"].as_array().is_some_and(|all| !all.is_empty());
    items.len() == 2 && items.iter().all(tried)
}
