//! Pictures, speech and predictions, over real HTTP, with fakes of the vendors that refuse what the
//! vendors refuse.

use std::time::Duration;

use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use flowgate_tests::vendors::{KEY, Vendors, picture};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::fixture::until;

const SMALL: usize = 2_000;

struct World {
    server: TestServer,
    vendors: Vendors,
}

impl World {
    async fn start() -> Self {
        let (server, vendors) = (TestServer::start().await, Vendors::start(SMALL, 3).await);
        set_secrets(&server.client, &server.url, &vendors).await;
        Self { server, vendors }
    }

    async fn run(&self, document: &str, input: Value) -> Value {
        self.server.publish("w", document).await;
        let start = self.server.post("/v1/workflows/w/runs", ADMIN_KEY);
        let run = start.json(&json!({ "input": input })).send().await.unwrap();
        run.json().await.unwrap()
    }

    async fn output(&self, document: &str, input: Value) -> Value {
        let mut run = self.run(document, input).await;
        assert_eq!(run["status"], "succeeded", "{run:#}");
        run["output"].take()
    }

    async fn failure(&self, document: &str, input: Value) -> (String, String) {
        let run = self.run(document, input).await;
        assert_eq!(run["status"], "failed", "{run:#}");
        let id = run["id"].as_str().unwrap();
        let trace =
            self.server.get(&format!("/v1/runs/{id}/trace"), ADMIN_KEY).send().await.unwrap();
        let shown = format!("{run}{}", trace.text().await.unwrap());
        assert!(!shown.contains(KEY), "{shown}");
        let text = |name: &str| run["error"][name].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    async fn upload(&self, name: &str, media_type: &str, bytes: Vec<u8>) -> Value {
        let path = format!("/v1/files?name={name}");
        let upload = self.server.post(&path, ADMIN_KEY).header("content-type", media_type);
        let answer = upload.body(bytes).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    async fn bytes_at(&self, url: &Value) -> Vec<u8> {
        let path = url.as_str().unwrap().strip_prefix(&self.server.public_url).unwrap();
        let answer = self.server.get(path, ADMIN_KEY).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap().to_vec()
    }
}

async fn set_secrets(client: &Client, url: &str, vendors: &Vendors) {
    for (name, value) in vendors.secrets() {
        let set = client.put(format!("{url}/v1/secrets/{name}")).bearer_auth(ADMIN_KEY);
        let set = set.json(&json!({ "value": value })).send().await.unwrap();
        assert!(set.status().is_success(), "{name}");
    }
}

const DRAW: &str = "
input: [{ name: model, type: string }, { name: prompt, type: string, default: A fox }]
nodes: [{ id: p, type: image, model: <api.model>, prompt: <api.prompt> }]
output: { url: <p.url>, image: <p.image>, count: '<p.images>', cost: <p.cost>, model: <p.model> }
";

#[tokio::test]
async fn pictures_of_every_provider_become_files() {
    let world = World::start().await;
    for (model, cost) in [
        // 20 tokens at $5 and 1,000 at $40 per million.
        ("openai/gpt-image-1", json!(0.0401)),
        ("openai/dall-e-3", json!(0.04)),
        ("openai/gpt-image-2.5-flare", Value::Null),
        ("stability/core", json!(0.03)),
        ("stability/sd3.5-large", json!(0.065)),
        // 10 tokens at $0.3 and 1,290 at $30 per million.
        ("gemini/gemini-2.5-flash-image", json!(0.038703)),
        ("google/imagen-4.0-generate-001", json!(0.04)),
    ] {
        let output = world.output(DRAW, json!({ "model": model })).await;
        assert_eq!((&output["cost"], &output["model"]), (&cost, &json!(model)));
        let image = &output["image"];
        assert_eq!((&image["type"], &image["name"]), (&json!("image/png"), &json!("picture.png")));
        assert_eq!(image["size"], SMALL, "{model}");
        assert_eq!(world.bytes_at(&output["url"]).await, picture(SMALL), "{model}");
    }
}

#[tokio::test]
async fn a_failure_has_the_words_of_the_vendor_and_no_key() {
    let world = World::start().await;
    for (model, prompt, code, message) in [
        ("openai/gpt-image-1", "busy", "model_error", "Rate limit reached"),
        ("openai/gpt-image-1", "filtered", "filter", "rejected by the safety system"),
        ("openai/gpt-image-1", "broken", "model_error", "openai answered 500: oops ***"),
        ("openai/gpt-image-1", "error in 200", "model_error", "quota is gone"),
        ("openai/gpt-image-1", "page", "invalid_answer", "no picture"),
        ("openai/gpt-image-1", "garbage", "invalid_answer", "should be base64 is not"),
        ("openai/gpt-image-1", "half", "invalid_answer", "is cut off"),
        ("openai/gpt-image-1", "cut", "invalid_answer", "cut off"),
        ("stability/ultra", "filtered", "filter", "CONTENT_FILTERED"),
        ("gemini/gemini-3-pro-image", "filtered", "filter", "the prompt was blocked: SAFETY"),
        ("stability/sdxl", "x", "unknown_model", "core, ultra and those of sd3"),
        ("anthropic/claude", "x", "unknown_model", "ANTHROPIC_BASE_URL"),
        ("fox", "x", "unknown_model", "provider/model"),
        ("openai/../../x", "x", "unknown_model", "is not the name of a model"),
    ] {
        let input = json!({ "model": model, "prompt": prompt });
        let (found, said) = world.failure(DRAW, input).await;
        assert_eq!(found, code, "{model} {prompt}: {said}");
        assert!(said.contains(message), "{model} {prompt}: {said}");
    }
    let set = world.server.request(Method::PUT, "/v1/secrets/STABILITY_API_KEY", ADMIN_KEY);
    set.json(&json!({ "value": "sk-wrong-wrong-wrong" })).send().await.unwrap();
    let (code, said) = world.failure(DRAW, json!({ "model": "stability/core" })).await;
    assert_eq!(code, "model_error");
    assert!(said.contains("Incorrect API key") && !said.contains("sk-wrong"), "{said}");
}

#[tokio::test]
async fn a_busy_vendor_is_asked_again_and_each_picture_once() {
    let world = World::start().await;
    let document = "
nodes:
  - { id: p, type: image, model: openai/gpt-image-1, prompt: busy, n: 3,
      retry: { max_attempts: 2 } }
output: { images: <p.images>, cost: <p.cost> }
";
    let output = world.output(document, json!({})).await;
    assert_eq!(output["images"].as_array().unwrap().len(), 3);
    assert_eq!(output["cost"], json!(0.1203));
    assert_eq!(world.vendors.count("POST /v1/images/generations"), 4);
}

#[tokio::test]
async fn what_a_vendor_keeps_at_an_address_is_fetched_without_the_key() {
    let world = World::start().await;
    let input = json!({ "model": "openai/dall-e-3", "prompt": "address" });
    let output = world.output(DRAW, input).await;
    assert_eq!(world.bytes_at(&output["url"]).await, picture(SMALL));
    let seen = world.vendors.seen();
    let fetched = seen.iter().find(|seen| seen.what == "GET /out/picture.png").unwrap();
    assert!(!fetched.headers.contains_key("authorization"));
}

#[tokio::test]
async fn uploaded_pictures_are_edited() {
    let world = World::start().await;
    let document = "
input: [{ name: model, type: string }, { name: photo, type: file }]
nodes: [{ id: p, type: image, model: <api.model>, prompt: Blue, image: <api.photo> }]
output: { image: <p.image> }
";
    let photo = world.upload("a.png", "image/png", picture(500)).await;
    for (model, what) in [
        ("openai/gpt-image-1", "POST /v1/images/edits"),
        ("stability/sd3.5-large", "POST /v2beta/stable-image/generate/sd3"),
        ("gemini/gemini-3-pro-image", "POST /v1beta/models/gemini-3-pro-image:generateContent"),
    ] {
        world.output(document, json!({ "model": model, "photo": photo })).await;
        let seen = world.vendors.seen();
        let sent = &seen.iter().find(|seen| seen.what == what).unwrap().body;
        let file = json!({ "filename": "image.png", "type": "image/png", "size": 500 });
        let inline = sent.pointer("/contents/0/parts/1/inlineData/mimeType");
        assert!(sent["image"] == file || inline == Some(&json!("image/png")), "{model} {sent}");
    }
    let seen = world.vendors.seen().len();
    let lie = world.upload("a.jpg", "image/jpeg", picture(500)).await;
    let (code, said) =
        world.failure(document, json!({ "model": "openai/gpt-image-1", "photo": lie })).await;
    assert_eq!((code.as_str(), said.contains("says it is image/jpeg")), ("invalid_file", true));
    let page = world.upload("a.png", "image/png", b"<html>".to_vec()).await;
    let (code, said) =
        world.failure(document, json!({ "model": "openai/gpt-image-1", "photo": page })).await;
    assert_eq!((code.as_str(), said.contains("is no picture")), ("invalid_file", true));
    assert_eq!(world.vendors.seen().len(), seen, "nothing went out");
}

#[tokio::test]
async fn speech_goes_both_ways() {
    let world = World::start().await;
    let document = "
input: [{ name: speaks, type: string }, { name: hears, type: string }]
nodes:
  - { id: say, type: speech, model: <api.speaks>, text: Hello Ada., voice: Puck }
  - { id: hear, type: speech, model: <api.hears>, audio: <say.audio>, language: en }
output: { url: <say.url>, audio: <say.audio>, text: <hear.text>, said: <say.cost>,
  heard: <hear.cost>, duration: <hear.duration> }
";
    let input = json!({ "speaks": "openai/tts-1", "hears": "openai/whisper-1" });
    let output = world.output(document, input).await;
    assert_eq!(world.bytes_at(&output["url"]).await[..4], *b"ID3\x04");
    assert_eq!(output["audio"]["name"], "speech.mp3");
    assert_eq!(
        (&output["text"], &output["said"], &output["heard"], &output["duration"]),
        (&json!("Hello Ada."), &json!(0.00015), &json!(0.006), &json!(60.0))
    );
    let seen = world.vendors.seen();
    let heard = seen.iter().find(|seen| seen.what == "POST /v1/audio/transcriptions").unwrap();
    let file = json!({ "filename": "audio.mp3", "type": "audio/mpeg", "size": 2_004 });
    assert_eq!(heard.body["file"], file);
    let model = "gemini/gemini-2.5-flash-preview-tts";
    let input = json!({ "speaks": model, "hears": "gemini/gemini-3-flash" });
    let output = world.output(document, input).await;
    assert_eq!(
        (&output["audio"]["type"], &output["audio"]["size"]),
        (&json!("audio/wav"), &json!(48))
    );
    assert_eq!((&output["text"], &output["heard"]), (&json!("Hello Ada."), &Value::Null));
}

const UPSCALE: &str = "
input:
  - { name: prompt, type: string, default: x }
  - { name: photo, type: file, default: null }
nodes:
  - id: up
    type: replicate
    model: acme/upscale
    input: { prompt: <api.prompt>, image: <api.photo>, scale: 4 }
    every: 1s
    as_files: true
    retry: { max_attempts: 3, backoff: 10ms }
output: { files: <up.files>, url: <up.url>, output: <up.output>, seconds: <up.seconds>,
  cost: <up.cost> }
";
const START: &str = "POST /replicate/v1/models/acme/upscale/predictions";
const LOOK: &str = "GET /replicate/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu";

#[tokio::test]
async fn a_prediction_takes_files_and_leaves_files() {
    let world = World::start().await;
    for (size, is_uploaded) in [(1_000, false), (300_000, true)] {
        let photo = world.upload("a.png", "image/png", picture(size)).await;
        let output = world.output(UPSCALE, json!({ "photo": photo })).await;
        assert_eq!(output["files"][0]["type"], "image/png");
        assert_eq!((&output["seconds"], &output["cost"]), (&json!(2.5), &Value::Null));
        assert_eq!(output["output"], json!([format!("{}/out/upscaled.png", world.vendors.url)]));
        let seen = world.vendors.seen();
        let start = &seen.iter().rfind(|seen| seen.what == START).unwrap();
        let image = start.body["input"]["image"].as_str().unwrap();
        assert_eq!(start.body["input"]["scale"], 4);
        assert_eq!(start.headers["cancel-after"], "600s");
        if is_uploaded {
            assert_eq!(image, format!("{}/replicate/v1/files/f1", world.vendors.url));
            let upload = seen.iter().find(|seen| seen.what == "POST /replicate/v1/files").unwrap();
            assert_eq!(upload.body["content"]["size"], size);
        } else {
            assert!(image.starts_with("data:image/png;base64,iVBOR"), "{image}");
        }
    }
    let photo = world.upload("a.png", "image/png", picture(1_000)).await;
    let run = world.run(UPSCALE, json!({ "photo": photo })).await;
    assert_eq!(run["usage"]["tokens"], 0, "it blocks no budget of tokens: {run:#}");
    // A look that failed is followed by another one.
    assert_eq!(world.vendors.count(START), 3);
    assert!(world.vendors.count(LOOK) >= 4);
    let seen = world.vendors.seen();
    let fetched = seen.iter().find(|seen| seen.what == "GET /out/upscaled.png").unwrap();
    assert!(!fetched.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_start_is_repeated_only_where_it_proves_that_nothing_happened() {
    let world = World::start().await;
    let (code, said) = world.failure(UPSCALE, json!({ "prompt": "broken" })).await;
    assert_eq!(code, "model_error", "{said}");
    assert_eq!(world.vendors.count(START), 1, "a start that may have arrived goes out once");
    let (code, said) = world.failure(UPSCALE, json!({ "prompt": "fails" })).await;
    assert_eq!((code.as_str(), said.contains("CUDA out of memory")), ("prediction_failed", true));
    let world = World::start().await;
    world.output(UPSCALE, json!({ "prompt": "busy" })).await;
    assert_eq!(world.vendors.count(START), 2);
}

#[tokio::test]
async fn a_budget_refuses_what_has_no_known_price() {
    let world = World::start().await;
    let budget = "budget: { max_cost_usd: 1 }\n";
    let (code, _) = world.failure(&format!("{budget}{UPSCALE}"), json!({})).await;
    assert_eq!((code.as_str(), world.vendors.count(START)), ("budget_exhausted", 0));
    let document = format!("{budget}{DRAW}");
    world.output(&document, json!({ "model": "openai/gpt-image-1" })).await;
    world.output(&document, json!({ "model": "stability/core" })).await;
    let model = "openai/gpt-image-2.5-flare";
    let (code, _) = world.failure(&document, json!({ "model": model })).await;
    assert_eq!(code, "budget_exhausted");
    assert_eq!(world.vendors.count("POST /v1/images/generations"), 1);
    let two = "budget: { max_cost_usd: 0.03 }
nodes:
  - { id: a, type: image, model: stability/core, prompt: x }
  - { id: b, type: image, model: stability/core, prompt: x, after: [a] }
";
    assert_eq!(world.failure(two, json!({})).await.0, "budget_exhausted");
}

/// Starts a detached run on a process of its own.
async fn detached(process: &Process, client: &Client, document: &str) -> String {
    publish(client, &process.url, "w", document).await;
    let start = client.post(format!("{}/v1/workflows/w/runs", process.url)).bearer_auth(ADMIN_KEY);
    let start = start.header("prefer", "respond-async").json(&json!({ "input": {} }));
    let run: Value = start.send().await.unwrap().json().await.unwrap();
    run["id"].as_str().unwrap().to_owned()
}

async fn ended(process: &Process, client: &Client, id: &str) -> Value {
    let url = format!("{}/v1/runs/{id}", process.url);
    until(|| client.get(&url).bearer_auth(ADMIN_KEY), |run| !run["ended_at"].is_null()).await
}

async fn until_seen(vendors: &Vendors, what: &str, count: usize) {
    for _ in 0..600 {
        if vendors.count(what) >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: {:?}", vendors.seen().iter().map(|seen| &seen.what).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_kill_between_start_and_look_starts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (vendors, client) = (Vendors::start(SMALL, 5).await, Client::new());
    let process = Process::start(folder.path()).await;
    set_secrets(&client, &process.url, &vendors).await;
    let id = detached(&process, &client, UPSCALE).await;
    until_seen(&vendors, LOOK, 1).await;
    process.kill().await;
    let process = Process::start(folder.path()).await;
    let run = ended(&process, &client, &id).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    assert_eq!(run["output"]["files"].as_array().unwrap().len(), 1);
    assert_eq!(vendors.count(START), 1);
}

#[tokio::test]
async fn a_start_that_a_kill_interrupted_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (vendors, client) = (Vendors::start(SMALL, 1).await, Client::new());
    vendors.hold_starts(true);
    let process = Process::start(folder.path()).await;
    set_secrets(&client, &process.url, &vendors).await;
    let id = detached(&process, &client, UPSCALE).await;
    until_seen(&vendors, START, 1).await;
    process.kill().await;
    vendors.hold_starts(false);
    let process = Process::start(folder.path()).await;
    let run = ended(&process, &client, &id).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("interrupted")));
    assert_eq!(vendors.count(START), 1);
}
