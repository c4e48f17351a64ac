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

/// A workflow that fails in one of two calls, at a status or at a value that does not exist.
async fn failing() -> (TestServer, Receiver) {
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/bad" => Reply::Now(StatusCode::NOT_FOUND, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let url = &receiver.url;
    let server = TestServer::start().await;
    let document = format!(
        "input:\n- {{ name: first, type: string }}\n- {{ name: second, type: string }}\n\
         nodes:\n\
         - {{ id: first, type: http, url: \"{url}/<api.first>\" }}\n\
         - {{ id: second, type: http, url: \"{url}/<api.second>\", after: [first] }}\n\
         - {{ id: third, type: function, after: [second], code: \"throw new Error('no')\" }}\n\
         output: {{ status: <third.result> }}\n"
    );
    server.publish("greet", &document).await;
    (server, receiver)
}

#[tokio::test]
async fn failed_runs_are_listed_by_code_node_and_user() {
    let (server, _receiver) = failing().await;
    let mut runs = Vec::new();
    for (first, second, user) in [
        ("bad", "good", "ada"),
        ("good", "bad", "bob"),
        ("good", "good", "ada"),
        ("bad", "bad", "bob"),
        ("good", "bad", "ada"),
    ] {
        let body = json!({ "input": { "first": first, "second": second }, "user": user });
        let start = server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body);
        let (_, run) = json_of(start).await;
        assert_eq!(run["status"], "failed", "{run}");
        runs.push(run);
    }
    let list = async |query: &str| {
        let path = format!("/v1/workflows/greet/runs?{query}");
        let (status, page) = json_of(server.get(&path, ADMIN_KEY)).await;
        assert_eq!(status, 200, "{page}");
        let ids = page["items"].as_array().unwrap().iter().map(|run| run["id"].clone());
        ids.collect::<Vec<_>>()
    };
    let expect = |numbers: &[usize]| {
        numbers.iter().map(|number| runs[*number]["id"].clone()).collect::<Vec<_>>()
    };
    let code = |number: usize| runs[number]["error"]["code"].as_str().unwrap();
    assert_eq!((code(0), code(1)), (code(3), code(4)));
    assert_ne!(code(0), code(2));
    assert_eq!(list(&format!("code={}", code(0))).await, expect(&[4, 3, 1, 0]));
    assert_eq!(list(&format!("code={}", code(2))).await, expect(&[2]));
    assert_eq!(list("node=first").await, expect(&[3, 0]));
    assert_eq!(list("node=second&status=failed").await, expect(&[4, 1]));
    assert_eq!(list("node=second&user=ada").await, expect(&[4]));
    assert_eq!(list(&format!("node=second&code={}", code(2))).await, expect(&[]));
    assert_eq!(list("user=ada&limit=2").await, expect(&[4, 2]));
    assert_eq!(list("code=unheard_of").await, expect(&[]));
    let long = format!("node={}", "n".repeat(257));
    for (bad, names) in [
        (long.as_str(), "`node`"),
        ("code=timeout&status=succeeded", "`status`"),
        ("node=first&status=pending", "`status`"),
    ] {
        let path = format!("/v1/workflows/greet/runs?{bad}");
        let (status, problem) = json_of(server.get(&path, ADMIN_KEY)).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_input")), "{bad}");
        assert!(problem["detail"].as_str().unwrap().contains(names), "{problem}");
    }
}

#[tokio::test]
async fn a_job_repeats_the_runs_of_a_node_or_user() {
    let (server, _receiver) = failing().await;
    for (first, user) in [("bad", "ada"), ("good", "ada"), ("bad", "bob")] {
        let body = json!({ "input": { "first": first, "second": "bad" }, "user": user });
        json_of(server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body)).await;
    }
    let replay = "/v1/workflows/greet/runs/replay";
    for (body, total) in
        [(json!({ "node": "first", "user": "ada" }), 1), (json!({ "node": "third" }), 0)]
    {
        let (status, job) = json_of(server.post(replay, ADMIN_KEY).json(&body)).await;
        assert_eq!(status, 202, "{job}");
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
        let done = crate::fixture::until(
            || server.get(&path, ADMIN_KEY),
            |job| !job["ended_at"].is_null(),
        )
        .await;
        assert_eq!(done["progress"]["done"], total, "{body}: {done}");
    }
    let bad = json!({ "node": "", "code": "x".repeat(257), "state": "succeeded" });
    let (status, problem) = json_of(server.post(replay, ADMIN_KEY).json(&bad)).await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (400, 3), "{problem}");
}
