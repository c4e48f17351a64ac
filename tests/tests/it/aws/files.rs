//! Files of detached runs: the worker stores, reads and deletes them.

use super::*;

/// The actions of the worker so far.
async fn actions(server: &TestServer) -> Vec<String> {
    let all = server.double().inspect("calls").await;
    let of_worker = all.as_array().unwrap().iter().filter(|call| call["function"] == "worker");
    of_worker.map(|call| call["action"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
#[ignore = "needs the double of AWS: tests/aws/run"]
async fn a_worker_stores_reads_and_deletes_files() {
    let server = on_aws(&[]).await;
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::OK, "[1,2]".to_owned())).await;
    let url = &receiver.url;
    let document = format!(
        "nodes:\n  - {{ id: get, type: http, url: '{url}/get', as: file }}\n  - {{ id: send, \
         type: http, method: POST, url: '{url}/send', binary: {{ file: <get.data> }} }}\noutput: \
         {{ file: <get.data> }}\n"
    );
    server.publish("w", &document).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({ "input": {} }));
    let (status, run) = answer(start.header("prefer", "respond-async")).await;
    assert_eq!(status, 202, "{run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let run = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let received = receiver.received();
    let sent = received.iter().find(|request| request.uri.path() == "/send").unwrap();
    assert_eq!(sent.body, "[1,2]");

    let deleted = server.request(reqwest::Method::DELETE, &path, ADMIN_KEY).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    while !actions(&server).await.iter().any(|action| action.ends_with("DeleteObject")) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let path = format!("/v1/files/{}", run["output"]["file"]["$file"].as_str().unwrap());
    assert_eq!(server.get(&path, ADMIN_KEY).send().await.unwrap().status(), 404);
}
