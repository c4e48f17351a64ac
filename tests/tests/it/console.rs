//! The web console beside the API: pages for browsers, everything else as before.

use flowgate_tests::process::{Process, serve_arguments};
use flowgate_tests::server::{ADMIN_KEY, TestServer, program};
use reqwest::{Method, Response};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn asked(server: &TestServer, method: Method, path: &str, accept: &str) -> Response {
    let url = format!("{}{path}", server.url);
    server.client.request(method, url).header("accept", accept).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn browsers_get_the_page_wherever_the_api_has_nothing() {
    let server = TestServer::start().await;
    let path = reqwest::Url::parse(&server.public_url).unwrap().path().to_owned();
    let base = format!("<base href=\"{}/\"", path.trim_end_matches('/'));
    for place in ["/", "/workflows", "/workflows/a/try?from=run_1", "/runs/run_1", "/v1x"] {
        let page = asked(&server, Method::GET, place, HTML).await;
        assert_eq!(page.status(), 200, "{place}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8", "{place}");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let policy = header(&page, "content-security-policy").to_owned();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        let text = page.text().await.unwrap();
        assert!(text.contains(&base), "{base}: {text}");
    }
}

#[tokio::test]
async fn a_page_is_not_sent_twice_and_head_sends_none() {
    let server = TestServer::start().await;
    let page = asked(&server, Method::HEAD, "/workflows", HTML).await;
    assert_eq!((page.status().as_u16(), page.headers().contains_key("etag")), (200, true));
    let etag = header(&page, "etag").to_owned();
    assert_eq!(page.text().await.unwrap(), "");
    let again = server.client.get(format!("{}/runs", server.url));
    let again = again.header("accept", HTML).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, etag.as_str()));
    assert_eq!(again.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_api_keeps_its_paths_and_programs_their_refusals() {
    let server = TestServer::start().await;
    let health = asked(&server, Method::GET, "/health", HTML).await;
    assert_eq!(header(&health, "content-type"), "application/json");
    let list = server.get("/v1/workflows", ADMIN_KEY).header("accept", HTML).send().await.unwrap();
    assert_eq!((list.status().as_u16(), header(&list, "content-type")), (200, "application/json"));
    for (method, path, accept) in [
        (Method::GET, "/", "application/json"),
        (Method::GET, "/workflows", "*/*"),
        (Method::GET, "/workflows", "application/json, text/plain"),
        (Method::GET, "/v1/nothing", HTML),
        (Method::GET, "/v1", HTML),
        (Method::GET, "/assets/gone-1a2b.js", HTML),
        (Method::GET, "/assets/..%2f..%2fCargo.toml", HTML),
        (Method::GET, "/..%2f..%2fCargo.toml", "*/*"),
        (Method::POST, "/workflows", HTML),
        (Method::DELETE, "/", HTML),
    ] {
        let refused = asked(&server, method.clone(), path, accept).await;
        assert_eq!(refused.status(), 404, "{method} {path}");
        assert_eq!(header(&refused, "content-type"), "application/problem+json", "{path}");
        let text = refused.text().await.unwrap();
        assert!(text.contains("\"path_not_found\""), "{path}: {text}");
    }
    let sim = asked(&server, Method::GET, "/api/nothing", HTML).await;
    assert!(sim.text().await.unwrap().contains("\"NOT_FOUND\""));
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(program());
    command.args(serve_arguments(folder.path())).arg("--no-console");
    let process = Process::spawn(command).await;
    let page = reqwest::Client::new().get(&process.url).header("accept", HTML);
    let refused = page.send().await.unwrap();
    assert_eq!(refused.status(), 404);
    assert_eq!(header(&refused, "content-type"), "application/problem+json");
}
