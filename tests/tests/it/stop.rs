//! A server that is stopped loses nothing, and resumes after a restart.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

#[tokio::test]
async fn attached_and_detached_runs_go_on_after_a_restart() {
    let receiver = Receiver::start(|_, _| {
        Reply::WhenLetGo(StatusCode::OK, r#"{"said":"at last"}"#.to_owned())
    })
    .await;
    let server =
        TestServer::start_with(|settings| settings.drain = Duration::from_millis(200)).await;
    let document = format!(
        "input: [{{ name: i, type: number }}]\n\
         nodes: [{{ id: call, type: http, url: \"{}/<api.i>\" }}]\n\
         output: {{ said: <call.data.said> }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    let start = |i: u32| {
        server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({ "input": { "i": i } }))
    };
    let detached: Value =
        start(1).header("prefer", "respond-async").send().await.unwrap().json().await.unwrap();
    let attached = tokio::spawn(start(2).send());
    receiver.until(|all| all.len() == 2).await;

    let server = server.restart().await;
    let attached = attached.await.unwrap().expect("the waiting caller is answered");
    assert_eq!(attached.status(), 202, "it goes on without its caller");
    let attached: Value = attached.json().await.unwrap();
    receiver.until(|all| all.len() == 4).await;
    receiver.let_go();
    for run in [&detached, &attached] {
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let ended = loop {
            let read: Value =
                server.get(&path, ADMIN_KEY).send().await.unwrap().json().await.unwrap();
            if !read["ended_at"].is_null() {
                break read;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(
            (&ended["status"], &ended["output"]["said"]),
            (&json!("succeeded"), &json!("at last"))
        );
    }
}

#[tokio::test]
async fn the_folder_belongs_to_one_process() {
    let server = TestServer::start().await;
    let second = std::process::Command::new(flowgate_tests::server::program())
        .arg("serve")
        .arg("--data")
        .arg(server.folder())
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success()
            && said.contains("in use by another process")
            && said.contains(server.folder().to_str().unwrap()),
        "{said}"
    );
}

#[tokio::test]
async fn a_taken_port_names_the_flag() {
    let server = TestServer::start().await;
    let address = server.url.trim_start_matches("http://");
    let folder = tempfile::tempdir().unwrap();
    let second = std::process::Command::new(flowgate_tests::server::program())
        .arg("serve")
        .arg("--data")
        .arg(folder.path())
        .args(["--listen", address])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success() && said.contains("--listen") && said.contains(address),
        "{said}"
    );
}
