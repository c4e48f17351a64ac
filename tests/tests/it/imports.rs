//! Files of other systems over HTTP: they become drafts, all of a file or none.

mod samples;

use std::time::{Duration, Instant};

use flowgate_tests::home::patience;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fixture::answer;

const IMPORT: &str = "/v1/workflows/import";
const KEY: &str = "sk-0123456789abcdef0";

async fn import(
    server: &TestServer,
    query: &str,
    key: &str,
    content: impl Into<Vec<u8>>,
) -> (u16, Value) {
    answer(server.post(&format!("{IMPORT}{query}"), key).body(content.into())).await
}

async fn ids(server: &TestServer) -> Vec<Value> {
    let (_, list) = answer(server.get("/v1/workflows", ADMIN_KEY)).await;
    list["items"].as_array().unwrap().iter().map(|workflow| workflow["id"].clone()).collect()
}

/// A flow of AI-Flow that calls a server with a key.
fn flow() -> String {
    json!([
        { "name": "get", "processorType": "http-get-processor",
          "url": format!("https://api.example.com/?token={KEY}") },
        { "name": "odd", "processorType": "dancing-robot" },
    ])
    .to_string()
}

#[tokio::test]
async fn a_file_becomes_a_new_draft_and_its_key_a_new_secret() {
    let server = TestServer::start().await;
    let (status, first) = import(&server, "?name=My%20flow", ADMIN_KEY, flow()).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(
        (&first["workflows"][0]["id"], &first["workflows"][0]["name"]),
        (&json!("my-flow"), &json!("My flow"))
    );
    let report = &first["report"];
    assert_eq!(
        (&report["system"], &report["mapped"], &report["unsupported"]),
        (&json!("aiflow"), &json!(1), &json!(1))
    );
    let secret = &first["secrets"][0];
    let name = secret["name"].as_str().unwrap();
    assert!(name.starts_with("API_EXAMPLE_COM_KEY_"), "{secret}");
    assert_eq!(
        (&secret["stored"], &secret["hosts"], &secret["place"]),
        (&json!(true), &json!(["api.example.com"]), &json!("/0"))
    );
    let (_, stored) = answer(server.get(&format!("/v1/secrets/{name}"), ADMIN_KEY)).await;
    assert_eq!(
        (&stored["hosts"], &stored["workflows"]),
        (&json!(["api.example.com"]), &json!(["my-flow"]))
    );
    let (_, draft) = answer(server.get("/v1/workflows/my-flow", ADMIN_KEY)).await;
    let document = draft["document"].as_str().unwrap();
    assert!(document.contains(&format!("?token={{{{{name}}}}}")), "{document}");
    assert!(!first.to_string().contains(KEY) && !draft.to_string().contains(KEY));

    let (_, second) = import(&server, "?name=My%20flow", ADMIN_KEY, flow()).await;
    let (_, third) = import(&server, "?name=My%20flow", ADMIN_KEY, flow()).await;
    assert_eq!(
        (&second["workflows"][0]["id"], &third["workflows"][0]["id"]),
        (&json!("my-flow-2"), &json!("my-flow-3"))
    );
    assert_ne!(second["secrets"][0]["name"], first["secrets"][0]["name"], "none is overwritten");
    assert_eq!(second["report"]["entries"][0]["workflow"], "my-flow-2");
    let (_, unchanged) = answer(server.get("/v1/workflows/my-flow", ADMIN_KEY)).await;
    assert_eq!(unchanged["draft"]["etag"], draft["draft"]["etag"]);
}

/// Whoever comes too late for an id takes back what it has stored, and begins again.
#[tokio::test(flavor = "multi_thread")]
async fn imports_at_once_take_different_ids_and_leave_nothing_over() {
    let server = TestServer::start().await;
    let imports = (0..4).map(|_| import(&server, "?name=Same", ADMIN_KEY, flow()));
    let mut taken = Vec::new();
    for (status, imported) in futures_util::future::join_all(imports).await {
        assert_eq!(status, 201, "{imported}");
        taken.push(imported["workflows"][0]["id"].as_str().unwrap().to_owned());
    }
    taken.sort();
    assert_eq!(taken, ["same", "same-2", "same-3", "same-4"]);
    let (_, stored) = answer(server.get("/v1/secrets", ADMIN_KEY)).await;
    let mut users: Vec<&Value> =
        stored["items"].as_array().unwrap().iter().map(|it| &it["workflows"][0]).collect();
    users.sort_by_key(|id| id.to_string());
    assert_eq!(json!(users), json!(taken), "a secret for each, and no other");
}

/// More than there are rounds: some find every id taken. They may try again, and leave nothing.
#[tokio::test(flavor = "multi_thread")]
async fn imports_that_never_find_a_free_id_are_asked_to_try_again() {
    let server = TestServer::start().await;
    let imports = (0..24).map(|_| {
        let request = server.post(&format!("{IMPORT}?name=Same"), ADMIN_KEY).body(flow());
        async move { request.send().await.unwrap() }
    });
    let mut stored = 0;
    for answer in futures_util::future::join_all(imports).await {
        let (status, retry_after) = (answer.status(), answer.headers().get("retry-after").cloned());
        let body: Value = answer.json().await.unwrap();
        match status.as_u16() {
            201 => stored += 1,
            503 => {
                assert_eq!(
                    (retry_after.unwrap().as_bytes(), &body["code"]),
                    (&b"1"[..], &json!("overloaded"))
                );
            }
            _ => panic!("{status} {body}"),
        }
    }
    assert!(stored >= 5, "{stored}");
    assert_eq!((ids(&server).await.len(), secrets(&server).await), (stored, stored));
}

async fn secrets(server: &TestServer) -> usize {
    let (_, stored) = answer(server.get("/v1/secrets", ADMIN_KEY)).await;
    stored["items"].as_array().unwrap().len()
}

/// Secrets are written first: an import that is cut off would leave one without its workflow.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_caller_hangs_up_is_stored_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let address = server.url.trim_start_matches("http://");
    for delay in 0..20 {
        let (body, mut socket) = (flow(), TcpStream::connect(address).await.unwrap());
        let head = format!(
            "POST {IMPORT}?name=cut HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer \
             {ADMIN_KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2 * delay)).await;
    }
    let began = Instant::now();
    let mut calm = 0;
    while calm < 5 {
        calm = if ids(&server).await.len() == secrets(&server).await { calm + 1 } else { 0 };
        assert!(began.elapsed() < patience(), "a secret has no workflow, or the other way round");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!ids(&server).await.is_empty(), "some were fast enough");
}

#[tokio::test]
async fn a_key_that_the_file_sends_nowhere_is_not_stored() {
    let server = TestServer::start().await;
    let flow = json!([{ "name": "get", "processorType": "http-get-processor",
        "url": format!("//api/?token={KEY}") }]);
    let (status, imported) = import(&server, "?name=flow", ADMIN_KEY, flow.to_string()).await;
    assert_eq!(status, 201, "{imported}");
    let secret = &imported["secrets"][0];
    assert_eq!((&secret["stored"], &secret["hosts"]), (&json!(false), &json!([])), "{imported}");
    let (_, secrets) = answer(server.get("/v1/secrets", ADMIN_KEY)).await;
    assert_eq!(secrets["items"], json!([]));
}

#[tokio::test]
async fn who_may_store_no_secret_imports_without_its_value() {
    let server = TestServer::start().await;
    let author = server.key(&["flow"], &["author"]).await;
    let (status, imported) = import(&server, "?name=flow", &author, flow()).await;
    assert_eq!((status, &imported["secrets"][0]["stored"]), (201, &json!(false)), "{imported}");
    let (_, secrets) = answer(server.get("/v1/secrets", ADMIN_KEY)).await;
    assert_eq!(secrets["items"], json!([]));
    let (status, refused) = import(&server, "?name=flow", &author, flow()).await;
    assert_eq!(status, 404, "flow-2 is none of the key's: {refused}");
    let caller = server.key(&["*"], &["run", "read"]).await;
    assert_eq!(import(&server, "", &caller, flow()).await.0, 403);
    assert_eq!(ids(&server).await, ["flow"]);
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_and_leaves_nothing() {
    let server = TestServer::start().await;
    let refused = async |content: Vec<u8>, expected: u16, said: &str| {
        let (status, problem) = import(&server, "", ADMIN_KEY, content).await;
        assert_eq!(status, expected, "{problem}");
        assert!(problem.to_string().contains(said), "{said}: {problem}");
        problem
    };
    let node = |name: &str, from: &str| {
        json!({ "name": name, "processorType": "display",
        "inputs": [{ "inputNode": from }] })
    };
    refused(vec![b' '; 10 << 20], 413, "4 MiB").await;
    refused(b"{\"openapi\": \"3.1.0\"}".to_vec(), 422, "an OpenAPI document").await;
    refused(b"[{".to_vec(), 422, "").await;
    refused(b"PK\x03\x04".to_vec(), 422, "a zip archive").await;
    refused(b"\xff\xfe".to_vec(), 422, "not UTF-8").await;
    refused([b"[".repeat(100_000), b"]".repeat(100_000)].concat(), 422, "").await;
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let names = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{names}]\n"));
    }
    refused(bomb.into_bytes(), 422, "").await;
    let deep: String =
        (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 1_000))).collect();
    refused(deep.into_bytes(), 422, "").await;
    let circle = json!([node("a", "b"), node("b", "a")]).to_string();
    refused(circle.into_bytes(), 422, "in a circle: a, b").await;
    let broken = json!([node("a", "x"), node("a", "y"), { "processorType": "file" }]).to_string();
    let problem = refused(broken.into_bytes(), 422, "no node is called `x`").await;
    assert_eq!(problem["problems"].as_array().map(Vec::len), Some(3), "all at once: {problem}");
    let newer = json!({ "version": "9.1", "state": { "blocks": { "a": { "type": "agent",
        "name": "A" } } } });
    refused(newer.to_string().into_bytes(), 422, "version `9.1`").await;
    assert_eq!(ids(&server).await, [] as [Value; 0]);
    let (_, secrets) = answer(server.get("/v1/secrets", ADMIN_KEY)).await;
    assert_eq!(secrets["items"], json!([]));
}
