//! The command line against a server: its output, and the exit codes that it documents.

use std::process::Stdio;
use std::time::Duration;

use flowgate_tests::server::{ADMIN_KEY, TestServer, program};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

mod apply;
mod cases;
mod connectors;
mod import;
mod logins;
mod operator;
mod verbs;

const STORY: &str = "
input: [{ name: who, type: string, value: a fox }]
nodes:
  - { id: draft, type: agent, model: offline/echo, prompt: \"Once there was <api.who>.\" }
  - { id: cut, type: function, code: \"if (<api.who> == 'nobody') throw new Error('no story'); return 1\" }
output: { story: <draft.content> }
";

struct Said {
    code: i32,
    out: String,
    err: String,
}

struct Shell<'s> {
    server: &'s TestServer,
    folder: tempfile::TempDir,
    key: String,
}

impl<'s> Shell<'s> {
    fn new(server: &'s TestServer) -> Self {
        Self { server, folder: tempfile::tempdir().unwrap(), key: ADMIN_KEY.to_owned() }
    }

    async fn run(&self, line: &str) -> Said {
        self.run_with(line, "").await
    }

    async fn run_with(&self, line: &str, input: &str) -> Said {
        let mut command = Command::new(program());
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1");
        command.env("FLOWGATE_URL", &self.server.url).env("FLOWGATE_KEY", &self.key);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads no input may already have exited.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let ended = child.wait_with_output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said {
            code: ended.status.code().unwrap(),
            out: text(ended.stdout),
            err: text(ended.stderr),
        }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out)
        .unwrap_or_else(|error| panic!("{error}: {} {}", said.out, said.err))
}

#[tokio::test]
async fn from_an_example_to_a_run() {
    let server = TestServer::start().await;
    let shell = Shell::new(&server);
    assert_eq!(shell.run("init").await.code, 0);
    assert_eq!(shell.read("workflow.schema.json"), shell.run("schema").await.out);
    assert_eq!(shell.run("openapi").await.out, flowgate_api::openapi::DOCUMENT);
    assert_eq!(shell.run("init").await.code, 2, "an existing file is not overwritten");
    assert_eq!(shell.run("validate workflow.yaml").await.out, "workflow.yaml: no problems\n");
    let published = shell.run("publish workflow.yaml --id blurb --notes first").await;
    assert_eq!(published.code, 0, "{}", published.err);
    assert!(published.out.starts_with("published blurb 1.0.0\n"), "{}", published.out);
    let program = shell.run("snippets blurb --lang rust --mode stream").await;
    assert!(program.out.starts_with("//! Starts a run of blurb"), "{}", program.out);
    assert!(program.err.contains("cargo add reqwest"), "{}", program.err);
    let program = shell.run("snippets blurb -o json").await.out;
    let program: Value = serde_json::from_str(&program).unwrap();
    assert_eq!((&program["lang"], &program["mode"]), (&json!("curl"), &json!("wait")));
    assert_eq!(shell.run("snippets blurb --lang cobol").await.code, 2);
    assert_eq!(shell.run("snippets nobody").await.code, 3);
    assert!(
        published.out.contains(&format!("curl -s {}/v1/workflows/blurb/runs", server.url)),
        "{}",
        published.out
    );
    let again = shell.run("publish workflow.yaml --id blurb").await;
    assert!(
        again.code == 0 && again.out.starts_with("unchanged: blurb 1.0.0 is this document\n"),
        "{}",
        again.out
    );
    let ran = shell.run("run blurb").await;
    assert_eq!(
        json(&ran),
        json!({
            "text": "Write a friendly text about a folding bicycle.", "words": 8, "remark": null
        })
    );
}

#[tokio::test]
async fn a_run_is_waited_for_streamed_or_left_alone() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let shell = Shell::new(&server);
    let waited = shell.run("run story -o json").await;
    assert_eq!((waited.code, json(&waited)["status"].as_str().unwrap()), (0, "succeeded"));
    assert_eq!(shell.run("run story --stream").await.out, "Once there was a fox.\n");
    let left = shell.run_with("run story --async --input -", "{\"who\":\"a crow\"}").await;
    let id = left.out.trim();
    let tailed = shell.run(&format!("tail {id}")).await;
    assert!(
        tailed.out.contains("\nOnce there was a crow.\nnode.finished  draft succeeded\n"),
        "{}",
        tailed.out
    );
    let events = shell.run(&format!("tail {id} -o json")).await;
    let events: Vec<Value> =
        events.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["data"]["id"], id);
    let listed = shell.run("runs story -o json").await;
    let runs = json(&listed);
    assert_eq!(runs.as_array().unwrap().len(), 3);
    assert_eq!(
        (&runs[0]["input"]["who"], &runs[0]["output"].is_object()),
        (&"a crow".into(), &true),
        "{runs}"
    );
    let shown = shell.run(&format!("runs {id}")).await;
    assert!(
        shown.out.contains("✓ draft ")
            && shown.out.contains("\"story\": \"Once there was a crow.\""),
        "{}",
        shown.out
    );
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let mut shell = Shell::new(&server);
    let failed = shell.run_with("run story --input -", "{\"who\":\"nobody\"}").await;
    assert_eq!(failed.code, 1);
    assert!(failed.err.contains("cut: ") && failed.err.contains("(code_error)"), "{}", failed.err);
    assert_eq!(shell.run("run story --input {").await.code, 2);
    let refused = shell.run("run story --input {}").await;
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("/input/who"), "{}", refused.err);
    assert_eq!(shell.run("run nothing --input {}").await.code, 3);
    assert_eq!(shell.run("runs story --url http://127.0.0.1:1").await.code, 4);
    shell.write("broken.yaml", "nodes:\n  - { id: a, type: template, templat: x }\n");
    assert_eq!(shell.run("validate broken.yaml").await.code, 1);
    let unpublished = shell.run("publish broken.yaml").await;
    assert_eq!(unpublished.code, 3);
    assert!(unpublished.out.contains("broken.yaml:2:"), "{}", unpublished.out);
    let machine = shell.run("run nothing --input {} -o json").await;
    let report: Value = serde_json::from_str(&machine.err).unwrap();
    assert_eq!(
        (&report["error"]["status"], &report["error"]["problem"]["code"]),
        (&json!(404), &json!("workflow_not_found"))
    );
    shell.key = String::new();
    assert_eq!(shell.run("runs story").await.code, 2);
}

#[tokio::test]
async fn keys_and_secrets_are_handled() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let mut shell = Shell::new(&server);
    let made = shell.run("keys create ci --workflow story --scopes run").await.out;
    let id = made.split('_').nth(1).unwrap().to_owned();
    assert!(shell.run("keys list").await.out.contains("ci    story      run"));
    assert_eq!(shell.run(&format!("keys rename {id} pipeline")).await.code, 0);
    assert!(shell.run("keys list").await.out.contains("pipeline  story      run"));
    assert_eq!(shell.run("keys rename aaaaaaaaaaaa pipeline").await.code, 3);
    let set = shell.run_with("secrets set TOKEN", "s3cret\n").await;
    assert_eq!((set.code, set.out.as_str()), (0, ""));
    assert_eq!(json(&shell.run("secrets list -o json").await)[0]["name"], "TOKEN");
    // A new value goes no further than the old one did.
    for (set, hosts, workflows) in [
        ("secrets set TOKEN --host api.example.com", json!(["api.example.com"]), Value::Null),
        ("secrets set TOKEN --workflow story", json!(["api.example.com"]), json!(["story"])),
        ("secrets set TOKEN", json!(["api.example.com"]), json!(["story"])),
        ("secrets set TOKEN --host a.example --workflow *", json!(["a.example"]), json!("*")),
    ] {
        assert_eq!(shell.run_with(set, "n3w\n").await.code, 0);
        let listed = json(&shell.run("secrets list -o json").await);
        assert_eq!((&listed[0]["hosts"], &listed[0]["workflows"]), (&hosts, &workflows), "{set}");
    }
    let listed = shell.run("secrets list").await.out;
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert!(words.ends_with(&["a.example", "*", "-"]), "{listed}");
    assert_eq!(shell.run("secrets delete TOKEN").await.code, 0);
    let admin = std::mem::replace(&mut shell.key, made.trim().to_owned());
    let unread = shell.run("run story").await;
    assert_eq!(unread.code, 2, "{}", unread.err);
    assert!(unread.err.contains("--input"), "{}", unread.err);
    let ran = shell.run_with("run story --input -", "{\"who\":\"a fox\"}").await;
    assert_eq!(json(&ran)["story"], "Once there was a fox.");
    let key = std::mem::replace(&mut shell.key, admin);
    assert_eq!(shell.run(&format!("keys revoke {id}")).await.code, 0);
    shell.key = key;
    assert_eq!(shell.run("run story --input {}").await.code, 3);
}

#[tokio::test]
async fn a_broken_env_file_is_a_warning_that_shows_no_secret() {
    let server = TestServer::start().await;
    let shell = Shell::new(&server);
    shell.write(".env", "A=1\nTOKEN s3cret\n");
    let said = shell.run("runs").await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.starts_with("warning: .env: line 2 "), "{}", said.err);
    assert!(!said.err.contains("s3cret"), "{}", said.err);
}

#[tokio::test]
async fn a_workflow_is_tailed_while_its_runs_come_and_go() {
    let server = TestServer::start().await;
    let alone: String = STORY
        .lines()
        .filter(|line| !line.contains("id: cut"))
        .map(|line| format!("{line}\n"))
        .collect();
    server
        .publish("story", &alone.replace("offline/echo,", "offline/echo, echo_delay: 200ms,"))
        .await;
    let shell = Shell::new(&server);
    let ended = shell.run_with("run story --input -", "{\"who\":\"a ghost\"}").await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    shell.run_with("run story --async --input -", "{\"who\":\"a crow\"}").await;
    let mut tail = Command::new(program());
    tail.args(["tail", "story"])
        .env("FLOWGATE_URL", &server.url)
        .env("FLOWGATE_KEY", ADMIN_KEY)
        .env("NO_COLOR", "1");
    let mut tail =
        tail.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    let mut finished = 0;
    while finished < 3 {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line())
            .await
            .expect("a line")
            .unwrap()
            .unwrap();
        if line.ends_with("run.finished   succeeded") {
            finished += 1;
            if finished == 1 {
                shell.run_with("run story --async --input -", "{\"who\":\"a fox\"}").await;
                shell.run_with("run story --async --input -", "{\"who\":\"a hare\"}").await;
            }
        }
        printed.push(line);
    }
    for who in ["a crow", "a fox", "a hare"] {
        let line = printed
            .iter()
            .find(|line| line.ends_with(&format!("  Once there was {who}.")))
            .unwrap_or_else(|| panic!("{printed:#?}"));
        let of_the_same_run = printed.iter().filter(|other| other[..8] == line[..8]).count();
        assert_eq!(
            of_the_same_run,
            printed.iter().filter(|other| other.starts_with(&line[..10])).count()
        );
        assert!(of_the_same_run >= 5, "{printed:#?}");
    }
    assert!(!printed.iter().any(|line| line.contains("a ghost")), "{printed:#?}");
    // As ctrl-c in a terminal does.
    let interrupted = Command::new("kill")
        .args(["-INT", &tail.id().unwrap().to_string()])
        .status()
        .await
        .unwrap();
    assert!(interrupted.success());
    assert!(tail.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let server = TestServer::start().await;
    let mut shell = Shell::new(&server);
    let doctor = format!("doctor --data {}", server.folder().display());
    let well = shell.run(&doctor).await;
    assert_eq!(well.code, 0, "{}{}", well.out, well.err);
    for line in [
        "ok       server        it answers and is healthy",
        "ok       access        the operator's own key: everything",
        "ok       clock ",
    ] {
        assert!(well.out.contains(line), "{line}: {}", well.out);
    }
    assert!(
        well.out.contains("a server uses the folder") && well.out.contains("1 + 1 is 2"),
        "{}",
        well.out
    );
    assert!(!well.out.contains(ADMIN_KEY));

    shell.key = server.key(&["*"], &["admin"]).await;
    assert!(shell.run(&doctor).await.out.contains("the key may admin on all workflows"));
    shell.key = server.key(&["story"], &["run"]).await;
    assert!(shell.run(&doctor).await.out.contains("it may neither author nor administer"));

    shell.key = "x".repeat(40);
    let unknown = shell.run(&format!("{doctor} -o json")).await;
    assert_eq!((unknown.code, &json(&unknown)["ok"]), (1, &json!(false)));
    let findings = json(&unknown)["findings"].take();
    let access =
        findings.as_array().unwrap().iter().find(|finding| finding["about"] == "access").unwrap();
    assert_eq!(
        (&access["level"], &access["message"]),
        (&json!("problem"), &json!("the server does not accept the key"))
    );
    assert!(access["advice"].as_str().unwrap().contains("flowgate keys create"));

    let alone = shell.run("doctor --url http://127.0.0.1:1").await;
    assert_eq!(alone.code, 1);
    assert!(
        alone.out.contains("cannot be reached") && alone.out.contains("flowgate serve"),
        "{}",
        alone.out
    );
    assert!(
        alone.out.contains("./.flowgate does not exist yet; serve creates it"),
        "{}",
        alone.out
    );
}

#[tokio::test]
async fn shells_complete_what_there_is() {
    let server = TestServer::start().await;
    let shell = Shell::new(&server);
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = shell.run(&format!("completions {name}")).await;
        assert!(script.code == 0 && script.out.contains("rollback"), "{name}: {}", script.err);
    }
    assert_eq!(shell.run("completions cmd").await.code, 2);
}

/// A server that cuts its connections. Each new one continues after the last event that the caller
/// saw.
#[tokio::test]
async fn a_cut_stream_is_taken_up_where_it_ended() {
    let start = "event: run.started\n\
                 data: {\"run_id\":\"run_1\"}\n\n\
                 event: chunk\n\
                 id: 1-1\n\
                 data: {\"node\":\"a\",\"text\":\"Once \"}\n\n\
                 event: chunk\n\
                 id: 1-2\n\
                 da";
    let later = |headers: axum::http::HeaderMap| async move {
        let run = json!({
            "id": "run_1",
            "workflow_id": "w",
            "version": "1.0.0",
            "status": "succeeded",
            "output": {},
            "created_at": ""
        });
        match headers.get("last-event-id").and_then(|id| id.to_str().ok()) {
            Some("1-1") => "event: chunk\n\
                            id: 1-2\n\
                            data: {\"node\":\"a\",\"text\":\"upon\"}\n\n\
                            event: reconnect\n\
                            data: {}\n\n"
                .to_owned(),
            Some("1-2") => format!("event: run.finished\ndata: {run}\n\n"),
            other => panic!("{other:?}"),
        }
    };
    let router = axum::Router::new()
        .route("/v1/workflows/w/runs", axum::routing::post(move || async move { start }))
        .route("/v1/runs/run_1/events", axum::routing::get(later));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let ended = Command::new(program())
        .args(["run", "w", "--stream", "--input", "{}", "--key", "k", "--url", &url])
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), "Once upon\n");
    assert!(ended.status.success());
}
