//! Pages of other origins (CORS): the operator's list, those of keys, preflights, errors.

use flowgate_app::origin::AllowedOrigins;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, Response};
use serde_json::{Value, json};

const OURS: &str = "https://app.example.com";
const KEYS: &str = "https://key.example.com";
const EVIL: &str = "https://evil.example";
const DOCUMENT: &str = "nodes: [{ id: a, type: template, template: x }]\n";

async fn server() -> TestServer {
    let server = TestServer::start_with(|settings| {
        settings.allowed_origins = AllowedOrigins::parse(OURS).unwrap();
    })
    .await;
    server.publish("w", DOCUMENT).await;
    server
}

async fn key_for_pages(server: &TestServer) -> String {
    let request = json!({
        "name": "k", "workflows": ["w"], "scopes": ["run", "read"],
        "origins": ["https://KEY.example.com:443"]
    });
    let made = server.post("/v1/keys", ADMIN_KEY).json(&request).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    assert_eq!(made["origins"], json!([KEYS]), "as browsers send it");
    made["key"].as_str().unwrap().to_owned()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn allowed(response: &Response) -> Option<&str> {
    header(response, "access-control-allow-origin")
}

async fn preflight(server: &TestServer, path: &str, origin: &str) -> Response {
    let request = server
        .client
        .request(Method::OPTIONS, format!("{}{path}", server.url))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-vendor");
    request.send().await.unwrap()
}

const PATHS: [&str; 10] = [
    "/v1/workflows/w/runs",
    "/v1/runs/run_00000000000000000000000000000000/events",
    "/v1/keys",
    "/v1/workflows/w",
    "/health",
    "/v1/workflow/invoke",
    "/api/jobs/x",
    "/api/v2/workflows/w/runs",
    "/v1/flow/w/run",
    "/nothing/here",
];

#[tokio::test]
async fn a_preflight_is_answered_on_every_route_by_the_lists() {
    let server = server().await;
    for path in PATHS {
        let good = preflight(&server, path, OURS).await;
        assert_eq!((good.status().as_u16(), allowed(&good)), (204, Some(OURS)), "{path}");
        assert!(header(&good, "access-control-allow-methods").unwrap().contains("DELETE"));
        let names = header(&good, "access-control-allow-headers");
        assert_eq!(names, Some("authorization,content-type,x-vendor"));
        assert_eq!(header(&good, "vary"), Some("Origin"));
        for origin in
            [EVIL, KEYS, "null", "https://app.example.com.evil.example", "http://app.example.com"]
        {
            let bad = preflight(&server, path, origin).await;
            assert_eq!(allowed(&bad), None, "{path} {origin}");
            assert_eq!(header(&bad, "access-control-allow-headers"), None);
        }
    }
    key_for_pages(&server).await;
    server.settle().await;
    assert_eq!(allowed(&preflight(&server, PATHS[0], KEYS).await), Some(KEYS), "a key lists it");
    assert_eq!(allowed(&preflight(&server, PATHS[0], EVIL).await), None);
}

#[tokio::test]
async fn sims_execute_is_open_to_every_page_and_needs_its_key() {
    let server = server().await;
    let key = server.key(&["w"], &["run"]).await;
    for path in ["/api/workflows/w/execute", "/api/v2/workflows/w/execute"] {
        assert_eq!(allowed(&preflight(&server, path, EVIL).await), Some("*"), "{path}");
        for (key, status) in [(key.as_str(), 200), ("wrong", 401)] {
            let run = server.post(path, key).header("origin", EVIL).json(&json!({}));
            let run = run.send().await.unwrap();
            assert_eq!((run.status().as_u16(), allowed(&run)), (status, Some("*")), "{path}");
        }
    }
}

#[tokio::test]
async fn a_public_workflow_is_read_by_the_pages_of_its_key_alone() {
    let server = TestServer::start_with(|settings| {
        settings.allowed_origins = AllowedOrigins::parse(OURS).unwrap();
        settings.public_workflows = true;
    })
    .await;
    server.publish("w", DOCUMENT).await;
    let pages = key_for_pages(&server).await;
    let id = pages.split('_').nth(1).unwrap();
    let open = server.request(Method::PUT, "/v1/workflows/w/public", ADMIN_KEY);
    let open = open.json(&json!({ "key_id": id })).send().await.unwrap();
    assert_eq!(open.status(), 200);
    server.settle().await;
    for path in ["/api/workflows/w/execute", "/api/v2/workflows/w/execute"] {
        assert_eq!(allowed(&preflight(&server, path, EVIL).await), Some("*"), "{path}");
        for (origin, expected) in [(KEYS, Some(KEYS)), (OURS, Some(OURS)), (EVIL, None)] {
            let run = server.client.post(format!("{}{path}", server.url)).header("origin", origin);
            let run = run.json(&json!({})).send().await.unwrap();
            assert_eq!((run.status().as_u16(), allowed(&run)), (200, expected), "{path} {origin}");
        }
        // With the key it is as everywhere at Sim.
        let run = server.post(path, &pages).header("origin", EVIL).json(&json!({}));
        assert_eq!(allowed(&run.send().await.unwrap()), Some("*"), "{path}");
    }
}

#[tokio::test]
async fn answers_and_errors_are_shown_to_listed_pages_alone() {
    let server = server().await;
    let pages = key_for_pages(&server).await;
    let plain = server.key(&["w"], &["run", "read"]).await;
    let ask = async |path: &str, key: &str, origin: &str| {
        server.get(path, key).header("origin", origin).send().await.unwrap()
    };
    for (path, status) in [
        ("/v1/workflows/w/runs", 200),
        ("/v1/workflows/w/runs?limit=0", 400),
        ("/v1/runs/run_00000000000000000000000000000000", 404),
        ("/v1/keys", 403),
        ("/v1/workflow/invoke", 405),
        ("/api/nothing", 404),
    ] {
        let ours = ask(path, &plain, OURS).await;
        assert_eq!((ours.status().as_u16(), allowed(&ours)), (status, Some(OURS)), "{path}");
        assert!(header(&ours, "access-control-expose-headers").unwrap().contains("X-Request-Id"));
        assert_eq!(allowed(&ask(path, &plain, EVIL).await), None, "{path}");
        assert_eq!(allowed(&ask(path, &plain, KEYS).await), None, "{path}: another key's");
    }
    let of_key = ask("/v1/workflows/w/runs", &pages, KEYS).await;
    assert_eq!(allowed(&of_key), Some(KEYS));
    let refused = ask("/v1/workflows/w/runs?limit=0", &pages, KEYS).await;
    assert_eq!((refused.status().as_u16(), allowed(&refused)), (400, Some(KEYS)));
    assert_eq!(allowed(&ask("/v1/workflows/w/runs", &pages, EVIL).await), None);
    let wrong = ask("/v1/workflows/w/runs", "wrong", OURS).await;
    assert_eq!((wrong.status().as_u16(), allowed(&wrong)), (401, Some(OURS)));
    let no_page = server.get("/v1/workflows/w/runs", &plain).send().await.unwrap();
    assert_eq!((allowed(&no_page), header(&no_page, "vary")), (None, Some("Origin")));
}

#[tokio::test]
async fn without_a_list_no_page_reads_anything() {
    let server = TestServer::start().await;
    assert_eq!(allowed(&preflight(&server, "/v1/keys", OURS).await), None);
    let request = server.get("/v1/keys", ADMIN_KEY).header("origin", OURS);
    assert_eq!(allowed(&request.send().await.unwrap()), None);
}

#[tokio::test]
async fn a_key_lists_origins_and_nothing_else() {
    let server = TestServer::start().await;
    let request = json!({
        "name": "k", "workflows": "*", "scopes": ["run"],
        "origins": ["https://a.example", "*", "a.example", "https://a.example/x", "null"]
    });
    let refused = server.post("/v1/keys", ADMIN_KEY).json(&request).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.unwrap();
    let errors = refused["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = errors.map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/origins/1", "/origins/2", "/origins/3", "/origins/4"]);
}
