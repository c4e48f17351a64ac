//! Rotation of the keyring and of the admin credential, with two processes on one store: the other
//! process learns of it when it meets a version that it does not know, and nobody gets a 500.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use flowgate_app::access::Caller;
use flowgate_app::keys::KeyRequest;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{App, Error, Ports, Settings};
use flowgate_core::computing::OneAtATime;
use flowgate_core::key::{KeyRecord, Keys, Scope, WorkflowScope};
use flowgate_core::overload::Overloaded;
use flowgate_core::secret::{Keyring, SecretInfo, SecretRecord, Secrets};
use flowgate_core::system::SystemEntropy;
use flowgate_core::time::Timestamp;
use flowgate_local::{Local, LocalLimits, LocalQueue, Places};
use flowgate_tests::clock::TestClock;
use flowgate_tests::ports::sample::{at, first_page};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::fixture::answer;

/// Counts the reads of the keyring, and can fail.
struct Counted {
    local: Local,
    reads: AtomicUsize,
    is_down: AtomicBool,
    has_capacity: AtomicBool,
}

#[async_trait]
impl Secrets for Counted {
    async fn keyring(&self, create: Keyring) -> Result<Keyring> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.is_down.load(Ordering::SeqCst) {
            bail!("the secret store does not answer");
        }
        if !self.has_capacity.load(Ordering::SeqCst) {
            return Err(Overloaded { retry_after: Duration::from_secs(2) }.into());
        }
        self.local.keyring(create).await
    }

    async fn replace_keyring(&self, next: &Keyring) -> Result<bool> {
        self.local.replace_keyring(next).await
    }

    async fn put(&self, _: &str, _: &SecretRecord, _: Timestamp) -> Result<()> {
        bail!("not used here")
    }

    async fn get(&self, _: &str) -> Result<Option<SecretRecord>> {
        Ok(None)
    }

    async fn list(&self) -> Result<Vec<SecretInfo>> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &str) -> Result<bool> {
        Ok(false)
    }
}

/// One process of a deployment.
struct Process {
    app: Arc<App>,
    secrets: Arc<Counted>,
}

struct Deployment {
    local: Arc<Local>,
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
}

impl Deployment {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let local = Arc::new(Local::open(folder.path())?);
        Ok(Self { local, clock: Arc::new(TestClock::new(at(0))), folder })
    }

    async fn process(&self) -> Result<Process> {
        self.start(true).await
    }

    /// Starts a process while the store of secrets has capacity, or has none.
    async fn start(&self, has_capacity: bool) -> Result<Process> {
        let secrets = Arc::new(Counted {
            local: Local::clone(&self.local),
            reads: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            has_capacity: AtomicBool::new(has_capacity),
        });
        let local = &self.local;
        let places = Places { all: 1, per_group: 1 };
        let ports = Ports {
            runs: local.clone(),
            files: local.clone(),
            deliveries: local.clone(),
            due: local.clone(),
            queue: Arc::new(LocalQueue::new(places, places)),
            workflows: local.clone(),
            jobs: local.clone(),
            sessions: local.clone(),
            knowledge: local.clone(),
            keys: local.clone(),
            budgets: local.clone(),
            stats: local.clone(),
            limits: Arc::new(LocalLimits::default()),
            secrets: secrets.clone(),
            logins: local.clone(),
            computing: Arc::new(OneAtATime),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            telemetry: None,
        };
        let app = App::new(ports, Settings::default()).await?;
        secrets.reads.store(0, Ordering::SeqCst);
        Ok(Process { app, secrets })
    }

    fn pass(&self, seconds: u64) {
        use flowgate_core::clock::Clock;
        self.clock.set(self.clock.now() + Duration::from_secs(seconds));
    }
}

fn key_request() -> KeyRequest {
    KeyRequest {
        name: "k".to_owned(),
        workflows: WorkflowScope::All,
        scopes: [Scope::Run].into(),
        expires_at: None,
        limits: None,
        budget: None,
        origins: std::collections::BTreeSet::new(),
    }
}

impl Process {
    async fn key(&self) -> Result<String> {
        let issued = self.app.create_key(&Caller::Admin, key_request()).await?;
        Ok(issued.key.expose_secret().to_owned())
    }

    fn reads(&self) -> usize {
        self.secrets.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_process_that_starts_without_capacity_reads_the_keyring_with_a_request() -> Result<()> {
    let deployment = Deployment::new()?;
    let (early, late) = (deployment.process().await?, deployment.start(false).await?);
    let (key, sealed) = (early.key().await?, early.app.seal("from a caller").await?);
    let refused = [
        late.app.authenticate(&key).await.err(),
        late.app.authenticate("a guess, long enough to be a credential").await.err(),
        late.app.create_key(&Caller::Admin, key_request()).await.err(),
        late.app.seal("text").await.err(),
        late.app.unseal(&sealed).await.err(),
        late.app.rotate_keyring(&Caller::Admin).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(Error::Overloaded { .. })), "{error:?}");
    }
    late.secrets.has_capacity.store(true, Ordering::SeqCst);
    assert!(late.app.authenticate(&key).await.is_ok());
    assert_eq!(late.app.unseal(&sealed).await?, "from a caller");
    assert_eq!(early.app.unseal(&late.app.seal("back").await?).await?, "back");
    Ok(())
}

#[tokio::test]
async fn another_process_learns_of_a_rotation_by_the_first_record_that_needs_it() -> Result<()> {
    let deployment = Deployment::new()?;
    let (here, there) = (deployment.process().await?, deployment.process().await?);
    let (old_key, old_sealed) = (here.key().await?, here.app.seal("from a caller").await?);
    deployment.pass(60);
    let versions = here.app.rotate_keyring(&Caller::Admin).await?;
    assert_eq!((versions.pepper, versions.master, versions.seal), (2, 2, 2));

    let new_key = here.key().await?;
    let sealed = here.app.seal("newer").await?;
    assert!(sealed.starts_with("2."), "{sealed}");
    // All at once: they wait for one read.
    let calls = (0..20).map(|_| there.app.authenticate(&new_key));
    for caller in futures_util::future::join_all(calls).await {
        assert!(matches!(caller, Ok(Caller::Key(_))), "{caller:?}");
    }
    assert_eq!(there.reads(), 1);
    assert_eq!(there.app.unseal(&sealed).await?, "newer");
    assert_eq!(there.app.unseal(&old_sealed).await?, "from a caller");
    for process in [&here, &there] {
        assert!(process.app.authenticate(&old_key).await.is_ok(), "the old key stays valid");
    }
    assert_eq!(there.reads(), 1, "nothing else was read");

    // A sealed value alone tells another process too.
    let third = deployment.process().await?;
    deployment.pass(2);
    here.app.rotate_keyring(&Caller::Admin).await?;
    deployment.pass(2);
    assert_eq!(third.app.unseal(&here.app.seal("newest").await?).await?, "newest");
    let audit = Keys::audit(&*deployment.local, first_page(9)).await?.items;
    assert_eq!(audit.iter().filter(|entry| entry.action == "keyring.rotated").count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_workflow_keeps_its_master_until_its_secret_is_rotated_anywhere() -> Result<()> {
    let deployment = Deployment::new()?;
    let (here, there) = (deployment.process().await?, deployment.process().await?);
    let draft = SaveDraft {
        id: "w",
        document: "nodes: []",
        only_if: OnlyIf::Any,
        reserved_input_names: &[],
    };
    here.app.save_draft(&Caller::Admin, draft).await?;
    let before = here.app.signing_secrets(&Caller::Admin, "w").await?;
    here.app.rotate_keyring(&Caller::Admin).await?;
    assert_eq!(there.app.signing_secrets(&Caller::Admin, "w").await?, before);

    let rotated = here.app.rotate_signing_secret(&Caller::Admin, "w").await?;
    deployment.pass(5);
    let both = there.app.signing_secrets(&Caller::Admin, "w").await?;
    assert_eq!(both, [rotated, before[0].clone()]);
    Ok(())
}

async fn stored_key(deployment: &Deployment, id: &str) -> Result<KeyRecord> {
    Keys::read(&*deployment.local, id).await?.context("the key is stored")
}

/// A record whose version never was is "try again", not a failure, and costs a read a second.
#[tokio::test]
async fn a_version_that_never_was_costs_one_read_a_second_however_many_ask() -> Result<()> {
    let deployment = Deployment::new()?;
    let process = deployment.process().await?;
    let (key, forged) = (process.key().await?, process.key().await?);
    let file = deployment.folder.path().join("flowgate.db");
    let forge = "UPDATE keys SET record = json_set(record, '$.pepper', 99) WHERE id = ?1";
    let forged_id = forged.split('_').nth(1).unwrap();
    assert_eq!(rusqlite::Connection::open(file)?.execute(forge, [forged_id])?, 1);
    for second in 1..=3 {
        deployment.pass(2);
        for _ in 0..50 {
            let refused = process.app.authenticate(&forged).await;
            assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        }
        assert_eq!(process.reads(), second);
    }
    process.secrets.is_down.store(true, Ordering::SeqCst);
    deployment.pass(2);
    let refused = process.app.authenticate(&forged).await;
    assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
    assert!(process.app.authenticate(&key).await.is_ok(), "what is known needs no read");
    Ok(())
}

#[tokio::test]
async fn the_earlier_admin_credential_ends_at_once_here_and_within_ten_seconds_there() -> Result<()>
{
    let deployment = Deployment::new()?;
    let (here, there) = (deployment.process().await?, deployment.process().await?);
    let old = here.app.bootstrap_token().await?;
    assert!(matches!(there.app.authenticate(&old).await, Ok(Caller::Admin)));
    let new = here.app.rotate_admin(&Caller::Admin).await?;
    let new = new.expose_secret();
    assert!(matches!(here.app.authenticate(&old).await, Err(Error::Unauthorized)));
    assert!(matches!(here.app.authenticate(new).await, Ok(Caller::Admin)));
    deployment.pass(10);
    assert!(matches!(there.app.authenticate(&old).await, Err(Error::Unauthorized)));
    assert!(matches!(there.app.authenticate(new).await, Ok(Caller::Admin)));
    // Wrong credentials cause no read each.
    let reads = there.reads();
    for n in 0..50 {
        let wrong =
            there.app.authenticate(&format!("guess number {n}, long enough to be one")).await;
        assert!(matches!(wrong, Err(Error::Unauthorized)));
    }
    assert_eq!(there.reads(), reads);

    let admin_of_keys = Caller::Key(Arc::new(
        stored_key(&deployment, here.key().await?.split('_').nth(1).unwrap()).await?,
    ));
    assert!(matches!(here.app.rotate_admin(&admin_of_keys).await, Err(Error::Forbidden(_))));
    Ok(())
}

/// Over HTTP, on either home.
#[tokio::test]
async fn nothing_that_was_made_before_a_rotation_stops_working() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: say, type: template, template: hi }]").await;
    let old = server.key(&["w"], &["run", "read"]).await;
    let (status, before) = answer(server.post("/v1/keyring/rotate", ADMIN_KEY)).await;
    assert_eq!(status, 200, "{before}");
    let (_, after) = answer(server.post("/v1/keyring/rotate", ADMIN_KEY)).await;
    for kind in ["pepper", "master", "seal"] {
        let number = |value: &Value| value[kind].as_u64().unwrap();
        assert_eq!(number(&after), number(&before) + 1);
    }
    let new = server.key(&["w"], &["run", "read"]).await;
    for key in [&old, &new] {
        let run = server.post("/v1/workflows/w/runs", key).json(&json!({}));
        let (status, run) = answer(run).await;
        assert_eq!((status, &run["status"]), (200, &json!("succeeded")), "{run}");
        let (status, _) =
            answer(server.get(&format!("/v1/runs/{}", run["id"].as_str().unwrap()), key)).await;
        assert_eq!(status, 200);
    }
}
