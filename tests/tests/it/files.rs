//! Files over real HTTP: sent, read, given to runs, sent on and stored by http nodes, and gone.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_core::hash::sha256_hex;
use flowgate_tests::home::{is_aws, patience};
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::answer;

const ECHO: &str = "input: [{ name: photo, type: file }]\n\
                    nodes: [{ id: say, type: template, template: '<api.photo.name>' }]\n\
                    output: { said: <say.content>, photo: <api.photo> }\n";

/// Bytes that no test has twice.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

async fn upload(server: &TestServer, key: &str, name: &str, content: &[u8]) -> Value {
    let sent = server.post(&format!("/v1/files?name={name}"), key).body(content.to_vec());
    let (status, file) = answer(sent.header("content-type", "image/png")).await;
    assert_eq!(status, 201, "{file}");
    file
}

fn run(server: &TestServer, key: &str, workflow: &str, input: &Value) -> RequestBuilder {
    let path = format!("/v1/workflows/{workflow}/runs");
    server.post(&path, key).json(&json!({ "input": input }))
}

async fn content(server: &TestServer, key: &str, file: &Value) -> Vec<u8> {
    let path = format!("/v1/files/{}", file["$file"].as_str().unwrap());
    let sent = server.get(&path, key).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let disposition = sent.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; "), "{disposition}");
    if !is_aws() {
        assert_eq!(sent.headers()["x-content-type-options"], "nosniff");
    }
    sent.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn a_file_is_sent_and_read_back() {
    let server = TestServer::start().await;
    let key = server.key(&["w"], &["run", "read"]).await;
    for length in [0, 1, 3_000_000] {
        let sent = bytes(length);
        let file = upload(&server, &key, "a%20b.png", &sent).await;
        assert_eq!(file["name"], "a b.png");
        assert_eq!((&file["type"], &file["size"]), (&json!("image/png"), &json!(length)));
        assert_eq!(file["sha256"], sha256_hex(&sent));
        assert_eq!(content(&server, &key, &file).await, sent);
    }
}

#[tokio::test]
async fn a_form_of_a_browser_is_an_upload() {
    let server = TestServer::start().await;
    let body = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../ü.csv\"\r\n\
                Content-Type: text/csv; charset=utf-8\r\n\r\na,b\r\n1,2\r\n--XX--\r\n";
    let form = |body: &str| {
        let sent = server.post("/v1/files", ADMIN_KEY).body(body.to_owned());
        sent.header("content-type", "multipart/form-data; boundary=XX")
    };
    let (status, file) = answer(form(body)).await;
    assert_eq!(status, 201, "{file}");
    assert_eq!((&file["name"], &file["type"]), (&json!("ü.csv"), &json!("text/csv")));
    assert_eq!(content(&server, ADMIN_KEY, &file).await, b"a,b\r\n1,2");
    for broken in ["", "--XX--", &body.replace("--XX--", ""), &body.replace("filename", "x")] {
        let (status, problem) = answer(form(broken)).await;
        assert_eq!(status, 400, "{broken:?}: {problem}");
    }
}

#[tokio::test]
async fn an_announced_file_comes_later() {
    let server = TestServer::start().await;
    let key = server.key(&["w"], &["run", "read"]).await;
    server.publish("w", ECHO).await;
    let sent = bytes(1_000);
    let announced = json!({
        "name": "a.png", "type": "image/png", "size": 1_000, "sha256": sha256_hex(&sent)
    });
    let (status, answered) = answer(server.post("/v1/files", &key).json(&announced)).await;
    assert_eq!(status, 202, "{answered}");
    let (file, upload) = (&answered["file"], &answered["upload"]);
    let (status, problem) = answer(run(&server, &key, "w", &json!({ "photo": file }))).await;
    assert_eq!(status, 400, "its bytes have not come: {problem}");
    let put = |bytes: &[u8]| {
        let url = upload["url"].as_str().unwrap();
        let mut request = server.client.put(url).body(bytes.to_vec());
        for (name, value) in upload["headers"].as_object().unwrap() {
            if name != "content-length" {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        if url.starts_with(&server.url) { request.bearer_auth(&key) } else { request }
    };
    let wrong = put(&sent[1..]).send().await.unwrap().status().as_u16();
    assert!([400, 403].contains(&wrong), "{wrong}");
    assert_eq!(put(&sent).send().await.unwrap().status(), 200);
    let (status, run) = answer(run(&server, &key, "w", &json!({ "photo": file }))).await;
    assert_eq!((status, &run["output"]["photo"]), (200, file));
    assert_eq!(content(&server, &key, file).await, sent);
}

#[tokio::test]
async fn wrong_uploads_are_refused_with_all_that_is_wrong() {
    let server = TestServer::start().await;
    let check = async |request: RequestBuilder, expected: u16, places: &[&str]| {
        let (status, problem) = answer(request).await;
        let named: Vec<&str> = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        assert_eq!((status, named.as_slice()), (expected, places), "{problem}");
    };
    let json = |body: Value| server.post("/v1/files", ADMIN_KEY).json(&body);
    check(json(json!({})), 400, &["/name", "/size", "/sha256"]).await;
    let many = json!({ "name": "a/b", "type": "x", "size": 1, "sha256": "0" });
    check(json(many), 400, &["/name", "/type"]).await;
    let large = json!({ "name": "a", "size": 60_000_000, "sha256": "0" });
    check(json(large), 400, &["/size"]).await;
    let raw = |query: &str| server.post(&format!("/v1/files?{query}"), ADMIN_KEY).body("x");
    check(raw("name=..%2Fx"), 400, &["/name"]).await;
    check(raw("nam=x"), 400, &[""]).await;
    check(raw("name=x").header("content-encoding", "gzip"), 415, &[]).await;
    check(server.get("/v1/files/file_1", ADMIN_KEY), 404, &[]).await;
}

#[tokio::test]
async fn a_file_is_its_keys_and_its_runs() {
    let server = TestServer::start().await;
    server.publish("w", ECHO).await;
    server.publish("other", ECHO).await;
    let (mine, colleague) =
        (server.key(&["w"], &["run", "read"]).await, server.key(&["w"], &["run", "read"]).await);
    let stranger = server.key(&["other"], &["run", "read"]).await;
    let file = upload(&server, &mine, "a.png", b"mine").await;
    let read = |key: &str| {
        server.get(&format!("/v1/files/{}", file["$file"].as_str().unwrap()), key).send()
    };
    assert_eq!(read(&colleague).await.unwrap().status(), 404, "no run has it yet");
    for key in [&colleague, &stranger] {
        let workflow = if key == &stranger { "other" } else { "w" };
        let (status, problem) =
            answer(run(&server, key, workflow, &json!({ "photo": file }))).await;
        assert_eq!(status, 400);
        assert_eq!(problem["errors"][0]["pointer"], "/input/photo/$file", "{problem}");
    }
    assert_eq!(answer(run(&server, &mine, "w", &json!({ "photo": file }))).await.0, 200);
    assert_eq!(read(&colleague).await.unwrap().status(), 200, "of a run that it may read");
    assert_eq!(read(&stranger).await.unwrap().status(), 404);
    let (status, _) = answer(run(&server, &colleague, "w", &json!({ "photo": file }))).await;
    assert_eq!(status, 200, "and so it may give it to another run");
}

#[tokio::test]
async fn an_input_says_what_is_stored_or_names_what_is_wrong() {
    let server = TestServer::start().await;
    server.publish("w", ECHO).await;
    let any = "nodes: [{ id: s, type: template, template: x }]\noutput: { all: <api.input> }\n";
    server.publish("any", any).await;
    let file = upload(&server, ADMIN_KEY, "a.png", b"12345").await;
    let short = json!({ "photo": { "$file": file["$file"] } });
    let (status, run_) = answer(run(&server, ADMIN_KEY, "w", &short)).await;
    assert_eq!((status, &run_["output"]["photo"]), (200, &file), "the rest is added");
    let check = async |workflow: &str, input: Value, place: &str| {
        let (status, problem) = answer(run(&server, ADMIN_KEY, workflow, &input)).await;
        assert_eq!(status, 400, "{input}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], place, "{problem}");
    };
    let with = |name: &str, value: Value| {
        let mut changed = file.clone();
        changed[name] = value;
        changed
    };
    check("w", json!({ "photo": with("size", json!(6)) }), "/input/photo/size").await;
    check("w", json!({ "photo": with("name", json!("b")) }), "/input/photo/name").await;
    check("w", json!({ "photo": with("path", json!("b")) }), "/input/photo").await;
    check("w", json!({ "photo": [file, { "$file": "file_1" }] }), "/input/photo/1/$file").await;
    let unknown = format!("file_{}", "0".repeat(32));
    let deep = json!({ "a": [{ "b": { "$file": unknown } }] });
    check("any", deep, "/input/a/0/b/$file").await;
    let many: Vec<&Value> = vec![&file; 101];
    check("any", json!({ "a": many }), "/input").await;
}

/// The two directions of an http node: what it sends of files, and what it stores.
#[tokio::test]
async fn http_nodes_send_and_store_files() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/photo.png" => {
            let headers = vec![("content-type", "image/png".to_owned())];
            Reply::With(StatusCode::OK, headers, "fetched".to_owned())
        }
        "/none" => Reply::Now(StatusCode::NO_CONTENT, String::new()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let url = &receiver.url;
    server
        .publish(
            "w",
            &format!(
                "input: [{{ name: photo, type: file }}]\n\
                 nodes:\n\
                 - {{ id: get, type: http, url: '{url}/photo.png', as: file }}\n\
                 - {{ id: none, type: http, url: '{url}/none', as: file }}\n\
                 - {{ id: raw, type: http, url: '{url}/raw', method: POST, binary: {{ file: \
                 <api.photo> }} }}\n\
                 - {{ id: form, type: http, url: '{url}/form', method: POST, multipart: [{{ name: \
                 a, file: <get.data> }}, {{ name: b, file: <api.photo>, filename: 'x\"y' }}, {{ \
                 name: c, file: <none.data> }}] }}\n\
                 output: {{ got: <get.data>, none: <none.data>, raw: <raw.status>, form: \
                 <form.status> }}\n"
            ),
        )
        .await;
    let sent = bytes(1_900_000);
    let file = upload(&server, ADMIN_KEY, "mine.png", &sent).await;
    let (status, run_) = answer(run(&server, ADMIN_KEY, "w", &json!({ "photo": file }))).await;
    assert_eq!((status, &run_["status"]), (200, &json!("succeeded")), "{run_}");
    let output = &run_["output"];
    assert_eq!((&output["none"], &output["raw"]), (&Value::Null, &json!(200)));
    let got = &output["got"];
    assert_eq!((&got["name"], &got["type"]), (&json!("photo.png"), &json!("image/png")));
    assert_eq!(content(&server, ADMIN_KEY, got).await, b"fetched");

    let received = receiver.received();
    let of = |path: &str| received.iter().find(|request| request.uri.path() == path).unwrap();
    let raw = of("/raw");
    assert!(raw.body == sent, "the bytes of the file");
    assert_eq!(raw.headers["content-type"], "image/png");
    assert_eq!(raw.headers["content-length"], "1900000");
    let form = of("/form");
    let text = String::from_utf8_lossy(&form.body);
    assert!(text.contains(
        "name=\"a\"; filename=\"photo.png\"\r\ncontent-type: image/png\r\n\r\nfetched\r\n"
    ));
    assert!(text.contains("name=\"b\"; filename=\"x%22y\"\r\n") && !text.contains("name=\"c\""));
    assert_eq!(form.headers["content-length"], form.body.len().to_string());
    let boundary =
        form.headers["content-type"].to_str().unwrap().split("boundary=").nth(1).unwrap();
    assert_eq!(text.matches(boundary).count(), 3);
}

/// Whoever may read a run reads its files: an answer that echoes a secret does not become one.
#[tokio::test]
async fn no_secret_becomes_a_file() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|request, _| {
        let sent = request.headers["authorization"].to_str().unwrap().to_owned();
        match request.uri.path() {
            "/named" => {
                let named = format!("attachment; filename=\"x {sent}.bin\"");
                let headers = vec![("content-disposition", named)];
                Reply::With(StatusCode::OK, headers, "fetched".to_owned())
            }
            _ => Reply::With(StatusCode::OK, Vec::new(), "a".repeat(70_000) + &sent),
        }
    })
    .await;
    let host = receiver.url.strip_prefix("http://").unwrap();
    let secret = json!({ "value": "tok-0123456789", "hosts": [host] });
    let put = server.request(Method::PUT, "/v1/secrets/TOKEN", ADMIN_KEY).json(&secret);
    assert!(put.send().await.unwrap().status().is_success());
    let document = format!(
        "input: [{{ name: path, type: string }}]\n\
         nodes: [{{ id: get, type: http, url: '{}/<api.path>', headers: {{ authorization: 'Bearer \
         {{{{TOKEN}}}}' }}, as: file }}]\n\
         output: {{ got: <get.data> }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    let (_, run_) = answer(run(&server, ADMIN_KEY, "w", &json!({ "path": "echo" }))).await;
    assert_eq!(run_["error"]["code"], "refused_secret", "{run_}");
    let (_, run_) = answer(run(&server, ADMIN_KEY, "w", &json!({ "path": "named" }))).await;
    let got = &run_["output"]["got"];
    assert_eq!(got["name"], "x Bearer ***.bin", "{run_}");
    let path = format!("/v1/files/{}", got["$file"].as_str().unwrap());
    let read = server.get(&path, ADMIN_KEY).send().await.unwrap();
    let shown = format!("{:?}", read.headers());
    assert!(!shown.contains("tok-0123456789"), "{shown}");
}

#[tokio::test]
async fn a_token_for_a_run_reads_its_files_alone() {
    let server = TestServer::start().await;
    server.publish("w", ECHO).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let given = upload(&server, &key, "a.png", b"given").await;
    let other = upload(&server, &key, "b.png", b"other").await;
    let (_, run_) = answer(run(&server, &key, "w", &json!({ "photo": given }))).await;
    let asked = json!({ "run_id": run_["id"] });
    let (status, made) = answer(server.post("/v1/tokens", &key).json(&asked)).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    assert_eq!(content(&server, token, &given).await, b"given");
    let path = format!("/v1/files/{}", other["$file"].as_str().unwrap());
    assert_eq!(server.get(&path, token).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn uploads_count_against_the_rate() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_minute": 1, "burst": 2 });
    let asked = json!({ "name": "k", "workflows": "*", "scopes": ["run"], "limits": limits });
    let (status, made) = answer(server.post("/v1/keys", ADMIN_KEY).json(&asked)).await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap();
    upload(&server, key, "a.png", b"a").await;
    let announced = json!({ "name": "b", "size": 1, "sha256": "0".repeat(64) });
    assert_eq!(answer(server.post("/v1/files", key).json(&announced)).await.0, 202);
    assert_eq!(answer(server.post("/v1/files", key).json(&announced)).await.0, 429);
    let sent = server.post("/v1/files?name=c", key).body("c");
    assert_eq!(answer(sent).await.0, 429);
}

/// Ids that code makes up, or that a run of another key has, are no files of the run.
#[tokio::test]
async fn a_run_reads_no_files_of_others() {
    let server = TestServer::start().await;
    let receiver = Receiver::ok().await;
    let url = &receiver.url;
    server
        .publish(
            "w",
            &format!(
                "input: [{{ name: id, type: string }}]\n\
                 nodes:\n\
                 - {{ id: make, type: set, values: {{ file: {{ $file: <api.id> }} }} }}\n\
                 - {{ id: send, type: http, url: '{url}/raw', method: POST, binary: {{ file: \
                 <make.file> }} }}\n\
                 output: {{ status: <send.status> }}\n"
            ),
        )
        .await;
    let file = upload(&server, ADMIN_KEY, "secret.png", b"secret").await;
    for id in [file["$file"].clone(), json!(format!("file_{}", "1".repeat(32)))] {
        let (_, run_) = answer(run(&server, ADMIN_KEY, "w", &json!({ "id": id }))).await;
        assert_eq!(run_["error"]["code"], "unknown_file", "{run_}");
    }
    let (_, run_) = answer(run(&server, ADMIN_KEY, "w", &json!({ "id": "../x" }))).await;
    assert_eq!(run_["error"]["code"], "invalid_file", "{run_}");
    assert_eq!(receiver.count("/raw"), 0);
}

#[tokio::test]
async fn files_go_with_their_last_run() {
    let server = TestServer::start().await;
    server.publish("w", ECHO).await;
    let key = server.key(&["w"], &["run", "read", "author"]).await;
    let other = server.key(&["w"], &["run", "read"]).await;
    let file = upload(&server, &key, "a.png", b"gone").await;
    let input = json!({ "photo": file });
    let first = answer(run(&server, &key, "w", &input)).await.1;
    let replayed = server.post(&format!("/v1/runs/{}/replay", first["id"].as_str().unwrap()), &key);
    let second = answer(replayed).await.1;
    assert_eq!(second["output"], first["output"], "{second}");
    let delete = async |run: &Value| {
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        let deleted = server.request(Method::DELETE, &path, &key).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
    };
    delete(&first).await;
    assert_eq!(content(&server, &other, &file).await, b"gone", "the second run has it");
    delete(&second).await;
    let path = format!("/v1/files/{}", file["$file"].as_str().unwrap());
    let status = server.get(&path, &other).send().await.unwrap().status();
    assert_eq!(status, 404, "of no run that it may read");
}

/// What a run that is not saved has made is gone from the disk, soon.
#[tokio::test]
async fn files_of_a_run_that_is_not_saved_are_erased() {
    if is_aws() {
        return;
    }
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| {
        Reply::With(StatusCode::OK, Vec::new(), "CANARY-in-a-file".to_owned())
    })
    .await;
    let url = &receiver.url;
    let document = format!(
        "nodes: [{{ id: get, type: http, url: '{url}/x', as: file }}]\noutput: {{ got: <get.data> \
         }}\n"
    );
    server.publish("w", &document).await;
    let start = json!({ "input": {}, "save": false });
    let (_, run_) = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&start)).await;
    assert_eq!(run_["status"], "succeeded", "{run_}");
    let folder = server.folder().join("files");
    let left = || -> usize {
        let shards = std::fs::read_dir(&folder).unwrap();
        shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
    };
    let began = Instant::now();
    while left() > 0 {
        assert!(began.elapsed() < patience(), "the file is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
