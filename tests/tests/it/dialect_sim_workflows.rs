//! Sim: workflows, deployments, versions, export and import, in both generations.

use std::path::Path;

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{answer, json_of};

const GREETING: &str = "# Mine.\nname: Greeting\ndescription: Greets.\n\
    input:\n\
    - { name: name, type: string, description: Whom }\n\
    - { name: doc, type: file, default: x }\n\
    nodes: [{ id: say, type: template, template: \"Hello <api.name>\" }]\n\
    output: { greeting: <say.content> }\n";

async fn save(server: &TestServer, id: &str, document: &str) {
    let put = server.request(Method::PUT, &format!("/v1/workflows/{id}"), ADMIN_KEY);
    let (status, saved) = answer(put.body(document.to_owned())).await;
    assert_eq!(status, 200, "{saved}");
}

async fn document(server: &TestServer, id: &str) -> String {
    let get = server.get(&format!("/v1/workflows/{id}"), ADMIN_KEY);
    let found = answer(get).await.1;
    found["document"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned()
}

async fn post(server: &TestServer, path: &str, body: Value) -> (u16, Value) {
    answer(server.post(path, ADMIN_KEY).json(&body)).await
}

async fn delete(server: &TestServer, path: &str) -> (u16, Value) {
    answer(server.request(Method::DELETE, path, ADMIN_KEY)).await
}

async fn said(server: &TestServer) -> (u16, Value) {
    server.settle().await;
    let execute = server.post("/api/workflows/w/execute", ADMIN_KEY);
    let (status, body) = answer(execute.json(&json!({ "name": "Ada" }))).await;
    (status, body["output"]["greeting"].clone())
}

/// A server with two versions, of which the second is deployed.
async fn two_versions() -> TestServer {
    let server = TestServer::start().await;
    save(&server, "w", GREETING).await;
    let label = json!({ "name": " First ", "description": "what\n\nis new", "more": 1 });
    let response = server.post("/api/v1/workflows/w/deploy", ADMIN_KEY).json(&label);
    let response = response.send().await.unwrap();
    let (status, first) = json_of(response).await;
    assert_eq!((status, &first["data"]["version"]), (200, &json!(1)), "{first}");
    assert_eq!(first["data"]["isDeployed"], true);
    assert!(first["data"]["deployedAt"].is_string() && first["data"]["warnings"] == json!([]));
    assert_eq!(first["limits"]["usage"]["isExceeded"], false);
    let (_, again) = post(&server, "/api/v1/workflows/w/deploy", json!({})).await;
    assert_eq!(again["data"]["version"], 1, "the draft is deployed already");
    save(&server, "w", &GREETING.replace("Hello", "Hi")).await;
    let (status, second) = post(&server, "/api/v2/workflows/w/deploy", json!({})).await;
    assert_eq!((status, &second["data"]["version"]), (200, &json!(2)), "{second}");
    let active = &second["data"]["activeDeployment"];
    assert_eq!((&active["version"], &active["deploymentVersionId"]), (&json!(2), &json!("1.0.1")));
    assert_eq!(second["data"]["latestDeploymentAttempt"]["status"], "active");
    server
}

#[tokio::test]
async fn versions_are_numbered_and_come_back() {
    let server = two_versions().await;
    assert_eq!(said(&server).await, (200, json!("Hi Ada")));
    let (_, rolled_back) = post(&server, "/api/v1/workflows/w/rollback", json!({})).await;
    assert_eq!(rolled_back["data"]["version"], 1, "{rolled_back}");
    assert_eq!(said(&server).await, (200, json!("Hello Ada")));
    let (status, refused) = post(&server, "/api/v1/workflows/w/rollback", json!({})).await;
    let message = json!("No previous deployment version to roll back to");
    assert_eq!((status, &refused["error"]), (400, &message));
    let two = json!({ "version": 2 });
    let (_, named) = post(&server, "/api/v2/workflows/w/rollback", two).await;
    assert_eq!(named["data"]["version"], 2, "{named}");
    assert_eq!(said(&server).await, (200, json!("Hi Ada")));
    for (path, pointer) in [("v1", "/error"), ("v2", "/error/message")] {
        let path = format!("/api/{path}/workflows/w/rollback");
        let (status, refused) = post(&server, &path, json!({ "version": 9 })).await;
        let message = json!("Deployment version not found");
        assert_eq!((status, refused.pointer(pointer)), (404, Some(&message)), "{path}");
    }
}

#[tokio::test]
async fn versions_are_listed_with_what_they_pin() {
    let server = two_versions().await;
    let list = "/api/v2/workflows/w/versions";
    let (_, page) = answer(server.get(&format!("{list}?limit=1"), ADMIN_KEY)).await;
    assert_eq!(
        (&page["data"][0]["version"], &page["data"][0]["isActive"], &page["data"][0]["name"]),
        (&json!(2), &json!(true), &Value::Null)
    );
    let cursor = page["nextCursor"].as_str().unwrap();
    let (_, page) = answer(server.get(&format!("{list}?cursor={cursor}"), ADMIN_KEY)).await;
    let first = &page["data"][0];
    assert_eq!(
        (&first["version"], &first["name"], &first["description"], &page["nextCursor"]),
        (&json!(1), &json!("First"), &json!("what\n\nis new"), &Value::Null)
    );
    let (_, version) = answer(server.get(&format!("{list}/1"), ADMIN_KEY)).await;
    assert_eq!(
        (&version["data"]["id"], &version["data"]["state"]["document"]),
        (&json!("1.0.0"), &json!(GREETING))
    );
    for none in ["0", "3", "1.0.0", "x", "01"] {
        let (status, _) = answer(server.get(&format!("{list}/{none}"), ADMIN_KEY)).await;
        assert_eq!(status, 404, "{none}");
    }
}

#[tokio::test]
async fn what_is_deployed_goes_down_and_comes_back() {
    let server = two_versions().await;
    let deployment = "/api/v2/workflows/w/deployment";
    let (_, found) = answer(server.get(deployment, ADMIN_KEY)).await;
    assert_eq!(
        (&found["data"]["isDeployed"], &found["data"]["needsRedeployment"]),
        (&json!(true), &json!(false))
    );
    save(&server, "w", &GREETING.replace("Hello", "Ho")).await;
    let (_, found) = answer(server.get(deployment, ADMIN_KEY)).await;
    assert_eq!(found["data"]["needsRedeployment"], true);
    let (status, gone) = delete(&server, "/api/v1/workflows/w/deploy").await;
    let data = json!({ "id": "w", "isDeployed": false, "deployedAt": null, "warnings": [] });
    assert_eq!((status, &gone["data"]), (200, &data));
    assert_eq!(said(&server).await.0, 403);
    for (method, path) in [(Method::DELETE, "deploy"), (Method::POST, "rollback")] {
        for (generation, pointer) in [("v1", "/error"), ("v2", "/error/message")] {
            let path = format!("/api/{generation}/workflows/w/{path}");
            let (status, refused) = answer(server.request(method.clone(), &path, ADMIN_KEY)).await;
            let message = json!("Workflow is not deployed");
            assert_eq!((status, refused.pointer(pointer)), (400, Some(&message)), "{path}");
        }
    }
    let (_, third) = post(&server, "/api/v1/workflows/w/deploy", json!({})).await;
    assert_eq!(third["data"]["version"], 3, "{third}");
    let (_, gone) = delete(&server, "/api/v2/workflows/w/deploy").await;
    let data = &gone["data"];
    assert_eq!(
        (&data["activeDeployment"], &data["latestDeploymentAttempt"], &data["archivedMcpTools"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn what_cannot_be_deployed_is_refused_with_its_reasons() {
    let server = TestServer::start().await;
    save(&server, "w", "nodes: [{ id: say, type: dancing }]").await;
    let (status, refused) = post(&server, "/api/v1/workflows/w/deploy", json!({})).await;
    assert_eq!((status, &refused["code"]), (400, &json!("INVALID_INPUT")), "{refused}");
    assert!(refused["details"][0]["path"].as_str().unwrap().starts_with("nodes"), "{refused}");
    let (status, refused) = post(&server, "/api/v2/workflows/w/deploy", json!({})).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("BAD_REQUEST")), "{refused}");
    assert!(refused["error"]["details"][0]["message"].is_string(), "{refused}");
    for (path, body) in [
        ("/api/v2/workflows/w/deploy", json!({ "more": 1 })),
        ("/api/v2/workflows/w/deploy?more=1", json!({})),
        ("/api/v2/workflows/w/rollback", json!({ "versions": 1 })),
        ("/api/v1/workflows/w/deploy", json!({ "name": "" })),
        ("/api/v1/workflows/w/rollback", json!({ "version": 0 })),
    ] {
        assert_eq!(post(&server, path, body).await.0, 400, "{path}");
    }
    assert_eq!(post(&server, "/api/v1/workflows/none/deploy", json!({})).await.0, 404);
}

#[tokio::test]
async fn workflows_are_listed_and_read() {
    let server = TestServer::start().await;
    server.publish("a", GREETING).await;
    save(&server, "b", &GREETING.replace("Greeting", "Other")).await;
    save(&server, "c", GREETING).await;
    answer(
        server.post("/v1/workflows/a/runs", ADMIN_KEY).json(&json!({ "input": { "name": "x" } })),
    )
    .await;
    let key = server.key(&["a", "b"], &["author", "read"]).await;
    for generation in ["v1", "v2"] {
        let list = format!("/api/{generation}/workflows?workspaceId=any");
        let (_, all) = answer(server.get(&list, &key)).await;
        let ids: Vec<_> = all["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, ["a", "b"], "{all}");
        assert_eq!(
            (&all["data"][0]["isDeployed"], &all["data"][1]["name"], &all["data"][1]["isDeployed"]),
            (&json!(true), &json!("Other"), &json!(false))
        );
        assert!(all["data"][0]["lastRunAt"].is_string() && all["data"][1]["lastRunAt"].is_null());
        let (_, deployed) = answer(server.get(&format!("{list}&deployedOnly=true"), &key)).await;
        assert_eq!(deployed["data"].as_array().unwrap().len(), 1, "{deployed}");
        let (_, page) = answer(server.get(&format!("{list}&limit=1"), &key)).await;
        let next = format!("{list}&cursor={}", page["nextCursor"].as_str().unwrap());
        let (_, page) = answer(server.get(&next, &key)).await;
        assert_eq!(page["data"][0]["id"], "b", "{page}");
        let (_, one) = answer(server.get(&format!("/api/{generation}/workflows/a"), &key)).await;
        assert_eq!(
            (&one["data"]["description"], &one["data"]["inputs"]),
            (
                &json!("Greets."),
                &json!([
                    { "name": "name", "type": "string", "description": "Whom" },
                    { "name": "doc", "type": "file[]" },
                ])
            )
        );
        let unknown = server.get(&format!("/api/{generation}/workflows/c"), &key);
        assert_eq!(answer(unknown).await.0, 404);
        assert_eq!(answer(server.get(&format!("{list}&limit=101"), &key)).await.0, 400);
    }
    let (_, in_folder) = answer(server.get("/api/v1/workflows?folderId=f", &key)).await;
    assert_eq!(in_folder["data"], json!([]));
    let (_, found) = answer(server.get("/api/v2/workflows?search=OTHER", &key)).await;
    assert_eq!(found["data"][0]["id"], "b", "{found}");
    assert_eq!(answer(server.get("/api/v2/workflows?x=1", &key)).await.0, 400);
    let reader = server.key(&["a"], &["read"]).await;
    assert_eq!(answer(server.get("/api/v1/workflows/a", &reader)).await.0, 403);
}

#[tokio::test]
async fn an_export_comes_back_letter_by_letter() {
    let server = TestServer::start().await;
    save(&server, "mine", GREETING).await;
    for (generation, expected) in [("v1", "mine-2"), ("v2", "mine-3")] {
        let path = format!("/api/{generation}/workflows/mine/export");
        let (_, export) = answer(server.get(&path, ADMIN_KEY)).await;
        let data = &export["data"];
        assert_eq!(
            (&data["version"], &data["workflow"]["name"], &data["workflow"]["description"]),
            (&json!("1.0"), &json!("Greeting"), &json!("Greets."))
        );
        let import = format!("/api/{generation}/workflows/import");
        let body = json!({ "workspaceId": "any", "workflow": data });
        let (status, imported) = post(&server, &import, body).await;
        assert_eq!((status, &imported["data"]["id"]), (201, &json!(expected)), "{imported}");
        assert_eq!(document(&server, expected).await, GREETING);
    }
    let state = json!({ "document": GREETING }).to_string();
    let body = json!({ "workflow": state, "name": "Another", "description": "New." });
    let (_, renamed) = post(&server, "/api/v2/workflows/import", body).await;
    let data = &renamed["data"];
    assert_eq!(
        (&data["id"], &data["name"], &data["description"]),
        (&json!("another"), &json!("Another"), &json!("New."))
    );
}

#[tokio::test]
async fn exports_of_sim_become_drafts() {
    let server = TestServer::start().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let samples = root.join("shared/import/tests/sim");
    let mut seen = 0;
    for file in std::fs::read_dir(samples).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|name| name != "json") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let name = format!("Sample {seen}");
        let body = json!({ "workspaceId": "any", "workflow": whole, "name": name });
        let (status, imported) = post(&server, "/api/v1/workflows/import", body).await;
        assert_eq!((status, &imported["data"]["name"]), (201, &json!(name)), "{path:?}");
        let id = imported["data"]["id"].as_str().unwrap();
        assert!(document(&server, id).await.contains("nodes:"), "{path:?}");
        let body = json!({ "workflow": text });
        let (status, imported) = post(&server, "/api/v2/workflows/import", body).await;
        assert_eq!(status, 201, "{path:?}: {imported}");
        assert!(imported["data"]["warnings"].as_array().is_some_and(|all| !all.is_empty()));
    }
    assert!(seen >= 4, "{seen}");
}

#[tokio::test]
async fn what_is_no_export_is_refused() {
    let server = TestServer::start().await;
    let own = json!({ "state": { "document": GREETING } });
    let broken = json!({ "state": { "document": "nodes: [" } });
    for (generation, body) in [
        ("v1", json!({})),
        ("v1", json!({ "workflow": {} })),
        ("v1", json!({ "workflow": "{" })),
        ("v1", json!({ "workflow": [{ "name": "a", "processorType": "input-text" }] })),
        ("v1", json!({ "workflow": own, "folderId": "f" })),
        ("v1", json!({ "workflow": broken })),
        ("v2", json!({ "workflow": own, "more": 1 })),
        ("v2", json!({ "workflow": own, "folderPath": "/a" })),
    ] {
        let path = format!("/api/{generation}/workflows/import");
        let (status, refused) = post(&server, &path, body.clone()).await;
        assert_eq!(status, 400, "{body}: {refused}");
    }
    let (_, left) = answer(server.get("/v1/workflows", ADMIN_KEY)).await;
    assert_eq!(left["items"], json!([]));
}

async fn patch(server: &TestServer, id: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v2/workflows/{id}");
    answer(server.request(Method::PATCH, &path, ADMIN_KEY).json(&body)).await
}

#[tokio::test]
async fn a_workflow_is_made_described_anew_and_deleted() {
    let server = TestServer::start().await;
    let new = json!({ "workspaceId": "any", "name": " Customer Triage ", "folderPath": "/" });
    let (status, made) = post(&server, "/api/v2/workflows", new.clone()).await;
    let data = &made["data"];
    assert_eq!(
        (status, &data["id"], &data["name"], &data["isDeployed"], &data["description"]),
        (201, &json!("customer-triage"), &json!("Customer Triage"), &json!(false), &Value::Null)
    );
    let (_, second) = post(&server, "/api/v2/workflows", new).await;
    assert_eq!(second["data"]["id"], "customer-triage-2", "{second}");
    // It is filled as any other draft is.
    save(&server, "customer-triage", GREETING).await;
    let (status, deployed) =
        post(&server, "/api/v2/workflows/customer-triage/deploy", json!({})).await;
    assert_eq!(status, 200, "{deployed}");

    let described = json!({ "name": "Triage", "description": "Sorts: all." });
    let (status, changed) = patch(&server, "customer-triage", described).await;
    let data = &changed["data"];
    assert_eq!(
        (status, &data["name"], &data["description"], &data["isDeployed"]),
        (200, &json!("Triage"), &json!("Sorts: all."), &json!(true))
    );
    let expected = GREETING.replace("name: Greeting", "name: \"Triage\"");
    let expected = expected.replace("description: Greets.", "description: \"Sorts: all.\"");
    assert_eq!(document(&server, "customer-triage").await, expected, "with its comments");
    let (_, cleared) = patch(&server, "customer-triage", json!({ "description": null })).await;
    assert_eq!(cleared["data"]["description"], Value::Null, "{cleared}");
    let etag = async || {
        let read = server.get("/v1/workflows/customer-triage", ADMIN_KEY);
        answer(read).await.1["draft"]["saved_at"].clone()
    };
    let before = etag().await;
    let same = json!({ "name": "Triage", "folderPath": "/" });
    assert_eq!(patch(&server, "customer-triage", same).await.0, 200);
    assert_eq!(etag().await, before, "nothing was written");

    let path = "/api/v2/workflows/customer-triage";
    let gone = json!({ "data": { "id": "customer-triage", "deleted": true } });
    assert_eq!(delete(&server, path).await, (200, gone));
    assert_eq!(delete(&server, path).await.0, 404);
    assert_eq!(answer(server.get("/v1/workflows/customer-triage", ADMIN_KEY)).await.0, 404);
}

#[tokio::test]
async fn what_is_no_change_of_a_workflow_is_refused() {
    let server = TestServer::start().await;
    save(&server, "w", GREETING).await;
    let long = "x".repeat(256);
    for (body, path) in [
        (json!({}), "name"),
        (json!({ "name": "  " }), "name"),
        (json!({ "name": long }), "name"),
        (json!({ "name": 1 }), "name"),
        (json!({ "name": "a", "description": 1 }), "description"),
        (json!({ "name": "a", "description": "x".repeat(50_001) }), "description"),
        (json!({ "name": "a", "folderPath": "/Operations" }), "folderPath"),
        (json!({ "name": "a", "more": 1 }), "more"),
        (json!([]), ""),
    ] {
        for (status, refused) in [
            post(&server, "/api/v2/workflows", body.clone()).await,
            patch(&server, "w", body.clone()).await,
        ] {
            let error = &refused["error"];
            assert_eq!((status, &error["code"]), (400, &json!("BAD_REQUEST")), "{body}");
            assert_eq!(error["details"][0]["path"], path, "{body}: {refused}");
        }
    }
    let named = json!({ "name": "a" });
    assert_eq!(post(&server, "/api/v2/workflows?x=1", named.clone()).await.0, 400);
    assert_eq!(patch(&server, "none", named.clone()).await.0, 404);
    let author = server.key(&["other"], &["author"]).await;
    let create = server.post("/api/v2/workflows", &author).json(&named);
    assert_eq!(answer(create).await.0, 404, "its key may make others alone");
    assert_eq!(document(&server, "w").await, GREETING);
    let (_, left) = answer(server.get("/v1/workflows", ADMIN_KEY)).await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
}
