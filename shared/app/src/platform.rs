//! The platform: every port, the settings, and this process's in-memory state. Each use case is an
//! `impl App` in its own file. None of them calls out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowgate_core::Ports;
use flowgate_core::background::Background;
use flowgate_core::hash::hex;
use flowgate_core::lease::OwnerToken;
use flowgate_core::memory::{Memory, MemoryLimits};
use flowgate_core::overload::Overloaded;
use flowgate_core::secret::Keyring;
use flowgate_core::telemetry::Signal;
use flowgate_core::time::Timestamp;
use flowgate_engine::Kinds;
use tokio::sync::watch;

use crate::compute::Compute;
use crate::error::Result;
use crate::key_cache::KeyCache;
use crate::keyring_cache::HeldKeyring;
use crate::meter::Meter;
use crate::origin::{AllowedOrigins, OriginCache};
use crate::registry::RunRegistry;
use crate::workflow_cache::WorkflowCache;

#[derive(Debug, Clone)]
pub struct Settings {
    /// The kinds of nodes that documents may use; `None`: the standard ones.
    pub kinds: Option<Kinds>,
    /// Base of links: includes the stage, without a trailing slash.
    pub public_url: String,
    /// The operator's own admin credential, ≥32 characters. `None`: the keyring's bootstrap token.
    pub admin_key: Option<String>,
    /// Pages of these origins may read answers in a browser, whatever the key.
    pub allowed_origins: AllowedOrigins,
    /// Workflows may be public: callers without a key run them on behalf of one.
    pub public_workflows: bool,
    /// How long an ended run stays readable.
    pub retention: Duration,
    /// How long an entry of the audit log is kept.
    pub audit_retention: Duration,
    /// The maximum wait of a caller.
    pub longest_wait: Duration,
    /// The maximum duration of a stream.
    pub longest_stream: Duration,
    /// The maximum duration of one response to a client that follows a run; the client then
    /// reconnects.
    pub longest_follow: Duration,
    /// How long, after its wait or a stop, an attached run may take to finish its open calls.
    pub drain: Duration,
    /// This process authenticates nobody, signs and seals nothing: it does not read the keyring.
    pub without_keyring: bool,
    /// The process freezes once a request is answered, as a Lambda function does. When its caller
    /// leaves, a run continues in another process.
    pub frozen_between_requests: bool,
    pub memory: MemoryLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kinds: None,
            public_url: "http://127.0.0.1:8080".to_owned(),
            admin_key: None,
            allowed_origins: AllowedOrigins::default(),
            public_workflows: false,
            retention: Duration::from_secs(30 * 24 * 3600),
            audit_retention: Duration::from_secs(365 * 24 * 3600),
            longest_wait: Duration::from_secs(270),
            longest_stream: Duration::from_secs(14 * 60),
            longest_follow: Duration::from_secs(14 * 60),
            drain: Duration::from_secs(10),
            without_keyring: false,
            frozen_between_requests: false,
            memory: MemoryLimits::default(),
        }
    }
}

pub struct App {
    pub ports: Ports,
    pub settings: Settings,
    pub(crate) keyring: HeldKeyring,
    pub(crate) key_cache: KeyCache,
    pub(crate) origin_cache: OriginCache,
    pub(crate) workflow_cache: WorkflowCache,
    /// The runs that this process drives. A cancel wakes them.
    pub running: RunRegistry,
    /// What runs, requests and answers of this process take.
    pub memory: Arc<Memory>,
    pub compute: Compute,
    /// What this process counts for who collects metrics.
    pub meter: Arc<Meter>,
    background: Background,
    stopping: watch::Sender<bool>,
    end_by: Mutex<Option<Timestamp>>,
}

impl App {
    pub async fn new(ports: Ports, settings: Settings) -> anyhow::Result<Arc<Self>> {
        Self::with_background(ports, settings, Background::default()).await
    }

    /// [`Self::idle`] waits for this work of others, too.
    pub async fn with_background(
        ports: Ports,
        settings: Settings,
        background: Background,
    ) -> anyhow::Result<Arc<Self>> {
        let keyring = keyring(&ports, &settings).await?;
        let meter = meter(&ports, &settings);
        Ok(Arc::new(Self {
            ports,
            meter: Arc::new(meter),
            memory: Memory::new(settings.memory),
            compute: Compute::default(),
            settings,
            keyring,
            key_cache: KeyCache::default(),
            origin_cache: OriginCache::default(),
            workflow_cache: WorkflowCache::default(),
            running: RunRegistry::default(),
            background,
            stopping: watch::Sender::new(false),
            end_by: Mutex::default(),
        }))
    }

    /// Returns the first admin credential, if the operator gave none.
    pub async fn bootstrap_token(&self) -> Result<String> {
        Ok(self.keyring().await?.bootstrap_token.clone())
    }

    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// From now on, runs in this process start nothing new: they finish their open calls, or are
    /// handed over.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until this process drives no run and has no background work left.
    pub async fn idle(&self) {
        self.running.none_left().await;
        self.background.none_left().await;
    }

    /// Sets the time by which every run here must have ended or been handed over: a Lambda function
    /// is killed at its deadline.
    pub fn must_end_by(&self, at: Timestamp) {
        *self.end_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    pub fn end_by(&self) -> Option<Timestamp> {
        *self.end_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` outside the request; [`Self::idle`] waits for it.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.background.spawn(work));
    }

    pub(crate) fn background_tasks(&self) -> usize {
        self.background.open_now()
    }

    /// Becomes true with [`Self::stop`].
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ports.entropy.fill(&mut bytes);
        bytes
    }

    pub fn owner_token(&self) -> OwnerToken {
        OwnerToken::random(&*self.ports.entropy)
    }

    /// Returns a UUIDv7 of the time `at`, by which it sorts.
    pub fn new_uuid(&self, at: Timestamp) -> uuid::Uuid {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }
}

/// A process that freezes between requests cannot report what it counts.
fn meter(ports: &Ports, settings: &Settings) -> Meter {
    let telemetry = ports.telemetry.as_ref().filter(|_| !settings.frozen_between_requests);
    let is_on = telemetry.is_some_and(|telemetry| telemetry.takes(Signal::Metrics));
    let mut instance = [0; 16];
    ports.entropy.fill(&mut instance);
    Meter::new(ports.clock.now(), hex(&instance), is_on)
}

/// Reads the keyring. If the store has no capacity now, a request reads it: without a process the
/// request would fail, with one it gets "try again".
async fn keyring(ports: &Ports, settings: &Settings) -> anyhow::Result<HeldKeyring> {
    let now = ports.clock.now();
    if settings.without_keyring {
        return Ok(HeldKeyring::new(Keyring::none(), Some(now)));
    }
    let mut fresh = Keyring::generate(&*ports.entropy);
    if let Some(key) = &settings.admin_key {
        fresh.bootstrap_token.clone_from(key);
    }
    match ports.secrets.keyring(fresh.clone()).await {
        Ok(ring) => Ok(HeldKeyring::new(ring, Some(now))),
        Err(error) if error.is::<Overloaded>() => Ok(HeldKeyring::new(fresh, None)),
        Err(error) => Err(error),
    }
}
