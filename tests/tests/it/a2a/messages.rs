//! Messages: what their parts become, repeats, conversations, questions that they answer.

use super::*;

async fn send(binding: Binding, server: &TestServer, agent: &str, params: Value) -> Value {
    let sent = binding.call(server, ADMIN_KEY, agent, "SendMessage", params);
    binding.result(sent).await["task"].clone()
}

async fn runs(server: &TestServer, workflow: &str) -> usize {
    let listed = answer(server.get(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)).await.1;
    listed["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn data_is_the_input_and_text_goes_where_a_chats_goes() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server
        .publish(
            "any",
            "nodes: [{ id: a, type: template, template: x }]\noutput: { all: <api.input> }\n",
        )
        .await;
    for binding in BINDINGS {
        let task = |agent, id: String, parts| send(binding, &server, agent, message(&id, parts));
        let done =
            task("greet", format!("{binding:?}-1"), json!([{ "data": { "name": "A", "n": 2 } }]));
        let done = done.await;
        assert_eq!(state(&done), "TASK_STATE_COMPLETED");
        assert_eq!(output(&done), &json!({ "said": "Hello A x2" }));
        assert_eq!(done["artifacts"][0]["parts"][0]["mediaType"], "application/json");
        // The only field without a default takes the text; what is named wins.
        let mixed = json!([{ "text": "Bob" }, { "data": { "n": 3 } }]);
        let done = task("greet", format!("{binding:?}-2"), mixed).await;
        assert_eq!(output(&done), &json!({ "said": "Hello Bob x3" }));
        let named = json!([{ "text": "Bob" }, { "data": { "name": "Eve" } }]);
        let done = task("greet", format!("{binding:?}-3"), named).await;
        assert_eq!(output(&done), &json!({ "said": "Hello Eve x1" }));
        // Without an input section, all is taken.
        let done = task("any", format!("{binding:?}-4"), json!([{ "text": "hi" }])).await;
        let messages = json!([{ "role": "user", "content": "hi" }]);
        assert_eq!(output(&done), &json!({ "all": { "messages": messages } }));
    }
}

#[tokio::test]
async fn raw_and_url_are_files() {
    let server = TestServer::start().await;
    let document = "input: [{ name: doc, type: file }, { name: more, type: file, default: null }]\n\
                    nodes: [{ id: a, type: template, template: x }]\n\
                    output: { doc: <api.doc>, more: <api.more> }\n";
    server.publish("files", document).await;
    server.publish("greet", GREET).await;
    for binding in BINDINGS {
        let parts = json!([
            { "raw": "aGVsbG8", "filename": "a.txt", "mediaType": "text/plain" },
            { "url": "https://example.com/b.pdf", "mediaType": "application/pdf" },
        ]);
        let id = format!("{binding:?}");
        let done = send(binding, &server, "files", message(&id, parts.clone())).await;
        assert_eq!(state(&done), "TASK_STATE_COMPLETED", "{done}");
        let doc = &output(&done)["doc"];
        assert_eq!(
            (&doc["name"], &doc["type"], &doc["size"]),
            (&json!("a.txt"), &json!("text/plain"), &json!(5))
        );
        assert_eq!(output(&done)["more"], "https://example.com/b.pdf");
        let file = server.get(&format!("/v1/files/{}", doc["$file"].as_str().unwrap()), ADMIN_KEY);
        assert_eq!(file.send().await.unwrap().text().await.unwrap(), "hello");
        let again = send(binding, &server, "files", message(&id, parts.clone())).await;
        assert_eq!((&again["id"], output(&again)), (&done["id"], output(&done)), "stored once");
        let refused = message(&format!("{binding:?}-2"), parts);
        let refused = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", refused);
        assert_eq!(binding.reason(refused).await, "CONTENT_TYPE_NOT_SUPPORTED");
    }
}

#[tokio::test]
async fn the_same_message_again_is_the_same_task() {
    let server = TestServer::start().await;
    let receiver = hanging(&server, "slow").await;
    server.publish("greet", GREET).await;
    let sent = message("m-1", json!([{ "data": { "name": "Ada" } }]));
    let mut ids = Vec::new();
    for binding in BINDINGS {
        for n in 0..2 {
            let request = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", sent.clone());
            let response = request.send().await.unwrap();
            let is_first = n == 0 && binding == Rpc;
            assert_eq!(response.headers().contains_key("idempotent-replayed"), !is_first);
            let run = response.headers()["x-run-id"].to_str().unwrap().to_owned();
            ids.push(json!(run));
        }
        let stream =
            binding.call(&server, ADMIN_KEY, "greet", "SendStreamingMessage", sent.clone());
        let streamed = binding.streamed(stream).await;
        assert_eq!((streamed.len(), state(&streamed[0]["task"])), (1, "TASK_STATE_COMPLETED"));
        ids.push(streamed[0]["task"]["id"].clone());
        let other = message("m-1", json!([{ "data": { "name": "Bob" } }]));
        let other = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", other);
        assert_eq!(binding.reason(other).await, "INVALID_PARAMS");
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(runs(&server, "greet").await, 1);

    // One that still goes on is waited for.
    let sent = message("m-2", json!([{ "data": {} }]));
    let first = send(Rpc, &server, "slow", at_once(sent.clone())).await;
    receiver.until(|all| !all.is_empty()).await;
    let waiting = Rest.call(&server, ADMIN_KEY, "slow", "SendMessage", sent).send();
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    receiver.let_go();
    let (status, joined) = json_of(waiting.await.unwrap().unwrap()).await;
    assert_eq!((status, &joined["task"]["id"]), (200, &first["id"]));
    assert_eq!(output(&joined["task"]), &json!({ "status": 200 }));
    assert_eq!(runs(&server, "slow").await, 1);
}

#[tokio::test]
async fn a_task_keeps_its_context() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    for binding in BINDINGS {
        let mut sent = message(&format!("{binding:?}"), json!([{ "text": "Ada" }]));
        sent["message"]["contextId"] = json!("talk ✅");
        let task = send(binding, &server, "greet", sent).await;
        let id = task["id"].as_str().unwrap();
        assert_eq!(task["contextId"], "talk ✅");
        assert_eq!(binding.task(&server, ADMIN_KEY, "greet", id).await, task);
    }
}

#[tokio::test]
async fn a_message_answers_what_the_task_asks() {
    let server = TestServer::start().await;
    server.publish("asks", ASKS).await;
    for binding in BINDINGS {
        let ask = async |n: usize| {
            let sent = message(&format!("{binding:?}-{n}"), json!([{ "data": {} }]));
            let task = send(binding, &server, "asks", sent).await;
            assert_eq!(state(&task), "TASK_STATE_INPUT_REQUIRED");
            let said = &task["status"]["message"]["parts"];
            assert_eq!(said[0]["text"], "Send it?");
            assert_eq!(
                (&said[1]["data"]["node"], &said[1]["data"]["fields"][0]["name"]),
                (&json!("check"), &json!("text"))
            );
            task
        };
        let reply = |task: &Value, parts: Value| {
            let mut reply = message("reply", parts);
            reply["message"]["taskId"] = task["id"].clone();
            reply
        };
        let answered = async |task: &Value, parts: Value| {
            let done = send(binding, &server, "asks", reply(task, parts)).await;
            assert_eq!((state(&done), &done["id"]), ("TASK_STATE_COMPLETED", &task["id"]));
            output(&done).clone()
        };
        let task = ask(1).await;
        let approved = json!([{ "data": { "approved": true, "data": { "text": "now" } } }]);
        let expected = json!({ "approved": true, "data": { "text": "now" } });
        assert_eq!(answered(&task, approved.clone()).await, expected);
        let task = ask(2).await;
        let rejected = json!([{ "data": { "approved": false } }]);
        assert_eq!(answered(&task, rejected).await["approved"], false);
        // It asks for one text, and a text is one.
        let task = ask(3).await;
        let listed = binding.call(
            &server,
            ADMIN_KEY,
            "asks",
            "ListTasks",
            json!({ "status": "TASK_STATE_INPUT_REQUIRED" }),
        );
        assert_eq!(binding.result(listed).await["tasks"][0]["id"], task["id"]);
        for wrong in [
            json!([{ "data": { "approved": "yes" } }]),
            json!([{ "data": { "text": "x" } }]),
            json!([{ "data": { "approved": true, "data": { "no": 1 } } }]),
            json!([{ "url": "https://example.com/" }]),
        ] {
            let refused = binding.call(
                &server,
                ADMIN_KEY,
                "asks",
                "SendMessage",
                reply(&task, wrong.clone()),
            );
            assert_eq!(binding.reason(refused).await, "INVALID_PARAMS", "{wrong}");
        }
        let mut elsewhere = reply(&task, approved.clone());
        elsewhere["message"]["contextId"] = json!("another");
        let refused = binding.call(&server, ADMIN_KEY, "asks", "SendMessage", elsewhere);
        assert_eq!(binding.reason(refused).await, "INVALID_PARAMS");
        let said = answered(&task, json!([{ "text": "in words" }])).await;
        assert_eq!(said, json!({ "approved": true, "data": { "text": "in words" } }));
        // It has ended.
        let refused =
            binding.call(&server, ADMIN_KEY, "asks", "SendMessage", reply(&task, approved));
        assert_eq!(binding.reason(refused).await, "UNSUPPORTED_OPERATION");
    }
}

#[tokio::test]
async fn a_task_that_works_takes_no_message() {
    let server = TestServer::start().await;
    let receiver = hanging(&server, "slow").await;
    server.publish("waits", "nodes: [{ id: w, type: wait, for: 1h }]\noutput: { x: 1 }\n").await;
    for binding in BINDINGS {
        for agent in ["slow", "waits"] {
            let sent = message(&format!("{binding:?}"), json!([{ "data": {} }]));
            let task = send(binding, &server, agent, at_once(sent)).await;
            let id = task["id"].as_str().unwrap();
            let status = if agent == "slow" { "running" } else { "waiting" };
            until(
                || server.get(&format!("/v1/runs/{id}"), ADMIN_KEY),
                |run| run["status"] == *status,
            )
            .await;
            // Nobody's input would change it.
            let task = binding.task(&server, ADMIN_KEY, agent, id).await;
            assert_eq!(state(&task), "TASK_STATE_WORKING");
            let mut reply = message("reply", json!([{ "text": "go on" }]));
            reply["message"]["taskId"] = json!(id);
            let refused = binding.call(&server, ADMIN_KEY, agent, "SendMessage", reply);
            assert_eq!(binding.reason(refused).await, "UNSUPPORTED_OPERATION");
        }
    }
    receiver.let_go();
}
