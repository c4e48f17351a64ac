//! Sends the requests in `fixtures/`.

use std::path::Path;
use std::time::{Duration, Instant};

use flowgate_tests::contract::check_answer;
use flowgate_tests::home::patience;
use flowgate_tests::server::TestServer;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// Reads the request in the file, with `${NAME}` filled in.
pub(crate) fn fixture(server: &TestServer, file: &str, values: &[(&str, &str)]) -> RequestBuilder {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(file);
    let text = std::fs::read_to_string(path).expect("the fixture exists");
    let text = values
        .iter()
        .fold(text, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    assert!(!text.contains("${"), "something is not filled in: {text}");
    let (head, body) = text.split_once("\n\n").expect("an empty line after the headers");
    let mut lines = head.lines();
    let (method, path) =
        lines.next().and_then(|line| line.split_once(' ')).expect("method and path");
    let request = server.client.request(
        Method::from_bytes(method.as_bytes()).expect("a method"),
        format!("{}{path}", server.url),
    );
    let request = lines
        .filter_map(|line| line.split_once(": "))
        .fold(request, |request, (name, value)| request.header(name, value));
    if body.trim().is_empty() { request } else { request.body(body.to_owned()) }
}

/// Returns status and body, and compares the body with the OpenAPI document.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    json_of(request.send().await.expect("an answer")).await
}

pub(crate) async fn json_of(response: Response) -> (u16, Value) {
    let (status, path) = (response.status().as_u16(), response.url().path().to_owned());
    let text = response.text().await.expect("a body");
    let body =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text:?} is not JSON"));
    check_answer(&path, status, &body);
    (status, body)
}

/// Repeats the request until the answer is as expected, and panics with the last one after
/// [`patience`].
pub(crate) async fn until(
    request: impl Fn() -> RequestBuilder,
    enough: impl Fn(&Value) -> bool,
) -> Value {
    let began = Instant::now();
    loop {
        let last = answer(request()).await.1;
        if enough(&last) {
            return last;
        }
        assert!(began.elapsed() < patience(), "the last answer was {last:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
