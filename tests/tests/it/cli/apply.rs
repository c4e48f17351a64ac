//! `flowgate apply`: a folder of ten workflows in two environments, from the plan to the end.

use super::*;
use flowgate_tests::home::patience;

const CALLER: &str = "
input: [{ name: n, type: number, value: 1 }]
nodes: [{ id: ask, type: workflow, workflow: flow0, input: { n: <api.n> } }]
output: { text: <ask.text> }
";

fn flow(number: usize) -> String {
    format!(
        "input: [{{ name: n, type: number, value: 1 }}]\n\
         nodes:\n  \
         - {{ id: say, type: template, template: \"{number}: <api.n>\" }}\n\
         output: {{ text: <say.content> }}\n"
    )
}

/// Nine workflows and one that runs the first of them, for two servers.
struct Two<'s> {
    shell: Shell<'s>,
    servers: [&'s TestServer; 2],
}

impl<'s> Two<'s> {
    fn new(servers: [&'s TestServer; 2]) -> Self {
        let shell = Shell::new(servers[0]);
        std::fs::create_dir(shell.folder.path().join("flows")).unwrap();
        for number in 0..9 {
            shell.write(&format!("flows/flow{number}.yaml"), &flow(number));
        }
        shell.write("flows/all.yaml", CALLER);
        shell.write("flows/all.cases.yaml", "cases: []");
        let environment = |name: &str, server: &TestServer| {
            format!("{name}: {{ url: \"{}\", key_env: FLOWGATE_KEY }}\n", server.url)
        };
        let [staging, production] = servers;
        let text = environment("staging", staging) + &environment("production", production);
        shell.write("flows/environments.yaml", &text);
        Self { shell, servers }
    }

    async fn apply(&self, line: &str) -> Said {
        self.shell.run(&format!("apply flows {line}")).await
    }

    /// Applies until the server knows what has just been published: functions learn within seconds.
    async fn until_code(&self, line: &str, code: i32) -> Said {
        let began = std::time::Instant::now();
        loop {
            let said = self.apply(line).await;
            if said.code == code {
                return said;
            }
            assert!(began.elapsed() < patience(), "{line}: {} {}{}", said.code, said.out, said.err);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn workflow(&self, server: usize, id: &str) -> Value {
        let path = format!("/v1/workflows/{id}");
        let answer = self.servers[server].get(&path, ADMIN_KEY).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

#[tokio::test]
async fn ten_workflows_in_two_environments() {
    let (staging, production) = (TestServer::start().await, TestServer::start().await);
    let two = Two::new([&staging, &production]);
    let plan = two.apply("--env staging --plan").await;
    assert_eq!(plan.code, 3, "{}{}", plan.out, plan.err);
    assert_eq!(plan.out.matches("is new").count(), 10, "{}", plan.out);
    assert!(two.workflow(0, "flow1").await["id"].is_null(), "a plan changes nothing");
    assert_eq!(two.apply("--env staging").await.code, 2, "without a terminal it needs --yes");

    for environment in ["staging", "production"] {
        let said = two.apply(&format!("--env {environment} --yes --notes first")).await;
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert_eq!(said.out.matches("published ").count(), 10, "{}", said.out);
        let again = two.until_code(&format!("--env {environment} --plan"), 0).await;
        assert!(again.out.ends_with("nothing to do\n"), "{}", again.out);
    }
    let created = two.workflow(0, "flow3").await["created_at"].clone();

    two.shell.write("flows/flow3.yaml", &flow(3).replace("say", "speak"));
    let plan = two.apply("--env staging --plan").await;
    assert_eq!(plan.code, 3, "{}", plan.err);
    for part in ["~ flow3 (1.0.0) changes", "+ nodes speak", "- nodes say", "= all is the same"] {
        assert!(plan.out.contains(part), "{part}: {}", plan.out);
    }
    assert!(plan.out.contains("      + output: { text: <speak.content> }"), "{}", plan.out);
    let said = two.apply("--env staging --yes --json").await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(json(&said)["applied"].as_array().unwrap().len(), 1);
    let changed = two.workflow(0, "flow3").await;
    assert_eq!(changed["created_at"], created, "the workflow is the same one");
    assert_ne!(changed["active_version"], "1.0.0");
    assert_eq!(two.workflow(1, "flow3").await["active_version"], "1.0.0");
}

#[tokio::test]
async fn what_others_have_changed_is_a_conflict() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    assert_eq!(two.apply("--env staging --yes").await.code, 0);
    two.until_code("--env staging --plan", 0).await;
    // A draft that somebody saved.
    save(&server, "flow1", 77).await;
    // A version that somebody published.
    server.publish("flow2", &flow(88)).await;
    two.shell.write("flows/flow4.yaml", &flow(44));

    let said = two.until_code("--env staging --yes", 4).await;
    assert!(
        said.out.contains("✗ flow1: the draft has changes that are not published"),
        "{}",
        said.out
    );
    assert!(said.out.contains("was not published by apply"), "{}", said.out);
    assert_eq!(two.workflow(0, "flow4").await["active_version"], "1.0.0", "nothing was changed");

    let said = two.apply("--env staging --yes --overwrite").await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(two.workflow(0, "flow1").await["document"], flow(1));
    assert_eq!(two.workflow(0, "flow2").await["document"], flow(2));
}

#[tokio::test]
async fn a_secret_that_the_server_lacks_is_named() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    let call = "nodes: [{ id: get, type: http, url: \"https://api.example.com/\", headers: { \
                authorization: \"Bearer {{CRM_TOKEN}}\" } }]\noutput: { d: <get.data> }\n";
    two.shell.write("flows/crm.yaml", call);
    let said = two.apply("--env staging --yes").await;
    assert_eq!(said.code, 5, "{}{}", said.out, said.err);
    assert!(said.out.contains("lacks the secret CRM_TOKEN of crm"), "{}", said.out);
    assert!(two.workflow(0, "flow1").await["id"].is_null(), "nothing was changed");
    let set = two.shell.run_with("secrets set CRM_TOKEN", "sesame").await;
    assert_eq!(set.code, 0, "{}", set.err);
    two.until_code("--env staging --yes", 0).await;
}

#[tokio::test]
async fn invalid_files_are_all_shown_and_nothing_is_changed() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    two.shell.write("flows/flow1.yaml", "nodes: [{ id: a, type: tempate }]");
    two.shell.write("flows/flow2.yaml", "nodes: [");
    let said = two.apply("--env staging --yes").await;
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    for part in
        ["flow1.yaml:1:", "flow2.yaml:1:", "did you mean `template`?", "nothing was changed"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(two.workflow(0, "flow3").await["id"].is_null());
    assert_eq!(two.apply("--env nowhere").await.code, 2);
    two.shell.write("flows/flow1.yaml", &flow(1));
    two.shell.write("flows/flow2.yaml", &flow(2));
    two.shell.write("flows/not an id.yaml", &flow(2));
    let said = two.apply("--env staging --yes").await;
    assert!(said.code == 2 && said.err.contains("cannot be a workflow's id"), "{}", said.err);
}

/// The key may author nine of the ten workflows, so the tenth is refused.
#[tokio::test]
async fn what_cannot_be_done_as_a_whole_is_taken_back() {
    let server = TestServer::start().await;
    let mut two = Two::new([&server, &server]);
    server.publish("flow8", &flow(8)).await;
    let known: Vec<String> = (0..8).map(|number| format!("flow{number}")).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(["all"]).collect();
    two.shell.key = server.key(&known, &["author", "read"]).await;
    let said = two.apply("--env staging --yes").await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.err.contains("nothing is changed"), "{}", said.err);
    for id in known {
        assert!(two.workflow(0, id).await["id"].is_null(), "{id}");
    }
}

/// The last of the ten may not use its secret, which the server says when it is published.
#[tokio::test]
async fn what_was_published_before_a_refusal_is_taken_back_too() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    assert_eq!(two.apply("--env staging --yes").await.code, 0);
    two.until_code("--env staging --plan", 0).await;
    server.publish("flow2", &flow(22)).await;
    let secret = json!({ "value": "sesame", "workflows": ["another"] });
    let put = server.request(reqwest::Method::PUT, "/v1/secrets/BOUND", ADMIN_KEY);
    assert_eq!(put.json(&secret).send().await.unwrap().status(), 204);
    let call =
        "{ id: call, type: http, url: \"https://a.example/\", headers: { x: \"{{BOUND}}\" } }";
    two.shell.write("flows/all.yaml", &CALLER.replace("nodes: [", &format!("nodes: [{call}, ")));
    two.shell.write("flows/flow0.yaml", &flow(0).replace("0: ", "zero: "));

    let said = two.apply("--env staging --yes --overwrite").await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.err.contains("all is not published"), "{}", said.err);
    assert!(said.err.contains("may not use the secret BOUND"), "{}", said.err);
    let child = two.workflow(0, "flow0").await;
    assert_eq!(child["document"], flow(0));
    assert_eq!(two.workflow(0, "all").await["document"], CALLER);
    let ran = two.shell.run("run flow0").await;
    assert_eq!(json(&ran), json!({ "text": "0: 1" }));

    two.shell.write("flows/all.yaml", CALLER);
    let said = two.until_code("--env staging --yes", 4).await;
    assert!(said.out.contains("✗ flow2: version "), "it is still another's: {}", said.out);
    assert_eq!(two.workflow(0, "flow2").await["document"], flow(22));
    two.shell.write("flows/flow2.yaml", &flow(22));
    let said = two.until_code("--env staging --yes", 0).await;
    assert!(said.out.contains("published flow0 "), "no conflict of its own: {}", said.out);
}

#[tokio::test]
async fn pruning_deletes_what_apply_has_published_and_nothing_else() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    server.publish("by-hand", &flow(99)).await;
    assert_eq!(two.apply("--env staging --yes").await.code, 0);
    std::fs::remove_file(two.shell.folder.path().join("flows/flow5.yaml")).unwrap();
    two.until_code("--env staging --plan", 0).await;
    let plan = two.apply("--env staging --plan --prune").await;
    assert_eq!(plan.code, 3, "{}", plan.err);
    assert!(plan.out.contains("- flow5 has no file: it is deleted"), "{}", plan.out);
    assert!(!plan.out.contains("by-hand"), "{}", plan.out);
    let said = two.apply("--env staging --yes --prune").await;
    assert!(said.code == 0 && said.out.contains("deleted flow5"), "{}{}", said.out, said.err);
    assert!(two.workflow(0, "flow5").await["id"].is_null());
    assert_eq!(two.workflow(0, "by-hand").await["active_version"], "1.0.0");
}

#[tokio::test]
async fn pruning_leaves_what_others_have_changed() {
    let server = TestServer::start().await;
    let two = Two::new([&server, &server]);
    assert_eq!(two.apply("--env staging --yes").await.code, 0);
    std::fs::remove_file(two.shell.folder.path().join("flows/flow5.yaml")).unwrap();
    two.until_code("--env staging --plan", 0).await;
    save(&server, "flow5", 55).await;

    let said = two.apply("--env staging --yes --prune").await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    let why = "✗ flow5 has no file, but the draft has changes that are not published";
    assert!(said.out.contains(why), "{}", said.out);
    assert_eq!(two.workflow(0, "flow5").await["document"], flow(55));
    let said = two.apply("--env staging --yes --prune --json").await;
    assert_eq!(json(&said)["without_file"][0]["id"], "flow5", "{}", said.out);
    assert!(json(&said)["without_file"][0]["conflict"].is_string(), "{}", said.out);

    let said = two.apply("--env staging --yes --prune --overwrite").await;
    assert!(said.code == 0 && said.out.contains("deleted flow5"), "{}{}", said.out, said.err);
    assert!(two.workflow(0, "flow5").await["id"].is_null());
}

/// Saves a draft of somebody else's.
async fn save(server: &TestServer, id: &str, number: usize) {
    let put = server.request(reqwest::Method::PUT, &format!("/v1/workflows/{id}"), ADMIN_KEY);
    let put = put.header("content-type", "application/yaml").body(flow(number));
    assert_eq!(put.send().await.unwrap().status(), 200);
}

/// When somebody else saves drafts: before or after the first request of this method and path.
#[derive(Clone, Copy)]
enum Moment {
    Before(&'static str, &'static str),
    After(&'static str, &'static str),
    /// After it, and its answer is lost.
    Unanswered(&'static str, &'static str),
}

impl Moment {
    fn request(self) -> (&'static str, &'static str) {
        match self {
            Self::Before(method, path)
            | Self::After(method, path)
            | Self::Unanswered(method, path) => (method, path),
        }
    }
}

/// Passes requests on to the server, and saves drafts at that moment.
async fn overtaken(server: &TestServer, moment: Moment, ids: &'static [&'static str]) -> String {
    let (client, target) = (server.client.clone(), server.url.clone());
    let (method, path) = moment.request();
    let is_first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let pass_on = move |request: axum::extract::Request| {
        let (client, target, is_first) = (client.clone(), target.clone(), is_first.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let url = format!("{target}{}", parts.uri);
            let is_it = parts.method == method && parts.uri.path().ends_with(path);
            let is_it = is_it && is_first.swap(false, std::sync::atomic::Ordering::Relaxed);
            let somebody_saves = async {
                for id in ids {
                    let put = client.put(format!("{target}/v1/workflows/{id}"));
                    let put = put.bearer_auth(ADMIN_KEY).header("content-type", "application/yaml");
                    assert_eq!(put.body(flow(55)).send().await.unwrap().status(), 200);
                }
            };
            if is_it && matches!(moment, Moment::Before(..)) {
                somebody_saves.await;
                return pass(&client, parts, url, body).await;
            }
            let answer = pass(&client, parts, url, body).await;
            if is_it {
                somebody_saves.await;
            }
            match moment {
                Moment::Unanswered(..) if is_it => {
                    (reqwest::StatusCode::GATEWAY_TIMEOUT, axum::body::Bytes::new())
                }
                _ => answer,
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(pass_on);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn pass(
    client: &reqwest::Client,
    parts: axum::http::request::Parts,
    url: String,
    body: axum::body::Bytes,
) -> (reqwest::StatusCode, axum::body::Bytes) {
    let mut headers = parts.headers;
    headers.remove("host");
    let sent = client.request(parts.method, url).headers(headers).body(body);
    let answer = sent.send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap())
}

/// Changes of `flow1` and `flow2`, and a new `flow9`; without a file is `flow5`.
async fn changed(server: &TestServer) -> Two<'_> {
    let two = Two::new([server, server]);
    assert_eq!(two.apply("--env staging --yes").await.code, 0);
    two.until_code("--env staging --plan", 0).await;
    for number in [1, 2] {
        two.shell.write(&format!("flows/flow{number}.yaml"), &flow(number + 70));
    }
    two.shell.write("flows/flow9.yaml", &flow(9));
    std::fs::remove_file(two.shell.folder.path().join("flows/flow5.yaml")).unwrap();
    two
}

async fn apply_overtaken(
    server: &TestServer,
    moment: Moment,
    ids: &'static [&'static str],
) -> Said {
    let two = changed(server).await;
    let url = overtaken(server, moment, ids).await;
    let said = two.apply(&format!("--url {url} --yes --prune")).await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    for id in ids {
        assert!(said.err.contains(&format!("{id}: it has changed since")), "{}", said.err);
        assert_eq!(two.workflow(0, id).await["document"], flow(55), "left alone");
    }
    let documents = [("flow1", flow(1)), ("flow2", flow(2)), ("flow5", flow(5))];
    for (other, document) in documents.into_iter().filter(|(id, _)| !ids.contains(id)) {
        assert_eq!(two.workflow(0, other).await["document"], document, "taken back");
    }
    for other in ["flow1", "flow2"] {
        let ran = two.shell.run(&format!("run {other}")).await;
        assert_eq!(json(&ran), json!({ "text": format!("{}: 1", &other[4..]) }));
    }
    said
}

#[tokio::test]
async fn a_draft_that_is_saved_after_the_plan_is_a_conflict_too() {
    let server = TestServer::start().await;
    apply_overtaken(&server, Moment::After("PUT", "/flow1"), &["flow2"]).await;
}

#[tokio::test]
async fn a_workflow_that_is_made_after_the_plan_is_left_alone() {
    let server = TestServer::start().await;
    let said = apply_overtaken(&server, Moment::After("GET", "/v1/secrets"), &["flow9"]).await;
    assert!(said.err.contains("nothing is changed"), "{}", said.err);
}

#[tokio::test]
async fn a_draft_that_replaced_ours_is_not_published() {
    let server = TestServer::start().await;
    apply_overtaken(&server, Moment::After("PUT", "/flow1"), &["flow1"]).await;
}

#[tokio::test]
async fn what_was_published_before_a_conflict_is_taken_back() {
    let server = TestServer::start().await;
    apply_overtaken(&server, Moment::After("PUT", "/flow9"), &["flow9"]).await;
}

#[tokio::test]
async fn a_draft_that_is_saved_before_a_deletion_is_not_deleted() {
    let server = TestServer::start().await;
    let said = apply_overtaken(&server, Moment::After("POST", "/flow2/versions"), &["flow5"]).await;
    assert!(said.err.contains("nothing is changed"), "{}", said.err);
}

/// Callers run what they ran before, and both drafts stay.
#[tokio::test]
async fn a_draft_upon_what_apply_has_published_is_not_taken_back() {
    let server = TestServer::start().await;
    apply_overtaken(&server, Moment::After("POST", "/flow1/versions"), &["flow1", "flow2"]).await;
}

/// Between the last look and the request itself.
#[tokio::test]
async fn what_changes_at_the_last_moment_is_neither_replaced_nor_published_nor_deleted() {
    for (moment, id) in [
        (Moment::Before("PUT", "/flow9"), &["flow9"]),
        (Moment::Before("POST", "/flow1/versions"), &["flow1"]),
        (Moment::Before("DELETE", "/flow5"), &["flow5"]),
    ] {
        let server = TestServer::start().await;
        apply_overtaken(&server, moment, id).await;
    }
}

#[tokio::test]
async fn what_was_saved_without_an_answer_is_taken_back() {
    let server = TestServer::start().await;
    for request in [("PUT", "/flow1"), ("PUT", "/flow2"), ("PUT", "/flow9")] {
        let two = changed(&server).await;
        let url = overtaken(&server, Moment::Unanswered(request.0, request.1), &[]).await;
        let said = two.apply(&format!("--url {url} --yes")).await;
        assert!(said.code == 1 && said.err.contains("nothing is changed"), "{}", said.err);
        for (id, document) in [("flow1", flow(1)), ("flow2", flow(2))] {
            assert_eq!(two.workflow(0, id).await["document"], document, "{request:?}");
        }
        assert!(two.workflow(0, "flow9").await["id"].is_null(), "{request:?}");
    }
}

#[tokio::test]
async fn a_deletion_without_an_answer_is_done() {
    let server = TestServer::start().await;
    let two = changed(&server).await;
    let url = overtaken(&server, Moment::Unanswered("DELETE", "/flow5"), &[]).await;
    let said = two.apply(&format!("--url {url} --yes --prune")).await;
    assert!(said.code == 0 && said.out.contains("deleted flow5"), "{}{}", said.out, said.err);
}

/// Both have the same plan; only one of them may carry it out.
#[tokio::test]
async fn of_two_that_apply_at_once_none_publishes_what_the_other_made() {
    let server = TestServer::start().await;
    let (one, two) = (Two::new([&server, &server]), Two::new([&server, &server]));
    assert_eq!(one.apply("--env staging --yes").await.code, 0);
    one.until_code("--env staging --plan", 0).await;
    one.shell.write("flows/flow1.yaml", &flow(71));
    two.shell.write("flows/flow1.yaml", &flow(72));
    let line = "--env staging --yes";
    let (first, second) = futures_util::future::join(one.apply(line), two.apply(line)).await;
    let ended = [(first.code, 71), (second.code, 72)];
    assert!(ended.iter().all(|(code, _)| [0, 4].contains(code)), "{}{}", first.err, second.err);
    let stored = one.workflow(0, "flow1").await["document"].clone();
    let is_made = |(code, number): &(i32, usize)| *code == 0 && stored == flow(*number);
    let made = ended.iter().find(|one| is_made(one)).expect("the draft is one that was applied");
    // So is the version, once the functions know.
    let expected = json!({ "text": format!("{}: 1", made.1) });
    let began = std::time::Instant::now();
    while json(&one.shell.run("run flow1").await) != expected {
        assert!(began.elapsed() < patience(), "callers run another document than {expected}");
    }
}
