//! Workflows and runs, listed, summed up and ended.

use super::*;
use flowgate_tests::home::patience;

use crate::fixture::until;

const NAP: &str = "nodes: [{ id: w, type: wait, for: 1h }]\noutput: { done: yes }";

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Runs a command that must succeed.
async fn done(shell: &Shell<'_>, line: &str) -> Said {
    let said = shell.run(line).await;
    assert_eq!(said.code, 0, "{line}: {}{}", said.out, said.err);
    said
}

/// Starts a run that nobody waits for, and returns its id.
async fn started(shell: &Shell<'_>, line: &str, input: &str) -> String {
    let said = shell.run_with(&format!("run {line} --async --input -"), input).await;
    assert_eq!(said.code, 0, "{}", said.err);
    said.out.trim().to_owned()
}

/// Runs `story` until it says something: functions learn within seconds what callers run now.
async fn until_story(shell: &Shell<'_>, holds: impl Fn(&Said) -> bool) {
    let began = std::time::Instant::now();
    loop {
        let said = shell.run("run story").await;
        if holds(&said) {
            return;
        }
        assert!(began.elapsed() < patience(), "{}{}", said.out, said.err);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn until_status(server: &TestServer, run: &str, status: &str) {
    let path = format!("/v1/runs/{run}");
    until(|| server.get(&path, ADMIN_KEY), |run| run["status"] == status).await;
}

#[tokio::test]
async fn a_workflow_is_listed_rolled_back_unpublished_and_deleted() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    server.publish("story", &STORY.replace("Once", "Twice")).await;
    let shell = Shell::new(&server);
    done(&shell, "run story").await;

    let listed = json(&done(&shell, "list --json").await);
    let story = listed.as_array().unwrap().iter().find(|item| item["id"] == "story").unwrap();
    let active = story["active_version"].as_str().unwrap();
    assert_ne!(active, "1.0.0");
    assert_eq!(
        (&story["runs_24h"], &story["last_run"]["status"]),
        (&json!(1), &json!("succeeded")),
        "{story}"
    );
    let table = done(&shell, "list").await.out;
    assert!(table.starts_with("ID "), "{table}");
    let line = table.lines().find(|line| line.starts_with("story ")).unwrap();
    assert!(line.contains(&format!(" {active} ")) && line.contains(" succeeded 2"), "{line}");

    let versions = json(&done(&shell, "versions story -o json").await);
    let shape = |item: &Value| (item["version"].clone(), item["active"].clone());
    let shapes: Vec<_> = versions.as_array().unwrap().iter().map(shape).collect();
    assert_eq!(shapes, [(json!(active), json!(true)), (json!("1.0.0"), json!(false))]);
    let table = done(&shell, "versions story").await.out;
    assert_eq!(words(table.lines().nth(1).unwrap())[..2], [active, "yes"], "{table}");

    let back = done(&shell, "rollback story").await;
    assert_eq!(back.out, "callers of story run 1.0.0 from now on\n");
    until_story(&shell, |said| json(said)["story"] == "Once there was a fox.").await;
    let forth = json(&done(&shell, &format!("rollback story --to {active} --json")).await);
    assert_eq!(forth, json!({ "workflow_id": "story", "version": active, "active": true }));
    assert_eq!(shell.run("rollback story --to 9.9.9").await.code, 3);

    let down = done(&shell, "unpublish story").await;
    assert_eq!(down.out, "");
    assert!(down.err.contains("story takes no more runs"), "{}", down.err);
    until_story(&shell, |said| said.err.contains("(409)")).await;

    let asked = shell.run("delete story").await;
    assert_eq!(asked.code, 2, "nobody can be asked");
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    done(&shell, "versions story").await;
    let gone = done(&shell, "delete story --yes --json").await;
    assert_eq!((gone.out.as_str(), gone.err.as_str()), ("", ""));
    assert_eq!(shell.run("versions story").await.code, 3);
}

#[tokio::test]
async fn a_workflow_is_made_public_and_taken_back() {
    let server = TestServer::start_with(|settings| settings.public_workflows = true).await;
    server.publish("story", STORY).await;
    let shell = Shell::new(&server);
    let key = server.key(&["story"], &["run"]).await;
    let id = key.split('_').nth(1).unwrap();
    assert_eq!(done(&shell, "public story").await.out, "story needs a key\n");
    let said = done(&shell, &format!("public story --as {id}")).await;
    assert_eq!(said.out, format!("story runs without a key, on behalf of {id}\n"));
    let shown = json(&done(&shell, "public story --json").await);
    assert_eq!(shown, json!({ "key_id": id, "open": true }));
    done(&shell, &format!("keys revoke {id}")).await;
    server.settle().await;
    let said = done(&shell, "public story").await;
    assert!(said.out.contains("but cannot now"), "{}", said.out);
    let said = done(&shell, "public story --off").await;
    assert!(said.out.is_empty() && said.err.contains("story needs a key again"), "{}", said.err);
    let refused = shell.run(&format!("public story --as {id}")).await;
    assert!(refused.code == 3 && refused.err.contains("revoked"), "{}", refused.err);
    assert_eq!(shell.run(&format!("public story --as {id} --off")).await.code, 2);
}

#[tokio::test]
async fn runs_are_cancelled_alone_and_by_jobs() {
    let server = TestServer::start().await;
    server.publish("nap", NAP).await;
    server.publish("rest", NAP).await;
    let shell = Shell::new(&server);
    let mut naps = Vec::new();
    for _ in 0..4 {
        naps.push(started(&shell, "nap", "{}").await);
    }
    let rest = started(&shell, "rest", "{}").await;

    let one = json(&done(&shell, &format!("cancel {} --json", naps[0])).await);
    assert_eq!(one["id"], naps[0]);
    until_status(&server, &naps[0], "cancelled").await;
    let again = shell.run(&format!("cancel {}", naps[0])).await;
    assert_eq!(again.code, 3, "it has ended: {}", again.err);

    let named = done(&shell, &format!("cancel {} {}", naps[1], naps[2])).await;
    assert_eq!(named.out, "2 runs are cancelled, 0 could not\n");
    for nap in &naps[1..3] {
        until_status(&server, nap, "cancelled").await;
    }
    // One that is cancelled already counts as done; one that succeeded does not.
    server.publish("story", STORY).await;
    let ended = started(&shell, "story", "{\"who\":\"a fox\"}").await;
    until_status(&server, &ended, "succeeded").await;
    let partly = shell.run(&format!("runs cancel {} {ended} --json", naps[1])).await;
    let progress = json(&partly)["progress"].take();
    assert_eq!(
        (partly.code, &progress["done"], &progress["failed"]),
        (1, &json!(1), &json!(1)),
        "{progress}"
    );

    let none = json(&done(&shell, "runs cancel --workflow nap --before 1h --json").await);
    assert_eq!((&none["kind"], &none["progress"]["total"]), (&json!("cancel"), &json!(0)));
    let other = done(&shell, "runs cancel --workflow nap --of-version 2.0.0").await;
    assert_eq!(other.out, "0 runs are cancelled, 0 could not\n");
    let open = done(&shell, "runs cancel --workflow nap").await;
    assert_eq!(open.out, "1 runs are cancelled, 0 could not\n");
    until_status(&server, &naps[3], "cancelled").await;
    let of_rest = json(&done(&shell, &format!("runs {rest} --json")).await);
    assert_ne!(of_rest["run"]["status"], "cancelled");
    let job = done(&shell, "cancel --all-workflows --since 1h --async").await.out;
    assert!(job.starts_with("job_"), "{job}");
    until_status(&server, &rest, "cancelled").await;
    for wrong in ["cancel", "cancel run_1 --workflow nap", "cancel run_1 --user ann"] {
        assert_eq!(shell.run(wrong).await.code, 2, "{wrong}");
    }
    assert_eq!(shell.run("cancel --all-workflows").await.code, 3, "a condition is missing");
}

#[tokio::test]
async fn runs_are_repeated_by_jobs() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let shell = Shell::new(&server);
    let failed = started(&shell, "story", "{\"who\":\"nobody\"}").await;
    let ended = started(&shell, "story", "{\"who\":\"a fox\"}").await;
    until_status(&server, &failed, "failed").await;
    until_status(&server, &ended, "succeeded").await;
    let of_version = "replay --workflow story --failed --of-version 1.0.0 --at-a-time 2";
    assert_eq!(done(&shell, of_version).await.out, "1 runs have begun again, 0 could not\n");
    let named = format!("runs replay {failed} {ended} --all --json");
    let job = json(&done(&shell, &named).await);
    assert_eq!((&job["kind"], &job["progress"]["done"]), (&json!("replay"), &json!(2)), "{job}");
    let from = "replay --workflow story --status succeeded --before 0s --from cut --json";
    assert!(json(&done(&shell, from).await)["progress"]["done"].as_u64() >= Some(2));
    let one = done(&shell, &format!("replay {ended} --json")).await;
    assert_eq!(json(&one)["status"], "succeeded");
    let both = shell.run(&format!("replay {failed} {ended} --from cut")).await;
    assert_eq!(both.code, 2, "{}", both.err);
}

#[tokio::test]
async fn runs_are_summed_up() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let shell = Shell::new(&server);
    done(&shell, "run story").await;
    shell.run_with("run story --input -", "{\"who\":\"nobody\"}").await;
    let table = done(&shell, "stats").await.out;
    let line = table.lines().find(|line| line.starts_with("story ")).unwrap();
    assert_eq!(words(line)[1..4], ["2", "1", "0"], "{table}");
    let table = done(&shell, "stats story --step day --since 2h").await.out;
    assert!(table.starts_with("TIME (UTC) ") && !table.contains("NAME"), "{table}");
    let sums = json(&done(&shell, "stats story --by code --json").await);
    assert_eq!(
        (&sums["by"], &sums["items"][0]["name"], &sums["items"][0]["runs"]),
        (&json!("code"), &json!("code_error"), &json!(1)),
        "{sums}"
    );
    assert_eq!(shell.run("stats story --since yesterday").await.code, 2);
}

#[tokio::test]
async fn a_wrong_id_or_a_missing_right_is_refused() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    // Dots must not turn a path into another one: this is the workflow that they would name.
    server.publish("active", STORY).await;
    let mut shell = Shell::new(&server);
    let run = "run_0193a1b2c3d4e5f60718293a4b5c6d7e";
    for id in ["nobody", "..", "a/b"] {
        let of_workflows = [
            format!("versions {id}"),
            format!("rollback {id}"),
            format!("unpublish {id}"),
            format!("public {id} --off"),
            format!("delete {id} --yes"),
            format!("stats {id}"),
            format!("cancel --workflow {id}"),
            format!("replay --workflow {id}"),
        ];
        for line in of_workflows {
            let said = shell.run(&line).await;
            assert_eq!((said.code, said.out.as_str()), (3, ""), "{line}: {}", said.err);
        }
    }
    done(&shell, "versions active").await;
    for line in [format!("cancel {run}"), format!("replay {run}"), "cancel ..".to_owned()] {
        assert_eq!(shell.run(&line).await.code, 3, "{line}");
    }

    shell.key = server.key(&["story"], &["author"]).await;
    let listed = done(&shell, "list --json").await;
    let items = json(&listed);
    assert_eq!((items.as_array().unwrap().len(), &items[0]["id"]), (1, &json!("story")));
    assert_eq!(items[0].get("runs_24h"), Some(&Value::Null), "it may not read runs");
    assert!(done(&shell, "list").await.err.contains("lacks the scope read"));
    for line in ["stats", "stats story", "cancel --workflow story", "replay --workflow story"] {
        let said = shell.run(&format!("{line} --json")).await;
        let report: Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!((said.code, &report["error"]["status"]), (3, &json!(403)), "{line}");
    }
    shell.key = server.key(&["story"], &["run", "read", "cancel"]).await;
    let of_authors =
        ["list", "versions story", "rollback story", "unpublish story", "delete story --yes"];
    for line in of_authors {
        let said = shell.run(line).await;
        assert!(said.code == 3 && said.err.contains("(403)"), "{line}: {}", said.err);
    }
}

#[tokio::test]
async fn a_part_of_a_draft_runs_with_outputs_that_are_given() {
    let document = "
nodes:
  - { id: draft, type: agent, model: openai/gpt-5-mini, prompt: hi }
  - { id: said, type: template, template: \"It said: <draft.content>\" }
  - { id: sent, type: http, url: \"https://example.com/<said.content>\" }
output: { text: <sent.data> }";
    let server = TestServer::start().await;
    let put = server.request(reqwest::Method::PUT, "/v1/workflows/part", ADMIN_KEY);
    let put = put.header("content-type", "application/yaml").body(document).send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
    let shell = Shell::new(&server);
    shell.write("given.json", "{\"content\": \"two\"}");
    for (pin, said) in [("draft=one", "one"), ("draft=@given.json", "two")] {
        let line = format!("run part --version draft --input {{}} --until said --pin {pin}");
        assert_eq!(
            json(&done(&shell, &line).await),
            json!({ "content": format!("It said: {said}") })
        );
    }
    let wrong = "run part --version draft --input {} --until said --pin draft={\"contents\":1}";
    let wrong = shell.run(wrong).await;
    assert_eq!(wrong.code, 3);
    assert!(wrong.err.contains("/pins/draft/contents"), "{}", wrong.err);
}
