//! Lists of runs: page by page, with parts on request, of a time.

use super::*;

#[tokio::test]
async fn runs_are_listed_page_by_page() {
    let server = greeting().await;
    for user in ["a", "b", "a", "b", "a"] {
        let body = json!({ "input": { "name": "Ada" }, "user": user });
        assert_eq!(
            json_of(server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body)).await.0,
            200
        );
    }
    let mut users = Vec::new();
    let mut path = "/v1/workflows/greet/runs?status=succeeded&user=a&limit=2".to_owned();
    loop {
        let response = server.get(&path, ADMIN_KEY).send().await.unwrap();
        let next = header(&response, "link").map(str::to_owned);
        let page: Value = response.json().await.unwrap();
        users.extend(page["items"].as_array().unwrap().iter().map(|run| run["user"].clone()));
        let Some(link) = next else {
            assert_eq!(page["next_cursor"], Value::Null);
            break;
        };
        path = link
            .split_once("/v1")
            .map(|(_, rest)| format!("/v1{}", rest.trim_end_matches(">; rel=\"next\"")))
            .unwrap();
    }
    assert_eq!(users, ["a", "a", "a"]);
    for bad in ["status=done", "limit=0", "created_from=yesterday"] {
        let (status, problem) =
            json_of(server.get(&format!("/v1/workflows/greet/runs?{bad}"), ADMIN_KEY)).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_input")), "{bad}");
    }
    let (_, none) = json_of(
        server.get("/v1/workflows/greet/runs?created_before=2020-01-01T00:00:00Z", ADMIN_KEY),
    )
    .await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn a_list_leaves_out_inputs_and_outputs_unless_asked() {
    let server = greeting().await;
    let (_, run) = json_of(
        server
            .post("/v1/workflows/greet/runs", ADMIN_KEY)
            .json(&json!({ "input": { "name": "Ada" } })),
    )
    .await;
    let without = |names: &[&str]| {
        let mut run = run.clone();
        names.iter().for_each(|name| drop(run.as_object_mut().unwrap().remove(*name)));
        run
    };
    for (query, expected) in [
        ("", without(&["input", "output"])),
        ("?include=input", without(&["output"])),
        ("?include=output", without(&["input"])),
        ("?include=input,output", run.clone()),
        ("?include=output,%20input&limit=1", run.clone()),
    ] {
        let (_, page) =
            json_of(server.get(&format!("/v1/workflows/greet/runs{query}"), ADMIN_KEY)).await;
        assert_eq!(page["items"], json!([expected]), "{query}");
    }
    for bad in ["trace", "input;output"] {
        let (status, problem) =
            json_of(server.get(&format!("/v1/workflows/greet/runs?include={bad}"), ADMIN_KEY))
                .await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_input")), "{bad}");
    }
}

#[tokio::test]
async fn a_list_of_a_time_holds_the_runs_that_were_made_in_it() {
    let server = greeting().await;
    for _ in 0..3 {
        let body = json!({ "input": { "name": "Ada" } });
        assert_eq!(
            json_of(server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body)).await.0,
            200
        );
    }
    let list = async |query: &str| {
        let (status, page) =
            json_of(server.get(&format!("/v1/workflows/greet/runs?{query}"), ADMIN_KEY)).await;
        assert_eq!(status, 200, "{page}");
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["created_at"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = list("").await;
    let [newest, _, oldest] = &all[..] else { panic!("{all:?}") };
    assert_eq!(list(&format!("created_from={oldest}")).await, all);
    let before_newest: Vec<_> = all.iter().filter(|at| *at < newest).cloned().collect();
    assert_eq!(list(&format!("created_before={newest}")).await, before_newest);
    assert_eq!(
        list(&format!("created_from={oldest}&created_before={newest}")).await,
        before_newest
    );
    assert!(list(&format!("created_from={newest}&created_before={oldest}")).await.is_empty());
}
