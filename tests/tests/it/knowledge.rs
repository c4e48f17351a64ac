//! Knowledge from end to end: embedded by a provider, found, kept apart, counted, erased.

use axum::http::{Method, StatusCode};
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, until};
use crate::several::killed::Alive;

fn document(upstream: &Receiver, more: &str) -> String {
    let model = format!(
        "store: docs, model: openai/text-embedding-3-small, base_url: \"{}/v1\", \
         api_key: none{more}",
        upstream.url
    );
    format!(
        r#"
input:
  - {{ name: action, type: string }}
  - {{ name: text, type: string, default: "" }}
  - {{ name: source, type: string, default: s }}
nodes:
  - {{ id: c, type: condition, branches: [
      {{ name: add, if: "<api.action> == 'add'" }},
      {{ name: search, if: "<api.action> == 'search'" }}, {{ name: delete }} ] }}
  - {{ id: add, type: knowledge, action: add, text: <api.text>, source: <api.source>,
      chunk_size: 100, metadata: {{ of: <api.source> }}, {model}, after: c.add }}
  - {{ id: find, type: knowledge, action: search, query: <api.text>, top: 2, {model},
      after: c.search }}
  - {{ id: drop, type: knowledge, action: delete, source: <api.source>, store: docs{more},
      after: c.delete }}
output:
  {{ chunks: <add.chunks>, total: <add.total>, tokens: <add.tokens>, cost: <add.cost>,
    matches: <find.matches>, deleted: <drop.deleted> }}
"#
    )
}

/// A direction for the first letter of each text; `q` has two dimensions.
fn embedded(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let vector = |text: &Value| match text.as_str().unwrap().as_bytes()[0] {
        b'a' => json!([1, 0, 0.1]),
        b'b' => json!([0, 1, 0.1]),
        b'q' => json!([1, 1]),
        _ => json!([0, 0, 1]),
    };
    let texts = body["input"].as_array().unwrap();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "index": index, "embedding": vector(text) }))
        .collect();
    json!({ "data": data, "usage": { "prompt_tokens": 1_000, "total_tokens": 1_000 } }).to_string()
}

async fn upstream(is_held: impl Fn(usize) -> bool + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |request, before| {
        assert_eq!(request.uri.path(), "/v1/embeddings");
        let body = embedded(&request.body);
        if is_held(before) {
            Reply::WhenLetGo(StatusCode::OK, body)
        } else {
            Reply::Now(StatusCode::OK, body)
        }
    })
    .await
}

async fn run_of(server: &TestServer, workflow: &str, input: Value, more: Value) -> Value {
    let mut body = json!({ "input": input });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/workflows/{workflow}/runs");
    let (status, run) = answer(server.post(&path, ADMIN_KEY).json(&body)).await;
    assert_eq!(status, 200, "{run}");
    run
}

async fn output(server: &TestServer, input: Value) -> Value {
    let run = run_of(server, "w", input, json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    run["output"].clone()
}

fn texts(output: &Value) -> Vec<&str> {
    let matches = output["matches"].as_array().unwrap().iter();
    matches.map(|found| found["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn texts_are_added_found_replaced_and_deleted() {
    let upstream = upstream(|_| false).await;
    let server = TestServer::start().await;
    server.publish("w", &document(&upstream, "")).await;
    let nothing = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(nothing["matches"], json!([]));
    let long = "a".repeat(60) + "\n\n" + &"b".repeat(60);
    let added = output(&server, json!({ "action": "add", "text": long })).await;
    assert_eq!((&added["chunks"], &added["total"]), (&json!(2), &json!(2)), "{added}");
    assert_eq!((&added["tokens"], &added["cost"]), (&json!(1_000), &json!(0.00002)), "{added}");
    let found = output(&server, json!({ "action": "search", "text": "b?" })).await;
    let first = &found["matches"][0];
    assert_eq!(first["text"], "b".repeat(60));
    assert_eq!((&first["source"], &first["metadata"]), (&json!("s"), &json!({ "of": "s" })));
    assert!(first["score"].as_f64().unwrap() > 0.98, "{found}");
    assert_eq!(texts(&found).len(), 2);
    let replaced = output(&server, json!({ "action": "add", "text": "a new" })).await;
    assert_eq!(replaced["total"], 1);
    output(&server, json!({ "action": "add", "text": "b other", "source": "t" })).await;
    let found = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(texts(&found), ["a new", "b other"]);
    let deleted = output(&server, json!({ "action": "delete" })).await;
    assert_eq!(deleted["deleted"], 1);
    let found = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(texts(&found), ["b other"]);
}

#[tokio::test]
async fn what_does_not_fit_is_a_clear_error_and_changes_nothing() {
    let upstream = upstream(|_| false).await;
    let server = TestServer::start().await;
    server.publish("w", &document(&upstream, "")).await;
    output(&server, json!({ "action": "add", "text": "a" })).await;
    let code = |run: &Value| run["error"]["code"].as_str().unwrap_or_default().to_owned();
    let fail = async |input: Value, more: Value| code(&run_of(&server, "w", input, more).await);
    let other = json!({ "action": "add", "text": "q", "source": "t" });
    assert_eq!(fail(other, json!({})).await, "dimension_mismatch");
    let query = json!({ "action": "search", "text": "q" });
    assert_eq!(fail(query, json!({})).await, "dimension_mismatch");
    let unsaved = json!({ "action": "add", "text": "b", "source": "u" });
    assert_eq!(fail(unsaved, json!({ "save": false })).await, "not_saved");
    let many = "word ".repeat(30_000);
    let many = json!({ "action": "add", "text": many, "source": "m" });
    assert_eq!(fail(many, json!({})).await, "too_many_chunks");
    let nameless = json!({ "action": "add", "text": "a", "source": " " });
    assert_eq!(fail(nameless, json!({})).await, "invalid_source");
    let found = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(texts(&found), ["a"]);
    let model = document(&upstream, "").replace("3-small", "3-large");
    server.publish("w", &model).await;
    let query = json!({ "action": "search", "text": "a" });
    assert_eq!(fail(query, json!({})).await, "model_mismatch");
}

#[tokio::test]
async fn a_store_belongs_to_its_workflow_unless_it_is_shared() {
    let upstream = upstream(|_| false).await;
    let server = TestServer::start().await;
    for workflow in ["w", "v"] {
        server.publish(workflow, &document(&upstream, "")).await;
    }
    let (add, search) =
        (json!({ "action": "add", "text": "a" }), json!({ "action": "search", "text": "a" }));
    output(&server, add.clone()).await;
    let other = run_of(&server, "v", search.clone(), json!({})).await;
    assert_eq!(other["output"]["matches"], json!([]), "another workflow's");
    for workflow in ["w", "v"] {
        server.publish(workflow, &document(&upstream, ", shared: true")).await;
    }
    output(&server, add.clone()).await;
    let shared = run_of(&server, "v", search, json!({})).await;
    assert_eq!(texts(&shared["output"]), ["a"]);
    let refused = run_of(&server, "v", add, json!({})).await;
    assert_eq!(refused["error"]["code"], "store_of_another_workflow", "{refused:#}");
}

#[tokio::test]
async fn a_replay_stores_what_it_adds_and_embeds_nothing_again() {
    let upstream = upstream(|_| false).await;
    let server = TestServer::start().await;
    let document = document(&upstream, "").replace("{ of: <api.source> }", "{ of: x }");
    server.publish("w", &document).await;
    let add = |source: &str| json!({ "action": "add", "text": "a text", "source": source });
    let run = run_of(&server, "w", add("s"), json!({})).await;
    let path = format!("/v1/runs/{}/replay", run["id"].as_str().unwrap());
    for (body, total) in [(json!({ "input": add("t") }), 2), (json!({ "all": false }), 2)] {
        let (status, again) = answer(server.post(&path, ADMIN_KEY).json(&body)).await;
        assert_eq!((status, &again["output"]["total"]), (200, &json!(total)), "{again:#}");
        assert_eq!(upstream.received().len(), 1);
    }
    let found = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(texts(&found), ["a text", "a text"], "{found:#}");
}

#[tokio::test]
async fn what_a_user_added_is_erased() {
    let upstream = upstream(|_| false).await;
    let server = TestServer::start().await;
    server.publish("w", &document(&upstream, "")).await;
    for user in ["ann", "bob"] {
        let input = json!({ "action": "add", "text": format!("a {user}"), "source": user });
        run_of(&server, "w", input, json!({ "user": user })).await;
    }
    let (status, job) =
        answer(server.request(Method::DELETE, "/v1/users/ann/runs", ADMIN_KEY)).await;
    assert_eq!(status, 202, "{job}");
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    until(|| server.get(&path, ADMIN_KEY), |job| !job["ended_at"].is_null()).await;
    let found = output(&server, json!({ "action": "search", "text": "a" })).await;
    assert_eq!(texts(&found), ["a bob"]);
}

/// Killed while the last of three requests is open: the two others are not made again.
#[tokio::test]
async fn a_kill_embeds_nothing_again_and_adds_nothing_twice() {
    let upstream = upstream(|before| before == 2).await;
    let before = Alive::start(&document(&upstream, "")).await;
    let text = (0..70).map(|_| "a".repeat(80)).collect::<Vec<_>>().join("\n\n");
    let start = |url: &str| {
        let start = before.at().client.post(format!("{url}/v1/workflows/w/runs"));
        start.bearer_auth(ADMIN_KEY)
    };
    let body = json!({ "input": { "action": "add", "text": text } });
    let request = start(before.at().url).header("prefer", "respond-async").json(&body);
    let run = answer(request).await.1["id"].as_str().unwrap().to_owned();
    upstream.until(|all| all.len() == 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let client = before.at().client.clone();
    let after = before.kill_and_restart().await;
    let ended = after.at().ended(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended:#}");
    assert_eq!((&ended["output"]["chunks"], &ended["output"]["total"]), (&json!(70), &json!(70)));
    assert_eq!(upstream.received().len(), 4);
    let again = client.post(format!("{}/v1/workflows/w/runs", after.at().url));
    let (_, again) = answer(again.bearer_auth(ADMIN_KEY).json(&body)).await;
    assert_eq!(again["output"]["total"], 70, "{again:#}");
}
