//! Sim: files by upload, and their use in an input.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::fixture::answer;

const TAKING: &str = r#"
input: [{ name: doc, type: file }]
nodes: [{ id: say, type: template, template: "<api.doc>" }]
output: { said: <say.content> }
"#;

fn part(head: &str, content: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

fn form(server: &TestServer, key: &str, parts: &[String]) -> RequestBuilder {
    let request = server.post("/api/v1/files", key);
    let request = request.header("content-type", "multipart/form-data; boundary=XX");
    request.body(format!("{}--XX--\r\n", parts.concat()))
}

fn file() -> String {
    part("name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain", "hello")
}

async fn uploaded(server: &TestServer, key: &str) -> Value {
    let parts = [part("name=\"workspaceId\"", "any"), file()];
    let (status, body) = answer(form(server, key, &parts)).await;
    assert_eq!((status, &body["success"]), (200, &json!(true)), "{body}");
    body["data"]["file"].clone()
}

#[tokio::test]
async fn an_uploaded_file_is_an_input() {
    let server = TestServer::start().await;
    server.publish("w", TAKING).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let file = uploaded(&server, &key).await;
    assert_eq!(
        (&file["name"], &file["type"], &file["size"], &file["key"]),
        (&json!("a.txt"), &json!("text/plain"), &json!(5), &file["id"])
    );
    let path = file["url"].as_str().unwrap().strip_prefix(&server.public_url).unwrap();
    let bytes = server.get(path, &key).send().await.unwrap().text().await.unwrap();
    assert_eq!(bytes, "hello");
    for doc in [file.clone(), json!({ "id": file["id"], "type": "text/plain" })] {
        let v1 = server.post("/api/workflows/w/execute", &key).json(&json!({ "doc": doc }));
        let v2 = json!({ "input": { "doc": doc } });
        let v2 = server.post("/api/v2/workflows/w/execute", &key).json(&v2);
        for (request, pointer) in [(v1, "/output/said"), (v2, "/data/output/said")] {
            let (status, body) = answer(request).await;
            let said = body.pointer(pointer).unwrap_or_else(|| panic!("{status} {body}"));
            assert_eq!(
                (&said["$file"], &said["name"], &said["size"]),
                (&file["id"], &json!("a.txt"), &json!(5)),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_of_another_key_is_no_input() {
    let server = TestServer::start().await;
    server.publish("w", TAKING).await;
    let file = uploaded(&server, ADMIN_KEY).await;
    let other = server.key(&["w"], &["run"]).await;
    for doc in [file, json!({ "id": format!("file_{}", "0".repeat(32)), "type": "x" })] {
        let execute = server.post("/api/workflows/w/execute", &other).json(&json!({ "doc": doc }));
        let (status, refused) = answer(execute).await;
        assert_eq!((status, &refused["code"]), (400, &json!("INVALID_INPUT")), "{refused}");
    }
}

#[tokio::test]
async fn forms_without_one_file_are_refused() {
    let server = TestServer::start().await;
    for parts in [vec![], vec![part("name=\"a\"", "x")], vec![file(), file()]] {
        let (status, refused) = answer(form(&server, ADMIN_KEY, &parts)).await;
        assert_eq!(status, 400, "{refused}");
    }
    let (status, refused) = answer(server.post("/api/v1/files", ADMIN_KEY).body("x")).await;
    assert_eq!(status, 400, "{refused}");
    let reader = server.key(&["*"], &["read"]).await;
    assert_eq!(answer(form(&server, &reader, &[file()])).await.0, 403);
}
