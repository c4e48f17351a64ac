//! Sim: runs that wait for people, and how they are resumed, in both generations.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, json_of, until};

const ASKING: &str = r#"
input: [{ name: text, type: string, default: draft }]
nodes:
  - { id: ask, name: Ask Them, type: approval, message: "Send <api.text>?",
      fields: [{ name: text, value: <api.text> }] }
output: { approved: <ask.approved>, data: <ask.data> }
"#;
const TWICE: &str = r#"
nodes:
  - { id: first, type: approval, message: one? }
  - { id: second, type: approval, message: two?, after: [first] }
output: { first: <first.approved>, second: <second.approved> }
"#;

async fn asking(document: &str) -> (TestServer, String) {
    let server = TestServer::start().await;
    server.publish("w", document).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    (server, key)
}

/// Starts an execution, and returns its `_resume`.
async fn paused(server: &TestServer, key: &str) -> Value {
    let execute = server.post("/api/workflows/w/execute", key).json(&json!({}));
    let (status, body) = answer(execute).await;
    assert_eq!((status, &body["status"]), (200, &json!("paused")), "{body}");
    assert_eq!(body["success"], true);
    body["output"]["_resume"].clone()
}

fn path_of(server: &TestServer, resume: &Value) -> String {
    let url = resume["apiUrl"].as_str().unwrap();
    url.strip_prefix(&server.public_url).unwrap_or_else(|| panic!("{url}")).to_owned()
}

#[tokio::test]
async fn an_execution_goes_on_where_it_waited() {
    let (server, key) = asking(ASKING).await;
    let resume = paused(&server, &key).await;
    assert_eq!(
        (&resume["workflowId"], &resume["contextId"]),
        (&json!("w"), &json!("ask")),
        "{resume}"
    );
    assert!(resume["uiUrl"].as_str().unwrap().contains("/approval?link="));
    let id = resume["executionId"].as_str().unwrap();
    let path = path_of(&server, &resume);
    assert_eq!(path, format!("/api/resume/w/{id}/ask"));

    let (_, context) = answer(server.get(&path, &key)).await;
    assert_eq!(context["pausePoint"]["blockId"], "ask");
    let shown = &context["pausePoint"]["response"]["data"];
    assert_eq!(
        (&shown["message"], &shown["fields"][0]["name"]),
        (&json!("Send draft?"), &json!("text"))
    );
    let (_, list) = answer(server.get("/api/workflows/w/paused", &key)).await;
    assert_eq!(list["pausedExecutions"][0]["executionId"], id, "{list}");
    let one = format!("/api/workflows/w/paused/{id}");
    let (_, detail) = answer(server.get(&one, &key)).await;
    assert_eq!(
        (&detail["totalPauseCount"], &detail["resumedCount"], &detail["queue"]),
        (&json!(1), &json!(0), &json!([]))
    );
    for (path, pointer) in [
        (format!("/api/workflows/w/executions/{id}"), "/paused"),
        (format!("/api/v2/workflows/w/runs/{id}"), "/data/paused"),
    ] {
        let (_, run) = answer(server.get(&path, &key)).await;
        let paused = run.pointer(pointer).unwrap();
        assert_eq!(
            (&paused["contextId"], &paused["pauseKind"], &paused["blockedOnBlockId"]),
            (&json!("ask"), &json!("human"), &json!("ask")),
            "{run}"
        );
    }

    let input = json!({ "input": { "text": "better" } });
    let (status, ended) = answer(server.post(&path, &key).json(&input)).await;
    assert_eq!((status, &ended["status"]), (200, &json!("completed")), "{ended}");
    assert_eq!(ended["executionId"], id, "the run goes on as itself");
    assert_eq!(ended["output"], json!({ "approved": true, "data": { "text": "better" } }));
    let (status, again) = answer(server.post(&path, &key).json(&input)).await;
    assert_eq!((status, &again["code"]), (409, &json!("CONFLICT")), "{again}");
    let (status, gone) = answer(server.get(&one, &key)).await;
    assert_eq!((status, &gone["error"]), (404, &json!("Paused execution not found")));
    let (_, list) = answer(server.get("/api/workflows/w/paused", &key)).await;
    assert_eq!(list["pausedExecutions"], json!([]));
}

#[tokio::test]
async fn the_body_may_be_the_input_and_may_reject() {
    let (server, key) = asking(ASKING).await;
    let path = path_of(&server, &paused(&server, &key).await);
    let (status, refused) = answer(server.post(&path, &key).json(&json!({ "input": 3 }))).await;
    assert_eq!((status, &refused["details"][0]["path"]), (400, &json!("input")), "{refused}");
    let wrong = json!({ "text": { "a": 1 } });
    let (status, refused) = answer(server.post(&path, &key).json(&wrong)).await;
    assert_eq!((status, &refused["details"][0]["path"]), (400, &json!("input.text")), "{refused}");
    let reject = json!({ "approved": false });
    let (status, ended) = answer(server.post(&path, &key).json(&reject)).await;
    assert_eq!((status, &ended["output"]["approved"]), (200, &json!(false)), "{ended}");
}

#[tokio::test]
async fn an_answer_may_lead_to_the_next_question() {
    let (server, key) = asking(TWICE).await;
    let resume = paused(&server, &key).await;
    assert_eq!(resume["contextId"], "first");
    let path = path_of(&server, &resume);
    let (status, next) = answer(server.post(&path, &key)).await;
    assert_eq!((status, &next["status"]), (200, &json!("paused")), "{next}");
    let resume = &next["output"]["_resume"];
    assert_eq!(resume["contextId"], "second");
    let (status, refused) = answer(server.post(&path, &key)).await;
    assert_eq!(status, 409, "{refused}");
    let (_, ended) = answer(server.post(&path_of(&server, resume), &key)).await;
    assert_eq!(ended["output"], json!({ "first": true, "second": true }), "{ended}");
}

#[tokio::test]
async fn the_second_generation_resumes_by_the_context() {
    let (server, key) = asking(ASKING).await;
    let start = || server.post("/api/v2/workflows/w/execute", &key);
    let (_, paused) = answer(start().json(&json!({ "input": {} }))).await;
    let data = &paused["data"];
    assert_eq!(data["status"], "paused", "{paused}");
    let context = &data["output"]["_resume"]["contextId"];
    let path = format!("/api/v2/workflows/w/runs/{}/resume", data["runId"].as_str().unwrap());
    for bad in [json!({}), json!({ "contextId": context, "more": 1 })] {
        assert_eq!(answer(server.post(&path, &key).json(&bad)).await.0, 400, "{bad}");
    }
    let unknown = json!({ "contextId": "nobody" });
    let (status, refused) = answer(server.post(&path, &key).json(&unknown)).await;
    assert_eq!((status, &refused["error"]["details"]["code"]), (409, &json!("NOT_ASKED")));
    let body = json!({ "contextId": context, "input": { "approved": true } });
    let response = server.post(&path, &key).json(&body).send().await.unwrap();
    assert_eq!(response.headers()["x-run-id"], data["runId"].as_str().unwrap());
    let (status, ended) = json_of(response).await;
    assert_eq!((status, &ended["data"]["status"]), (200, &json!("completed")), "{ended}");
    assert_eq!(ended["data"]["output"]["data"], json!({ "text": "draft" }));

    let (_, queued) = answer(start().json(&json!({ "async": true }))).await;
    let run = format!("/api/v2/workflows/w/runs/{}", queued["data"]["runId"].as_str().unwrap());
    until(|| server.get(&run, &key), |run| run["data"]["status"] == "paused").await;
    let resume = server.post(&format!("{run}/resume"), &key).json(&body);
    let (status, going) = answer(resume).await;
    assert_eq!((status, &going["data"]["runId"]), (202, &queued["data"]["runId"]), "{going}");
    until(|| server.get(&run, &key), |run| run["data"]["status"] == "completed").await;
}

#[tokio::test]
async fn a_stream_that_pauses_says_how_to_go_on() {
    let (server, key) = asking(ASKING).await;
    let body = json!({ "input": {}, "stream": true });
    let stream = server.post("/api/v2/workflows/w/execute", &key).json(&body);
    let frames = stream.send().await.unwrap().text().await.unwrap();
    let last = frames.lines().find_map(|line| line.strip_prefix("data: {\"event\":\"final\""));
    assert!(last.is_some_and(|last| last.contains("\"_resume\":{\"apiUrl\":")), "{frames}");
    assert!(frames.contains("\"status\":\"paused\""), "{frames}");
}

#[tokio::test]
async fn questions_in_a_loop_have_contexts_of_their_own() {
    let (server, key) = asking(
        "nodes: [{ id: each, type: loop, each: [x, y], nodes: [{ id: ask, type: approval, \
         message: \"<loop.item>?\" }] }]\noutput: { said: <each.results> }\n",
    )
    .await;
    let mut resume = paused(&server, &key).await;
    for n in 0..2 {
        let path = path_of(&server, &resume);
        assert!(path.rsplit('/').next().unwrap().starts_with('~'), "{path}");
        let (_, context) = answer(server.get(&path, &key)).await;
        let message = &context["pausePoint"]["response"]["data"]["message"];
        assert_eq!(message, ["x?", "y?"][n], "{context}");
        let (status, next) = answer(server.post(&path, &key)).await;
        assert_eq!(status, 200, "{next}");
        resume = next["output"]["_resume"].clone();
    }
    assert!(resume.is_null(), "{resume}");
}

#[tokio::test]
async fn only_those_who_may_run_the_workflow_resume_it() {
    let (server, key) = asking(ASKING).await;
    server.publish("other", ASKING).await;
    let path = path_of(&server, &paused(&server, &key).await);
    let reader = server.key(&["w"], &["read"]).await;
    let other = server.key(&["other"], &["run", "read"]).await;
    assert_eq!(answer(server.post(&path, &reader)).await.0, 403);
    let (_, context) = answer(server.get(&path, &reader)).await;
    assert!(context["pausePoint"]["resumeLinks"]["uiUrl"].is_null(), "{context}");
    for request in [server.post(&path, &other), server.get(&path, &other)] {
        assert_eq!(answer(request).await.0, 404);
    }
    assert_eq!(answer(server.get("/api/workflows/w/paused", &other)).await.0, 404);
    let elsewhere = path.replace("/ask", "/nobody");
    for request in [server.post(&elsewhere, ADMIN_KEY), server.get(&elsewhere, ADMIN_KEY)] {
        let (status, refused) = answer(request).await;
        assert_eq!((status, &refused["error"]), (404, &json!("Pause context not found")));
    }
}
