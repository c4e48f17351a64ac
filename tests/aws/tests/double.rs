//! Tests the double with its own functions: `cargo test` in this folder builds the example
//! `function`.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

struct Double {
    url: String,
    control: String,
    client: Client,
    child: Child,
    stdin: Option<ChildStdin>,
    _functions: tempfile::TempDir,
}

impl Double {
    fn start(more: &[&str]) -> Self {
        let functions = tempfile::tempdir().unwrap();
        for name in ["stream", "buffer", "queue", "tick"] {
            std::os::unix::fs::symlink(
                example(),
                functions.path().join(format!("flowgate-{name}")),
            )
            .unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-double"));
        command.args(["--until-stdin-closes", "account", "--template"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template.json"));
        command.arg("--functions").arg(functions.path()).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said =
            |prefix: &str| lines.next().unwrap().unwrap().strip_prefix(prefix).unwrap().to_owned();
        let (url, control) = (said("listening on "), said("control on "));
        let stdin = child.stdin.take();
        Self { url, control, client: Client::new(), child, stdin, _functions: functions }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.client.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    async fn inspect(&self, path: &str) -> Value {
        read(self.client.get(format!("{}/double/{path}", self.control)).send().await.unwrap())
            .await
            .1
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        read(
            self.client
                .post(format!("{}/double/{path}", self.control))
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
        .1
    }

    /// Calls a store as the function of that folder, and returns the status and the error's name.
    async fn call(&self, function: &str, target: &str, body: Value) -> (u16, Value) {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={function}/20260101/us-east-1/s/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let request = self
            .client
            .post(&self.control)
            .header("x-amz-target", target)
            .header("authorization", credential);
        let request = request
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260101T000000Z");
        let (status, body) = read(request.body(body.to_string()).send().await.unwrap()).await;
        (status.as_u16(), body)
    }

    async fn logged(&self, function: &str) -> Vec<String> {
        let lines = self.inspect(&format!("logs?function={function}")).await;
        lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["line"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
    }
}

async fn read(response: reqwest::Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}

/// Cargo builds the examples of a package before its tests.
fn example() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_aws-double")).with_file_name("examples").join("function")
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "timed out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn routes_as_api_gateway_does() {
    let double = Double::start(&["--set", "SET=1"]);
    let (_, said) = double.get("/things?a=1&a=b%20c").await;
    assert_eq!((&said["key"], &said["path"]), (&json!("buffer"), &json!("/things")));
    assert_eq!(said["query"], "a=1&a=b+c");
    // The event has both values. lambda_http keeps the last, as the single-valued map does.
    let post = double
        .client
        .post(format!("{}/things", double.url))
        .header("x-twice", "1")
        .header("x-twice", "2")
        .body("sent")
        .send();
    let (_, said) = read(post.await.unwrap()).await;
    assert_eq!(
        (&said["key"], &said["body"], &said["header"]),
        (&json!("stream"), &json!("sent"), &json!(["2"])),
        "exact before ANY"
    );
    assert_eq!((&said["set"], &said["joined"]), (&json!("1"), &json!("parameter-closed-v")));
    assert_eq!((&said["table"], &said["public_url"]), (&json!("double-Table"), &json!(double.url)));
    assert_eq!(
        double.get("/things/static").await.1["key"],
        "stream",
        "a static segment before a variable"
    );
    assert_eq!(double.get("/things/a%20b").await.1["id"], "a b");
    assert_eq!(double.get("/some/where").await.1["proxy"], "some/where");
    let (status, said) =
        read(double.client.delete(format!("{}/things/1", double.url)).send().await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &said["title"]),
        (403, &json!("Missing Authentication Token")),
        "the path decides before its method"
    );
    let outside = double.url.trim_end_matches("/v").to_owned() + "/other/things";
    assert_eq!(double.client.get(outside).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn failures_have_the_gateways_answers() {
    let double = Double::start(&["--timeout", "buffer=1"]);
    for asked in ["/x?do=fail", "/x?do=exit", "/mismatch", "/x?do=sleep&ms=5000"] {
        let (status, said) = double.get(asked).await;
        assert_eq!(
            (status.as_u16(), &said["message"]),
            (502, &json!("Internal server error")),
            "{asked}"
        );
    }
    assert_eq!(double.get("/hasty?do=sleep&ms=600").await.0, 504);
    assert_eq!(double.get("/x").await.0, 200, "the function works again");
    let left = double.get("/x").await.1["left_ms"].as_u64().unwrap();
    assert!((500..=1_000).contains(&left), "{left} ms of the second are left");

    let refused = double.client.get(format!("{}/x?do=refuse", double.url)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(
        refused.headers().contains_key("x-amzn-remapped-www-authenticate")
            && !refused.headers().contains_key("www-authenticate")
    );

    // In base64, five million bytes are more than an event may have.
    let large = double
        .client
        .post(format!("{}/things", double.url))
        .body(vec![b'a'; 5_000_000])
        .send()
        .await
        .unwrap();
    assert_eq!(
        (large.status().as_u16(), large.headers()["content-type"].to_str().unwrap()),
        (413, "application/problem+json")
    );
    let fits = double
        .client
        .post(format!("{}/things", double.url))
        .body(vec![b'a'; 4_000_000])
        .send()
        .await
        .unwrap();
    assert_eq!(fits.status(), 200);
}

#[tokio::test]
async fn a_stream_arrives_as_it_is_made_and_is_read_to_its_end() {
    let double = Double::start(&[]);
    let response = double.client.get(format!("{}/slow", double.url)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let began = Instant::now();
    let mut chunks = response.bytes_stream();
    let mut arrivals = Vec::new();
    while let Some(chunk) = chunks.next().await {
        arrivals.push((chunk.unwrap(), began.elapsed()));
    }
    assert_eq!(arrivals.len(), 5);
    assert!(arrivals[4].1 - arrivals[0].1 > Duration::from_millis(500), "{arrivals:?}");

    let left = double.client.get(format!("{}/slow", double.url)).send().await.unwrap();
    drop(left);
    eventually(async || {
        double
            .logged("stream")
            .await
            .iter()
            .filter(|line| line.as_str() == "the body ends here")
            .count()
            == 2
    })
    .await;
}

#[tokio::test]
async fn processes_are_used_again_and_no_more_than_allowed() {
    let double = Double::start(&["--concurrency", "buffer=2"]);
    let first = double.get("/x").await.1["process"].clone();
    assert_eq!(double.get("/x").await.1["process"], first, "the warm one");
    let state = std::fs::read_to_string(format!("/proc/{first}/stat")).unwrap();
    assert!(state.contains(") T "), "without an event it is frozen: {state}");

    let began = Instant::now();
    let all =
        futures_util::future::join_all((0..4).map(|_| double.get("/x?do=sleep&ms=500"))).await;
    assert!(all.iter().all(|(status, _)| *status == 200));
    assert!(
        began.elapsed() >= Duration::from_millis(1_000),
        "four of half a second in two processes"
    );
    let instances = double.inspect("instances").await;
    assert_eq!(
        (&instances["buffer"]["processes"], &instances["buffer"]["cold_starts"]),
        (&json!(2), &json!(2))
    );
    assert!(instances["buffer"]["resident_kib"][0].as_u64().unwrap() > 500);
}

#[tokio::test]
async fn a_killed_function_fails_its_caller_and_nobody_else() {
    let double = Double::start(&[]);
    let url = format!("{}/x?do=sleep&ms=2500", double.url);
    let waiting = tokio::spawn(double.client.get(url).send());
    eventually(async || double.inspect("instances").await["buffer"]["busy"] == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(double.command("kill", json!({ "function": "buffer" })).await["killed"], 1);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 502);
    assert_eq!(double.get("/x").await.0, 200);
    eventually(async || double.inspect("instances").await["buffer"]["busy"] == 0).await;
    assert_eq!(
        double.command("kill", json!({ "function": "buffer" })).await["killed"],
        0,
        "a frozen one is left alone"
    );
}

#[tokio::test]
async fn a_queue_gives_again_what_failed_and_gives_up_in_the_end() {
    let double = Double::start(&[]);
    for body in ["fail", "good"] {
        double.command("send", json!({ "queue": "run", "body": body })).await;
    }
    eventually(async || double.inspect("queues").await["DeadLetters"]["count"] == 1).await;
    let queues = double.inspect("queues").await;
    assert_eq!(
        (&queues["DeadLetters"]["messages"][0]["body"], &queues["run"]["count"]),
        (&json!("fail"), &json!(0))
    );
    let took = |lines: &[String], body: &str| {
        lines.iter().filter(|line| line.starts_with(&format!("took {body}"))).count()
    };
    let lines = double.logged("queue").await;
    assert_eq!((took(&lines, "fail"), took(&lines, "good")), (2, 1), "{lines:?}");

    for body in ["hang", "error"] {
        double.command("send", json!({ "queue": "RunQueue", "body": body })).await;
        eventually(async || took(&double.logged("queue").await, body) == 1).await;
    }
    eventually(async || double.inspect("queues").await["DeadLetters"]["count"] == 3).await;
}

#[tokio::test]
async fn the_timer_never_runs_twice_at_once() {
    let double = Double::start(&["--sweep-every-ms", "10"]);
    eventually(async || double.logged("tick").await.len() > 10).await;
    let lines = double.logged("tick").await;
    let beats: Vec<&str> =
        lines.iter().filter(|line| !line.contains("starts")).map(String::as_str).collect();
    let pairs =
        beats.chunks_exact(2).filter(|pair| *pair == [r#"tick "Scheduled Event""#, "tock"]).count();
    assert_eq!(pairs, beats.len() / 2, "{beats:?}");
}

#[tokio::test]
async fn a_role_grants_what_it_says_and_every_call_is_written_down() {
    let double = Double::start(&["--admin-key", "the-key-of-the-operator"]);
    let item =
        json!({ "TableName": "double-Table", "Item": { "pk": { "S": "p" }, "sk": { "S": "s" } } });
    assert_eq!(double.call("stream", "DynamoDB_20120810.PutItem", item.clone()).await.0, 200);
    let key =
        json!({ "TableName": "double-Table", "Key": { "pk": { "S": "p" }, "sk": { "S": "s" } } });
    let (status, refused) = double.call("stream", "DynamoDB_20120810.GetItem", key).await;
    assert_eq!(status, 400);
    assert!(refused["__type"].as_str().unwrap().ends_with("#AccessDeniedException"), "{refused}");
    let query = |index: Option<&str>| {
        json!({
            "TableName": "double-Table",
            "IndexName": index,
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": { ":p": { "S": "p" } }
        })
    };
    let mut plain = query(None);
    plain.as_object_mut().unwrap().remove("IndexName");
    assert_eq!(double.call("buffer", "DynamoDB_20120810.Query", plain).await.0, 200);
    assert_eq!(
        double.call("buffer", "DynamoDB_20120810.Query", query(Some("due"))).await.0,
        400,
        "an index is a resource of its own"
    );
    let transaction = json!({ "TransactItems": [
        { "Put": item }, { "Delete": { "TableName": "double-Table", "Key": {} } }
    ] });
    assert_eq!(
        double.call("stream", "DynamoDB_20120810.TransactWriteItems", transaction).await.0,
        400,
        "each part needs its permission"
    );
    assert_eq!(
        double.call("queue", "DynamoDB_20120810.PutItem", item.clone()).await.0,
        400,
        "another role"
    );

    let (_, secret) = double
        .call("stream", "secretsmanager.GetSecretValue", json!({ "SecretId": "double/Keyring" }))
        .await;
    let keyring: Value = serde_json::from_str(secret["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(keyring["bootstrap_token"], "the-key-of-the-operator");
    for (name, status) in [("double/provider/A", 200), ("double/other", 400)] {
        assert_eq!(
            double
                .call(
                    "stream",
                    "secretsmanager.CreateSecret",
                    json!({ "Name": name, "SecretString": "s" })
                )
                .await
                .0,
            status
        );
    }

    let calls = double.inspect("calls").await;
    assert_eq!(
        (&calls[0]["function"], &calls[0]["action"], &calls[0]["subject"]),
        (&json!("stream"), &json!("PutItem"), &json!("p/s"))
    );
    assert_eq!(
        (&calls[1]["succeeded"], &calls[1]["error"]),
        (&json!(false), &json!("AccessDeniedException"))
    );
    assert_eq!(double.inspect("granted").await["stream"][0], "dynamodb:PutItem");

    double.command("deny", json!({ "function": "stream", "action": "dynamodb:PutItem" })).await;
    assert_eq!(double.call("stream", "DynamoDB_20120810.PutItem", item.clone()).await.0, 400);
    double.command("allow", json!({ "function": "stream", "action": "dynamodb:PutItem" })).await;
    double.command("break", json!({ "table": true })).await;
    let (_, gone) = double.call("stream", "DynamoDB_20120810.PutItem", item.clone()).await;
    assert!(gone["__type"].as_str().unwrap().ends_with("#ResourceNotFoundException"), "{gone}");
    double.command("mend", json!({})).await;
    assert_eq!(double.call("stream", "DynamoDB_20120810.PutItem", item).await.0, 200);
    let used = double.inspect("used").await;
    assert_eq!(
        (&used["stream"], &used["queue"][0]),
        (
            &json!([
                "dynamodb:PutItem",
                "secretsmanager:CreateSecret",
                "secretsmanager:GetSecretValue"
            ]),
            &json!("sqs:DeleteMessage")
        )
    );
    double.command("calls/clear", json!({})).await;
    assert_eq!(double.inspect("calls").await, json!([]));
}

#[tokio::test]
async fn an_event_can_be_given_directly() {
    let double = Double::start(&[]);
    let invoked = double
        .command(
            "invoke",
            json!({
                "function": "queue", "event": { "Records": [{ "messageId": "m", "body": "fail" }] }
            }),
        )
        .await;
    assert_eq!(invoked["answer"]["batchItemFailures"][0]["itemIdentifier"], "m");
    let failed = double
        .command(
            "invoke",
            json!({
                "function": "queue", "event": { "Records": [{ "messageId": "m", "body": "error" }] }
            }),
        )
        .await;
    assert_eq!(failed["error"]["errorMessage"], "the batch fails");
    let late = double
        .command(
            "invoke",
            json!({
                "function": "queue", "event": { "Records": [{ "messageId": "m", "body": "hang" }] }
            }),
        )
        .await;
    assert_eq!(late["error"]["errorType"], "Sandbox.Timedout");
}

#[tokio::test]
async fn everything_ends_with_it_even_when_it_is_killed() {
    let mut double = Double::start(&[]);
    let process = double.get("/x").await.1["process"].as_u64().unwrap();
    let there = || Path::new(&format!("/proc/{process}")).exists();
    assert!(there());
    double.child.kill().unwrap();
    double.child.wait().unwrap();
    eventually(async || !there()).await;
}
