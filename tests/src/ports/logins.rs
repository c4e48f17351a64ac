//! Logins: a compare-and-set row each, so that of all processes one renews; and those that began in
//! a browser.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use axum::http::StatusCode;
use flowgate_core::background::Background;
use flowgate_core::clock::Clock;
use flowgate_core::lease::OwnerToken;
use flowgate_core::login::{
    BodyForm, Change, ClientAuth, Credentials, Grant, Login, OAuth2, PendingLogin,
};
use flowgate_core::login_key::LoginKey;
use flowgate_core::secret::{Publisher, SecretRecord, SecretRule, SecretUser, SecretValue};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{Action, Call, CallResult, HttpCall, Piece, Rendered, RenderedUrl};
use flowgate_outbound::{CodeGroup, Outbound, OutboundSettings};
use serde_json::json;

use super::sample::*;
use super::{Guarantee, World, guarantee};
use crate::receiver::{Received, Receiver, Reply};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("a login is written by its next revision alone", revisions),
        guarantee("a late renewal does not write over a login that is stored anew", anew),
        guarantee("of concurrent writes of a login one is applied", concurrent_writes),
        guarantee("a login that began in a browser is taken once, and in time", begun),
        guarantee("two processes renew at once 1,000 times, and no login is lost", race),
    ]
}

pub(super) fn credentials(token_url: &str, refresh: &str) -> Credentials {
    let grant = Grant::OAuth2(OAuth2 {
        token_url: token_url.to_owned(),
        client_id: "client".to_owned(),
        client_secret: Some("client secret".to_owned()),
        refresh_token: Some(refresh.to_owned()),
        scope: None,
        client: ClientAuth::Body,
        body: BodyForm::Form,
    });
    Credentials { grant, rule: SecretRule::default(), access: None }
}

fn login(key: &LoginKey, before: Option<&Login>) -> Result<Login> {
    let change = Change { key, entropy: &SystemEntropy, now: at(1) };
    Login::begun(change, "NAME", &credentials("https://example.com/token", "r0"), before)
}

async fn revisions(world: World) -> Result<()> {
    let logins = &world.logins;
    let key = LoginKey::random(&SystemEntropy);
    assert_eq!(logins.find("NAME", &key.id()).await?, None);
    let first = login(&key, None)?;
    assert!(logins.save(&first).await?);
    assert!(logins.save(&first).await?, "repeating it is a success");
    assert!(!logins.save(&login(&key, None)?).await?, "somebody else was first");
    let leased = first.leased(OwnerToken::random(&SystemEntropy), at(90_000));
    assert!(logins.save(&leased).await?);
    assert_eq!(logins.find("NAME", &key.id()).await?, Some(leased.clone()));
    assert!(!logins.save(&first.released()).await?, "it was leased meanwhile");
    assert!(logins.save(&leased.ended(at(5), "invalid_grant".to_owned())).await?);
    let [stored] = &logins.list().await?[..] else { panic!("one is stored") };
    let reason = stored.info.expired.as_ref().map(|expired| expired.reason.as_str());
    assert_eq!((stored.name.as_str(), reason), ("NAME", Some("invalid_grant")));
    logins.remove("NAME", &key.id()).await?;
    logins.remove("NAME", &key.id()).await?;
    assert_eq!((logins.find("NAME", &key.id()).await?, logins.list().await?.len()), (None, 0));
    Ok(())
}

/// The login is deleted and made again while it is renewed.
async fn anew(world: World) -> Result<()> {
    let logins = &world.logins;
    let (old, new) = (LoginKey::random(&SystemEntropy), LoginKey::random(&SystemEntropy));
    let leased = login(&old, None)?.leased(OwnerToken::random(&SystemEntropy), at(90_000));
    assert!(logins.save(&login(&old, None)?).await? && logins.save(&leased).await?);
    logins.remove("NAME", &old.id()).await?;
    let made = login(&new, None)?;
    let renewed_once = made.released();
    assert!(logins.save(&made).await? && logins.save(&renewed_once).await?);
    let change = Change { key: &old, entropy: &SystemEntropy, now: at(2) };
    let late = leased.renewed(change, &credentials("https://example.com/token", "late"))?;
    assert_eq!(late.revision, renewed_once.revision + 1, "what a count alone would let through");
    assert!(!logins.save(&late).await?);
    assert_eq!(logins.find("NAME", &old.id()).await?, None);
    assert_eq!(logins.list().await?, [renewed_once]);
    Ok(())
}

async fn concurrent_writes(world: World) -> Result<()> {
    let key = LoginKey::random(&SystemEntropy);
    let first = login(&key, None)?;
    assert!(world.logins.save(&first).await?);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let next = first.leased(OwnerToken::random(&SystemEntropy), at(90_000));
        let logins = world.logins.clone();
        tasks.spawn(async move { Ok::<_, anyhow::Error>((logins.save(&next).await?, next)) });
    }
    let mut applied = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (was_applied, next) = done??;
        applied.extend(was_applied.then_some(next));
    }
    assert_eq!(applied.len(), 1);
    assert_eq!(world.logins.find("NAME", &key.id()).await?.as_ref(), applied.first());
    Ok(())
}

async fn begun(world: World) -> Result<()> {
    let pending =
        PendingLogin { name: "NAME".into(), sealed: "sealed".into(), ends_at: at(600_000) };
    for state in ["one", "two"] {
        world.logins.begin(state, &pending, at(0)).await?;
    }
    assert_eq!(world.logins.take("one", at(599_999)).await?, Some(pending));
    assert_eq!(world.logins.take("one", at(599_999)).await?, None);
    assert_eq!(world.logins.take("two", at(600_000)).await?, None);
    assert_eq!(world.logins.take("three", at(0)).await?, None);
    Ok(())
}

/// Moves by hours when the test says so; who sleeps, sleeps for real.
struct Hours(AtomicI64);

#[async_trait]
impl Clock for Hours {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// A vendor as the strictest are: each renewal gives a new refresh token, and whoever comes with an
/// old one has lost the login.
struct Vendor {
    round: usize,
    is_lost: bool,
}

impl Vendor {
    fn answer(&mut self, request: &Received) -> Reply {
        if request.uri.path() == "/api" {
            let expected = format!("Bearer a{}", self.round);
            let is_known = request.headers.get("authorization").is_some_and(|it| *it == *expected);
            let status = if is_known { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            return Reply::Now(status, "{}".to_owned());
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let current = format!("refresh_token=r{}&", self.round);
        if self.is_lost || !body.contains(&current) {
            self.is_lost = true;
            let refused = json!({ "error": "invalid_grant" }).to_string();
            return Reply::Now(StatusCode::BAD_REQUEST, refused);
        }
        self.round += 1;
        let tokens = json!({
            "access_token": format!("a{}", self.round),
            "refresh_token": format!("r{}", self.round),
            "expires_in": 3600,
        });
        Reply::Now(StatusCode::OK, tokens.to_string())
    }
}

const ROUNDS: usize = 1_000;

async fn race(world: World) -> Result<()> {
    let vendor = Arc::new(Mutex::new(Vendor { round: 0, is_lost: false }));
    let answering = vendor.clone();
    let receiver =
        Receiver::start(move |request, _| answering.lock().expect("no panic").answer(request))
            .await;
    let key = LoginKey::random(&SystemEntropy);
    let stored = credentials(&format!("{}/token", receiver.url), "r0");
    let clock = Arc::new(Hours(AtomicI64::new(0)));
    let change = Change { key: &key, entropy: &SystemEntropy, now: clock.now() };
    assert!(world.logins.save(&Login::begun(change, "NAME", &stored, None)?).await?);
    let secret = SecretRecord { value: SecretValue::Login(key), rule: SecretRule::default() };
    world.secrets.put("NAME", &secret, clock.now()).await?;
    let process =
        || {
            let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
            let outbound = Outbound::new(settings, world.secrets.clone(), clock.clone())
                .with_logins(world.logins.clone(), Arc::new(SystemEntropy), Background::default());
            Arc::new(outbound)
        };
    let processes = [process(), process()];
    for round in 1..=ROUNDS {
        let call = Arc::new(call(&format!("{}/api", receiver.url)));
        let asked = processes.iter().map(|process| {
            let (process, call) = (process.clone(), call.clone());
            tokio::spawn(async move { perform(&process, &call).await })
        });
        for asked in asked.collect::<Vec<_>>() {
            let result = asked.await?;
            assert!(matches!(result, CallResult::Succeeded(_)), "round {round}: {result:?}");
        }
        let at = vendor.lock().expect("no panic").round;
        assert_eq!(at, round, "each round has one renewal");
        clock.0.fetch_add(2 * 3_600_000, Ordering::SeqCst);
    }
    assert_eq!(receiver.count("/token"), ROUNDS);
    Ok(())
}

pub(super) async fn perform(outbound: &Outbound, call: &Call) -> CallResult {
    let user = SecretUser { workflow_id: "w".into(), published_by: Publisher::Platform };
    outbound.perform(call, &user, &CodeGroup::new("test"), &mut |_| {}).await
}

pub(super) fn call(url: &str) -> Call {
    let login = vec![Piece::Text("Bearer ".to_owned()), Piece::Secret("NAME".to_owned())];
    Call {
        action: Action::Http(HttpCall {
            method: "GET".to_owned(),
            url: RenderedUrl(vec![Piece::Text(url.to_owned())]),
            headers: vec![("authorization".to_owned(), Rendered::Text(login))],
            ..HttpCall::default()
        }),
        input_hash: String::new(),
        delay: Duration::ZERO,
        timeout: Duration::from_secs(60),
        at_most_once: false,
        seed: 1,
        asked_at_ms: 0,
        needs_price: false,
        literal_keys: Arc::default(),
        workflow: 0,
    }
}
