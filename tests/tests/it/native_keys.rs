//! Keys and provider secrets over the native routes.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

async fn json_of(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
        },
    )
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let server = TestServer::start().await;
    let request = json!({
        "name": "ci",
        "workflows": ["a"],
        "scopes": ["run", "read"],
        "expires_at": "2099-01-01T00:00:00Z"
    });
    let response = server.post("/v1/keys", ADMIN_KEY).json(&request).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["cache-control"].to_str().unwrap()),
        (201, "no-store")
    );
    let made: Value = response.json().await.unwrap();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("fg_{}_", made["id"].as_str().unwrap())), "{key}");
    assert_eq!(
        (&made["workflows"], &made["scopes"], &made["expires_at"]),
        (&json!(["a"]), &json!(["run", "read"]), &json!("2099-01-01T00:00:00.000Z"))
    );
    let listed = server.get("/v1/keys", ADMIN_KEY).send().await.unwrap().text().await.unwrap();
    assert!(listed.contains(made["id"].as_str().unwrap()) && !listed.contains(key), "{listed}");
    assert!(!listed.contains("hash"), "{listed}");
}

#[tokio::test]
async fn a_bad_request_for_a_key_names_its_fields() {
    let server = TestServer::start().await;
    let (status, problem) = json_of(
        server
            .post("/v1/keys", ADMIN_KEY)
            .json(&json!({ "name": "", "workflows": [], "scopes": [] })),
    )
    .await;
    assert_eq!(status, 400);
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/name", "/scopes", "/workflows"]);
}

#[tokio::test]
async fn a_rotated_key_works_on_for_its_overlap_and_a_revoked_one_does_not() {
    let server = TestServer::start().await;
    let made = json_of(
        server
            .post("/v1/keys", ADMIN_KEY)
            .json(&json!({ "name": "k", "workflows": "*", "scopes": ["admin"] })),
    )
    .await
    .1;
    let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let (status, rotated) = json_of(server.post(&format!("/v1/keys/{id}/rotate"), ADMIN_KEY)).await;
    assert_eq!(
        (status, &rotated["rotated_from"], &rotated["scopes"]),
        (201, &made["id"], &json!(["admin"]))
    );
    let new = rotated["key"].as_str().unwrap();
    assert_eq!(json_of(server.get("/v1/keys", old)).await.0, 200);
    assert_eq!(json_of(server.get("/v1/keys", new)).await.0, 200);

    assert_eq!(
        json_of(server.request(Method::DELETE, &format!("/v1/keys/{id}"), ADMIN_KEY)).await.0,
        204
    );
    server.settle().await;
    assert_eq!(json_of(server.get("/v1/keys", old)).await.0, 401);
    let again = server
        .post(&format!("/v1/keys/{}/rotate", rotated["id"].as_str().unwrap()), ADMIN_KEY)
        .json(&json!({ "overlap_seconds": 0 }));
    assert_eq!(json_of(again).await.0, 201);
    server.settle().await;
    assert_eq!(json_of(server.get("/v1/keys", new)).await.0, 401);
    assert_eq!(
        json_of(server.request(Method::DELETE, "/v1/keys/aaaaaaaaaaaa", ADMIN_KEY)).await.0,
        404
    );
}

#[tokio::test]
async fn a_keys_name_changes_and_nothing_else_does() {
    let server = TestServer::start().await;
    let request = json!({ "name": "before", "workflows": ["a"], "scopes": ["run", "admin"] });
    let made = json_of(server.post("/v1/keys", ADMIN_KEY).json(&request)).await.1;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let rename = |path: &str, key: &str, body: Value| {
        json_of(server.request(Method::PATCH, path, key).json(&body))
    };
    let (status, renamed) = rename(&path, ADMIN_KEY, json!({ "name": "Shop ’24" })).await;
    let mut expected = made.clone();
    expected["name"] = json!("Shop ’24");
    expected.as_object_mut().unwrap().remove("key");
    assert_eq!((status, &renamed), (200, &expected));
    assert_eq!(json_of(server.get(&path, ADMIN_KEY)).await.1, expected);
    assert_eq!(json_of(server.get("/v1/keys", ADMIN_KEY)).await.1["items"][0], expected);
    let of_key = made["key"].as_str().unwrap();
    assert_eq!(json_of(server.get("/v1/keys/self", of_key)).await.1["name"], "Shop ’24");

    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({ "name": "  " }), "/name"),
        (json!({ "name": 1 }), "/name"),
        (json!({ "name": "x".repeat(201) }), "/name"),
        (json!({ "name": "x", "scopes": ["admin"] }), "/scopes"),
        (json!([]), ""),
    ] {
        let (status, problem) = rename(&path, ADMIN_KEY, body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!(pointer)));
    }
    // It is good for one workflow alone.
    assert_eq!(rename(&path, of_key, json!({ "name": "mine" })).await.0, 403);
    let (status, problem) =
        rename("/v1/keys/aaaaaaaaaaaa", ADMIN_KEY, json!({ "name": "x" })).await;
    assert_eq!((status, &problem["code"]), (404, &json!("key_not_found")));

    assert_eq!(json_of(server.request(Method::DELETE, &path, ADMIN_KEY)).await.0, 204);
    let (status, renamed) = rename(&path, ADMIN_KEY, json!({ "name": "ended" })).await;
    assert_eq!((status, &renamed["name"]), (200, &json!("ended")));
    assert!(renamed["ends_at"].is_string(), "{renamed}");
}

#[tokio::test]
async fn a_renamed_key_is_rotated_under_its_new_name() {
    let server = TestServer::start().await;
    let request = json!({ "name": "before", "workflows": "*", "scopes": ["run"] });
    let made = json_of(server.post("/v1/keys", ADMIN_KEY).json(&request)).await.1;
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let name = json!({ "name": "after" });
    json_of(server.request(Method::PATCH, &path, ADMIN_KEY).json(&name)).await;
    let (status, rotated) = json_of(server.post(&format!("{path}/rotate"), ADMIN_KEY)).await;
    assert_eq!((status, &rotated["name"]), (201, &json!("after")));
}

#[tokio::test]
async fn a_secrets_value_goes_in_and_never_out() {
    let server = TestServer::start().await;
    let put = |name: &str, body: Value| {
        json_of(server.request(Method::PUT, &format!("/v1/secrets/{name}"), ADMIN_KEY).json(&body))
    };
    assert_eq!(
        put("OPENAI_API_KEY", json!({ "value": "sk-very-secret" })).await,
        (204, Value::Null)
    );
    let read = server.get("/v1/secrets/OPENAI_API_KEY", ADMIN_KEY).send().await.unwrap();
    assert_eq!(read.headers()["cache-control"], "no-store");
    assert_eq!(read.json::<Value>().await.unwrap()["name"], "OPENAI_API_KEY");
    let listed = server.get("/v1/secrets", ADMIN_KEY).send().await.unwrap().text().await.unwrap();
    assert!(listed.contains("OPENAI_API_KEY") && !listed.contains("sk-very-secret"), "{listed}");
    for (name, body, pointer) in [
        ("1x", json!({ "value": "x" }), "/name"),
        ("X", json!({}), "/value"),
        ("X", json!({ "value": 1 }), "/value"),
        ("X", json!({ "value": "x", "v": 1 }), "/v"),
    ] {
        let (status, problem) = put(name, body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!(pointer)));
    }
    let delete =
        || json_of(server.request(Method::DELETE, "/v1/secrets/OPENAI_API_KEY", ADMIN_KEY));
    assert_eq!(delete().await.0, 204);
    let (status, problem) = delete().await;
    assert_eq!((status, &problem["code"]), (404, &json!("secret_not_found")));
}
