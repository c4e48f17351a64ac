//! OpenAI's API: models, chat completions, responses, and requests that are repeated.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

mod repeats;
mod responses;

const SAY: &str = r#"
input: [{ name: prompt, type: string }, { name: system, type: string, default: none },
    { name: n, type: number, default: 1 }]
nodes: [{ id: say, type: template, template: "<api.system>: <api.prompt> x<api.n>" }]
output: { said: <say.content> }
"#;
const STORY: &str = r#"
input: [{ name: prompt, type: string }]
nodes: [{ id: draft, type: agent, model: offline/echo, echo_delay: 20ms, prompt: "<api.prompt>" }]
output: { story: <draft.content> }
"#;
const FAILS: &str = r#"
nodes: [{ id: code, type: function, code: "throw new Error('no luck')" }]
output: { x: <code.result> }
"#;

fn chat(server: &TestServer, key: &str, body: &Value) -> RequestBuilder {
    server.post("/v1/chat/completions", key).json(body)
}

fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

/// The data of a stream's frames; `[DONE]` as a string.
async fn streamed(request: RequestBuilder) -> Vec<Value> {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let text = response.text().await.unwrap();
    let frames = text
        .split("\n\n")
        .filter_map(|frame| frame.lines().find_map(|line| line.strip_prefix("data: ")));
    frames.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

async fn runs(server: &TestServer, workflow: &str) -> usize {
    let listed = answer(server.get(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)).await.1;
    listed["items"].as_array().unwrap().len()
}

/// A workflow whose runs wait for the receiver.
async fn hanging(server: &TestServer) -> Receiver {
    let receiver =
        Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "\"late\"".to_owned())).await;
    let document = format!(
        "input: [{{ name: prompt, type: string, default: x }}]\n\
         nodes: [{{ id: call, type: http, url: \"{}/\" }}]\n\
         output: {{ said: <call.data> }}\n",
        receiver.url
    );
    server.publish("hangs", &document).await;
    receiver
}

#[tokio::test]
async fn models_are_the_published_workflows_of_the_key() {
    let server = TestServer::start().await;
    for id in ["mine", "other"] {
        server.publish(id, SAY).await;
    }
    let draft = server.request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(SAY);
    assert!(draft.send().await.unwrap().status().is_success());
    let key = server.key(&["mine", "draft"], &["run"]).await;
    let ids = async |key: &str| {
        let (status, models) = answer(server.get("/v1/models", key)).await;
        assert_eq!((status, &models["object"]), (200, &json!("list")));
        let ids = models["data"].as_array().unwrap().iter();
        ids.map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&key).await, ["mine"]);
    assert_eq!(ids(ADMIN_KEY).await, ["mine", "other"]);
    for id in ["mine", "mine@1.0.0"] {
        let (status, model) = answer(server.get(&format!("/v1/models/{id}"), &key)).await;
        assert_eq!((status, &model["id"], &model["object"]), (200, &json!(id), &json!("model")));
        assert!(model["created"].as_i64().unwrap() > 1_500_000_000);
    }
    for id in ["other", "draft", "nothing", "mine@9.9.9", "mine%2Fx", "mine@"] {
        let (status, refused) = answer(server.get(&format!("/v1/models/{id}"), &key)).await;
        let error = &refused["error"];
        assert_eq!(
            (status, &error["code"], &error["param"], &error["type"]),
            (404, &json!("model_not_found"), &json!("model"), &json!("invalid_request_error")),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_chat_runs_the_workflow() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    let key = server.key(&["say"], &["run"]).await;
    let messages = json!([
        { "role": "system", "content": "kind" },
        { "role": "user", "content": "first" },
        { "role": "assistant", "content": "yes?" },
        { "role": "user", "content": [{ "type": "text", "text": "hi" }] },
    ]);
    let body = json!({
        "model": "say@1.0.0", "messages": messages, "input": { "n": 2 }, "temperature": 0.3,
        "tools": [], "n": 1, "response_format": { "type": "json_object" }, "what": "ever",
    });
    let response = chat(&server, &key, &body).send().await.unwrap();
    let run = response.headers()["x-run-id"].to_str().unwrap().to_owned();
    let mut completion: Value = response.json().await.unwrap();
    assert!(completion["created"].take().as_i64().unwrap() > 1_500_000_000);
    assert_eq!(
        completion,
        json!({
            "id": run, "object": "chat.completion", "created": null, "model": "say@1.0.0",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": "kind: hi x2", "refusal": null },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
        })
    );
    let stored = answer(server.get(&format!("/v1/runs/{run}"), ADMIN_KEY)).await.1;
    assert_eq!(stored["input"], json!({ "prompt": "hi", "system": "kind", "n": 2 }));
    // What the caller names itself wins.
    let body = json!({ "model": "say", "messages": user("no"), "input": { "prompt": "yes" } });
    let (_, completion) = answer(chat(&server, &key, &body)).await;
    assert_eq!(completion["choices"][0]["message"]["content"], "none: yes x1");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_made() {
    let server = TestServer::start().await;
    server.publish("say", SAY).await;
    for (body, code, param) in [
        (json!({ "model": "say", "messages": [] }), "invalid_input", "messages"),
        (json!({ "messages": user("x") }), "invalid_input", "model"),
        (json!({ "model": 5, "messages": user("x") }), "invalid_input", "model"),
        (
            json!({ "model": "say", "messages": [{ "role": "system", "content": "x" }] }),
            "invalid_input",
            "input.prompt",
        ),
        (
            json!({ "model": "say", "messages": user("x"), "input": { "n": "2", "m": 1 } }),
            "invalid_input",
            "input.n",
        ),
        (
            json!({ "model": "say", "messages": user("x"), "tools": [{}], "n": 2 }),
            "unsupported_parameter",
            "tools",
        ),
        (json!({ "model": "say", "messages": user("x"), "n": 2 }), "unsupported_parameter", "n"),
        (
            json!({ "model": "say", "messages": user("x"), "user": "u".repeat(257) }),
            "invalid_input",
            "user",
        ),
    ] {
        let (status, refused) = answer(chat(&server, ADMIN_KEY, &body)).await;
        let error = &refused["error"];
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(param)),
            "{body}: {refused}"
        );
    }
    // The model goes before all else that is wrong.
    let body = json!({ "model": "nothing", "messages": 5, "tools": [{}] });
    assert_eq!(answer(chat(&server, ADMIN_KEY, &body)).await.0, 404);
    assert_eq!(runs(&server, "say").await, 0);
}

#[tokio::test]
async fn a_chat_is_streamed_as_its_agent_says_it() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let body = json!({
        "model": "story", "messages": user("one two three four"), "stream": true,
        "stream_options": { "include_usage": true },
    });
    let frames = streamed(chat(&server, ADMIN_KEY, &body)).await;
    let (last, chunks) = frames.split_last().unwrap();
    assert_eq!(last, "[DONE]");
    let (usage, chunks) = chunks.split_last().unwrap();
    let total = usage["usage"]["total_tokens"].as_u64().unwrap();
    let parts = ["prompt_tokens", "completion_tokens"].map(|name| usage["usage"][name].as_u64());
    assert!(parts.iter().all(|part| part.unwrap() > 0), "{usage}");
    assert_eq!(parts.iter().flatten().sum::<u64>(), total);
    assert_eq!(usage["choices"], json!([]));
    let deltas = chunks.iter().filter_map(|chunk| {
        assert_eq!(chunk["id"], chunks[0]["id"], "one id");
        chunk["choices"][0]["delta"]["content"].as_str()
    });
    let deltas: Vec<&str> = deltas.collect();
    assert!(deltas.len() > 3, "{deltas:?}");
    assert_eq!(deltas.concat(), "one two three four");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    let run = chunks[0]["id"].as_str().unwrap();
    let run = answer(server.get(&format!("/v1/runs/{run}"), ADMIN_KEY)).await.1;
    assert_eq!(run["usage"]["input_tokens"], usage["usage"]["prompt_tokens"]);
}

#[tokio::test]
async fn a_run_that_fails_is_an_error_that_no_client_repeats() {
    let server = TestServer::start().await;
    server.publish("fails", FAILS).await;
    let body = json!({ "model": "fails", "messages": user("x") });
    let (status, failed) = answer(chat(&server, ADMIN_KEY, &body)).await;
    let error = &failed["error"];
    assert_eq!(
        (status, &error["type"], &error["code"]),
        (422, &json!("workflow_error"), &json!("code_error"))
    );
    assert!(error["message"].as_str().unwrap().contains("no luck"), "{error}");
    let body = json!({ "model": "fails", "messages": user("x"), "stream": true });
    let frames = streamed(chat(&server, ADMIN_KEY, &body)).await;
    let last = frames.last().unwrap();
    assert_eq!(last["error"]["type"], "workflow_error", "the last frame is the error: {frames:?}");
}

#[tokio::test]
async fn a_run_that_outlasts_the_wait_is_named() {
    let wait = std::time::Duration::from_millis(300);
    let server = TestServer::start_with(|settings| settings.longest_wait = wait).await;
    let receiver = hanging(&server).await;
    let body = json!({ "model": "hangs", "messages": user("x") });
    let (status, going) = answer(chat(&server, ADMIN_KEY, &body)).await;
    assert_eq!((status, &going["error"]["code"]), (422, &json!("run_still_going")));
    let message = going["error"]["message"].as_str().unwrap();
    let run = message.split(' ').find(|word| word.starts_with("run_")).unwrap();
    let read = || server.get(&format!("/v1/responses/{run}"), ADMIN_KEY);
    let (_, waiting) = answer(read()).await;
    let is_open = ["queued", "in_progress"].contains(&waiting["status"].as_str().unwrap());
    assert!(is_open, "{waiting}");
    receiver.let_go();
    let done = until(read, |response| response["status"] == "completed").await;
    assert_eq!(done["output"][0]["content"][0]["text"], "late");
}

#[tokio::test]
async fn files_in_a_message_become_files_of_the_run() {
    let server = TestServer::start().await;
    let document = "input: [{ name: text, type: string }, { name: doc, type: file }]\n\
                    nodes: [{ id: a, type: template, template: '<api.text>' }]\n\
                    output: { doc: <api.doc>, text: <a.content> }\n";
    server.publish("files", document).await;
    let part = |url: &str| {
        json!([{ "role": "user", "content": [
            { "type": "text", "text": "see" },
            { "type": "file", "file": { "file_data": url, "filename": "../a b.txt" } },
        ] }])
    };
    let body = json!({ "model": "files", "messages": part("data:text/plain;base64,aGk=") });
    let (status, completion) = answer(chat(&server, ADMIN_KEY, &body)).await;
    assert_eq!((status, &completion["choices"][0]["message"]["content"]), (200, &json!("see")));
    let path = format!("/v1/runs/{}", completion["id"].as_str().unwrap());
    let doc = &answer(server.get(&path, ADMIN_KEY)).await.1["input"]["doc"];
    assert_eq!(
        (&doc["name"], &doc["type"], &doc["size"]),
        (&json!("a b.txt"), &json!("text/plain"), &json!(2))
    );
    let path = format!("/v1/files/{}", doc["$file"].as_str().unwrap());
    let bytes = server.get(&path, ADMIN_KEY).send().await.unwrap().text().await.unwrap();
    assert_eq!(bytes, "hi");
    let before = runs(&server, "files").await;
    for wrong in ["data:text/plain;base64,???", "data:text/plain,hi"] {
        let body = json!({ "model": "files", "messages": part(wrong) });
        let (status, refused) = answer(chat(&server, ADMIN_KEY, &body)).await;
        assert_eq!(
            (status, &refused["error"]["param"]),
            (400, &json!("messages[0].content[1]")),
            "{refused}"
        );
    }
    assert_eq!(runs(&server, "files").await, before);
}
