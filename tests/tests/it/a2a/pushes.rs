//! Push notifications: created, read, deleted, and delivered once.

use std::time::Duration;

use super::*;

fn config(url: &str) -> Value {
    json!({
        "url": url,
        "token": "the-token",
        "authentication": { "scheme": "Bearer", "credentials": "the-secret" },
    })
}

/// What came in at this path, once it has.
async fn pushed(receiver: &Receiver, path: &str) -> Value {
    receiver.until(|all| all.iter().any(|request| request.uri.path() == path)).await;
    // A second one would come within that time.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(receiver.count(path), 1);
    let all = receiver.received();
    let request = all.iter().find(|request| request.uri.path() == path).unwrap();
    assert_eq!(request.method, Method::POST);
    let headers = &request.headers;
    assert_eq!(headers["content-type"], "application/a2a+json");
    assert_eq!(headers["x-a2a-notification-token"], "the-token");
    assert_eq!(headers["authorization"], "Bearer the-secret");
    assert!(headers.contains_key("webhook-id") && headers.contains_key("webhook-signature"));
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_message_may_name_who_hears_of_the_end() {
    let (server, sink) = (TestServer::start().await, Receiver::ok().await);
    server.publish("greet", GREET).await;
    for binding in BINDINGS {
        for returns in [true, false] {
            let path = format!("/{binding:?}-{returns}");
            let mut sent = message(&path, json!([{ "text": "Ada" }]));
            sent["configuration"] = json!({
                "returnImmediately": returns,
                "taskPushNotificationConfig": config(&format!("{}{path}", sink.url)),
            });
            let send = async || {
                let sent = binding.call(&server, ADMIN_KEY, "greet", "SendMessage", sent.clone());
                assert_eq!(answer(sent).await.0, 200);
            };
            // The repeat of it asks for nothing more, also after the notification.
            send().await;
            send().await;
            pushed(&sink, &path).await;
            send().await;
            let body = pushed(&sink, &path).await;
            let id = body["task"]["id"].as_str().unwrap();
            let task = binding.task(&server, ADMIN_KEY, "greet", id).await;
            assert_eq!(body, json!({ "task": task }), "the task as it is read");
            assert_eq!(output(&task), &json!({ "said": "Hello Ada x1" }));
        }
    }
}

#[tokio::test]
async fn configurations_are_created_read_and_deleted() {
    let (server, sink) = (TestServer::start().await, Receiver::ok().await);
    let receiver = hanging(&server, "slow").await;
    let key = server.key(&["slow"], &["run", "read"]).await;
    let mut expected = Vec::new();
    for binding in BINDINGS {
        let call =
            |operation: &str, params: Value| binding.call(&server, &key, "slow", operation, params);
        let sent = at_once(message(&format!("{binding:?}"), json!([{ "data": {} }])));
        let task = binding.result(call("SendMessage", sent)).await["task"]["id"].clone();
        let url = |name: &str| format!("{}/{binding:?}-{name}", sink.url);
        let create = |name: &str, of: &str| {
            let mut params = config(&url(of));
            (params["taskId"], params["id"]) = (task.clone(), json!(name));
            call("CreateTaskPushNotificationConfig", params)
        };
        for name in ["keeps", "goes"] {
            let made = binding.result(create(name, name)).await;
            let shown = json!({
                "id": name,
                "taskId": task,
                "url": url(name),
                "authentication": { "scheme": "Bearer" },
            });
            assert_eq!(made, shown, "without its secrets");
            let params = json!({ "taskId": task, "id": name });
            let get = call("GetTaskPushNotificationConfig", params);
            assert_eq!(binding.result(get).await, shown);
        }
        // One of the same name takes its place.
        binding.result(create("keeps", "instead")).await;
        let list = || call("ListTaskPushNotificationConfigs", json!({ "taskId": task }));
        let listed = binding.result(list()).await["configs"].clone();
        let names = |listed: &Value| -> Vec<String> {
            let all = listed.as_array().unwrap().iter();
            all.map(|config| config["url"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&listed), [url("goes"), url("instead")]);
        let params = json!({ "taskId": task, "id": "goes" });
        for _ in 0..2 {
            let delete = call("DeleteTaskPushNotificationConfig", params.clone());
            assert_eq!(binding.result(delete).await, json!({}));
        }
        assert_eq!(names(&binding.result(list()).await["configs"]), [url("instead")]);
        let gone = call("GetTaskPushNotificationConfig", params);
        assert_eq!(binding.reason(gone).await, "TASK_NOT_FOUND");
        expected.push(format!("/{binding:?}-instead"));

        for wrong in [
            json!({ "taskId": task }),
            json!({ "taskId": task, "url": "http://169.254.169.254/" }),
            json!({ "taskId": task, "url": "ftp://example.com/" }),
            json!({ "taskId": task, "url": url("x"), "id": "a/b" }),
            json!({ "taskId": task, "url": url("x"), "token": "a\nb" }),
            json!({ "taskId": task, "url": url("x"), "authentication": {} }),
        ] {
            let refused = call("CreateTaskPushNotificationConfig", wrong.clone());
            assert_eq!(binding.reason(refused).await, "INVALID_PARAMS", "{wrong}");
        }
        for operation in ["ListTaskPushNotificationConfigs", "CreateTaskPushNotificationConfig"] {
            let params = json!({ "taskId": NOBODYS, "url": url("x") });
            assert_eq!(binding.reason(call(operation, params)).await, "TASK_NOT_FOUND");
        }
    }
    receiver.let_go();
    for path in &expected {
        let body = pushed(&sink, path).await;
        assert_eq!(state(&body["task"]), "TASK_STATE_COMPLETED");
    }
    assert_eq!(sink.received().len(), expected.len(), "nobody else heard of it");
}

#[tokio::test]
async fn a_task_has_a_few_and_one_that_has_ended_is_reported_at_once() {
    let (server, sink) = (TestServer::start().await, Receiver::ok().await);
    let receiver = hanging(&server, "slow").await;
    server.publish("greet", GREET).await;
    let sent = at_once(message("m", json!([{ "data": {} }])));
    let sent = Rpc.call(&server, ADMIN_KEY, "slow", "SendMessage", sent);
    let task = Rpc.result(sent).await["task"]["id"].clone();
    let create = |n: usize| {
        let params = json!({ "taskId": task, "id": format!("n{n}"), "url": sink.url });
        Rest.call(&server, ADMIN_KEY, "slow", "CreateTaskPushNotificationConfig", params)
    };
    for n in 0..5 {
        Rest.result(create(n)).await;
    }
    assert_eq!(Rest.reason(create(5)).await, "INVALID_PARAMS");
    Rest.result(create(4)).await;
    receiver.let_go();

    let sent = Rpc.call(
        &server,
        ADMIN_KEY,
        "greet",
        "SendMessage",
        message("m", json!([{ "text": "x" }])),
    );
    let task = Rpc.result(sent).await["task"]["id"].clone();
    let mut params = config(&format!("{}/late", sink.url));
    params["taskId"] = task.clone();
    let made = Rpc.call(&server, ADMIN_KEY, "greet", "CreateTaskPushNotificationConfig", params);
    assert!(Rpc.result(made).await["id"].as_str().unwrap().starts_with("push_"));
    assert_eq!(pushed(&sink, "/late").await["task"]["id"], task);
    // Its caller sees the delivery, its secrets masked.
    let list = || server.get(&format!("/v1/runs/{}/deliveries", task.as_str().unwrap()), ADMIN_KEY);
    let log = until(list, |log| log["items"][0]["status"] == "delivered").await;
    assert!(!log.to_string().contains("the-secret"), "{log}");
}

#[tokio::test]
async fn a_run_that_is_not_to_be_stored_is_sent_first() {
    let (server, sink) = (TestServer::start().await, Receiver::ok().await);
    server.publish("w", &format!("save: false\n{GREET}")).await;
    let mut sent = message("m", json!([{ "text": "Ada" }]));
    let config = config(&format!("{}/unsaved", sink.url));
    sent["configuration"] =
        json!({ "taskPushNotificationConfig": config, "returnImmediately": true });
    let sent = Rpc.call(&server, ADMIN_KEY, "w", "SendMessage", sent);
    let task = Rpc.result(sent).await["task"]["id"].as_str().unwrap().to_owned();
    let body = pushed(&sink, "/unsaved").await;
    assert_eq!(output(&body["task"]), &json!({ "said": "Hello Ada x1" }));
    until(|| server.get(&format!("/v1/runs/{task}"), ADMIN_KEY), |run| run["code"] == "gone").await;
}
