//! Limits on runs, and runs that failed, were cancelled or wiped.

use super::*;

#[tokio::test]
async fn rates() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    for dialect in ALL {
        let key =
            limited_key(&server, json!({ "requests_per_minute": 1, "concurrent_runs": 1 })).await;
        let attempt =
            || dialect.run(&server, &key, "w", dialect.body(&json!({ "name": "Ada" }))).send();
        let now = server.now().millis() / 1_000;
        let allowed = attempt().await.unwrap();
        let [limit, remaining, reset] = allowance(&allowed).unwrap();
        assert!(
            allowed.status().is_success() && (now..now + 65).contains(&reset),
            "{dialect:?}: {reset} is not soon after {now}"
        );
        assert_eq!((limit, remaining), (1, 0));
        let id = answer(server.get("/v1/workflows/w/runs?limit=1", ADMIN_KEY)).await.1["items"][0]
            ["id"]
            .as_str()
            .unwrap()
            .to_owned();
        until(
            || server.get(&format!("/v1/runs/{id}"), ADMIN_KEY),
            |run| run["ended_at"].is_string(),
        )
        .await;

        let refused = attempt().await.unwrap();
        let [limit, remaining, later] = allowance(&refused).unwrap();
        assert!(
            (1..=60).contains(&retry_after(&refused)) && later.abs_diff(reset) <= 1,
            "whole seconds, wherever one looks from: {reset}, then {refused:?}"
        );
        assert_eq!((limit, remaining), (1, 0));
        let refused = dialect.refusal(Case::RateLimited, refused).await;
        assert!(refused.message.contains("try again in"), "{refused:?}");
        assert_eq!(
            dialect == SimV2,
            refused.message.contains("\"retryAfter\":\"20"),
            "{refused:?}"
        );
        assert!(
            dialect.read(&server, &key, "w", &id).send().await.unwrap().status().is_success(),
            "reads go on"
        );
    }
    assert_eq!(
        answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        ALL.len()
    );
}

/// Each key allows one concurrent run, and that run hangs.
#[tokio::test]
async fn runs_at_once() {
    let (server, receiver) = hanging().await;
    for dialect in ALL {
        let key =
            limited_key(&server, json!({ "requests_per_minute": 100, "concurrent_runs": 1 })).await;
        dialect.start(&server, &key, "hangs").await;
        let refused =
            dialect.run(&server, &key, "hangs", dialect.body(&json!({}))).send().await.unwrap();
        assert_eq!(
            (retry_after(&refused), allowance(&refused).unwrap()[..2].to_vec()),
            (1, vec![1, 0])
        );
        dialect.refusal(Case::RateLimited, refused).await;
    }
    receiver.let_go();
}

async fn hanging() -> (TestServer, Receiver) {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    let document = format!(
        "nodes: [{{ id: call, type: http, url: \"{}/\" }}]\noutput: {{ status: <call.status> }}\n",
        receiver.url
    );
    server.publish("hangs", &document).await;
    (server, receiver)
}

#[tokio::test]
async fn a_run_that_fails_is_no_refusal_but_where_the_vendor_says_so() {
    let server = TestServer::start().await;
    server
        .publish(
            "fails",
            "nodes: [{ id: code, type: function, code: 'throw new Error(\"no\")' }]\n\
             output: { x: <code.result> }\n",
        )
        .await;
    for dialect in [Native, Gptbots, Sim, SimV2, Chat, Responses, A2a, A2aRest] {
        let (status, reply) =
            answer(dialect.run(&server, ADMIN_KEY, "fails", dialect.body(&json!({})))).await;
        match dialect {
            Native => assert_eq!(
                (status, &reply["status"], &reply["error"]["node"]),
                (200, &json!("failed"), &json!("code"))
            ),
            Gptbots => assert_eq!(
                (status, &reply["status"], &reply["error"]["node"]),
                (200, &json!("FAILED"), &json!("code"))
            ),
            SimV2 => {
                let reply = &reply["data"];
                assert_eq!(
                    (status, &reply["status"], &reply["error"]["blockId"]),
                    (200, &json!("failed"), &json!("code"))
                );
            }
            Chat => {
                let error = &reply["error"];
                assert_eq!(
                    (status, &error["type"], &error["code"]),
                    (422, &json!("workflow_error"), &json!("code_error"))
                );
            }
            Responses => {
                assert_eq!((status, &reply["status"]), (200, &json!("failed")));
                assert_eq!(reply["error"]["code"], "server_error");
            }
            A2a | A2aRest => {
                let task = if dialect == A2a { &reply["result"]["task"] } else { &reply["task"] };
                let task = &task["status"];
                assert_eq!((status, &task["state"]), (200, &json!("TASK_STATE_FAILED")));
                assert_eq!(task["message"]["parts"][1]["data"]["node"], "code");
            }
            Mcp | Sim | AiFlow => {
                assert_eq!((status, &reply["success"]), (500, &json!(false)));
                assert!(
                    reply["error"].as_str().unwrap().starts_with("code: ")
                        && reply["executionId"].is_string(),
                    "{reply}"
                );
                assert!(
                    reply["output"].is_object() && reply["metadata"]["duration"].is_u64(),
                    "{reply}"
                );
            }
        }
    }
    for dialect in ALL {
        let reply = ended(dialect, &server, "fails").await;
        match dialect {
            Native => assert_eq!(reply["status"], "failed"),
            Mcp => {
                let run = &reply["result"]["structuredContent"];
                assert_eq!(
                    (&run["status"], &run["error"]["node"]),
                    (&json!("failed"), &json!("code"))
                );
            }
            Gptbots => assert_eq!(reply["status"], "FAILED"),
            SimV2 => assert_eq!(
                (&reply["data"]["status"], &reply["data"]["error"]["blockId"]),
                (&json!("failed"), &json!("code"))
            ),
            Sim => assert!(
                reply["status"] == "failed"
                    && reply["error"].as_str().unwrap().starts_with("code: "),
                "{reply}"
            ),
            Chat | Responses => assert_eq!(
                (&reply["status"], &reply["error"]["code"]),
                (&json!("failed"), &json!("server_error"))
            ),
            A2a => assert_eq!(reply["result"]["status"]["state"], "TASK_STATE_FAILED"),
            A2aRest => assert_eq!(reply["status"]["state"], "TASK_STATE_FAILED"),
            AiFlow => {
                let error = reply["error"].as_object().unwrap();
                assert_eq!(
                    (&reply["status"], error.keys().collect::<Vec<_>>().len(), &error["node"]),
                    (&json!("failed"), 3, &json!("code"))
                );
            }
        }
    }
}

/// Starts a detached run and waits for its end as its caller would.
async fn ended(dialect: Dialect, server: &TestServer, workflow: &str) -> Value {
    let id = dialect.start(server, ADMIN_KEY, workflow).await;
    until(|| server.get(&format!("/v1/runs/{id}"), ADMIN_KEY), |run| run["ended_at"].is_string())
        .await;
    let response = dialect.read(server, ADMIN_KEY, workflow, &id).send().await.unwrap();
    if dialect == AiFlow {
        assert_eq!(response.headers()["x-run-status"], "failed");
    }
    let (status, reply) = json_of(response).await;
    assert_eq!(status, 200, "{reply}");
    reply
}

#[tokio::test]
async fn a_cancelled_run_is_reported_in_each_dialects_words() {
    let (server, _receiver) = hanging().await;
    // All are cancelled before the first is waited for: on AWS a worker notices when it renews its
    // lease.
    let mut runs = Vec::new();
    for dialect in ALL {
        let id = dialect.start(&server, ADMIN_KEY, "hangs").await;
        let going = answer(dialect.read(&server, ADMIN_KEY, "hangs", &id)).await;
        let words: &[&str] = match dialect {
            Native | Mcp => &["pending", "running"],
            Gptbots => &["PENDING", "RUNNING"],
            Sim => &["pending", "processing"],
            SimV2 => &["queued", "running"],
            AiFlow => &["pending"],
            Chat | Responses => &["queued", "in_progress"],
            A2a | A2aRest => &["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"],
        };
        let status = match dialect {
            SimV2 => &going.1["data"]["status"],
            Mcp => &going.1["result"]["structuredContent"]["status"],
            A2a => &going.1["result"]["status"]["state"],
            A2aRest => &going.1["status"]["state"],
            _ => &going.1["status"],
        };
        assert!(
            going.0 == 200 && words.contains(&status.as_str().unwrap()),
            "{dialect:?}: {going:?}"
        );
        assert!(
            server
                .post(&format!("/v1/runs/{id}/cancel"), ADMIN_KEY)
                .send()
                .await
                .unwrap()
                .status()
                .is_success()
        );
        runs.push((dialect, id));
    }
    for (dialect, id) in runs {
        until(
            || server.get(&format!("/v1/runs/{id}"), ADMIN_KEY),
            |run| run["status"] == "cancelled",
        )
        .await;
        let (status, reply) = answer(dialect.read(&server, ADMIN_KEY, "hangs", &id)).await;
        assert_eq!(status, 200, "{reply}");
        match dialect {
            Native | Sim | Chat | Responses => assert_eq!(reply["status"], "cancelled"),
            Mcp => {
                let run = &reply["result"]["structuredContent"];
                assert_eq!(run["status"], "cancelled");
            }
            A2a => assert_eq!(reply["result"]["status"]["state"], "TASK_STATE_CANCELED"),
            A2aRest => assert_eq!(reply["status"]["state"], "TASK_STATE_CANCELED"),
            SimV2 => assert_eq!(
                (&reply["data"]["status"], &reply["data"]["error"]["code"]),
                (&json!("cancelled"), &json!("CANCELLED"))
            ),
            Gptbots => assert_eq!(
                (&reply["status"], &reply["error"]["code"]),
                (&json!("FAILED"), &json!("cancelled"))
            ),
            AiFlow => assert_eq!(reply, json!({ "status": "cancelled" })),
        }
    }
}

#[tokio::test]
async fn what_was_wiped_is_gone() {
    let server = TestServer::start().await;
    server
        .publish(
            "w",
            "save: false\n\
             nodes: [{ id: say, type: template, template: x }]\n\
             output: { said: <say.content> }\n",
        )
        .await;
    for dialect in ALL {
        let id = dialect.start(&server, ADMIN_KEY, "w").await;
        until(|| server.get(&format!("/v1/runs/{id}"), ADMIN_KEY), |run| run["code"] == "gone")
            .await;
        dialect.refused(Case::Wiped, dialect.read(&server, ADMIN_KEY, "w", &id)).await;
    }
}
