//! Runs that repeat earlier ones: what they take over is counted at a model that is a fake.

mod drafts;
mod many;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::http::{Method, StatusCode};
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// Models of five paid nodes. The third refuses at first.
pub(super) struct Models {
    pub(super) receiver: Receiver,
    refuses: Arc<AtomicBool>,
}

impl Models {
    pub(super) async fn refusing() -> Self {
        let refuses = Arc::new(AtomicBool::new(true));
        let asked = refuses.clone();
        let receiver = Receiver::start(move |request, _| {
            let node = request.uri.path().split('/').nth(1).unwrap_or_default().to_owned();
            if node == "n3" && asked.load(Relaxed) {
                let error =
                    json!({ "error": { "message": "no", "type": "invalid_request_error" } });
                return Reply::Now(StatusCode::BAD_REQUEST, error.to_string());
            }
            Reply::Now(StatusCode::OK, spoken(&format!("said by {node}")))
        })
        .await;
        Self { receiver, refuses }
    }

    pub(super) fn answer(&self) {
        self.refuses.store(false, Relaxed);
    }

    /// How often each of the five was asked.
    pub(super) fn asked(&self) -> [usize; 5] {
        [1, 2, 3, 4, 5].map(|n| self.receiver.count(&format!("/n{n}/v1/chat/completions")))
    }

    pub(super) fn document(&self) -> String {
        let node = |n: usize| {
            let prompt =
                if n == 1 { "<api.topic>".to_owned() } else { format!("<a{}.content>", n - 1) };
            format!(
                "  - {{ id: a{n}, type: agent, model: openai/gpt-5-mini, api_key: none, \
                 base_url: \"{}/n{n}/v1\", prompt: \"{prompt}\" }}\n",
                self.receiver.url
            )
        };
        let nodes: String = (1..=5).map(node).collect();
        format!(
            "input: [{{ name: topic, type: string, default: cats }}]\nnodes:\n{nodes}output: {{ \
             last: <a5.content>, first: <a1.content>, cost: <a1.cost> }}\n"
        )
    }
}

/// A stream of OpenAI's, with 10 tokens in and 5 out.
fn spoken(text: &str) -> String {
    let delta = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let usage = json!({
        "choices": [],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 }
    });
    let frames = [delta, end, usage].map(|frame| format!("data: {frame}\n\n"));
    frames.concat() + "data: [DONE]\n\n"
}

/// Starts a run, or repeats one, and returns it once it has ended.
async fn ended(server: &TestServer, request: RequestBuilder) -> Value {
    let (status, run) = answer(request).await;
    assert!([200, 202].contains(&status), "{status} {run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await
}

fn replay(server: &TestServer, run: &Value, body: &Value) -> RequestBuilder {
    let path = format!("/v1/runs/{}/replay", run["id"].as_str().unwrap());
    server.post(&path, ADMIN_KEY).json(body)
}

/// `node` to whether its calls were made by the origin.
async fn reused(server: &TestServer, run: &Value) -> Vec<(String, bool)> {
    let path = format!("/v1/runs/{}/trace", run["id"].as_str().unwrap());
    let (_, trace) = answer(server.get(&path, ADMIN_KEY)).await;
    let nodes = trace["nodes"].as_array().unwrap().iter();
    let calls = nodes.filter(|node| !node["calls"].as_array().unwrap().is_empty());
    calls.map(|node| (node["node"].as_str().unwrap().to_owned(), node["reused"] == true)).collect()
}

#[tokio::test]
async fn a_failed_run_goes_on_from_its_failed_node() {
    for prefer in ["wait=60", "respond-async"] {
        let (server, models) = (TestServer::start().await, Models::refusing().await);
        server.publish("w", &models.document()).await;
        let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", prefer);
        let failed = ended(&server, start.json(&json!({}))).await;
        assert_eq!((&failed["status"], &failed["error"]["node"]), (&json!("failed"), &json!("a3")));
        assert_eq!(models.asked(), [1, 1, 1, 0, 0]);
        models.answer();

        let again = replay(&server, &failed, &json!({})).header("prefer", prefer);
        let run = ended(&server, again).await;
        assert_eq!(models.asked(), [1, 1, 2, 1, 1], "{prefer}: two are not asked again");
        assert_eq!((&run["status"], &run["origin"]), (&json!("succeeded"), &failed["id"]), "{run}");
        assert_eq!(run["output"]["last"], "said by n5");
        // Of the three that it asked.
        assert_eq!(run["usage"]["tokens"], 45, "{run}");
        let expected = [("a1", true), ("a2", true), ("a3", false), ("a4", false), ("a5", false)];
        let expected = expected.map(|(node, is_reused)| (node.to_owned(), is_reused));
        assert_eq!(reused(&server, &run).await, expected);

        // A rerun of the rerun has what both have made.
        let from = json!({ "from": "a5" });
        let third = ended(&server, replay(&server, &run, &from).header("prefer", prefer)).await;
        assert_eq!(models.asked(), [1, 1, 2, 1, 2]);
        assert_eq!((&third["output"], &third["origin"]), (&run["output"], &run["id"]));
        assert_eq!(third["usage"]["tokens"], 15);
        // What succeeded is made anew as a whole, unless something is asked for.
        let whole = ended(&server, replay(&server, &third, &json!({}))).await;
        assert_eq!((models.asked(), &whole["output"]), ([2, 2, 3, 2, 3], &run["output"]));
        let nothing = ended(&server, replay(&server, &whole, &json!({ "all": false }))).await;
        assert_eq!((models.asked(), &nothing["output"]), ([2, 2, 3, 2, 3], &run["output"]));
        let none = json!({
            "tokens": 0, "input_tokens": 0, "output_tokens": 0, "cost_nano_usd": 0
        });
        assert_eq!(nothing["usage"], none);
        ended(&server, replay(&server, &nothing, &json!({ "from": "a1" }))).await;
        assert_eq!(models.asked(), [3, 3, 4, 3, 4]);
    }
}

#[tokio::test]
async fn edited_input_and_another_version() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    models.answer();
    server.publish("w", &models.document()).await;
    let run = ended(&server, server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(models.asked(), [1; 5]);
    // Only the first node reads it, and it says the same again.
    let body = json!({ "input": { "topic": "dogs" } });
    let edited = ended(&server, replay(&server, &run, &body)).await;
    assert_eq!((models.asked(), &edited["input"]), ([2, 1, 1, 1, 1], &body["input"]));
    // The fourth is asked something else, the second is gone, and the fifth says what it said.
    let document =
        models.document().replace("prompt: \"<a3.content>\"", "prompt: \"<a3.content>!\"");
    let second = document.lines().find(|line| line.contains("id: a2,")).unwrap();
    let document =
        document.replace(&format!("{second}\n"), "").replace("<a2.content>", "said by n2");
    server.publish("w", &document).await;
    let body = json!({ "version": "1.0.1" });
    let newer = ended(&server, replay(&server, &edited, &body)).await;
    assert_eq!((newer["status"].as_str(), models.asked()), (Some("succeeded"), [2, 1, 1, 2, 1]));
    assert_eq!(newer["version"], "1.0.1");
    for (body, pointers) in [
        (json!({ "input": { "topic": 1, "more": 2 }, "from": "nobody" }), 3),
        (json!({ "all": true, "from": "a1" }), 1),
        (json!({ "from": 1, "inputs": {} }), 2),
    ] {
        let (status, problem) = answer(replay(&server, &run, &body)).await;
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!((status, errors.len()), (400, pointers), "{problem}");
    }
    let (status, problem) = answer(replay(&server, &run, &json!({ "version": "9.0.0" }))).await;
    assert_eq!((status, &problem["code"]), (404, &json!("version_not_found")));
    assert_eq!(models.asked(), [2, 1, 1, 2, 1]);
}

/// The call succeeded; what it said was of no use.
#[tokio::test]
async fn a_node_that_failed_after_its_calls_makes_them_anew() {
    let scored = |score: u8| spoken(&json!({ "reason": "x", "score": score }).to_string());
    let receiver = Receiver::start(move |_, before| {
        Reply::Now(StatusCode::OK, scored(if before == 0 { 99 } else { 7 }))
    })
    .await;
    let server = TestServer::start().await;
    let model = |node: &str| {
        format!("model: openai/m, api_key: none, base_url: \"{}/{node}/v1\"", receiver.url)
    };
    let (say, score) = (model("say"), model("score"));
    let document = format!(
        "nodes:\n  - {{ id: say, type: agent, prompt: Hi, {say} }}\n  - {{ id: score, type: \
         evaluator, text: <say.content>, criteria: good, {score} }}\noutput: {{ n: \
         <score.score> }}\n"
    );
    server.publish("w", &document).await;
    let failed = ended(&server, server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(failed["error"]["code"], "score_out_of_range", "{failed}");
    let asked = |node: &str| receiver.count(&format!("/{node}/v1/chat/completions"));
    assert_eq!((asked("say"), asked("score")), (1, 1));
    let again = ended(&server, replay(&server, &failed, &json!({}))).await;
    assert_eq!((asked("say"), asked("score")), (1, 2), "{again}");
    assert_eq!((&again["status"], &again["output"]["n"]), (&json!("succeeded"), &json!(7)));
    // Once is the author's word, whatever became of it.
    let once = document.replace("criteria: good,", "criteria: good, max: 5, at_most_once: true,");
    server.publish("w", &once).await;
    let failed = ended(&server, server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(failed["error"]["code"], "score_out_of_range", "{failed}");
    let again = ended(&server, replay(&server, &failed, &json!({}))).await;
    assert_eq!((&again["status"], asked("score")), (&json!("failed"), 3), "{again}");
}

/// A loop, an approval and a failure: what was answered stays so.
#[tokio::test]
async fn an_approval_stays_answered_and_a_loop_goes_on() {
    let broken = Arc::new(AtomicBool::new(true));
    let fails = broken.clone();
    let receiver = Receiver::start(move |request, _| {
        let is_refused = request.uri.path() == "/each/2" && fails.load(Relaxed);
        let status = if is_refused { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        Reply::Now(status, "{}".to_owned())
    })
    .await;
    let server = TestServer::start().await;
    let document = format!(
        r#"
input: [{{ name: who, type: string, default: ann }}]
nodes:
  - {{ id: ok, type: approval, message: "Go?" }}
  - id: each
    type: loop
    for: 4
    after: [ok]
    nodes: [{{ id: get, type: http, url: "{}/each/<loop.index>" }}]
output: {{ by: <ok.by>, n: <each.results> }}
"#,
        receiver.url
    );
    server.publish("w", &document).await;
    let (status, run) = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!(status, 202, "{run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let (status, problem) = answer(replay(&server, &run, &json!({}))).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_ended")));
    let given = json!({ "approved": true, "data": {} });
    let resume = server.post(&format!("{path}/resume"), ADMIN_KEY).json(&given);
    assert_eq!(answer(resume).await.0, 202);
    let failed = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    broken.store(false, Relaxed);
    let again = ended(&server, replay(&server, &failed, &json!({}))).await;
    assert_eq!(again["status"], "succeeded", "{again}");
    assert_eq!([0, 1, 2, 3].map(|n| receiver.count(&format!("/each/{n}"))), [1, 1, 2, 1]);
    // An answer was for the input and the version of its run.
    for edited in [json!({ "input": { "who": "eve" } }), json!({ "version": "1.0.1" })] {
        server.publish("w", &format!("{document}# more\n")).await;
        let (status, asks) = answer(replay(&server, &again, &edited)).await;
        assert_eq!((status, &asks["status"]), (202, &json!("waiting")), "{asks}");
    }
    // What it has taken over outlives its origin.
    let asked = "nodes:\n  - { id: say, type: function, code: return 1 }\n  - { id: ok, type: \
                 approval, message: \"Go?\", after: [say] }\noutput: { by: <say.result> }\n";
    server.publish("v", asked).await;
    let (status, run) = answer(server.post("/v1/workflows/v/runs", ADMIN_KEY)).await;
    assert_eq!(status, 202, "{run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let cancelled = answer(server.post(&format!("{path}/cancel"), ADMIN_KEY)).await;
    assert!([200, 202].contains(&cancelled.0), "{}", cancelled.1);
    let cancelled = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    let (status, waits) = answer(replay(&server, &cancelled, &json!({}))).await;
    assert_eq!((status, &waits["status"]), (202, &json!("waiting")), "{waits}");
    let deleted = server.request(Method::DELETE, &path, ADMIN_KEY).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let path = format!("/v1/runs/{}", waits["id"].as_str().unwrap());
    let resume = server.post(&format!("{path}/resume"), ADMIN_KEY).json(&given);
    assert_eq!(answer(resume).await.0, 202);
    let run = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!((&run["status"], &run["output"]["by"]), (&json!("succeeded"), &json!(1)), "{run}");
    // From the question on, it is asked again.
    let (status, asks) = answer(replay(&server, &again, &json!({ "from": "ok" }))).await;
    assert_eq!((status, &asks["status"]), (202, &json!("waiting")), "{asks}");
}

#[tokio::test]
async fn what_is_not_saved_leaves_nothing_to_take_over() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    server.publish("w", &models.document()).await;
    let body = json!({ "save": false });
    let run = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&body)).await.1;
    assert_eq!(answer(replay(&server, &run, &json!({}))).await.0, 410);
}

#[tokio::test]
async fn a_replay_obeys_its_idempotency_key() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    server.publish("w", &models.document()).await;
    let failed = ended(&server, server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    models.answer();
    let once = |body: Value| replay(&server, &failed, &body).header("idempotency-key", "k");
    let first = ended(&server, once(json!({}))).await;
    assert_eq!(answer(once(json!({}))).await.1["id"], first["id"]);
    assert_eq!(answer(once(json!({ "from": "a3" }))).await.0, 422);
    assert_eq!(models.asked(), [1, 1, 2, 1, 1]);
}
