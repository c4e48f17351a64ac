//! What every dialect refuses alike: each in its own shape, the field named, nothing half-made, and the server goes on.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const STRICT: &str = "input: [{ name: name, type: string }, { name: n, type: number, default: 1 }]\nnodes: [{ id: say, type: template, template: '<api.name>' }]\noutput: { said: <say.content> }\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Native,
    Gptbots,
    Sim,
    AiFlow,
}

use Dialect::{AiFlow, Gptbots, Native, Sim};

const ALL: [Dialect; 4] = [Native, Gptbots, Sim, AiFlow];

impl Dialect {
    /// A run request with this text as its body.
    fn run(self, server: &TestServer, key: &str, workflow: &str, body: impl Into<String>) -> RequestBuilder {
        let request = match self {
            Native => server.post(&format!("/v1/workflows/{workflow}/runs"), key),
            Gptbots => server.post("/v1/workflow/invoke", key).header("x-workflow-id", workflow),
            Sim => server.post(&format!("/api/workflows/{workflow}/execute"), key),
            AiFlow => server.post(&format!("/v1/flow/{workflow}/run"), key),
        };
        request.header("content-type", "application/json").body(body.into())
    }

    /// The body for these inputs.
    fn body(self, input: &Value) -> String {
        match self {
            Native | Gptbots => json!({ "input": input }).to_string(),
            Sim | AiFlow => input.to_string(),
        }
    }

    /// With these webhooks at the run's end; `None` where a dialect has no such thing.
    fn with_webhooks(self, urls: &[&str]) -> Option<String> {
        let webhooks: Vec<_> = urls.iter().map(|url| json!({ "url": url, "method": "POST" })).collect();
        match self {
            Native => Some(json!({ "input": { "name": "Ada" }, "webhooks": webhooks }).to_string()),
            Gptbots => Some(json!({ "input": { "name": "Ada" }, "isAsync": true, "webhook": webhooks }).to_string()),
            AiFlow if urls.len() == 1 => {
                Some(json!({ "name": "Ada", "run_options": { "global_webhook": { "url": urls[0] } } }).to_string())
            }
            AiFlow | Sim => None,
        }
    }

    /// Status and message, once the answer has the dialect's shape.
    async fn refused(self, request: RequestBuilder) -> (u16, String) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap_or_else(|error| panic!("{self:?} answers {status} without JSON: {error}"));
        let message = match self {
            Native => {
                assert!(body["code"].is_string() && body["status"] == status, "{body}");
                format!("{} {}", body["detail"].as_str().unwrap(), body["errors"])
            }
            Gptbots => {
                assert!(body["code"].is_i64(), "{body}");
                body["message"].as_str().unwrap().to_owned()
            }
            Sim => format!("{} {}", body["error"].as_str().unwrap_or_else(|| panic!("{body}")), body["details"]),
            AiFlow => {
                assert!(body["error"]["code"].is_string(), "{body}");
                format!("{} {}", body["error"]["message"].as_str().unwrap(), body["error"]["fields"])
            }
        };
        (status, message)
    }
}

async fn nothing_was_made(server: &TestServer, workflow: &str) {
    let listed: Value = server.get(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn keys() {
    let server = TestServer::start().await;
    server.publish("mine", STRICT).await;
    server.publish("other", STRICT).await;
    assert!(server.request(Method::PUT, "/v1/workflows/draft", ADMIN_KEY).body(STRICT).send().await.unwrap().status().is_success());
    let reader = server.key(&["mine", "draft"], &["read"]).await;
    let runner = server.key(&["mine", "draft", "gone"], &["run", "read"]).await;
    let (revoked, expired) = (revoked(&server).await, expired(&server).await);
    for dialect in ALL {
        let good = dialect.body(&json!({ "name": "Ada" }));
        let attempt = async |key: &str, workflow: &str| dialect.refused(dialect.run(&server, key, workflow, good.clone())).await;
        let unauthorized = attempt("fg_wrong", "mine").await;
        assert_eq!(unauthorized.0, 401);
        for key in [&revoked, &expired, "x", ""] {
            assert_eq!(attempt(key, "mine").await, unauthorized, "{dialect:?}: one answer for every key that is no good");
        }
        assert_eq!(attempt(&reader, "mine").await.0, 403);
        let (unknown, foreign) = (attempt(&runner, "gone").await, attempt(&runner, "other").await);
        assert_eq!((unknown.0, &unknown), (404, &foreign), "{dialect:?}: unknown and foreign alike");
        let unpublished = if matches!(dialect, Native | AiFlow) { 409 } else { 403 };
        assert_eq!(attempt(&runner, "draft").await.0, unpublished, "{dialect:?}");
    }
    nothing_was_made(&server, "mine").await;
    nothing_was_made(&server, "other").await;
}

async fn revoked(server: &TestServer) -> String {
    let key = server.key(&["mine"], &["run"]).await;
    let before = Native.run(server, &key, "mine", "{").send().await.unwrap();
    assert_eq!(before.status(), 400, "the key is known, and cached, before it is revoked");
    let id = key.split('_').nth(1).unwrap();
    assert!(server.request(Method::DELETE, &format!("/v1/keys/{id}"), ADMIN_KEY).send().await.unwrap().status().is_success());
    key
}

async fn expired(server: &TestServer) -> String {
    let soon = (server.app.now() + std::time::Duration::from_millis(300)).to_string();
    let request = json!({ "name": "short", "workflows": ["mine"], "scopes": ["run"], "expires_at": soon });
    let made: Value = server.post("/v1/keys", ADMIN_KEY).json(&request).send().await.unwrap().json().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn bodies() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let deep =
        |dialect: Dialect| dialect.body(&json!({ "name": "DEEP" })).replace("\"DEEP\"", &format!("{}{}", "[".repeat(65), "]".repeat(65)));
    let twice = |dialect: Dialect| dialect.body(&json!({ "name": "Ada" })).replace("\"name\":\"Ada\"", "\"name\":\"Ada\",\"name\":\"Bob\"");
    for dialect in ALL {
        let attempt = async |body: String| dialect.refused(dialect.run(&server, &key, "w", body)).await;
        let named = async |body: Value, field: &str| {
            let (status, message) = attempt(dialect.body(&body)).await;
            assert!(status == 400 && message.contains(field), "{dialect:?}: {status} {message}");
        };
        named(json!({}), "name").await;
        named(json!({ "name": { "a": 1 } }), "name").await;
        named(json!({ "name": "Ada", "n": "three" }), "n").await;
        for (what, body) in [
            ("broken", "{\"input\": {".to_owned()),
            ("a list", "[1]".to_owned()),
            ("depth 65", deep(dialect)),
            ("duplicate keys", twice(dialect)),
            ("not UTF-8", "\u{0}".to_owned()),
        ] {
            let (status, message) = attempt(body).await;
            assert_eq!(status, 400, "{dialect:?}, {what}: {message}");
        }
        let (status, message) = attempt(dialect.body(&json!({ "name": "x".repeat(5 << 20) }))).await;
        assert_eq!(status, 413, "{dialect:?}: {message}");
    }
    nothing_was_made(&server, "w").await;
}

#[tokio::test]
async fn webhooks() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    for dialect in ALL {
        for url in [
            "http://169.254.169.254/latest",
            "https://169.254.169.254/",
            "http://10.0.0.1/",
            "https://10.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "ftp://example.com/",
            "https://user:pass@example.com/",
            "not a url",
        ] {
            let Some(body) = dialect.with_webhooks(&[url]) else { continue };
            let (status, message) = dialect.refused(dialect.run(&server, ADMIN_KEY, "w", body)).await;
            assert!(status == 400 && message.contains("url"), "{dialect:?} {url}: {status} {message}");
        }
        let Some(body) = dialect.with_webhooks(&["https://example.com/"; 6]) else { continue };
        let (status, message) = dialect.refused(dialect.run(&server, ADMIN_KEY, "w", body)).await;
        assert!(status == 400 && message.contains("webhook"), "{dialect:?}: {status} {message}");
    }
    nothing_was_made(&server, "w").await;
}

#[tokio::test]
async fn without_the_loopback_allowance_its_every_spelling_is_refused() {
    let server = TestServer::start_with(|settings| settings.outbound.allow_loopback = false).await;
    server.publish("w", STRICT).await;
    for dialect in ALL {
        for host in ["2130706433", "127.0.0.1", "0x7f.1", "localhost", "[::1]", "0"] {
            for scheme in ["http", "https"] {
                let Some(body) = dialect.with_webhooks(&[&format!("{scheme}://{host}/")]) else { continue };
                let (status, message) = dialect.refused(dialect.run(&server, ADMIN_KEY, "w", body)).await;
                assert!(status == 400 && message.contains("url"), "{dialect:?} {scheme}://{host}: {status} {message}");
            }
        }
    }
    nothing_was_made(&server, "w").await;
}

#[tokio::test]
async fn a_secret_that_a_caller_sends_stays_text() {
    let server = TestServer::start().await;
    server.publish("w", STRICT).await;
    assert!(
        server
            .request(Method::PUT, "/v1/secrets/SECRET", ADMIN_KEY)
            .json(&json!({ "value": "hidden" }))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    for dialect in [Native, Gptbots, Sim] {
        let answer: Value = dialect
            .run(&server, ADMIN_KEY, "w", dialect.body(&json!({ "name": "{{SECRET}} <say.content>" })))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["output"]["said"], "{{SECRET}} <say.content>", "{dialect:?}");
    }
}
