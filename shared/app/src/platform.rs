//! The platform: every port, the settings, and what this process keeps in memory. Each use case is an `impl App` in a file of its own.
//! None of them calls out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowgate_core::Ports;
use flowgate_core::lease::OwnerToken;
use flowgate_core::secret::Keyring;
use flowgate_core::time::Timestamp;
use flowgate_engine::CompileOptions;
use tokio::sync::watch;

use crate::key_cache::KeyCache;
use crate::registry::{Background, RunRegistry};
use crate::workflow_cache::WorkflowCache;

#[derive(Debug, Clone)]
pub struct Settings {
    /// What documents may use, such as the kinds of nodes.
    pub compile: CompileOptions,
    /// Links are made from it; with the stage, without a slash at its end.
    pub public_url: String,
    /// The operator's own admin credential, ≥32 characters; `None`: the keyring's bootstrap token.
    pub admin_key: Option<String>,
    /// How long an ended run can be read.
    pub retention: Duration,
    /// The longest that a waiting caller is kept waiting.
    pub longest_wait: Duration,
    /// The longest that a stream stays open.
    pub longest_stream: Duration,
    /// So long one answer tells of a run that is followed; then its reader comes back.
    pub longest_follow: Duration,
    /// What a waiting run may take, after its wait or a stop, to end the calls it has out.
    pub drain: Duration,
    /// The process stands still once a request is answered, as a function's does: a run goes on elsewhere when its caller has left.
    pub frozen_between_requests: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compile: CompileOptions::default(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            admin_key: None,
            retention: Duration::from_secs(30 * 24 * 3600),
            longest_wait: Duration::from_secs(270),
            longest_stream: Duration::from_secs(14 * 60),
            longest_follow: Duration::from_secs(14 * 60),
            drain: Duration::from_secs(10),
            frozen_between_requests: false,
        }
    }
}

pub struct App {
    pub ports: Ports,
    pub settings: Settings,
    pub keyring: Keyring,
    pub(crate) key_cache: KeyCache,
    pub(crate) workflow_cache: WorkflowCache,
    /// The runs that this process drives: a cancel wakes them.
    pub running: RunRegistry,
    background: Background,
    stopping: watch::Sender<bool>,
    end_by: Mutex<Option<Timestamp>>,
}

impl App {
    pub async fn new(ports: Ports, settings: Settings) -> anyhow::Result<Arc<Self>> {
        let mut fresh = Keyring::generate(&*ports.entropy);
        if let Some(key) = &settings.admin_key {
            fresh.bootstrap_token.clone_from(key);
        }
        let keyring = ports.secrets.keyring(fresh).await?;
        Ok(Arc::new(Self {
            ports,
            settings,
            keyring,
            key_cache: KeyCache::default(),
            workflow_cache: WorkflowCache::default(),
            running: RunRegistry::default(),
            background: Background::default(),
            stopping: watch::Sender::new(false),
            end_by: Mutex::default(),
        }))
    }

    /// The first admin credential, where the operator gave none.
    pub fn bootstrap_token(&self) -> &str {
        &self.keyring.bootstrap_token
    }

    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Runs in this process start nothing new from now on: they end the calls they have out, or are handed over.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until this process drives no run any more, and has nothing left to note.
    pub async fn idle(&self) {
        self.running.none_left().await;
        self.background.none_left().await;
    }

    /// What this process drives must have ended or be handed over by then: a function is killed at its deadline.
    pub fn must_end_by(&self, at: Timestamp) {
        *self.end_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    pub fn end_by(&self) -> Option<Timestamp> {
        *self.end_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Beside the request; [`Self::idle`] waits for it.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(work);
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

    /// A UUIDv7: sorts by the time `at`.
    pub fn new_uuid(&self, at: Timestamp) -> uuid::Uuid {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }
}
