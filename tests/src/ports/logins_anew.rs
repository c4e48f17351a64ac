//! Secrets that are stored anew while others store them, log in, or renew: of every login there is
//! all or nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use axum::http::StatusCode;
use flowgate_app::access::Caller;
use flowgate_app::logins::{Client, NewLogin, ReturnedLogin};
use flowgate_app::secrets::{NewSecret, NewValue};
use flowgate_app::{App, Settings};
use flowgate_core::Ports;
use flowgate_core::background::Background;
use flowgate_core::computing::OneAtATime;
use flowgate_core::login::{AccessToken, Change, Credentials, Grant, Login};
use flowgate_core::login_key::LoginKey;
use flowgate_core::secret::{
    Keyring, SecretInfo, SecretRecord, SecretRule, SecretValue, SecretWorkflows, Secrets,
};
use flowgate_core::system::{SystemClock, SystemEntropy};
use flowgate_core::time::Timestamp;
use flowgate_local::{LocalQueue, Places};
use flowgate_outbound::{Outbound, OutboundSettings};
use reqwest::Url;
use tokio::sync::Notify;

use super::logins::{call, credentials, perform};
use super::sample::*;
use super::{Guarantee, World, guarantee};
use crate::receiver::{Receiver, Reply};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("of two logins that are stored at once one is there whole", at_once),
        guarantee("a login whose key is not stored leaves the one before whole", broken_off),
        guarantee("many store, delete and begin a login at once, and one is whole", many),
        guarantee("whoever logs in late does not replace what was stored since", late_login),
        guarantee("a renewal outlives its caller, and a stop waits until it is stored", stopped),
    ]
}

/// Secrets whose first key is stored late, or never.
struct Held {
    port: Arc<dyn Secrets>,
    first: std::sync::Mutex<Option<First>>,
}

enum First {
    WaitsFor(Arc<Notify>),
    Fails,
}

#[async_trait]
impl Secrets for Held {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        self.port.keyring(create).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        self.port.replace_keyring(next).await
    }

    async fn put(&self, name: &str, secret: &SecretRecord, now: Timestamp) -> Result<()> {
        let first = self.first.lock().expect("no panic").take();
        match first {
            Some(First::WaitsFor(other)) => other.notified().await,
            Some(First::Fails) => bail!("the store cannot be reached"),
            None => {}
        }
        self.port.put(name, secret, now).await
    }

    async fn get(&self, name: &str) -> Result<Option<SecretRecord>> {
        self.port.get(name).await
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        self.port.list().await
    }

    async fn delete(&self, name: &str) -> Result<bool> {
        self.port.delete(name).await
    }
}

async fn app(world: &World, first: Option<First>) -> Result<Arc<App>> {
    let secrets = Held { port: world.secrets.clone(), first: std::sync::Mutex::new(first) };
    let places = Places { all: 1, per_group: 1 };
    let ports = Ports {
        runs: world.runs.clone(),
        deliveries: world.deliveries.clone(),
        due: world.due.clone(),
        queue: Arc::new(LocalQueue::new(places, places)),
        workflows: world.workflows.clone(),
        jobs: world.jobs.clone(),
        sessions: world.sessions.clone(),
        knowledge: world.knowledge.clone(),
        keys: world.keys.clone(),
        limits: world.limits.clone(),
        budgets: world.budgets.clone(),
        stats: world.stats.clone(),
        secrets: Arc::new(secrets),
        logins: world.logins.clone(),
        files: world.files.clone(),
        computing: Arc::new(OneAtATime),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        telemetry: None,
    };
    App::new(ports, Settings { without_keyring: true, ..Settings::default() }).await
}

fn client() -> Client {
    Client {
        authorize_url: Some("https://vendor.example/page".to_owned()),
        token_url: Some("https://vendor.example/token".to_owned()),
        client_id: "me".to_owned(),
        ..Client::default()
    }
}

async fn put(app: &Arc<App>, refresh_token: &str) -> Result<()> {
    let value = NewValue::Client { client: client(), refresh_token: refresh_token.to_owned() };
    let secret = NewSecret { value, hosts: Vec::new(), workflows: SecretWorkflows::OfPlatform };
    Ok(app.put_secret(&Caller::Admin, "NAME", secret).await?)
}

/// Returns the key of the stored secret, and what it opens.
async fn opened(world: &World) -> Result<(LoginKey, Credentials)> {
    let stored = world.secrets.get("NAME").await?.context("a secret is stored")?;
    let SecretValue::Login(key) = stored.value else { bail!("it is no login") };
    let login = world.logins.find("NAME", &key.id()).await?.context("its key has no login")?;
    let credentials = login.open(&key)?;
    Ok((key, credentials))
}

async fn refresh_token(world: &World) -> Result<Option<String>> {
    match opened(world).await?.1.grant {
        Grant::OAuth2(client) => Ok(client.refresh_token),
        Grant::ServiceAccount(_) => bail!("nobody stored an account"),
    }
}

/// One has written its tokens when the other comes, and its key when the other has gone.
async fn at_once(world: World) -> Result<()> {
    for before in [None, Some("before")] {
        let go_on = Arc::new(Notify::new());
        let (slow, fast) =
            (app(&world, Some(First::WaitsFor(go_on.clone()))).await?, app(&world, None).await?);
        if let Some(before) = before {
            put(&fast, before).await?;
        }
        let rows = world.logins.list().await?.len();
        let late = tokio::spawn(async move { put(&slow, "late").await });
        while world.logins.list().await?.len() == rows {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        put(&fast, "early").await?;
        assert_eq!(refresh_token(&world).await?.as_deref(), Some("early"));
        go_on.notify_one();
        late.await??;
        assert_eq!(refresh_token(&world).await?.as_deref(), Some("late"));
        fast.delete_secret(&Caller::Admin, "NAME").await?;
    }
    Ok(())
}

async fn broken_off(world: World) -> Result<()> {
    put(&app(&world, None).await?, "before").await?;
    assert!(put(&app(&world, Some(First::Fails)).await?, "after").await.is_err());
    assert_eq!(refresh_token(&world).await?.as_deref(), Some("before"));
    let listed = app(&world, None).await?.list_secrets(&Caller::Admin).await?;
    assert_eq!((listed.len(), listed[0].login.is_some()), (1, true));
    Ok(())
}

async fn many(world: World) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        let app = app(&world, None).await?;
        tasks.spawn(async move {
            match number % 6 {
                0 => drop(app.delete_secret(&Caller::Admin, "NAME").await),
                1 => drop(begin(&app).await?),
                _ => put(&app, &number.to_string()).await?,
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let is_stored = world.secrets.get("NAME").await?.is_some();
    assert_eq!(is_stored, opened(&world).await.is_ok());
    put(&app(&world, None).await?, "last").await?;
    assert_eq!(refresh_token(&world).await?.as_deref(), Some("last"));
    Ok(())
}

/// Begins a login in a browser, and returns it as the browser brings it back.
async fn begin(app: &App) -> Result<ReturnedLogin> {
    let (hosts, workflows) = (Vec::new(), SecretWorkflows::OfPlatform);
    let new = NewLogin { client: client(), hosts, workflows };
    let started = app.begin_login(&Caller::Admin, "NAME", new).await?;
    let page = Url::parse(&started.url)?;
    let state = page.query_pairs().find(|(name, _)| name == "state").context("a state")?.1;
    app.returned_login(&state).await?.context("it has begun")
}

fn tokens(begun: &ReturnedLogin, token: &str) -> Credentials {
    let access = AccessToken { token: token.to_owned(), since: at(0), ends_at: None };
    Credentials { access: Some(access), ..begun.begun.credentials.clone() }
}

async fn late_login(world: World) -> Result<()> {
    let app = app(&world, None).await?;
    let access = async || -> Result<Option<String>> {
        Ok(opened(&world).await?.1.access.map(|access| access.token))
    };
    let (first, second) = (begin(&app).await?, begin(&app).await?);
    assert!(app.end_login(&first, &tokens(&first, "first")).await?);
    assert!(!app.end_login(&second, &tokens(&second, "second")).await?, "somebody was faster");
    assert_eq!(access().await?.as_deref(), Some("first"));

    // The login before is renewed meanwhile: that is no other login.
    let begun = begin(&app).await?;
    let (key, credentials) = opened(&world).await?;
    let stored = world.logins.find("NAME", &key.id()).await?.context("stored")?;
    let change = Change { key: &key, entropy: &SystemEntropy, now: at(9) };
    assert!(world.logins.save(&stored.renewed(change, &credentials)?).await?);
    assert!(app.end_login(&begun, &tokens(&begun, "after a renewal")).await?);

    let begun = begin(&app).await?;
    put(&app, "stored since").await?;
    assert!(!app.end_login(&begun, &tokens(&begun, "late")).await?);
    assert_eq!(refresh_token(&world).await?.as_deref(), Some("stored since"));

    let begun = begin(&app).await?;
    app.delete_secret(&Caller::Admin, "NAME").await?;
    assert!(!app.end_login(&begun, &tokens(&begun, "late")).await?);
    assert_eq!((world.secrets.get("NAME").await?, world.logins.list().await?.len()), (None, 0));
    Ok(())
}

async fn stopped(world: World) -> Result<()> {
    let answer = r#"{ "access_token": "a1", "refresh_token": "r1", "expires_in": 3600 }"#;
    let receiver =
        Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, answer.to_owned())).await;
    let key = LoginKey::random(&SystemEntropy);
    let change = Change { key: &key, entropy: &SystemEntropy, now: at(0) };
    let stored = credentials(&format!("{}/token", receiver.url), "r0");
    assert!(world.logins.save(&Login::begun(change, "NAME", &stored, None)?).await?);
    let secret = SecretRecord { value: SecretValue::Login(key), rule: SecretRule::default() };
    world.secrets.put("NAME", &secret, at(0)).await?;

    let background = Background::default();
    let settings = OutboundSettings { allow_loopback: true, ..OutboundSettings::default() };
    let outbound = Outbound::new(settings, world.secrets.clone(), Arc::new(SystemClock))
        .with_logins(world.logins.clone(), Arc::new(SystemEntropy), background.clone());
    let call = call(&format!("{}/api", receiver.url));
    let caller = tokio::spawn(async move { perform(&outbound, &call).await });
    receiver.until(|received| received.iter().any(|it| it.uri.path() == "/token")).await;
    caller.abort();
    assert!(caller.await.is_err());
    assert_eq!(refresh_token(&world).await?.as_deref(), Some("r0"), "the vendor has not answered");
    let waiting = background.none_left();
    receiver.let_go();
    waiting.await;
    assert_eq!(refresh_token(&world).await?.as_deref(), Some("r1"));
    Ok(())
}
