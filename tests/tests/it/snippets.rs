//! Programs that call a workflow, run as a user runs them, with names and values that mean
//! something in each language.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::answer;

/// A document whose fields have these values to try out, and one more with a default.
fn hostile() -> (String, Value) {
    let values = json!({
        "it's": "'; echo $(id) '\"\\",
        "\"quotes\"": "\"\"\"",
        "back\\slash": "\\n\\u0041\\",
        "new\nline": "a\nb\r\nc\td\0e",
        "$HOME": "${HOME} `id` $(id)",
        "`tick`": "`",
        "__proto__": { "__proto__": 1, "constructor": null },
        "größe 😀": "\u{202e}turned\u{2028}\u{e0041}",
        "__URL__": "__BODY__ __INPUT__",
        "</script>": "<!-- {{x}} ",
        "#\"##": "\"###",
        "%s {0}": "%d {}",
        "big": 9_007_199_254_740_993_u64,
        "huge": 18_446_744_073_709_551_615_u64,
        "small": -1.5e-7,
        "list": [true, false, null, [], {}, ""],
    });
    let mut input: Vec<Value> = values
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let kind = match value {
                Value::Number(_) => "number",
                Value::Object(_) => "object",
                Value::Array(_) => "array",
                _ => "string",
            };
            // In JSON, so that nothing in it is a reference.
            json!({ "name": name, "type": kind, "value": value })
        })
        .collect();
    input.push(json!({ "name": "d'\"", "default": "'\"\\$" }));
    let document = json!({
        "input": input,
        "nodes": [{ "id": "say", "type": "agent", "model": "offline/echo", "prompt": "so be it" }],
        "output": { "all": "<api.input>", "said": "<say.content>" },
    });
    let mut expected = values;
    expected["d'\""] = json!("'\"\\$");
    (document.to_string(), expected)
}

struct World {
    server: TestServer,
    key: String,
    expected: Value,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let (document, expected) = hostile();
        server.publish("w", &document).await;
        let key = server.key(&["w"], &["run", "read"]).await;
        Self { server, key, expected, folder: tempfile::tempdir().unwrap() }
    }

    async fn code(&self, lang: &str, mode: &str) -> String {
        let path = format!("/v1/workflows/w/snippets?lang={lang}&mode={mode}");
        let (status, found) = answer(self.server.get(&path, &self.key)).await;
        assert_eq!((status, found["items"].as_array().map(Vec::len)), (200, Some(1)), "{found}");
        found["items"][0]["code"].as_str().unwrap().to_owned()
    }

    /// A command that runs the program in a folder of its own.
    async fn command(&self, lang: &str, mode: &str) -> Command {
        let (program, file) = interpreter(lang);
        let path = self.folder.path().join(file);
        std::fs::write(&path, self.code(lang, mode).await).unwrap();
        let mut command = Command::new(program);
        command.arg(path).current_dir(self.folder.path()).env("FLOWGATE_KEY", &self.key);
        command.env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, lang: &str, mode: &str) -> String {
        let ran = self.command(lang, mode).await.output().await.unwrap();
        assert!(ran.status.success(), "{lang} {mode}: {}", said(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// The input of the newest run, as the server has it.
    async fn last_input(&self) -> Value {
        let path = "/v1/workflows/w/runs?include=input&limit=1";
        answer(self.server.get(path, &self.key)).await.1["items"][0]["input"].clone()
    }

    async fn secret(&self) -> String {
        let path = "/v1/workflows/w/signing-secret";
        let found = answer(self.server.get(path, ADMIN_KEY)).await.1;
        found["secrets"][0].as_str().unwrap().to_owned()
    }
}

fn interpreter(lang: &str) -> (&'static str, &'static str) {
    match lang {
        "curl" => ("sh", "run.sh"),
        "python" => ("python3", "run.py"),
        "typescript" => ("node", "run.mjs"),
        other => panic!("{other}"),
    }
}

fn said(ran: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{} {}", text(&ran.stdout), text(&ran.stderr))
}

async fn has(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output().await;
    let has = asked.is_ok_and(|ran| ran.status.success());
    if !has {
        eprintln!("{program} is not here: its programs are not run");
    }
    has
}

/// The programs send exactly the author's values, and print what came back.
async fn check_runs(lang: &str, needs: &str, output: impl Fn(&str, &str) -> Value) {
    if !has(needs).await {
        return;
    }
    let world = World::start().await;
    for mode in ["wait", "async", "stream"] {
        let printed = world.run(lang, mode).await;
        assert_eq!(world.last_input().await, world.expected, "{lang} {mode}");
        let output = output(mode, &printed);
        assert_eq!(output["said"], "so be it", "{lang} {mode}: {printed}");
        assert_eq!(output["all"]["it's"], world.expected["it's"], "{lang} {mode}");
        assert_eq!(output["all"]["new\nline"], world.expected["new\nline"], "{lang} {mode}");
    }
    world.server.stop().await;
}

/// A stream's text stands before the output.
fn printed_output(mode: &str, printed: &str) -> Value {
    let output = match mode {
        "stream" => printed.strip_prefix("so be it\n").unwrap_or_else(|| panic!("{printed}")),
        _ => printed,
    };
    serde_json::from_str(output).unwrap_or_else(|_| panic!("{printed}"))
}

#[tokio::test]
async fn curl_sends_what_the_author_wrote() {
    check_runs("curl", "curl", |mode, printed| {
        let run = match mode {
            "stream" => printed.rsplit("data: ").next().unwrap(),
            _ => printed,
        };
        let run: Value = serde_json::from_str(run).unwrap_or_else(|_| panic!("{printed}"));
        run["output"].clone()
    })
    .await;
}

#[tokio::test]
async fn python_sends_what_the_author_wrote() {
    check_runs("python", "python3", printed_output).await;
}

#[tokio::test]
async fn typescript_sends_what_the_author_wrote() {
    check_runs("typescript", "node", printed_output).await;
}

/// What a refused start says reaches the person, and the program fails.
#[tokio::test]
async fn a_refusal_is_shown() {
    let world = World::start().await;
    for (lang, needs) in [("curl", "curl"), ("python", "python3"), ("typescript", "node")] {
        if !has(needs).await {
            continue;
        }
        for mode in ["wait", "async", "stream"] {
            let mut command = world.command(lang, mode).await;
            let ran = command.env("FLOWGATE_KEY", "fg_wrong").output().await.unwrap();
            assert!(!ran.status.success(), "{lang} {mode}: {}", said(&ran));
            assert!(said(&ran).contains("unauthorized"), "{lang} {mode}: {}", said(&ran));
        }
    }
    world.server.stop().await;
}

/// Compilers are not at hand in a test: the programs are read by the formatters.
#[tokio::test]
async fn rust_and_go_are_well_formed() {
    let world = World::start().await;
    for (lang, formatter, arguments) in
        [("rust", "rustfmt", ["--edition", "2024"].as_slice()), ("go", "gofmt", &["-e"])]
    {
        let file = world.folder.path().join(format!("main.{lang}"));
        for mode in ["wait", "async", "stream", "webhook"] {
            std::fs::write(&file, world.code(lang, mode).await).unwrap();
            let program = std::fs::File::open(&file).unwrap();
            let mut command = Command::new(formatter);
            command.args(arguments).stdin(program).stdout(Stdio::piped()).stderr(Stdio::piped());
            let Ok(ran) = command.output().await else {
                eprintln!("{formatter} is not here");
                break;
            };
            assert!(ran.status.success(), "{lang} {mode}: {}", said(&ran));
        }
    }
    world.server.stop().await;
}

async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the status of a delivery with these headers and this body.
async fn deliver(world: &World, url: &str, headers: &[(&str, String)], body: &str) -> u16 {
    let request = world.server.client.post(url).body(body.to_owned());
    let request = headers.iter().fold(request, |all, (name, value)| all.header(*name, value));
    request.send().await.unwrap().status().as_u16()
}

async fn check_receiver(lang: &str, needs: &str) {
    if !has(needs).await {
        return;
    }
    let world = World::start().await;
    let (port, secret) = (free_port().await, world.secret().await);
    let url = format!("http://127.0.0.1:{port}/");
    let mut command = world.command(lang, "webhook").await;
    command.env("FLOWGATE_WEBHOOK_SECRET", &secret).env("PORT", port.to_string());
    let receiver = command.spawn().unwrap();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let test = world.server.post("/v1/workflows/w/webhook/test", ADMIN_KEY);
    let (status, tested) = answer(test.json(&json!({ "url": url }))).await;
    assert_eq!((status, &tested["status"]), (200, &json!(204)), "{lang}: {tested}");
    let sent = &tested["headers"];
    let header = |name: &'static str| (name, sent[name].as_str().unwrap().to_owned());
    let genuine =
        ["webhook-id", "webhook-timestamp", "webhook-signature", "flowgate-event"].map(header);
    assert_eq!(deliver(&world, &url, &genuine, "{}").await, 401, "{lang}: another body");
    for (at, other) in [(0, "whd_x"), (1, "1"), (1, "x"), (1, "99999999999999999999"), (2, "v1,x")]
    {
        let mut forged = genuine.clone();
        forged[at].1 = other.to_owned();
        assert_eq!(deliver(&world, &url, &forged, "{}").await, 401, "{lang}: {other}");
    }
    assert_eq!(deliver(&world, &url, &[], "{}").await, 401, "{lang}: without headers");
    drop(receiver);
    world.server.stop().await;
}

#[tokio::test]
async fn python_receives_webhooks() {
    check_receiver("python", "python3").await;
}

#[tokio::test]
async fn typescript_receives_webhooks() {
    check_receiver("typescript", "node").await;
}

#[tokio::test]
async fn openssl_verifies_a_webhook() {
    if !has("openssl").await && Command::new("openssl").arg("version").output().await.is_err() {
        return;
    }
    let world = World::start().await;
    let receiver = Receiver::start(|_, _| Reply::Now(StatusCode::OK, "ok".to_owned())).await;
    let test = world.server.post("/v1/workflows/w/webhook/test", ADMIN_KEY);
    let (status, tested) = answer(test.json(&json!({ "url": receiver.url }))).await;
    assert_eq!((status, &tested["status"]), (200, &json!(200)), "{tested}");
    let received = &receiver.received()[0];
    let header = |name: &str| received.headers[name].to_str().unwrap().to_owned();
    let body = world.folder.path().join("body.json");
    let secret = world.secret().await;
    let verify = async |signature: String, body_text: &[u8]| {
        std::fs::write(Path::new(&body), body_text).unwrap();
        let mut command = world.command("curl", "webhook").await;
        command.env("FLOWGATE_WEBHOOK_SECRET", &secret).env("WEBHOOK_ID", header("webhook-id"));
        command.env("WEBHOOK_TIMESTAMP", header("webhook-timestamp"));
        command.env("WEBHOOK_SIGNATURE", signature).output().await.unwrap()
    };
    let signature = header("webhook-signature");
    let good = verify(signature.clone(), &received.body).await;
    assert!(good.status.success(), "{}", said(&good));
    let rotating = verify(format!("v1,AAAA {signature}"), &received.body).await;
    assert!(rotating.status.success(), "{}", said(&rotating));
    assert!(!verify(signature, b"{}").await.status.success());
    assert!(!verify("v1,AAAA".to_owned(), &received.body).await.status.success());
    world.server.stop().await;
}
