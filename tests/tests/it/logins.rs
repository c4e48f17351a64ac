//! Logins of a whole server: stored with a refresh token, or made in a browser; renewed when they
//! end, and when a vendor refuses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use flowgate_tests::home::is_aws;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// What the vendor takes, and gives.
#[derive(Default)]
struct Vendor {
    tokens: usize,
    /// The newest access token no longer counts.
    forgot: bool,
    /// For another reason than a token's age.
    refuses_all: bool,
    refuses: Option<&'static str>,
}

impl Vendor {
    /// Each renewal gives another access token and another refresh token; the newest alone count.
    fn answer(&mut self, request: &Received) -> Reply {
        if request.uri.path() == "/api" {
            let newest = format!("Bearer access-{:04}", self.tokens);
            let is_known = request.headers.get("authorization").is_some_and(|it| *it == *newest);
            let said = request.headers.get("authorization").map(|it| it.to_str().unwrap());
            let status = if is_known && !self.forgot && !self.refuses_all {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            };
            return Reply::Now(status, json!({ "said": said }).to_string());
        }
        let form = form(request);
        let is_newest = form
            .get("refresh_token")
            .is_none_or(|token| *token == format!("refresh-{:04}", self.tokens));
        let refused = self.refuses.or((!is_newest).then_some("invalid_grant"));
        if let Some(error) = refused {
            return Reply::Now(StatusCode::BAD_REQUEST, json!({ "error": error }).to_string());
        }
        self.tokens += 1;
        self.forgot = false;
        let tokens = json!({
            "access_token": format!("access-{:04}", self.tokens),
            "refresh_token": format!("refresh-{:04}", self.tokens),
            "expires_in": 3600,
        });
        Reply::Now(StatusCode::OK, tokens.to_string())
    }
}

fn form(request: &Received) -> HashMap<String, String> {
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    let url = Url::parse(&format!("http://x/?{body}")).unwrap();
    url.query_pairs().into_owned().collect()
}

struct World {
    server: TestServer,
    vendor: Arc<Mutex<Vendor>>,
    receiver: Receiver,
}

async fn world() -> World {
    let vendor = Arc::new(Mutex::new(Vendor::default()));
    let answering = vendor.clone();
    let receiver =
        Receiver::start(move |request, _| answering.lock().unwrap().answer(request)).await;
    let server = TestServer::start().await;
    let document = format!(
        "nodes: [{{ id: ask, type: http, url: '{}/api', headers: {{ authorization: 'Bearer \
         {{{{LOGIN}}}}' }} }}]\noutput: {{ said: <ask.data.said> }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    World { server, vendor, receiver }
}

impl World {
    async fn put(&self, secret: &Value) -> u16 {
        let put = self.server.request(Method::PUT, "/v1/secrets/LOGIN", ADMIN_KEY).json(secret);
        put.send().await.unwrap().status().as_u16()
    }

    async fn begin(&self) -> (u16, Value) {
        let login = json!({
            "authorize_url": format!("{}/page?prompt=consent", self.receiver.url),
            "token_url": format!("{}/token", self.receiver.url),
            "client_id": "id",
            "client_secret": "client-secret-value",
            "scope": "read write",
        });
        answer(self.server.post("/v1/secrets/LOGIN/login", ADMIN_KEY).json(&login)).await
    }

    async fn callback(&self, query: &[(&str, &str)]) -> (u16, String) {
        let mut url = Url::parse("http://x/v1/oauth/callback").unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let response = self.server.get(&path, "").send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn start(&self) -> RequestBuilder {
        self.server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({}))
    }

    async fn run(&self) -> Value {
        answer(self.start()).await.1
    }

    async fn secret(&self) -> Value {
        answer(self.server.get("/v1/secrets/LOGIN", ADMIN_KEY)).await.1
    }
}

fn refreshed(token_url: &str) -> Value {
    json!({
        "oauth2": {
            "token_url": token_url,
            "client_id": "id",
            "client_secret": "client-secret-value",
            "refresh_token": "refresh-0000",
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_renewed_when_a_run_needs_it_and_when_the_vendor_refuses_it() {
    let world = world().await;
    let token_url = format!("{}/token", world.receiver.url);
    assert_eq!(world.put(&refreshed(&token_url)).await, 204);
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run["status"], "succeeded", "{run}");
        assert_eq!(run["output"]["said"], "Bearer ***", "tokens are masked");
    }
    assert_eq!(world.receiver.count("/token"), 1);
    let asked =
        form(world.receiver.received().iter().find(|it| it.uri.path() == "/token").unwrap());
    assert_eq!((&*asked["grant_type"], &*asked["client_id"]), ("refresh_token", "id"));

    let stored = world.secret().await;
    assert_eq!(stored["login"]["kind"], "oauth2", "{stored}");
    assert!(
        stored["login"]["access_ends_at"].is_string() && stored["login"]["renewed_at"].is_string()
    );
    for word in ["access-", "refresh-", "client-secret"] {
        assert!(!stored.to_string().contains(word), "{stored}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_renews_once_and_sends_the_request_once_more() {
    let world = world().await;
    let token_url = format!("{}/token", world.receiver.url);
    assert_eq!(world.put(&refreshed(&token_url)).await, 204);
    assert_eq!(world.run().await["status"], "succeeded");
    world.vendor.lock().unwrap().forgot = true;
    let before = world.receiver.count("/api");
    assert_eq!(world.run().await["status"], "succeeded");
    assert_eq!(world.receiver.count("/api") - before, 2);
    assert_eq!(world.receiver.count("/token"), 2);

    // A server that refuses the new token, too, does not make it renew without end: on AWS each
    // process of the function tries once.
    world.vendor.lock().unwrap().refuses_all = true;
    for _ in 0..8 {
        assert_eq!(world.run().await["error"]["code"], "http_status");
    }
    let renewals = world.receiver.count("/token") - 2;
    assert!(renewals <= if is_aws() { 3 } else { 0 }, "{renewals} renewals");
}

/// The function that delivers may be the first to need it.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_renews_a_login() {
    let world = world().await;
    let token_url = format!("{}/token", world.receiver.url);
    assert_eq!(world.put(&refreshed(&token_url)).await, 204);
    let document = format!(
        "nodes: [{{ id: report, type: webhook, url: '{}/api', headers: {{ authorization: 'Bearer \
         {{{{LOGIN}}}}' }} }}]\n",
        world.receiver.url
    );
    world.server.publish("reporting", &document).await;
    let start = world.server.post("/v1/workflows/reporting/runs", ADMIN_KEY).json(&json!({}));
    assert_eq!(answer(start).await.1["status"], "succeeded");
    world.receiver.until(|received| received.iter().any(|it| it.uri.path() == "/api")).await;
    let received = world.receiver.received();
    let sent = received.iter().find(|it| it.uri.path() == "/api").unwrap();
    assert_eq!(sent.headers["authorization"], "Bearer access-0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_the_vendor_ends_fails_runs_and_says_so() {
    let world = world().await;
    let token_url = format!("{}/token", world.receiver.url);
    world.vendor.lock().unwrap().refuses = Some("invalid_grant");
    assert_eq!(world.put(&refreshed(&token_url)).await, 204);
    for _ in 0..2 {
        let run = world.run().await;
        assert_eq!(run["error"]["code"], "login_expired", "{run}");
        assert!(run["error"]["message"].as_str().unwrap().contains("invalid_grant"), "{run}");
    }
    assert_eq!(world.receiver.count("/token"), 1, "a dead login is asked for once");
    let stored = world.secret().await;
    assert_eq!(stored["login"]["expired_reason"], "invalid_grant", "{stored}");
    // Somebody logs in again.
    world.vendor.lock().unwrap().refuses = None;
    assert_eq!(world.put(&refreshed(&token_url)).await, 204);
    until(|| world.start(), |run| run["status"] == "succeeded").await;
    assert_eq!(world.secret().await["login"]["expired_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_with_a_browser() {
    let world = world().await;
    let (status, begun) = world.begin().await;
    assert_eq!(status, 201, "{begun}");
    let page = Url::parse(begun["url"].as_str().unwrap()).unwrap();
    let query: HashMap<String, String> = page.query_pairs().into_owned().collect();
    assert_eq!(query["prompt"], "consent");
    assert_eq!((&*query["response_type"], &*query["client_id"]), ("code", "id"));
    assert_eq!((&*query["scope"], &*query["code_challenge_method"]), ("read write", "S256"));
    assert_eq!(query["redirect_uri"], begun["redirect_uri"].as_str().unwrap());
    assert!(!page.as_str().contains("client-secret"), "{page}");
    let run = world.run().await;
    assert_eq!(run["error"]["code"], "login_expired", "nobody has logged in yet: {run}");

    let state = query["state"].as_str();
    let (status, text) = world.callback(&[("state", state), ("code", "c0de"), ("iss", "x")]).await;
    assert_eq!(status, 200, "{text}");
    let asked = world.receiver.received();
    let asked = form(asked.iter().find(|it| it.uri.path() == "/token").unwrap());
    assert_eq!((&*asked["grant_type"], &*asked["code"]), ("authorization_code", "c0de"));
    assert_eq!(asked["redirect_uri"], query["redirect_uri"]);
    assert!(asked["code_verifier"].len() >= 43);
    until(|| world.start(), |run| run["status"] == "succeeded").await;
    assert!(world.secret().await["login"]["logged_in_at"].is_string());

    let (status, text) = world.callback(&[("state", state), ("code", "c0de")]).await;
    assert_eq!(status, 404, "a state is used once: {text}");
    let (_, begun) = world.begin().await;
    let page = Url::parse(begun["url"].as_str().unwrap()).unwrap();
    let state = page.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let refused = [("state", state.as_str()), ("error", "access_denied<b>")];
    let (status, text) = world.callback(&refused).await;
    assert!(status == 400 && text.contains("access_denied&lt;b&gt;"), "{text}");
    assert_eq!(world.run().await["status"], "succeeded", "the login before stays valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_logins_are_refused() {
    let world = world().await;
    assert_eq!(world.put(&json!({ "value": "x" })).await, 204);
    let (status, problem) = world.begin().await;
    assert_eq!((status, &problem["code"]), (409, &json!("no_login")), "{problem}");
    for body in [
        json!({}),
        json!({ "value": "x", "oauth2": {} }),
        json!({ "oauth2": { "client_id": "x", "refresh_token": "y" } }),
        json!({ "oauth2": { "token_url": "ftp://x/", "client_id": "x", "refresh_token": "y" } }),
        json!({ "oauth2": { "token_url": "https://u:p@x/", "client_id": "x",
            "refresh_token": "y" } }),
        json!({ "oauth2": { "connector": "nobody", "client_id": "x", "refresh_token": "y" } }),
        json!({ "oauth2": { "connector": "slack", "client_id": "", "refresh_token": "y" } }),
        json!({ "oauth2": { "connector": "slack", "client_id": "x", "refresh_token": "y",
            "body": "xml" } }),
        json!({ "service_account": { "client_email": "x" } }),
    ] {
        assert_eq!(world.put(&body).await, 400, "{body}");
    }
    for query in [vec![], vec![("state", "x")], vec![("code", "x")]] {
        assert_eq!(world.callback(&query).await.0, 404);
    }
}
