//! Every sample is imported, published and run against fakes of the services that it calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowgate_engine::document::Document;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use flowgate_tests::vendors::Vendors;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::import;
use crate::fixture::{answer, until};

const SYSTEMS: [&str; 4] = ["aiflow", "dify", "n8n", "sim"];
/// A model that echoes keeps to no schema, and writes no list; fakes have no columns and no links.
const OF_FAKES: [&str; 4] = ["schema_mismatch", "not_a_list", "unknown_column", "invalid_url"];
const LOGIN: &str = "user:t0ken-0123456789abcdef";

/// Pictures and predictions are fakes of their vendors, connectors answer as in their tries, pages
/// are a receiver's; models that write are replaced with one that needs no vendor.
#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_published_and_runs_to_its_end_or_to_what_the_report_names() {
    let server = TestServer::start().await;
    let models = Vendors::start(1_000, 1).await;
    for (name, value) in models.secrets() {
        set_secret(&server, name, &value).await;
    }
    let services = connectors().await;
    for (connector, service) in &services {
        let prefix = connector.to_ascii_uppercase();
        set_secret(&server, &format!("{prefix}_BASE_URL"), &service.url).await;
        set_secret(&server, &format!("{prefix}_TOKEN"), LOGIN).await;
    }
    let page = Receiver::start(|_, _| {
        Reply::Now(
            StatusCode::OK,
            json!({ "results": ["a page"], "status": "COMPLETED" }).to_string(),
        )
    })
    .await;
    let mut faults = Vec::new();
    for file in samples() {
        faults.extend(run_sample(&server, &file, &page.url).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

async fn set_secret(server: &TestServer, name: &str, value: &str) {
    let put = server.request(Method::PUT, &format!("/v1/secrets/{name}"), ADMIN_KEY);
    let answer = put.json(&json!({ "value": value })).send().await.unwrap();
    assert_eq!(answer.status(), 204, "{name}");
}

fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/import/tests");
    let folders = SYSTEMS.map(|system| std::fs::read_dir(root.join(system)).unwrap());
    let files = folders.into_iter().flatten().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|name| name != "md")).collect();
    files.sort();
    assert!(files.len() >= 16, "{files:?}");
    files
}

/// A run that fails does so at a step that the report names, or at what the fakes made.
async fn run_sample(server: &TestServer, file: &Path, page: &str) -> Vec<String> {
    let (status, imported) = import(server, "", ADMIN_KEY, std::fs::read(file).unwrap()).await;
    assert_eq!(status, 201, "{file:?}: {imported}");
    // They are bound to the hosts of the file, which are fakes here.
    for secret in imported["secrets"].as_array().unwrap() {
        set_secret(server, secret["name"].as_str().unwrap(), LOGIN).await;
    }
    let mut faults = Vec::new();
    let workflows = imported["workflows"].as_array().unwrap();
    // One of them may run another.
    for workflow in workflows {
        publish_draft(server, workflow["id"].as_str().unwrap(), page).await;
    }
    server.settle().await;
    for workflow in workflows {
        let run = run_published(server, workflow["id"].as_str().unwrap(), page).await;
        let is_of_fakes = OF_FAKES.iter().any(|code| run["error"]["code"] == *code);
        if run["status"] == "failed" && !is_of_fakes {
            let entries = imported["report"]["entries"].as_array().unwrap();
            // What a step computes is a node of its own, named after it.
            let failed = run["error"]["node"].as_str().unwrap_or_default();
            let is_named = entries.iter().any(|entry| {
                let name = entry["name"].as_str().unwrap_or("nobody").to_lowercase();
                let node = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                let is_same = entry["node"] == failed;
                let is_its = failed
                    .strip_prefix(node.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
                entry["outcome"] == "unsupported" && (is_same || is_its)
            });
            if !is_named {
                faults.push(format!("{file:?}: {}", run["error"]));
            }
        }
    }
    faults
}

async fn publish_draft(server: &TestServer, id: &str, page: &str) {
    let path = format!("/v1/workflows/{id}");
    let (_, draft) = answer(server.get(&path, ADMIN_KEY)).await;
    let document = without_the_world(draft["document"].as_str().unwrap(), page);
    let (_, saved) = answer(server.request(Method::PUT, &path, ADMIN_KEY).body(document)).await;
    for name in saved["problems"].as_array().unwrap().iter().filter_map(missing_secret) {
        let value = if name.ends_with("_BASE_URL") { page } else { LOGIN };
        set_secret(server, name, value).await;
    }
    let publish = server.post(&format!("{path}/versions"), ADMIN_KEY).json(&json!({}));
    let (status, published) = answer(publish).await;
    assert_eq!(status, 201, "{id}: {published}");
}

async fn run_published(server: &TestServer, id: &str, page: &str) -> Value {
    let path = format!("/v1/workflows/{id}");
    let (_, draft) = answer(server.get(&path, ADMIN_KEY)).await;
    let inputs = draft["outline"]["inputs"].as_array().unwrap().iter();
    let input: Map<String, Value> = inputs
        .map(|field| (field["name"].as_str().unwrap().to_owned(), given(field, page)))
        .collect();
    let start = json!({ "input": input });
    let (status, run) = answer(server.post(&format!("{path}/runs"), ADMIN_KEY).json(&start)).await;
    assert!(status < 300, "{id}: {run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let has_ended = |run: &Value| matches!(run["status"].as_str(), Some("succeeded" | "failed"));
    until(|| server.get(&path, ADMIN_KEY), has_ended).await
}

fn missing_secret(problem: &Value) -> Option<&str> {
    problem["message"].as_str()?.strip_prefix("there is no secret ")?.split(' ').next()
}

/// Agents are answered by the model that echoes, and calls of a URL by the page.
fn without_the_world(document: &str, page: &str) -> String {
    let mut kind = "";
    let mut changed = String::new();
    for line in document.lines() {
        let field = line.trim_start().trim_start_matches("- ").split_once(": ");
        if let Some(("type", of)) = field {
            kind = of.trim_matches('"');
        }
        let indent = |name: &str| line.split(&format!("{name}:")).next().unwrap_or_default();
        changed.push_str(&match field {
            Some(("model", _)) if kind == "agent" => {
                format!("{}model: offline/echo\n", indent("model"))
            }
            Some(("url", to)) if kind == "http" && to.trim_matches('"').starts_with("http") => {
                format!("{}url: {page}\n", indent("url"))
            }
            _ => format!("{line}\n"),
        });
    }
    changed
}

fn given(field: &Value, page: &str) -> Value {
    match field["type"].as_str().unwrap() {
        "array" => json!(["a"]),
        "number" => json!(1),
        "object" => json!({}),
        _ => json!(page),
    }
}

/// Starts a fake of each shipped connector's vendor.
async fn connectors() -> Vec<(String, Receiver)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors");
    let mut fakes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{}", error.message));
        let connector = Value::Object(document.root().clone());
        let name = connector["connector"].as_str().unwrap().to_owned();
        let calls = Arc::new(calls_of(&connector));
        fakes.push((name, Receiver::start(move |request, _| vendor(&calls, request)).await));
    }
    fakes
}

/// The successful calls of all tries.
fn calls_of(connector: &Value) -> Vec<Value> {
    let operations = connector["operations"].as_object().unwrap().values();
    let tries = operations.flat_map(|operation| match &operation["try"] {
        Value::Array(tries) => tries.clone(),
        one => vec![one.clone()],
    });
    let tries = tries.filter(|tried| tried.get("fails").is_none());
    tries.flat_map(|tried| tried["calls"].as_array().cloned().unwrap_or_default()).collect()
}

/// Answers as the vendor answers the request of a try whose path is the most similar.
fn vendor(calls: &[Value], request: &Received) -> Reply {
    let path: Vec<&str> = request.uri.path().split('/').collect();
    let alike = |call: &&Value| {
        let url = call["request"]["url"].as_str().unwrap_or_default();
        let url = url.split('?').next().unwrap_or_default();
        // Without the scheme and the host.
        let segments: Vec<&str> = url.split('/').skip(2).collect();
        let is_of = call["request"]["method"] == request.method.as_str();
        let equal = segments.iter().skip(1).zip(&path[1..]).filter(|(one, other)| one == other);
        let same_length = segments.len() == path.len();
        if is_of && same_length { equal.count() + 1 } else { 0 }
    };
    let Some(call) = calls.iter().max_by_key(alike).filter(|call| alike(call) > 0) else {
        return Reply::Now(
            StatusCode::NOT_FOUND,
            json!({ "unknown": request.uri.path() }).to_string(),
        );
    };
    let status = call["answer"]["status"].as_u64().map_or(200, |status| status as u16);
    let body = &call["answer"]["body"];
    Reply::Now(StatusCode::from_u16(status).unwrap(), body.to_string())
}
