//! Workflows over the native routes: drafts, versions, signing secrets.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

const GOOD: &str = "name: Hello\n\
                    nodes: [{ id: say, type: template, template: hi }]\n\
                    output: { said: <say.content> }\n";

async fn save(server: &TestServer, id: &str, document: &str) -> reqwest::Response {
    server
        .request(Method::PUT, &format!("/v1/workflows/{id}"), ADMIN_KEY)
        .body(document.to_owned())
        .send()
        .await
        .unwrap()
}

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
async fn a_draft_is_saved_with_its_problems_and_published_without() {
    let server = TestServer::start().await;
    let response = save(
        &server,
        "w",
        "nodes: [{ id: say, type: template, template: '<nobody.x>', extra: 1 }]\n",
    )
    .await;
    assert_eq!(response.status(), 200);
    let saved: Value = response.json().await.unwrap();
    assert_eq!((&saved["id"], &saved["name"]), (&json!("w"), &json!("w")));
    assert!(!saved["problems"].as_array().unwrap().is_empty(), "{saved}");
    let (status, problem) = json_of(server.post("/v1/workflows/w/versions", ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_document")));
    assert!(problem["problems"][0]["path"].is_string(), "{problem}");
    let (status, problem) = json_of(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_published")));
}

#[tokio::test]
async fn what_does_not_parse_is_refused_with_its_place() {
    let server = TestServer::start().await;
    let response = save(&server, "w", "nodes: [\n  { id: a,\n").await;
    assert_eq!(response.status(), 422);
    let problem: Value = response.json().await.unwrap();
    assert!(problem["problems"][0]["line"].is_number(), "{problem}");
    assert_eq!(json_of(server.get("/v1/workflows/w", ADMIN_KEY)).await.0, 404);
    assert_eq!(save(&server, "import", GOOD).await.status(), 405);
    assert_eq!(save(&server, "a%20b", GOOD).await.status(), 400);
}

#[tokio::test]
async fn an_etag_guards_a_draft() {
    let server = TestServer::start().await;
    let first = save(&server, "w", GOOD).await;
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    let body: Value = first.json().await.unwrap();
    assert_eq!(etag, format!("\"{}\"", body["draft"]["etag"].as_str().unwrap()));
    let put = |etag: &str, text: &str| {
        server
            .request(Method::PUT, "/v1/workflows/w", ADMIN_KEY)
            .header("if-match", etag)
            .body(text.to_owned())
            .send()
    };
    assert_eq!(put(&etag, &GOOD.replace("hi", "ho")).await.unwrap().status(), 200);
    let stale = put(&etag, GOOD).await.unwrap();
    assert_eq!(stale.status(), 412);
    assert_eq!(stale.json::<Value>().await.unwrap()["code"], "draft_changed");

    let yaml = server
        .get("/v1/workflows/w", ADMIN_KEY)
        .header("accept", "application/yaml")
        .send()
        .await
        .unwrap();
    assert_eq!(yaml.headers()["content-type"], "application/yaml");
    assert_ne!(yaml.headers()["etag"].to_str().unwrap(), etag);
    assert_eq!(yaml.text().await.unwrap(), GOOD.replace("hi", "ho"));
}

#[tokio::test]
async fn an_etag_guards_what_is_published_and_deleted_and_a_star_what_is_new() {
    let server = TestServer::start().await;
    let put = |text: &str| {
        let put = server.request(Method::PUT, "/v1/workflows/w", ADMIN_KEY);
        put.header("if-none-match", "*").body(text.to_owned())
    };
    let (status, first) = json_of(put(GOOD)).await;
    assert_eq!(status, 200, "{first}");
    let (status, again) = json_of(put(&GOOD.replace("hi", "ho"))).await;
    assert_eq!((status, &again["code"]), (412, &json!("draft_changed")), "{again}");
    assert_eq!(json_of(put(GOOD).header("if-match", "\"x\"")).await.0, 412);
    let old = format!("\"{}\"", first["draft"]["etag"].as_str().unwrap());
    let new = save(&server, "w", &GOOD.replace("hi", "ho")).await.headers()["etag"].clone();

    let publish = |etag: &str| {
        let publish = server.post("/v1/workflows/w/versions", ADMIN_KEY).json(&json!({}));
        publish.header("if-match", etag)
    };
    let delete = |etag: &str| {
        server.request(Method::DELETE, "/v1/workflows/w", ADMIN_KEY).header("if-match", etag).send()
    };
    assert_eq!(json_of(publish(&old)).await.1["code"], "draft_changed");
    assert_eq!(json_of(publish("x")).await.0, 400);
    assert_eq!(
        json_of(server.get("/v1/workflows/w", ADMIN_KEY)).await.1["active_version"],
        json!(null)
    );
    assert_eq!(json_of(publish(new.to_str().unwrap())).await.0, 201);
    for (etag, status) in [(&*old, 412), ("*", 400), (new.to_str().unwrap(), 204)] {
        assert_eq!(delete(etag).await.unwrap().status(), status, "{etag}");
    }
    assert_eq!(json_of(server.get("/v1/workflows/w", ADMIN_KEY)).await.0, 404);
}

#[tokio::test]
async fn versions_are_published_rolled_back_and_taken_down() {
    let server = TestServer::start().await;
    save(&server, "w", GOOD).await;
    let (status, first) = json_of(
        server.post("/v1/workflows/w/versions", ADMIN_KEY).json(&json!({ "notes": "the first" })),
    )
    .await;
    assert_eq!(
        (status, &first["version"], &first["active"], &first["notes"]),
        (201, &json!("1.0.0"), &json!(true), &json!("the first"))
    );
    save(&server, "w", &GOOD.replace("hi", "ho")).await;
    let (_, second) = json_of(server.post("/v1/workflows/w/versions", ADMIN_KEY)).await;
    assert_ne!(second["hash"], first["hash"]);

    let (_, listed) = json_of(server.get("/v1/workflows/w/versions", ADMIN_KEY)).await;
    let active: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| (version["version"].clone(), version["active"].clone()))
        .collect();
    assert_eq!(active, [(second["version"].clone(), json!(true)), (json!("1.0.0"), json!(false))]);
    let (_, page) = json_of(server.get("/v1/workflows/w/versions?limit=1", ADMIN_KEY)).await;
    let rest = format!(
        "/v1/workflows/w/versions?limit=1&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let (_, rest) = json_of(server.get(&rest, ADMIN_KEY)).await;
    assert_eq!(
        (&rest["items"], &rest["next_cursor"]),
        (&json!([listed["items"][1]]), &json!(null))
    );

    let (status, back) = json_of(
        server.post("/v1/workflows/w/rollback", ADMIN_KEY).json(&json!({ "version": "1.0.0" })),
    )
    .await;
    assert_eq!((status, &back["version"]), (200, &json!("1.0.0")));
    assert_eq!(
        json_of(
            server.post("/v1/workflows/w/rollback", ADMIN_KEY).json(&json!({ "version": "7.0.0" }))
        )
        .await
        .0,
        404
    );
    let (_, read) = json_of(server.get("/v1/workflows/w", ADMIN_KEY)).await;
    assert_eq!(
        (&read["active_version"], &read["document"]),
        (&json!("1.0.0"), &json!(GOOD.replace("hi", "ho")))
    );

    assert_eq!(
        json_of(server.request(Method::DELETE, "/v1/workflows/w/active", ADMIN_KEY)).await.0,
        204
    );
    assert_eq!(json_of(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await.0, 409);
    assert_eq!(json_of(server.request(Method::DELETE, "/v1/workflows/w", ADMIN_KEY)).await.0, 204);
    assert_eq!(json_of(server.get("/v1/workflows/w", ADMIN_KEY)).await.0, 404);
}

#[tokio::test]
async fn a_document_that_callers_run_already_makes_no_version() {
    let server = TestServer::start().await;
    save(&server, "w", GOOD).await;
    let publish = || {
        json_of(server.post("/v1/workflows/w/versions", ADMIN_KEY).json(&json!({ "notes": "why" })))
    };
    let (status, first) = publish().await;
    assert_eq!((status, &first["version"]), (201, &json!("1.0.0")));
    assert_eq!(publish().await, (200, first.clone()));
    let (_, listed) = json_of(server.get("/v1/workflows/w/versions", ADMIN_KEY)).await;
    assert_eq!(listed["items"], json!([first]));

    save(&server, "w", &GOOD.replace("hi", "ho")).await;
    assert_eq!(publish().await.0, 201);
    save(&server, "w", GOOD).await;
    let (status, third) = publish().await;
    assert_eq!((status, &third["version"], &third["hash"]), (201, &json!("1.0.2"), &first["hash"]));
}

#[tokio::test]
async fn a_rollback_goes_to_what_was_active_before_and_not_to_what_was_rolled_back_from() {
    let server = TestServer::start().await;
    let publish = async |text: &str| {
        save(&server, "w", &GOOD.replace("hi", text)).await;
        json_of(server.post("/v1/workflows/w/versions", ADMIN_KEY)).await.1["version"].clone()
    };
    let back = async || json_of(server.post("/v1/workflows/w/rollback", ADMIN_KEY)).await;
    publish("good").await;
    assert_eq!(back().await.0, 404, "nothing was active before");
    for version in ["1.0.1", "1.0.2"] {
        assert_eq!(publish(&format!("bad {version}")).await, version);
        let (status, rolled) = back().await;
        assert_eq!((status, &rolled["version"]), (200, &json!("1.0.0")));
    }
    assert_eq!(back().await.1["code"], "version_not_found");
    assert_eq!(
        json_of(server.request(Method::DELETE, "/v1/workflows/w/active", ADMIN_KEY)).await.0,
        204
    );
    assert_eq!(back().await.1["version"], "1.0.0", "it was taken down, not rolled back from");
    server.settle().await;
    let (_, ran) = json_of(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    assert_eq!((&ran["version"], &ran["output"]["said"]), (&json!("1.0.0"), &json!("good")));
}

#[tokio::test]
async fn a_list_shows_what_the_key_knows() {
    let server = TestServer::start().await;
    save(&server, "a", GOOD).await;
    save(&server, "b", GOOD).await;
    let ids = |listed: &Value| {
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|workflow| workflow["id"].clone())
            .collect::<Vec<_>>()
    };
    let all = ids(&json_of(server.get("/v1/workflows", ADMIN_KEY)).await.1);
    assert!(all.contains(&json!("a")) && all.contains(&json!("b")), "{all:?}");
    let key = server.key(&["a"], &["author"]).await;
    assert_eq!(ids(&json_of(server.get("/v1/workflows", &key)).await.1), ["a"]);
    assert_eq!(json_of(server.get("/v1/workflows/b", &key)).await.0, 404);
}

#[tokio::test]
async fn a_signing_secret_is_rotated_with_overlap() {
    let server = TestServer::start().await;
    save(&server, "w", GOOD).await;
    let response = server.get("/v1/workflows/w/signing-secret", ADMIN_KEY).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let first: Value = response.json().await.unwrap();
    assert!(first["secrets"][0].as_str().unwrap().starts_with("whsec_"));
    let (status, rotated) =
        json_of(server.post("/v1/workflows/w/signing-secret/rotate", ADMIN_KEY)).await;
    assert_eq!(status, 200);
    assert_eq!(rotated["secrets"][1], first["secrets"][0]);
    assert_ne!(rotated["secrets"][0], first["secrets"][0]);
}
