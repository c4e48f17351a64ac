//! Spans of ended runs, as a collector gets them, and the trace that a run carries on.

mod metrics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_outbound::{Collector, OutboundSettings};
use flowgate_tests::home::is_aws;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, outbound_settings, settings};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn reporting(collector: &Receiver) -> TestServer {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key"),
        ("OTEL_SERVICE_NAME", "shop"),
        // On AWS the sweeper asks for it, in these tests every second.
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
    ];
    if is_aws() {
        let set = variables.map(|(name, value)| format!("{name}={value}"));
        let arguments: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        return TestServer::on_aws(&settings(|_| {}), &arguments).await;
    }
    let found = |name: &str| variables.iter().find(|(known, _)| *known == name);
    let variable = |name: &str| found(name).map(|(_, value)| (*value).to_owned());
    let collector = Collector::from_variables(variable).unwrap();
    let outbound = OutboundSettings { collector, ..outbound_settings() };
    TestServer::start_calling_out(settings(|_| {}), outbound).await
}

async fn collector() -> Receiver {
    Receiver::start(|_, _| Reply::Now(StatusCode::OK, "{}".to_owned())).await
}

/// Every span so far, by name.
fn spans(collector: &Receiver) -> BTreeMap<String, Span> {
    let received = sent_to(collector, TRACES);
    let of_request = |request: &Received| {
        let read: ExportTraceServiceRequest = serde_json::from_slice(&request.body).unwrap();
        let resource = &read.resource_spans[0];
        assert_eq!(
            text_of(&resource.resource.as_ref().unwrap().attributes, "service.name"),
            "shop"
        );
        resource.scope_spans[0].spans.clone()
    };
    let spans = received.iter().flat_map(of_request);
    spans.map(|span| (span.name.clone(), span)).collect()
}

const TRACES: &str = "/v1/traces";

fn sent_to(collector: &Receiver, path: &str) -> Vec<Received> {
    let of_path = collector.received().into_iter().filter(|request| request.uri.path() == path);
    of_path
        .inspect(|request| {
            assert_eq!(request.headers["content-type"], "application/json");
            assert_eq!(request.headers["api-key"], "a key");
        })
        .collect()
}

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.as_ref()?.value.as_ref()) {
        Some(AnyValue::StringValue(text)) => text,
        _ => "",
    }
}

async fn spans_of(collector: &Receiver, root: &str) -> BTreeMap<String, Span> {
    for _ in 0..200 {
        let spans = spans(collector);
        if spans.contains_key(root) {
            return spans;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no span {root}: {:?}", spans(collector).keys());
}

fn attribute(span: &Span, key: &str) -> Value {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(AnyValue::StringValue(text)) => json!(text),
        Some(AnyValue::IntValue(number)) => json!(number),
        Some(AnyValue::DoubleValue(number)) => json!(number),
        Some(AnyValue::ArrayValue(_)) => json!("a list"),
        Some(other) => panic!("{other:?}"),
        None => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    flowgate_core::hash::hex(bytes)
}

const DOCUMENT: &str = r#"
input: [{ name: topic, type: string }]
nodes:
  - { id: get, type: http, url: "{SERVICE}/page" }
  - id: write
    type: agent
    model: offline/echo
    prompt: "Secret words about <api.topic> <get.status>"
  - id: each
    type: loop
    each: [1, 2]
    nodes: [{ id: step, type: template, template: x }]
output: { said: <write.content> }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_reported_with_its_nodes_and_calls() {
    let (collector, service) = (collector().await, collector().await);
    let server = reporting(&collector).await;
    server.publish("w", &DOCUMENT.replace("{SERVICE}", &service.url)).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("traceparent", CALLER);
    let (_, run) = answer(start.json(&json!({ "input": { "topic": "whales" } }))).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let spans = spans_of(&collector, "invoke_workflow w").await;
    let root = &spans["invoke_workflow w"];
    assert!(spans.values().all(|span| hex(&span.trace_id) == TRACE));
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(attribute(root, "flowgate.run.id"), run["id"]);
    assert_eq!(attribute(root, "gen_ai.agent.version"), "1.0.0");

    let agent = &spans["invoke_agent write"];
    assert_eq!(agent.parent_span_id, root.span_id);
    assert_eq!(attribute(agent, "gen_ai.request.model"), "echo");
    assert!(attribute(agent, "gen_ai.usage.input_tokens").as_u64().unwrap() > 0);
    let chat = &spans["chat echo"];
    assert_eq!((&chat.parent_span_id, chat.kind), (&agent.span_id, 3));
    assert_eq!(attribute(chat, "gen_ai.provider.name"), "offline");

    let call = &spans["http"];
    assert_eq!(call.parent_span_id, spans["http get"].span_id);
    assert_eq!(attribute(call, "http.response.status_code"), 200);
    let sent = service.received()[0].headers["traceparent"].to_str().unwrap().to_owned();
    assert_eq!(sent, format!("00-{TRACE}-{}-01", hex(&call.span_id)));
    assert_eq!(spans["template each[1]/step"].parent_span_id, spans["loop each"].span_id);
    for span in spans.values() {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{}", span.name);
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano, "{}", span.name);
    }
    let bodies: String = collector
        .received()
        .iter()
        .map(|it| String::from_utf8_lossy(&it.body).into_owned())
        .collect();
    assert!(!bodies.contains("whales"), "contents are not reported: {bodies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_of_no_trace_is_reported_in_one_of_its_own() {
    let collector = collector().await;
    let server = reporting(&collector).await;
    let document = "nodes: [{ id: code, type: function, code: 'throw new Error(\"x\")' }]\n";
    server.publish("w", document).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", "respond-async");
    let (_, run) = answer(start.json(&json!({ "input": {} }))).await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    until(|| server.get(&path, ADMIN_KEY), |run| run["status"] == "failed").await;
    let spans = spans_of(&collector, "invoke_workflow w").await;
    let root = &spans["invoke_workflow w"];
    assert!(root.parent_span_id.is_empty());
    assert_eq!(root.status.as_ref().unwrap().code, 2);
    let code = attribute(root, "error.type");
    assert!(code.is_string() && attribute(&spans["function code"], "error.type") == code);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_cannot_take_now_comes_again_and_no_run_waits() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let collector = Receiver::start(move |request, earlier| {
        if request.uri.path() == TRACES {
            seen.fetch_add(1, SeqCst);
        }
        match earlier {
            0 => Reply::Now(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
            _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
        }
    })
    .await;
    let server = reporting(&collector).await;
    server.publish("w", "nodes: [{ id: a, type: template, template: x }]\n").await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({ "input": {} }));
    assert_eq!(answer(start).await.1["status"], "succeeded");
    for _ in 0..200 {
        if asked.load(SeqCst) == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_samples_is_not_reported_and_without_a_collector_the_trace_is_passed_on() {
    let (collector, service) = (collector().await, collector().await);
    let document = format!("nodes: [{{ id: get, type: http, url: '{}/page' }}]\n", service.url);
    let unsampled = CALLER.replace("-01", "-00");
    let server = reporting(&collector).await;
    server.publish("w", &document).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("traceparent", &unsampled);
    assert_eq!(answer(start.json(&json!({ "input": {} }))).await.1["status"], "succeeded");
    assert!(service.received()[0].headers["traceparent"].to_str().unwrap().ends_with("-00"));

    let plain = TestServer::start().await;
    plain.publish("w", &document).await;
    let start = plain.post("/v1/workflows/w/runs", ADMIN_KEY).header("traceparent", CALLER);
    assert_eq!(answer(start.json(&json!({ "input": {} }))).await.1["status"], "succeeded");
    assert_eq!(service.received()[1].headers["traceparent"], CALLER);
    let start = plain.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({ "input": {} }));
    assert_eq!(answer(start).await.1["status"], "succeeded");
    assert!(!service.received()[2].headers.contains_key("traceparent"));
    assert!(sent_to(&collector, TRACES).is_empty());
}
