//! Query parameters that a native route does not have, and cursors that are none.

use flowgate_api::openapi::DOCUMENT;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::answer;

const HELLO: &str = "nodes: [{ id: a, type: template, template: x }]\n";

/// Every native operation with a caller, with something in the place of its variables.
fn operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let others = [
            "/api/",
            "/v1/workflow/",
            "/v1/flow/",
            "/v1/models",
            "/v1/chat/",
            "/v1/responses",
            "/mcp",
            "/a2a/",
        ];
        if others.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] != json!([{}]) {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let filled = path.split('/').map(|part| match part.starts_with('{') {
                    true => "some",
                    false => part,
                });
                found.push((method, filled.collect::<Vec<_>>().join("/")));
            }
        }
    }
    found
}

#[tokio::test]
async fn every_native_route_names_a_parameter_that_it_does_not_have() {
    let server = TestServer::start().await;
    let all = operations();
    assert!(all.len() > 25, "{all:?}");
    for (method, path) in all {
        let path = format!("{path}?limitt=1&x=");
        let (status, refused) = answer(server.request(method.clone(), &path, ADMIN_KEY)).await;
        assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")), "{method} {path}");
        let errors = refused["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{method} {path}: {refused}");
        // API Gateway sends the parameters in no order.
        assert!(refused["errors"].to_string().contains("`limitt`"), "{refused}");
        let (status, _) = answer(server.request(method.clone(), &path, "nobody")).await;
        assert_eq!(status, 401, "{method} {path}: who asks comes first");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list() {
    let server = TestServer::start().await;
    for id in ["a", "b"] {
        server.publish(id, HELLO).await;
        server.publish(id, &HELLO.replace("x", "y")).await;
        for _ in 0..2 {
            let run = server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
            assert_eq!(run.json(&json!({})).send().await.unwrap().status(), 200);
        }
        server.key(&["a"], &["run"]).await;
    }
    let lists = [
        "/v1/keys",
        "/v1/workflows",
        "/v1/workflows/a/runs",
        "/v1/workflows/a/versions",
        "/v1/workflows/b/runs",
        "/api/v2/workflows/a/runs",
    ];
    let get = async |path: String| answer(server.get(&path, ADMIN_KEY)).await;
    let mut cursors = Vec::new();
    for list in lists {
        let (_, page) = get(format!("{list}?limit=1")).await;
        let cursor = page["next_cursor"].as_str().or(page["nextCursor"].as_str());
        cursors.push(cursor.unwrap_or_else(|| panic!("{list}: {page}")).to_owned());
    }
    for (list, own) in lists.iter().zip(&cursors) {
        let (status, page) = get(format!("{list}?limit=1&cursor={own}")).await;
        assert_eq!(status, 200, "{list}: {page}");
        let foreign = cursors.iter().filter(|cursor| *cursor != own).cloned();
        let broken = ["x", "1", "run_00000000000000000000000000000000", "%00", "AAAAAA"];
        let cut = own[..own.len() - 2].to_owned();
        for bad in foreign.chain(broken.map(str::to_owned)).chain([cut]) {
            let (status, refused) = get(format!("{list}?cursor={bad}")).await;
            assert_eq!(status, 400, "{list}?cursor={bad}: {refused}");
            assert!(refused.to_string().contains("cursor"), "{refused}");
        }
        assert_eq!(get(format!("{list}?cursor=")).await.0, 200, "an empty one is none");
    }
}
